"""Decide whether a file that was looked at is still the version that is known, from facts alone.

Pure. A version is content. Facts only tell when nothing can have happened to it: any write moves ctime, and so do a
rename, a link and a change of rights. So facts that moved while the size stayed put the content in doubt, and only a
look at the content decides (`eisync.loops.watcher.content_check`). An inode is none of the content's either: where a
file system numbers its files anew at every mount, another one says nothing as long as ctime agrees.

Decide what becomes of a file that waits to be sent, once its content is known to be one that was sent before.

Pure. A person who deleted a sample deleted its content: under whichever name it comes again, it is not sent by itself.
What was moved to another folder, or came back under another name, is at the service already.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from eisync.core.lifecycle import Event
from eisync.core.model import FileFacts, shown
from eisync.core.outcome import Outcome

IN_DOUBT_NS = 1
"""In the place of a known ctime: the content is to be looked at, whatever the facts say."""

PROVEN_UNSTABLE = 8
"""Files whose inode alone moved, with their content as it was, before inodes are ignored: nothing that happens to a
file on a disk that keeps its inodes does that without moving ctime."""

PROVEN_VOLATILE = 64
"""Files whose ctime alone moved, with their content as it was, before ctime is ignored where it was never trusted."""


Version = tuple[int, int, int, int]
"""Size, mtime_ns, inode and ctime_ns."""


@dataclass(frozen=True, slots=True)
class KnownVersions:
    """What is known of the files of one root, as a walk asks for it: by default nothing, and every file is handed out.

    `all_in(folder, limit)` are the versions of the files directly in a folder, None where there are more than `limit`;
    `some_in(folder, names)` those of some of them. `passes_over(known, found)`: whether a file is the version that is
    known, though these two differ.
    """

    all_in: Callable[[str, int], dict[bytes, Version] | None] = lambda _folder, _limit: {}
    some_in: Callable[[str, Iterable[bytes]], Mapping[bytes, Version]] = lambda _folder, _names: {}
    passes_over: Callable[[Version, Version], bool] = lambda _known, _found: False


@dataclass(frozen=True, slots=True)
class FolderPiece:
    """A piece of one folder of a walk. `path` is relative to the root, empty for the root itself.

    `files` are the eligible ones that are not known as they are, by name; `left_out` pairs a path with the reason why
    it is not for the service. `unmet` are known and were not met; None: they were too many to be held, and `met` counts
    the others. `trouble` says why the folder could not be read; then nothing may be concluded about what is in it. All
    pieces but the last have `is_last` False, and say nothing of `unmet` and `met`. `entries` counts what it holds.
    """

    path: str
    files: dict[str, FileFacts] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    trouble: str | None = None
    unmet: list[str] | None = field(default_factory=list)
    is_last: bool = True
    entries: int = 0
    met: int = 0


class Likeness(Enum):
    """How what was seen compares with what is known."""

    SAME = "same"  # nothing happened to it
    LEARNT = "learnt"  # it is the same; more is known of it now
    DOUBTFUL = "doubtful"  # something happened to it: the content decides
    DIFFERENT = "different"  # it is another version


def compare(
    known: FileFacts, seen: FileFacts, *, ignores_inodes: bool = False, ignores_ctime: bool = False
) -> Likeness:
    """How the file that was seen compares with the version that is known at its place."""
    if known.size != seen.size:
        return Likeness.DIFFERENT
    if known.mtime_ns != seen.mtime_ns or known.ctime_ns == IN_DOUBT_NS:
        return Likeness.DOUBTFUL
    is_known_ctime = known.ctime_ns != 0 and seen.ctime_ns != 0
    if is_known_ctime and known.ctime_ns != seen.ctime_ns and not ignores_ctime:
        return Likeness.DOUBTFUL
    if known.inode != seen.inode and not (ignores_inodes and (is_known_ctime or ignores_ctime)):
        return Likeness.DOUBTFUL
    return Likeness.SAME if is_known_ctime or not seen.ctime_ns or ignores_ctime else Likeness.LEARNT


@dataclass(slots=True)
class Trust:
    """What the facts of one root's files are worth, as far as we have learnt.

    `is_weak`: its file system is of a kind that may make up inodes and ctimes: a ctime there is a hint for when to look
    at a content, and never a reason not to send a file.
    """

    ignores_inodes: bool = False
    is_weak: bool = False
    ignores_ctime: bool = False
    moved_inodes: int = 0
    moved_ctimes: int = 0

    def strict(self, facts: FileFacts) -> FileFacts:
        """The facts by which a file is held to be the same from its first look to its last byte."""
        return facts.without_ctime() if self.is_weak else facts

    def compare(self, known: FileFacts, seen: FileFacts) -> Likeness:
        """How what was seen compares with what is known of the file."""
        return compare(known, seen, ignores_inodes=self.ignores_inodes, ignores_ctime=self.ignores_ctime)

    def passes_over(self, known: Version, seen: Version) -> bool:
        """Whether a walk need not hand the file out, though these (size, mtime_ns, inode, ctime_ns) differ."""
        if not (self.ignores_inodes or self.ignores_ctime):
            return False
        return self.compare(_facts(known), _facts(seen)) is Likeness.SAME

    def learn(self, known: FileFacts, seen: FileFacts, *, is_same: bool) -> bool:
        """The content of a file in doubt was looked at. Returns whether inodes are found to be worth nothing by it."""
        if known.mtime_ns != seen.mtime_ns or known.size != seen.size:
            return False
        if not is_same:
            self.moved_ctimes = 0  # it has told of a change
            return False
        if known.ctime_ns == seen.ctime_ns != 0 and known.inode != seen.inode and not self.ignores_inodes:
            self.moved_inodes += 1
            self.ignores_inodes = self.moved_inodes >= PROVEN_UNSTABLE
            return self.ignores_inodes
        if self.is_weak and known.inode == seen.inode:
            self.moved_ctimes += 1
            self.ignores_ctime = self.moved_ctimes >= PROVEN_VOLATILE
        return False


def _facts(version: Version) -> FileFacts:
    size, mtime_ns, inode, ctime_ns = version
    return FileFacts(size, mtime_ns, inode, 0.0, ctime_ns)


@dataclass(frozen=True, slots=True)
class DeletedContent:
    """A content of which a person deleted the sample, by the number of that (None: not known)."""

    sha256: str
    sample_id: int | None


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A content that the service has in these samples, from a file that is not at `path` any more."""

    sha256: str
    path: str
    sample_ids: tuple[int, ...]


KnownContent = DeletedContent | StoredContent


def settle_known(item_id: int, sha256: str, contents: Iterable[KnownContent]) -> Outcome | None:
    """What becomes of the file with this hash, of which `contents` are known that it may have; None: it is sent."""
    same = [one for one in contents if one.sha256 == sha256]
    for one in sorted(same, key=lambda one: isinstance(one, StoredContent)):
        if isinstance(one, DeletedContent):
            return Outcome(
                item_id=item_id,
                events=(Event.DELETED_CONTENT,),
                reason=deleted_reason(one.sample_id),
                sha256=sha256,
                is_attempt=False,
            )
        return Outcome(
            item_id=item_id,
            events=(Event.FOUND,),
            reason=f"already in the project, sent as {shown(one.path)}; nothing was sent",
            sample_ids=one.sample_ids,
            sha256=sha256,
            is_attempt=False,
        )
    return None


def deleted_reason(sample_id: int | None) -> str:
    """Why a file is not sent whose content was deleted, for a person."""
    which = "" if sample_id is None else f" (sample {sample_id})"
    return f"its content was deleted in the project{which}; 'eisync retry' sends it again"
