"""Record what a self-test is about to upload, so that a later run can remove the samples of a killed run.

Each run has one file in the state folder. It is written and synced before each upload. It has the name of the run, the
hashes of the contents that were sent, and the ids of the samples that were stored. A run locks its file, so that no
other run removes its samples. The file is deleted when all samples of the run are removed.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from typing import Any

from eisync.errors import CONTENT_ERRORS, StateError
from eisync.store.state_folder import SELFTEST_PREFIX, claim_folder, open_private

RUN_PREFIX = "eisync-selftest-"
"""The beginning of the name of every run."""

_SUFFIX = ".jsonl"
_VERSION = 1


@dataclass(slots=True)
class Record:
    """One run. `hashes` are the SHA-256 of all files sent; `answered` are those whose request was answered."""

    token: str
    studio_url: str
    project_id: int
    hashes: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    ids: set[int] = field(default_factory=set)

    def learn(self, line: Mapping[str, Any]) -> None:
        """Add one line of the file."""
        self.hashes.update(map(str, line.get("sent", ())))
        self.answered.update(map(str, line.get("answered", ())))
        self.ids.update(map(int, line.get("ids", ())))


class Journal:
    """The file of one run. It is open and locked until `close`."""

    def __init__(self, folder: str, name: str, file: FileIO, record: Record) -> None:
        self.record = record
        self._path = os.path.join(folder, name)
        self._file = file

    @property
    def path(self) -> str:
        """Return the path of the file."""
        return self._path

    def sending(self, hashes: Iterable[str]) -> None:
        """Record what is about to be sent. Raises StateError if it cannot be written: then do not send it."""
        self._write({"sent": list(hashes)})

    def answered(self, hashes: Iterable[str], ids: Iterable[int]) -> None:
        """Record that the answer came, with the ids in it. Raises StateError."""
        self._write({"answered": list(hashes), "ids": list(ids)})

    def remove(self) -> None:
        """Delete the file, when all samples of the run are removed. Raises StateError."""
        try:
            os.unlink(self._path)
        except OSError as error:
            raise StateError(
                f"{self._path} cannot be deleted: {error.strerror or error}; delete it yourself"
            ) from error

    def close(self) -> None:
        """Close and unlock the file. Safe to repeat."""
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self.record.learn(line)
        _append(self._file, line, self._path)


def begin(folder: str, token: str, *, studio_url: str, project_id: int) -> Journal:
    """Make the file of a new run in the state folder. Raises StateError if it cannot be written."""
    claim_folder(folder)
    name = f"{SELFTEST_PREFIX}{token.removeprefix(RUN_PREFIX)}{_SUFFIX}"
    try:
        file = FileIO(open_private(folder, name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL), "a")
    except OSError as error:
        raise StateError(f"{folder} cannot be written: {error.strerror or error}; nothing was uploaded") from error
    _lock(file)
    record = Record(token, studio_url, project_id)
    header = {"version": _VERSION, "token": token, "studio_url": studio_url, "project_id": project_id}
    _append(file, header, os.path.join(folder, name))
    return Journal(folder, name, file, record)


def leftovers(folder: str) -> Iterator[Journal]:
    """Yield the journals of runs that ended before their samples were removed. Running runs are not included."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name.startswith(SELFTEST_PREFIX) and name.endswith(_SUFFIX) and (found := _reopen(folder, name)):
            yield found


def _reopen(folder: str, name: str) -> Journal | None:
    try:
        file = FileIO(open_private(folder, name, os.O_RDWR | os.O_APPEND), "a+")
    except OSError:
        return None
    record = _read(file) if _lock(file) else None
    if record is None:
        file.close()
        return None
    return Journal(folder, name, file, record)


def _read(file: FileIO) -> Record | None:
    """Return the content of the file, without an incomplete last line; None if it has no header."""
    file.seek(0)
    lines = [line for line in file.readall().splitlines(keepends=True) if line.endswith(b"\n")]
    try:
        header, *rest = map(json.loads, lines)
        record = Record(str(header["token"]), str(header["studio_url"]), int(header["project_id"]))
        for line in rest:
            record.learn(line)
    except CONTENT_ERRORS:
        return None
    return record


def _append(file: FileIO, line: Mapping[str, Any], path: str) -> None:
    try:
        file.write(json.dumps(line).encode() + b"\n")
        os.fsync(file.fileno())
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror or error}") from error


def _lock(file: FileIO) -> bool:
    """Return whether the file could be locked."""
    if sys.platform == "win32":
        return True  # no lock there: two runs at the same time are not detected
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
