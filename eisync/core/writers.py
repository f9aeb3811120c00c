"""Interpret the kernel's answer to the question whether a program has a file open for writing.

On Linux the question is a request for a read lease. On Windows it is opening the file with a share mode that denies
writers.

Sources: fcntl(2), "Leases", and `generic_setlease` of Linux (fs/locks.c): a read lease is granted while no process of
this machine has the file open for writing, through any descriptor or writable mapping, opened at any time. Otherwise
the answer is EAGAIN. For Windows: CreateFileW, `dwShareMode` (learn.microsoft.com): ERROR_SHARING_VIOLATION when an
open handle has an access that the share mode does not include.
"""

import errno
from enum import Enum
from typing import Protocol

from eisync.core.model import value


class Presence(Enum):
    """Whether any program has the file open for writing."""

    NONE = "none"
    SOME = "some"
    CANNOT_TELL = "cannot tell"


@value
class Writers:
    """The answer about who has a file open for writing. `why` is the clause that says why it is unknown, else empty."""

    presence: Presence
    why: str = ""


class Ask(Protocol):
    """Find out who has a file open for writing."""

    def __call__(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        """Ask about the file that is open as `descriptor`. `is_last` says that the descriptor is closed next."""


NO_WRITERS = Writers(Presence.NONE)
SOME_WRITERS = Writers(Presence.SOME)
BEING_WRITTEN = "another program has it open for writing; it is sent when that program closes it"
WRITTEN_MEANWHILE = (
    "another program opened it for writing while it was sent; it is sent again when that program closes it"
)
NONE_WRITES = "no program has it open for writing"


def cannot_tell(why: str) -> Writers:
    """Return the answer that it is unknown, and why."""
    return Writers(Presence.CANNOT_TELL, why)


NOT_ASKED = cannot_tell("the kernel was not asked")


@value
class SameAnswer:
    """An `Ask` with the same answer for every file, for systems whose kernel cannot be asked."""

    answer: Writers = NOT_ASKED

    def __call__(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        """Return the fixed answer."""
        return self.answer


_UNENTITLED = cannot_tell("the file belongs to another user, and eisync may not ask the kernel about it (CAP_LEASE)")


def writers_of(error_number: int | None) -> Writers:
    """Return what the error number of a request for a read lease means. None: the lease was granted."""
    match error_number:
        case None:
            return NO_WRITERS
        case errno.EAGAIN:
            return SOME_WRITERS
        case errno.EACCES | errno.EPERM:
            return _UNENTITLED
    return cannot_tell(f"its file system grants no leases ({errno.errorcode.get(error_number, error_number)})")


def writers_of_windows(error_number: int | None) -> Writers:
    """Return what the error number of an open that denies writers means. None: the file was opened."""
    match error_number:
        case None:
            return NO_WRITERS
        case 32 | 33:  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
            return SOME_WRITERS
    return cannot_tell(f"Windows does not let eisync ask for it (error {error_number})")


def describe_writers(writers: Writers) -> str:
    """Return who writes the file, for a person."""
    match writers.presence:
        case Presence.NONE:
            return f"{NONE_WRITES} (asked the kernel)"
        case Presence.SOME:
            return f"{BEING_WRITTEN} (asked the kernel)"
    return f"cannot tell: {writers.why}"


def describe_folder_writers(writers: Writers) -> str:
    """Return how eisync knows who writes the files of a folder, for a person. `writers` is the last file's answer."""
    if writers.presence is Presence.CANNOT_TELL:
        remedy = "; docs/writers.md says how to give it" if writers == _UNENTITLED else ""
        return f"eisync cannot tell who writes some of its files: {writers.why}{remedy}"
    return "eisync asks the kernel who writes its files"
