#!/usr/bin/env python3
"""tutorial.py: what docs/debugging.md shows is what one sees.

Blocks behind "<!-- file: NAME -->" are files. In other blocks "$ " begins a command of the shell,
of which the one that starts bygone begins a dialogue; "(bygone) " begins a command for it, also in
the blocks that follow. What follows must be printed; "..." stands for any text. Ends in "N passed,
N failed, N skipped".
"""
import gzip
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
BYGONE = os.path.realpath(os.environ.get("BYGONE", os.path.join(ROOT, "bygone")))
GUESTS = os.environ.get("BYGONE_GUESTS", os.path.join(ROOT, "..", "shared", "guests"))
ALWAYS = ["--deterministic", "--speed", "max"]
PROMPT = "(bygone) "


def blocks(text):
    """Indented blocks as (name of the file or None, lines)."""
    name, lines = None, []
    for line in text.split("\n") + [""]:
        if line.startswith("    ") or (lines and not line):
            lines.append(line[4:])
            continue
        if lines:
            while lines and not lines[-1]:
                lines.pop()
            yield name, lines
            name, lines = None, []
        match = re.match(r"<!-- file: (\S+) -->", line)
        if match:
            name = match.group(1)


def dialogues(text):
    """Per dialogue: commands of the shell, that which starts bygone, [(command, expected lines)]."""
    found, shell = [], []
    for name, lines in blocks(text):
        if name:
            with open(name, "w", encoding="ascii") as f:
                f.write("\n".join(lines) + "\n")
            continue
        if not lines[0].startswith(("$ ", PROMPT)):
            continue
        for line in lines:
            if line.startswith("$ bygone "):
                found.append((shell, line[9:], []))
                shell = []
            elif line.startswith("$ "):
                shell.append(line[2:])
            elif line.startswith(PROMPT):
                found[-1][2].append((line[len(PROMPT):], []))
            elif found and found[-1][2]:
                found[-1][2][-1][1].append(line)
    return found


def pattern(lines):
    parts = [re.escape(line).replace(r"\.\.\.", ".*") for line in lines]
    return re.compile("\n".join(parts), re.DOTALL)


def missing_tool(shell, start):
    for tool in ("nasm", "mcopy", "gcc"):
        if any(tool in c for c in shell) and subprocess.call(
                ["sh", "-c", "command -v " + tool], stdout=subprocess.DEVNULL):
            return "no " + tool
    if any("gcc -m32" in c for c in shell) and subprocess.call(
            "echo 'int a;' | gcc -m32 -c -x c -o /dev/null -", shell=True, stderr=subprocess.DEVNULL):
        return "no gcc -m32"
    if "dos.img" in start:
        image = os.path.join(GUESTS, "freedos-sizes", "fdboot-1.4MB.img.gz")
        if not os.path.exists(image):
            return "no " + image
        with gzip.open(image) as f, open("dos.img", "wb") as out:
            out.write(f.read())
    return None


def dialogue(shell, start, steps):
    """The first difference, or None."""
    for command in shell:
        subprocess.run(command, shell=True, check=True)
    # A busy host takes its time.
    lines = "".join(c.replace("cont 60", "cont 600") + "\n" for c, _ in steps) + "quit\n"
    run = subprocess.run([BYGONE] + start.split() + ALWAYS, input=lines, text=True, timeout=850,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    answers = run.stdout.split(PROMPT)[1:]
    for (command, expected), answer in zip(steps, answers):
        if not pattern(expected).fullmatch(answer.rstrip("\n")):
            return f"{command}: wanted\n" + "\n".join(expected) + "\ngot\n" + answer
    if len(answers) < len(steps):
        return f"{len(steps)} commands, but {len(answers)} answers: {run.stderr}"
    return None


def main():
    passed = failed = skipped = 0
    with open(os.path.join(ROOT, "docs", "debugging.md"), encoding="ascii") as f:
        text = f.read()
    if b"libcapstone" not in subprocess.run(["ldd", BYGONE], stdout=subprocess.PIPE,
                                            check=False).stdout:
        print("skipped: this build has no capstone, whose text the tutorial shows")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory(prefix="bygone-tutorial.") as work:
        os.chdir(work)
        os.symlink(os.path.realpath(os.path.join(ROOT, "tests")), "tests")
        for shell, start, steps in dialogues(text):
            why = missing_tool(shell, start)
            if why:
                print(f"skipped: {start.split()[0]}: {why}")
                skipped += 1
                continue
            wrong = dialogue(shell, start, steps)
            print(f"{'FAILED' if wrong else 'passed'}: {start.split()[0]}" +
                  (": " + wrong if wrong else ""))
            passed += not wrong
            failed += bool(wrong)
        os.chdir("/")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


sys.exit(main())
