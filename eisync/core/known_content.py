"""Decide whether a file is still the known version, and what to do with a file whose content was sent before.

A version is content. Facts alone only show when nothing can have happened to it: any write changes ctime, but so do a
rename, a link and a change of permissions. So when facts changed and the size did not, the content is in doubt, and
only its hash decides (`eisync.loops.watcher.content_check`). An inode is no part of the content either: some file
systems number their files again at every mount, so another inode means nothing as long as ctime agrees.

A person who deleted a sample deleted its content. If the same content comes again under any name, it is not sent by
itself. The content of a file that was moved to another folder, or came back under another name, is at the service
already.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from eisync.core.lifecycle import Event
from eisync.core.model import FileFacts, shown, value
from eisync.core.outcome import Outcome

IN_DOUBT_NS = 1
"""In place of a known ctime: the content must be compared, whatever the facts are."""

PROVEN_UNSTABLE = 8
"""After this many files with another inode but the same ctime and content, inodes are ignored. On a disk that keeps its
inodes, the inode of a file cannot change without a change of ctime."""

PROVEN_VOLATILE = 64
"""After this many files with another ctime but the same content, ctime is ignored on a weak file system."""


Version = tuple[int, int, int, int]
"""Size, mtime_ns, inode and ctime_ns."""


@value
class KnownVersions:
    """The known versions of the files of one root, for a walk. By default none is known, and every file is returned.

    `all_in(folder, limit)` returns the versions of the files directly in a folder; None when there are more than
    `limit`. `some_in(folder, names)` returns those of the files with these names. `passes_over(known, found)` says
    whether the file is the known version although these two differ.
    """

    all_in: Callable[[str, int], dict[bytes, Version] | None] = lambda _folder, _limit: {}
    some_in: Callable[[str, Iterable[bytes]], Mapping[bytes, Version]] = lambda _folder, _names: {}
    passes_over: Callable[[Version, Version], bool] = lambda _known, _found: False


@value
class FolderPiece:
    """A part of one folder of a walk. `path` is relative to the root; it is empty for the root itself.

    `files` are the eligible files that are new or changed, by name. `left_out` has pairs of a path and the reason why
    it is not uploaded. `unmet` are known files that were not found. It is None when they were too many to keep; then
    `met` counts the known files that were found. `trouble` says why the folder could not be read; then nothing follows
    about its content. All parts but the last have `is_last` False and no `unmet` and `met`. `entries` counts the
    entries of the folder in this part.
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
    """How the facts of a file compare with the known ones."""

    SAME = "same"  # nothing happened to it
    LEARNT = "learnt"  # it is the same, and its ctime is known now
    DOUBTFUL = "doubtful"  # something happened to it: the content decides
    DIFFERENT = "different"  # it is another version


def compare(
    known: FileFacts, found: FileFacts, *, ignores_inodes: bool = False, ignores_ctime: bool = False
) -> Likeness:
    """Compare the facts that were found with the version that is known at the same path."""
    if known.size != found.size:
        return Likeness.DIFFERENT
    if known.mtime_ns != found.mtime_ns or known.ctime_ns == IN_DOUBT_NS:
        return Likeness.DOUBTFUL
    is_known_ctime = known.ctime_ns != 0 and found.ctime_ns != 0
    if is_known_ctime and known.ctime_ns != found.ctime_ns and not ignores_ctime:
        return Likeness.DOUBTFUL
    if known.inode != found.inode and not (ignores_inodes and (is_known_ctime or ignores_ctime)):
        return Likeness.DOUBTFUL
    return Likeness.SAME if is_known_ctime or not found.ctime_ns or ignores_ctime else Likeness.LEARNT


@dataclass(slots=True)
class Trust:
    """How far the facts of one root's files can be trusted, as learnt so far.

    `is_weak` says that its file system may make up inodes and ctimes. There, a ctime is only a hint when to compare
    content, and never a reason not to send a file.
    """

    ignores_inodes: bool = False
    is_weak: bool = False
    ignores_ctime: bool = False
    moved_inodes: int = 0
    moved_ctimes: int = 0

    def strict(self, facts: FileFacts) -> FileFacts:
        """Return the facts that must stay equal from the first stat of a file to its last byte."""
        return facts.without_ctime() if self.is_weak else facts

    def compare(self, known: FileFacts, found: FileFacts) -> Likeness:
        """Compare the facts that were found with the known ones, as far as they can be trusted."""
        return compare(known, found, ignores_inodes=self.ignores_inodes, ignores_ctime=self.ignores_ctime)

    def passes_over(self, known: Version, found: Version) -> bool:
        """Return whether a walk can skip the file although these (size, mtime_ns, inode, ctime_ns) differ."""
        if not (self.ignores_inodes or self.ignores_ctime):
            return False
        return self.compare(_facts(known), _facts(found)) is Likeness.SAME

    def learn(self, known: FileFacts, found: FileFacts, *, is_same: bool) -> bool:
        """Learn from a file in doubt whose content was compared. Return whether inodes are ignored from now on."""
        if known.mtime_ns != found.mtime_ns or known.size != found.size:
            return False
        if not is_same:
            self.moved_ctimes = 0  # here ctime showed a real change
            return False
        if known.ctime_ns == found.ctime_ns != 0 and known.inode != found.inode and not self.ignores_inodes:
            self.moved_inodes += 1
            self.ignores_inodes = self.moved_inodes >= PROVEN_UNSTABLE
            return self.ignores_inodes
        if self.is_weak and known.inode == found.inode:
            self.moved_ctimes += 1
            self.ignores_ctime = self.moved_ctimes >= PROVEN_VOLATILE
        return False


def _facts(version: Version) -> FileFacts:
    size, mtime_ns, inode, ctime_ns = version
    return FileFacts(size, mtime_ns, inode, 0.0, ctime_ns)


@value
class DeletedContent:
    """Content whose sample a person deleted, with the id of that sample (None: not known)."""

    sha256: str
    sample_id: int | None


@value
class StoredContent:
    """Content that the service has in these samples, from a file that is no longer at `path`."""

    sha256: str
    path: str
    sample_ids: tuple[int, ...]


KnownContent = DeletedContent | StoredContent


def settle_known(item_id: int, sha256: str, contents: Iterable[KnownContent]) -> Outcome | None:
    """Return the outcome for a file with this hash, by the known `contents`; None when it must be sent."""
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
    """Return why a file is not sent whose content was deleted, for a person."""
    which = "" if sample_id is None else f" (sample {sample_id})"
    return f"its content was deleted in the project{which}; 'eisync retry' sends it again"
