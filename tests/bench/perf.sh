#!/bin/sh
# perf.sh [--short] [PART...]: measure Bygone beside QEMU (TCG) and Bochs, and write docs/performance.md.
#
# Parts: start clocks idle memory kit real programs flat cold rewind travel (default: all that can run).
# --short: without Bochs, clocks and idle guests, one run of everything. A part that is not measured
# keeps its figures of last time (build/perf), and the page tells of each under what conditions it
# was. They use the benchmark kit in ../shared/bench, which is called there; its kernels and programs
# are made in KIT (build/kit) or taken from there; what it makes of Debian's packages needs the net
# once, and the native programs, in a chroot, need root. Takes a quarter of an hour, a short one five
# minutes, and needs an idle machine: figures are processor time of the emulator's process, but
# shared caches and turbo clocks still show. Bochs runs first, beside idle guests, on processor 0.
#
# Environment: SHARED (../shared), KIT, SCALE (30: percent of the kit's turns), BOCHS_SCALE (5),
# RUNS (2: of ours and QEMU; the others run once), WORKLOADS (default: all that need no SSE),
# PROGRAMS (default: all), PEERS ("interp emu tcg bochs": ours with its interpreter, ours, QEMU,
# Bochs), REWIND (256M: memory for the ring that ours keeps while it is measured, or off), TRAVEL
# (options of tests/bench/travel).
set -u
cd "$(dirname "$0")/../.." || exit 70
. tests/bench/lib.sh
all="idle clocks start kit real programs flat cold memory rewind travel"
PEERS=${PEERS:-interp emu tcg bochs}
if [ "${1-}" = --short ]; then
	shift
	RUNS=${RUNS:-1} SCALE=${SCALE:-10} FLAT_TIMES=1
	PEERS="emu tcg"
	all="start kit real programs flat cold memory"
fi
SHARED=${SHARED:-../shared}
kit=$SHARED/bench
KIT=${KIT:-build/kit}
SCALE=${SCALE:-30}
RUNS=${RUNS:-2}
REWIND=${REWIND:-256M}
parts=${*:-$all}
export PYTHONDONTWRITEBYTECODE=1
results=build/perf
mkdir -p "$results"
log=$results/log
: > "$log"

say() { echo "perf: $(date +%T) $*" >&2; }
wanted() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac }

# The command line of ours for the kit; $1: emu or interp, $2: for --rewind, the rest is added.
ours() {
	engine=jit
	[ "$1" != interp ] || engine=interp
	rewind=$2
	shift 2
	echo "$PWD/bygone --engine $engine --rewind $rewind --serial stdio --display none --speed max $*"
}
guest_options="--mem 512M --kernel @KERNEL@ --initrd @INITRD@ --append @APPEND@"

# rename_runs FOLDER FROM TO: the kit knows one name for all of ours.
rename_runs() {
	for f in "$1/$2".*; do
		[ -e "$f" ] && mv "$f" "$1/$3${f#"$1/$2"}"
	done
}

# A table of the kit's in $results/$1 becomes part of the page.
table() {
	python3 "$kit/table.py" "$results/$1" | sed "s/^## /### /" > "$results/$1.md"
}

# ---- Bochs, on processor 0 while idle guests do nothing on the other ----

bochs_pid=
start_bochs() {
	case " $PEERS " in *" bochs "*) ;; *) return ;; esac
	wanted kit || wanted real || return
	command -v bochs-bin > /dev/null || { say "skipped: Bochs"; return; }
	rm -rf "$results/bochs"
	say "Bochs begins"
	(
		export RUNS=1 CPUS=0 LIMIT=500 BOCHS="$PWD/tests/bench/bochs.sh" LINESTAMP="$KIT/linestamp"
		! wanted real || SCALE=1 "$kit/run-realmode.sh" "$results/bochs/real" bochs
		! wanted kit || SCALE=${BOCHS_SCALE:-5} WORK=${WORKLOADS:-} "$kit/run-peers.sh" "$KIT" "$results/bochs/kit" bochs-686
	) >> "$log" 2>&1 &
	bochs_pid=$!
}
wait_for_bochs() {
	[ -n "$bochs_pid" ] || return
	say "waiting for Bochs"
	wait "$bochs_pid"
	bochs_pid=
}
take_bochs() { cp "$results/bochs/$1"/bochs* "$results/$1/" 2> /dev/null; }

