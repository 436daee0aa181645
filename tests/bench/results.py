"""What the kit's scripts have written: a file PEER.N.txt for each run, of lines with the emulator's
wall and processor milliseconds in front. Used by targets.py and compare.py."""
import glob
import math
import os
import statistics

CHILDREN = {"pipe", "fork", "exec"}  # the native program's own clock: other processes did the work


def read_run(path):
    """{workload: ns an iteration}; "boot" is the processor time until init, in ns."""
    run, began = {}, 0.0
    native = os.path.basename(path).startswith("native")
    for line in open(path, errors="replace"):
        f = line.split()
        if len(f) > 2 and f[2] == "GBINIT":
            run["boot"] = float(f[1]) * 1e6
        elif len(f) > 3 and f[2] == ">":
            began = float(f[1])
        elif len(f) > 6 and f[2] == "=":
            cpu = (float(f[1]) - began) * 1e6
            if native and f[3] in CHILDREN:
                cpu = float(f[5])
            elif native and len(f) > 8:
                cpu = (float(f[7]) + float(f[8])) * 1e9
            run[f[3]] = cpu / int(f[4])
    return run


def read_peer(folder, peer):
    """{workload: ns}, the median of all runs."""
    runs = [read_run(p) for p in glob.glob(os.path.join(folder, peer + ".*.txt"))]
    names = {n for r in runs for n in r}
    return {n: statistics.median([r[n] for r in runs if n in r]) for n in names}


def ratios(a, b, names=None):
    return {n: a[n] / b[n] for n in (names or a) if n != "boot" and a.get(n, 0) > 0 and b.get(n, 0) > 0}


def mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None
