"""Answer the command line, one caller at a time."""

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
CONVERSE_FOR_S = 60.0
"""A caller that takes longer over an answer is left: the next one waits, and our heartbeat ages."""


class ControlServer:
    """The daemon's side of the door, as a loop: one tick waits for a caller a moment, and answers one."""

    name = "control"

    def __init__(self, folder: str, operations: Operations, *, log: Log) -> None:
        self._folder = folder
        self._operations = operations
        self._log = log
        self._server, self._token = listen(folder)
        self._files = files_of(folder)
        self._server.settimeout(ACCEPT_FOR_S)
        self._is_over = False

    def tick(self, now: float) -> float:
        """Answer a caller, if one comes."""
        try:
            caller, _ = self._server.accept()
        except TimeoutError:
            return 0.0
        with caller:
            caller.settimeout(ANSWER_WITHIN_S)
            try:
                self._converse(caller)
            except OSError as error:
                self._log.info("control.left", reason=type(error).__name__)  # the caller went, or is too slow
        return 0.0

    def stop(self, now: float) -> None:
        """Callers are answered until the end; none is waited for any more."""
        self._server.settimeout(0.01)

    @property
    def is_done(self) -> bool:
        """Always: no answer outlives its tick."""
        return True

    def hang_up(self) -> None:
        """End a tick that waits for a caller: one comes, and asks nothing. Safe from any thread, and to repeat."""
        self._is_over = True
        self._server.settimeout(0.01)  # for the ticks that follow
        # To shut a socket that listens wakes no thread on some systems. Where this fails, the tick ends a moment later.
        with contextlib.suppress(OSError), socket.socket(self._server.family) as caller:
            caller.settimeout(HANG_UP_WITHIN_S)
            caller.connect(self._server.getsockname())

    def close(self) -> None:
        """Let go of the socket, and of its file. Safe to repeat."""
        remove(self._folder, self._files)
        self._files = {}
        self._server.close()

    def _converse(self, caller: socket.socket) -> None:
        leave_at = self._operations.now() + CONVERSE_FOR_S
        with caller.makefile("rwb") as stream:
            line = stream.readline(LONGEST_LINE_BYTES)
            if not line and self._is_over:
                return  # ourselves
            try:
                for record in self._operations.answer(self._question(line)):
                    stream.write(_line(record))
                    if self._operations.now() >= leave_at:
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
