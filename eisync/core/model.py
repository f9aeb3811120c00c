"""Values that are made for every file: as cheap to make as they can be, and not to be changed.

A frozen dataclass takes two to four times as long to make as one that is not: each field goes through
`object.__setattr__`. At a dozen values a file that is a tenth of what a small file costs. So these are frozen for the
type checker, which is told so, and plain at run time.

The values that travel: what a file is, what is to be sent, what the service holds.

Instants end in `_at` and are Unix seconds (UTC). Paths are relative to their root, with `/` between the parts
and undecodable bytes as surrogate escapes, as `os.fsdecode` makes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar, dataclass_transform, overload

from eisync.core.lifecycle import State

_T = TypeVar("_T")


@overload
def value(cls: type[_T], /) -> type[_T]: ...


@overload
def value(*, kw_only: bool = False) -> Callable[[type[_T]], type[_T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[_T] | None = None, /, *, kw_only: bool = False) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """Make the class one of hashable values with slots, compared by their fields. Nobody may set a field."""

    def made(cls: type[_T]) -> type[_T]:
        return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)(cls)

    return made if cls is None else made(cls)


MAX_FILE_BYTES = 100 * 1024 * 1024
LARGEST_ID = 2**63 - 1
"""What the database holds: no larger number is believed of a service."""
"""Files of this size and above are refused by the official uploader (wire contract, section 1)."""

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

    Two facts are equal when size (bytes), mtime (ns) and inode are. `touched_at` is when the file was last touched
    in any way, by the file system's clock; it ages a file and does not identify it. `ctime_ns` moves with every write,
    and with a rename, a link or a change of rights as well: another one puts the content in doubt, no more
    (`eisync.core.known_content`). 0: not known.
    """

    size: int
    mtime_ns: int
    inode: int
    touched_at: float = field(default=0.0, compare=False)
    ctime_ns: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        # Some file systems number inodes past 2^63, and a clock gone wrong sets an mtime past the year 2262; the
        # database holds signed integers of 64 bits. Versions are told apart all the same.
        if not (-_TWO_63 <= self.inode < _TWO_63 and -_TWO_63 <= self.mtime_ns < _TWO_63):
            object.__setattr__(self, "inode", _signed(self.inode))
            object.__setattr__(self, "mtime_ns", _signed(self.mtime_ns))
        if not -_TWO_63 <= self.ctime_ns < _TWO_63:
            object.__setattr__(self, "ctime_ns", _signed(self.ctime_ns))

    def is_untouched_since(self, before: "FileFacts") -> bool:
        """Whether these are the facts of the version `before`, and nothing happened to it: ctime too, where known."""
        if self != before:
            return False
        return self.ctime_ns == before.ctime_ns or not self.ctime_ns or not before.ctime_ns

    def without_ctime(self) -> "FileFacts":
        """The same, from a file system whose ctime proves nothing."""
        return FileFacts(self.size, self.mtime_ns, self.inode, self.touched_at) if self.ctime_ns else self


@value
class KnownFile:
    """What the outbox holds of one path.

    `is_absent`: the file was not there at the last check. `taken_sha256` is the content of a file that eisync removed
    after its upload, None where it did not. `sha256` is the content that was sent.
    """

    id: int
    state: State
    facts: FileFacts
    is_absent: bool = False
    taken_sha256: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class StoredSidecar:
    """A sidecar that was read, with these facts. `trouble` says why nothing of it can be used."""

    id: int
    facts: FileFacts
    trouble: str | None
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A watched folder, as the store knows it. `path` is absolute."""

    id: int
    path: str
    target: str


@value(kw_only=True)
class Candidate:
    """A complete file with its label, ready to enter the outbox. `label` None: assign none, infer none.

    `companions` is what else is said of it (`eisync.core.labels.parts.packed`), None when nothing is. `replaces`: the
    samples of its versions before are to be deleted once it is at the service. `sent_as` is the name that it is given
    there, None: its own; `remarks` say what is said of it and not sent, a sentence by kind.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A known file that is found at `path` now, with the label, the category and the name that this path gives it.

    `updates`: where it is at the service already, its samples are to follow. `before`: what it was called, where the
    index has it at `path` already because another file took its name. `ctime_ns` is the one that the rename gave it; 0:
    not known. `is_proven`: by its content.
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

    `batch_cap` is the largest request it may share: 1 sends it alone, None leaves it to the limits.
    `sha256` is of the version that was sent last, None when none was. `companions` is what else is said of the file
    (`eisync.core.labels.parts.packed`), None when nothing is. `sent_as` is the name that an account gives it, None: its
    own.
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

    @property
    def name(self) -> str:
        """The file name as it is told to the service."""
        return self.sent_as or sent_name(self.path)

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which the service may know it: another upload may have sent it under its own."""
        return tuple(dict.fromkeys((self.name, sent_name(self.path))))

    @property
    def weight(self) -> int:
        """Bytes that it adds to a request, but for what every part has."""
        return self.facts.size + len(self.companions or "")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A file of which nobody knows whether it arrived, and since when."""

    item: Item
    since_at: float


@value
class RemoteSample:
    """A sample as Studio lists it. `original_name` is the file name sent, where it can be told.

    `metadata` is sorted by name; `added` is when it was stored, as the service writes that. `is_cropped`: it is a piece
    of what was sent. `updated_by`: who edited it last, as `"user 5"` or `"projectApiKey 7"`; None: the service does not
    say, and it is not kept. A sweep makes two for every sample and names no field: that is half of what it costs.
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


@dataclass(frozen=True, slots=True)
class Unread:
    """An entry of a page that cannot be read, and why; it came after `after` of the page's that can be.

    `sample_id`: its id, where at least that can be read.
    """

    sample_id: int | None
    reason: str
    after: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the listing, newest first, and how many samples the whole has.

    `newest_added_at`: when the sample with the highest id of them was added (Unix s); None: the service did not say.
    `unread`: entries of the page that cannot be read.
    """

    samples: tuple[RemoteSample, ...]
    total: int
    newest_added_at: float | None = None
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """A sample of ours that a complete sweep did not list; `missed` counts such sweeps in a row, this one included."""

    sample_id: int
    missed: int


def too_large(size: int) -> str | None:
    """Say why a file of so many bytes can never be accepted, or None."""
    if size < MAX_FILE_BYTES:
        return None
    return (
        f"the file has {size / 1024**2:.1f} MiB, but Edge Impulse takes only files below "
        f"{MAX_FILE_BYTES // 1024**2} MiB; split the recording into shorter ones"
    )


def shown(path: str) -> str:
    """`path` for a person's eyes or for the wire: undecodable bytes become U+FFFD, nothing else changes."""
    if path.isascii():
        return path
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # half a character, which no file system gives: somebody's JSON has it
        return path.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def sent_name(path: str) -> str:
    """The file name as it is told to the service where none is given: the base name, undecodable bytes as U+FFFD."""
    return shown(path).rsplit("/", 1)[-1]


def extension_of(path: str) -> str:
    """The last extension in lower case with its dot, or an empty text."""
    at = path.rfind(".")
    return path[at:].lower() if at > path.rfind("/") + 1 else ""


def _signed(number: int) -> int:
    folded = number % _TWO_64
    return folded - _TWO_64 if folded >= _TWO_63 else folded
