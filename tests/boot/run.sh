#!/bin/sh
# run.sh [--qemu] [--all] [--engine NAME] [--windows WHEN] [NAME...]: boot real systems and judge
# what they show.
# run.sh --twin NAME [--against NAME] [--windows WHEN] [--soak SEED] [--often N] [--moves N] [--all]
# [NAME...]: the same with engine NAME and the interpreter (or another) side by side, which must go
# through the same states (tests/boot/twin.c); with snapshots of the other loaded into the one at N
# moments.
# run.sh --list [--all]: the names; --all with the long ones.
#
# Each NAME.script here says in its first lines what it needs; a NAME.sh sees to itself:
#   # guest: FILE    an image under ../shared/guests (or $BYGONE_GUESTS); several: one run for each
#   # run: OPTIONS   for bygone; @ stands for the unpacked guest
#   # qemu: OPTIONS  for QEMU, to check the expectations with --qemu; MEDIA is floppy or cdrom
#   # make: FILE     instead of a guest: FILE.make fills the folder of the run; it may use $root,
#                    `skip REASON` and `debian PACKAGE [ARCHITECTURE]`, which unpacks into $package
#   # needs: TOOLS   without which it is skipped
#   # long: REASON   not part of the quick run
#   # before: / # after: COMMAND   in the folder of the run; after it must succeed
#   # twice: REASON  run it twice; what it prints must be the same
# Ends in "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
root=$(cd "$here/../.." && pwd) || exit 70
bygone=${BYGONE:-$here/../../bygone}
guests=${BYGONE_GUESTS:-$here/../../../shared/guests}
twin=$(readlink -m "${B:-$root/build}/tests/boot/twin")
passed=0 failed=0 skipped=0 with_qemu= all= list= engine= windows= against= soak=

while :; do
	case ${1-} in
	--qemu) with_qemu=1 ;;
	--all) all=1 ;;
	--list) list=1 ;;
	--engine) engine="--engine $2"; shift ;;
	--windows) windows="--windows $2"; shift ;;
	--twin) against=$2; shift ;;
	--soak) soak="--soak $2"; shift ;;
	--against) soak="$soak --against $2"; shift ;;
	--moves) soak="$soak --moves $2"; shift ;;
	--often) soak="$soak --often $2"; shift ;;
	*) break ;;
	esac
	shift
done

# The scripts to run where none is named.
names() {
	for script in "$here"/*.script; do
		if [ $all ] || ! grep -q '^# long: ' "$script"; then basename "$script" .script; fi
	done
	[ "$with_qemu$against" ] || for f in "$here"/*.sh; do
		case $f in */run.sh) ;; *) basename "$f" .sh ;; esac
	done
}
if [ $list ]; then
	names
	exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-boot.XXXXXX") || exit 71
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Values of a directive in the script at hand, one to a line.
directive() {
	sed -n "s/^# $1: //p" "$script"
}

skip() {
	echo "skipped: $1: $2"
	skipped=$((skipped + 1))
}

# Why a guest cannot run here; empty if it can.
missing() {
	[ "$1" = - ] || [ -e "$guests/$1" ] || { echo "no $guests/$1"; return; }
	for tool in $(directive needs); do
		command -v "$tool" >/dev/null || { echo "no $tool; tests/support/setup.sh test installs it"; return; }
	done
	if [ $with_qemu ]; then
		[ -n "$(directive qemu)" ] || { echo "nothing to compare with QEMU"; return; }
		command -v qemu-system-i386 >/dev/null || echo "no qemu-system-i386"
	fi
}

# For FILE.make: end, because something cannot be had here.
cannot() {
	echo "$*" >"$dir/skip"
	exit 77
}

# For FILE.make: unpack a package of Debian, once; its folder is $package.
debian() {
	package=$("$root/roms/fetch-deb.sh" "${2-i386}" "$1") || cannot "Debian's $1 could not be had"
}

make_guest() {
	directive before >"$dir/before.sh"
	for make in $(directive make); do
		(
			skip() { cannot "$@"; }
			set -e
			cd "$dir"
			. "$here/$make.make"
			. ./before.sh
		) >"$dir/log" 2>&1 || return
	done
}

# Unpack guest $1 and what else the script needs into the empty folder $dir.
prepare() {
	mkdir -p "$dir" && cp "$script" "$dir/" && ln -s "$here/pictures" "$dir/pictures" || return 1
	case $1 in
	-) make_guest && return; return 1 ;;
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
		eval "set -- $options"
		(cd "$dir" && timeout 900 "$here/qemu.py" "$name.script" "$@") >"$dir/out" 2>"$dir/log"
	elif [ $against ]; then
		eval "set -- $(directive run | sed "s|@|$image|g")"
		# shellcheck disable=SC2086 # options
		(cd "$dir" && timeout "${LIMIT:-3600}" "$twin" --engine "$against" $soak -- "$@" $windows \
			--script "$name.script") >"$dir/out" 2>"$dir/log"
		return
	else
		eval "set -- $(directive run | sed "s|@|$image|g")"
		# shellcheck disable=SC2086 # options
		(cd "$dir" && timeout "${LIMIT:-900}" "$bygone" "$@" $engine $windows --deterministic --display none \
			--script "$name.script") >"$dir/out" 2>"$dir/log"
	fi || return 1
	directive after >"$dir/after.sh"
	(cd "$dir" && sh -e ./after.sh) >>"$dir/log" 2>&1
}

run_guest() {
	image=$(basename "$1" .gz)
	label="$name ($image)"
	[ "$1" = - ] && label=$name
	why=$(missing "$1")
	[ -n "$why" ] && { skip "$label" "$why"; return; }
	dir=$work/$name-$image
	if prepare "$1" && run_once && { [ -z "$(directive twice)" ] || [ "$with_qemu$against" ] || {
		mv "$dir/out" "$work/first" && rm -rf "$dir" && prepare "$1" && run_once &&
			cmp "$work/first" "$dir/out" >>"$dir/log" 2>&1
	}; }; then
		echo "passed $label"
		[ $against ] && sed -n 's/.* s, .*alike$/    &/p; s/.* snapshots, .*/    &/p' "$dir/out"
		passed=$((passed + 1))
	elif [ -e "$dir/skip" ]; then
		skip "$label" "$(cat "$dir/skip")"
	else
		echo "FAILED $label"
		sed 's/^/    /' "$dir/log" "$dir/out" 2>/dev/null
		failed=$((failed + 1))
		[ "${BYGONE_KEEP-}" ] && cp -r "$dir" "$BYGONE_KEEP/"
	fi
	rm -rf "$dir"
}

# A test of its own, which counts for itself.
run_program() {
	"$here/$name.sh" >"$work/log" 2>&1
	sed '$d' "$work/log"
	# shellcheck disable=SC2046
	set -- $(sed -n '$s/\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped/\1 \2 \3/p' "$work/log") 0 1 0
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

[ $# -gt 0 ] || set -- $(names)
for name in "$@"; do
	[ -x "$here/$name.sh" ] && { run_program; continue; }
	script=$here/$name.script
	[ -e "$script" ] || { echo "no such test: $name"; failed=$((failed + 1)); continue; }
	guest=$(directive guest)
	for guest in ${guest:--}; do
		run_guest "$guest"
	done
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
