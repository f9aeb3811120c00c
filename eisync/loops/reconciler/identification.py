"""Find out which samples hold which files: adopt what others sent, resolve doubts, fill in missing ids.

All are generators, a step for each question to the service. A match needs the name and the content.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from eisync.core import listing
from eisync.core.lifecycle import Event
from eisync.core.model import Doubt, Item, RemoteSample, shown
from eisync.core.outcome import Outcome
from eisync.core.studio import stored_name
from eisync.errors import EisyncError, FileAwayError, FileError, FileUnreadableError
from eisync.loops.ports import Log
from eisync.loops.reconciler.context import ReconciledProject, ReconcilerStore

LOOK_UPS_A_PASS = 100
WAITING_A_STEP = 200
MOST_NAMESAKES = 10_000
"""So many samples are searched for one file at most; a listing that has no end has many of every name."""
DOUBT_S = 60.0
"""A file that is not found counts as absent only after so long: the service may still be working on its request."""


class SampleIdentifier:
    """The searches of all targets."""

    def __init__(
        self,
        store: ReconcilerStore,
        sha256_of_file: Callable[[Item], str],
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._store = store
        self._sha256_of_file = sha256_of_file
        self._clock = clock
        self._log = log
        self._looked_up: dict[str, set[tuple[int, str | None]]] = {}  # in vain, by target

    def adopt(self, project: ReconciledProject) -> Generator[None, None, int]:
        """Adopt the samples of files that wait, and that others have sent before. Return how many files.

        Name and content hash prove that it is the same file.
        """
        adopted, hashed, after_id = 0, 0, 0
        while hashed < LOOK_UPS_A_PASS:
            waiting = self._store.mirrored.waiting(project.target, after_id=after_id, limit=WAITING_A_STEP)
            if not waiting:
                break
            for item in waiting:
                listed = [self._store.mirrored.named(project.target, stored_name(name)) for name in item.names]
                namesakes = list({one.id: one for some in listed for one in some}.values())
                if namesakes and hashed < LOOK_UPS_A_PASS:
                    hashed += 1
                    adopted += self._adopt_one(item, namesakes)
            after_id = waiting[-1].id
            yield
        return adopted

    def _adopt_one(self, item: Item, namesakes: Sequence[RemoteSample]) -> bool:
        try:
            sha256 = self._sha256_of_file(item)
        except FileError:
            return False  # the uploader or the watcher will say so
        proven = listing.match(item.path, sha256, namesakes, names=item.names).proven
        if not proven or not self._store.mirrored.adopt(item, sha256, proven, now=self._clock()):
            return False
        self._log.info("file.adopted", path=shown(item.path), samples=proven)
        return True

    def resolve_doubts(self, project: ReconciledProject) -> Generator[None, None, bool]:
        """Ask the service whether doubtful files arrived. Return whether some stay doubtful.

        Where duplicates are allowed, only the service can tell.
        """
        doubts = self._store.outbox.doubtful(project.target, limit=LOOK_UPS_A_PASS)
        is_left = len(doubts) == LOOK_UPS_A_PASS
        for doubt in doubts:
            settlement = yield from self._resolve(project, doubt)
            if settlement is None:
                is_left = True
            else:
                self._store.outbox.resolve([settlement], now=self._clock())
                self._log.info("file.looked_up", path=shown(doubt.item.path), samples=settlement.sample_ids)
            yield
        return is_left

    def _resolve(self, project: ReconciledProject, doubt: Doubt) -> Generator[None, None, Outcome | None]:
        """Return what the service says about one file; None when it is too early to tell, or it cannot say."""
        item = doubt.item
        try:
            sha256 = item.sha256 or self._sha256_of_file(item)
        except (FileAwayError, FileUnreadableError):
            return None
        except FileError:
            # It is not what was sent: whatever arrived, this version did not.
            return _absent(item, "it changed after it was sent", self._clock())
        # A sample is one file's: where duplicates are allowed, two files of one name and content are two samples.
        try:
            namesakes = yield from self._namesakes(project, item.name)
        except _UnreadableListingError:
            return None
        taken = self._store.index.held_by_others(item, [sample.id for sample in namesakes])
        free = [sample for sample in namesakes if sample.id not in taken]
        # What another upload has sent under the file's own name says nothing of ours.
        sample_ids = yield from self._compare(project, item, (item.name,), sha256, free)
        now = self._clock()
        if sample_ids:
            return Outcome(
                item_id=item.id,
                events=(Event.STORED,),
                reason="stored; the answer was lost, so eisync asked the service",
                sample_ids=(min(sample_ids),),
                sha256=sha256,
            )
        is_early = 0 <= now - doubt.since_at < DOUBT_S  # below 0 the clock was set back
        return None if is_early else _absent(item, "it did not arrive", now)

    def find_ids(self, project: ReconciledProject) -> Iterator[None]:
        """Fill in the ids of files that the service had already and did not name.

        A version that was searched for in vain is not searched for again, so that the others have their turn.
        """
        looked_up = self._looked_up.setdefault(project.target, set())
        nameless = self._store.index.without_ids(project.target, limit=len(looked_up) + LOOK_UPS_A_PASS)
        looked_up &= {(item.id, item.sha256) for item in nameless}
        waiting = [item for item in nameless if (item.id, item.sha256) not in looked_up]
        for item in waiting[:LOOK_UPS_A_PASS]:
            sample_ids = yield from self._look_up(project, item)
            if not sample_ids:
                looked_up.add((item.id, item.sha256))
            else:
                self._store.index.link(item, sample_ids, now=self._clock())
                self._log.info("file.identified", path=shown(item.path), samples=sample_ids)
            yield

    def _look_up(self, project: ReconciledProject, item: Item) -> Generator[None, None, tuple[int, ...]]:
        """Return the samples that hold the item's file. A step is one question."""
        try:
            sha256 = item.sha256 or self._sha256_of_file(item)
        except FileError:
            return ()  # it is not what was sent; the uploader or the watcher will say so
        try:
            namesakes: dict[int, RemoteSample] = {}
            for name in item.names:
                found = yield from self._namesakes(project, name)
                namesakes.update((sample.id, sample) for sample in found)
        except _UnreadableListingError:
            return ()
        return (yield from self._compare(project, item, item.names, sha256, list(namesakes.values())))

    def _compare(
        self, project: ReconciledProject, item: Item, names: Iterable[str], sha256: str, samples: Sequence[RemoteSample]
    ) -> Generator[None, None, tuple[int, ...]]:
        found = listing.match(item.path, sha256, samples, names=names)
        if found.proven:
            return found.proven
        for sample_id in found.to_compare:
            if project.studio.sha256_of(sample_id) == sha256:
                return (sample_id,)
            yield
        return ()

    def _namesakes(self, project: ReconciledProject, sent_as: str) -> Generator[None, None, list[RemoteSample]]:
        name = stored_name(sent_as)
        found: list[RemoteSample] = []
        first_total: int | None = None
        before_id: int | None = None
        while True:
            page = project.studio.page(limit=project.page_size, before_id=before_id, filename=name)
            if page.unread:
                raise _UnreadableListingError
            first_total = page.total if first_total is None else first_total
            found += page.samples
            # A short page is not the last one: the service may give fewer than it was asked for.
            if not page.samples or len(found) >= first_total:
                return found
            if len(found) >= MOST_NAMESAKES:
                raise _UnreadableListingError
            before_id = _lowest(page.samples, before_id)
            yield


class _UnreadableListingError(Exception):
    """A sample of that name is listed and cannot be read; it may be the one that is searched for."""


def _absent(item: Item, reason: str, now: float) -> Outcome:
    return Outcome(item_id=item.id, events=(Event.ABSENT,), due_at=now, reason=reason)


def _lowest(samples: Sequence[RemoteSample], before_id: int | None) -> int:
    """Return the id to go on from. Raises EisyncError when the listing does not move and would never end."""
    lowest = min(sample.id for sample in samples)
    if before_id is not None and lowest >= before_id:
        raise EisyncError("the listing repeats the same samples; eisync asks again later")
    return lowest
