#!/bin/sh
# run.sh: what the program says and how it ends, run as users run it. Each check gives the exit code
# and a part of what must be printed. Ends in "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 70
bygone=${BYGONE:-$here/../../bygone}
passed=0 failed=0 skipped=0
work=$(mktemp -d "${TMPDIR:-/tmp}/bygone-cli.XXXXXX") || exit 71
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 71

# check NAME CODE TEXT COMMAND...: run it; output in $work/out.
check() {
	name=$1 code=$2 text=$3
	shift 3
	timeout 120 "$@" >out 2>&1 </dev/null
	judge "$name" $? "$code" "$text"
}

judge() {
	if [ "$2" = "$3" ] && { [ -z "$4" ] || grep -qF -- "$4" out; }; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED $1: exit code $2, expected $3; '$4' expected in:"
		sed 's/^/    /' out
	fi
}

# Wait until TEXT is in FILE, as long as a busy host may need.
wait_for() {
	for tenth in $(seq 600); do
		grep -q "$1" "$2" 2>/dev/null && break
		sleep 0.1
	done
}

# A boot sector from octal bytes, as a floppy of 160K.
boot_sector() {
	printf "$2" >"$1" && truncate -s 510 "$1" && printf '\125\252' >>"$1" && truncate -s 160K "$1"
}

# mov dx, 501h; mov al, 31h; out dx, al; hlt
boot_sector exit.img '\272\001\005\260\061\356\364\353\375'
# lidt [7C0Ah], of six zero bytes; int3: the fault cannot be delivered, nor can the double fault
boot_sector crash.img '\017\001\036\012\174\314'
# mov ax, 0E41h; int 10h; hlt; jmp $-1: prints A
boot_sector idle.img '\270\101\016\315\020\364\353\375'
# mov ax, 0301h; mov cx, 2; xor dx, dx; mov bx, 7C00h; int 13h: writes itself to the second sector
boot_sector write.img '\061\300\216\300\270\001\003\271\002\000\061\322\273\000\174\315\023\272\001\005\260\000\356\364\353\375'
# int 13h AH=43h: writes itself to sector 100000 of drive 80h; exits with FFh if that failed (CF)
boot_sector far.img '\061\300\216\330\216\300\270\000\103\262\200\276\030\174\315\023\272\001\005\326\356\364\353\375\020\000\001\000\000\174\000\000\240\206\001\000\000\000\000\000'
printf 'wait-text "A" 20\nwait-still 0.2 5\nstate-hash\n' >idle.script
printf 'wait-text "@@" 1\n' >fail.script
printf 'wait-text "A" 1\nfrobnicate\n' >bad.script
B="$bygone --display none --deterministic --speed 20"

# The command line.
check help 0 'Usage: bygone' $bygone --help
check version 0 'Bygone ' $bygone --version
check 'unknown option' 64 "did you mean '--mem'" $bygone --memm 3
check 'reserved option' 64 'not in this version' $bygone --net user
check 'configuration of a machine' 0 "fda = $work/idle.img" $bygone --print-config idle.img
printf 'mem = 32M\nmemm = 1\n' >bad.ini
check 'error in a configuration file' 65 "'bad.ini' line 2: unknown name 'memm'; did you mean 'mem'?" \
	$bygone --config bad.ini
$bygone --print-config idle.img --mem 8M --speed 20 --deterministic --script idle.script >good.ini
check 'a printed configuration runs' 0 '' $bygone --config good.ini
hash=$(cat out)

# How it ends.
check 'the same run twice' 0 "$hash" $bygone --config good.ini
check 'debug exit' 99 'drive A:' $B --debug-exit exit.img --stop-after 60
check 'stop-after' 0 '' $B idle.img --stop-after 2
check 'a failed script' 2 'line 1: wait-text "@@" 1' $B idle.img --script fail.script
check 'a script that is none' 65 "'bad.script' line 2: unknown action 'frobnicate'" \
	$B idle.img --script bad.script
check 'a crash' 4 'triple fault' $B crash.img --stop-after 60
grep -q '0000:00007c0[0-9a-f]' out || judge 'a crash names the place' 1 0 '0000:00007c05'
check 'a crash that resets' 0 'triple fault' $B crash.img --reset-on-triple-fault --stop-after 5
$bygone --display none --discard idle.img >out 2>&1 & pid=$!
sleep 1
kill -TERM $pid
wait $pid
judge 'a signal' $? 143 ''

