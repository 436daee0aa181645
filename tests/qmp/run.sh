#!/bin/sh
# run.sh: a client of the JSON socket, by Unix socket and TCP. The same checks pass with QEMU, whose
# protocol it is: where QEMU is installed they are run there too, as checks of the checks.
# Ends in "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
bygone=$(readlink -f "${BYGONE:-$here/../../bygone}")
passed=0 failed=0 skipped=0

if ! command -v python3 >/dev/null; then
	echo "skipped: qmp: no python3"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

dialogue() {
	out=$(python3 "$here/dialogue.py" "$@" 2>&1)
	echo "$out" | grep -v ' passed, '
	counts=$(echo "$out" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p')
	# shellcheck disable=SC2086
	set -- ${counts:-0 1}
	passed=$((passed + $1)) failed=$((failed + $2))
}

if "$bygone" --display none --qmp unix:/nonexistent/q --discard 2>&1 | grep -q 'not in this build'; then
	echo "skipped: qmp: not in this build"
	skipped=1
else
	dialogue bygone "$bygone"
	dialogue bygone "$bygone" --tcp
	if command -v qemu-system-i386 >/dev/null; then
		dialogue qemu qemu-system-i386
	else
		echo "skipped: qmp: no qemu-system-i386 to compare with"
		skipped=1
	fi
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
