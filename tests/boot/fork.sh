#!/bin/sh
# fork.sh [--points N] [NAME...]: guests that are forked at N random moments (default 3), and go on in
# several processes as in one, on the same engine and on another, with memory windows from the start
# (tests/boot/forks); then forks as their user sees them (tests/boot/fork.py), on each engine. NAMEs: freedos disk linux opengem
# kolibri; without any, the first three. `disk` partitions and formats a hard disk.
# Ends in "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
root=$here/../..
bygone=$(readlink -f "${BYGONE:-$root/bygone}")
forks=$(readlink -m "${B:-$root/build}/tests/boot/forks")
points=3 users=1 engines=interp
"$bygone" --engine jit --print-config >/dev/null 2>&1 && engines="jit interp"
[ "${1:-}" = --points ] && { points=$2; shift 2; }
[ $# -gt 0 ] && users=
[ $# -gt 0 ] || set -- freedos disk linux
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-forks.XXXXXX") || exit 71
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 71
# shellcheck source=tests/support/guests.sh
. "$root/tests/support/guests.sh"

# Virtual seconds in which something happens.
until_of() {
	case $1 in
	freedos) echo 6 ;;
	disk) echo 12 ;;
	linux) echo 25 ;;
	opengem) echo 30 ;;
	*) echo 20 ;;
	esac
}

# Each engine is forked to the next one of the list, so that a slow guest is not run four times.
for name; do
	for a in $engines; do
		if ! guest "$name"; then
			echo "skipped: forks of $name (the guest is not here)"
			skipped=$((skipped + 1))
			continue 2
		fi
		b=$a
		for e in $engines; do [ "$e" = "$a" ] || b=$e; done
		# shellcheck disable=SC2086
		"$forks" $options --until "$(until_of "$name")" --points "$points" --engine $a --other-engine $b --windows always >out 2>&1
		count "$name from $a to $b" $?
	done
done
if [ $users ]; then
	if ! gzip -dc "$guests/freedos-sizes/fdboot-1.4MB.img.gz" >floppy 2>/dev/null || ! command -v python3 >/dev/null; then
		echo "skipped: fork.py (it needs python3 and FreeDOS)"
		skipped=$((skipped + 1))
	elif "$bygone" --display none --qmp unix:/nonexistent/q --discard 2>&1 | grep -q 'not in this build'; then
		echo "skipped: fork.py (it needs QMP, which is not in this build)"
		skipped=$((skipped + 1))
	else
		for e in $engines; do
			"$here/fork.py" "$bygone" floppy "$e" >out 2>&1
			count "fork.py on $e" $?
		done
	fi
fi
sum
