#!/bin/sh
# snapshots.sh [--points N] [NAME...]: guests go on from snapshots, made at N random moments (default
# 4) of their start, as if nothing had happened: in a new process, on each engine from each
# (tests/boot/roundtrip). NAMEs: freedos opengem disk kolibri haribote mikeos floppybird linux;
# without any, freedos. `disk` partitions and formats a hard disk. Ends in "N passed, N failed, N
# skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
root=$here/../..
roundtrip=$(readlink -m "${B:-$root/build}/tests/boot/roundtrip")
points=4
[ "${1:-}" = --points ] && { points=$2; shift 2; }
[ $# -gt 0 ] || set -- freedos
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-snapshots.XXXXXX") || exit 71
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 71
# shellcheck source=tests/support/guests.sh
. "$root/tests/support/guests.sh"

# Virtual seconds in which something happens.
until_of() {
	case $1 in
	opengem) echo 30 ;;
	disk | kolibri) echo 20 ;;
	linux) echo 40 ;;
	*) echo 15 ;;
	esac
}

# Each engine goes on from snapshots of each.
engines=${BYGONE_ENGINES:-interp}
for name; do
	if ! guest "$name"; then
		echo "skipped: snapshots of $name (the guest is not here)"
		skipped=$((skipped + 1))
		continue
	fi
	for a in $engines; do
		for b in $engines; do
			# shellcheck disable=SC2086
			"$roundtrip" $options --until "$(until_of "$name")" --points "$points" --engine $a --other-engine $b >out 2>&1
			count "$name from $a on $b" $?
		done
	done
done
sum
