#!/bin/sh
# replay.sh [--times N] [NAME...]: what was recorded plays to the same states, again and again.
#
# Each guest is used in real time, without --deterministic: keys, the mouse, floppies changed, files
# written, clocks read; the recording of that is played N times (default 2) and must agree with each
# check in it, on each engine in turn. `middle` begins its recording when the guest has been used for a while, and plays it
# beside processes that take the processors away. NAMEs: freedos middle kolibri linux; without any
# the first two. Ends in "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
root=$here/../..
bygone=${BYGONE:-$root/bygone}
guests=${BYGONE_GUESTS:-$root/../shared/guests}
times=2 engines=interp
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
		options="--fda one.img --record run.rec"
		cat <<-'END'
			run 10
			key enter
			run 20
			mouse-move 100 80
			mouse-click left
			run 3
			key enter
			run 5
		END
		;;
	linux)
		kernel=${LINUX_KERNEL:-$root/roms/cache/linux/vmlinuz}
		initrd=${LINUX_INITRD:-$root/roms/cache/linux/initrd.gz}
		[ -e "$kernel" ] && [ -e "$initrd" ] || return 1
		floppy fdboot-1.4MB one.img || return 1
		options="--kernel $kernel --initrd $initrd --fda one.img --record run.rec"
		cat <<-'END'
			wait-text "/root #" 240
			type "date; dmesg | md5sum; cat /proc/interrupts\n"
			run 3
			type "for i in 1 2 3; do usleep 300000; date; done\n"
			run 4
		END
		;;
	*) return 1 ;;
	esac
}

# The Nth time: on the Nth of the engines, around.
plays() {
	n=$1
	# shellcheck disable=SC2086 # several engines
	set -- $engines
	shift $(((n - 1) % $#))
	timeout 600 "$bygone" --engine "$1" --display none --replay run.rec >out 2>&1 &&
		grep -q 'all as recorded' out
}

for name; do
	rm -f ./*
	if ! guest "$name" >script; then
		echo "skipped $name: its files are missing"
		skipped=$((skipped + 1))
		continue
	fi
	# shellcheck disable=SC2086 # several options
	if ! timeout 600 "$bygone" $options --display none --script script >out 2>&1; then
		echo "FAILED $name: recording"
		cat out
		failed=$((failed + 1))
		continue
	fi
	good=0
	[ "$name" = middle ] && for i in 1 2 3; do
		nice -n 5 sh -c 'while :; do :; done' &
		load="$load $!"
	done
	for i in $(seq "$times"); do
		plays "$i" && good=$((good + 1))
	done
	[ -n "$load" ] && kill $load
	load=
	if [ $good = "$times" ]; then
		echo "passed $name: $times times: $(sed 's/.*to the end: //' out)"
		passed=$((passed + 1))
	else
		echo "FAILED $name: $good of $times:"
		cat out
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
