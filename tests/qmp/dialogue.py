#!/usr/bin/env python3
"""Talk to a QMP socket as its specification says, and check what comes back.

    dialogue.py bygone|qemu PROGRAM [--tcp]

Most checks are common to Bygone and QEMU, so that it is QEMU's protocol that we speak; those named
after bygone are about what only a bad client does. Ends in "N passed, N failed, N skipped".
"""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from patient import PATIENCE, connect  # pylint: disable=wrong-import-position


class Client:
    """One connection; messages are read one at a time."""

    def __init__(self, address):
        self.address = address
        self.socket = connect(address)
        self.rest = b''
        self.events = []

    def read(self):
        """The next message; None at the end."""
        while b'\n' not in self.rest:
            data = self.socket.recv(65536)
            if not data:
                return None
            self.rest += data
        line, self.rest = self.rest.split(b'\n', 1)
        return json.loads(line)

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """The next answer; events before it are kept."""
        while True:
            message = self.read()
            if message is None or 'event' not in message:
                return message
            self.events.append(message)

    def ask(self, name, **arguments):
        self.send(json.dumps({'execute': name, 'arguments': arguments}).encode())
        return self.answer()

    def error(self, name, **arguments):
        return self.ask(name, **arguments)['error']['class']

    def monitor(self, line):
        return self.ask('human-monitor-command', **{'command-line': line})['return']

    def wait_event(self, name):
        while True:
            for event in self.events:
                if event['event'] == name:
                    self.events.remove(event)
                    return event
            message = self.read()
            assert message is not None, 'no event ' + name
            if 'event' in message:
                self.events.append(message)

    def negotiate(self):
        self.greeting = self.read()
        return self.ask('qmp_capabilities')

    def close(self):
        self.socket.close()


def check_greeting(c, work):
    qmp = c.greeting['QMP']
    assert set(qmp['version']['qemu']) == {'major', 'minor', 'micro'}
    assert isinstance(qmp['version']['package'], str)
    assert isinstance(qmp['capabilities'], list)
    version = c.ask('query-version')['return']
    assert version == qmp['version']


def check_id(c, work):
    for identity in (7, 'x', [1, None], {'a': {'b': True}}):
        c.send(json.dumps({'execute': 'query-status', 'id': identity}).encode())
        answer = c.answer()
        assert answer['id'] == identity and 'return' in answer
    c.send(b'{"execute": "nonsense", "id": 9}')
    answer = c.answer()
    assert answer['id'] == 9 and answer['error']['class'] == 'CommandNotFound'


def check_negotiation_is_done_once(c, work):
    assert c.error('qmp_capabilities') == 'CommandNotFound'


def check_errors(c, work):
    assert c.error('nonsense') == 'CommandNotFound'
    assert c.error('query-status', surplus=1) == 'GenericError'
    assert c.error('human-monitor-command') == 'GenericError'
    assert c.error('pmemsave', val='0', size=1, filename='x') == 'GenericError'
    assert c.error('eject', device='nonsense') == 'DeviceNotFound'
    for message in (b'{"arguments": {}}', b'{"execute": 5}', b'{"execute": "stop", "arguments": []}',
                    b'{"execute": "stop", "more": 1}'):
        c.send(message)
        assert c.answer()['error']['class'] == 'GenericError', message


def check_garbage(c, work):
    c.send(b'{"execute" "query-status"}\n')
    assert c.answer()['error']['class'] == 'GenericError'
    c.send(b'\xff')
    while c.ask('query-status') != c.ask('query-status'):
        pass


def check_pieces(c, work):
    message = b' {"execute":\r\n "query-status",\n"id":"}{"} '
    for i in range(len(message)):
        c.send(message[i:i + 1])
    assert c.answer()['id'] == '}{'
    c.send(b'{"execute":"query-name","id":1}{"execute":"query-name","id":2}')
    assert [c.answer()['id'], c.answer()['id']] == [1, 2]


def check_stop_and_cont(c, work):
    assert c.ask('query-status')['return']['running'] is True
    assert c.ask('stop') == {'return': {}}
    event = c.wait_event('STOP')
    assert abs(event['timestamp']['seconds'] - time.time()) < 60
    assert 0 <= event['timestamp']['microseconds'] < 1000000
    status = c.ask('query-status')['return']
    assert status['running'] is False and status['status'] == 'paused'
    c.ask('cont')
    c.wait_event('RESUME')
    status = c.ask('query-status')['return']
    assert status['running'] is True and status['status'] == 'running'


