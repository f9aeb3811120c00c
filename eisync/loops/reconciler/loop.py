"""Reconcile index and service: read the listing, resolve doubtful uploads, adopt samples, mark deleted ones.

`listing_sync` reads the listing. `identification` finds the samples of files. The package `actions` decides on actions
in folders and project, carries them out and undoes them. One tick sends one request or stores one result.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from eisync.core.guard import Guard
from eisync.core.model import Item, value
from eisync.errors import EisyncError, ForeignProjectError, TransitError
from eisync.loops.actions.executor import ActionExecutor
from eisync.loops.actions.planner import ActionPlanner, GuardLedger
from eisync.loops.actions.undo import Undo
from eisync.loops.ports import Log
from eisync.loops.reconciler.context import PassReport, ReconciledProject, ReconcilerStore, TargetContext
from eisync.loops.reconciler.dry_run import DryRun
from eisync.loops.reconciler.identification import DOUBT_S, SampleIdentifier
from eisync.loops.reconciler.label_check import LabelCheck
from eisync.loops.reconciler.listing_sync import ListingSync
from eisync.loops.reconciler.tombstones import IndexCleanup, Tombstones
from eisync.store.mirror import Mirrored

IDLE_S = 60.0
KEEP_GONE_S = 7 * 24 * 3600.0


@value
class Actions:
    """The parts that decide on actions in folders and project, carry them out, and undo them."""

    planner: ActionPlanner
    executor: ActionExecutor
    undo: Undo
    tombstones: Tombstones
    guarding: GuardLedger


@value
class PassRequest:
    """A pass that someone asked for."""

    ticket: int = 0
    sweeps: bool = False
    dry_run: bool = False


class ReconcilerLoop:
    """Runs the passes of all targets. A failed pass concludes nothing, and its reason is stored and logged."""

    name = "reconciler"

    def __init__(
        self,
        projects: Sequence[ReconciledProject],
        store: ReconcilerStore,
        *,
        sha256_of_file: Callable[[Item], str],
        clock: Callable[[], float],
        log: Log,
        wake: Callable[[], None] = lambda: None,
        actions: Actions | None = None,
    ) -> None:
        """Without `actions` a pass only compares. `wake` makes the supervisor call `tick` at once."""
        self._wake = wake
        self._actions = actions
        self._index_cleanup = IndexCleanup(store.cleanup, projects)
        self._projects = projects
        self._store = store
        self._identifier = SampleIdentifier(store, sha256_of_file, clock=clock, log=log)
        self._label_check = LabelCheck(store.index.inferred, clock=clock, log=log)
        self._clock = clock
        self._log = log
        self._due_at = {project.target: 0.0 for project in projects}
        self._passes: deque[tuple[ReconciledProject, Iterator[None]]] = deque()
        self._troubles: dict[str, EisyncError] = {}
        self._is_stopping = False
        self._reports: dict[str, PassReport] = {}
        self._under_way: set[str] = set()
        self._reported: dict[str, PassReport] = {}  # by target: what a pass had done when the next was requested
        self._lock = threading.Lock()
        self._asked = PassRequest()
        self._begun = {project.target: 0 for project in projects}  # by target: the ticket of the last pass begun
        self._done = dict(self._begun)
        self._dry_runs: set[str] = set()
        self._adjustments: deque[tuple[Sequence[ReconciledProject], Guard]] = deque()
        self._unread: dict[str, str] = {}

    def adjust(self, projects: Sequence[ReconciledProject], guard: Guard) -> None:
        """Use these settings of the same projects from the next tick on. Safe from any thread.

        A pass under way goes on with the settings that it began with, unless what may be deleted or changed has
        changed: then it is dropped, and begins again.
        """
        self._adjustments.append((projects, guard))

    def tick(self, now: float) -> float:
        """Begin the passes that are due, then do one step of one pass. The passes take turns."""
        if self._is_stopping:
            return IDLE_S
        while self._adjustments:
            self._use(*self._adjustments.popleft())
        for project in self._projects:
            # The clock may have been set back.
            self._due_at[project.target] = min(self._due_at[project.target], now + project.interval_s)
            is_under_way = any(project.target == other.target for other, _ in self._passes)
            is_due = now >= self._due_at[project.target] or self._begun[project.target] < self._asked.ticket
            if not is_under_way and is_due:
                self._due_at[project.target] = now + project.interval_s
                self._passes.append((project, self._begin(project)))
        if self._passes:
            self._step(*self._passes.popleft())
        is_more = self._index_cleanup.step(now)
        # A pass requested during another one begins when that one ends. Its `wake` is long past, so ask for a tick.
        if self._passes or is_more or any(begun < self._asked.ticket for begun in self._begun.values()):
            return 0.0
        return max(0.0, min(self._due_at.values(), default=now + IDLE_S) - now)

    def stop(self, now: float) -> None:
        """Drop the passes under way. This is safe: a pass that did not end has concluded nothing."""
        self._passes.clear()
        self._is_stopping = True

    @property
    def is_done(self) -> bool:
        """Return True always: an interrupted pass is safe to drop."""
        return True

    def pass_now(self, *, sweeps: bool = False) -> None:
        """Begin a pass with the next tick, even if none is due. With `sweeps`, list everything."""
        self.ask_pass(sweeps=sweeps)

    def ask_pass(self, *, sweeps: bool = False, dry_run: bool = False) -> int:
        """Request a pass, from any thread. Return the ticket for `report`.

        With `sweeps`, list everything. With `dry_run`, compare and store nothing.
        """
        with self._lock:
            pass_request = self._asked = PassRequest(self._asked.ticket + 1, sweeps, dry_run)
            for target in tuple(self._under_way):
                self._reported.setdefault(target, self._reports[target].copy())
        self._wake()
        return pass_request.ticket

    def report(self, ticket: int) -> list[dict[str, object]] | None:
        """Return what the pass of each target found that `ticket` asked for; None until all are done."""
        if any(done < ticket for done in self._done.values()):
            return None
        reports, troubles = self.reports(), self.troubles()
        return [
            {
                "target": target,
                **asdict(reports.get(target, PassReport())),
                "trouble": str(troubles[target]) if target in troubles else None,
                "exit_code": troubles[target].exit_code if target in troubles else 0,
            }
            for target in self._done
        ]

    def reports(self) -> dict[str, PassReport]:
        """Return what the last pass of each target found, by target."""
        return dict(self._reports)

    @property
    def is_idle(self) -> bool:
        """Return whether no pass is under way or due now."""
        is_served = all(begun == self._asked.ticket for begun in self._begun.values())
        is_served = is_served and not self._index_cleanup.is_under_way
        return not self._passes and is_served and all(self._due_at.values())

    def troubles(self) -> dict[str, EisyncError]:
        """Return why the last pass of a target failed, by target."""
        return dict(self._troubles)

    def _use(self, projects: Sequence[ReconciledProject], guard: Guard) -> None:
        before = [one.policies for one in self._projects]
        acts_alike = before == [one.policies for one in projects]
        self._projects = self._index_cleanup.owners = projects
        if self._actions is not None:
            acts_alike = acts_alike and guard == self._actions.guarding.guard
            self._actions.guarding.guard = guard
        if not acts_alike:
            self._begin_again()

    def _begin_again(self) -> None:
        """Drop the passes under way, and have each begin again with the next tick."""
        while self._passes:
            target = self._passes.pop()[0].target
            self._begun[target], self._due_at[target] = self._done[target], 0.0
            with self._lock:
                self._reported.setdefault(target, PassReport())  # the next report has what this pass did
                self._under_way.discard(target)

    def _step(self, project: ReconciledProject, steps: Iterator[None]) -> None:
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

    def _note_trouble(self, project: ReconciledProject, error: EisyncError) -> None:
        if str(error) != str(self._troubles.get(project.target, "")):
            self._log.warning("sweep.failed", target=project.target, reason=str(error))
        self._troubles[project.target] = error
        if project.target not in self._dry_runs:
            self._store.index.note_trouble(project.target, str(error))
            self._store.outbox.explain_doubts(project.target, _why_in_doubt(error))

    def _begin(self, project: ReconciledProject) -> Iterator[None]:
        pass_request, is_asked = self._asked, self._begun[project.target] < self._asked.ticket
        self._begun[project.target] = pass_request.ticket
        with self._lock:
            reported, before = self._reported.pop(project.target, None), self._reports.get(project.target)
            # The pass before may have done what was approved while it ran. Carry that over into this report.
            report = PassReport() if reported is None or before is None else before.actions_since(reported)
            self._reports[project.target] = report
            self._under_way.add(project.target)
        self._dry_runs.discard(project.target)
        if is_asked and pass_request.dry_run:
            self._dry_runs.add(project.target)
            return self._dry_run(project, report, sweeps=pass_request.sweeps)
        return self._pass(project, report, sweeps=is_asked and pass_request.sweeps)

    def _dry_run(self, project: ReconciledProject, report: PassReport, *, sweeps: bool) -> Iterator[None]:
        """Compare and store nothing."""
        self._check_project(project)
        yield
        yield from self._listing_sync(project, DryRun(self._store.mirrored)).poll(report, sweeps=sweeps)
        self._check_samples(project)
        if self._actions is not None and not report.contradicted:
            yield from self._actions.planner.preview(self._context(project), report)

    def _pass(self, project: ReconciledProject, report: PassReport, *, sweeps: bool) -> Iterator[None]:
        """Run one whole pass, a step at a time. Raises what the service or the store raises."""
        if self._actions is not None:
            # Before the first request: a file in the trash can be put back even when the service is down.
            yield from self._actions.undo.undo(self._context(project), report)
        self._check_project(project)
        yield
        if (yield from self._identifier.resolve_doubts(project)):
            due_at = self._due_at[project.target]
            self._due_at[project.target] = min(due_at, self._clock() + DOUBT_S)
        if project.sweeps:
            yield from self._compare_and_act(project, report, sweeps=sweeps)
        self._store.outbox.forget_gone(before=self._clock() - KEEP_GONE_S)

    def _compare_and_act(self, project: ReconciledProject, report: PassReport, *, sweeps: bool) -> Iterator[None]:
        unlisted = self._store.lineages.unlisted(project.target)
        missing = yield from self._listing_sync(project, self._store.mirrored).poll(
            report, sweeps=sweeps or bool(unlisted)
        )
        self._note_unread(project, report)
        self._check_samples(project)
        if report.swept:
            self._store.lineages.listed(unlisted)
        if self._actions is not None and (report.swept or missing):
            # Of a sweep each suspect is asked for; the feed was confirmed by the number of samples.
            yield from self._actions.tombstones.conclude(
                self._context(project), missing, report, is_confirmed=not report.swept
            )
        if report.learned and not project.allow_duplicates:
            report.adopted = yield from self._identifier.adopt(project)
        yield from self._identifier.find_ids(project)
        yield from self._label_check.check(project, report)
        if self._actions is not None:
            # Last, and only after a successful poll: an incomplete listing proves nothing.
            context = self._context(project)
            yield from self._actions.executor.carry_out(context, report)
            yield from self._actions.planner.decide(context, report)
            yield from self._actions.executor.carry_out(context, report)

    def _note_unread(self, project: ReconciledProject, report: PassReport) -> None:
        """Report unreadable samples until a complete sweep can read all of them."""
        if report.unread:
            self._unread[project.target] = (
                f"{report.unread} samples of the listing cannot be read and are left out (the first: "
                f"{report.unread_reason}); they do not count as deleted"
            )
        elif report.swept:
            self._unread.pop(project.target, None)
        if project.target in self._unread:
            self._store.index.note_trouble(project.target, self._unread[project.target])

    def _context(self, project: ReconciledProject) -> TargetContext:
        return TargetContext(
            target=project.target,
            studio=project.studio,
            policies=project.policies,
            interval_s=project.interval_s,
            check_project=lambda: self._check_for_action(project),
        )

    def _listing_sync(self, project: ReconciledProject, mirrored: Mirrored | DryRun) -> ListingSync:
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

    def _check_project(self, project: ReconciledProject) -> None:
        """Raise EisyncError when the key opens a project other than the known one: it may have been replaced."""
        mismatch = self._store.index.identify(project.target, project.studio.project_id())
        if mismatch is not None:
            raise EisyncError(mismatch)

    def _check_samples(self, project: ReconciledProject) -> None:
        """Raise ForeignProjectError when samples of the index have other content now.

        Another server can have a project with the same id, so the id does not prove that it is the same project.
        """
        why = self._store.index.why_foreign(project.target)
        if why is not None:
            raise ForeignProjectError(
                f"the project does not hold what was sent to it: {why}. eisync deletes and changes nothing because "
                "of this, here or in the project. Give it the endpoints and the key of the project that the files "
                "are in. If that project was started from scratch, give eisync a new state folder, and it sends "
                "what is missing"
            )

    def _check_for_action(self, project: ReconciledProject) -> None:
        """Raise EisyncError when no action in the project, or because of it, is allowed."""
        self._check_project(project)
        self._check_samples(project)


def _why_in_doubt(error: EisyncError) -> str:
    """Return the reason for a person. Where the key may not read samples, only a person can resolve the doubt."""
    if isinstance(error, TransitError):
        return f"sent, but no answer came; eisync will ask the service whether it arrived ({error})"
    return (
        f"sent, but no answer came, and the service cannot say whether it arrived ({error}). Look for it in "
        "Studio; 'eisync retry FILE' sends it again"
    )
