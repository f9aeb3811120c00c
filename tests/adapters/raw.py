"""A server that sends exactly the bytes that a test wants, or nothing."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Script = Callable[[socket.socket], None]


@dataclass
class RawServer:
    url: str
    port: int
    requests: list[bytes] = field(default_factory=list)  # the head of each request

    @property
    def everything(self) -> bytes:
        return b"".join(self.requests)


@contextlib.contextmanager
def raw_server(script: Script | None, *, reads: bool = True) -> Iterator[RawServer]:
    """Play `script` on every connection, after the request's head was read if `reads`. None: only listen."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = RawServer(f"http://127.0.0.1:{listener.getsockname()[1]}", listener.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller, contextlib.suppress(OSError):
                caller.settimeout(10)
                if reads:
                    server.requests.append(head_of(caller))
                assert script is not None
                script(caller)

    thread = threading.Thread(target=serve, name="raw-server", daemon=True)
    if script is not None:
        thread.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        if script is not None:
            thread.join(15)


def head_of(caller: socket.socket) -> bytes:
    """Return the request line and the headers. Drop the part of the body that came with them."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = caller.recv(65_536)
        if not chunk:
            break
        received += chunk
    return received


def says(text: str | bytes) -> Script:
    """Send this, and close in good order."""
    raw = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()

    def play(caller: socket.socket) -> None:
        caller.sendall(raw)
        caller.shutdown(socket.SHUT_WR)
        caller.settimeout(2)
        while caller.recv(65_536):
            pass

    return play


def answers(body: str | bytes, status: str = "200 OK", *headers: str) -> Script:
    """Send a whole answer."""
    raw = body if isinstance(body, bytes) else body.encode()
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", "Connection: close", *headers])
    return says(head.encode() + b"\r\n\r\n" + raw)


def resets(caller: socket.socket) -> None:
    """Break the connection off."""
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stays_silent(caller: socket.socket) -> None:
    """Send nothing until the client closes the connection."""
    while caller.recv(65_536):
        pass


def never_ends(caller: socket.socket) -> None:
    """Begin an answer and go on for ever."""
    caller.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        caller.sendall(b" " * 65_536)
