#!/bin/sh
# replay.sh [--times N] [NAME...]: what was recorded plays to the same states, again and again.
#
# Each guest is used in real time, without --deterministic: keys, the mouse, floppies changed, files
# written, clocks read. The recording of that is played N times (default 1) on each engine, and must
# agree with each check in it, which the end is one of; then from the point in its middle too. `middle`
# begins its recording when the guest has been used for a while, and plays it beside processes that
# take the processors away. NAMEs: freedos middle kolibri linux; without any the first two. Ends in
# "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
root=$here/../..
bygone=${BYGONE:-$root/bygone}
guests=${BYGONE_GUESTS:-$root/../shared/guests}
times=1 engines=interp
"$bygone" --engine jit --print-config >/dev/null 2>&1 && engines="interp jit"
[ "${1:-}" = --times ] && { times=$2; shift 2; }
[ $# -gt 0 ] || set -- freedos middle
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-replay.XXXXXX") || exit 71
load=
trap 'kill $load 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 71
passed=0 failed=0 skipped=0

floppy() {
	gzip -dc "$guests/freedos-sizes/$1.img.gz" >"$2" 2>/dev/null
}

# Keys one by one, for guests that do not keep what they cannot take.
slowly() {
	for k; do
		printf 'key %s\nrun 0.2\n' "$k"
	done
}

# Sets `options` and prints the script.
guest() {
	case $1 in
	freedos)
		floppy fdboot-1.4MB one.img && floppy fdboot-720K two.img || return 1
		options="--fda one.img --record run.rec"
		cat <<-'END'
			wait-text "A:" 60
			type "echo one > new.txt\ntime\n\n"
			mouse-move 20 -10
			eject fda
			insert fda two.img
			type "dir\necho two > two.txt\n"
			run 2
			insert fda one.img
			type "type new.txt\ncopy new.txt x.txt\ndate\n\n"
			run 2
		END
		;;
	middle)
		floppy fdboot-1.4MB one.img && floppy fdboot-720K two.img || return 1
		options="--fda one.img --cpu pentium"
		cat <<-'END'
			wait-text "A:" 60
			type "echo one > new.txt\n"
			run 1
			insert fda two.img
			type "dir\n"
			record run.rec
			type "echo two > two.txt\ntime\n\n"
			run 1
			key-down a
			run 0.3
			key-up a
			record-stop
			run 0.2
		END
		;;
	kolibri)
		[ -e "$guests/kolibrios-2013/kolibri.img" ] || return 1
		cat "$guests/kolibrios-2013/kolibri.img" >one.img
		floppy fdboot-720K two.img || return 1
		options="--fda one.img --record run.rec"
		cat <<-'END'
			wait-text "press [Enter]" 60
			key c
			run 0.5
			key 2
			run 0.5
			key enter
			wait-text "Remember current settings" 20
			key y
			run 25
			mouse-move -126 -142
			run 0.5
			mouse-click left
			run 3
		END
		slowly d a t e enter
		echo 'insert fda two.img'
		slowly l s spc slash f d slash 1 slash enter
		echo 'eject fda'
		slowly u p t i m e enter d a t e enter
		echo 'mouse-move 40 30'
		echo 'run 2'
		;;
	linux)
		kernel=${LINUX_KERNEL:-$root/roms/cache/linux/vmlinuz}
		initrd=${LINUX_INITRD:-$root/roms/cache/linux/initrd.gz}
		[ -e "$kernel" ] && [ -e "$initrd" ] || return 1
		floppy fdboot-1.4MB one.img && floppy fdboot-720K two.img || return 1
		truncate -s 20M hd.img
		options="--kernel $kernel --initrd $initrd --fda one.img --hda hd.img --record run.rec"
		cat <<-'END'
			wait-text "/root #" 240
			type "date; dmesg | md5sum; cat /proc/interrupts\n"
			run 3
			type "dd if=/dev/urandom of=/dev/sda bs=64k count=40; sync\n"
			run 2
			type "modprobe floppy; hexdump -n 6 /dev/input/mice\n"
			run 2
			mouse-move 20 -10
			run 1
			mouse-move -5 3
			run 1
			type "dd if=/dev/fd0 bs=9k count=4 | md5sum\n"
			run 4
			insert fda two.img
			type "dd if=/dev/fd0 bs=9k count=4 | md5sum; md5sum /dev/sda\n"
			run 4
			type "for i in 1 2 3; do usleep 300000; date; done\n"
			run 4
		END
		;;
	*) return 1 ;;
	esac
}

# plays ENGINE [OPTIONS]
plays() {
	engine=$1
	shift
	timeout 900 "$bygone" --engine "$engine" --display none --replay run.rec "$@" >out 2>&1 &&
		grep -q 'all as recorded' out
}

# N times from the start and once from the middle, on each engine; to `good` of `all`.
play_all() {
	good=0 all=0
	points=$("$bygone" --print-points run.rec | wc -l)
	for engine in $engines; do
		for from in $(seq "$times" | sed 's/.*/0/') $((points / 2)); do
			all=$((all + 1))
			if plays "$engine" --replay-from "#$from"; then
				good=$((good + 1))
			else
				echo "$name on $engine from point $from:"
				cat out
			fi
		done
	done
}

for name; do
	rm -f ./*
	if ! guest "$name" >script; then
		echo "skipped $name: its files are missing"
		skipped=$((skipped + 1))
		continue
	fi
	before=$(cat ./*.img | cksum)
	# shellcheck disable=SC2086 # several options
	if ! timeout 900 "$bygone" $options --record-points 1 --display none --script script >out 2>&1; then
		echo "FAILED $name: recording"
		cat out
		failed=$((failed + 1))
		continue
	fi
	if [ "$(cat ./*.img | cksum)" = "$before" ]; then
		echo "FAILED $name: nothing was written to its disks"
		failed=$((failed + 1))
		continue
	fi
	[ "$name" = middle ] && for i in 1 2 3; do
		nice -n 5 sh -c 'while :; do :; done' &
		load="$load $!"
	done
	play_all
	[ -n "$load" ] && kill $load
	load=
	if [ $good = $all ]; then
		echo "passed $name: $all times, $points points: $(sed 's/.*to the end: //' out)"
		passed=$((passed + 1))
	else
		echo "FAILED $name: $good of $all"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
