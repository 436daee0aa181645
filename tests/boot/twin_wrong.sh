#!/bin/sh
# twin_wrong.sh: the twin finds a mistake, to the instruction. Ends in "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/../.." || exit 70
twin=${B:-build}/tests/boot/twin
out=$(mktemp "${TMPDIR:-/tmp}/bygone-twin.XXXXXX") || exit 71
trap 'rm -f "$out"' EXIT
"$twin" --wrong 5000003 -- --fda roms/tour.img --mem 8M >"$out"
if [ $? = 1 ] && grep -q '^behind, at .* after 1 and 1 instructions' "$out" &&
	grep -q '^  > dr0 00000010' "$out" &&
	tail -n 3 "$out" | head -n 1 | grep -q '^    cpu/dr (entry [0-9]*), byte 0: 0, 10$'; then
	echo "1 passed, 0 failed, 0 skipped"
else
	cat "$out"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
