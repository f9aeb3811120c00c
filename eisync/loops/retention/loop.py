"""Make room on small disks: what the service has for certain is deleted here or archived, where that is asked for.

A pass first goes on with what a crash interrupted, then empties old trash, takes away what `after_upload` says, and
frees what `min_free` wants. One tick is one file or one look at a page of them; between two passes lies a minute or
more.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from eisync.core import retention
from eisync.core.actions import Action, ActionKind, StoredAction
from eisync.core.clock_step import JUMP_S, ClockStepDetector
from eisync.core.lifecycle import RemovalState
from eisync.core.model import shown
from eisync.core.policy import After, MinFree
from eisync.core.retention import Disk, Local, Removal, Room, Whereabout, Why
from eisync.errors import (
    FileAwayError,
    FileChangedError,
    FileError,
    FileUnreadableError,
    FolderError,
)
from eisync.loops.actions.identity_check import IdentityCheck
from eisync.loops.clock_monitor import RIGHT, Times
from eisync.loops.lineage import Lineages, Trusting
from eisync.loops.ports import Log
from eisync.loops.retention.status import TROUBLE_S, Archives, RetentionStatus, report_of

REST_S = 60.0
TRASH_S = 3600.0
PAGE = 200
SHARE = 0.01
"""A pass takes no more than this share of a core, over time."""


class Records(Protocol):
    """What the index knows of the files."""

    def page(self, root_id: int, *, after: tuple[float, int] = ..., limit: int) -> list[Local]: ...
    def one(self, file_id: int) -> Local | None: ...
    def device(self, root_id: int) -> int | None: ...
    def why_not_listed(self, target: str) -> str | None: ...
    def under_way(self) -> list[StoredAction]: ...
    def last_put(self, folder: str) -> float | None: ...


class Intents(Protocol):
    """What is written down before it is done."""

    def begin(self, file: Local, action: Action, *, lies_at: str | None = None, now: float) -> StoredAction | None: ...
    def release(self, written: StoredAction) -> None: ...
    def doubt(self, file_id: int) -> None: ...


class Outcomes(Protocol):
    """What is written down of an action that was begun."""

    def put_off(self, action_id: int, reason: str) -> None: ...
    def finish(self, target: str, written: StoredAction, outcome: str, *, now: float) -> None: ...


class Hands(Protocol):
    """Takes files away. Raises FileError for one that stays, FolderError where the disk does not let us."""

    def where(self, removal: Removal) -> Whereabout: ...
    def delete(self, removal: Removal) -> None: ...
    def archive(self, removal: Removal) -> None: ...
    def give_back(self, removal: Removal) -> None: ...
    def is_archived(self, removal: Removal) -> bool: ...
    def free_name(self, archive: str, path: str) -> str: ...


class Disks(Protocol):
    """Looks at disks."""

    def disk_of(self, root: str) -> Disk | None: ...
    def is_on_other_disk(self, root: str, archive: str) -> bool: ...
    def device_of(self, root: str, path: str = "") -> int | None: ...
    def empty_trash(self, root: str, *, before_day: str, is_old: Callable[[str, float], bool]) -> int: ...
    def room_of(self, root: str, path: str) -> Room | None: ...


class RetentionLoop:
    """The retention. A pass that fails has taken away nothing that was not written down before."""

    name = "retention"

    def __init__(
        self,
        folders: Sequence[RetentionStatus],
        *,
        records: Records,
        intents: Intents,
        outcomes: Outcomes,
        hands: Hands,
        disks: Disks,
        identity_check: IdentityCheck,
        log: Log,
        monotonic: Callable[[], float],
        spent_s: Callable[[], float] = lambda: 0.0,
        times: Times = RIGHT,
        lineages: Lineages | None = None,
        archives: Archives | None = None,
    ) -> None:
        """`spent_s` is what the thread has taken of a core so far. `times`: whether the clock can be trusted. Without
        `archives` nobody asks which one it is."""
        self._times = times
        self._archives = archives
        self._lineages = lineages or Trusting()
        self._folders = folders
        self._records = records
        self._intents = intents
        self._outcomes = outcomes
        self._hands = hands
        self._disks = disks
        self._identity_check = identity_check
        self._log = log
        self._monotonic = monotonic
        self._spent_s = spent_s
        self._pass: Iterator[None] | None = None
        self._due_at = 0.0
        self._pass_spent_s = 0.0
        self._now = 0.0
        self._clock_step = ClockStepDetector()
        self._counts_from = 0.0
        self._doubt: str | None = None
        self._left: dict[int, float] = {}  # files that could not be taken away, and until when they are left alone
        self._is_stopping = False

    def tick(self, now: float) -> float:
        """Begin a pass when one is due; one step of it."""
        if self._is_stopping:
            return REST_S
        self._heed_the_clock(now)
        self._due_at = min(self._due_at, now + self._rest_s)  # the clock may have been set back
        if self._pass is None:
            if now < self._due_at:
                return self._due_at - now
            self._pass, self._pass_spent_s = self._begin(), 0.0
        began_at = self._spent_s()
        steps, self._pass = self._pass, None  # one that fails is not gone on with
        is_done = next(steps, steps) is steps
        self._pass_spent_s += max(0.0, self._spent_s() - began_at)
        if is_done:
            self._due_at = now + self._rest_s
            return self._rest_s
        self._pass = steps
        return 0.0

    def stop(self, now: float) -> None:
        """Begin nothing new; every step was whole."""
        self._is_stopping = True

    @property
    def is_done(self) -> bool:
        """Always: what was begun is written down, and gone on with by the next start."""
        return True

    def pass_now(self) -> None:
        """Begin a pass with the next tick."""
        self._due_at = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether no pass is under way or due at once."""
        return self._pass is None and self._due_at > 0.0

    def report(self) -> list[dict[str, object]]:
        """How every folder fares, as plain values. Safe to ask from any thread."""
        return [
            report_of(retention_status)
            for retention_status in self._folders
            if retention_status.policy.removes or retention_status.trouble
        ]

    @property
    def _rest_s(self) -> float:
        return max(REST_S, self._pass_spent_s / SHARE)

    def _heed_the_clock(self, now: float) -> None:
        """Where the clock was set forward, no time before that counts: nobody knows how long it was."""
        if self._clock_step.step_s(now, self._monotonic()) > JUMP_S:
            self._counts_from = now
            for retention_status in self._folders:
                retention_status.trash_due_at = now + 24 * 3600.0
        self._now = now
        self._doubt = self._times.why_doubt()
        self._counts_from = max(self._counts_from, self._times.setting().counts_from)

    # --- a pass ------------------------------------------------------------------------------------------------

    def _begin(self) -> Iterator[None]:
        self._left = {file_id: until for file_id, until in self._left.items() if until > self._now}
        for written in self._records.under_way():
            yield from self._go_on_with(written)
        for retention_status in self._folders:
            # The clock may have been set back.
            retention_status.rests_until = min(retention_status.rests_until, self._now + TROUBLE_S)
            if retention_status.rests_until > self._now:
                continue
            retention_status.trouble = None
            yield from self._empty_trash(retention_status)
            if not retention_status.policy.removes or not self._is_home(retention_status):
                continue
            retention_status.why_unlisted = self._records.why_not_listed(retention_status.root.target)
            yield from self._take_away(retention_status)
            yield from self._make_room(retention_status)

    def _is_home(self, retention_status: RetentionStatus) -> bool:
        """Whether the folder is on the disk that it was on: nothing is concluded from what is on another."""
        known = self._records.device(retention_status.root.id)
        if known is None:
            return False  # the watcher has not looked yet
        if self._disks.device_of(retention_status.root.path) == known:
            return True
        retention_status.trouble = (
            "the folder is missing or on a different disk than before; eisync removes nothing from it"
        )
        return False

    def _empty_trash(self, retention_status: RetentionStatus) -> Iterator[None]:
        retention_status.trash_due_at = min(retention_status.trash_due_at, self._now + 24 * 3600.0)
        if (
            not retention_status.policy.trash_days
            or self._now < retention_status.trash_due_at
            or self._doubt is not None
        ):
            return
        retention_status.trash_due_at = self._now + TRASH_S
        before_day = retention.oldest_day(self._now, retention_status.policy.trash_days)

        def is_old(folder: str, newest_at: float) -> bool:
            made_at, setting = self._records.last_put(folder), self._times.setting_of_days()
            return retention.is_trash_old(
                made_at, newest_at, retention_status.policy.trash_days, setting=setting, now=self._now
            )

        try:
            days = self._disks.empty_trash(retention_status.root.path, before_day=before_day, is_old=is_old)
        except FolderError as error:
            retention_status.rest(str(error), self._now)
            return
        if days:
            self._log.info("trash.emptied", root=shown(retention_status.root.path), days=days, before=before_day)
        yield

    def _take_away(self, retention_status: RetentionStatus) -> Iterator[None]:
        """What `after_upload` says, of all that is known of the folder."""
        stays: Counter[Why] = Counter()
        if retention_status.policy.after is not After.KEEP:
            for page in self._pages(retention_status):
                decided = [(file, self._decide(retention_status, file)) for file in page]
                due = [file for file, decision in decided if isinstance(decision, Action)]
                stays.update(decision for _, decision in decided if isinstance(decision, Why))
                for file, decision in decided:
                    if isinstance(decision, Why):
                        continue
                    why = self._carry_out(retention_status, file, decision, due)
                    stays.update(() if why is None else (why,))
                    yield
                    if retention_status.rests_until > self._now:
                        return
                yield
        retention_status.stays = stays

    def _decide(self, retention_status: RetentionStatus, file: Local) -> Action | Why:
        return retention.decide(
            file,
            retention_status.policy,
            now=self._now,
            counts_from=self._counts_from,
            doubts_clock=self._doubt is not None,
        )

    def _make_room(self, retention_status: RetentionStatus) -> Iterator[None]:
        """What `min_free` wants, and no more. The disk is asked once: some take their time to say what was freed."""
        if retention_status.policy.min_free == MinFree():
            return
        disk = retention_status.disk = self._disks.disk_of(retention_status.root.path)
        retention_status.short = short = 0 if disk is None else retention.shortage(retention_status.policy, disk)
        if not short:
            return
        archive = retention_status.policy.archive
        frees = archive is None or self._disks.is_on_other_disk(retention_status.root.path, archive)
        device = self._disks.device_of(retention_status.root.path)
        retention_status.stays -= Counter(
            {Why.LINKED: retention_status.stays[Why.LINKED], Why.EMPTY: retention_status.stays[Why.EMPTY]}
        )
        for page in self._pages(retention_status):
            rooms = {file.id: self._disks.room_of(file.root, file.path) for file in page}
            takes = {file_id: room for file_id, room in rooms.items() if room is not None and room.device == device}
            files = {file.id: file for file in page if file.id in takes}
            retention_status.stays.update(why for room in takes.values() if (why := room.why_none_is_freed) is not None)
            # Where one could not be taken away, the next one of the page is.
            while actions := retention.make_room(
                files.values(), retention_status.policy, now=self._now, short_bytes=short, frees=frees, rooms=takes
            ):
                due = [files[action.file_id] for action in actions]
                for action in actions:
                    file = files.pop(action.file_id)
                    if self._carry_out(retention_status, file, action, due) is None:
                        short -= takes[action.file_id].bytes
                    yield
                    if retention_status.rests_until > self._now:
                        return
            retention_status.short = short = max(0, short)
            if not short:
                return
            yield

    def _pages(self, retention_status: RetentionStatus) -> Iterator[list[Local]]:
        after = (float("-inf"), 0)
        while page := self._records.page(retention_status.root.id, after=after, limit=PAGE):
            yield [file for file in page if self._left.get(file.id, 0.0) <= self._now]
            after = (page[-1].since_at, page[-1].id)

    # --- an action ------------------------------------------------------------------------------------------------

    def _carry_out(
        self, retention_status: RetentionStatus, file: Local, action: Action, due: Sequence[Local]
    ) -> Why | None:
        """Write the action down and do it, if it is still right; `due` are those that follow. None: the file is
        away."""
        why = self._why_not_now(retention_status, file, due)
        if why is not None:
            return why
        to = None
        try:
            if action.kind is ActionKind.ARCHIVE_FILE:
                assert retention_status.policy.archive is not None
                to = self._hands.free_name(retention_status.policy.archive, file.path)
                self._marker_of(retention_status.policy.archive)
        except FolderError as error:
            retention_status.rest(str(error), self._now)
            return Why.TROUBLED
        kept = self._lineages.why_kept(file.root_id, file.path)
        if kept is not None:
            retention_status.rest(kept, self._now)
            return Why.TROUBLED
        written = self._intents.begin(file, action, lies_at=to, now=self._now)
        is_away = written is not None and self._do(retention_status, file, written, is_new=True)
        return None if is_away else Why.TROUBLED

    def _why_not_now(self, retention_status: RetentionStatus, file: Local, due: Sequence[Local] = ()) -> Why | None:
        """What the index, and the service itself, say against it at the last moment."""
        now_known = self._records.one(file.id)
        why = Why.TROUBLED if now_known is None else retention.why_unconfirmed(now_known)
        if why is None and now_known is not None:
            why = self._identity_check.why_unproven(now_known, due)
            if self._identity_check.trouble is not None:
                retention_status.rest(f"{Why.UNASKED.value} ({self._identity_check.trouble})", self._now)
            elif why is not None:
                self._left[file.id] = self._now + 6 * TROUBLE_S
        return why

    def _marker_of(self, archive: str) -> str | None:
        """Raises FolderError when the archive is not the one that it was."""
        return None if self._archives is None else self._archives.marker(archive)

    def _do(self, retention_status: RetentionStatus, file: Local, written: StoredAction, *, is_new: bool) -> bool:
        removal, archive = retention.removal_of(written, file), retention_status.policy.archive
        try:
            if archive is not None and self._archives is not None:
                removal = replace(removal, archive=archive, marker=self._marker_of(archive))
            if removal.to is None:
                self._hands.delete(removal)
            else:
                self._hands.archive(removal)
        except (FileError, FolderError) as error:
            self._log.warning("file.stayed", path=shown(file.path), reason=str(error))
            self._leave(retention_status, written, error, is_new=is_new)
            return False
        retention_status.files += 1
        retention_status.bytes += file.facts.size
        self._finish(written, file)
        return True

    def _leave(
        self, retention_status: RetentionStatus, written: StoredAction, error: FileError | FolderError, *, is_new: bool
    ) -> None:
        """The action could not be done. Where the file may wait under its other name, it stays begun."""
        may_wait = isinstance(error, FolderError | FileAwayError)
        if may_wait or (isinstance(error, FileUnreadableError) and not is_new):
            self._outcomes.put_off(written.id, str(error))
            retention_status.rest(str(error), self._now)
        else:
            self._intents.release(written)
            if isinstance(error, FileChangedError):
                self._intents.doubt(
                    written.action.file_id
                )  # what is here may be nowhere else: it goes as a new version
        # Longer than the folder rests: the next one has its turn first.
        self._left[written.action.file_id] = self._now + 6 * TROUBLE_S

    def _finish(self, written: StoredAction, file: Local, outcome: str | None = None) -> None:
        to = written.lies_at
        outcome = outcome or ("deleted here" if to is None else f"moved to {shown(to)}")
        self._outcomes.finish(file.target, written, outcome, now=self._now)
        event = "file.deleted" if to is None else "file.archived"
        self._log.info(event, path=shown(file.path), reason=written.action.reason, size=file.facts.size)

    def _go_on_with(self, written: StoredAction) -> Iterator[None]:
        """Finish what was begun, or take it back. It is undone where nobody wants it any more."""
        retention_status = next((one for one in self._folders if one.root.path == written.action.root), None)
        if retention_status is not None and min(retention_status.rests_until, self._now + TROUBLE_S) > self._now:
            return
        file = self._records.one(written.action.file_id)
        if file is None:
            self._intents.release(written)
            return
        try:
            self._settle(retention_status, file, written)
        except (FileError, FolderError) as error:
            self._outcomes.put_off(written.id, str(error))
            if retention_status is not None:
                retention_status.rest(str(error), self._now)
        yield

    def _is_proven(self, file: Local) -> bool:
        """It was when the action was begun; how long ago that is, nobody knows."""
        return self._identity_check.why_unproven(file) is None

    def _settle(self, retention_status: RetentionStatus | None, file: Local, written: StoredAction) -> None:
        if retention_status is not None and not self._is_home(retention_status):
            return
        removal = retention.removal_of(written, file)
        whereabout = self._hands.where(removal)
        is_marked = file.removal is not RemovalState.NONE
        if whereabout is Whereabout.TAKEN:
            is_wanted = retention_status is not None and retention.is_wanted(removal, retention_status.policy)
            if retention_status is not None and is_wanted and is_marked and self._is_proven(file):
                self._do(retention_status, file, written, is_new=False)
                return
            self._hands.give_back(removal)
        elif whereabout is Whereabout.NOWHERE and is_marked:
            is_where_it_should = removal.to is None or self._hands.is_archived(removal)
            self._finish(written, file, None if is_where_it_should else "already gone after a restart")
            return
        # Nothing was done yet: whether it is still to be done is decided anew.
        self._intents.release(written)
