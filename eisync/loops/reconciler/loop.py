"""Bring index and service together: look at the listing and for what is doubtful, adopt what is there, bury what went.

How the listing is looked at is in `sweeping`; what then follows for folders and project is decided in `deciding`, done
in `acting` and undone in `undoing`. One tick asks the service once or writes one answer down.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from eisync.core import listing
from eisync.core.lifecycle import Event
from eisync.core.model import Doubt, Item, Missing, RemoteSample, shown
from eisync.core.outcome import Outcome
from eisync.core.policy import Policy
from eisync.core.sample_names import stored_name
from eisync.errors import (
    EisyncError,
    FileAwayError,
    FileError,
    FileUnreadableError,
    ForeignProjectError,
    TransitError,
)
from eisync.loops.actions.executor import ActionExecutor
from eisync.loops.actions.planner import ActionPlanner
from eisync.loops.actions.undo import Undo
from eisync.loops.lineage import Lineages, Trusting
from eisync.loops.ports import Beliefs, Doubts, Editor, Forgets, Hashes, Log, LooksAndSweeps, Mirrored, Unidentified
from eisync.loops.reconciler.context import TargetContext
from eisync.loops.reconciler.listing_sync import DryRun, ListingSync, PassReport
from eisync.loops.reconciler.tombstones import IndexCleanup, Tombstones

IDLE_S = 60.0
LOOK_UPS_A_PASS = 100
WAITING_A_STEP = 200
MOST_NAMESAKES = 10_000
"""So many samples are looked through for one file at most; a listing that has no end has many of every name."""
DOUBT_S = 60.0
"""A file that is not found is believed to be absent after so long only: the service may still be at its request."""
KEEP_GONE_S = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One target as the reconciler sees it."""

    target: str
    studio: Editor
    interval_s: float
    page_size: int
    allow_duplicates: bool = False  # where they are, nothing that others sent is taken for a file of ours
    sweeps: bool = True  # without it only the doubtful files are looked up
    sweep_interval_s: float = 6 * 3600.0
    policies: Mapping[int, Policy] = field(default_factory=dict)  # by root: what follows from what happens to its files


@dataclass(frozen=True, slots=True)
class Hands:
    """Who decides what is to be done to folders and project, does it, and undoes it."""

    decider: ActionPlanner
    actor: ActionExecutor
    undo: Undo
    tombstones: Tombstones | None = None  # without it, whatever vanished at the service was deleted there


@dataclass(frozen=True, slots=True)
class PassRequest:
    """A pass that somebody asked for."""

    ticket: int = 0
    sweeps: bool = False
    pretends: bool = False


