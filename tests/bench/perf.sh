#!/bin/sh
# perf.sh [PART...]: measure Bygone beside QEMU (TCG) and Bochs, and write docs/performance.md.
#
# Parts: kit real idle memory start clocks (default: all that can run). A part that is not measured
# keeps its figures of last time (build/perf), and the page tells of each under what conditions it
# was. They use the benchmark kit in ../shared/bench, which is called there; its kernels and programs
# are made in KIT (build/kit) or taken from there. Takes about half an hour and needs an idle machine:
# figures are processor time of the emulator's process, but shared caches and turbo clocks still show.
#
# Environment: SHARED (../shared), KIT, SCALE (30: percent of the kit's turns; Bochs gets 5),
# BOCHS_SCALE (5), RUNS (2), WORKLOADS (default: all that need no SSE), PEERS ("interp emu tcg bochs": ours with its interpreter, ours, QEMU, Bochs).
set -u
cd "$(dirname "$0")/../.." || exit 70
. tests/bench/lib.sh
SHARED=${SHARED:-../shared}
kit=$SHARED/bench
KIT=${KIT:-build/kit}
SCALE=${SCALE:-30}
RUNS=${RUNS:-2}
PEERS=${PEERS:-interp emu tcg bochs}
parts=${*:-start clocks idle memory kit real}
results=build/perf
mkdir -p "$results"
log=$results/log

say() { echo "perf: $*" >&2; }

# What chooses the engine of a run of ours.
engine_of() { [ "$1" != interp ] || echo "--engine interp"; }

# rename_runs FOLDER FROM TO: the kit knows one name for all of ours.
rename_runs() {
	for f in "$1/$2".*; do
		[ -e "$f" ] && mv "$f" "$1/$3${f#"$1/$2"}"
	done
}

# ---- The kit: 32-bit workloads under Debian's 686 kernel ----

measure_kit() {
	[ -x "$kit/run-peers.sh" ] || { say "skipped: kit (no $kit)"; return; }
	[ -x "$KIT/guestbench32" ] || "$kit/mkinitramfs.sh" build/kit-cache "$KIT" || return
	work=${WORKLOADS:-$("$KIT/guestbench32" -l | awk '{ print $1 }' | grep -v '^sse\|^ioport')}
	rm -rf "$results/kit"
	# Guests run everything that their processor has (a kernel passes only 32 words to init); what
	# has no figure of the host is not shown.
	export RUNS LIMIT=3000
	say "kit: native"
	WORK=$(echo "$work" | tr '\n' ' ') SCALE=$SCALE "$kit/run-peers.sh" "$KIT" "$results/kit" native32 >> "$log" 2>&1
	for p in $PEERS; do
		say "kit: $p"
		case $p in
		interp | emu)
			EMU="$PWD/bygone $(engine_of $p) --mem 512M --kernel @KERNEL@ --initrd @INITRD@ --append @APPEND@ \
				--serial stdio --display none --speed max" \
				SCALE=$SCALE "$kit/run-peers.sh" "$KIT" "$results/kit" emu-686 >> "$log" 2>&1
			[ $p = emu ] || rename_runs "$results/kit" emu-686 interp-686
			;;
		tcg) SCALE=$SCALE "$kit/run-peers.sh" "$KIT" "$results/kit" tcg-686 >> "$log" 2>&1 ;;
		bochs) RUNS=1 BOCHS="$PWD/tests/bench/bochs.sh" SCALE=${BOCHS_SCALE:-5} "$kit/run-peers.sh" "$KIT" "$results/kit" bochs-686 >> "$log" 2>&1 ;;
		esac
	done
	python3 "$kit/table.py" "$results/kit" | sed "s/^## /### /" > "$results/kit.md"
	for p in emu-686 interp-686 tcg-686 bochs-686; do
		f=$results/kit/$p.$RUNS.txt
		[ -e "$f" ] || f=$results/kit/$p.1.txt
		[ -e "$f" ] || continue
		awk -v p=$p '$3 == "GBINIT" { printf "| %s | %.2f | %.2f |\n", p, $1 / 1000, $2 / 1000; exit }' "$f"
	done > "$results/boot.md"
}

