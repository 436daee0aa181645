#!/bin/sh
# badinput.sh: bad files, a guest that crashes, a full host disk. Each must end with the right exit
# code and a message that names part, reason and remedy, and no guest may lose what it was told is
# written. Ends in "N passed, N failed, N skipped".
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 70
bygone=${BYGONE:-$root/bygone}
passed=0 failed=0 skipped=0

# A second life in a mount namespace of its own, for the full disk.
work=${2-}
case ${1-} in
--stop | --wait) ;;
*)
	work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-badinput.XXXXXX") || exit 71
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	;;
esac
cd "$work" || exit 71

pass() {
	echo "passed $1"
	passed=$((passed + 1))
}
fail() {
	echo "FAILED $1: $2"
	sed 's/^/    /' "$work/said" 2>/dev/null
	failed=$((failed + 1))
}
skip() {
	echo "skipped: badinput $1: $2"
	skipped=$((skipped + 1))
}

# expect TEST CODE OPTIONS WORDS...: bygone must end with CODE, and each of WORDS be in its message.
expect() {
	test=$1 code=$2 options=$3
	shift 3
	# shellcheck disable=SC2086
	timeout 300 "$bygone" --display none --stop-after 30 $options >said 2>&1 </dev/null
	got=$?
	[ $got = "$code" ] || { fail "$test" "exit code $got, not $code"; return; }
	for words; do
		grep -qF -- "$words" said || { fail "$test" "the message lacks: $words"; return; }
	done
	pass "$test"
}

# A boot sector from tests/guest.
assemble() {
	gcc -m32 -c -o "$1.o" "$root/tests/guest/$1.S" &&
		ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$1.img" "$1.o"
}

# How many sectors fill_disk.img was told are written; each must have its number in front.
check_written() {
	count=$(wc -c <"$1")
	[ "$count" = 0 ] || od -An -v -w512 -t u4 -N $((count * 512)) "$2" |
		awk '$1 != NR - 1 { exit 1 }' || return 1
	echo "$count"
}

# ---- The full disk, inside the namespace: 1 MB of room for 1.5 MB ----

on_full_disk() {
	mount -t tmpfs -o size=1600k full "$work/full" 2>/dev/null || exit 77
	cp "$work/fill_disk.img" full/
	truncate -s 4M full/hd.img
	head -c 512k /dev/zero >full/ballast || exit 77
}
run_filler() {
	timeout 300 "$bygone" full/fill_disk.img --hda full/hd.img --deterministic --keep-writes \
		--debug-exit --serial file:dots --display none "$@" >said 2>&1 </dev/null
}
case ${1-} in
--stop)
	on_full_disk
	run_filler
	code=$?
	check_written dots full/hd.img >count || exit 2
	exit $code
	;;
--wait)
	on_full_disk
	run_filler --monitor "unix:$work/monitor" &
	for second in $(seq 180); do
		grep -q "guest waits" said && break
		sleep 1
	done
	[ "$second" = 180 ] && exit 2
	check_written dots full/hd.img >count || exit 2
	sleep 1
	kill -0 $! || exit 4
	rm full/ballast
	wait $!
	code=$?
	check_written dots full/hd.img >all || exit 2
	exit $code
	;;
esac

assemble triple_fault && assemble fill_disk || {
	fail "assembling the guests" "gcc -m32 or ld failed"
	echo "$passed passed, $failed failed, $skipped skipped"
	exit 1
}

# ---- Files ----

truncate -s 1440K floppy.img
expect "missing floppy" 65 "--fda nowhere.img" "fda: 'nowhere.img'" "no such file" "check the name"
expect "missing file without an option" 65 "nowhere.img" "'nowhere.img'" "no such file" "check the name"
: >empty.img
expect "empty disk" 65 "--hda empty.img" "hda: 'empty.img'" "empty" "truncate -s"
mkdir folder
expect "folder for a disk" 65 "--hda folder" "hda: 'folder'" "a folder" "give a file"

# A partition of 300 MB in a file of 10.
truncate -s 10M short.img
printf '\200\1\1\0\6\376\77\45\77\0\0\0\0\140\11\0' | dd of=short.img bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of=short.img bs=1 seek=510 conv=notrunc status=none
cp short.img short.before
expect "hard disk cut short" 65 "--hda short.img" "hda: 'short.img'" "partition 1 ends at 300.0 MB" \
	"cut short" "copy it again" "--discard"
cmp -s short.img short.before && pass "hard disk cut short is left alone" ||
	fail "hard disk cut short is left alone" "it has changed"
expect "hard disk cut short, with --discard" 0 "--hda short.img --discard --stop-after 1" "cut short"

if command -v xorriso >/dev/null; then
	mkdir tree && head -c 4000000 /dev/urandom >tree/file
	xorriso -as mkisofs -quiet -o whole.iso tree 2>/dev/null
	head -c 1000000 whole.iso >short.iso
	expect "CD cut short" 65 "--cdrom short.iso" "hdc: 'short.iso'" "file system ends at 4." \
		"cut short" "copy it again"
	expect "whole CD" 0 "--cdrom whole.iso --stop-after 1"
else
	skip "CD cut short" "no xorriso"
