#!/bin/sh
# idle.sh [--display none|window] [NAME...]: what an idle guest costs the host, in percent of a core.
#
# Each guest is brought to a prompt or desktop by a script; then the processor time of the whole
# process over SECONDS (30) of wall time is read from /proc. NAMEs: freedos emm386 gem linux mikeos
# edit. Guests are looked for under $BYGONE_GUESTS (default ../shared/guests); Linux is taken from
# $LINUX_KERNEL and $LINUX_INITRD, by default what roms/fetch-guest.sh made.
# A window needs a display: under Xvfb, run this whole script with xvfb-run.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
bygone=${BYGONE:-$here/../../bygone}
guests=${BYGONE_GUESTS:-$here/../../../shared/guests}
kernel=${LINUX_KERNEL:-$here/../../roms/cache/linux/vmlinuz}
initrd=${LINUX_INITRD:-$here/../../roms/cache/linux/initrd.gz}
seconds=${SECONDS_IDLE:-30}
display=none

if [ "${1-}" = --display ]; then
	display=$2
	shift 2
fi
[ $# -gt 0 ] || set -- freedos emm386 gem linux
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-idle.XXXXXX") || exit 71
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

unpack() {
	[ -e "$work/$2" ] || gzip -dc "$guests/$1" >"$work/$2"
}

# Sets options and writes the script that leads to the idle state.
guest() {
	case $1 in
	freedos)
		unpack freedos-sizes/fdboot-1.4MB.img.gz fd.img || return 1
		options="--fda $work/fd.img"
		printf 'wait-text "A:" 60\n' ;;
	edit | emm386 | gem)
		unpack freedos-opengem/fdgem.img.gz gem.img || return 1
		options="--hda $work/gem.img --mem 16M"
		printf 'wait-text "Select from Menu" 30\n'
		case $1 in
		gem) printf 'type "1\\n"\nwait-still 3 60\n' ;;
		emm386) printf 'type "2\\n"\nwait-text "C:\\\\" 40\n' ;;
		edit) printf 'type "3\\n"\nwait-text "C:\\\\" 40\ntype "edit\\n"\nrun 4\n' ;;
		esac ;;
	mikeos)
		unpack mikeos/mikeos.flp.gz mikeos.img || return 1
		options="--fda $work/mikeos.img"
		printf 'wait-still 2 30\n' ;;
	linux)
		[ -e "$kernel" ] && [ -e "$initrd" ] || return 1
		options="--kernel $kernel --initrd $initrd --mem 128M"
		printf 'wait-text "/ #" 120\n' ;;
	*) return 1 ;;
	esac
	printf 'run 3\necho "idle"\nrun %s\n' $((seconds + 10))
}

for name; do
	options=
	guest "$name" >"$work/script" || { echo "skipped $name: its files are missing"; continue; }
	: >"$work/out"
	# shellcheck disable=SC2086 # several options
	"$bygone" $options ${EXTRA-} --discard --display "$display" --script "$work/script" >"$work/out" 2>"$work/log" &
	pid=$!
	until grep -q idle "$work/out" || ! kill -0 $pid 2>/dev/null; do sleep 0.2; done
	if ! kill -0 $pid 2>/dev/null; then
		echo "failed $name:"
		cat "$work/log"
		continue
	fi
	printf '%-8s %-7s %6s %% of a core over %d s (load %s)\n' "$name" "$display" \
		"$(busy_percent $pid "$seconds")" "$seconds" "$(cut -d ' ' -f 1 /proc/loadavg)"
	kill $pid
	wait $pid 2>/dev/null
done
