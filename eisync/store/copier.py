"""Copy the database of a running process for a command, in a thread of its own, while everything else goes on."""

import os
import threading
from collections.abc import Callable

from eisync.core.model import value
from eisync.errors import EisyncError, StateBusyError, StateError
from eisync.store.copies import COPY_NAME, drop_copy, make_place
from eisync.store.database import Database

KEEP_S = 600.0
"""A copy is removed when its command has not asked for it for so long: it was killed."""

_PAUSE_S = 0.001  # between two steps, for those who wait for the database


@value(kw_only=True)
class CopyProgress:
    """How far a copy is. `left` and `pages` count pages of the database. `failed`: why it ended early."""

    ticket: int
    left: int
    pages: int
    is_done: bool
    failed: str | None


class Copier:
    """Makes one copy at a time, named COPY_NAME, in the state folder. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._copying: _Copying | None = None
        self._tickets = 0

    def begin(self) -> int:
        """Begin a copy, and return its ticket. Raise StateBusyError while another is made or used, StateError."""
        with self._lock:
            if self._copying is not None and not self._copying.is_over:
                raise StateBusyError("another command copies the database now; try again when it has ended")
            self._tickets += 1
            self._copying = _Copying(self._database, self._tickets)
            return self._tickets

    def progress(self, ticket: object) -> CopyProgress:
        """Return how far the copy is. Raise EisyncError when there is none with that ticket."""
        return self._of(ticket).progress()

    def end(self, ticket: object) -> None:
        """End the copy and remove it. Raise EisyncError when there is none with that ticket."""
        self._of(ticket).end()

    def close(self) -> None:
        """End what is under way. Safe to repeat."""
        with self._lock:
            copying, self._copying = self._copying, None
        if copying is not None:
            copying.end()

    def _of(self, ticket: object) -> "_Copying":
        with self._lock:
            found = self._copying
        if found is None or found.ticket != ticket:
            raise EisyncError("this copy of the database is not there any more; run the command again")
        return found


class _Copying:
    """One copy, from its beginning until it is removed."""

    def __init__(self, database: Database, ticket: int) -> None:
        self.ticket = ticket
        self._database = database
        self._left, self._pages = 1, 1
        self._is_done = False
        self._failed: str | None = None
        self._ended, self._asked = threading.Event(), threading.Event()
        try:
            self._path = make_place(database.folder)
            self._thread = threading.Thread(target=self._run, name="eisync-copy", daemon=True)
            self._thread.start()
        except (OSError, RuntimeError) as error:
            drop_copy(database.folder)
            raise _no_room(database.folder, error) from error

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def progress(self) -> CopyProgress:
        self._asked.set()
        return CopyProgress(
            ticket=self.ticket, left=self._left, pages=self._pages, is_done=self._is_done, failed=self._failed
        )

    def end(self) -> None:
        self._ended.set()
        self._asked.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._tried(lambda: self._database.copy_to(self._path, self._between))
            while self._is_done and not self._ended.is_set() and self._asked.wait(KEEP_S):
                self._asked.clear()
        finally:
            drop_copy(self._database.folder)

    def _tried(self, copy: Callable[[], None]) -> None:
        try:
            copy()
            self._left, self._is_done = 0, True
        except _EndedError:
            self._failed = "it was ended"
        except OSError as error:
            self._failed = str(_no_room(self._database.folder, error))
        except StateError as error:
            self._failed = str(error)

    def _between(self, left: int, pages: int) -> None:
        self._left, self._pages = left, pages
        if self._ended.wait(_PAUSE_S):
            raise _EndedError


class _EndedError(Exception):
    """The copy is not wanted any more."""


def _no_room(folder: str, error: OSError | RuntimeError) -> StateError:
    reason = error.strerror if isinstance(error, OSError) else "no thread can be started"
    return StateError(
        f"the database cannot be copied to {os.path.join(folder, COPY_NAME)}: {reason}. Make room there, or stop "
        "eisync: then no copy is needed in that folder"
    )