# Bad input.
check 'a missing image' 65 "'none.img': there is no such file" $B none.img
check 'a missing image by option' 65 "fda: 'none.img': there is no such file" $B --fda none.img
: >empty.img
check 'an empty image' 65 "'empty.img': empty" $B empty.img
check 'an empty image by option' 65 "fda: 'empty.img': empty" $B --fda empty.img
printf 'QFI\373' >q.img && truncate -s 1M q.img
check 'a qcow2 image' 65 'qemu-img convert' $B q.img
check 'a text file' 65 'neither boot sector nor any known format' $B idle.script
check 'a kernel that is none' 65 "'idle.script'" $B --kernel idle.script
head -c 100000 /dev/zero >odd.bin
check 'SeaBIOS on a 386' 4 'bios: SeaBIOS has instructions of the 486' $B --cpu 386 idle.img
check 'a BIOS of odd size' 65 "bios: 'odd.bin'" $B --bios odd.bin idle.img
head -c 700 write.img >short.img
check 'a truncated image' 99 '' sh -c "$B --debug-exit --fda short.img --stop-after 20; exit 99"
cp idle.img busy.img
$bygone --display none --fda busy.img --debugcon file:busy.bios >busy.log 2>&1 & pid=$!
wait_for SeaBIOS busy.bios
check 'an image in use' 65 "'busy.img'" $bygone --display none --fda busy.img --stop-after 1
check 'an image in use, with --discard' 0 '' $bygone --display none --fda busy.img --discard \
	--stop-after 1
kill $pid
wait $pid 2>/dev/null

# What guests write stays, or does not.
truncate -s 64M hd.img
cp write.img w.img
check 'writes are discarded' 1 '' $B --debug-exit w.img --stop-after 60
cmp -s write.img w.img || judge 'a discarded write' 1 0 ''
check 'writes are kept' 1 '' $B --debug-exit --keep-writes w.img --stop-after 60
head -c 512 w.img >one && dd if=w.img bs=512 skip=1 count=1 of=two 2>/dev/null
cmp one two >out 2>&1
judge 'a kept write' $? 0 ''
check 'a write far out' 1 '' $B --debug-exit --keep-writes far.img --hda hd.img --stop-after 60
# The host refuses to let files grow past 40 MB, as a full disk does; the guest is told, and we are.
(ulimit -f 80000; timeout 120 $B --engine interp --debug-exit --keep-writes --mem 1M far.img --hda hd.img \
	--stop-after 60; echo "exit code $?") 2>&1 | cat >out
judge 'a full host disk' 0 0 'exit code 255'
judge 'a full host disk is told' 0 0 "'hd.img': writing failed"

# Commands of the monitor in scripts. The guest of idle.img stands at the HLT behind its INT 10h.
cat >command.script <<'END'
command tbreak 0x7c00
command cont 10
expect-output "0000:7c00"
command step
expect-output "int 0x10"
command print ax
expect-output "0xe41"
command until 0x7c05  # the call to the BIOS
expect-output "hlt"
command cont
wait-text "A" 5
END
check 'commands in a script' 0 '' $B idle.img --script command.script
cp out out.first
$B idle.img --script command.script >out 2>&1
cmp out out.first >/dev/null || judge 'commands in a script, twice' 1 0 ''
printf 'command print\n' >bad.script
check 'a command in a script is checked first' 65 'line 1: usage: print EXPRESSION' \
	$B idle.img --script bad.script
printf 'command print foo\n' >bad.script
check 'a command that fails ends the script' 2 "foo" $B idle.img --script bad.script
printf 'command stop\nrun 1\n' >bad.script
check 'a script does not wait for itself' 2 "stands still since line 1; 'command cont'" \
	$B idle.img --script bad.script
printf 'command break 0x7c00\nrun 5\n' >bad.script
check 'a stop in the middle of another action' 2 'the debugger has stopped the machine' \
	$B idle.img --script bad.script
printf 'command quit\necho "never"\n' >bad.script
check 'quit by a command' 0 '' $B idle.img --script bad.script
grep -q never out && judge 'quit by a command ends it' 1 0 ''
printf 'run 2\ncommand rewind 1\ncommand step-back\ncommand rewind present\ncommand where\n' >back.script
check 'going back in a script' 0 'the newest moment' $B idle.img --rewind 64M --script back.script

# Snapshots: saved in one process, loaded in another.
printf 'wait-text "A" 20\nsave s.snap\nrun 1\nstate-hash\n' >save.script
printf 'run 1\nstate-hash\n' >load.script
check 'a snapshot is saved' 0 '' $B idle.img --script save.script
hash=$(grep -x '[0-9a-f]*' out)
check 'a snapshot goes on' 0 "$hash" $bygone --load s.snap --script load.script
cp idle.img moved.img && mv idle.img gone.img
check 'a snapshot without its image' 65 "idle.img': there is no such file" $bygone --load s.snap \
	--display none --stop-after 1
check 'a snapshot whose image has moved' 0 "$hash" $bygone --load s.snap --fda moved.img \
	--script load.script
mv gone.img idle.img
check 'a snapshot of another machine' 64 '--mem cannot be combined with --load' $bygone \
	--load s.snap --mem 32M
