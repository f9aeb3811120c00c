"""Check, copy and shrink the database of a state folder, whether a process holds it or not.

The process that holds a database keeps every other one out. So it makes a copy for a command, some pages at a time, in
its state folder: the one place that both can use. Without such a process the command reads the database itself.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from eisync import paths
from eisync.adapters.files.relocate import pieces_of, rename_anew, sync_folder
from eisync.control import local_socket
from eisync.core.doctor.finding import Finding, Verdict
from eisync.core.summary import in_bytes
from eisync.errors import EisyncError, FolderError, StateBusyError, StateError
from eisync.store import offline
from eisync.store.copies import COPY_NAME
from eisync.store.space import Space

ASK_EVERY_S = 0.05

Show = Callable[[int, int | None, str], None]
"""Shows how far it is: how many of how many things are done, and what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was written and read back. `rows`: how many it has of each main table."""

    path: str
    size_bytes: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """What became of the room that a database takes. `why_not_less`: why more is not done now, as a sentence."""

    before: Space
    after: Space
    why_not_less: str | None = None


def check(folder: str, show: Show) -> Iterator[Finding]:
    """Yield what is found in the database of the state folder. Change nothing.

    Raise ConfigurationError when there is no database, StateBusyError, StateError.
    """
    with _copy_of_process(folder, show) as path:
        found = offline.check_folder if path is None else offline.check_file
        yield from found(folder if path is None else path, lambda done: show(done, None, "checks"))


def back_up(folder: str, path: str, show: Show) -> Backup:
    """Write a copy of the database into a new file at `path`, read it back, and return what is in it.

    Leave nothing if it fails. Raise FolderError when `path` exists or cannot be written, and what `check` raises.
    """
    offline.database_in(folder)
    if os.path.lexists(path):
        raise FolderError(f"{path} exists, and a backup overwrites nothing: name another file")
    part = _new_part(path)
    try:
        with _copy_of_process(folder, show) as copy:
            if copy is None:
                offline.copy_folder(folder, part, _steps(show))
            else:
                _write(copy, part, show)
        _verify(part, show)
        found = Backup(path=path, size_bytes=os.path.getsize(part), rows=offline.counts_of(part))
        if not rename_anew(part, path):
            raise FolderError(f"{path} appeared meanwhile, and a backup overwrites nothing: name another file")
        sync_folder(os.path.dirname(path))
    except OSError as error:
        raise FolderError(f"{path} cannot be written: {error.strerror}; name a file on another disk") from error
    finally:
        with suppress(OSError):
            os.unlink(part)
    return found


def shrink(folder: str) -> Shrunk:
    """Make the database smaller, as far as that is safe now.

    Raise ConfigurationError when there is none, StateBusyError, StateError when it is damaged or there is no room.
    """
    offline.database_in(folder)
    before = _asked(folder, {"do": "space"})
    if before is not None:
        return _shrink_by_process(folder, Space(**before))
    with offline.held(folder) as keeper:
        first = keeper.now()
        why = _why_no_room(folder, first.size_bytes - first.free_bytes)
        if why is None:
            return Shrunk(before=first, after=keeper.vacuum())
        if not first.can_shrink:
            raise StateError(f"the database cannot be rewritten: {why}. Nothing was changed")
        return Shrunk(before=first, after=_given_back(first, keeper.give_back), why_not_less=why)


def _shrink_by_process(folder: str, before: Space) -> Shrunk:
    if before.free_bytes and not before.can_shrink:
        why = "an earlier eisync made it, so only a stopped eisync can shrink it: stop eisync, and run this again"
        return Shrunk(before=before, after=before, why_not_less=why)

    def give_back() -> Space:
        answer = _asked(folder, {"do": "shrink"})
        if answer is None:
            raise StateBusyError("eisync ended meanwhile; run this again")
        return Space(**answer)

    after = _given_back(before, give_back)
    return Shrunk(
        before=before, after=after, why_not_less="eisync runs; when it is stopped, this also closes gaps in pages"
    )


def _given_back(before: Space, give_back: Callable[[], Space]) -> Space:
    """Give free pages back until none is left, or none can be given back."""
    now = before
    while now.free_bytes:
        after = give_back()
        if after.size_bytes >= now.size_bytes:
            return after
        now = after
    return now


def _why_no_room(folder: str, used_bytes: int) -> str | None:
    """Return why VACUUM would find no room, as a sentence; None when there is enough (`eisync.store.space`)."""
    temporary = paths.sqlite_temporary() or tempfile.gettempdir()
    needs = {folder: 2 * used_bytes}
    if os.stat(temporary).st_dev == os.stat(folder).st_dev:
        needs[folder] += used_bytes
    else:
        needs[temporary] = used_bytes
    for place, need in needs.items():
        free = shutil.disk_usage(place).free
        if free < need:
            return f"that takes {in_bytes(need)} in {place} for a moment, and {in_bytes(free)} are free there"
    return None


@contextmanager
def _copy_of_process(folder: str, show: Show) -> Iterator[str | None]:
    """Lend a copy that the process of the state folder made; None when none runs. Remove it afterwards."""
    begun = _asked(folder, {"do": "copy"})
    if begun is None:
        yield None
        return
    ticket = begun["ticket"]
    path = os.path.join(folder, COPY_NAME)
    try:
        if not os.access(path, os.R_OK):
            raise StateError(local_socket.why_refused(folder, by_group=False))
        _await(folder, begun, _steps(show))
        yield path
    finally:
        with suppress(EisyncError):
            _asked(folder, {"do": "copy", "ticket": ticket, "end": True})


def _await(folder: str, progress: dict[str, Any], step: Callable[[int, int], None]) -> None:
    pause = threading.Event()
    while not progress["is_done"]:
        if progress["failed"] is not None:
            raise StateError(progress["failed"])
        step(progress["left"], progress["pages"])
        pause.wait(ASK_EVERY_S)
        answer = _asked(folder, {"do": "copy", "ticket": progress["ticket"]})
        if answer is None:
            raise StateBusyError("eisync ended meanwhile; run this again")
        progress = answer


def _asked(folder: str, question: dict[str, Any]) -> dict[str, Any] | None:
    """Return the one record that the process of the state folder answers; None when none runs."""
    answer = local_socket.ask(folder, question)
    return None if answer is None else next(answer)


def _steps(show: Show) -> Callable[[int, int], None]:
    return lambda left, pages: show(pages - left, pages, "pages copied")


def _new_part(path: str) -> str:
    """Make the file under which a backup is written until it is whole. Only this user may read it."""
    part = f"{path}.part-{os.getpid()}"
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise FolderError(f"{path} cannot be written: {error.strerror}; name another file") from error
    return part


def _write(copy: str, part: str, show: Show) -> None:
    total = os.path.getsize(copy)
    with open(copy, "rb") as source, open(part, "r+b") as file:
        for piece in pieces_of(source.fileno()):
            file.write(piece)
            show(file.tell(), total, "bytes written")
        file.flush()
        os.fsync(file.fileno())


def _verify(part: str, show: Show) -> None:
    for finding in offline.check_file(part, lambda done: show(done, None, "checks of the backup")):
        if finding.verdict is Verdict.FAULT:
            raise StateError(f"the backup was not kept: {finding.sentence}. Next: eisync db check")
