"""Bring index and service together: sweep the listing, look for what is doubtful, bury what was deleted.

A sweep walks all samples, newest first, each page asked with the last id seen (offsets shift while others upload or
delete). It concludes nothing unless it was complete. One tick asks the service once or writes one answer down.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from eisync.core import plan, wire
from eisync.core.items import Doubt, Item, Missing, RemoteSample, shown
from eisync.core.lifecycle import Event
from eisync.core.settlement import Settlement
from eisync.errors import EisyncError, FileAwayError, FileError, FileUnreadableError, TransitError
from eisync.loops.ports import Beliefs, Doubts, Hashes, Log, Studio, Unidentified

IDLE_S = 60.0
LOOK_UPS_A_PASS = 100
DOUBT_S = 60.0
"""A file that is not found is believed to be absent after so long only: the service may still be at its request."""
KEEP_GONE_S = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One target as the reconciler sees it."""

    target: str
    studio: Studio
    interval_s: float
    page_size: int
    sweeps: bool = True  # without it only the doubtful files are looked up


class ReconcilerLoop:
    """The reconciliation. A pass that fails leaves the index as it was and says why."""

    name = "reconciler"

    def __init__(
        self,
        projects: Sequence[Project],
        *,
        beliefs: Beliefs,
        unidentified: Unidentified,
        doubts: Doubts,
        sha256_of_file: Hashes,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._projects = projects
        self._beliefs = beliefs
        self._unidentified = unidentified
        self._doubts = doubts
        self._sha256_of_file = sha256_of_file
        self._clock = clock
        self._log = log
        self._due_at = {project.target: 0.0 for project in projects}
        self._passes: deque[tuple[Project, Iterator[None]]] = deque()
        self._troubles: dict[str, EisyncError] = {}
        self._is_stopping = False
        self._looked_up: dict[str, set[tuple[int, str | None]]] = {project.target: set() for project in projects}

    def tick(self, now: float) -> float:
        """Begin the passes that are due; one step of one of them, in turn."""
        if self._is_stopping:
            return IDLE_S
        for project in self._projects:
            # The clock may have been set back.
            self._due_at[project.target] = min(self._due_at[project.target], now + project.interval_s)
            is_under_way = any(project is other for other, _ in self._passes)
            if not is_under_way and now >= self._due_at[project.target]:
                self._due_at[project.target] = now + project.interval_s
                self._passes.append((project, self._pass(project)))
        if self._passes:
            self._step(*self._passes.popleft())
        if self._passes:
            return 0.0
        return max(0.0, min(self._due_at.values(), default=now + IDLE_S) - now)

    def stop(self, now: float) -> None:
        """Drop the passes under way; one that did not end has concluded nothing."""
        self._passes.clear()
        self._is_stopping = True

    @property
    def is_done(self) -> bool:
        """Always: a pass that was not ended changes nothing."""
        return True

    def pass_now(self) -> None:
        """Begin a pass with the next tick, whatever the interval says."""
        self._due_at = dict.fromkeys(self._due_at, 0.0)

    @property
    def is_idle(self) -> bool:
        """Whether no pass is under way or due at once."""
        return not self._passes and all(self._due_at.values())

    def troubles(self) -> dict[str, EisyncError]:
        """Why the last pass of a target failed, by target."""
        return dict(self._troubles)

    def _step(self, project: Project, steps: Iterator[None]) -> None:
        try:
            next(steps)
            self._passes.append((project, steps))
        except StopIteration:
            self._troubles.pop(project.target, None)
        except EisyncError as error:
            self._note_trouble(project, error)

    def _note_trouble(self, project: Project, error: EisyncError) -> None:
        if str(error) != str(self._troubles.get(project.target, "")):
            self._log.warning("sweep.failed", target=project.target, reason=str(error))
        self._troubles[project.target] = error
        self._beliefs.note_trouble(project.target, str(error))
        self._doubts.explain_doubts(project.target, _why_in_doubt(error))

    def _pass(self, project: Project) -> Iterator[None]:
        """One whole pass, a step at a time. Raises what the service or the store raises."""
        mismatch = self._unidentified.identify(project.target, project.studio.project_id())
        if mismatch is not None:
            raise EisyncError(mismatch)
        yield
        yield from self._resolve_doubts(project)
        if project.sweeps:
            yield from self._bring_together(project)
        self._doubts.forget_gone(before=self._clock() - KEEP_GONE_S)

    def _bring_together(self, project: Project) -> Iterator[None]:
        missing = yield from self._sweep(project)
        for ask in plan.suspects(missing):
            self._ask(project, ask.sample_id)
            yield
        yield from self._find_ids(project)

    def _sweep(self, project: Project) -> Generator[None, None, list[Missing]]:
        began_at = self._clock()
        generation = self._beliefs.begin_sweep(project.target)
        listed = 0
        first_total: int | None = None
        before_id: int | None = None
        while True:
            page = project.studio.page(limit=project.page_size, before_id=before_id)
            first_total = page.total if first_total is None else first_total
            listed += len(page.samples)
            self._beliefs.record_page(project.target, generation, page.samples, now=self._clock())
            if not page.samples or (len(page.samples) < project.page_size and listed >= first_total):
                break
            before_id = _lowest(page.samples, before_id)
            yield
        if not plan.is_complete(listed=listed, first_total=first_total, last_total=page.total):
            raise EisyncError(f"the listing ended after {listed} of {first_total} samples; it is asked for again later")
        self._log.info("sweep.completed", target=project.target, samples=listed)
        return self._beliefs.finish_sweep(project.target, generation, began_at=began_at, now=self._clock())

    def _ask(self, project: Project, sample_id: int) -> None:
        match plan.after_asking(sample_id, is_there=project.studio.is_there(sample_id)):
            case plan.Bury():
                for file_id in self._beliefs.bury(project.target, sample_id, now=self._clock()):
                    self._log.warning("file.tombstoned", target=project.target, file=file_id, sample=sample_id)
            case plan.Spare():
                self._beliefs.spare(project.target, sample_id)

    def _resolve_doubts(self, project: Project) -> Iterator[None]:
        """Where duplicates are allowed, only a look at the service may say whether a doubtful file arrived."""
        doubts = self._doubts.doubtful(project.target, limit=LOOK_UPS_A_PASS)
        is_left = len(doubts) == LOOK_UPS_A_PASS
        for doubt in doubts:
            settlement = yield from self._resolve(project, doubt)
            if settlement is None:
                is_left = True
            else:
                self._doubts.resolve([settlement], now=self._clock())
                self._log.info("file.looked_up", path=shown(doubt.item.path), samples=settlement.sample_ids)
            yield
        if is_left:
            due_at = self._due_at[project.target]
            self._due_at[project.target] = min(due_at, self._clock() + DOUBT_S)

    def _resolve(self, project: Project, doubt: Doubt) -> Generator[None, None, Settlement | None]:
        """What a look at the service tells about one file; None when that is too early to tell, or cannot be told."""
        item = doubt.item
        try:
            sha256 = item.sha256 or self._sha256_of_file(item)
        except (FileAwayError, FileUnreadableError):
            return None
        except FileError:
            # It is not what was sent: whatever arrived, this version did not.
            return _absent(item, "it changed after it was sent", self._clock())
        # A sample is one file's: where duplicates are allowed, two files of one name and content are two samples.
        namesakes = yield from self._namesakes(project, item)
        taken = self._unidentified.held_by_others(item, [sample.id for sample in namesakes])
        free = [sample for sample in namesakes if sample.id not in taken]
        sample_ids = yield from self._compare(project, item, sha256, free)
        now = self._clock()
        if sample_ids:
            return Settlement(
                item_id=item.id,
                events=(Event.STORED,),
                reason="stored; its answer was lost and the service was asked",
                sample_ids=(min(sample_ids),),
                sha256=sha256,
            )
        is_early = 0 <= now - doubt.since_at < DOUBT_S  # below 0 the clock was set back
        return None if is_early else _absent(item, "it had not arrived", now)

    def _find_ids(self, project: Project) -> Iterator[None]:
        """Fill in the ids of files that the service had already and did not name.

        A version that was looked up in vain is not looked up again, so that those behind it have their turn.
        """
        looked_up = self._looked_up[project.target]
        nameless = self._unidentified.without_ids(project.target, limit=len(looked_up) + LOOK_UPS_A_PASS)
        looked_up &= {(item.id, item.sha256) for item in nameless}
        waiting = [item for item in nameless if (item.id, item.sha256) not in looked_up]
        for item in waiting[:LOOK_UPS_A_PASS]:
            sample_ids = yield from self._look_up(project, item)
            if not sample_ids:
                looked_up.add((item.id, item.sha256))
            else:
                self._unidentified.link(item, sample_ids, now=self._clock())
                self._log.info("file.identified", path=shown(item.path), samples=sample_ids)
            yield

    def _look_up(self, project: Project, item: Item) -> Generator[None, None, tuple[int, ...]]:
        """The samples that hold the item's file. A step is one question."""
        try:
            sha256 = item.sha256 or self._sha256_of_file(item)
        except FileError:
            return ()  # it is not what was sent; the drainer or the watcher will say so
        namesakes = yield from self._namesakes(project, item)
        return (yield from self._compare(project, item, sha256, namesakes))

    def _compare(
        self, project: Project, item: Item, sha256: str, samples: Sequence[RemoteSample]
    ) -> Generator[None, None, tuple[int, ...]]:
        found = plan.match(item.path, sha256, samples)
        if found.proven:
            return found.proven
        for sample_id in found.to_compare:
            if project.studio.sha256_of(sample_id) == sha256:
                return (sample_id,)
            yield
        return ()

    def _namesakes(self, project: Project, item: Item) -> Generator[None, None, list[RemoteSample]]:
        name = wire.stored_name(wire.sent_name(item.path))
        found: list[RemoteSample] = []
        first_total: int | None = None
        before_id: int | None = None
        while True:
            page = project.studio.page(limit=project.page_size, before_id=before_id, filename=name)
            first_total = page.total if first_total is None else first_total
            found += page.samples
            # A short page is not the last one: the service may give fewer than it was asked for.
            if not page.samples or len(found) >= first_total:
                return found
            before_id = _lowest(page.samples, before_id)
            yield


def _absent(item: Item, reason: str, now: float) -> Settlement:
    return Settlement(item_id=item.id, events=(Event.ABSENT,), due_at=now, reason=reason)


def _why_in_doubt(error: EisyncError) -> str:
    """For a person, who alone can help where the key may not look."""
    if isinstance(error, TransitError):
        return f"sent, and no answer came; the service is asked whether it arrived when it can be ({error})"
    return (
        f"sent, and no answer came, and the service does not tell whether it arrived ({error}); "
        "look for it in Studio, 'eisync retry FILE' sends it again"
    )


def _lowest(samples: Sequence[RemoteSample], before_id: int | None) -> int:
    """The id to go on from. Raises EisyncError when the listing does not move, and would be walked for ever."""
    lowest = min(sample.id for sample in samples)
    if before_id is not None and lowest >= before_id:
        raise EisyncError("the listing gives the same samples again; it is asked for again later")
    return lowest
