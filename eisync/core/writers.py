"""Say what the kernel's answer to a read lease means: whether a program has a file open for writing.

Source: fcntl(2), "Leases", and `generic_setlease` of Linux (fs/locks.c): a read lease is granted while no process of
this machine has the file open for writing, through whatever descriptor or writable mapping and however long before.
Otherwise the answer is EAGAIN.
"""

import errno
from dataclasses import dataclass
from enum import Enum


class Presence(Enum):
    """Whether there are writers."""

    NONE = "none"
    SOME = "some"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Writers:
    """Who has a file open for writing. `why` says why nobody can tell; it is empty otherwise."""

    presence: Presence
    why: str = ""


NO_WRITERS = Writers(Presence.NONE)
SOME_WRITERS = Writers(Presence.SOME)
BEING_WRITTEN = "another program has it open for writing; it goes when that program has closed it"

_NO_RIGHT = "the file is another user's, and eisync has no right to ask the kernel (CAP_LEASE)"


def cannot_tell(why: str) -> Writers:
    """Return that nobody can tell, and why."""
    return Writers(Presence.CANNOT_TELL, why)


def writers_of(error_number: int | None) -> Writers:
    """Return what the answer to a read lease means; None: it was granted."""
    match error_number:
        case None:
            return NO_WRITERS
        case errno.EAGAIN:
            return SOME_WRITERS
        case errno.EACCES | errno.EPERM:
            return cannot_tell(_NO_RIGHT)
    return cannot_tell(f"its file system grants no leases ({errno.errorcode.get(error_number, error_number)})")
