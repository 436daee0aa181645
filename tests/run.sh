#!/bin/sh
# run.sh [--all] [--list] [NAME...]: run the test programs and add up what they say.
#
# A test is a program: a unit test (Criterion, tests/unit), a comparison of the processor with
# vectors, other decoders or the host (tests/cpu), a run of real guests (tests/boot), what the
# program says (tests/cli). NAME chooses those whose names contain it. --all adds the long ones and
# goes on where an interrupted run stopped: what has passed with this build is not run again. The
# last line: N passed, N failed, N skipped.
#
# Environment: B (build), JOBS (processors), SHARED (../shared: vectors and guests that are not
# part of the project), LIMIT (seconds a test may take; 900, with --all 7200), STOP_AFTER (--all:
# start nothing more after so many seconds, and say what was left out).
set -u
cd "$(dirname "$0")/.." || exit 70
B=${B:-build}
JOBS=${JOBS:-$(nproc)}
SHARED=${SHARED:-../shared}
here=tests/run.sh
engines=interp # those of this build, the reference first
"$B/bygone" --engine jit --print-config > /dev/null 2>&1 && engines="interp jit"

# ---- One test: run.sh --one RESULTS NAME COMMAND... ----

# TAP of Criterion to "passed failed skipped".
count_tap() {
	awk '/^ok .*# SKIP/ { s++; next } /^ok / { p++ } /^not ok / { f++ } END { print p + 0, f + 0, s + 0 }' "$1"
}

# The last line that says "N passed, N failed, N skipped".
count_line() {
	sed -n 's/.*\<\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped.*/\1 \2 \3/p' "$1" | tail -n 1
}