check 'a snapshot that is none' 65 'is no snapshot' $bygone --load idle.img
check 'a snapshot that is not there' 65 'there is no such file' $bygone --load nothing.snap
check 'a disk that the snapshot lacks' 65 'nothing was in that drive' $bygone --load s.snap --hda hd.img
head -c 30000 s.snap >cut.snap
check 'half a snapshot' 65 'cut short' $bygone --load cut.snap
$bygone --display none --discard idle.img --suspend sleep.snap >out 2>&1 & pid=$!
sleep 2
kill -TERM $pid
wait $pid
judge 'a suspended machine' $? 75 "--load 'sleep.snap'"
check 'a machine that wakes up' 0 '' $bygone --load sleep.snap --display none --stop-after 3
check 'a place where nothing can be suspended' 71 "suspend: '/nonexistent/s'" \
	$B idle.img --suspend /nonexistent/s
printf 'save m.snap\nload m.snap\nload idle.img\nload none\nquit\n' >commands
timeout 60 sh -c "(sleep 1; cat commands) | $bygone --display none --discard idle.img --monitor stdio" \
	>out 2>&1
judge 'save and load in the monitor' $? 0 'is no snapshot'

# Disks go back with the machine: the guest writes its boot sector to the second one after the save.
cp write.img w.img
printf 'save w.snap\nwait-still 1 20\n' >write.script
check 'a snapshot before a write' 1 '' $B --keep-writes --debug-exit w.img --script write.script
cmp -s write.img w.img && judge 'the guest wrote' 1 0 ''
check 'going back before the write' 0 "kept in 'w.snap.before'" $bygone --load w.snap --display none \
	--stop-after 0.001
cmp write.img w.img >out 2>&1
judge 'the image as it was' $? 0 ''
check 'and forward again' 0 '' $bygone --load w.snap.before --display none --stop-after 0.001
cmp -s write.img w.img && judge 'the image as it became' 1 0 ''
check 'the same write again' 1 '' $bygone --load w.snap --display none --stop-after 60
printf 'X' >>w.img
check 'an image that something else wrote' 65 'another size' $bygone --load w.snap --display none

# Recordings.
cp idle.script long.script
echo 'run 60' >>long.script # a point begins once the start is written
check 'a recording' 0 ' points, ' $B idle.img --script long.script --record r.rec --record-points 0.5
check 'its points' 0 '(the start)' $bygone --print-points r.rec
check 'a replay from its start' 0 'all as recorded' $bygone --display none --replay r.rec
printf 'set ax = 1\nset word [500h] = 1\nquit\n' >commands
timeout 60 $bygone --display none --replay r.rec --monitor stdio --stopped <commands >out 2>&1
judge 'a register in a replay' $? 0 'ax cannot be set to that now: a recording plays'
judge 'memory in a replay' 0 0 'memory cannot be changed now: a recording plays'
check 'a replay from a point' 0 'all as recorded' $bygone --display none --replay r.rec --replay-from '#1'
check 'a replay from a time' 0 'all as recorded' $bygone --display none --replay r.rec --replay-from 1e3
$bygone --print-points r.rec >/dev/full 2>out
judge 'points on a full disk' $? 71 'is a disk full?'
check 'a point that is not there' 65 'it has no point 99' $bygone --display none --replay r.rec \
	--replay-from '#99'
check 'a place that is none' 64 'takes SECONDS, @INSTRUCTION or #POINT' $bygone --replay r.rec --replay-from x
: >empty.rec
check 'an empty recording' 65 'it is empty' $bygone --display none --replay empty.rec
check 'points of no recording' 65 'it is not a recording' $bygone --print-points idle.img
check 'points that are no time' 64 '--record-points takes seconds' $bygone --record r.rec --record-points x

# Seen and heard.
check 'a screenshot' 0 '' $B idle.img --stop-after 2 --screenshot s.png
head -c 8 s.png | od -An -c | tr -d ' \n' >out
judge 'a screenshot is a PNG' 0 0 'PNG'
check 'a screenshot where no plain file is' 71 'is not a plain file' $B idle.img --stop-after 1 \
	--screenshot .
check 'a screenshot nowhere' 71 '/nonexistent/s.png' $B idle.img --stop-after 1 \
	--screenshot /nonexistent/s.png
printf 'print-screen\ninfo pic\nx/2i 0x7c00\nquit\n' >commands
rm -f idle.bios
{
	wait_for 'Booting from 0000:7c00' idle.bios
	cat commands
} | timeout 120 $bygone --display none --discard idle.img --monitor stdio --debugcon file:idle.bios >out 2>&1
judge 'the monitor' $? 0 'mov ax, 0xe41'
check 'a monitor nowhere' 71 '/nonexistent/m' $bygone --display none idle.img \
	--monitor unix:/nonexistent/m --discard
check 'gdb nowhere' 71 '/nonexistent/g' $bygone --display none idle.img --gdb unix:/nonexistent/g \
	--discard
check 'programs nowhere' 71 'qmp: ' $bygone --display none idle.img --qmp unix:/nonexistent/q --discard
check 'to wait for no gdb' 64 '--gdb-wait goes with --gdb' $bygone --gdb-wait idle.img
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
