#!/bin/sh
# run.sh [--engine NAME] [NAME...]: dialogues with Debian's gdb, and connections (connections.py), which is about
# clients that are not as well-behaved. Each NAME.gdb is a list of commands for it;
#   # guest: NAME OPTIONS  what to build and how bygone runs it
#   # file: FILE           symbols, may be empty
#   # needs: TOOLS         without which it is skipped
#   #> TEXT                must be printed, after what the line before asked for
# Ends in "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
bygone=$(readlink -f "${BYGONE:-$here/../../bygone}")
guests=${BYGONE_GUESTS:-$here/../../../shared/guests}
passed=0 failed=0 skipped=0 pid= engine=interp
if [ "${1-}" = --engine ]; then
	engine=$2
	shift 2
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-gdb.XXXXXX") || exit 71
trap '[ -n "$pid" ] && kill $pid 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 71

skip() {
	echo "skipped: gdb $1: $2"
	skipped=$((skipped + 1))
}

# ---- Guests; each says nothing, or why it cannot be built ----

build_sector() {
	gcc -m32 -c -g -o sector.o "$here/sector.S" && ld -m elf_i386 -Ttext 0x7c00 -e start -o sector.elf sector.o &&
		objcopy -O binary -j .text sector.elf sector.img && truncate -s 1440K sector.img
}

build_kernel() {
	gcc -m32 -g -O0 -ffreestanding -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -nostdlib \
		-no-pie -static -Wl,-n,-Ttext=0x100000,--build-id=none,-z,noexecstack,--no-warn-rwx-segments -o kernel.elf "$here/kernel.c"
}

build_program() {
	gcc -m32 -c -g -o program.o "$here/program.S" && ld -m elf_i386 -Ttext 0x100 -e start -o program.elf program.o &&
		objcopy -O binary -j .text program.elf PROGRAM.COM || return
	image=$guests/freedos-sizes/fdboot-1.4MB.img.gz
	[ -e "$image" ] || { echo "no $image"; return; }
	command -v mcopy >/dev/null || { echo "no mtools"; return; }
	gunzip -c "$image" >dos.img
	printf 'PROGRAM.COM\r\n' >AUTOEXEC.BAT
	mcopy -o -i dos.img AUTOEXEC.BAT PROGRAM.COM :: || echo "mcopy failed"
}

# Debian's kernel has no symbols, but tells its root the names of its functions: one run asks it, and an
# ELF file is made of them.
build_linux() {
	root=$here/../..
	"$root/roms/fetch-guest.sh" >/dev/null 2>&1 || { echo "Debian's kernel could not be had"; return; }
	ln -sf "$root/roms/cache/linux/vmlinuz" "$root/roms/cache/linux/initrd.gz" .
	cat >names.script <<-'end'
		wait-text "Things to try" 60
		wait-still 1 30
		type "clear; grep -wE '(start_kernel|proc_dointvec|do_proc_dointvec_conv|kernel_execve)' /proc/kallsyms > /dev/ttyS0; poweroff\n"
		wait-poweroff 30
	end
	timeout 300 "$bygone" --script names.script --engine $engine --deterministic --speed max --kernel vmlinuz \
		--initrd initrd.gz --append "quiet nokaslr cryptomgr.notests" --mem 64M --serial file:names >/dev/null 2>&1
	{
		echo 'SECTIONS { .text 0xc1000000 : {'
		sed -n 's/^.*\(c1[0-9a-f]\{6\}\) [tT] \([a-z_]*\).*/\2 = 0x\1 - 0xc1000000;/p' names
		echo '. = 0x1000000; } }'
	} >names.ld
	echo '.text; .long 0' | gcc -m32 -c -x assembler -o empty.o - && ld -m elf_i386 -T names.ld -o vmlinux empty.o ||
		echo "no ELF file could be made"
}

# ---- Dialogues ----

directive() {
	sed -n "s/^# $1: *//p" "$script"
}

# The texts behind "#> " must be found in the log, one behind the other; prints the first missing.
missing_text() {
	awk -v texts="$script" '
		BEGIN { while ((getline line < texts) > 0) if (line ~ /^#> /) want[++n] = substr(line, 4); at = 1 }
		{ line = $0
		  while (at <= n && (i = index(line, want[at]))) { line = substr(line, i + length(want[at])); at++ } }
		END { if (at <= n) print want[at] }' "$1"
}

run() {
	name=$1 script=$here/$1.gdb
	why=
	guest=$(directive guest)
	why=$(build_"${guest%% *}" 2>&1)
	if [ -n "$why" ]; then
		skip "$name" "$why"
		return
	fi
	rm -f gdb.sock
	eval "set -- ${guest#* }"
	"$bygone" --display none --engine $engine --deterministic --speed 50 --gdb unix:gdb.sock --gdb-wait "$@" \
		>bygone.log 2>&1 &
	pid=$!
	for i in $(seq 300); do [ -S gdb.sock ] && break; sleep 0.2; done
	{
		echo 'set pagination off'
		echo 'set confirm off'
		echo 'set width 0'
		file=$(directive file)
		[ -n "$file" ] && echo "file $file"
		echo 'target remote ./gdb.sock'
		cat "$script"
	} >commands
	# From standard input, where an error does not end it: they are part of the dialogue.
	timeout 300 gdb -nx -q <commands >log 2>&1
	code=$?
	text=$(missing_text log)
	if [ $code = 0 ] && [ -z "$text" ] && kill -0 $pid 2>/dev/null; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED gdb $name: gdb's exit code $code; missing: $text"
		sed 's/^/    /' log bygone.log
		kill -0 $pid 2>/dev/null || echo "    bygone has ended"
	fi
	kill $pid 2>/dev/null
	wait $pid 2>/dev/null
	pid=
}

run_connections() {
	if ! command -v python3 >/dev/null; then
		skip connections "no python3"
		return
	fi
	python3 "$here/connections.py" "$bygone" >log 2>&1
	counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' log)
	counts=${counts:-0 1}
	grep -v ' passed, ' log
	passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
}

if ! command -v gdb >/dev/null; then
	echo "skipped: gdb: tests/support/setup.sh test installs it"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
[ $# = 0 ] && set -- connections $(cd "$here" && ls ./*.gdb | sed 's,^\./,,; s/\.gdb$//')
for t; do
	if [ "$t" = connections ]; then run_connections; else run "$t"; fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