# ---- The kit: 32-bit workloads under Debian's 686 kernel ----

# kit_runs PEER FOLDER REWIND: into FOLDER.
kit_runs() {
	n=$RUNS
	case $1 in interp | native*) n=1 ;; esac
	case $1 in interp | emu) peer=emu-686 ;; tcg) peer=tcg-686 ;; *) peer=$1 ;; esac
	list=${WORKLOADS:-}
	case $1 in native*) list=$work ;; esac
	EMU=$(ours "$1" "$3" "$guest_options") RUNS=$n LIMIT=600 SCALE=$SCALE WORK=$list \
		"$kit/run-peers.sh" "$KIT" "$2" $peer >> "$log" 2>&1
	[ "$1" != interp ] || rename_runs "$2" emu-686 interp-686
}

measure_kit() {
	[ -x "$KIT/guestbench32" ] || { say "skipped: kit (no $kit)"; return; }
	rm -rf "$results/kit"
	for p in native32 $PEERS; do
		[ "$p" = bochs ] || { say "kit: $p"; kit_runs "$p" "$results/kit" "$REWIND"; }
	done
	take_bochs kit
	table kit
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
		peer=$p n=$RUNS
		case $p in tcg) peer=qemu ;; interp) peer=emu n=1 ;; bochs) continue ;; esac
		say "real mode: $p"
		EMU=$(ours "$p" "$REWIND" --fda @FLOPPY@ --discard) SCALE=1 RUNS=$n LIMIT=300 LINESTAMP=$KIT/linestamp \
			"$kit/run-realmode.sh" "$results/real" $peer >> "$log" 2>&1
		[ "$p" != interp ] || rename_runs "$results/real" emu interp
	done
	take_bochs real
	table real
}

# ---- Programs: a Debian root on an IDE disk ----

# OpenSSL is told what processor it runs on, so that it does the same everywhere: one without SSE.
without_sse() {
	script=$KIT/root-i386/usr/sbin/realbench
	! grep -q 'ia32cap=0x808111:0' "$script" || return 0
	sed -i 's/^export OPENSSL_ia32cap=.*/export OPENSSL_ia32cap=0x808111:0/' "$script"
	PATH=$PATH:/sbin:/usr/sbin
	printf 'rm /usr/sbin/realbench\nwrite %s /usr/sbin/realbench\n' "$script" |
		debugfs -w "$KIT/root-i386.img" >> "$log" 2>&1
}

# program_runs PEER FOLDER REWIND
program_runs() {
	n=$RUNS
	case $1 in interp | native) n=1 ;; esac
	case $1 in interp | emu) peer=emu-686 ;; tcg) peer=tcg-686 ;; *) peer=$1 ;; esac
	EMU=$(ours "$1" "$3" "$guest_options --hda @DISK@ --discard") RUNS=$n LIMIT=400 WORK=${PROGRAMS-} \
		"$kit/run-real.sh" "$KIT" "$2" $peer >> "$log" 2>&1
	[ "$1" != interp ] || rename_runs "$2" emu-686 interp-686
}

measure_programs() {
	[ -e "$KIT/root-i386.img" ] || "$kit/mkroot.sh" build/kit-cache "$KIT" >> "$log" 2>&1 ||
		{ say "skipped: programs (see $log)"; return; }
	without_sse
	rm -rf "$results/programs"
	for p in native $PEERS; do
		[ "$p" = bochs ] || { say "programs: $p"; program_runs "$p" "$results/programs" "$REWIND"; }
	done
	table programs
}

# ---- What the rewind ring costs: ours with it and without ----

measure_rewind() {
	[ -e "$KIT/root-i386.img" ] || { say "skipped: rewind (no programs)"; return; }
	for what in kit programs; do
		for rewind in 256M off; do
			say "rewind $rewind: $what"
			folder=$results/rewind/$what.$rewind
			rm -rf "$folder"
			if [ $what = kit ]; then kit_runs emu "$folder" $rewind; else program_runs emu "$folder" $rewind; fi
		done
		tests/bench/compare.py "$results/rewind/$what.256M" "$results/rewind/$what.off" "$what"
	done > "$results/rewind.md"
}

