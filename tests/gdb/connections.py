#!/usr/bin/env python3
"""What clients of the gdb socket may do that gdb itself does not: connections.py BYGONE.

Ends in "N passed, N failed, N skipped".
"""
import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from patient import PATIENCE, connect  # pylint: disable=wrong-import-position

# A boot sector that counts at 7E00h for ever.
SECTOR = bytes.fromhex('fa31c08ed8ff06007eebfa').ljust(510, b'\0') + b'\x55\xaa'


class Client:
    """A connection that speaks packets."""

    def __init__(self, address):
        self.socket = connect(address)
        self.rest = b''

    def send(self, data):
        self.socket.sendall(data)

    def byte(self):
        if not self.rest:
            self.rest = self.socket.recv(65536)
            if not self.rest:
                raise EOFError
        first, self.rest = self.rest[:1], self.rest[1:]
        return first

    def packet(self):
        """The next packet; acknowledgements before it are skipped."""
        while self.byte() != b'$':
            pass
        data = b''
        while True:
            c = self.byte()
            if c == b'#':
                break
            if c == b'*':
                data += data[-1:] * (self.byte()[0] - 29)
            else:
                data += c
        self.byte()
        self.byte()
        try:
            self.send(b'+')
        except OSError:
            pass  # it has said goodbye
        return data.decode('latin-1')

    def say(self, text):
        self.send(b'$%s#%02x' % (text.encode(), sum(text.encode()) & 0xff))

    def ask(self, text):
        self.say(text)
        return self.packet()

    def counter(self):
        return int.from_bytes(bytes.fromhex(self.ask('m7e00,2')), 'little')

    def close(self):
        self.socket.close()


def booted(address):
    """A client once the boot sector counts; the machine stands still."""
    c = Client(address)
    end = time.time() + PATIENCE
    while c.ask('m7c00,4') != 'fa31c08e' or not c.counter():
        assert time.time() < end
        c.say('c')
        time.sleep(0.1)
        c.send(b'\x03')
        assert c.packet().startswith('T02')
    return c


def check_interrupt(address, process):
    c = booted(address)
    was = c.counter()
    assert c.counter() == was  # it stands still
    c.say('c')
    time.sleep(0.2)
    c.send(b'\x03')
    assert c.packet().startswith('T02thread:1;')
    assert c.counter() != was
    c.close()


def check_guest_runs_on(address, process):
    """Breakpoints go with the connection, however it ends."""
    for end in ('D', None):
        c = booted(address)
        assert c.ask('Z0,7c05,1') == 'OK'
        c.say('c')
        assert 'swbreak' in c.packet()
        was = c.counter()
        if end:
            assert c.ask(end) == 'OK'
        c.close()
        time.sleep(0.3)
        c = Client(address)
        assert c.counter() != was
        assert c.ask('D') == 'OK'
        c.close()


def check_end_while_running(address, process):
    c = booted(address)
    was = c.counter()
    c.say('c')
    c.close()
    time.sleep(0.3)
    c = Client(address)
    assert c.counter() != was
    c.close()


def check_second_client(address, process):
    c = booted(address)
    second = Client(address)
    try:
        assert second.socket.recv(10) == b''
    except ConnectionResetError:
        pass
    assert c.ask('qC') == 'QC1'
    c.close()


def check_acknowledgements(address, process):
    c = booted(address)
    c.send(b'$qC#00')
    assert c.byte() == b'-'
    c.send(b'$qC#b4')
    assert c.byte() == b'+'
    assert c.packet() == 'QC1'
    c.send(b'-')
    assert c.packet() == 'QC1'  # again
    assert c.ask('QStartNoAckMode') == 'OK'
    c.send(b'$qC#b4')
    assert c.byte() == b'$'
    c.close()


def check_half_packets(address, process):
    for half in (b'$', b'$m7c00', b'$m7c00,4#', b'$m7c00,4#8', b'$}', b'\x03\x03\x03', b'+++---'):
        c = Client(address)
        c.send(half)
        c.close()
    c = booted(address)
    for i in b'$qC#b4':
        c.send(bytes([i]))
        time.sleep(0.01)
    assert c.packet() == 'QC1'
    c.close()


def check_garbage(address, process):
    chance = random.Random(1)
    for _ in range(20):
        c = Client(address)
        c.send(chance.randbytes(20000))
        c.close()
    # Packets with a right checksum around nonsense; nothing that ends the program.
    c = booted(address)
    for _ in range(300):
        text = chance.choice('gGpPmMXZzHTqQv?D') + ''.join(
            chance.choice('0123456789abcdef,;:=Z') for _ in range(chance.randrange(20)))
        assert c.ask(text) is not None
    c.close()
    # A packet without end.
    c = Client(address)
    c.send(b'$' + b'x' * (1 << 20))
    c.send(b'#00')
    assert c.byte() == b'-'
    assert c.ask('qC') == 'QC1'
    c.close()


def check_it_lives(address, process):
    assert process.poll() is None
    c = booted(address)
    c.say('k')
    assert process.wait(PATIENCE) == 0
    c.close()


def script_waits(program, work):
    """A breakpoint holds a script up; the end of the program is told."""
    script, path = os.path.join(work, 'script'), os.path.join(work, 'gdb.sock')
    with open(script, 'w') as f:
        f.write('run 2\necho "over"\n')
    process = subprocess.Popen([program, '--deterministic', '--speed', '20', '--script', script,
                                '--fda', disk(work), '--gdb', 'unix:' + path, '--gdb-wait'],
                               stdout=subprocess.PIPE)
    c = Client(path)
    assert c.ask('Z1,7c05,1') == 'OK'
    c.say('c')
    assert 'hwbreak' in c.packet()
    time.sleep(0.5)
    assert process.poll() is None
    assert c.ask('z1,7c05,1') == 'OK'
    c.say('c')
    assert b'over' in process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0
    assert c.packet() == 'W00'
    c.close()


def disk(work):
    image = os.path.join(work, 'disk.img')
    with open(image, 'wb') as f:
        f.write(SECTOR)
        f.truncate(1474560)
    return image


def start(program, work, tcp):
    path = os.path.join(work, 'gdb.sock')
    process = subprocess.Popen([program, '--display', 'none', '--fda', disk(work), '--gdb',
                                'tcp:0' if tcp else 'unix:' + path], stderr=subprocess.PIPE)
    if not tcp:
        return process, path
    return process, ('127.0.0.1', int(process.stderr.readline().split()[-1]))


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as work:
        try:
            script_waits(sys.argv[1], work)
            passed += 1
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            print('FAILED connections: script_waits: %s %s' % (type(e).__name__, e))
    for tcp in (False, True):
        with tempfile.TemporaryDirectory() as work:
            process, address = start(sys.argv[1], work, tcp)
            for name, check in list(globals().items()):
                if not name.startswith('check_'):
                    continue
                try:
                    check(address, process)
                    passed += 1
                except Exception as e:  # pylint: disable=broad-except
                    failed += 1
                    print('FAILED connections, %s: %s: %s %s' % (
                        'TCP' if tcp else 'Unix', name, type(e).__name__, e))
            if process.poll() is None:
                process.kill()
            error = process.communicate()[1].decode()
            if failed:
                print(error)
    print('%d passed, %d failed, 0 skipped' % (passed, failed))
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