one() {
	res=$1 name=$2
	shift 2
	log=$res/$(echo "$name" | tr / _)
	if [ -n "${STOP_AT:-}" ] && [ "$(date +%s)" -ge "$STOP_AT" ]; then
		echo "$name" > "$log.left"
		return
	fi
	rm -f "$log".*
	start=$(date +%s)
	case $name in unit/*) set -- "$@" -j1 --tap="$log.tap" ;; esac
	# Through a pipe: some tests limit the size of files.
	{
		timeout "$LIMIT" "$@"
		echo $? > "$log.code"
	} 2>&1 < /dev/null | cat > "$log.log"
	code=$(cat "$log.code")
	case $name in
	unit/*) counts=$(count_tap "$log.tap" 2>/dev/null) ;;
	*) counts=$(count_line "$log.log") ;;
	esac
	# shellcheck disable=SC2086
	set -- ${counts:-0 0 0}
	# A program that ends badly without naming a failed test is one itself.
	[ $code != 0 ] && [ "$2" = 0 ] && set -- "$1" 1 "$3"
	[ $code = 0 ] && [ "$1$2$3" = 000 ] && set -- 0 1 0
	echo "$1 $2 $3 $name $code" > "$log.result"
	took=$(($(date +%s) - start))
	if [ "$2" = 0 ]; then
		printf 'ok    %-34s %9s passed%s  (%s s)\n' "$name" "$1" "$([ "$3" = 0 ] || echo ", $3 skipped")" $took
	else
		[ $code = 124 ] && echo "$name: stopped after $LIMIT s" >> "$log.log"
		{
			printf 'FAIL  %-34s %9s passed, %s failed  (%s s, exit code %s)\n' "$name" "$1" "$2" $took $code
			tail -n 40 "$log.log" | sed 's/^/      | /'
		} >&2
	fi
}

if [ "${1:-}" = --one ]; then
	shift
	one "$@"
	exit 0
fi

# ---- All ----

all=false list=false names=
for a; do
	case $a in
	--all) all=true ;;
	--list) list=true ;;
	-*) sed -n '2,12p' "$here" >&2; exit 64 ;;
	*) names="$names $a" ;;
	esac
done
if $all; then LIMIT=${LIMIT:-7200}; else LIMIT=${LIMIT:-900}; fi

# The tests, one a line: name, command. The longest first, so that the processors end together.
jobs_of() {
	for t in $(tests/boot/run.sh --list $($all && echo --all)); do
		[ -e "tests/boot/$t.script" ] || echo "boot/$t tests/boot/run.sh $t"
		[ -e "tests/boot/$t.script" ] && for e in $engines; do
			[ "$e" = interp ] && echo "boot/$t tests/boot/run.sh --engine interp $t" && continue
			echo "boot/$t-$e tests/boot/run.sh --engine $e $t"
			$all && echo "boot/$t-twin-$e tests/boot/run.sh --twin $e $t"
		done
		# Snapshots of each engine go on with each. The tour in the quick run too.
		[ -e "tests/boot/$t.script" ] && for a in $engines; do
			for b in $engines; do
				{ $all || [ "$t" = tour ]; } &&
					echo "boot/$t-snapshots-$a-$b tests/boot/run.sh --twin $b --against $a --moves 20 $t"
			done
		done
	done
	echo "boot/roundtrip $B/tests/boot/roundtrip --fda roms/tour.img --mem 8"
	for g in mikeos/mikeos.flp floppybird/floppybird.img haribote/haribote.img kolibrios-2013/kolibri.img; do
		$all && [ -e "$SHARED/guests/$g" ] &&
			echo "boot/roundtrip-$(basename $g) $B/tests/boot/roundtrip --until 20 --points 20 --fda $SHARED/guests/$g"
	done
	for g in freedos opengem disk; do
		$all && echo "boot/snapshots-$g tests/boot/snapshots.sh --points 20 $g"
	done
	$all && echo "boot/fork-long tests/boot/fork.sh --points 10 freedos disk linux opengem kolibri"
	$all && echo "boot/replay-long tests/boot/replay.sh --times 5 freedos middle kolibri linux"
	echo "boot/soak $B/tests/boot/soak"
	echo "boot/twin-soak $B/tests/boot/twin --soak 1 --until 4 -- --fda roms/tour.img --mem 8M"
	echo "cpu/guests $B/tests/cpu/guests --count 400"
	echo "cpu/lockstep $B/tests/cpu/lockstep"
	echo "cpu/positions $B/tests/cpu/positions"
	for m in 8086 286 386 pentium pentium2; do
		$all && echo "cpu/guests-$m $B/tests/cpu/guests --cpu $m --seed 1000 --count 10000"
	done
	for m in 8086 286; do
		echo "cpu/lockstep-$m $B/tests/cpu/lockstep --cpu $m --count 500000"
	done
	for m in 8086 286 386 486 pentium pentium-mmx pentium2 pentium3; do
		$all && echo "cpu/lockstep-$m-long $B/tests/cpu/lockstep --cpu $m --seed 100000 --count 10000000"
	done
	$all && echo "cpu/twin-tour $B/tests/boot/twin --engine stepper --until 10 -- --fda roms/tour.img --mem 8M"
	count=1000000
	$all && count=50000000
	echo "cpu/silicon $B/tests/cpu/silicon --count $count"
	$all && echo "cpu/silicon-other-seed $B/tests/cpu/silicon --count $count --seed 20"
	for v in sst286-dev sst8086-dev; do
		echo "cpu/vectors-$v $B/tests/cpu/vectors $SHARED/vectors/$v"
	done
	echo "cpu/testfloat $B/tests/cpu/testfloat $SHARED/vectors/testfloat"
	for e in $engines; do
		for v in sst286-dev sst8086-dev; do
			echo "cpu/vectors-$e-$v $B/tests/cpu/vectors --engine $e $SHARED/vectors/$v"
		done
		echo "cpu/testfloat-$e $B/tests/cpu/testfloat --engine $e $SHARED/vectors/testfloat"
		[ $e = interp ] && continue
		echo "cpu/guests-$e $B/tests/cpu/guests --engine $e --against interp --count 400"
		echo "cpu/lockstep-$e $B/tests/cpu/lockstep --engine $e --against interp"
		echo "cpu/lockstep-$e-no-avx512 tests/support/no_avx512.sh $B/tests/cpu/lockstep --engine $e --against interp --seed 2000"
		echo "cpu/testfloat-$e-no-avx512 tests/support/no_avx512.sh $B/tests/cpu/testfloat --engine $e $SHARED/vectors/testfloat"
		echo "cpu/guests-$e-no-avx512 tests/support/no_avx512.sh $B/tests/cpu/guests --engine $e --against interp --count 100 --seed 5000"
		$all && echo "cpu/lockstep-$e-long $B/tests/cpu/lockstep --engine $e --against interp --seed 300000 --count 10000000"
		echo "boot/twin-$e $B/tests/boot/twin --engine $e --until 10 -- --fda roms/tour.img --mem 8M"
		echo "boot/twin-soak-$e $B/tests/boot/twin --engine $e --soak 2 --often 200 --until 6 -- --fda roms/tour.img --mem 8M"
		echo "boot/freedos-soak-$e tests/boot/run.sh --twin $e --soak 3 --often 400 freedos-sizes"
		# Windows are used from the start, and never believed.
		echo "boot/twin-paranoid-$e $B/tests/boot/twin --engine $e --until 10 -- --fda roms/tour.img --mem 8M --windows paranoid"
		echo "boot/freedos-paranoid-$e tests/boot/run.sh --twin $e --windows paranoid freedos-sizes"
		for t in $($all && tests/boot/run.sh --list --all); do
			[ -e "tests/boot/$t.script" ] &&
				echo "boot/$t-paranoid-$e tests/boot/run.sh --twin $e --windows paranoid $t"
		done
		for t in $($all && tests/boot/run.sh --list --all); do
			[ -e "tests/boot/$t.script" ] && for when in auto always paranoid; do
				seed=${#when} # any will do
				echo "boot/$t-soak-$e-$when tests/boot/run.sh --twin $e --soak $seed --often 400 --windows $when $t"
			done
		done
		echo "cpu/silicon-$e $B/tests/cpu/silicon --engine $e --count $count"
	done
	echo "cli/program tests/cli/run.sh"
	echo "cpu/decode-oracle $B/tests/cpu/decode_oracle"
	$all && echo "cpu/matrix tests/cpu/matrix.sh"
	for e in $engines; do
		only='connections sector kernel program reverse' # connections do not depend on it
		[ "$e" = interp ] || only='sector kernel program reverse linux'
		echo "gdb/dialogues-$e tests/gdb/run.sh --engine $e $only"
		echo "debug/pixels-$e tests/debug/pixels.py --engine $e"
	done
	echo "debug/tutorial tests/debug/tutorial.py"
	echo "qmp/dialogues tests/qmp/run.sh"
	echo "window/keys-and-mouse tests/window/window.py"
	for t in tests/support/test_*.sh; do
		[ -x "$t" ] && echo "script/$(basename "$t" .sh) $t"
	done
	for t in x87 mmx; do
		echo "unit/cpu/$t-no-avx512 tests/support/no_avx512.sh $B/tests/unit/cpu/test_$t"
	done
	find tests/unit -name 'test_*.c' | sort | while read -r src; do
		t=${src%.c}
		echo "unit/$(basename "$(dirname "$src")")/$(basename "$t" | sed s/test_//) $B/$t"
	done
}
chosen() {
	jobs_of | while read -r name command; do
		[ -z "$names" ] && echo "$name $command" && continue
		for n in $names; do
			case $name in *"$n"*) echo "$name $command"; break ;; esac
		done
	done
}
if $list; then
	chosen | sed 's/ .*//'
	exit 0
fi

res=$B/test-results
$all && res=$B/test-results-all
mkdir -p "$res"
# With --all keep what has passed since the programs were built.
for r in "$res"/*; do
	case $r in *.result) ;; *) continue ;; esac
	if $all && [ "$r" -nt "$B/libbygone.a" ]; then
		read -r p f s name code < "$r"
		[ "$f" = 0 ] && continue
	fi
	rm -f "$r"
done
for r in "$res"/*.log; do [ -e "${r%.log}.result" ] || rm -f "$r"; done
rm -f "$res"/*.left
[ -n "${STOP_AFTER:-}" ] && STOP_AT=$(($(date +%s) + STOP_AFTER)) && export STOP_AT
export BYGONE_ENGINES="$engines"
# Programs with the address sanitizer take the host's page faults themselves, if they ask for them.
export ASAN_OPTIONS="allow_user_segv_handler=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export B JOBS SHARED LIMIT BYGONE_GUESTS="${BYGONE_GUESTS:-$(readlink -m "$SHARED")/guests}"

# Once each: two of one name would write one log.
chosen | awk '!seen[$1]++' > "$res/jobs"
while read -r name command; do
	log=$res/$(echo "$name" | tr / _)
	[ -e "$log.result" ] && continue
	program=${command%% *}
	if [ ! -x "$program" ]; then
		echo "0 0 1 $name 0" > "$log.result"
		echo "skipped: $name ($program could not be built)" > "$log.log"
		continue
	fi
	printf '%s\0' "$name $command"
done < "$res/jobs" | xargs -0 -r -P "$JOBS" -I@ sh -c "exec $here --one $res @"

echo
cat "$res"/*.log 2>/dev/null | grep -aE '^skipped:? ' | sort | uniq
if ls "$res"/*.left > /dev/null 2>&1; then
	echo "Left out, for want of time (run again to go on): $(cat "$res"/*.left | tr '\n' ' ')"
fi
failed=$(cat "$res"/*.result | awk '$2 { printf " %s", $4 }')
[ -n "$failed" ] && echo "Failed:$failed; logs are in $res"
cat "$res"/*.result | awk '{ p += $1; f += $2; s += $3 } END {
	printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }'
