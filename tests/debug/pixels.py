#!/usr/bin/env python3
"""pixels.py [--engine NAME]: who-wrote pixel and watch pixel name the instruction, in each kind of mode.

pixel.asm is built for each; the places are dots of the picture, as a screenshot counts them. Ends in
"N passed, N failed, N skipped".
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BYGONE = os.path.realpath(os.environ.get("BYGONE", os.path.join(HERE, "..", "..", "bygone")))
PROMPT = "(bygone) "

# Mode of pixel.asm, dot, what it is said to be, old and new value. A 320 wide picture has 640 dots.
MODES = [
    (0x03, 9 * 10 + 4, 16 * 5 + 7, "text, column 10, row 5: character 41, attribute 1e", "20 -> 41"),
    (0x04, 2 * 21 + 1, 2 * 33, "pixel 21, 33: 4 colours, at B800:2505", "0 -> 3"),
    (0x06, 21, 2 * 32 + 1, "pixel 21, 32: planes 1, bit 2 of plane address 0502", "0 -> 1"),
    (0x0D, 201, 100, "pixel 100, 50: planes f, bit 3 of plane address 07dc", "0 -> f"),
    (0x12, 100, 50, "pixel 100, 50: planes f, bit 3 of plane address 0fac", "0 -> 5"),
    (0x112, 100, 50, "pixel 100, 50: planes f, bit 3 of plane address 0fac", "0 -> f"),
    (0x212, 100, 50, "pixel 100, 50: planes f, bit 3 of plane address 0fac", "f -> b"),
    (0x312, 100, 50, "pixel 100, 50: planes f, bit 3 of plane address 0fac", "0 -> a"),
    (0x13, 201, 101, "pixel 100, 50: 256 colours, at A000:3ee4", "00 -> 2a"),
    (0x113, 200, 100, "pixel 100, 50: 256 colours, not chained: plane 2 at A000:4fb9", "00 -> 2a"),
    (0x1004, 100, 50, "pixel 100, 50: planes f, bit 0 of plane address 1be1", "0 -> f"),
    (0x1008, 100, 50, "pixel 100, 50: 8 bits a pixel, video memory 00df0f", "00 -> 2a"),
    (0x100F, 100, 50, "pixel 100, 50: 15 bits a pixel, video memory 01be1e", "0000 -> 1234"),
    (0x1010, 100, 50, "pixel 100, 50: 16 bits a pixel, video memory 01be1e", "0000 -> 1234"),
    (0x1018, 100, 50, "pixel 100, 50: 24 bits a pixel, video memory 029d2d", "000000 -> 123456"),
    (0x1020, 100, 50, "pixel 100, 50: 32 bits a pixel, video memory 037c3c", "000000 -> 123456"),
    (0x1220, 100, 50, "pixel 100, 50: 32 bits a pixel, video memory 037c3c", "000000 -> 123456"),
    (0x1108, 143, 89, "pixel 143, 89: 8 bits a pixel, video memory 00df0f", "2a -> 00"),
]


def ask(engine, commands):
    """The answers, without the program's own words."""
    run = subprocess.run(
        [BYGONE, "pixel.img", "--display", "none", "--monitor", "stdio", "--stopped", "--rewind", "64M",
         "--deterministic", "--speed", "max", "--engine", engine],
        input="".join(c + "\n" for c in commands + ["quit"]), text=True, timeout=600,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return run.stdout.split(PROMPT)[1:]


def wrong(engine, mode, x, y, what, values):
    """What is not as it should be, or None."""
    subprocess.run(["nasm", "-f", "bin", f"-DMODE={mode}", "-o", "pixel.img",
                    os.path.join(HERE, "pixel.asm")], check=True)
    os.truncate("pixel.img", 1474560)
    before = mode not in (0x113, 0x1108)  # those show another picture before the writer
    answers = ask(engine, [
        "symbols load pixel.map", "watch port 0e9h if cx == 5", "cont 120", "delete",
        f"who-wrote pixel {x} {y}"] + before * [
            "tbreak start", "continue-back", "tbreak writer", "cont 120", f"watch pixel {x} {y}",
            "cont 120"])
    who = answers[4].split("\n")
    name = "character" if mode == 3 else "pixel"
    if who[0] != what:
        return f"'{who[0]}' instead of '{what}'"
    if not (who[1].startswith(name + ": 0000:") and who[1].endswith(f": {values} <writer>")):
        return f"'{who[1]}' instead of the writer and {values}"
    if mode == 3 and not (who[3].startswith("attribute: ") and who[3].endswith("07 -> 1e <attr>")):
        return f"'{who[3]}' is not the writer of the attribute"
    old, new = ("0720", "0741") if mode == 3 else values.split(" -> ")
    if before and f": {old} -> {new}\n" not in answers[10]:
        return "watch pixel: " + answers[9] + answers[10]
    return None


def main():
    passed = failed = 0
    engine = sys.argv[2] if sys.argv[1:2] == ["--engine"] else "interp"
    if not shutil.which("nasm"):
        print("skipped: no nasm\n0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory(prefix="bygone-pixels.") as work:
        os.chdir(work)
        for mode, *rest in MODES:
            try:
                problem = wrong(engine, mode, *rest)
            except (subprocess.TimeoutExpired, IndexError) as e:
                problem = f"no answer: {e}"
            if problem:
                print(f"FAILED pixels, mode {mode:x}: {problem}")
            passed += not problem
            failed += bool(problem)
        os.chdir("/")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


sys.exit(main())
