#!/bin/sh
# quick.sh: a few figures in a minute, for comparing one's own changes: start, idle, memory, and
# how fast the default guest starts. tests/bench/perf.sh compares with other emulators.
set -u
cd "$(dirname "$0")/../.." || exit 70
. tests/bench/lib.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log

first_instruction_bios "$work/bios"
echo "start to the first instruction: $(best_ms ./bygone --bios "$work/bios" --debug-exit --display none) ms"

cat > "$work/idle" << 'END'
wait-text "Press a number" 60
wait-still 0.5 10
echo "READY"
run 10000
END
if start_until READY ./bygone --mem 16M --display none --script "$work/idle" roms/tour.img --discard; then
	echo "idle at the tour's menu: $(busy_percent $pid 5) % of a processor"
	echo "memory then, without guest RAM: $(memory_mib $pid memfd:ram) MiB"
	kill $pid
fi

if roms/fetch-guest.sh; then
	cat > "$work/linux" << 'END'
wait-text "/root #" 300
echo "READY"
run 10000
END
	if start_until READY ./bygone --mem 128M --kernel roms/cache/linux/vmlinuz --initrd roms/cache/linux/initrd.gz \
		--append "quiet cryptomgr.notests" --display none --speed max --script "$work/linux"; then
		echo "Linux to its shell: $(cpu_ms $pid) ms of processor time"
		echo "idle at the shell: $(busy_percent $pid 5) % of a processor"
		echo "memory then, without guest RAM: $(memory_mib $pid memfd:ram) MiB"
		kill $pid
	fi
fi
