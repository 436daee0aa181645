#!/bin/sh
# rewind.sh: a guest in real time, wound back and forth from the monitor, on each engine.
#
# FreeDOS writes files to its floppy. The newest moment must be the same after every way through the
# past, steps back must be steps forward's opposite, and the image must hold the newest state all
# the while. A step back must take less than LIMIT seconds (default 5: the host may be busy; goal 1).
# Ends in "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
root=$here/../..
bygone=${BYGONE:-$root/bygone}
guests=${BYGONE_GUESTS:-$root/../shared/guests}
limit=${LIMIT_STEP:-5} engines=interp
"$bygone" --engine jit --print-config >/dev/null 2>&1 && engines="interp jit"
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-rewind.XXXXXX") || exit 71
monitor=
trap 'exec 3>&-; kill $monitor 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 71
passed=0 failed=0

if ! gzip -dc "$guests/freedos-sizes/fdboot-1.4MB.img.gz" >one.img 2>/dev/null; then
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

# ask COMMAND: its answer in the file `answer`.
ask() {
	lines=$(wc -l <log)
	printf '%s\necho-end-%s\n' "$1" "$lines" >&3
	i=0
	until grep -q "echo-end-$lines" log; do
		sleep 0.05
		i=$((i + 1))
		[ $i -lt 1200 ] || { echo "no answer to $1"; tail log; return 1; }
	done
	tail -n +"$((lines + 1))" log | sed 's/(bygone) //g' | grep -v "echo-end\|^help lists" >answer
}

check() {
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED $engine: $1: '$2', expected '$3'"
	fi
}

hash_now() {
	ask state-hash
	grep -o '^[0-9a-f]\{16\}$' answer
}

place() {
	ask where
	grep -o '^[0-9a-f]\{4\}:[0-9a-f]*' answer | tail -n 1
}

type_keys() {
	for k in "$@"; do
		ask "sendkey $k"
		sleep 0.12
	done
}

run_on() {
	engine=$1
	gzip -dc "$guests/freedos-sizes/fdboot-1.4MB.img.gz" >one.img
	rm -f in && mkfifo in && : >log
	"$bygone" --engine "$engine" --display none --fda one.img --monitor stdio <in >log 2>&1 &
	monitor=$!
	exec 3>in
	i=0
	until ask print-screen && grep -q '^A:' answer; do
		sleep 0.5
		i=$((i + 1))
		[ $i -lt 120 ] || break
	done
	type_keys e c h o spc a shift-dot n enter
	sleep 2
	ask stop
	newest=$(hash_now)
	image=$(cksum <one.img)
	ask "rewind 2"
	check 'the past is another state' "$([ "$(hash_now)" != "$newest" ] && echo yes)" yes
	ask "rewind 1"
	check 'the image keeps the newest state' "$(cksum <one.img)" "$image"
	ask "rewind present"
	check 'the newest moment again' "$(hash_now)" "$newest"
	started=$(date +%s)
	ask step-back
	took=$(($(date +%s) - started))
	check "a step back took $took s" "$([ $took -le "$limit" ] && echo soon)" soon
	ask step-back
	before=$(place)
	ask step-back
	ask "step 1"
	sleep 0.5
	check 'a step forward undoes a step back' "$(place)" "$before"
	ask "rewind present"
	check 'and once more' "$(hash_now)" "$newest"
	ask "rewind 1"
	ask cont
	sleep 3
	ask rewind
	check 'the old present is passed' "$(grep -c 'before the newest' answer)" 0
	echo quit >&3
	exec 3>&-
	wait $monitor
	monitor=
}

for e in $engines; do
	run_on "$e"
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
