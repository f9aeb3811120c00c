"""Every error of ours, in one tree. A branch answers: may we try again? must a person act?

::

    EisyncError
    ├── ConfigurationError   a person must change the configuration               exit 78
    ├── KeyRefusedError      a person must give another key                       exit 77
    ├── StateBusyError       another process holds the state folder: try later    exit 75
    ├── StateError           the state folder cannot be used: a person must act   exit 1
    │   ├── StateDamagedError    its database is damaged: the next opening sets it aside
    │   └── StateLostError       it was removed or replaced while we run: this process must end  exit 74
    ├── FolderError          a folder to write into cannot be used: a person must act  exit 73
    ├── DaemonUnreachableError   a daemon is there and does not answer: try later exit 69
    ├── TransitError         a request got no usable answer: try again
    │   ├── UnreachableError     it certainly did not arrive
    │   └── UnansweredError      it left; nobody knows whether it arrived
    │       └── AnswerTooLargeError  ask for less
    ├── StudioError          Studio answered and said no
    └── FileError            one file cannot be sent, its peers can
        ├── FileChangedError     it is not what it was: settle it again
        │   └── FileAwayError        the folder it is in is away: it comes back with it
        ├── FileGoneError        it is not there any more
        └── FileUnreadableError  it may not be read, or is no file: a person must act

What we expect of a healthy day (a duplicate, a throttled request, a refused file) is a value and not in here.
The message of each is one sentence for a person: what happened and what to do.
"""

from typing import ClassVar

CONTENT_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the content of a file, a name or an answer may provoke where we are wrong about it. Caught where one file or one
folder stands for itself, so that it costs no other; what stops everything (the state, the key) is none of these."""


class EisyncError(Exception):
    """The root. `exit_code` is what the command line ends with when nothing catches it."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(EisyncError):
    """The configuration cannot be used. `faults` holds one sentence for each thing that is wrong."""

    exit_code = 78

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class KeyRefusedError(EisyncError):
    """The service does not accept the API key."""

    exit_code = 77


class StateBusyError(EisyncError):
    """Another process holds the state folder."""

    exit_code = 75


class StateError(EisyncError):
    """The state folder cannot be read or written."""


class StateDamagedError(StateError):
    """The database is damaged. It is set aside and rebuilt when it is opened again by whoever may."""


class StateLostError(StateError):
    """The state folder is not the one that was opened. Whoever goes on would write where nobody reads."""

    exit_code = 74


class FolderError(EisyncError):
    """A folder that files are to be written into cannot be used."""

    exit_code = 73


class DaemonUnreachableError(EisyncError):
    """A daemon holds the state folder, and its socket does not answer."""

    exit_code = 69


class TransitError(EisyncError):
    """A request got no usable answer; trying again is right, after `asked_s` seconds if the service asked for them.

    `is_timeout`: time ran out.
    """

    def __init__(self, message: str, *, asked_s: float = 0.0, is_timeout: bool = False) -> None:
        super().__init__(message)
        self.asked_s = asked_s
        self.is_timeout = is_timeout


class UnreachableError(TransitError):
    """The request certainly did not arrive."""


class UnansweredError(TransitError):
    """The request left, and nobody knows whether it arrived."""


class AnswerTooLargeError(UnansweredError):
    """The answer is larger than is bearable: ask for less. `begun` is what came of it."""

    def __init__(self, message: str, *, begun: bytes | bytearray = b"") -> None:
        super().__init__(message)
        self.begun = begun


class StudioError(EisyncError):
    """Studio answered and said no. `status` is the HTTP status (200 for a `success: false`)."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class ForeignProjectError(EisyncError):
    """The project does not hold what was sent to it: its ids mean other samples. A person must see to it."""

    exit_code = 3


class FileError(EisyncError):
    """One file cannot be sent. `item_id` is its row in the outbox."""

    def __init__(self, message: str, *, item_id: int) -> None:
        super().__init__(message)
        self.item_id = item_id


class FileChangedError(FileError):
    """The file is not what it was when it settled; nothing of it may be sent."""


class FileAwayError(FileChangedError):
    """The root of the file is away, and nothing can be said of the file."""


class FileGoneError(FileError):
    """There is no such file any more."""


class FileUnreadableError(FileError):
    """The file is there and may not be read, or it is no regular file inside its root."""
