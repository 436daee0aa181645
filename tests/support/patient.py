"""What tests of our sockets share: a client that waits until the server listens."""
import socket
import time

PATIENCE = 120  # seconds, on a busy host


def connect(address):
    """A connected socket: `address` is a path or (host, port)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    end = time.time() + PATIENCE
    while True:
        s = socket.socket(family, socket.SOCK_STREAM)
        try:
            s.connect(address)
            break
        except OSError:
            s.close()
            if time.time() > end:
                raise
            time.sleep(0.05)
    if family == socket.AF_INET:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(PATIENCE)
    return s
