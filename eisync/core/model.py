"""Define the values that all packages share: files and their facts, items to send, samples of the service.

Names of times end in `_at`; they are Unix seconds (UTC). Paths are relative to their root, with `/` between the parts
and undecodable bytes as surrogate escapes, as `os.fsdecode` returns them.

Many of these values are created for every file, so they must be cheap. A frozen dataclass takes two to four times as
long to create as one that is not, because each field goes through `object.__setattr__`. With a dozen values for each
file, that would be a tenth of the cost of a small file. So `value` makes classes that are frozen for the type checker
and ordinary at run time. Never change their fields.

The classes themselves must be cheap, too: there are 300, and `dataclass` compiles each of their methods, which was a
third of the time in which a command starts. `value` has only `__init__` compiled; the other methods share their code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

from eisync.core.lifecycle import State

_T = TypeVar("_T")


@overload
def value(cls: type[_T], /) -> type[_T]: ...


@overload
def value(*, kw_only: bool = False) -> Callable[[type[_T]], type[_T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[_T] | None = None, /, *, kw_only: bool = False) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """Make a dataclass of hashable values with slots, compared by their fields. Do not set its fields."""

    def made(cls: type[_T]) -> type[_T]:
        own = frozenset(cls.__dict__)
        made = dataclass(slots=True, repr=False, eq=False, kw_only=kw_only)(cls)
        compared = tuple(one.name for one in fields(made) if one.compare)  # type: ignore[arg-type]  # it is one now
        for name, method in _methods(_getter_of(compared)).items():
            if name not in own:
                setattr(made, name, method)
        return made

    return made if cls is None else made(cls)


def _methods(compared: Callable[[Any], object]) -> dict[str, Any]:
    """Return what `dataclass` would compile. `compared` returns the fields that count in comparisons."""

    def is_equal(self: object, other: object) -> bool:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def hash_of(self: object) -> int:
        return hash(compared(self))

    return {"__eq__": is_equal, "__hash__": hash_of, "__repr__": _shown_value}


def _getter_of(names: tuple[str, ...]) -> Callable[[Any], object]:
    """Return a function that returns these fields as a tuple, in which a NaN is equal to itself, as in a dataclass."""
    if len(names) > 1:
        return attrgetter(*names)
    return (lambda one: (getattr(one, names[0]),)) if names else lambda _: ()


def _shown_value(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({shown})"


MAX_FILE_BYTES = 100 * 1024 * 1024
"""The official uploader refuses files of this size and above (wire contract, section 1)."""
LARGEST_ID = 2**63 - 1
"""The largest number that the database can store. A larger id from a service is not accepted."""

_TWO_63 = 1 << 63
_TWO_64 = 1 << 64


class Category(Enum):
    """Where a sample belongs. `SPLIT` lets the service decide; `ANOMALY` is legacy (wire contract, section 1)."""

    TRAINING = "training"
    TESTING = "testing"
    VALIDATION = "validation"
    POST_PROCESSING = "post-processing"
    SPLIT = "split"
    ANOMALY = "anomaly"


@value
class FileFacts:
    """What identifies one version of a file without opening it.

    Two facts are equal when size (bytes), mtime (ns) and inode are equal. `touched_at` is when the file was last
    touched in any way, by the file system's clock; it gives the age of a file and does not identify it. `ctime_ns`
    changes with every write, but also with a rename, a link or a change of permissions. So another ctime only puts the
    content in doubt (`eisync.core.known_content`). 0: not known.
    """

    size: int
    mtime_ns: int
    inode: int
    touched_at: float = field(default=0.0, compare=False)
    ctime_ns: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        # Some file systems have inode numbers above 2^63, and a wrong clock can set an mtime after the year 2262. The
        # database stores signed 64-bit integers. Folding such numbers still keeps versions distinct.
        if not (-_TWO_63 <= self.inode < _TWO_63 and -_TWO_63 <= self.mtime_ns < _TWO_63):
            object.__setattr__(self, "inode", _signed(self.inode))
            object.__setattr__(self, "mtime_ns", _signed(self.mtime_ns))
        if not -_TWO_63 <= self.ctime_ns < _TWO_63:
            object.__setattr__(self, "ctime_ns", _signed(self.ctime_ns))

    def is_untouched_since(self, before: "FileFacts") -> bool:
        """Return whether these are the facts of the version `before`, with the same ctime where both are known."""
        if self != before:
            return False
        return self.ctime_ns == before.ctime_ns or not self.ctime_ns or not before.ctime_ns

    def without_ctime(self) -> "FileFacts":
        """Return the facts without ctime, for a file system whose ctime proves nothing."""
        return FileFacts(self.size, self.mtime_ns, self.inode, self.touched_at) if self.ctime_ns else self


@value
class KnownFile:
    """What the outbox stores about one path.

    `is_absent` says that the file did not exist at the last check. `taken_sha256` is the content hash of a file that
    eisync removed after its upload; None if it did not. `sha256` is the content hash of what was sent.
    """

    id: int
    state: State
    facts: FileFacts
    is_absent: bool = False
    taken_sha256: str | None = None
    sha256: str | None = None


@value
class StoredSidecar:
    """A sidecar that was read when it had these facts. `trouble` says why it cannot be used; None when it can."""

    id: int
    facts: FileFacts
    trouble: str | None
    entries: int


@value(kw_only=True)
class Root:
    """A watched folder, as stored. `path` is absolute."""

    id: int
    path: str
    target: str


@value(kw_only=True)
class Candidate:
    """A complete file with its description, ready to enter the outbox. `label` None means no label.

    `companions` are boxes, structured labels and label map (`eisync.core.labels.parts.packed`), or None. `replaces`
    says that the samples of its earlier versions are deleted once it is at the service. `sent_as` is the name under
    which it is sent; None means its own. `remarks` has a sentence for each kind of information that is not sent.
    """

    root_id: int
    path: str
    target: str
    facts: FileFacts
    label: str | None
    category: Category
    metadata: Mapping[str, str] = field(default_factory=dict)
    companions: str | None = None
    replaces: bool = False
    sent_as: str | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)


@value(kw_only=True)
class Rename:
    """A known file that is now at `path`, with the label, the category and the name that this path gives.

    `updates` says that its samples must follow if it is at the service already. `before` is its earlier path when the
    index has it at `path` already, because another file took its name. `ctime_ns` is its ctime after the rename; 0: not
    known. `is_proven` says that its content proved the rename.
    """

    id: int
    path: str
    label: str | None
    category: Category
    updates: bool = False
    before: str | None = None
    ctime_ns: int = 0
    is_proven: bool = False
    sent_as: str | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)


@value(kw_only=True)
class Item:
    """A row of the outbox that was claimed for sending.

    `batch_cap` is the most files in its request: 1 sends it alone, None applies only the general limits. `sha256` is
    the content hash of the version that was sent last; None when none was. `companions` are boxes, structured labels
    and label map (`eisync.core.labels.parts.packed`), or None. `sent_as` is the name that `info.labels` gives; None
    means its own. `name` is the file name that is sent to the service.
    """

    id: int
    root: str
    path: str
    target: str
    facts: FileFacts
    label: str | None
    category: Category
    metadata: tuple[tuple[str, str], ...] = ()
    attempts: int = 0
    batch_cap: int | None = None
    sha256: str | None = None
    companions: str | None = None
    sent_as: str | None = None
    name: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.sent_as or sent_name(self.path))  # once: it is needed four times

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which the service may know the file: another upload may have used the file's own name."""
        return tuple(dict.fromkeys((self.name, sent_name(self.path))))

    @property
    def weight(self) -> int:
        """The bytes that it adds to a request, without the overhead that every part has."""
        return self.facts.size + len(self.companions or "")


