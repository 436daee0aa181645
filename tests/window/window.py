#!/usr/bin/env python3
"""The window as its user meets it: keys and mouse by xdotool on a display of Xvfb's, and what came of
it asked for on the JSON socket. The guest is a boot sector that counts the keys it gets at 0000:0500.
Ends in "N passed, N failed, N skipped"."""
import json, os, re, shutil, socket, subprocess, sys, tempfile, time

here = os.path.dirname(os.path.abspath(__file__))
bygone = os.path.realpath(os.environ.get('BYGONE', here + '/../../bygone'))
TIMEOUT = 60
# From the slider's lower edge up to the middle of its scale (frontend/slider.c).
SCALE_FROM_BELOW = 67
PADDING = 10
# xor ax, ax; mov ds, ax; again: xor ah, ah; int 16h; mov ah, 0Eh; int 10h; inc word [500h]; jmp again
SECTOR = bytes.fromhex('31c08ed830e4cd16b40ecd10ff060005ebf2')
AGAIN = 0x7c04


def done(passed, failed, skipped):
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    sys.exit(1 if failed else 0)


def skip(why):
    print('skipped: window:', why)
    done(0, 0, 1)


class Display:
    """An X server that nobody sees."""

    def __init__(self):
        read, write = os.pipe()
        self.process = subprocess.Popen(
            ['Xvfb', '-displayfd', str(write), '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'],
            pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as f:
            number = f.readline().strip()
        if not number:
            skip('Xvfb does not start')
        self.name = ':' + number

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Window:
    def __init__(self, display, folder):
        # What SDL's libraries keep is not ours to free.
        asan = os.environ.get('ASAN_OPTIONS', 'allow_user_segv_handler=1') + ':detect_leaks=0'
        self.env = dict(os.environ, DISPLAY=display, SDL_AUDIODRIVER='dummy', ASAN_OPTIONS=asan)
        self.env.pop('SDL_VIDEODRIVER', None)
        self.env.pop('WAYLAND_DISPLAY', None)
        image, path = folder + '/keys.img', folder + '/qmp'
        with open(image, 'wb') as f:
            f.write(SECTOR.ljust(510, b'\0') + b'\x55\xaa')
            f.truncate(160 << 10)
        self.process = subprocess.Popen(
            [bygone, '--display', 'window', '--fda', image, '--discard', '--rewind', '64M',
             '--qmp', 'unix:' + path], env=self.env,
            stderr=subprocess.PIPE, text=True)
        self.connect(path)
        self.id = self.wait('the window', lambda: self.find())
        self.do('windowfocus', self.id)

    def connect(self, path):
        s = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + TIMEOUT
        while s.connect_ex(path):
            if self.process.poll() is not None:
                error = self.process.stderr.read()
                if 'not in this build' in error or "'window'" in error:
                    skip(error.strip())
                raise SystemExit('it ended: ' + error)
            if time.monotonic() > end:
                raise SystemExit('no socket')
            time.sleep(0.05)
        s.settimeout(TIMEOUT)
        self.file = s.makefile('rw')
        self.file.readline()
        self.ask('qmp_capabilities')

    def ask(self, name, **arguments):
        self.file.write(json.dumps({'execute': name, 'arguments': arguments}))
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if 'event' not in answer:
                return answer.get('return', answer)

    def command(self, line):
        return self.ask('human-monitor-command', **{'command-line': line})

    def value(self, expression):
        return int(self.command('print ' + expression).split()[0], 16)

    def wait(self, what, condition):
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.05)
        print('waited in vain for', what)
        return condition()

    def do(self, *words):
        r = subprocess.run(['xdotool', *words], env=self.env, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True)
        return r.stdout

    def find(self):
        found = self.do('search', '--onlyvisible', '--pid', str(self.process.pid)).split()
        return found[-1] if found else None

    def key(self, *names):
        for name in names:
            self.do('key', name)

    def host(self, name):
        self.do('keydown', 'Control_R')
        self.do('key', name)
        self.do('keyup', 'Control_R')

    def type(self, text):
        self.do('type', '--delay', '40', text)

    def enter(self, text):
        self.type(text)
        self.key('Return')

    def size(self):
        m = re.search(r'Geometry: (\d+)x(\d+)', self.do('getwindowgeometry', self.id))
        return int(m.group(1)), int(m.group(2))

    def mouse(self, x, y, *more):
        self.do('mousemove', '--window', self.id, str(x), str(y), *more)

    # What the machine says.

    def keys(self):
        return self.value('word [0x500]')

    def now(self):
        return float(re.search(r'now it is ([\d.]+) s', self.command('rewind')).group(1))

    def oldest(self):
        m = re.search(r'goes back ([\d.]+) s', self.command('rewind'))
        return self.now() - float(m.group(1))

    def is_past(self):
        return 'before the newest' in self.command('rewind')

    def is_paused(self):
        return not self.ask('query-status')['running']


passed = failed = 0


def check(name, good):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print('FAILED', name)
    return good


