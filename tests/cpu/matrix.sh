#!/bin/sh
# matrix.sh [NAME]: run the matrices of system instructions (tests/cpu/matrix_*.asm) under Bygone and
# Bochs and compare them line by line. Last line: N passed, N failed, N skipped. Needs nasm, xorriso,
# bochs, bochsbios, vgabios; what is missing is named and skipped.
#
# A third opinion: the same images run under qemu-system-i386 with -debugcon, which pushes no RF, sets
# no accessed bits and has no VME.
set -u
cd "$(dirname "$0")/../.." || exit 70
B=${B:-build}
LIMIT=${MATRIX_LIMIT:-300}
tmp=$(mktemp -d) || exit 71
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0

for tool in nasm xorriso bochs; do
	command -v $tool > /dev/null && continue
	echo "skipped: cpu/matrix ($tool is not installed)"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
done

lines() {
	grep -aE '^[0-9A-F]{5} ' "$1"
}

# What implementations are known to see differently; the reason is in the program.
undisputed() {
	case $1 in
	v86) awk '!(substr($1, 2, 1) == "3" && substr($1, 3, 1) ~ /[37BF]/)' ;;
	tasks) awk '!(substr($1, 2, 1) ~ /[234]/ && substr($1, 4, 1) ~ /[1357]/)' ;;
	*) cat ;;
	esac
}

in_bygone() {
	timeout "$LIMIT" "$B/bygone" "$tmp/$1.img" --cpu pentium2 --discard --display none --speed max \
		--debugcon "file:$tmp/out" --debug-exit > "$tmp/log" 2>&1
	lines "$tmp/out" > "$tmp/$1.bygone"
}

# Bochs starts the floppy image from a CD; it goes on for ever, so it is ended when "done" is there.
in_bochs() {
	mkdir -p "$tmp/iso"
	cp "$tmp/$1.img" "$tmp/iso/boot.img"
	xorriso -as mkisofs -quiet -o "$tmp/$1.iso" -b boot.img "$tmp/iso" 2> /dev/null
	vga=/usr/share/vgabios/vgabios.bin
	[ -e $vga ] || vga=/usr/share/bochs/VGABIOS-lgpl-latest
	cat > "$tmp/bochsrc" << END
config_interface: textconfig
display_library: rfb, options="timeout=0"
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=$vga
cpu: model=p2_klamath, count=1, ips=50000000, reset_on_triple_fault=0
memory: guest=32, host=32
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="$tmp/$1.iso", status=inserted
boot: cdrom
clock: sync=none
port_e9_hack: enabled=1
sound: driver=dummy, waveout=none, wavein=none, midiout=none
speaker: enabled=0
log: $tmp/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
END
	echo c > "$tmp/go"
	: > "$tmp/out"
	bochs -q -f "$tmp/bochsrc" -rc "$tmp/go" > "$tmp/out" 2> /dev/null < /dev/null &
	bochs=$!
	for _ in $(seq "$LIMIT"); do
		sleep 1
		grep -aq '^done' "$tmp/out" && break
		kill -0 $bochs 2> /dev/null || break
	done
	kill $bochs 2> /dev/null
	wait $bochs 2> /dev/null
	lines "$tmp/out" > "$tmp/$1.bochs"
}

for m in ${1:-segments tasks v86}; do
	nasm -f bin -Itests/cpu/ -o "$tmp/$m.img" "tests/cpu/matrix_$m.asm" || exit 70
	in_bygone "$m"
	in_bochs "$m"
	if [ ! -s "$tmp/$m.bochs" ]; then
		echo "skipped: cpu/matrix-$m (this Bochs does not run it)"
		skipped=$((skipped + 1))
		continue
	fi
	for e in bygone bochs; do
		undisputed "$m" < "$tmp/$m.$e" > "$tmp/$m.$e.judged"
	done
	differ=$(diff "$tmp/$m.bygone.judged" "$tmp/$m.bochs.judged" | grep -c '^>')
	[ "$differ" != 0 ] && diff "$tmp/$m.bygone.judged" "$tmp/$m.bochs.judged" | head -n 20
	total=$(wc -l < "$tmp/$m.bochs.judged")
	echo "$m: $total of $(wc -l < "$tmp/$m.bochs") cases judged, $differ differ"
	failed=$((failed + differ))
	passed=$((passed + total - differ))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
