#!/bin/sh
# flat.sh [--times N] [ENGINE|qemu]...: unpaged flat 32-bit code, in nanoseconds a kernel and beside
# the same object code run natively. Without names: all engines of this build, and QEMU if there.
set -u
cd "$(dirname "$0")/../.." || exit 70
times=3
[ "${1-}" = --times ] && { times=$2; shift 2; }
bygone=${BYGONE:-./bygone}
engines=$("$bygone" --engine . 2>&1 | sed -n 's/.*none of: \([a-z ,]*\).*/\1/p' | tr -d ,)
# shellcheck disable=SC2086 # several names
[ $# -gt 0 ] || set -- $engines $(command -v qemu-system-i386 >/dev/null && echo qemu)
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-flat.XXXXXX") || exit 71
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

from=tests/bench/flat
flags="-m32 -O2 -march=i686 -mno-sse -mfpmath=387 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none"
# shellcheck disable=SC2086 # flags
{
	gcc $flags -c -o "$work/kernels.o" $from/kernels.c &&
		gcc $flags -DTIMES="$times" -c -o "$work/guest.o" $from/guest.c &&
		ld -m elf_i386 -Ttext 0x100000 --section-start=.multiboot=0xFF000 -e start -o "$work/flat" "$work/guest.o" "$work/kernels.o" &&
		gcc -m32 -O2 -no-pie -DTIMES="$times" -o "$work/native" $from/native.c "$work/kernels.o" &&
		gcc -O2 -o "$work/stamp" $from/stamp.c
} || exit 70

run() {
	case $1 in
	native) "$work/native" ;;
	qemu) qemu-system-i386 -accel tcg -cpu pentium2 -m 64 -display none -kernel "$work/flat" -debugcon stdio \
		-device isa-debug-exit,iobase=0x501 -no-reboot ;;
	*) "$bygone" --engine "$1" --kernel "$work/flat" --mem 64M --display none --debugcon stdio --speed max \
		--debug-exit=0x501 ;;
	esac </dev/null 2>"$work/log.$1" | "$work/stamp" "$1"
}
for name in native "$@"; do
	run "$name" >"$work/out.$name"
	[ -s "$work/out.$name" ] || { echo "flat.sh: $name gave nothing:" >&2; cat "$work/log.$name" >&2; }
done
cat "$work"/out.* | awk -v names="native $*" '
	{ if (!($1 in seen)) { seen[$1] = 1; order[++n] = $1 }; ns[$1, $2] = $3; sum[$1, $2] = $4 }
	END {
		m = split(names, who, " ")
		printf "%-8s", "ns"
		for (j = 1; j <= m; j++) printf "%14s%8s", who[j], (j > 1 ? "ratio" : "")
		print ""
		for (i = 1; i <= n; i++) {
			k = order[i]
			printf "%-8s", k
			for (j = 1; j <= m; j++) {
				w = who[j]
				if (!((k, w) in ns)) { printf "%14s%8s", "-", ""; continue }
				bad = sum[k, w] != sum[k, "native"]
				r = ns[k, w] / ns[k, "native"]
				logs[w] += log(r); count[w]++
				printf "%14.0f%8s", ns[k, w], (bad ? "WRONG" : j > 1 ? sprintf("%.2f", r) : "")
				wrong += bad
			}
			print ""
		}
		printf "%-8s", "geomean"
		for (j = 1; j <= m; j++) printf "%14s%8s", "", (j > 1 && count[who[j]] ? sprintf("%.2f", exp(logs[who[j]] / count[who[j]])) : "")
		print ""
		exit wrong > 0
	}'
