#!/usr/bin/env python3
"""Run a boot script under QEMU, to find expectations that are wrong rather than emulators.

    qemu.py SCRIPT QEMU-ARGUMENT...

Times are the host's, and seconds are taken as upper bounds. Pictures are compared with the
tolerance given by BYGONE_QEMU_TOLERANCE in percent (default 5): palettes, blinking and clocks
differ between machines. Exits 0, or 2 with the line that failed.
"""
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time

KEYS = {'\n': 'ret', '\t': 'tab', '\x1b': 'esc', ' ': 'spc', '\\': 'backslash', '.': 'dot',
        ',': 'comma', ';': 'semicolon', "'": 'apostrophe', '-': 'minus', '=': 'equal',
        '/': 'slash', '[': 'bracket_left', ']': 'bracket_right', '`': 'grave_accent'}
SHIFTED = dict(zip('!@#$%^&*()_+{}:"<>?|~', "1234567890-=[];',./\\`"))
NAMES = {'enter': 'ret', 'space': 'spc', 'escape': 'esc', 'del': 'delete'}
BUTTONS = {'left': 1, 'middle': 4, 'right': 2}


class Failed(Exception):
    pass


class Qemu:
    def __init__(self, arguments, folder):
        path, serial = os.path.join(folder, 'qmp'), os.path.join(folder, 'serial')
        self.process = subprocess.Popen(
            ['qemu-system-i386', '-accel', 'tcg', '-display', 'none', '-qmp',
             'unix:%s,server,nowait' % path, '-serial', 'unix:%s,server,nowait' % serial,
             '-net', 'none'] + arguments, stdin=subprocess.DEVNULL)
        self.socket = connected(path)
        self.serial = connected(serial)
        self.serial.setblocking(False)
        self.heard = b''
        self.file = self.socket.makefile('rw')
        self.file.readline()
        self.command('qmp_capabilities')
        self.buttons = 0
        self.folder = folder

    def command(self, name, **arguments):
        self.file.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline() or '{"error": "QEMU has ended"}')
            if 'event' not in answer:
                break
        if 'error' in answer:
            raise Failed(str(answer['error']))
        return answer['return']

    def monitor(self, line):
        return self.command('human-monitor-command', **{'command-line': line})

    def port(self, number):
        return int(self.monitor('i /b 0x%x' % number).split('=')[1], 16)

    def text(self):
        """Rows of the colour text screen, from the start address that the CRTC has."""
        name = os.path.join(self.folder, 'text')
        self.command('stop')
        index, start = self.port(0x3d4), 0
        for register in 0x0c, 0x0d:
            self.monitor('o /b 0x3d4 0x%x' % register)
            start = start << 8 | self.port(0x3d5)
        self.monitor('o /b 0x3d4 0x%x' % index)
        self.monitor('pmemsave 0xb8000 0x8000 "%s"' % name)
        self.command('cont')
        cells = (open(name, 'rb').read() * 2)[start * 2 & 0x7fff:][:4000:2].decode('cp437')
        cells = cells.translate({0: ' ', 0xa0: ' '})
        return [cells[i:i + 80].rstrip() for i in range(0, 2000, 80)]

    def hears(self, text):
        """True once the guest has sent this; what was found once is not found again."""
        try:
            self.heard += self.serial.recv(1 << 20)
        except BlockingIOError:
            pass
        before, found, behind = self.heard.partition(text.encode())
        if found:
            self.heard = behind
        return bool(found)

    def picture(self):
        name = os.path.join(self.folder, 'screen.ppm')
        self.monitor('screendump "%s"' % name)
        return name

    def key(self, names):
        self.monitor('sendkey %s 60' % '-'.join(NAMES.get(n, n) for n in names))
        time.sleep(0.1)

    def type(self, text):
        for c in text:
            shift = c in SHIFTED or c.isupper()
            c = SHIFTED.get(c, c.lower())
            self.key((['shift'] if shift else []) + [KEYS.get(c, c)])
            time.sleep(0.2 if c == '\n' else 0)

    def close(self):
        self.process.kill()
        self.process.wait()


def connected(path):
    s = socket.socket(socket.AF_UNIX)
    for _ in range(100):
        try:
            s.connect(path)
            break
        except OSError:
            time.sleep(0.1)
    return s


def differs(expected, actual):
    """Percent of pixels apart, through ImageMagick; transparent ones are not compared."""
    out = subprocess.run(['compare', '-metric', 'AE', '-fuzz', '3%', actual, expected, 'null:'],
                         capture_output=True, text=True).stderr.split()
    size = subprocess.run(['identify', '-format', '%[fx:w*h]', expected],
                          capture_output=True, text=True).stdout
    try:
        return 100 * float(out[0]) / float(size)
    except (ValueError, IndexError):
        return 100.0