def check_reset(c, work):
    assert c.ask('system_reset') == {'return': {}}
    event = c.wait_event('RESET')
    assert event['data'] == {'guest': False, 'reason': 'host-qmp-system-reset'}


def check_power_button(c, work):
    assert c.ask('system_powerdown') == {'return': {}}
    c.wait_event('POWERDOWN')


def check_queries(c, work):
    cpus = c.ask('query-cpus-fast')['return']
    assert len(cpus) == 1 and cpus[0]['cpu-index'] == 0 and cpus[0]['thread-id'] > 0
    names = [command['name'] for command in c.ask('query-commands')['return']]
    assert {'stop', 'cont', 'quit', 'query-block', 'human-monitor-command'} <= set(names)
    assert c.ask('query-memory-size-summary')['return']['base-memory'] == 32 << 20
    assert c.ask('query-kvm')['return']['enabled'] is False
    assert c.ask('query-name') == {'return': {}}


def check_blocks(c, work):
    for block in c.ask('query-block')['return']:
        assert isinstance(block['device'], str) and isinstance(block['locked'], bool)
        if 'inserted' in block:
            inserted = block['inserted']
            assert inserted['image']['virtual-size'] == 1474560 and inserted['ro'] is False
            assert inserted['file'].endswith('disk.img') and block['removable']
            return
    assert False, 'no medium'


def check_memory(c, work):
    """The BIOS at the reset vector: a far jump, and its date behind it."""
    name = os.path.join(work, 'memory')
    assert c.ask('pmemsave', val=0xFFFFFFF0, size=16, filename=name) == {'return': {}}
    data = open(name, 'rb').read()
    assert len(data) == 16 and data[:1] + data[7:8] == b'\xea/', data
    assert c.ask('memsave', val=0xFFFFFFF0, size=16, filename=name) == {'return': {}}
    assert open(name, 'rb').read() == data
    assert c.error('pmemsave', val=0, size=1, filename='/nonexistent/x') == 'GenericError'


def check_screendump(c, work):
    name = os.path.join(work, 'screen.png')
    assert c.ask('screendump', filename=name, format='png') == {'return': {}}
    assert open(name, 'rb').read(4) == b'\x89PNG'


def check_keys(c, work):
    key = [{'type': 'qcode', 'data': name} for name in ('ctrl', 'alt', 'f1', 'kp_5', 'bracket_left')]
    assert c.ask('send-key', keys=key) == {'return': {}}
    bad = [{'type': 'qcode', 'data': 'nonsense'}]
    assert c.error('send-key', keys=bad) == 'GenericError'
    moves = [{'type': 'rel', 'data': {'axis': 'x', 'value': 5}},
             {'type': 'btn', 'data': {'down': True, 'button': 'left'}},
             {'type': 'btn', 'data': {'down': False, 'button': 'left'}},
             {'type': 'key', 'data': {'down': True, 'key': key[0]}},
             {'type': 'key', 'data': {'down': False, 'key': key[0]}}]
    assert c.ask('input-send-event', events=moves) == {'return': {}}


def check_monitor(c, work):
    assert 'unknown command' in c.monitor('nonsense')
    assert c.monitor('stop') == ''
    c.wait_event('STOP')
    assert c.monitor('cont') == ''
    c.wait_event('RESUME')


def check_medium(c, work):
    other = os.path.join(work, 'other.img')
    with open(other, 'wb') as f:
        f.truncate(1474560)
    device = next(b['device'] for b in c.ask('query-block')['return'] if 'inserted' in b)
    answer = c.ask('blockdev-change-medium', device=device, filename=other, format='raw')
    assert answer == {'return': {}}, answer
    files = [b['inserted']['file'] for b in c.ask('query-block')['return'] if 'inserted' in b]
    assert files == [other]
    assert c.error('blockdev-change-medium', device=device, filename='/nonexistent') == 'GenericError'
    assert c.ask('eject', device=device, force=True) == {'return': {}}
    assert not any('inserted' in b for b in c.ask('query-block')['return'])


def bygone_huge(c, work):
    c.send(b'{"execute": "' + b'x' * (1 << 20) + b'"}\n')
    assert c.answer()['error']['class'] == 'GenericError'
    c.send(b'{"a":' + b'[' * 100000 + b'\n')
    assert c.answer()['error']['class'] == 'GenericError'
    c.send(b'GET / HTTP/1.1\r\n')
    assert c.answer()['error']['class'] == 'GenericError'
    assert c.ask('query-name') == {'return': {}}


