"""Find out which sample holds which file: adopt what others sent, resolve doubtful uploads, fill in missing ids.

Each search is a generator that yields after every request to the service. A match needs the same name and the same
content.
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

LOOKUPS_PER_PASS = 100
WAITING_PER_STEP = 200
MAX_NAMESAKES = 10_000
"""Limit of the samples that are checked for one file. A listing that never ends has many of every name."""
DOUBT_S = 60.0
"""Time after which a file that is not found counts as not arrived. Before, its request may still be processed."""


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
        self._not_found: dict[str, set[tuple[int, str | None]]] = {}  # by target: item id and SHA-256

    def adopt(self, project: ReconciledProject) -> Generator[None, None, int]:
        """Adopt the samples of waiting files that others have sent before. Return how many files adopted one.

        Equal name and equal content hash prove that it is the same file.
        """
        adopted, hashed, after_id = 0, 0, 0
        while hashed < LOOKUPS_PER_PASS:
            waiting = self._store.mirrored.waiting(project.target, after_id=after_id, limit=WAITING_PER_STEP)
            if not waiting:
                break
            for item in waiting:
                listed = [self._store.mirrored.named(project.target, stored_name(name)) for name in item.names]
                namesakes = list({one.id: one for some in listed for one in some}.values())
                if namesakes and hashed < LOOKUPS_PER_PASS:
                    hashed += 1
                    adopted += self._adopt_one(item, namesakes)
            after_id = waiting[-1].id
            yield
        return adopted

    def _adopt_one(self, item: Item, namesakes: Sequence[RemoteSample]) -> bool:
        try:
            sha256 = self._sha256_of_file(item)
        except FileError:
            return False  # the uploader or the watcher reports it
        proven = listing.match(item.path, sha256, namesakes, names=item.names).proven
        if not proven or not self._store.mirrored.adopt(item, sha256, proven, now=self._clock()):
            return False
        self._log.info("file.adopted", path=shown(item.path), samples=proven)
        return True

    def resolve_doubts(self, project: ReconciledProject) -> Generator[None, None, bool]:
        """Ask the service whether doubtful files arrived. Return whether some stay doubtful.

        Where duplicates are allowed there is no other way to know: sending again would store a second sample.
        """
        doubts = self._store.outbox.doubtful(project.target, limit=LOOKUPS_PER_PASS)
        is_left = len(doubts) == LOOKUPS_PER_PASS
        for doubt in doubts:
            outcome = yield from self._resolve(project, doubt)
            if outcome is None:
                is_left = True
            else:
                self._store.outbox.resolve([outcome], now=self._clock())
                self._log.info("file.looked_up", path=shown(doubt.item.path), samples=outcome.sample_ids)
            yield
        return is_left

    def _resolve(self, project: ReconciledProject, doubt: Doubt) -> Generator[None, None, Outcome | None]:
        """Return the outcome of one doubtful file; None when it is too early to decide, or the service cannot say."""
        item = doubt.item
        try:
            sha256 = item.sha256 or self._sha256_of_file(item)
        except (FileAwayError, FileUnreadableError):
            return None
        except FileError:
            # The file is no longer what was sent. Whatever arrived, this version did not.
            return _absent(item, "it changed after it was sent", self._clock())
        # A sample belongs to one file: where duplicates are allowed, two files of one name and content have two.
        try:
            namesakes = yield from self._namesakes(project, item.name)
        except _UnreadableListingError:
            return None
        taken = self._store.index.held_by_others(item, [sample.id for sample in namesakes])
        free = [sample for sample in namesakes if sample.id not in taken]
        # Compare under the name of this upload only: a sample under another name came from another upload.
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
        """Fill in the sample ids of files that the service had already, but for which it gave no id.

        A version that was not found is not searched for again, so that the other files get their turn.
        """
        not_found = self._not_found.setdefault(project.target, set())
        without_id = self._store.index.without_ids(project.target, limit=len(not_found) + LOOKUPS_PER_PASS)
        not_found &= {(item.id, item.sha256) for item in without_id}
        waiting = [item for item in without_id if (item.id, item.sha256) not in not_found]
        for item in waiting[:LOOKUPS_PER_PASS]:
            sample_ids = yield from self._look_up(project, item)
            if not sample_ids:
                not_found.add((item.id, item.sha256))
            else:
                self._store.index.link(item, sample_ids, now=self._clock())
                self._log.info("file.identified", path=shown(item.path), samples=sample_ids)
            yield

    def _look_up(self, project: ReconciledProject, item: Item) -> Generator[None, None, tuple[int, ...]]:
        """Return the samples that hold the item's file. Yield after each request."""
        try:
            sha256 = item.sha256 or self._sha256_of_file(item)
        except FileError:
            return ()  # it is not what was sent; the uploader or the watcher reports it
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
            # A short page need not be the last one: the service may return fewer samples than requested.
            if not page.samples or len(found) >= first_total:
                return found
            if len(found) >= MAX_NAMESAKES:
                raise _UnreadableListingError
            before_id = _lowest(page.samples, before_id)
            yield


class _UnreadableListingError(Exception):
    """A sample of that name is listed but cannot be read, or there are too many. One may be the sample searched for."""


def _absent(item: Item, reason: str, now: float) -> Outcome:
    return Outcome(item_id=item.id, events=(Event.ABSENT,), due_at=now, reason=reason)


def _lowest(samples: Sequence[RemoteSample], before_id: int | None) -> int:
    """Return the id below which the next page begins. Raises EisyncError when the listing repeats itself."""
    lowest = min(sample.id for sample in samples)
    if before_id is not None and lowest >= before_id:
        raise EisyncError("the listing repeats the same samples; eisync asks again later")
    return lowest
