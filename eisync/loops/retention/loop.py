"""Make room on small disks: delete or archive files that the service certainly has, if the configuration asks for it.

A pass first finishes what a crash interrupted, then empties old trash, removes files as `after_upload` says, and frees
the space that `min_free` asks for. One tick handles one file or one page of the index. Between two passes there is at
least a minute.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from eisync.core import retention
from eisync.core.actions import Action, StoredAction
from eisync.core.clock_step import JUMP_S, ClockStepDetector
from eisync.core.model import shown
from eisync.core.policy import After, MinFree, Retention
from eisync.core.retention import Local, Why
from eisync.errors import FolderError
from eisync.loops.clock_monitor import ClockMonitor
from eisync.loops.ports import Log
from eisync.loops.retention.removal import FileRemover, RemovalFiles
from eisync.loops.retention.status import TROUBLE_S, RetentionStatus, report_of
from eisync.store.retention import Removals

PASS_INTERVAL_S = 60.0
TRASH_INTERVAL_S = 3600.0
PAGE = 200
CPU_SHARE = 0.01
"""The share of one processor core that the passes use at most, on average."""


class RetentionClock:
    """The clock that the retention uses. Time before `counts_from` does not count. `doubt`: why no time counts."""

    def __init__(self, times: ClockMonitor, monotonic: Callable[[], float]) -> None:
        self.times = times
        self._monotonic = monotonic
        self._clock_step = ClockStepDetector()
        self.counts_from = 0.0
        self.doubt: str | None = None

    def check(self, now: float) -> bool:
        """Return whether the clock was set forward since the last check: the time that really passed is unknown."""
        is_set_forward = self._clock_step.step_s(now, self._monotonic()) > JUMP_S
        if is_set_forward:
            self.counts_from = now
        self.doubt = self.times.why_doubt()
        self.counts_from = max(self.counts_from, self.times.setting().counts_from)
        return is_set_forward


class RetentionLoop:
    """Runs the passes over all folders. Each removal is stored before it is done, so a failed pass loses nothing."""

    name = "retention"

    def __init__(
        self,
        folders: Sequence[RetentionStatus],
        remover: FileRemover,
        removals: Removals,
        files: RemovalFiles,
        *,
        clock: RetentionClock,
        spent_s: Callable[[], float] = lambda: 0.0,
        log: Log,
    ) -> None:
        """`spent_s` returns the processor time that the thread has used so far."""
        self._folders = folders
        self._remover = remover
        self._removals = removals
        self._files = files
        self._clock = clock
        self._spent_s = spent_s
        self._log = log
        self._pass: Iterator[None] | None = None
        self._due_at = 0.0
        self._pass_spent_s = 0.0
        self._now = 0.0
        self._is_stopping = False
        self._adjustments: deque[Mapping[int, Retention]] = deque()

    def adjust(self, policies: Mapping[int, Retention]) -> None:
        """Use these policies, by the id of the root, from the next tick on. A pass under way ends, and begins again.

        Safe from any thread.
        """
        self._adjustments.append(policies)

    def tick(self, now: float) -> float:
        """Begin a pass if one is due, and do one step of it."""
        if self._is_stopping:
            return PASS_INTERVAL_S
        while self._adjustments:
            self._use(self._adjustments.popleft())
        self._check_clock(now)
        self._due_at = min(self._due_at, now + self._pause_s)  # the clock may have been set back
        if self._pass is None:
            if now < self._due_at:
                return self._due_at - now
            self._pass, self._pass_spent_s = self._begin(), 0.0
        began_at = self._spent_s()
        steps, self._pass = self._pass, None  # if the step fails, the pass ends
        is_done = next(steps, steps) is steps
        self._pass_spent_s += max(0.0, self._spent_s() - began_at)
        if is_done:
            self._due_at = now + self._pause_s
            return self._pause_s
        self._pass = steps
        return 0.0

    def stop(self, now: float) -> None:
        """Begin nothing new. Safe at any time: every step is complete in itself."""
        self._is_stopping = True

    @property
    def is_done(self) -> bool:
        """Return True always: what was begun is stored, and the next start finishes it."""
        return True

    def pass_now(self) -> None:
        """Begin a pass with the next tick."""
        self._due_at = 0.0

    @property
    def is_idle(self) -> bool:
        """Return whether no pass is under way or due now."""
        return self._pass is None and self._due_at > 0.0

    def report(self) -> list[dict[str, object]]:
        """Return the status of every folder that has something to report, as plain values. Safe from any thread."""
        return [report_of(status) for status in self._folders if status.policy.removes or status.trouble]

    def _use(self, policies: Mapping[int, Retention]) -> None:
        for status in self._folders:
            if status.adjust(policies[status.root.id]):
                self._pass, self._due_at = None, 0.0  # what the pass has decided may be wrong now

    @property
    def _pause_s(self) -> float:
        return max(PASS_INTERVAL_S, self._pass_spent_s / CPU_SHARE)

    def _check_clock(self, now: float) -> None:
        if self._clock.check(now):
            for status in self._folders:
                status.trash_due_at = now + 24 * 3600.0
        self._now = self._remover.now = now

    # --- a pass ------------------------------------------------------------------------------------------------

    def _begin(self) -> Iterator[None]:
        self._remover.forget_skipped()
        for written in self._removals.under_way():
            yield from self._resume(written)
        for status in self._folders:
            # The clock may have been set back.
            status.paused_until = min(status.paused_until, self._now + TROUBLE_S)
            if status.paused_until > self._now:
                continue
            status.trouble = None
            yield from self._empty_trash(status)
            if not status.policy.removes or not self._remover.is_on_known_disk(status):
                continue
            status.why_unlisted = self._removals.why_not_listed(status.root.target)
            yield from self._remove_due(status)
            yield from self._make_room(status)

    def _empty_trash(self, status: RetentionStatus) -> Iterator[None]:
        status.trash_due_at = min(status.trash_due_at, self._now + 24 * 3600.0)
        if not status.policy.trash_days or self._now < status.trash_due_at or self._clock.doubt is not None:
            return
        status.trash_due_at = self._now + TRASH_INTERVAL_S
        before_day = retention.oldest_day(self._now, status.policy.trash_days)

        def is_old(folder: str, newest_at: float) -> bool:
            made_at, setting = self._removals.last_put(folder), self._clock.times.setting_of_days()
            return retention.is_trash_old(made_at, newest_at, status.policy.trash_days, setting=setting, now=self._now)

        try:
            days = self._files.empty_trash(status.root.path, before_day=before_day, is_old=is_old)
        except FolderError as error:
            status.pause(str(error), self._now)
            return
        if days:
            self._log.info("trash.emptied", root=shown(status.root.path), days=days, before=before_day)
        yield

    def _remove_due(self, status: RetentionStatus) -> Iterator[None]:
        """Go through all known files of the folder, and remove those that `after_upload` says."""
        stays: Counter[Why] = Counter()
        if status.policy.after is not After.KEEP:
            for page in self._pages(status):
                decided = [(file, self._decide(status, file)) for file in page]
                due = [file for file, decision in decided if isinstance(decision, Action)]
                stays.update(decision for _, decision in decided if isinstance(decision, Why))
                for file, decision in decided:
                    if isinstance(decision, Why):
                        continue
                    why = self._remover.carry_out(status, file, decision, due)
                    stays.update(() if why is None else (why,))
                    yield
                    if status.paused_until > self._now:
                        return
                yield
        status.stays = stays

    def _decide(self, status: RetentionStatus, file: Local) -> Action | Why:
        return retention.decide(
            file,
            status.policy,
            now=self._now,
            counts_from=self._clock.counts_from,
            doubts_clock=self._clock.doubt is not None,
        )

    def _make_room(self, status: RetentionStatus) -> Iterator[None]:
        """Free the space that `min_free` asks for, and no more.

        Query the disk once: some file systems report freed space only after a while.
        """
        if status.policy.min_free == MinFree():
            return
        disk = status.disk = self._files.disk_of(status.root.path)
        status.short = short = 0 if disk is None else retention.shortage(status.policy, disk)
        if not short:
            return
        archive = status.policy.archive
        frees = archive is None or self._files.is_on_other_disk(status.root.path, archive)
        device = self._files.device_of(status.root.path)
        status.stays -= Counter({Why.LINKED: status.stays[Why.LINKED], Why.EMPTY: status.stays[Why.EMPTY]})
        for page in self._pages(status):
            rooms = {file.id: self._files.room_of(file.root, file.path) for file in page}
            takes = {file_id: room for file_id, room in rooms.items() if room is not None and room.device == device}
            files = {file.id: file for file in page if file.id in takes}
            status.stays.update(why for room in takes.values() if (why := room.why_none_is_freed) is not None)
            # If a file could not be removed, take the next one of the page instead.
            while actions := retention.make_room(
                files.values(), status.policy, now=self._now, short_bytes=short, frees=frees, rooms=takes
            ):
                due = [files[action.file_id] for action in actions]
                for action in actions:
                    file = files.pop(action.file_id)
                    if self._remover.carry_out(status, file, action, due) is None:
                        short -= takes[action.file_id].bytes
                    yield
                    if status.paused_until > self._now:
                        return
            status.short = short = max(0, short)
            if not short:
                return
            yield

    def _pages(self, status: RetentionStatus) -> Iterator[list[Local]]:
        after = (float("-inf"), 0)
        while page := self._removals.page(status.root.id, after=after, limit=PAGE):
            yield [file for file in page if not self._remover.is_skipped(file)]
            after = (page[-1].since_at, page[-1].id)

    def _resume(self, written: StoredAction) -> Iterator[None]:
        """Finish an action that was begun, or take it back if it is no longer wanted."""
        status = next((one for one in self._folders if one.root.path == written.action.root), None)
        if status is not None and min(status.paused_until, self._now + TROUBLE_S) > self._now:
            return
        if self._remover.resume(status, written):
            yield
