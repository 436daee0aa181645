#!/usr/bin/env python3
"""fork.py BYGONE FLOPPY [ENGINE]: forks as their user sees them, in real time, with FreeDOS on FLOPPY.

Processes write files to the same floppy and must not see each other's; they are killed, stopped,
recorded, and refused what the host does not have. Ends in "N passed, N failed, N skipped".
"""
import json, os, re, resource, shutil, signal, socket, subprocess, sys, tempfile, time

bygone, floppy = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
engine = sys.argv[3] if len(sys.argv) > 3 else 'jit'
passed = failed = 0
strays = []  # processes that were forked off, to be ended whatever happens


def check(what, good, seen=''):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f'FAILED {engine}: {what}: {seen}')


class Machine:
    """A process, by its QMP socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(600):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.file = self.socket.makefile('rw')
        self.file.readline()
        self.ask('qmp_capabilities')

    def ask(self, command, **arguments):
        self.file.write(json.dumps({'execute': command, 'arguments': arguments}))
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if 'event' not in answer:
                return answer.get('return', answer)

    def line(self, text):
        return self.ask('human-monitor-command', **{'command-line': text})

    def type(self, text):
        names = {' ': 'space', '\n': 'enter', '.': 'period', '>': 'shift-period', '*': 'shift-8'}
        for c in text:
            self.line('sendkey ' + names.get(c, c))
            time.sleep(0.02)

    def screen(self, text, seconds=60):
        shown = ''
        for _ in range(seconds * 5):
            shown = self.line('print-screen')
            if re.search(text, shown):
                return shown
            time.sleep(0.2)
        return shown

    def run(self, command):
        """At the prompt of DOS; returns what is shown when the next prompt is there."""
        self.type('cls\n')
        self.screen(r'\A\s*A:\\>\s*\Z')
        self.type(command + '\n')
        return self.screen(r'A:\\>' + re.escape(command) + r'(?s:.*)\nA:\\>\s*\Z')

    def files(self):
        """What the root directory holds, by the guest's own word."""
        return self.run('dir *.t')

    def fork(self, options):
        """Returns (the new one or None, its PID, what was said)."""
        answer = self.ask('fork', options=options)
        said = answer.get('message', '') if isinstance(answer, dict) else str(answer)
        at = re.search(r'process (\d+) .*?qmp unix:([^,\s]+)', said, re.S)
        if not at:
            return None, 0, answer.get('error', {}).get('desc', said)
        strays.append(int(at[1]))
        return Machine(at[2]), int(at[1]), said