# ---- Flat code without paging; code that runs for the first time ----

measure_flat() {
	tests/bench/flat.sh --times "${FLAT_TIMES:-2}" > "$results/flat.txt" 2>> "$log"
	awk 'NR == 1 { $1 = "" ; gsub(/ ratio/, ""); n = split($0, who, " "); printf "| kernel | native ms |"
			for (i = 2; i <= n; i++) printf " %s |", who[i]
			printf "\n|---|---:|"
			for (i = 2; i <= n; i++) printf "---:|"
			print ""; next }
		$1 == "geomean" { printf "| geometric mean | |"; for (i = 2; i <= NF; i++) printf " **%s** |", $i; print ""; next }
		{ printf "| %s | %.1f |", $1, $2 / 1e6; for (i = 4; i <= NF; i += 2) printf " %s |", $i; print "" }' \
		"$results/flat.txt" > "$results/flat.md"
}

# With the compiler of the last build, or all would be built anew.
build_bench() {
	make -s CC="$(sed 's/ -std=.*//' build/flags)" "build/tests/bench/$1" >> "$log" 2>&1
}

measure_cold() {
	build_bench cold && build/tests/bench/cold > "$results/cold.txt"
	awk '/ ns / { n = match($0, / +[0-9.]+ ns/); split(substr($0, n), v, " ")
		printf "| %s | %s | %s |\n", substr($0, 1, n - 1), v[1], v[3] }' "$results/cold.txt" > "$results/cold.md"
}

# ---- Snapshots, recordings, going back ----

measure_travel() {
	roms/fetch-guest.sh 2>> "$log" && build_bench travel || { say "skipped: travel (see $log)"; return; }
	build/tests/bench/travel ${TRAVEL:-} roms/cache/linux/vmlinuz roms/cache/linux/initrd.gz \
		> "$results/travel.md" 2>> "$log" || say "travel ended early (see $log)"
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

# guest NAME SCRIPT OPTIONS...: bring it up; a line "PID NAME" in $results/idle.pids.
guest() {
	name=$1 script=$2
	shift 2
	printf '%s\n' "$script" 'echo "READY"' 'run 100000' > "$results/script.$n"
	log=$results/idle.log.$n
	if start_until READY ./bygone --display none --discard --script "$results/script.$n" "$@"; then
		echo "$pid $name" >> "$results/idle.pids"
	else
		say "skipped: $name (did not come up)"
	fi
	log=$results/log n=$((n + 1))
}

# Doing nothing, they do not disturb each other.
watch_idle() {
	sleep 2
	while read -r pid name; do
		cpu_ms "$pid" > "$results/idle.$pid"
	done < "$results/idle.pids"
	sleep 20
	while read -r pid name; do
		percent=$(awk -v a="$(cat "$results/idle.$pid")" -v b="$(cpu_ms "$pid")" 'BEGIN { printf "%.2f", (b - a) / 200 }')
		echo "| $name | $percent | $(memory_mib "$pid" memfd:ram) |"
		kill "$pid"
		rm -f "$results/idle.$pid"
	done < "$results/idle.pids"
}

unpacked() { # image.gz -> a copy in $results
	gzip -dc "$SHARED/guests/$1" > "$results/$(basename "$1" .gz)" && echo "$results/$(basename "$1" .gz)"
}

measure_idle() {
	n=0
	: > "$results/idle.pids"
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
	watch_idle > "$results/idle.md"
}

# ---- Memory after the whole kit ----

# Looked at before the last but one of its workloads: after the last, the guest switches itself off.
measure_memory() {
	[ -x "$KIT/guestbench32" ] || { say "skipped: memory (no kit)"; return; }
	if start_until '> stat' ./bygone --mem 512M --kernel "$KIT/vmlinuz-686" --initrd "$KIT/gb-i386.cpio.gz" \
		--append "console=ttyS0 quiet mitigations=off -- -s 30" --serial stdio --display none --speed max; then
		kill -STOP $pid
		echo "| Linux, after the kit | $(memory_mib $pid memfd:ram) |" > "$results/memory.md"
		kill -9 $pid 2> /dev/null
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

[ ! -x "$kit/run-peers.sh" ] || [ -x "$KIT/guestbench32" ] || "$kit/mkinitramfs.sh" build/kit-cache "$KIT" >> "$log" 2>&1
# Guests run everything that their processor has (a kernel passes only 32 words to init); what has
# no figure of the host is not shown.
work=${WORKLOADS:-}
if [ -z "$work" ] && [ -x "$KIT/guestbench32" ]; then
	work=$("$KIT/guestbench32" -l | awk '{ print $1 }' | grep -v '^sse\|^ioport' | tr '\n' ' ')
fi
start_bochs
for part in $all; do
	wanted "$part" || continue
	case $part in idle | clocks) ;; *) wait_for_bochs ;; esac
	say "$part"
	before=$(load)
	measure_"$part"
	conditions "$before" > "$results/$part.when"
	case $part in kit | real | programs) [ "$REWIND" = off ] || printf ', the rewind ring on' >> "$results/$part.when" ;; esac
