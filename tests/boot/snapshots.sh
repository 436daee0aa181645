#!/bin/sh
# snapshots.sh [--points N] [NAME...]: guests go on from snapshots, made at N random moments (default
# 4) of their start, as if nothing had happened: in a new process, on each engine from each
# (tests/boot/roundtrip). NAMEs: freedos opengem disk kolibri haribote mikeos floppybird linux;
# without any, freedos. `disk` partitions and formats a hard disk. Ends in "N passed, N failed, N
# skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
root=$here/../..
guests=${BYGONE_GUESTS:-$root/../shared/guests}
roundtrip=$(readlink -m "${B:-$root/build}/tests/boot/roundtrip")
points=4
[ "${1:-}" = --points ] && { points=$2; shift 2; }
[ $# -gt 0 ] || set -- freedos
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-snapshots.XXXXXX") || exit 71
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 71
passed=0 failed=0 skipped=0

unpack() {
	gzip -dc "$guests/$1" >image 2>/dev/null
}

# Sets `options`; false if the guest is not here.
guest() {
	case $1 in
	freedos) options="--fda image --mem 16 --until 15"; unpack freedos-sizes/fdboot-1.4MB.img.gz ;;
	opengem) options="--hda image --mem 16 --until 30"; unpack freedos-opengem/fdgem.img.gz ;;
	disk)
		options="--fda image --hda disk --mem 16 --until 20"
		truncate -s 32M disk && unpack freedos13-floppy/freedos13.img.gz
		;;
	linux)
		options="--mem 64 --until 40 --no-input --kernel vmlinuz --initrd initrd.gz"
		"$root/roms/fetch-guest.sh" >fetch.log 2>&1 &&
			ln -sf "$root/roms/cache/linux/vmlinuz" "$root/roms/cache/linux/initrd.gz" .
		;;
	kolibri) options="--mem 64 --until 20 --fda image" && cp "$guests/kolibrios-2013/kolibri.img" image ;;
	haribote) options="--mem 32 --until 15 --fda image" && cp "$guests/haribote/haribote.img" image ;;
	mikeos) options="--mem 8 --until 15 --fda image" && cp "$guests/mikeos/mikeos.flp" image ;;
	floppybird) options="--mem 8 --until 15 --fda image" && cp "$guests/floppybird/floppybird.img" image ;;
	*) echo "snapshots.sh: no guest '$1'" >&2; exit 64 ;;
	esac 2>/dev/null
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
			"$roundtrip" $options --points "$points" --engine $a --other-engine $b >out 2>&1
			code=$?
			line=$(grep -E '^[0-9]+ passed' out)
			if [ -z "$line" ]; then
				failed=$((failed + 1))
			else
				passed=$((passed + ${line%% *}))
				rest=${line#*passed, }
				failed=$((failed + ${rest%% *}))
			fi
			[ $code = 0 ] || sed "s/^/$name from $a on $b: /" out
		done
	done
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
