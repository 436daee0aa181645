#!/bin/sh
# determinism.sh [NAME...]: two runs of one script must be the same to the bit.
#
# Each guest is booted twice with --deterministic and used by a script that prints state hashes and
# takes pictures on the way. The second run has everything else different: other processes take
# the processors away, fresh memory is filled with a pattern (MALLOC_PERTURB_), another folder, time
# zone and locale. NAMEs: freedos gem mikeos linux slow. Ends in "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
root=$here/../..
bygone=${BYGONE:-$root/bygone}
guests=${BYGONE_GUESTS:-$root/../shared/guests}
[ $# -gt 0 ] || set -- freedos slow gem mikeos linux
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-same.XXXXXX") || exit 71
load=
trap 'kill $load 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0 skipped=0

image() {
	case $1 in
	*.gz) gzip -dc "$guests/$1" ;;
	*) cat "$guests/$1" ;;
	esac >"$work/$name.img" 2>/dev/null
}

hash_and_picture() {
	printf 'state-hash\nscreenshot %s.png\n' "$1"
}

# Sets `options` and prints the script.
guest() {
	case $1 in
	freedos | slow)
		image freedos-sizes/fdboot-1.4MB.img.gz || return 1
		options="--fda $work/$name.img"
		[ "$1" = slow ] && options="$options --cpu 486 --mem 2M --seed 7 --rtc 1994-02-28T23:59:50"
		printf 'state-hash\nrun 0.3\nstate-hash\nrun 1\nstate-hash\nwait-text "A:" 120\n'
		hash_and_picture prompt
		printf 'type "dir\\n"\nrun 3\n'
		hash_and_picture dir ;;
	gem)
		image freedos-opengem/fdgem.img.gz || return 1
		options="--hda $work/$name.img --mem 16M"
		printf 'wait-text "Select from Menu" 30\nstate-hash\ntype "1\\n"\nwait-still 2 60\n'
		hash_and_picture desktop
		printf 'mouse-move 100 -50\nrun 0.5\nmouse-click left\nmouse-click left\nrun 3\n'
		hash_and_picture folder ;;
	mikeos)
		image mikeos/mikeos.flp || return 1
		options="--fda $work/$name.img"
		printf 'wait-still 2 30\n'
		hash_and_picture menu
		printf 'key enter\nrun 2\n'
		hash_and_picture list ;;
	linux)
		[ -e "$root/roms/cache/linux/vmlinuz" ] || "$root/roms/fetch-guest.sh" >/dev/null 2>&1
		kernel=${LINUX_KERNEL:-$root/roms/cache/linux/vmlinuz}
		initrd=${LINUX_INITRD:-$root/roms/cache/linux/initrd.gz}
		[ -e "$kernel" ] && [ -e "$initrd" ] || return 1
		options="--kernel $kernel --initrd $initrd --mem 64M --serial none"
		printf 'run 5\nstate-hash\nrun 7.123456789\nstate-hash\nwait-text "/root #" 120\n'
		hash_and_picture shell
		printf 'type "cat /proc/interrupts; date; dmesg | md5sum\\n"\nrun 2\n'
		hash_and_picture used ;;
	*) return 1 ;;
	esac
}

once() {
	mkdir -p "$work/$name/$1" && cp "$work/$name.script" "$work/$name/$1/script" &&
		cd "$work/$name/$1" || return 1
	# shellcheck disable=SC2086 # several options
	timeout 600 "$bygone" $options --deterministic --display none --script script >out 2>log
}

for name; do
	options=
	if ! guest "$name" >"$work/$name.script"; then
		echo "skipped $name: its files are missing"
		skipped=$((skipped + 1))
		continue
	fi
	(once one) || { echo "FAILED $name: the first run"; cat "$work/$name/one/log"; failed=$((failed + 1)); continue; }
	for i in 1 2 3; do
		nice -n 5 sh -c 'while :; do :; done' &
		load="$load $!"
	done
	(
		export MALLOC_PERTURB_=165 TZ=Pacific/Auckland LC_ALL=C.UTF-8
		once two-elsewhere
	) || echo "the second run failed" >>"$work/$name/two-elsewhere/out"
	kill $load
	load=
	cd "$work/$name" || exit 70
	if diff -q one two-elsewhere >/dev/null && [ -s one/out ]; then
		echo "passed $name: $(wc -l <one/out) hashes, $(ls one/*.png | wc -l) pictures alike"
		passed=$((passed + 1))
	else
		echo "FAILED $name:"
		diff one two-elsewhere
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
