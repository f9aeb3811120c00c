"""Say what the kernel's answer means: whether a program has a file open for writing.

On Linux it is the answer to a read lease, on Windows to opening the file with a share mode that denies writers.

Source: fcntl(2), "Leases", and `generic_setlease` of Linux (fs/locks.c): a read lease is granted while no process of
this machine has the file open for writing, through whatever descriptor or writable mapping and however long before.
Otherwise the answer is EAGAIN. For Windows: CreateFileW, `dwShareMode` (learn.microsoft.com): ERROR_SHARING_VIOLATION
where the access of a handle that is open is not among what is to be shared.
"""

import errno
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Presence(Enum):
    """Whether there are writers."""

    NONE = "none"
    SOME = "some"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Writers:
    """Who has a file open for writing. `why` says why nobody can tell, as a clause; it is empty otherwise."""

    presence: Presence
    why: str = ""


class Ask(Protocol):
    """Tells who has a file open for writing."""

    def __call__(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        """Ask about the file that is open as `descriptor`. `is_last`: the descriptor is closed next."""


NO_WRITERS = Writers(Presence.NONE)
SOME_WRITERS = Writers(Presence.SOME)
BEING_WRITTEN = "another program has it open for writing; it is sent when that program closes it"
WRITTEN_MEANWHILE = (
    "another program opened it for writing while it was sent; it is sent again when that program closes it"
)
NONE_WRITES = "no program has it open for writing"


def cannot_tell(why: str) -> Writers:
    """Return that nobody can tell, and why."""
    return Writers(Presence.CANNOT_TELL, why)


NOT_ASKED = cannot_tell("the kernel was not asked")


@dataclass(frozen=True, slots=True)
class SameAnswer:
    """An `Ask` that says the same of every file, where the kernel cannot be asked."""

    answer: Writers = NOT_ASKED

    def __call__(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        """Return that answer."""
        return self.answer


_UNENTITLED = cannot_tell("the file belongs to another user, and eisync may not ask the kernel about it (CAP_LEASE)")


def writers_of(error_number: int | None) -> Writers:
    """Return what the answer to a read lease means; None: it was granted."""
    match error_number:
        case None:
            return NO_WRITERS
        case errno.EAGAIN:
            return SOME_WRITERS
        case errno.EACCES | errno.EPERM:
            return _UNENTITLED
    return cannot_tell(f"its file system grants no leases ({errno.errorcode.get(error_number, error_number)})")


def writers_of_windows(error_number: int | None) -> Writers:
    """Return what the answer to an opening that denies writers means; None: it was opened."""
    match error_number:
        case None:
            return NO_WRITERS
        case 32 | 33:  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
            return SOME_WRITERS
    return cannot_tell(f"Windows does not let eisync ask for it (error {error_number})")


def worded(writers: Writers) -> str:
    """Return who writes the file, for a person."""
    match writers.presence:
        case Presence.NONE:
            return f"{NONE_WRITES} (asked the kernel)"
        case Presence.SOME:
            return f"{BEING_WRITTEN} (asked the kernel)"
    return f"cannot tell: {writers.why}"


def said_of_folder(writers: Writers) -> str:
    """Return how it is known of a folder's files who writes them, by what was said of those that were judged last."""
    if writers.presence is Presence.CANNOT_TELL:
        remedy = "; docs/writers.md says how to give it" if writers == _UNENTITLED else ""
        return f"eisync cannot tell who writes some of its files: {writers.why}{remedy}"
    return "eisync asks the kernel who writes its files"