done
wait_for_bochs
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
	if tests/bench/targets.py "$results" > "$results/targets.md"; then
		part 'What was wanted' '| | wanted | measured | met |
|---|---:|---:|---|' targets.md 'Figures are geometric means where there are several; where each counts, those that fall short are named.'
	fi
	part 'Start' '| | ms from the start of the process to the guest'"'"'s first instruction and back |
|---|---:|' start.md 'A BIOS of three instructions that ends the program. The best of ten runs.'
	part 'Clocks' '| the guest'"'"'s | drift | farthest off |
|---|---:|---:|' clocks.md 'A guest that by turns stores (`rep stos`), takes page faults and halts, for a minute; and a delay loop calibrated against the PIT, whose seconds are timed for 20 of them. Against the host'"'"'s monotonic clock.'
	part 'Idle' '| guest | % of a processor | MiB of host memory beside guest RAM |
|---|---:|---:|' idle.md 'Twenty seconds of doing nothing, without a display.'
	part 'Memory' '| | MiB |
|---|---:|' memory.md 'Host memory in use beside guest RAM, after the workloads below.'
	part 'Boot' '| | wall s | processor s |
|---|---:|---:|' boot.md 'From the start of the process to the first line of `init`, Debian'"'"'s 686 kernel, 512 MiB.'
	part 'Workloads' '' kit.md 'The 32-bit workloads of the kit that need no SSE, in a Linux guest: time as a multiple of the same binary on the host, from processor time of the emulator. emu-686 is Bygone, interp-686 the same with `--engine interp`.'
	part 'Real mode and VGA' '' real.md 'A boot floppy without operating system. qemu is the yardstick; emu is Bygone, interp the same with `--engine interp`.'
	part 'Programs' '' programs.md 'Ordinary programs at ordinary work in a Debian root on an IDE disk, under the same kernel: time as a multiple of the same programs on the host in a chroot. OpenSSL was told that the processor has no SSE. The checksum of `tar` depends on the order of a directory.'
	part 'Flat code' '' flat.md 'A multiboot image: 32-bit code without paging and segments, the same object file on the host, times native (tests/bench/flat.sh).'
	part 'Cold code' '| | ns | cycles |
|---|---:|---:|' cold.md 'What an instruction costs when its code runs for the first time (tests/bench/cold.c).'
	part 'Rewind' '| | times without | most |
|---|---:|---|' rewind.md 'The same with the rewind ring on (`--rewind 256M`: a snapshot of what was written every 100 ms, or more rarely where that costs more than the ring is allowed) and off. The figures above are with it, where their conditions say so.'
	part 'Time travel' '| | measured | wanted |
|---|---:|---:|' travel.md 'Linux with 64 MiB computes, compresses and starts programs (tests/bench/travel.c). The costs are medians of ratios of runs by turns, which execute the same instructions.'
} > docs/performance.md
say "wrote docs/performance.md"
