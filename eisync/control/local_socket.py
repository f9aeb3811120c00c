"""Connect daemon and command line: a Unix socket in the state folder, or loopback TCP with a token file.

A request is one line of JSON. The answer has one line for each record, and a last line that is `{"end": true}` or an
error. Only a user who can read the state folder can connect: the socket has mode 0600, and so has the token file.
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


def listen(folder: str, *, group: str | None = None) -> tuple[socket.socket, str | None]:
    """Return a listening socket, and the token that a client must send (None: the mode of the socket protects it).

    This process holds the state folder, so files that a dead daemon left may be replaced. `group`: members of this
    group of the machine may connect too. Raises ConfigurationError when that cannot be.
    """
    for name in (SOCKET_NAME, NOTE_NAME):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))
    if _has_unix_socket(folder):
        with suppress(OSError):  # some file systems have no sockets
            server = _listen_at(os.path.join(folder, SOCKET_NAME))
            if group is not None:
                _admit(group, folder, server)
            return server, None
    if group is not None:
        raise ConfigurationError(f"state.group: the file system of {folder} has no sockets: choose another state.dir")
    return _listen_with_token(os.path.join(folder, NOTE_NAME))


def files_of(folder: str) -> dict[str, tuple[int, int, int]]:
    """Return the files that lead to the daemon, by path, with facts that differ from those of another process."""
    found = {}
    for path in (os.path.join(folder, SOCKET_NAME), os.path.join(folder, NOTE_NAME)):
        with suppress(OSError):
            facts = os.lstat(path)
            found[path] = (facts.st_dev, facts.st_ino, facts.st_ctime_ns)  # ctime, as inode numbers are reused at once
    return found


def remove(folder: str, files: Mapping[str, tuple[int, int, int]]) -> None:
    """Remove `files`, except those that another process has replaced. (A socket that stays would make tools that copy
    the folder fail: it cannot be opened.)"""
    for path, facts in files_of(folder).items():
        if files.get(path) == facts:
            with suppress(OSError):
                os.unlink(path)


def ask(folder: str, question: Mapping[str, Any]) -> Iterator[dict[str, Any]] | None:
    """Send a request to the daemon. Return its answer, record by record; None when no daemon uses this state folder.

    The whole answer is received before the first record is yielded, so that a slow reader does not block the daemon.
    Raises DaemonUnreachableError when a daemon runs but does not answer, EisyncError with the error that it answers.
    """
    connection = _connect(folder)
    if connection is None:
        return None
    client, token = connection
    return _records_of(client, {**question, "token": token})


def _listen_at(path: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if hasattr(os, "fchmod"):
            with suppress(OSError):  # before `bind`: the file gets the mode at once. Where that fails, `chmod` follows
                os.fchmod(server.fileno(), 0o600)
        server.bind(path)
        os.chmod(path, 0o600)
        server.listen(16)  # only from here on can a client connect
    except BaseException:
        server.close()
        raise
    return server


def _admit(group: str, folder: str, server: socket.socket) -> None:
    """Let members of the group pass through the folder and connect. Every other file in it stays its owner's alone."""
    import grp  # only on the way that needs it: not on Windows

    try:
        number = grp.getgrnam(group).gr_gid
        _give(folder, number)
        os.chmod(folder, os.stat(folder).st_mode & 0o700 | 0o010)  # noqa: S103 - to pass through, not to list
        path = os.path.join(folder, SOCKET_NAME)
        _give(path, number)
        os.chmod(path, 0o660)
    except (OSError, KeyError) as error:
        server.close()
        reason = "there is no such group" if isinstance(error, KeyError) else error.strerror
        raise ConfigurationError(
            f"state.group: the group {group} cannot be let in to the state folder {folder}: {reason}. "
            "The user who runs eisync must own the folder and be a member of the group"
        ) from error


def _give(path: str, group: int) -> None:
    """Give the file to the group, unless it has it already. A unit with Group= refuses `chown` altogether."""
    if os.stat(path).st_gid != group:
        os.chown(path, -1, group)


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


def _receive_all(client: socket.socket) -> IO[bytes]:
    """Return the whole answer of the daemon: in memory, or in an unnamed file if it is large."""
    answer: IO[bytes] = io.BytesIO()
    while chunk := client.recv(65_536):
        answer.write(chunk)
        if isinstance(answer, io.BytesIO) and answer.tell() > IN_MEMORY_BYTES:
            import tempfile  # only on the way that needs it

            in_memory, answer = answer, tempfile.TemporaryFile()  # noqa: SIM115 - the client closes it
            answer.write(in_memory.getvalue())
    answer.seek(0)
    return answer


def _records_of(client: socket.socket, question: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        with client:
            client.sendall(json.dumps(question).encode() + b"\n")
            answer = _receive_all(client)
        with answer:
            for line in answer:
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("not a record")
                if "error" in record and set(record) <= {"error", "exit_code"}:
                    raise _error_of(record)
                if record == {"end": True}:
                    return
                yield record
    except (OSError, ValueError) as error:
        raise DaemonUnreachableError(f"the daemon does not answer ({type(error).__name__}); check its log") from error
    raise DaemonUnreachableError("the daemon ended during its answer; try again")


def _connect(folder: str) -> tuple[socket.socket, str | None] | None:
    path = os.path.join(folder, SOCKET_NAME)
    try:
        check_names(folder)  # do not connect to the daemon of another user
        if os.path.lexists(path):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.settimeout(ANSWER_WITHIN_S)
            try:
                client.connect(path)
            except BaseException:
                client.close()
                raise
            return client, None
        with open(open_private(folder, NOTE_NAME, os.O_RDONLY), encoding="ascii") as note:
            facts = json.load(note)
        return socket.create_connection(("127.0.0.1", int(facts["port"])), timeout=ANSWER_WITHIN_S), facts["token"]
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return None  # no daemon, or one that died
    except PermissionError as error:
        raise ConfigurationError(why_refused(folder)) from error
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DaemonUnreachableError(f"the daemon cannot be reached ({type(error).__name__}); check its log") from error


def why_refused(folder: str, *, by_group: bool = True) -> str:
    """Return why this user may not ask the daemon of the folder, and who may, as a sentence.

    Without `by_group` no daemon answers, and the members of its group may read nothing else.
    """
    import grp  # only on the way that needs it: not on Windows, where no folder refuses like this
    import pwd

    facts = os.stat(folder)
    owner, group = f"the user with number {facts.st_uid}", f"with number {facts.st_gid}"
    with suppress(KeyError):
        owner = f"the user {pwd.getpwuid(facts.st_uid).pw_name}"
    with suppress(KeyError):
        group = grp.getgrgid(facts.st_gid).gr_name
    if by_group and facts.st_mode & 0o077 == 0o010:  # as `_admit` leaves it
        return (
            f"the state folder {folder} belongs to another user: root, {owner} and the members of the group {group} "
            f"may ask. Run this with sudo, or become a member ('sudo usermod -aG {group} $USER', then log in anew)"
        )
    return f"the state folder {folder} belongs to another user: run this as {owner}, or as root (sudo)"


def _error_of(record: Mapping[str, Any]) -> EisyncError:
    error = EisyncError(str(record["error"]))
    error.exit_code = int(record.get("exit_code", 1))  # type: ignore[misc]  # as the daemon's own error would have it
    return error


def _has_unix_socket(folder: str) -> bool:
    return hasattr(socket, "AF_UNIX") and len(os.fsencode(os.path.join(folder, SOCKET_NAME))) <= _LONGEST_SOCKET_PATH
