"""A gate in front of a service, on a fixed port: it forwards connections, or does with them what a test asks for.

It causes what the emulator cannot: no listener, no host name, a wrong certificate, a proxy with its own page.
"""

import contextlib
import re
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from tests.adapters.raw import Script

OURS = Path(__file__).parent / "ours.pem"
"""The certificate that the client is configured to trust."""
STRANGER = Path(__file__).parent / "stranger.pem"
"""A certificate for the same name that the client does not trust."""

REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno!"
Welcome = Callable[[socket.socket], None]


class Gate:
    """Forwards to `port` on this machine. With `tls` its clients use TLS."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self._inner = port
        self._tls = tls
        self._lock = threading.Lock()
        self._guests: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.bodies: list[bytes] = []  # those that `bars` checked
        self._welcome: Welcome = self._let_through
        self._listener = self._listen(0)
        self.port = int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    def opens(self) -> None:
        """Forward every connection."""
        self._change(self._let_through)

    def is_away(self) -> None:
        """Refuse connections: nothing listens."""
        self._close_listener()
        self._send_guests_away()

    def plays(self, script: Script) -> None:
        """Run `script` on every bare connection."""
        self._change(script)

    def shows(self, certificate: Path) -> None:
        """Show `certificate` to every client, and forward those that accept it."""
        self._change(lambda caller: self._let_through(caller, certificate))

    def interrupts(self, meddle: Callable[[], None]) -> None:
        """Forward every connection; call `meddle` after the first bytes arrived, before they are forwarded."""

        def welcome(caller: socket.socket) -> None:
            with socket.create_connection(("127.0.0.1", self._inner), timeout=10) as inner:
                first = caller.recv(65_536)
                meddle()
                inner.sendall(first)
                _carry(caller, inner)

        self._change(welcome)

    def bars(self, is_guilty: Callable[[bytes], bool]) -> None:
        """Answer requests with such a body with 400 and no reason; forward the others."""
        self._change(lambda caller: self._let_through_unless(caller, is_guilty))

    def close(self) -> None:
        self._close_listener()
        self._send_guests_away()
        for thread in self._threads:
            thread.join(15)
        assert not any(thread.is_alive() for thread in self._threads)

    def _change(self, welcome: Welcome) -> None:
        # No earlier connection is left to be reused.
        self._send_guests_away()
        self._welcome = welcome
        if self._listener.fileno() < 0:
            self._listener = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        self._start(self._receive, listener)
        return listener

    def _receive(self, listener: socket.socket) -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            caller.settimeout(10)
            with self._lock:
                self._guests.add(caller)
            self._start(self._entertain, caller)

    def _entertain(self, caller: socket.socket) -> None:
        with contextlib.suppress(OSError), caller:
            self._welcome(caller)

    def _let_through(self, caller: socket.socket, certificate: Path = OURS) -> None:
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            caller = context.wrap_socket(caller, server_side=True)
            with self._lock:
                self._guests.add(caller)
        with caller, socket.create_connection(("127.0.0.1", self._inner), timeout=10) as inner:
            _carry(caller, inner)

    def _let_through_unless(self, caller: socket.socket, is_guilty: Callable[[bytes], bool]) -> None:
        stream = caller.makefile("rb")
        with stream, socket.create_connection(("127.0.0.1", self._inner), timeout=10) as inner:
            answers = inner.makefile("rb")
            while head := _head(stream):
                body = stream.read(_length(head))
                self.bodies.append(body)
                if is_guilty(body):
                    caller.sendall(REFUSED)
                    continue
                inner.sendall(head + body)
                answer = _head(answers)
                caller.sendall(answer + answers.read(_length(answer)))

    def _start(self, work: Callable[[socket.socket], None], argument: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(argument,), name="gate", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _send_guests_away(self) -> None:
        with self._lock:
            guests = [guest for guest in self._guests if guest.fileno() >= 0]
            self._guests.clear()
        for guest in guests:
            with contextlib.suppress(OSError):
                guest.shutdown(socket.SHUT_RDWR)

    def _close_listener(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Forward bytes in both directions, until one side closes."""
    facing = {one: other, other: one}
    while True:
        decrypted = [end for end in facing if isinstance(end, ssl.SSLSocket) and end.pending()]
        for end in decrypted or select.select(list(facing), [], [], 10)[0]:
            piece = end.recv(65_536)
            if not piece:
                return
            facing[end].sendall(piece)


def _head(stream: BinaryIO) -> bytes:
    """Return everything up to the empty line; nothing at the end of the stream."""
    lines = []
    for line in stream:
        lines.append(line)
        if line == b"\r\n":
            break
    return b"".join(lines)


def _length(head: bytes) -> int:
    [length] = re.findall(rb"(?im)^content-length: *(\d+)", head)
    return int(length)


@contextlib.contextmanager
def gate(port: int, *, tls: bool = False) -> Iterator[Gate]:
    proxy = Gate(port, tls=tls)
    try:
        yield proxy
    finally:
        proxy.close()
