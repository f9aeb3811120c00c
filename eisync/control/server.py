"""Answer requests of the command line, one client at a time."""

import contextlib
import hmac
import json
import socket
from typing import Any

from eisync.control.local_socket import ANSWER_WITHIN_S, LONGEST_LINE_BYTES, files_of, listen, remove
from eisync.control.operations import Operations
from eisync.core.redaction import KEYS
from eisync.errors import EisyncError
from eisync.loops.ports import Log

ACCEPT_FOR_S = 1.0
HANG_UP_WITHIN_S = 0.5
CLIENT_LIMIT_S = 60.0
"""Time after which a client that reads its answer slowly is dropped: others wait, and the heartbeat gets older."""


class ControlServer:
    """The server as a loop: one tick waits a moment for a client, and answers it."""

    name = "control"

    def __init__(self, folder: str, operations: Operations, *, log: Log, group: str | None = None) -> None:
        self._folder = folder
        self._operations = operations
        self._log = log
        self._server, self._token = listen(folder, group=group)
        self._files = files_of(folder)
        self._server.settimeout(ACCEPT_FOR_S)
        self._is_over = False

    def tick(self, now: float) -> float:
        """Answer a client, if one connects."""
        try:
            client, _ = self._server.accept()
        except TimeoutError:
            return 0.0
        with client:
            client.settimeout(ANSWER_WITHIN_S)
            try:
                self._answer(client)
            except OSError as error:
                self._log.info("control.left", reason=type(error).__name__)  # the client disconnected, or is too slow
        return 0.0

    def stop(self, now: float) -> None:
        """Stop waiting for clients. Those that connect before the end are still answered."""
        self._server.settimeout(0.01)

    @property
    def is_done(self) -> bool:
        """Return True always: every answer ends within its tick."""
        return True

    def hang_up(self) -> None:
        """End a tick that waits for a client, by connecting to it. Safe from any thread, and to repeat."""
        self._is_over = True
        self._server.settimeout(0.01)  # for later ticks
        # On some systems, closing a listening socket wakes no thread. If this fails, the tick ends a moment later.
        with contextlib.suppress(OSError), socket.socket(self._server.family) as client:
            client.settimeout(HANG_UP_WITHIN_S)
            client.connect(self._server.getsockname())

    def close(self) -> None:
        """Close the socket, remove its file, and end what is done for commands. Safe to repeat."""
        remove(self._folder, self._files)
        self._files = {}
        self._server.close()
        self._operations.close()

    def _answer(self, client: socket.socket) -> None:
        drop_at = self._operations.now() + CLIENT_LIMIT_S
        with client.makefile("rwb") as stream:
            line = stream.readline(LONGEST_LINE_BYTES)
            if not line and self._is_over:
                return  # the connection of `hang_up`
            try:
                for record in self._operations.answer(self._question(line)):
                    stream.write(_line(record))
                    if self._operations.now() >= drop_at:
                        raise TimeoutError("the caller reads the answer too slowly")
                stream.write(_line({"end": True}))
            except EisyncError as error:
                stream.write(_line({"error": str(error), "exit_code": error.exit_code}))

    def _question(self, line: bytes) -> dict[str, Any]:
        try:
            question = json.loads(line)
        except (ValueError, RecursionError):
            question = None
        if not isinstance(question, dict):
            raise EisyncError("not a valid request")
        shown = str(question.get("token")).encode("ascii", "replace")
        if self._token is not None and not hmac.compare_digest(shown, self._token.encode("ascii")):
            raise EisyncError("the token is not the one in the state folder")
        return question


def _line(record: dict[str, Any]) -> bytes:
    return KEYS.without_keys(json.dumps(record)).encode() + b"\n"