# ---- Real mode and VGA memory, from a floppy ----

measure_real() {
	[ -x "$kit/run-realmode.sh" ] || { say "skipped: real mode (no $kit)"; return; }
	rm -rf "$results/real"
	for p in $PEERS; do
		case $p in tcg) p=qemu ;; esac
		say "real mode: $p"
		peer=$p
		[ $p = interp ] && peer=emu
		EMU="$PWD/bygone $(engine_of $p) --fda @FLOPPY@ --discard --serial stdio --display none --speed max" \
			BOCHS="$PWD/tests/bench/bochs.sh" SCALE=1 LINESTAMP=$KIT/linestamp \
			"$kit/run-realmode.sh" "$results/real" $peer >> "$log" 2>&1
		[ $p != interp ] || rename_runs "$results/real" emu interp
	done
	python3 "$kit/table.py" "$results/real" | sed "s/^## /### /" > "$results/real.md"
}

# ---- Start ----

measure_start() {
	bios=$results/first.bin
	first_instruction_bios "$bios"
	{
		echo "| bygone | $(best_ms ./bygone --bios "$bios" --debug-exit --display none) |"
		command -v qemu-system-i386 > /dev/null &&
			echo "| QEMU | $(best_ms qemu-system-i386 -accel tcg -bios "$bios" -display none \
				-device isa-debug-exit,iobase=0x501,iosize=1) |"
	} > "$results/start.md"
}

# ---- Clocks: the guest's against the host's ----

measure_clocks() {
	{
		tests/bench/clocks.py --table 'RTC, as `date` sees it' &&
			tests/bench/clocks.py --mode delay --cpu 486 --table 'delay loop, `--cpu 486`'
	} > "$results/clocks.md" 2>> "$log" || say "skipped: clocks (see $log)"
}

# ---- Idle guests: a script that reaches the state, then the process is watched ----

# guest NAME SCRIPT OPTIONS...: one row for the idle table, one for the memory table.
guest() {
	name=$1 script=$2
	shift 2
	printf '%s\n' "$script" 'echo "READY"' 'run 100000' > "$results/script"
	if start_until READY ./bygone --display none --discard --script "$results/script" "$@"; then
		sleep 2
		echo "| $name | $(busy_percent $pid 20) | $(memory_mib $pid memfd:ram) |"
		kill $pid
	else
		say "skipped: $name (did not come up)"
	fi
}

unpacked() { # image.gz -> a copy in $results
	gzip -dc "$SHARED/guests/$1" > "$results/$(basename "$1" .gz)" && echo "$results/$(basename "$1" .gz)"
}

measure_idle() {
	{
		guest 'tour, menu' 'wait-text "Press a number" 60' --mem 16M --fda roms/tour.img
		if [ -d "$SHARED/guests" ]; then
			guest 'FreeDOS, prompt' 'wait-text "A:\>" 120' --fda "$(unpacked freedos-sizes/fdboot-1.4MB.img.gz)" --mem 16M
			gem=$(unpacked freedos-opengem/fdgem.img.gz)
			guest 'FreeDOS with EMM386, prompt' 'wait-text "Select from Menu" 60
type "2\n"
wait-text "C:\>" 120' --hda "$gem" --mem 64M
			guest 'OpenGEM, desktop' 'wait-text "Select from Menu" 60
type "1\n"
run 30' --hda "$gem" --mem 64M
		fi
		if roms/fetch-guest.sh; then
			guest 'Linux, shell' 'wait-text "/root #" 300
run 5' --mem 128M --kernel roms/cache/linux/vmlinuz --initrd roms/cache/linux/initrd.gz \
				--append "quiet cryptomgr.notests"
		fi
	} > "$results/idle.md"
}

# ---- Memory after the whole kit ----

