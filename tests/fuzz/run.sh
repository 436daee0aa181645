#!/bin/sh
# run.sh BUILD SECONDS [TARGET]: run fuzz targets for SECONDS in all. Without TARGET four of them
# share the time, others each day, so that a short run now and then covers all. What they found
# interesting is kept in BUILD/corpus/TARGET; what made one fail is in BUILD/findings.
set -u
cd "$(dirname "$0")/../.." || exit 70
build=$1 seconds=$2 only=${3:-}
at_once=4

mkdir -p "$build/findings"
names=$(for f in tests/fuzz/fuzz_*.c; do basename "$f" .c | sed s/fuzz_//; done)
count=$(echo "$names" | wc -l)
if [ -n "$only" ]; then
	chosen=$only at_once=1
else
	day=$(($(date +%s) / 86400))
	[ "$at_once" -gt "$count" ] && at_once=$count
	chosen=$(for i in $(seq 0 $((at_once - 1))); do
		echo "$names" | sed -n "$(((day * at_once + i) % count + 1))p"
	done)
fi

bad=0
for t in $chosen; do
	corpus=$build/corpus/$t
	mkdir -p "$corpus"
	seeds=
	[ -d "tests/fuzz/seeds/$t" ] && seeds=tests/fuzz/seeds/$t
	log=$build/findings/$t.log
	# shellcheck disable=SC2086
	if "$build/tests/fuzz/fuzz_$t" -max_total_time=$((seconds / at_once)) -timeout=60 -rss_limit_mb=2048 \
		-artifact_prefix="$build/findings/$t-" -print_final_stats=1 "$corpus" $seeds > "$log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		echo "fuzz: $t: $runs inputs, nothing found"
	else
		echo "fuzz: $t: FAILED, the input is in $build/findings; last lines of $log:"
		grep -aE 'ERROR|SUMMARY|runtime error|Assertion|#[0-9] .*\.c:' "$log" | head -n 15
		bad=1
	fi
done
exit $bad
