"""Where daemon and command line meet: a Unix socket in the state folder, or loopback TCP with a token file.

One request is one line of JSON; the answer is one line a record and a last line that is `{"end": true}` or an error.
Only who can read the state folder can speak: the socket is 0600, and so is the file with the token.
"""

import io
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import IO, Any

from eisync.errors import ConfigurationError, DaemonUnreachableError, EisyncError
from eisync.store.state_folder import NOTE_NAME, SOCKET_NAME, check_names, open_private

ANSWER_WITHIN_S = 10.0
LONGEST_LINE_BYTES = 1024 * 1024
IN_MEMORY_BYTES = 4 * 1024 * 1024

# sockaddr_un holds 108 bytes on Linux and 104 elsewhere, the last one a NUL.
_LONGEST_SOCKET_PATH = 103


def listen(folder: str) -> tuple[socket.socket, str | None]:
    """A listening socket, and the token that a caller must show (None: the socket's file guards it).

    The caller holds the state folder, so whatever was left by a daemon that died may be replaced.
    """
    for name in (SOCKET_NAME, NOTE_NAME):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))
    if _has_unix_socket(folder):
        with suppress(OSError):  # some file systems hold no sockets
            return _listen_at(os.path.join(folder, SOCKET_NAME)), None
    return _listen_with_token(os.path.join(folder, NOTE_NAME))


def files_of(folder: str) -> dict[str, tuple[int, int, int]]:
    """Return which files say where to ask, by path, and what tells them from those of another process."""
    found = {}
    for path in (os.path.join(folder, SOCKET_NAME), os.path.join(folder, NOTE_NAME)):
        with suppress(OSError):
            facts = os.lstat(path)
            found[path] = (facts.st_dev, facts.st_ino, facts.st_ctime_ns)  # inodes are used again at once
    return found


def remove(folder: str, files: Mapping[str, tuple[int, int, int]]) -> None:
    """Take `files` away, but for those in whose place another process put its own. A socket stops whoever copies the
    folder: it cannot be opened."""
    for path, facts in files_of(folder).items():
        if files.get(path) == facts:
            with suppress(OSError):
                os.unlink(path)


def ask(folder: str, question: Mapping[str, Any]) -> Iterator[dict[str, Any]] | None:
    """The daemon's answer, record by record; None when no daemon runs on this state folder.

    The answer is fetched whole before the first record, so that a slow reader does not keep the daemon waiting.
    Raises DaemonUnreachableError when one is there and does not answer, EisyncError with the sentence it answers.
    """
    connection = _connect(folder)
    if connection is None:
        return None
    caller, token = connection
    return _conversation(caller, {**question, "token": token})


def _listen_at(path: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if hasattr(os, "fchmod"):
            with suppress(OSError):  # then the file is made so; where sockets have no mode, it is so a moment later
                os.fchmod(server.fileno(), 0o600)
        server.bind(path)
        os.chmod(path, 0o600)
        server.listen(16)  # nobody can connect before this
    except BaseException:
        server.close()
        raise
    return server


def _listen_with_token(note_path: str) -> tuple[socket.socket, str]:
    import secrets  # only on the way that needs it

    server = socket.create_server(("127.0.0.1", 0), backlog=16)
    token = secrets.token_hex(32)
    try:
        folder, name = os.path.split(note_path)
        descriptor = open_private(folder, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(descriptor, "w", encoding="ascii") as note:
            json.dump({"port": server.getsockname()[1], "token": token}, note)
    except BaseException:
        server.close()
        raise
    return server, token


def _fetched(caller: socket.socket) -> IO[bytes]:
    """All that the daemon says, in memory or, when it is much, in a file that has no name."""
    answer: IO[bytes] = io.BytesIO()
    while chunk := caller.recv(65_536):
        answer.write(chunk)
        if isinstance(answer, io.BytesIO) and answer.tell() > IN_MEMORY_BYTES:
            import tempfile  # only on the way that needs it

            in_memory, answer = answer, tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
            answer.write(in_memory.getvalue())
    answer.seek(0)
    return answer


def _conversation(caller: socket.socket, question: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        with caller:
            caller.sendall(json.dumps(question).encode() + b"\n")
            answer = _fetched(caller)
        with answer:
            for line in answer:
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("not a record")
                if "error" in record and set(record) <= {"error", "exit_code"}:
                    raise _told(record)
                if record == {"end": True}:
                    return
                yield record
    except (OSError, ValueError) as error:
        raise DaemonUnreachableError(f"the daemon does not answer ({type(error).__name__}); check its log") from error
    raise DaemonUnreachableError("the daemon ended during its answer; try again")


def _connect(folder: str) -> tuple[socket.socket, str | None] | None:
    path = os.path.join(folder, SOCKET_NAME)
    try:
        check_names(folder)  # nobody else's daemon is spoken with
        if os.path.lexists(path):
            caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            caller.settimeout(ANSWER_WITHIN_S)
            try:
                caller.connect(path)
            except BaseException:
                caller.close()
                raise
            return caller, None
        with open(open_private(folder, NOTE_NAME, os.O_RDONLY), encoding="ascii") as note:
            facts = json.load(note)
        return socket.create_connection(("127.0.0.1", int(facts["port"])), timeout=ANSWER_WITHIN_S), facts["token"]
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return None  # nobody, or one that died
    except PermissionError as error:
        raise ConfigurationError(
            f"the state folder {folder} belongs to another user; run this as the user who runs eisync"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DaemonUnreachableError(f"the daemon cannot be reached ({type(error).__name__}); check its log") from error


def _told(record: Mapping[str, Any]) -> EisyncError:
    error = EisyncError(str(record["error"]))
    error.exit_code = int(record.get("exit_code", 1))  # type: ignore[misc]  # what the daemon's own error would end with
    return error


def _has_unix_socket(folder: str) -> bool:
    return hasattr(socket, "AF_UNIX") and len(os.fsencode(os.path.join(folder, SOCKET_NAME))) <= _LONGEST_SOCKET_PATH
