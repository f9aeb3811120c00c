"""Gather the evidence that separates a person's deletion from everything that only resembles one.

Locally, these resemble a deletion: the content exists under another name, waits in the queue or is still under
observation; the folders were not scanned since the file disappeared; a disk is not mounted. In the project: a sample
disappears because it was split or cropped.

Some of this only a hash can show. Each step hashes one file. The hash is cached until the file changes.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace

from eisync.core.absence import Absence, Elsewhere
from eisync.core.actions import FileSide
from eisync.core.file_status import ObservedEntry
from eisync.core.lifecycle import State
from eisync.core.model import Category, FileFacts, Item, shown, value
from eisync.core.studio import Origin, is_cut_from
from eisync.errors import FileError, UnreachableError
from eisync.loops.ports import Log
from eisync.loops.reconciler.context import TargetContext
from eisync.store.guard_facts import Absences
from eisync.store.mirror import Mirrored

HASHES_PER_PASS = 100
MAX_CACHED_HASHES = 10_000
PAGE = 1_000
MAX_PAGES = 10


@value
class FolderView:
    """Access to the watched folders.

    `stat(root, path)` returns the facts of a file, or None if it does not exist. `observed` returns the files that have
    no row yet. `why_away` returns why the place of a file is not accessible, or why its absence proves nothing; None
    when it is accessible.
    """

    stat: Callable[[str, str], FileFacts | None]
    observed: Callable[[], Iterable[ObservedEntry]]
    why_away: Callable[[FileSide], str | None]


@value
class _Candidate:
    """A file that may have the content of an absent one."""

    item: Item
    is_ready: bool = False


@value
class Segments:
    """How many samples were cut from those of a file, or why that is not known."""

    why_unclear: str | None = None
    number: int = 0


class DeletionEvidence:
    """Evidence about the absent files and samples of all targets. Every method is safe to repeat at any point."""

    def __init__(
        self,
        absences: Absences,
        mirrored: Mirrored,
        folders: FolderView,
        *,
        sha256_of_file: Callable[[Item], str],
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._absences = absences
        self._mirrored = mirrored
        self._folders = folders
        self._sha256_of_file = sha256_of_file
        self._clock = clock
        self._log = log
        self._hashes: dict[tuple[str, str], tuple[FileFacts, str]] = {}

    # --- missing files -----------------------------------------------------------------------------------------

    def complete(
        self, context: TargetContext, sides: Sequence[FileSide], *, adopts: bool
    ) -> Generator[None, None, list[FileSide]]:
        """Return the files, each with what is known of its absence.

        Hash the files that may have the content of an absent one, one file a step. With `adopts`, such a file that
        waits in the queue takes over the samples of the absent one.
        """
        asked = [side for side in sides if _may_follow(side)]
        for candidate in self._to_compare(context, asked):
            self._hash(candidate)
            yield
        for candidate in self._candidates(context, asked) or () if adopts else ():
            self._follow(candidate, asked)
        return self._completed(context, sides)

    def why_away(self, side: FileSide) -> str | None:
        """Return why eisync would not find the file even if it exists; None if it would."""
        return self._folders.why_away(side)

    def of(self, context: TargetContext, side: FileSide) -> FileSide:
        """Return the file with what is known of its absence. Read no file."""
        return self._completed(context, [side])[0]

    def _completed(self, context: TargetContext, sides: Sequence[FileSide]) -> list[FileSide]:
        asked = [side for side in sides if _may_follow(side)]
        if not asked:
            return list(sides)
        scanned_at = self._absences.scanned_at(context.policies)
        candidates = self._candidates(context, asked)
        same = self._absences.same_content(
            context.target, {side.id: side.sha256 for side in asked if side.sha256 is not None}
        )
        absences = {
            side.id: Absence(
                scanned_at=scanned_at,
                elsewhere=Elsewhere.THERE if side.id in same else self._elsewhere(side, candidates),
                away=self._folders.why_away(side),
            )
            for side in asked
        }
        return [replace(side, absence=absences.get(side.id)) for side in sides]

    def _candidates(self, context: TargetContext, sides: Sequence[FileSide]) -> list[_Candidate] | None:
        """Return the unsent files that have the size of one of these; None when they are too many."""
        sizes = {side.facts.size for side in sides}
        # Query the files under observation before the rows: a file that moves from one to the other in between is then
        # found in both. In the opposite order it would be missed.
        observed = [entry for entry in self._folders.observed() if entry.size in sizes] if sizes else []
        unsent = self._absences.unsent(context.target, sizes) if sizes else []
        if unsent is None:
            return None
        found = [_Candidate(one.item, one.state is State.READY) for one in unsent]
        for entry in observed:
            facts = self._folders.stat(entry.root, entry.path)
            if facts is not None and facts.size in sizes:
                found.append(_Candidate(_without_row(entry, context.target, facts)))
        return found

    def _to_compare(self, context: TargetContext, sides: Sequence[FileSide]) -> list[_Candidate]:
        """Return the candidates without a hash, those with the name of an absent file first."""
        names = {_name(side.path) for side in sides}
        unknown = [one for one in self._candidates(context, sides) or () if self._known_hash(one) is None]
        return sorted(unknown, key=lambda one: _name(one.item.path) not in names)[:HASHES_PER_PASS]

    def _elsewhere(self, side: FileSide, candidates: Sequence[_Candidate] | None) -> Elsewhere:
        if candidates is None:
            return Elsewhere.POSSIBLE
        hashes = {self._known_hash(one) for one in candidates if one.item.facts.size == side.facts.size}
        if side.sha256 in hashes - {None}:
            return Elsewhere.THERE
        return Elsewhere.POSSIBLE if None in hashes or (hashes and side.sha256 is None) else Elsewhere.NOWHERE

    def _follow(self, candidate: _Candidate, sides: Sequence[FileSide]) -> None:
        """Give the samples of an absent file to a candidate of the same content: the file was moved.

        The samples keep the labels and the other edits that people made.
        """
        sha256 = self._known_hash(candidate)
        for side in sides:
            samples = [held.sample.id for held in side.samples if not held.is_shared]
            if not candidate.is_ready or sha256 is None or side.sha256 != sha256 or not samples:
                continue
            if self._mirrored.adopt(candidate.item, sha256, samples, now=self._clock()):
                path, before = shown(candidate.item.path), shown(side.path)
                self._log.info("file.moved", path=path, before=before, samples=samples)
            return

    def _hash(self, candidate: _Candidate) -> None:
        item = candidate.item
        try:
            sha256 = self._sha256_of_file(item)
        except (FileError, UnreachableError):
            return  # the hash stays unknown; the next pass tries again
        self._hashes[item.root, item.path] = (item.facts, sha256)
        if len(self._hashes) > MAX_CACHED_HASHES:
            del self._hashes[next(iter(self._hashes))]

    def _known_hash(self, candidate: _Candidate) -> str | None:
        facts, sha256 = self._hashes.get((candidate.item.root, candidate.item.path), (None, None))
        return sha256 if facts == candidate.item.facts else None

    # --- missing samples ---------------------------------------------------------------------------------------

    def find_segments(self, context: TargetContext, side: FileSide) -> Segments:
        """Ask the service for samples that were cut from those of the file, and store which ones.

        Raises KeyRefusedError, StudioError or TransitError.
        """
        origin = self._absences.origin(side.id)
        if origin is None:
            return Segments()
        cut: set[int] = set()
        for filename in sorted(origin.filenames):
            found = _listed(context, filename, origin)
            if found is None:
                return Segments(f"too many samples are named like {filename!r} to tell whether it was split")
            cut |= self._absences.free(context.target, found)
        if cut:
            self._absences.tie(side.id, sorted(cut), now=self._clock())
        return Segments(number=len(cut))


def _listed(context: TargetContext, filename: str, origin: Origin) -> set[int] | None:
    """Return the ids that the service lists under a name like this one and that were cut from `origin`.

    Return None when the listing of that name is too long, or repeats itself.
    """
    cut: set[int] = set()
    before_id: int | None = None
    listed = 0
    for _ in range(MAX_PAGES):
        page = context.studio.page(limit=PAGE, before_id=before_id, filename=filename)
        cut |= {sample.id for sample in page.samples if is_cut_from(sample, origin)}
        listed += len(page.samples)
        if not page.samples or listed >= page.total:
            return cut
        lowest = min(sample.id for sample in page.samples)
        if before_id is not None and lowest >= before_id:
            break
        before_id = lowest
    return None


def _may_follow(side: FileSide) -> bool:
    """Return whether the absence of the file could lead to an action."""
    return side.absent_at is not None and not side.is_removed and any(not held.is_shared for held in side.samples)


def _without_row(entry: ObservedEntry, target: str, facts: FileFacts) -> Item:
    """Return an item with which a file that has no row can be hashed."""
    return Item(id=0, root=entry.root, path=entry.path, target=target, facts=facts, label=None, category=Category.SPLIT)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
