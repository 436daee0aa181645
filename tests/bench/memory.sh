#!/bin/sh
# memory.sh [SCALE]: host memory beyond the guest's own RAM, while the benchmark kit runs.
#
# Samples /proc/PID/smaps every second: resident memory of the process in all, and the resident part
# of the mappings of guest RAM. Prints the largest difference, in MiB, at the end of the kit, and
# the five largest other mappings at that moment. $BENCH_OUT is the kit's folder of prepared files.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
bygone=${BYGONE:-$here/../../bygone}
out=${BENCH_OUT:-$here/../../../shared/bench/out}
scale=${1:-1}
[ -e "$out/vmlinuz-686" ] || { echo "skipped: no $out/vmlinuz-686"; exit 0; }
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-memory.XXXXXX") || exit 71
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

"$bygone" --kernel "$out/vmlinuz-686" --initrd "$out/gb-i386.cpio.gz" --mem 512M --display none \
	--serial "file:$work/serial" --append "console=ttyS0 quiet mitigations=off panic=-1 -- -s $scale" \
	2>"$work/log" &
pid=$!
largest=0
while kill -0 $pid 2>/dev/null && ! grep -q GBEND "$work/serial" 2>/dev/null; do
	sleep 1
	cp /proc/$pid/smaps "$work/now" 2>/dev/null || break
	kib=$(awk '/^[0-9a-f]+-/ { ram = /memfd:ram/ } /^Rss:/ { if (!ram) sum += $2 } END { print sum }' "$work/now")
	if [ "$kib" -gt "$largest" ]; then
		largest=$kib
		cp "$work/now" "$work/largest"
	fi
done
kill $pid 2>/dev/null
wait $pid 2>/dev/null
grep -q GBEND "$work/serial" || { echo "failed: the kit did not end"; cat "$work/log"; exit 1; }
echo "beyond guest RAM: $((largest / 1024)) MiB (kit at scale $scale); the largest mappings:"
awk '/^[0-9a-f]+-/ { name = NF > 5 ? $6 : "anonymous" } /^Size:/ { size = $2 }
	/^Rss:/ && name !~ /memfd:ram/ { print $2, "KiB of", size, name }' "$work/largest" | sort -rn | head -6
