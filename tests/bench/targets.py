#!/usr/bin/env python3
"""targets.py RESULTS: a table of what was wanted and what perf.sh has measured.

RESULTS is build/perf: folders kit, real and programs with what the kit's scripts write (a file
PEER.N.txt for each run), and the tables flat.txt, cold.txt, memory.md. What was not measured has no row.
"""
import os
import sys

from results import mean, ratios, read_peer

INTEGER = ("alu16 flags16 mem12 mixed list matrix state crc sieve qsort sha256 lz div32 div64 mul64 bits "
           "call fib indcall virtual vmswitch vmgoto bigcode").split()
X87 = "x87nbody x87mandel x87matmul x87conv".split()
SYSTEM = "syscall int80 pipe pipebulk fork exec pagefault mprotect signal segv file stat".split()
NOT_SLOWER = "alu sieve lods seg fill13".split()
ACCESSES = {"planar12": 76800, "modex": 64000, "text": 2000}  # a turn of realmode.asm has so many

rows = []


def row(what, wanted, measured, unit="", least=False):
    """Wanted is the most, or with `least` the least, that it may be."""
    if measured is None:
        return
    miss = wanted / measured - 1 if least else measured / wanted - 1
    verdict = "yes" if miss <= 0 else "missed by %.0f %%" % max(100 * miss, 1)
    rows.append("| %s | %s %g%s | %.3g%s | %s |" % (what, "≥" if least else "≤", wanted, unit, measured, unit, verdict))


def slower(what, times):
    late = sorted((v, n) for n, v in times.items() if v > 1.0)
    text = ", ".join("%s %.2f" % (n, v) for v, n in reversed(late))
    if times:
        rows.append("| %s | none | %s | %s |" % (what, text or "none", "missed" if late else "yes"))


def kit(folder):
    native, ours, qemu, bochs = (read_peer(folder, p) for p in ("native32", "emu-686", "tcg-686", "bochs-686"))
    times = ratios(ours, native)
    against = ratios(ours, {n: qemu[n] for n in qemu if n in native})
    if not times:
        return
    row("kit, 32-bit without SSE, times native", 2.9, mean(times.values()))
    row("kit, times faster than QEMU", 3, mean(1 / v for v in against.values()) if against else None, least=True)
    slower("kit: slower than QEMU", against)
    row("integer code, calls, bytecode: times native", 2.2, mean(times[n] for n in INTEGER if n in times))
    for n in ("repmovs", "repstos"):
        row("`%s`, times native" % n, 2, times.get(n))
    row("x87, times native", 1.6, mean(times[n] for n in X87 if n in times))
    for n, most in (("smc", 9), ("smcpage", 60), ("jit", 24), ("jitnew", 40)):
        row("`%s`, times native" % n, most, times.get(n))
    best = {n: min(p[n] for p in (qemu, bochs) if n in p) for n in ("smc", "smcpage", "jit", "jitnew")
            if n in qemu or n in bochs}
    slower("code that is written: slower than the best peer", ratios(ours, best, best))
    system = {n: v for n, v in against.items() if n in SYSTEM}
    slower("system calls and the like: slower than QEMU", system)
    row("system calls and the like: times faster than QEMU", 1.5, mean(1 / v for v in system.values()), least=True)
    if "boot" in qemu:
        row("Debian to init, processor time of QEMU's", 1, ours["boot"] / qemu["boot"])


def programs(folder):
    native, ours, qemu = (read_peer(folder, p) for p in ("native", "emu-686", "tcg-686"))
    row("programs, times native", 6, mean(ratios(ours, native).values()))
    row("programs, times faster than QEMU", 2.4, mean(ratios(qemu, ours).values()), least=True)


def real(folder):
    ours, qemu = (read_peer(folder, p) for p in ("emu", "qemu"))
    row("real mode and VGA, times faster than QEMU", 5, mean(ratios(qemu, ours).values()), least=True)
    slower("of `%s`: slower than QEMU" % " ".join(NOT_SLOWER), ratios(ours, qemu, NOT_SLOWER))
    row("INT and IRET", 40, ours.get("int"), " ns")
    row("access to a port", 30, ours.get("port"), " ns")
    for n, accesses in ACCESSES.items():
        row("access to VGA memory, `%s`" % n, 25, ours[n] / accesses if n in ours else None, " ns")
    row("a patched instruction", 0.3, ours["smc"] / 1000 if "smc" in ours else None, " µs")


def flat(path):
    if not os.path.exists(path):
        return
    lines = [line.split() for line in open(path)]
    engines = [w for w in lines[0][1:] if w not in ("native", "ratio")]
    means = dict(zip(engines, lines[-1][1:])) if lines[-1][0] == "geomean" else {}
    if "jit" in means:
        row("flat code without paging, times native", 1.35, float(means["jit"]))


def cold(path):
    """A line for each way of executing code that is new."""
    if os.path.exists(path):
        for line in open(path):
            if line.startswith("executed once, decoded and translated"):
                row("translating cold code, an instruction", 0.3, float(line.split(" ns")[0].split()[-1]) / 1000, " µs")


def memory(path):
    if os.path.exists(path):
        row("memory beside the guest's after the kit", 120, float(open(path).read().split("|")[-2]), " MiB")


def main(results):
    kit(os.path.join(results, "kit"))
    programs(os.path.join(results, "programs"))
    real(os.path.join(results, "real"))
    flat(os.path.join(results, "flat.txt"))
    cold(os.path.join(results, "cold.txt"))
    memory(os.path.join(results, "memory.md"))
    print("\n".join(rows))


main(sys.argv[1])