def check_soon(w, name, condition):
    check(name, w.wait(name, condition))


def type_some(w):
    """Four keys, with time between; returns a moment between the second and the third."""
    check_soon(w, 'the guest has started', lambda: w.value('eip') and w.now() > 1.5)
    w.type('ab')
    check_soon(w, 'keys reach the guest', lambda: w.keys() == 2)
    time.sleep(0.7)
    between = w.now()
    time.sleep(0.7)
    w.type('cd')
    check_soon(w, 'four keys', lambda: w.keys() == 4)
    return between


def test_escape(w):
    before = w.size()
    w.host('t')
    check_soon(w, 'the slider stops the machine', w.is_paused)
    check_soon(w, 'the window grows by the slider', lambda: w.size()[1] > before[1])
    w.key('Home')
    check_soon(w, 'Home goes into the past', w.is_past)
    check_soon(w, 'where no key was pressed yet', lambda: w.keys() != 4)
    w.type('x')
    w.key('Escape')
    check_soon(w, 'Escape goes back to the present', lambda: not w.is_past() and w.keys() == 4)
    check_soon(w, 'where the machine goes on', lambda: not w.is_paused())
    check_soon(w, 'the window shrinks again', lambda: w.size() == before)


def test_branch(w, between):
    w.host('t')
    check_soon(w, 'the slider opens again', w.is_paused)
    newest = w.now()
    part = (between - w.oldest()) / (newest - w.oldest())
    time.sleep(0.3)
    width, height = w.size()
    x = PADDING + round(part * (width - 2 * PADDING))
    w.mouse(width - PADDING - 1, height - SCALE_FROM_BELOW, 'mousedown', '1')
    w.mouse((x + width) // 2, height - SCALE_FROM_BELOW)
    check_soon(w, 'dragging goes into the past', w.is_past)
    w.mouse(x, height - SCALE_FROM_BELOW)
    check_soon(w, 'dragged to before the third key', lambda: w.is_past() and w.keys() == 2)
    w.do('mouseup', '1')
    time.sleep(0.3)
    check('letting the mouse go does not forget the present', w.is_past())
    w.key('Return')
    check_soon(w, 'Enter makes a branch', lambda: not w.is_past() and not w.is_paused())
    check('where two keys were pressed', w.keys() == 2)
    check('at that moment', w.now() < newest)
    w.type('e')
    check_soon(w, 'and a third key comes in', lambda: w.keys() == 3)


def test_debugger(w):
    before = w.size()
    w.host('x')
    check_soon(w, 'the debugger enlarges the window', lambda: w.size()[0] > before[0])
    w.key('F5')
    check_soon(w, 'F5 stops the machine', w.is_paused)
    count = w.value('instructions')
    w.key('F11')
    check_soon(w, 'F11 steps', lambda: w.is_paused() and w.value('instructions') > count)
    count = w.value('instructions')
    w.key('F7')
    check_soon(w, 'F7 undoes an instruction', lambda: w.value('instructions') == count - 1)
    w.enter('break %#x' % AGAIN)
    check_soon(w, 'a typed command is run', lambda: 'break at' in w.command('list'))
    w.key('F5')
    check_soon(w, 'F5 lets it go on', lambda: not w.is_paused())
    keys = w.keys()
    w.type('q')
    time.sleep(0.3)
    check('the debugger has the keyboard', w.keys() == keys)
    w.key('Escape')  # clears the line
    w.mouse(200, 200, 'click', '1')
    w.type('f')
    check_soon(w, 'a click into the picture gives it to the guest', lambda: w.keys() == keys + 1)
    check_soon(w, 'the breakpoint stops', lambda: w.is_paused() and w.value('eip') == AGAIN)
    w.key('Control_R')
    w.key('F9')
    check_soon(w, 'F9 takes the breakpoint away', lambda: 'no breakpoints' in w.command('list'))
    w.enter('set word 0x500 = 0x1234')
    check_soon(w, 'a command changes memory', lambda: w.keys() == 0x1234)
    w.host('x')
    check_soon(w, 'the window shrinks again', lambda: w.size() == before)
    w.key('F11')
    time.sleep(0.3)
    check('a closed debugger does not step', w.value('eip') == AGAIN)


def main():
    for tool in 'Xvfb', 'xdotool':
        if not shutil.which(tool):
            skip('no ' + tool)
    display = Display()
    folder = tempfile.mkdtemp(prefix='bygone-window.')
    w = None
    try:
        w = Window(display.name, folder)
        between = type_some(w)
        test_escape(w)
        test_branch(w, between)
        test_debugger(w)
        w.host('q')
        error = w.process.communicate(timeout=TIMEOUT)[1]
        if not check('right Ctrl+Q ends it in order', w.process.returncode == 0):
            print(error)
    finally:
        if w and w.process.poll() is None:
            w.process.kill()
        display.stop()
        shutil.rmtree(folder, ignore_errors=True)
    done(passed, failed, 0)


main()
