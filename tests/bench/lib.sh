# Measuring processes from outside; sourced by quick.sh and perf.sh, which run in the project's folder.

ticks=$(getconf CLK_TCK)

# Processor time of process $1 in milliseconds.
cpu_ms() {
	awk -v t="$ticks" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / t) }' "/proc/$1/stat"
}

# Host memory of process $1 in MiB, without the guest's RAM: "private" is what it allocated and
# wrote, "files" its program and libraries. Video memory, ROMs and guest RAM are shared mappings;
# of them, those called $2 are left out. What this process maps more than once (translated code,
# memory in windows) counts once: of those, their share.
memory_mib() {
	awk -v ram="$2" '
		/^[0-9a-f]+-[0-9a-f]+ / { guest = index($0, ram) > 0 }
		/^[0-9a-f]+-[0-9a-f]+ / { often = index($0, "/dev/zero") > 0 || index($0, "/memfd:") > 0 }
		/^Rss:/ && !guest && !often { kib += $2 }
		/^Pss:/ && !guest && often { kib += $2 }
		END { printf "%.1f\n", kib / 1024 }' "/proc/$1/smaps"
}

# Start a command in the background with its output in $log; wait until a line with $1 appears.
start_until() {
	what=$1
	shift
	: > "$log"
	"$@" >> "$log" 2>&1 < /dev/null &
	pid=$!
	for _ in $(seq 1200); do
		grep -q "$what" "$log" && return 0
		kill -0 $pid 2> /dev/null || return 1
		sleep 0.1
	done
	kill $pid
	return 1
}

# Percent of a processor that process $1 takes over $2 seconds.
busy_percent() {
	before=$(cpu_ms "$1")
	sleep "$2"
	after=$(cpu_ms "$1")
	awk -v ms=$((after - before)) -v s="$2" 'BEGIN { printf "%.2f\n", ms / s / 10 }'
}

# A BIOS whose first instructions end the program through port 501h: mov dx,501h; out dx,al; hlt.
first_instruction_bios() {
	{ head -c 65520 /dev/zero; printf '\272\001\005\356\364'; head -c 11 /dev/zero; } > "$1"
}

# Milliseconds for one run of a command, the best of ten.
best_ms() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		a=$(date +%s%N)
		"$@" > /dev/null 2>&1 < /dev/null
		echo $((($(date +%s%N) - a) / 10000))
	done | sort -n | awk 'NR == 1 { printf "%.1f\n", $1 / 100 }'
}