measure_memory() {
	[ -x "$KIT/guestbench32" ] || { say "skipped: memory (no kit)"; return; }
	if start_until GBEND ./bygone --mem 512M --kernel "$KIT/vmlinuz-686" --initrd "$KIT/gb-i386.cpio.gz" \
		--append "console=ttyS0 quiet mitigations=off -- -s 5" --serial stdio --display none --speed max; then
		echo "| Linux, after the kit | | $(memory_mib $pid memfd:ram) |" > "$results/memory.md"
		kill $pid 2> /dev/null
	fi
}

# Under what conditions a part was measured; $1: the load before.
conditions() {
	printf '%s, %s, host load %s before and %s after' "$(date +%Y-%m-%d)" \
		"$(git describe --always --dirty 2> /dev/null || echo "no version")" "$1" "$(load)"
	# On hosts that group processes by session only the group's value counts.
	nice=$(sed 's/.* nice //' /proc/self/autogroup 2> /dev/null || nice)
	[ "$nice" = 0 ] || printf ', at nice %s' "$nice"
}
load() { cut -d ' ' -f 1 /proc/loadavg; }

for part in $parts; do
	say "$part"
	before=$(load)
	measure_"$part"
	conditions "$before" > "$results/$part.when"
done
[ -e "$results/kit.when" ] && cp "$results/kit.when" "$results/boot.when"

# ---- The page ----

bochs_version() {
	if grep -q GBINIT "$results"/kit/bochs-686.*.txt 2> /dev/null; then
		echo "Bochs $(dpkg-query -W -f '${Version}' bochs 2> /dev/null) (Debian's, with its debugger)"
	else
		echo "Bochs did not run here"
	fi
}

part() { # title, header, file, note
	[ -s "$results/$3" ] || return 0
	printf '\n## %s\n\n%s\n\n' "$1" "$4"
	[ -n "$2" ] && printf '%s\n' "$2"
	cat "$results/$3"
	when=$results/${3%.md}.when
	[ ! -e "$when" ] || printf '\nMeasured: %s.\n' "$(cat "$when")"
}
{
	echo '# Speed and memory'
	echo
	echo "Written by \`make bench\` (tests/bench/perf.sh), on $(sed -n \
		's/^model name.*: //p' /proc/cpuinfo | head -n 1) with $(nproc) processors. Peers:" \
		"$(qemu-system-i386 --version 2> /dev/null | head -n 1 | sed 's/ (.*//')," \
		"$(bochs_version)."
	part 'Start' '| | ms from the start of the process to the guest'"'"'s first instruction and back |
|---|---:|' start.md 'A BIOS of three instructions that ends the program. The best of ten runs.'
	part 'Clocks' '| the guest'"'"'s | drift | farthest off |
|---|---:|---:|' clocks.md 'A guest that by turns stores (`rep stos`), takes page faults and halts, for a minute; and a delay loop calibrated against the PIT, whose seconds are timed for 20 of them. Against the host'"'"'s monotonic clock.'
	part 'Idle' '| guest | % of a processor | MiB of host memory beside guest RAM |
|---|---:|---:|' idle.md 'Twenty seconds of doing nothing, without a display.'
	part 'Memory' '| | | MiB |
|---|---|---:|' memory.md 'Host memory in use beside guest RAM, after the workloads below.'
	part 'Boot' '| | wall s | processor s |
|---|---:|---:|' boot.md 'From the start of the process to the first line of `init`, Debian'"'"'s 686 kernel, 512 MiB.'
	part 'Workloads' '' kit.md 'The 32-bit workloads of the kit that need no SSE, in a Linux guest: time as a multiple of the same binary on the host, from processor time of the emulator. emu-686 is Bygone, interp-686 the same with `--engine interp`.'
	part 'Real mode and VGA' '' real.md 'A boot floppy without operating system. qemu is the yardstick; emu is Bygone, interp the same with `--engine interp`.'
} > docs/performance.md
say "wrote docs/performance.md"
