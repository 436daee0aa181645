#!/bin/sh
# x87free.sh BUILD: no object of the emulator but those of the FPU may use the host's x87 or MMX,
# since the guest's state is there while an engine runs (cpu/fpu.h). The fingerprint is taken while
# none does.
set -u
build=${1:-build}
bad=0
for o in $(find "$build/base" "$build/mmu" "$build/cpu" "$build/devices" "$build/jit" "$build/frontend" -name '*.o' 2>/dev/null); do
	case $o in
	*/cpu/fpu.o | */cpu/op_x87.o | */cpu/op_x87_control.o | */cpu/host_fingerprint.o | */cpu/interp.o | */jit/*) continue ;;
	esac
	found=$(objdump -d --no-show-raw-insn "$o" | cut -f2- | grep -E '^(f[a-z0-9]+|emms)( |$)|%mm[0-7]' | grep -vE '^(fs|fxsave|fxrstor|femms)' | head -3)
	[ -z "$found" ] && continue
	echo "$o: x87 or MMX instructions: $found"
	bad=1
done
[ $bad = 0 ] && echo "x87free: the host's x87 is the guest's"
exit $bad