def bygone_does_not_listen(c, work):
    """Much is asked, nothing read: the machine goes on, others are served."""
    c.socket.setblocking(False)
    try:
        for _ in range(200000):
            c.send(b'{"execute":"query-commands"}')
    except BlockingIOError:
        pass


def bygone_debugs(c, work):
    """Commands that let the machine run answer when it stands still again."""
    c.ask('stop')
    assert 'cs=' in c.monitor('step')
    c.wait_event('RESUME')
    c.ask('system_reset')
    assert 'once' in c.monitor('tbreak f000:e05b')
    assert c.monitor('cont') == ''
    assert 'f000:e05b' in c.monitor('wait 20')
    c.ask('cont')


def bygone_snapshots(c, work):
    name = os.path.join(work, 'a snapshot')
    c.ask('stop')
    was = c.monitor('state-hash')
    assert c.ask('save', filename=name) == {'return': {}}
    c.ask('cont')
    c.ask('system_reset')
    c.ask('stop')
    assert c.monitor('state-hash') != was
    assert c.ask('load', filename=name) == {'return': {}}
    assert c.monitor('state-hash') == was
    assert c.error('load', filename='/nonexistent/x') == 'GenericError'
    c.ask('cont')


def bygone_breaks(c, work):
    """Half a message, then gone."""
    c.send(b'{"execute": "stop", "arguments": {"')


def bygone_hangs_up(c, work):
    """Who leaves while a command waits makes room for the next; over TCP that does not show."""
    if not isinstance(c.address, str):
        return
    c.send(b'{"execute":"human-monitor-command","arguments":{"command-line":"wait 1000"}}')
    c.close()
    c = Client(c.address)
    c.negotiate()
    c.close()


def negotiation(address):
    c = Client(address)
    greeting = c.read()
    assert 'QMP' in greeting
    assert c.error('query-status') == 'CommandNotFound'
    assert c.error('nonsense') == 'CommandNotFound'
    assert c.ask('qmp_capabilities') == {'return': {}}
    assert 'return' in c.ask('query-status')
    c.close()


def leave(address):
    c = Client(address)
    c.negotiate()
    c.send(b'{"execute":"quit"}')
    assert c.answer() == {'return': {}}
    event = c.wait_event('SHUTDOWN')
    assert event['data'] == {'guest': False, 'reason': 'host-qmp-quit'}
    assert c.read() is None


def start(kind, program, work, tcp):
    image = os.path.join(work, 'disk.img')
    with open(image, 'wb') as f:
        f.write(b'\xf4\xeb\xfd'.ljust(510, b'\0') + b'\x55\xaa')  # hlt; jmp $-1
        f.truncate(1474560)
    path = os.path.join(work, 'qmp.sock')
    if kind == 'qemu':
        arguments = ['-accel', 'tcg', '-m', '32', '-display', 'none', '-net', 'none', '-drive',
                     'if=floppy,format=raw,file=' + image, '-qmp', 'unix:%s,server,nowait' % path]
    else:
        arguments = ['--display', 'none', '--mem', '32M', '--fda', image, '--qmp',
                     'tcp:0' if tcp else 'unix:' + path]
    process = subprocess.Popen([program] + arguments, stderr=subprocess.PIPE)
    if not tcp:
        return process, path
    return process, ('127.0.0.1', int(process.stderr.readline().split()[-1]))


def main():
    kind, program = sys.argv[1:3]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as work:
        process, address = start(kind, program, work, '--tcp' in sys.argv)
        checks = [(name, check) for name, check in globals().items()
                  if name.startswith('check_') or name.startswith(kind + '_')]
        whole = [('negotiation', negotiation)] + checks + [('leave', leave)]
        for name, check in whole:
            try:
                if (name, check) in checks:
                    c = Client(address)
                    c.negotiate()
                    check(c, work)
                    c.close()
                else:
                    check(address)
                passed += 1
            except Exception as e:  # pylint: disable=broad-except
                failed += 1
                print('FAILED %s: %s: %s %s' % (kind, name, type(e).__name__, e))
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            code = 'none'
        if code != 0:
            failed += 1
            print('FAILED %s: exit code %s' % (kind, code))
    print('%d passed, %d failed, 0 skipped' % (passed, failed))
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