@value
class Doubt:
    """A file that may or may not have arrived, and since when that is unknown."""

    item: Item
    since_at: float


@value
class RemoteSample:
    """A sample as Studio lists it. `original_name` is the file name that was sent, if known.

    `metadata` is sorted by name. `added` is when it was stored, in the service's own text form. `is_cropped` says that
    it is a part of what was sent. `updated_by` says who edited it last, as `"user 5"` or `"projectApiKey 7"`; None: the
    service does not say. It is not stored. A sweep creates two of these for every sample with positional arguments,
    because keywords would double the cost.
    """

    id: int
    filename: str
    category: str
    label: str | None
    is_disabled: bool = False
    sha256: str | None = None
    original_name: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    has_processing_error: bool = False
    added: str | None = None
    is_cropped: bool = False
    updated_by: str | None = None


@value
class Unread:
    """An entry of a page that cannot be read, and why. It comes after `after` readable entries of the page.

    `sample_id` is its id, if at least that can be read.
    """

    sample_id: int | None
    reason: str
    after: int = 0


@value
class Page:
    """A page of the listing, newest first, and the number of samples in the whole listing.

    `newest_added_at` is when the sample with the highest id of the page was added (Unix s); None when the service does
    not give it. `unread` are the entries of the page that cannot be read.
    """

    samples: tuple[RemoteSample, ...]
    total: int
    newest_added_at: float | None = None
    unread: tuple[Unread, ...] = ()


@value
class Missing:
    """A sample of ours that a complete sweep did not list. `missed` counts such sweeps in a row, including this one."""

    sample_id: int
    missed: int


def too_large(size: int) -> str | None:
    """Return why a file of `size` bytes can never be accepted; None when it can."""
    if size < MAX_FILE_BYTES:
        return None
    return (
        f"the file has {size / 1024**2:.1f} MiB, but Edge Impulse takes only files below "
        f"{MAX_FILE_BYTES // 1024**2} MiB; split the recording into shorter ones"
    )


def shown(path: str) -> str:
    """Return `path` for a person or for the wire: undecodable bytes become U+FFFD, nothing else changes."""
    if path.isascii():
        return path
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # a lone surrogate that comes from JSON, because no file system returns one
        return path.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def sent_name(path: str) -> str:
    """Return the file name that is sent when no other is given: the base name, undecodable bytes as U+FFFD."""
    return shown(path).rsplit("/", 1)[-1]


def extension_of(path: str) -> str:
    """Return the last extension in lower case with its dot, or an empty text."""
    at = path.rfind(".")
    return path[at:].lower() if at > path.rfind("/") + 1 else ""


def _signed(number: int) -> int:
    folded = number % _TWO_64
    return folded - _TWO_64 if folded >= _TWO_63 else folded