fi

head -c 68 /dev/zero >old.qcow2 && printf 'QFI\373' | dd of=old.qcow2 conv=notrunc status=none
truncate -s 1M old.qcow2
expect "qcow2 image" 65 "--hda old.qcow2" "'old.qcow2'" "qcow2" "qemu-img convert"

expect "kernel that is none" 65 "--kernel floppy.img" "kernel: 'floppy.img'" \
	"neither a Linux kernel" "disk image?"
printf 'MZ' >pe.img && head -c 4094 /dev/zero >>pe.img
expect "kernel that is some other program" 65 "--kernel pe.img" "kernel: 'pe.img'" "neither"
# A Linux kernel's header in a file that ends early.
head -c 65536 /dev/zero >cut.img
printf '\4' | dd of=cut.img bs=1 seek=497 conv=notrunc status=none
printf '\0\0\2\0' | dd of=cut.img bs=1 seek=500 conv=notrunc status=none
printf '\125\252\0\0HdrS\17\2' | dd of=cut.img bs=1 seek=510 conv=notrunc status=none
printf '\1' | dd of=cut.img bs=1 seek=529 conv=notrunc status=none
expect "kernel cut short" 65 "--kernel cut.img" "kernel: 'cut.img'" "shorter than the kernel" "copy it again"

head -c 65537 /dev/zero >odd.bin
expect "BIOS of odd size" 65 "--bios odd.bin" "bios: 'odd.bin'" "65537 bytes" "a power of two" "--bios"
expect "missing BIOS" 65 "--bios nowhere.bin" "bios: 'nowhere.bin'" "no such file"

# Another Bygone has the image. It stands still at an empty floppy.
truncate -s 10M taken.img
"$bygone" --hda taken.img --display none --debugcon file:bios.log </dev/null >/dev/null 2>&1 &
for tenth in $(seq 600); do
	grep -q SeaBIOS bios.log 2>/dev/null && break
	sleep 0.1
done
expect "image in use" 65 "--hda taken.img" "'taken.img'" "in use by another program" "close it" "--discard"
expect "image in use, with --discard" 0 "--hda taken.img --discard --stop-after 1" "in use by another"
kill $!
wait $! 2>/dev/null

if [ "$(id -u)" != 0 ]; then
	truncate -s 1M locked.img && chmod 444 locked.img
	expect "image that may not be written" 0 "--hda locked.img --stop-after 1" "'locked.img'" \
		"writes stay in memory"
fi
# ---- A host that has too little; `starved` runs bygone under a limit of the shell's ----

printf '#!/bin/sh\nulimit $LIMITS || exit 77\nexec "$REAL" "$@"\n' >starved && chmod +x starved
REAL=$bygone
export REAL LIMITS
bygone=./starved
LIMITS="-v 1000000"
expect "host without memory" 71 "--mem 3072M" "memory: the host has no 3072 MiB" "smaller --mem"
LIMITS="-f 20000"
expect "host that lets no file grow" 71 "--mem 64M" "memory: the host has no 64 MiB" "smaller --mem"
LIMITS="-n 5"
expect "host without file descriptors" 71 "" "the host "
bygone=$REAL

expect "stream that cannot be opened" 71 "--serial file:nowhere/log" "nowhere/log"

# ---- A guest that crashes ----

expect "triple fault stops the machine" 4 "triple_fault.img --debug-exit" \
	"triple fault at 0000:00007C1" "first #UD (this processor has no such instruction)" \
	"code there: 0F 0B" "last control transfers" "f000:0000d400 -> 0000:00007c1" \
	"--reset-on-triple-fault goes on"
[ "$(grep -c -- '->' said)" = 10 ] && pass "ten transfers" || fail "ten transfers" "not ten"
expect "triple fault resets the machine" 3 "triple_fault.img --debug-exit --reset-on-triple-fault" \
	"first #UD" "code there: 0F 0B"

# ---- A full host disk ----

mkdir full
full_disk() {
	unshare -rm "$root/tests/boot/badinput.sh" "$1" "$work"
	code=$?
	count=$(cat count 2>/dev/null)
	rm -rf full dots && mkdir full
	[ $code = 77 ] || [ -e "$work/said" ] || code=77
}
if unshare -rm true 2>/dev/null; then
	test="full host disk stops the machine, and what was reported as written is written"
	full_disk --stop
	case $code in
	77) skip "full disk" "no tmpfs may be mounted here" ;;
	71)
		if [ "${count:-0}" -gt 500 ] && grep -q "hd.img': cannot be written: No space left" said &&
			grep -q "free some room" said; then
			pass "$test"
		else
			fail "$test" "$count sectors, or no such message"
		fi
		;;
	*) fail "$test" "exit code $code" ;;
	esac
	if [ $code != 77 ]; then
		test="full host disk lets the guest wait, and then go on"
		full_disk --wait
		if [ $code != 3 ]; then
			fail "$test" "exit code $code"
		elif [ "$(cat all)" != 3072 ] || ! grep -q "there is room again" said; then
			fail "$test" "$(cat all) sectors, or no message"
		else
			pass "$test"
		fi
	fi
else
	skip "full disk" "no name spaces may be made here"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