def until(seconds, test):
    end = time.time() + seconds
    while not test():
        if time.time() > end:
            return False
        time.sleep(0.2)
    return True


def still(q, seconds, limit):
    last, since, end = None, time.time(), time.time() + limit
    while time.time() - since < seconds:
        now = q.text() if any(q.text()) else open(q.picture(), 'rb').read()
        if now != last:
            last, since = now, time.time()
        if time.time() > end:
            raise Failed('the picture was not still')
        time.sleep(0.2)


def step(q, folder, action, a):
    tolerance = float(os.environ.get('BYGONE_QEMU_TOLERANCE', '5'))
    path = os.path.join(folder, a[0]) if a else None
    if action in ('wait-text', 'expect-text'):
        wait = 2 * float(a[1]) if action == 'wait-text' else 3
        if not until(wait, lambda: any(a[0] in row for row in q.text())):
            raise Failed('%r is not on the screen:\n%s' % (a[0], '\n'.join(q.text())))
    elif action in ('wait-picture', 'expect-picture'):
        wait = 2 * float(a[1]) if action == 'wait-picture' else 3
        if not until(wait, lambda: differs(path, q.picture()) <= tolerance):
            raise Failed('%.2f %% differ' % differs(path, q.picture()))
    elif action == 'wait-serial':
        if not until(2 * float(a[1]), lambda: q.hears(a[0])):
            raise Failed('%r did not come from the serial port: %r' % (a[0], q.heard[-2000:]))
    elif action == 'type-serial':
        q.serial.sendall(a[0].encode())
    elif action == 'wait-still':
        still(q, float(a[0]), 2 * float(a[1]))
    elif action == 'run':
        time.sleep(float(a[0]))
    elif action == 'type':
        q.type(a[0])
    elif action == 'key':
        q.key(a[0].split('-'))
    elif action in ('key-down', 'key-up'):
        q.command('input-send-event', events=[{'type': 'key', 'data': {
            'down': action == 'key-down',
            'key': {'type': 'qcode', 'data': NAMES.get(a[0], a[0])}}}])
    elif action == 'mouse-move':
        x, y = int(a[0]), int(a[1])
        while x or y:
            dx, dy = max(-4, min(4, x)), max(-4, min(4, y))
            q.monitor('mouse_move %d %d' % (dx, dy))
            x, y = x - dx, y - dy
            time.sleep(0.04)
    elif action in ('mouse-down', 'mouse-up', 'mouse-click'):
        q.monitor('mouse_button %d' % (0 if action == 'mouse-up' else BUTTONS[a[0]]))
        time.sleep(0.06)
        if action == 'mouse-click':
            q.monitor('mouse_button 0')
            time.sleep(0.06)
    elif action == 'insert':
        q.monitor('change %s "%s"' % ({'fda': 'floppy0', 'cdrom': 'ide1-cd0'}[a[0]],
                                      os.path.join(folder, a[1])))
    elif action == 'eject':
        q.monitor('eject -f %s' % {'fda': 'floppy0', 'cdrom': 'ide1-cd0'}[a[0]])
    elif action == 'screenshot':
        subprocess.run(['convert', q.picture(), path + '.qemu.png'], check=True)
    elif action == 'reset':
        q.monitor('system_reset')
    elif action == 'powerdown':
        q.monitor('system_powerdown')
    elif action == 'wait-poweroff':
        try:
            q.process.wait(2 * float(a[0]))
        except subprocess.TimeoutExpired:
            raise Failed('QEMU still runs')
    elif action not in ('echo', 'state-hash'):
        raise Failed('not known here')


def words(line):
    line = line.replace('\\n', '\n').replace('\\t', '\t').replace('\\e', '\x1b')
    return shlex.split(line, comments=True)


def main():
    script, folder = sys.argv[1], os.path.dirname(os.path.abspath(sys.argv[1]))
    with tempfile.TemporaryDirectory() as temp:
        q = Qemu(sys.argv[2:], temp)
        try:
            for number, line in enumerate(open(script), 1):
                w = words(line)
                if w and w[0] == 'quit':
                    break
                if w:
                    try:
                        step(q, folder, w[0], w[1:])
                    except Failed as reason:
                        print('%s line %d: %s\n%s' % (script, number, line.strip(), reason))
                        sys.exit(2)
        finally:
            q.close()


if __name__ == '__main__':
    main()