class ReconcilerLoop:
    """The reconciliation. A pass that fails leaves the index as it was and says why."""

    name = "reconciler"

    def __init__(
        self,
        projects: Sequence[Project],
        *,
        beliefs: Beliefs,
        mirrored: Mirrored,
        unidentified: Unidentified,
        doubts: Doubts,
        sha256_of_file: Hashes,
        clock: Callable[[], float],
        log: Log,
        wake: Callable[[], None] = lambda: None,
        hands: Hands | None = None,
        forgets: Forgets | None = None,
        lineages: Lineages | None = None,
    ) -> None:
        """`hands`: None only looks. `lineages` is told what was listed. `wake` makes whoever ticks this loop tick it
        soon."""
        self._wake = wake
        self._lineages = lineages or Trusting()
        self._hands = hands
        self._index_cleanup = IndexCleanup(forgets, projects)
        self._projects = projects
        self._beliefs = beliefs
        self._mirrored = mirrored
        self._unidentified = unidentified
        self._doubts = doubts
        self._sha256_of_file = sha256_of_file
        self._clock = clock
        self._log = log
        self._due_at = {project.target: 0.0 for project in projects}
        self._passes: deque[tuple[Project, Iterator[None]]] = deque()
        self._troubles: dict[str, EisyncError] = {}
        self._is_stopping = False
        self._tallies: dict[str, PassReport] = {}
        self._under_way: set[str] = set()
        self._told: dict[str, PassReport] = {}  # what the pass had done, that was under way when another was asked for
        self._lock = threading.Lock()
        self._asked = PassRequest()
        self._begun = {project.target: 0 for project in projects}  # the ticket that the last pass began with
        self._done = dict(self._begun)
        self._pretending: set[str] = set()
        self._unread: dict[str, str] = {}
        self._looked_up: dict[str, set[tuple[int, str | None]]] = {project.target: set() for project in projects}

    def tick(self, now: float) -> float:
        """Begin the passes that are due; one step of one of them, in turn."""
        if self._is_stopping:
            return IDLE_S
        for project in self._projects:
            # The clock may have been set back.
            self._due_at[project.target] = min(self._due_at[project.target], now + project.interval_s)
            is_under_way = any(project is other for other, _ in self._passes)
            is_due = now >= self._due_at[project.target] or self._begun[project.target] < self._asked.ticket
            if not is_under_way and is_due:
                self._due_at[project.target] = now + project.interval_s
                self._passes.append((project, self._begin(project)))
        if self._passes:
            self._step(*self._passes.popleft())
        is_more = self._index_cleanup.step(now)
        # What was asked for while a pass was under way begins when that one has ended; its bell is long over.
        if self._passes or is_more or any(begun < self._asked.ticket for begun in self._begun.values()):
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

    def pass_now(self, *, sweeps: bool = False) -> None:
        """Begin a pass with the next tick, whatever the interval says; `sweeps`: and list everything."""
        self.ask_pass(sweeps=sweeps)

    def ask_pass(self, *, sweeps: bool = False, pretends: bool = False) -> int:
        """The same, from any thread; `pretends`: compare and write nothing down. Returns the ticket for `report`."""
        with self._lock:
            pass_request = self._asked = PassRequest(self._asked.ticket + 1, sweeps, pretends)
            for target in tuple(self._under_way):
                self._told.setdefault(target, self._tallies[target].copy())
        self._wake()
        return pass_request.ticket

    def report(self, ticket: int) -> list[dict[str, object]] | None:
        """What the pass of each target found that was asked for under `ticket`; None while one is not done."""
        if any(done < ticket for done in self._done.values()):
            return None
        tallies, troubles = self.tallies(), self.troubles()
        return [
            {
                "target": target,
                **asdict(tallies.get(target, PassReport())),
                "trouble": str(troubles[target]) if target in troubles else None,
                "exit_code": troubles[target].exit_code if target in troubles else 0,
            }
            for target in self._done
        ]

    def tallies(self) -> dict[str, PassReport]:
        """What the last pass of each target found."""
        return dict(self._tallies)

    @property
    def is_idle(self) -> bool:
        """Whether no pass is under way or due at once."""
        is_served = all(begun == self._asked.ticket for begun in self._begun.values())
        is_served = is_served and not self._index_cleanup.is_under_way
        return not self._passes and is_served and all(self._due_at.values())

    def troubles(self) -> dict[str, EisyncError]:
        """Why the last pass of a target failed, by target."""
        return dict(self._troubles)

    def _step(self, project: Project, steps: Iterator[None]) -> None:
        try:
            next(steps)
            self._passes.append((project, steps))
            return
        except StopIteration:
            self._troubles.pop(project.target, None)
        except EisyncError as error:
            self._note_trouble(project, error)
        finally:
            if not any(project is other for other, _ in self._passes):
                self._done[project.target] = self._begun[project.target]
                self._under_way.discard(project.target)

    def _note_trouble(self, project: Project, error: EisyncError) -> None:
        if str(error) != str(self._troubles.get(project.target, "")):
            self._log.warning("sweep.failed", target=project.target, reason=str(error))
        self._troubles[project.target] = error
        if project.target not in self._pretending:
            self._beliefs.note_trouble(project.target, str(error))
            self._doubts.explain_doubts(project.target, _why_in_doubt(error))

    def _begin(self, project: Project) -> Iterator[None]:
        pass_request, is_asked = self._asked, self._begun[project.target] < self._asked.ticket
        self._begun[project.target] = pass_request.ticket
        with self._lock:
            told, before = self._told.pop(project.target, None), self._tallies.get(project.target)
            # What was approved while a pass was under way may have been done by that pass.
            report = PassReport() if told is None or before is None else before.actions_since(told)
            self._tallies[project.target] = report
            self._under_way.add(project.target)
        self._pretending.discard(project.target)
        if is_asked and pass_request.pretends:
            self._pretending.add(project.target)
            return self._pretend(project, report, sweeps=pass_request.sweeps)
        return self._pass(project, report, sweeps=is_asked and pass_request.sweeps)

    def _pretend(self, project: Project, report: PassReport, *, sweeps: bool) -> Iterator[None]:
        """Compare, and write nothing down."""
        self._check_project(project)
        yield
        yield from self._listing_sync(project, DryRun(self._mirrored)).look(report, sweeps=sweeps)
        self._check_samples(project)
        if self._hands is not None and not report.contradicted:
            yield from self._hands.decider.preview(self._context(project), report)

    def _pass(self, project: Project, report: PassReport, *, sweeps: bool) -> Iterator[None]:
        """One whole pass, a step at a time. Raises what the service or the store raises."""
        if self._hands is not None:
            # Before the service is asked: what lies in the trash comes back without it.
            yield from self._hands.undo.undo(self._context(project), report)
        self._check_project(project)
        yield
        yield from self._resolve_doubts(project)
        if project.sweeps:
            yield from self._bring_together(project, report, sweeps=sweeps)
        self._doubts.forget_gone(before=self._clock() - KEEP_GONE_S)

    def _bring_together(self, project: Project, report: PassReport, *, sweeps: bool) -> Iterator[None]:
        unlisted = self._lineages.unlisted(project.target)
        missing = yield from self._listing_sync(project, self._mirrored).look(report, sweeps=sweeps or bool(unlisted))
        self._note_unread(project, report)
        self._check_samples(project)
        if report.swept:
            self._lineages.listed(unlisted)
        yield from self._conclude_missing(project, missing, report)
        if report.learned and not project.allow_duplicates:
            report.adopted = yield from self._adopt(project)
        yield from self._find_ids(project)
        if self._hands is not None:
            # Last, and only after a look that went well: nothing is concluded from what is half known.
            context = self._context(project)
            yield from self._hands.actor.carry_out(context, report)
            yield from self._hands.decider.decide(context, report)
            yield from self._hands.actor.carry_out(context, report)

    def _note_unread(self, project: Project, report: PassReport) -> None:
        """What could not be read is said until a whole sweep could read everything."""
        if report.unread:
            self._unread[project.target] = (
                f"{report.unread} samples of the listing cannot be read and are left out (the first: "
                f"{report.unread_reason}); they do not count as deleted"
            )
        elif report.swept:
            self._unread.pop(project.target, None)
        if project.target in self._unread:
            self._beliefs.note_trouble(project.target, self._unread[project.target])

    def _conclude_missing(self, project: Project, missing: Sequence[Missing], report: PassReport) -> Iterator[None]:
        if self._hands is not None and self._hands.tombstones is not None:
            if report.swept:
                yield from self._hands.tombstones.conclude(self._context(project), missing, report)
            return
        for ask in listing.suspects(missing):
            self._check_project(project)
            report.tombstoned += self._ask(project, ask.sample_id)
            yield

    def _context(self, project: Project) -> TargetContext:
        return TargetContext(
            target=project.target,
            studio=project.studio,
            policies=project.policies,
            interval_s=project.interval_s,
            check_project=lambda: self._check_for_action(project),
        )

    def _listing_sync(self, project: Project, mirrored: LooksAndSweeps) -> ListingSync:
        return ListingSync(
            target=project.target,
            studio=project.studio,
            page_size=project.page_size,
            sweep_interval_s=project.sweep_interval_s,
            mirrored=mirrored,
            check_project=lambda: self._check_project(project),
            clock=self._clock,
            log=self._log,
        )

    def _check_project(self, project: Project) -> None:
        """Raises EisyncError when the key opens another project than the one we know: it may be a new key by now."""
        mismatch = self._unidentified.identify(project.target, project.studio.project_id())
        if mismatch is not None:
            raise EisyncError(mismatch)

    def _check_samples(self, project: Project) -> None:
        """Raises ForeignProjectError when samples of ours are other ones now: whose project it is, no id tells."""
        why = self._beliefs.why_foreign(project.target)
        if why is not None:
            raise ForeignProjectError(
                f"the project does not hold what was sent to it: {why}. eisync deletes and changes nothing because "
                "of this, here or in the project. Give it the endpoints and the key of the project that the files "
                "are in. If that project was started from scratch, give eisync a new state folder, and it sends "
                "what is missing"
            )

    def _check_for_action(self, project: Project) -> None:
        """Raises EisyncError when nothing may be done in the project, or because of it."""
        self._check_project(project)
        self._check_samples(project)

    def _ask(self, project: Project, sample_id: int) -> int:
        """Returns how many files became tombstones."""
        match listing.after_asking(sample_id, is_there=project.studio.is_there(sample_id)):
            case listing.MakeTombstone():
                self._check_project(project)  # it was this project that did not know it
                tombstoned = self._beliefs.make_tombstones(project.target, sample_id, now=self._clock())
                for file_id in tombstoned:
                    self._log.warning("file.tombstoned", target=project.target, file=file_id, sample=sample_id)
                return len(tombstoned)
            case listing.KeepLinked():
                self._beliefs.spare(project.target, sample_id)
                return 0

    def _adopt(self, project: Project) -> Generator[None, None, int]:
        """Files that wait to be sent, and that others have sent before: proven by name and content hash."""
        adopted, hashed, after_id = 0, 0, 0
        while hashed < LOOK_UPS_A_PASS:
            waiting = self._mirrored.waiting(project.target, after_id=after_id, limit=WAITING_A_STEP)
            if not waiting:
                break
            for item in waiting:
                listed = [self._mirrored.named(project.target, stored_name(name)) for name in item.names]
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
        if not proven or not self._mirrored.adopt(item, sha256, proven, now=self._clock()):
            return False
        self._log.info("file.adopted", path=shown(item.path), samples=proven)
        return True

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

    def _resolve(self, project: Project, doubt: Doubt) -> Generator[None, None, Outcome | None]:
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
        try:
            namesakes = yield from self._namesakes(project, item.name)
        except _NotToldError:
            return None
        taken = self._unidentified.held_by_others(item, [sample.id for sample in namesakes])
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
            return ()  # it is not what was sent; the uploader or the watcher will say so
        try:
            namesakes: dict[int, RemoteSample] = {}
            for name in item.names:
                found = yield from self._namesakes(project, name)
                namesakes.update((sample.id, sample) for sample in found)
        except _NotToldError:
            return ()
        return (yield from self._compare(project, item, item.names, sha256, list(namesakes.values())))

    def _compare(
        self, project: Project, item: Item, names: Iterable[str], sha256: str, samples: Sequence[RemoteSample]
    ) -> Generator[None, None, tuple[int, ...]]:
        found = listing.match(item.path, sha256, samples, names=names)
        if found.proven:
            return found.proven
        for sample_id in found.to_compare:
            if project.studio.sha256_of(sample_id) == sha256:
                return (sample_id,)
            yield
        return ()

    def _namesakes(self, project: Project, sent_as: str) -> Generator[None, None, list[RemoteSample]]:
        name = stored_name(sent_as)
        found: list[RemoteSample] = []
        first_total: int | None = None
        before_id: int | None = None
        while True:
            page = project.studio.page(limit=project.page_size, before_id=before_id, filename=name)
            if page.unread:
                raise _NotToldError
            first_total = page.total if first_total is None else first_total
            found += page.samples
            # A short page is not the last one: the service may give fewer than it was asked for.
            if not page.samples or len(found) >= first_total:
                return found
            if len(found) >= MOST_NAMESAKES:
                raise _NotToldError
            before_id = _lowest(page.samples, before_id)
            yield


class _NotToldError(Exception):
    """A sample of that name is listed and cannot be read; it may be the one that is looked for."""


def _absent(item: Item, reason: str, now: float) -> Outcome:
    return Outcome(item_id=item.id, events=(Event.ABSENT,), due_at=now, reason=reason)


def _why_in_doubt(error: EisyncError) -> str:
    """For a person, who alone can help where the key may not look."""
    if isinstance(error, TransitError):
        return f"sent, but no answer came; eisync will ask the service whether it arrived ({error})"
    return (
        f"sent, but no answer came, and the service cannot say whether it arrived ({error}). Look for it in "
        "Studio; 'eisync retry FILE' sends it again"
    )


def _lowest(samples: Sequence[RemoteSample], before_id: int | None) -> int:
    """The id to go on from. Raises EisyncError when the listing does not move, and would be walked for ever."""
    lowest = min(sample.id for sample in samples)
    if before_id is not None and lowest >= before_id:
        raise EisyncError("the listing repeats the same samples; eisync asks again later")
    return lowest
