#!/usr/bin/env python3
"""clocks.py [--mode work|compute|delay] [--cpu MODEL] [--seconds N] [--table NAME] [-- OPTIONS...]

How far a guest's clocks drift from the host's. Builds tests/guest/clocks.c, runs it, stamps the
lines it sends with the host's monotonic clock, and prints for each clock of the guest (RTC
seconds, PIT ticks, TSC) the drift over the run in ms a minute, and the largest distance of a line
from the first one's time. Mode delay: the length of a delay loop's second in the host's time.
--table: only the row of docs/performance.md. OPTIONS go to bygone; with QEMU=1 the guest runs under qemu-system-i386 instead.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
CFLAGS = ("-m32 -march=i486 -O2 -ffreestanding -fno-pic -nostdlib -static -fno-stack-protector "
          "-fno-asynchronous-unwind-tables -Wall -Wextra -Werror -Wl,--build-id=none "
          "-Wl,-z,noexecstack -Wl,-e,entry -Wl,-Ttext=0x101000 "
          "-Wl,--section-start=.multiboot=0x100000").split()


def build(to):
    subprocess.run(["gcc", *CFLAGS, "-o", to, os.path.join(ROOT, "tests/guest/clocks.c")],
                   check=True)


def command(args, kernel):
    append = "" if args.mode == "work" else "x " + args.mode
    if os.environ.get("QEMU"):
        return ["qemu-system-i386", "-accel", "tcg", "-cpu", args.cpu, "-m", "64", "-display",
                "none", "-monitor", "none", "-serial", "stdio", "-kernel", kernel, "-append",
                append, *args.options]
    bygone = os.environ.get("BYGONE", os.path.join(ROOT, "bygone"))
    return [bygone, "--kernel", kernel, "--append", append, "--cpu", args.cpu, "--display", "none",
            "--serial", "stdio", *args.options]


def lines_of(args):
    """(host seconds, words) of each line the guest sends."""
    with tempfile.TemporaryDirectory() as work:
        kernel = os.path.join(work, "clocks.elf")
        build(kernel)
        process = subprocess.Popen(command(args, kernel), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE)
        lines = []
        for line in process.stdout:
            stamp = time.monotonic()
            words = line.decode("ascii", "replace").split()
            if words[:1] == ["end"]:
                break
            lines.append((stamp, words))
            if args.seconds and words[:1] == ["second"] and len(lines) > args.seconds + 2:
                break
        process.kill()
        process.wait()
        return lines


def compare(host, guest):
    """host and guest: seconds since the first line. Drift in ms a minute, farthest in ms."""
    off = [g - h for h, g in zip(host, guest)]
    # The slope of the best line, as a single late line would count too much.
    n, mean_h, mean_off = len(host), sum(host) / len(host), sum(off) / len(off)
    slope = (sum((h - mean_h) * (o - mean_off) for h, o in zip(host, off)) /
             sum((h - mean_h) ** 2 for h in host))
    return slope * 60000, max(off, key=abs) * 1000


def report(name, host, guest):
    print("%-10s drift %+8.2f ms a minute, farthest %+8.2f ms, over %.1f s, %d lines" %
          (name, *compare(host, guest), host[-1], len(host)))


def load():
    return open("/proc/loadavg", encoding="ascii").read().split()[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--mode", choices=["work", "compute", "delay"], default="work")
    parser.add_argument("--cpu", default="pentium2")
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--table", metavar="NAME")
    parser.add_argument("options", nargs="*")
    args = parser.parse_args()
    lines = lines_of(args)
    if not args.table:
        print("load", load())
    if args.mode == "delay":
        lines = [t for t, words in lines if words[:1] == ["delay"]]
        if len(lines) < 21:
            sys.exit("the guest did not finish")
        length = (lines[-1] - lines[0]) / 20
        if args.table:
            print("| %s | %+.3f %% | |" % (args.table, (length - 1) * 100))
            return
        print("a delay loop's second lasts %.5f s: %+.3f %%" % (length, (length - 1) * 100))
        return
    # The first line may come in the middle of a second, the second while rates still settle.
    lines = [(t, words) for t, words in lines if words[:1] == ["second"] and len(words) == 3][2:]
    if len(lines) < 3:
        sys.exit("the guest said too little")
    host = [t - lines[0][0] for t, _ in lines]
    if args.table:
        print("| %s | %+.1f ms a minute | %.1f ms |" %
              (args.table, *compare(host, list(range(len(lines))))))
        return
    ticks = [int(words[1]) for _, words in lines]
    tsc = [int(words[2]) for _, words in lines]
    pit_hz = 1193182 / (1193182 // 1000)
    report("RTC", host, list(range(len(lines))))
    report("PIT ticks", host, [(t - ticks[0]) / pit_hz for t in ticks])
    if tsc[-1] > tsc[0]:
        # The TSC's own frequency is what the guest would measure: against its PIT.
        hz = (tsc[-1] - tsc[0]) / ((ticks[-1] - ticks[0]) / pit_hz)
        report("TSC", host, [(t - tsc[0]) / hz for t in tsc])
        print("TSC runs at %.3f MHz by the PIT" % (hz / 1e6))


main()
