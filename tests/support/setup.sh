#!/bin/sh
# setup.sh run|test|ci|bench: install the Debian packages that are needed and missing, through apt.
# Says which and why before it does, asks for root through sudo, and is quick when all is there.
set -u
what=${1:-run}

# purpose: package: why. A purpose includes those above it.
table='
run:gcc:compiles Bygone
run:binutils:assembles firmware and the tour
run:pkg-config:finds the libraries below
run:libc6-dev:the C library
run:zlib1g-dev:compressed images and state
run:libzstd-dev:smaller and faster snapshots
run:libsdl2-dev:the window, sound
run:libpng-dev:screenshots
run:libcapstone-dev:disassembly in the monitor
run:libinih-dev:configuration files
run:libncurses-dev:the terminal display
run:libedit-dev:line editing in the monitor
run:libjansson-dev:the JSON socket
run:seabios:BIOS and VGA BIOS of the PC
run:cpio:packs the default guest
run:gzip:packs the default guest
run:debian-archive-keyring:checks the packages of the default guest
test:libcriterion-dev:unit tests
test:libzydis-dev:a decoder to compare ours with
test:gdb:a debugger to talk to
test:python3:a program that controls the machine
test:python3:a client of the JSON socket
test:xvfb:a display for tests of the window
test:xdotool:a user at that display
test:mtools:FAT images of the boot tests
test:xorriso:CD images of the boot tests
test:e2fsprogs:ext2 images of the boot tests
test:grub-pc-bin:a boot loader to boot
test:grub-common:a boot loader to boot
test:memtest86+:a memory test to run
ci:clang:fuzzers
ci:clang-format:style check
ci:cppcheck:static analysis
ci:llvm:readable reports of fuzzers
ci:git:names the files to check
bench:qemu-system-x86:a peer to compare speed with
bench:bochs:a peer to compare speed with
bench:bochsbios:firmware of Bochs
bench:vgabios:firmware of Bochs
bench:isolinux:boot CD for Bochs
bench:syslinux-common:boot CD for Bochs
bench:gcc-multilib:32-bit benchmark programs
bench:python3:tables
bench:e2fsprogs:disk image of the programs
bench:kmod:modules for that disk
'
case $what in
run) purposes='run' ;;
test) purposes='run test' ;;
ci) purposes='run test ci' ;;
bench) purposes='run bench' ;;
*) sed -n '2,3p' "$0" >&2; exit 64 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "setup: this is no Debian; please see to it yourself that these are there:"
	for p in $purposes; do echo "$table" | sed -n "s/^$p:\([^:]*\):\(.*\)/  \1 (\2)/p"; done
	exit 0
fi

installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' | sed -n 's/^ii *\([^:]*\).*/ \1 /p')
missing=
for p in $purposes; do
	for row in $(echo "$table" | sed -n "s/^$p:\([^:]*\):.*/\1/p"); do
		case $installed in *" $row "*) ;; *) missing="$missing $row" ;; esac
	done
done
[ -z "$missing" ] && exit 0

echo "setup: these Debian packages are missing and will be installed:"
for m in $missing; do echo "$table" | sed -n "s/^[a-z]*:$m:\(.*\)/  $m  (\1)/p"; done
root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "setup: installing needs root, and there is no sudo. As root:  apt-get install$missing" >&2
		exit 71
	fi
	root=sudo
	echo "setup: installing needs root; sudo may ask for your password"
fi
install() {
	$root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # words are meant to be split
if install $missing > "$log" 2>&1; then
	echo "setup: done"
	exit 0
fi
# The package lists may be missing or old, or one package may not exist in this release.
$root apt-get -q update > "$log" 2>&1
failed=
# shellcheck disable=SC2086
if ! install $missing > "$log" 2>&1; then
	for m in $missing; do install "$m" > "$log" 2>&1 || failed="$failed $m"; done
fi
[ -z "$failed" ] && { echo "setup: done"; exit 0; }
tail -n 5 "$log" >&2
echo "setup: apt-get could not install$failed; what needs them is left out" >&2
for m in $failed; do
	case $m in gcc | binutils | libc6-dev | zlib1g-dev) exit 71 ;; esac
done
