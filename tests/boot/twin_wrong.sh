#!/bin/sh
# twin_wrong.sh: the twin finds a mistake, to the instruction. Ends in "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/../.." || exit 70
twin=${B:-build}/tests/boot/twin
out=$(mktemp "${TMPDIR:-/tmp}/bygone-twin.XXXXXX") || exit 71
trap 'rm -f "$out"' EXIT
"$twin" --wrong 5000003 -- --fda roms/tour.img --mem 8M >"$out"
if [ $? = 1 ] && grep -q '^behind, at .* after 1 and 1 instructions' "$out" &&
	[ "$(sed -n 's/^  > .*  ebx \([0-9a-f]*\)$/\1/p' "$out")" = 00000011 ] &&
	[ "$(tail -n 3 "$out" | head -n 1)" = "    cpu/gpr (entry 3), byte 0: 1, 11" ]; then
	echo "1 passed, 0 failed, 0 skipped"
else
	cat "$out"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