def start(image, *options, **environment):
    path = f'p{len(strays)}-{time.monotonic_ns()}.sock'
    process = subprocess.Popen(
        [bygone, '--display', 'none', '--engine', engine, '--qmp', 'unix:' + path, '--fda', image, *options],
        env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    strays.append(process.pid)
    return Machine(path), process


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().split(')')[1].split()[0] != 'Z'
    except OSError:
        return False


def wait_gone(pid):
    for _ in range(300):
        if not is_alive(pid):
            return True
        time.sleep(0.1)
    return False


def names_in(image):
    return [n for n in (b'BOTH', b'ONE', b'LATE', b'TWO', b'THREE') if n.ljust(8) + b'T  ' in image]


def disks():
    shutil.copy(floppy, 'a.img')
    first, process = start('a.img', '--rewind', '64M')
    check('FreeDOS starts', 'A:\\>' in first.screen(r'A:\\>', 120), first.line('print-screen'))
    first.run('echo x > both.t')
    second, pid, said = first.fork('')
    check('a fork says where it is', second, said)
    check('and how long the first stood still', 'stood still for' in said, said)
    first.run('echo x > one.t')
    second.run('echo x > two.t')
    third, third_pid, said = second.fork('--qmp unix:third.sock')
    check('a fork of a fork', third, said)
    seen = first.files()
    check('the first sees its own files', 'ONE' in seen and 'BOTH' in seen and 'TWO' not in seen, seen)
    seen = second.files()
    check('so does the second', 'TWO' in seen and 'BOTH' in seen and 'ONE' not in seen, seen)
    said = second.line('export fda two.img')
    check('the second\'s disk can be kept', not said, said)
    with open('two.img', 'rb') as f:
        check('with its files', names_in(f.read()) == [b'BOTH', b'TWO'])
    os.kill(pid, signal.SIGKILL)
    first.run('echo x > late.t')
    seen = first.files()
    check('the first goes on when the second is killed', 'LATE' in seen and 'ONE' in seen, seen)
    seen = third.files()
    check('and so does the third', 'TWO' in seen and 'ONE' not in seen and 'LATE' not in seen, seen)
    first.ask('quit')
    check('the first ends in order', process.wait(60) == 0)
    third.run('echo x > three.t')
    seen = third.files()
    check('the third outlives it', 'THREE' in seen and 'ONE' not in seen and 'TWO' in seen, seen)
    with open('a.img', 'rb') as f:
        image = f.read()
    names = names_in(image)
    check('the image holds the first one\'s files', names == [b'BOTH', b'ONE', b'LATE'], names)
    refused = subprocess.run([bygone, '--display', 'none', '--fda', 'a.img', '--stop-after', '0.1'],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
    check('the image stays locked', refused.returncode == 65 and 'in use' in refused.stderr, refused)
    third.ask('quit')
    check('the third ends', wait_gone(third_pid))
    again = subprocess.run([bygone, '--display', 'none', '--fda', 'a.img', '--stop-after', '0.1'],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
    check('and lets go of it', again.returncode == 0, again)
    return image


def moments():
    shutil.copy(floppy, 'b.img')
    first, process = start('b.img', '--record', 'a.rec')
    time.sleep(2)
    first.ask('stop')
    second, pid, said = first.fork('--record b.rec')
    check('one that stands still is forked into one that does', second and
          second.ask('query-status')['status'] == 'paused', said)
    # A recording begins where no timer is due any more, which may be a step ahead of the state as it was.
    other, other_pid, said = first.fork('--engine interp')
    check('their states are the same', other and first.line('state-hash') == other.line('state-hash'), said)
    second.ask('cont')
    first.ask('cont')
    second.screen(r'A:\\>', 120)
    second.run('ver')
    for machine, number in ((second, pid), (other, other_pid)):
        machine.ask('quit')
        check('they end', wait_gone(number))
    first.ask('quit')
    process.wait(60)
    for name in 'a.rec', 'b.rec':
        played = subprocess.run([bygone, '--display', 'none', '--engine', engine, '--replay', name],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        check(f'{name} plays', played.returncode == 0, (played.returncode, played.stderr))


def scripts():
    """A script forks; both take a picture at the same moment of the guest's time."""
    shutil.copy(floppy, 'e.img')
    with open('one.script', 'w') as f:
        f.write('run 4\ncommand fork --script two.script\nexpect-output "goes on"\nkey x\nrun 1\nscreenshot one.png\n')
    with open('two.script', 'w') as f:
        f.write('key x\nrun 1\nscreenshot two.png\nrun 0.1\nscreenshot end.png\n')
    ended = subprocess.run([bygone, '--display', 'none', '--engine', engine, '--deterministic', '--fda', 'e.img',
                            '--script', 'one.script'], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    said = ended.stdout + ended.stderr
    check('a script forks', ended.returncode == 0, said)
    number = re.search(r'process (\d+)', said)
    check('and its fork runs a script', number and wait_gone(int(number[1])) and os.path.exists('end.png'), said)
    pictures = [open(name, 'rb').read() for name in ('one.png', 'two.png') if os.path.exists(name)]
    check('both take the same picture', len(pictures) == 2 and pictures[0] == pictures[1])


def replayed():
    """In the middle of a replay, at a breakpoint."""
    path = 'replay.sock'
    process = subprocess.Popen([bygone, '--display', 'none', '--engine', engine, '--replay', 'a.rec', '--stopped',
                                '--monitor', 'unix:m.sock', '--qmp', 'unix:' + path], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    strays.append(process.pid)
    first = Machine(path)
    first.line('break 0x7c00')
    first.line('cont 60')
    second, pid, said = first.fork('')
    check('a replay is forked at a breakpoint', second, said)
    check('into the same state', second and first.line('state-hash') == second.line('state-hash'))
    second.ask('cont')
    check('which goes on alone', 'A:\\>' in second.screen(r'A:\\>', 120), second.line('print-screen'))
    second.ask('quit')
    check('and ends', wait_gone(pid))
    first.line('delete')
    first.ask('cont')
    check('the replay plays to its end', process.wait(120) == 0, process.returncode)


def refusals():
    shutil.copy(floppy, 'c.img')
    first, process = start('c.img')
    for options, part in (('--hda c.img', 'disk'), ('--mem 16M', '--mem'), ('--serial stdio', 'terminal'),
                          ('--display terminal', 'terminal'), ('--nonsense', 'unknown option'),
                          ('--qmp unix:/nonexistent/x', 'cannot be made'), ('--version', 'only shows')):
        second, _, said = first.fork(options)
        check(f'fork {options} is refused', not second and part in said, said)
    for limit, value, part in ((resource.RLIMIT_NOFILE, 8, 'files'), (resource.RLIMIT_FSIZE, 1 << 20, 'memory')):
        old = resource.prlimit(process.pid, limit)
        resource.prlimit(process.pid, limit, (value, old[1]))
        second, _, said = first.fork('')
        resource.prlimit(process.pid, limit, old)
        check(f'without {part} it is refused', not second and part in said, said)
    check('and the first goes on', first.ask('query-status')['status'] == 'running')
    second, pid, said = first.fork('')
    check('what was refused works later', second, said)
    first.ask('quit')
    process.wait(60)
    check('the second outlives the first', second and second.ask('query-status')['status'] == 'running')
    second.ask('quit')
    check('and ends', wait_gone(pid))
    check('its socket is gone', not os.path.exists(f'{os.environ["TMPDIR"]}/bygone-{pid}.qmp'))
    shutil.copy(floppy, 'd.img')
    first, process = start('d.img', TMPDIR='/nonexistent')
    second, _, said = first.fork('')
    check('without a place for temporary files it is refused', not second and 'temporary' in said, said)
    first.ask('quit')
    check('and the first ends in order', process.wait(60) == 0)


work = tempfile.mkdtemp(prefix='bygone-fork.')
os.environ.update(TMPDIR=work, XDG_RUNTIME_DIR=work)
os.chdir(work)
try:
    disks()
    moments()
    scripts()
    replayed()
    refusals()
finally:
    for pid in strays:
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                if b'bygone' in f.read():
                    os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    shutil.rmtree(work, ignore_errors=True)
print(f'{passed} passed, {failed} failed, 0 skipped')
sys.exit(failed != 0)
