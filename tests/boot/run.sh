#!/bin/sh
# run.sh [--qemu] [NAME...]: boot real systems and judge what they show.
#
# Each NAME.script here says in its first lines what it needs:
#   # guest: FILE    an image under ../shared/guests (or $BYGONE_GUESTS); several: one run for each
#   # run: OPTIONS   for bygone; @ stands for the unpacked guest
#   # qemu: OPTIONS  for QEMU, to check the expectations with --qemu; MEDIA is floppy or cdrom
#   # needs: TOOLS   without which it is skipped
#   # before: / # after: COMMAND   in the folder of the run; after it must succeed
#   # twice: REASON  run it twice; what it prints must be the same
# Ends in "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
bygone=${BYGONE:-$here/../../bygone}
guests=${BYGONE_GUESTS:-$here/../../../shared/guests}
passed=0 failed=0 skipped=0 with_qemu=

if [ "${1-}" = --qemu ]; then
	with_qemu=1
	shift
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-boot.XXXXXX") || exit 71
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Values of a directive in the script at hand, one to a line.
directive() {
	sed -n "s/^# $1: //p" "$script"
}

skip() {
	echo "skipped $1: $2"
	skipped=$((skipped + 1))
}

# Why a guest cannot run here; empty if it can.
missing() {
	[ -e "$guests/$1" ] || { echo "no $guests/$1"; return; }
	for tool in $(directive needs); do
		command -v "$tool" >/dev/null || { echo "no $tool; install mtools"; return; }
	done
	if [ $with_qemu ]; then
		[ -n "$(directive qemu)" ] || { echo "nothing to compare with QEMU"; return; }
		command -v qemu-system-i386 >/dev/null || echo "no qemu-system-i386"
	fi
}

# Unpack guest $1 and what else the script needs into the empty folder $dir.
prepare() {
	mkdir -p "$dir" && cp "$script" "$dir/" && ln -s "$here/pictures" "$dir/pictures" || return 1
	case $1 in
	*.gz) gzip -dc "$guests/$1" >"$dir/$image" ;;
	*) cp "$guests/$1" "$dir/$image" ;;
	esac
	directive before >"$dir/before.sh"
	(cd "$dir" && sh -e ./before.sh) >"$dir/log" 2>&1
}

# One run in $dir; what it prints is in $dir/out.
run_once() {
	if [ $with_qemu ]; then
		case $image in *.iso) media=ide,media=cdrom ;; *) media=floppy ;; esac
		options=$(directive qemu | sed "s|@|$image|g; s|MEDIA|$media|g")
		(cd "$dir" && timeout 900 "$here/qemu.py" "$name.script" $options) >"$dir/out" 2>"$dir/log"
	else
		options=$(directive run | sed "s|@|$image|g")
		(cd "$dir" && timeout 900 "$bygone" $options --deterministic --display none \
			--script "$name.script") >"$dir/out" 2>"$dir/log"
	fi || return 1
	directive after >"$dir/after.sh"
	(cd "$dir" && sh -e ./after.sh) >>"$dir/log" 2>&1
}

run_guest() {
	image=$(basename "$1" .gz)
	label="$name ($image)"
	why=$(missing "$1")
	[ -n "$why" ] && { skip "$label" "$why"; return; }
	dir=$work/$name-$image
	if prepare "$1" && run_once && { [ -z "$(directive twice)" ] || [ $with_qemu ] || {
		mv "$dir/out" "$work/first" && rm -rf "$dir" && prepare "$1" && run_once &&
			cmp "$work/first" "$dir/out" >>"$dir/log" 2>&1
	}; }; then
		echo "passed $label"
		passed=$((passed + 1))
	else
		echo "FAILED $label"
		sed 's/^/    /' "$dir/log" "$dir/out" 2>/dev/null
		failed=$((failed + 1))
		[ "${BYGONE_KEEP-}" ] && cp -r "$dir" "$BYGONE_KEEP/"
	fi
	rm -rf "$dir"
}

[ $# -gt 0 ] || set -- $(cd "$here" && ls ./*.script | sed 's|^\./||; s|\.script$||')
for name in "$@"; do
	script=$here/$name.script
	[ -e "$script" ] || { echo "no such test: $name"; failed=$((failed + 1)); continue; }
	for guest in $(directive guest); do
		run_guest "$guest"
	done
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
