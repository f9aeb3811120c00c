"""Keep one TLS context for all connections that trust the same certificates.

urllib3 makes a context for each connection, and each reads all trusted certificates again: 30 ms of CPU time and 0.7 MB
for the bundled ones, as long as the connection lives. A file that was replaced since is read again.
"""

import os
import socket
import ssl
import threading

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context


class TlsContexts:
    """The contexts, by the file or folder of trusted certificates. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, tuple[object, ssl.SSLContext]] = {}

    def context_of(self, trusted: str | bool) -> ssl.SSLContext:
        """Return the context that trusts this file or folder; True: the bundled certificates.

        Raise OSError when they cannot be read.
        """
        place = DEFAULT_CA_BUNDLE_PATH if trusted is True else str(trusted)
        try:
            found = os.stat(place)
        except OSError as error:
            raise OSError(f"there are no trusted certificates at {place}") from error
        version = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        with self._lock:
            made = self._made.get(place)
            if made is None or made[0] != version:
                made = self._made[place] = (version, _context(place))
            return made[1]


def take_tickets(line: socket.socket, *, within_s: float) -> None:
    """Read the session tickets that a server sends after the handshake of TLS 1.3, a round trip later.

    urllib3 takes a free connection with unread bytes for one that the server has closed. Raise OSError when it has
    closed it, or has sent anything else.
    """
    if not isinstance(line, ssl.SSLSocket) or line.version() != "TLSv1.3":
        return
    limit_s = line.gettimeout()
    line.settimeout(within_s + 0.01)
    try:
        line.recv(1)
    except TimeoutError:
        line.settimeout(limit_s)
    else:
        raise OSError("the server did not wait for a request")


def _context(place: str) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    if os.path.isdir(place):
        context.load_verify_locations(capath=place)  # read when a connection needs them
    else:
        context.load_verify_locations(cafile=place)
    return context
