#!/usr/bin/env python3
"""compare.py A B NAME: a row of how the runs of ours in folder A compare with those in B."""
import sys

from results import mean, ratios, read_peer


def main(a, b, name):
    times = ratios(read_peer(a, "emu-686"), read_peer(b, "emu-686"))
    if times:
        worst = sorted(times.items(), key=lambda t: -t[1])[:3]
        print("| %s | %.3f | %s |" % (name, mean(times.values()), ", ".join("%s %.2f" % t for t in worst)))


main(*sys.argv[1:])
