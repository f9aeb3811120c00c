"""Define every error of eisync in one tree. Each branch answers two questions: may we try again? must a person act?

::

    EisyncError
    ├── ConfigurationError   a person must change the configuration               exit 78
    ├── KeyRefusedError      a person must give another key                       exit 77
    ├── StateBusyError       another process holds the state folder: try later    exit 75
    ├── StateError           the state folder cannot be used: a person must act   exit 1
    │   ├── StateDamagedError    its database is damaged: the next opening sets it aside
    │   └── StateLostError       it was removed or replaced while eisync runs: this process must end  exit 74
    ├── FolderError          a folder to write into cannot be used: a person must act  exit 73
    ├── DaemonUnreachableError   a daemon runs and does not answer: try later exit 69
    ├── ClusterUnreachableError  the Dask scheduler does not answer: try later  exit 69
    ├── TransitError         a request got no usable answer: try again
    │   ├── UnreachableError     it certainly did not arrive
    │   └── UnansweredError      it was sent; whether it arrived is not known
    │       └── AnswerTooLargeError  ask for less
    ├── StudioError          Studio refused the request
    ├── NotificationError    a notification was not delivered: try again later
    └── FileError            one file cannot be sent, other files can
        ├── FileChangedError     it has changed: settle it again
        │   └── FileAwayError        its folder is away: the file comes back with it
        ├── FileGoneError        it no longer exists
        └── FileUnreadableError  it may not be read, or is no file: a person must act

Outcomes that are expected (a duplicate, a throttled request, a refused file) are values, not errors.
The message of each error is one sentence for a person: what happened and what to do.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

CONTENT_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What unexpected content of a file, a name or an answer may raise because of a bug in eisync.

These are caught where one file or one folder is handled, so that no other one is affected. Errors that stop everything
(of the state folder, of the key) are not among them.
"""


class EisyncError(Exception):
    """The root of the tree. `exit_code` is the exit code of a command when nothing catches the error."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the fields when the error goes to another process, and leave its cause behind: that may hold a key."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[EisyncError], arguments: tuple[Any, ...], fields: Mapping[str, Any]) -> EisyncError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(fields)
    return error


class ConfigurationError(EisyncError):
    """The configuration cannot be used. `faults` holds one sentence for each problem."""

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
    """The database is damaged. It is set aside and rebuilt when a process opens it again for writing."""


class StateLostError(StateError):
    """The state folder is no longer the one that was opened, so nothing written to it would be read again."""

    exit_code = 74


class FolderError(EisyncError):
    """A folder into which eisync must write files cannot be used."""

    exit_code = 73


class DaemonUnreachableError(EisyncError):
    """A daemon holds the state folder, and its socket does not answer."""

    exit_code = 69


class ClusterUnreachableError(EisyncError):
    """The scheduler of the cluster that the settings name does not answer."""

    exit_code = 69


class TransitError(EisyncError):
    """A request got no usable answer. Try again, after `asked_s` seconds if the service asked for a wait.

    `is_timeout`: the time limit passed.
    """

    def __init__(self, message: str, *, asked_s: float = 0.0, is_timeout: bool = False) -> None:
        super().__init__(message)
        self.asked_s = asked_s
        self.is_timeout = is_timeout


class UnreachableError(TransitError):
    """The request certainly did not arrive."""


class UnansweredError(TransitError):
    """The request was sent, and whether it arrived is not known."""


class AnswerTooLargeError(UnansweredError):
    """The answer is larger than the limit: ask for less. `begun` is the part that was received."""

    def __init__(self, message: str, *, begun: bytes | bytearray = b"") -> None:
        super().__init__(message)
        self.begun = begun


class StudioError(EisyncError):
    """Studio refused the request. `status` is the HTTP status (200 for a `success: false`)."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotificationError(EisyncError):
    """A notification could not be delivered. The message never has the address, which may be a secret."""


class ForeignProjectError(EisyncError):
    """The project does not hold what was sent to it, because its ids belong to other samples. A person must act."""

    exit_code = 3


class FileError(EisyncError):
    """One file cannot be sent. `item_id` is its row in the outbox."""

    def __init__(self, message: str, *, item_id: int) -> None:
        super().__init__(message)
        self.item_id = item_id


class FileChangedError(FileError):
    """The file has changed since it settled; it must not be sent."""


class FileAwayError(FileChangedError):
    """The root of the file is away, so nothing is known of the file."""


class FileGoneError(FileError):
    """The file no longer exists."""


class FileUnreadableError(FileError):
    """The file exists but cannot be read, or it is no regular file inside its root."""
