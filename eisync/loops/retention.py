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
from eisync.core.acts import Act, Kind, Written
from eisync.core.items import shown
from eisync.core.retention import Disk, Local, Removal, Room, Whereabout, Why
from eisync.errors import (
    FileAwayError,
    FileChangedError,
    FileError,
    FileUnreadableError,
    FolderError,
)
from eisync.loops.archives import Archives
from eisync.loops.keeping import TROUBLE_S, Keeping, report_of
from eisync.loops.lineage import Lineages, Trusting
from eisync.loops.ports import Log
from eisync.loops.proving import Prover
from eisync.loops.timekeeping import RIGHT, Times

REST_S = 60.0
TRASH_S = 3600.0
PAGE = 200
SHARE = 0.01
"""A pass takes no more than this share of a core, over time."""
CLOCK_JUMP_S = 120.0


class Records(Protocol):
    """What the index knows of the files."""

    def page(self, root_id: int, *, after: tuple[float, int] = ..., limit: int) -> list[Local]: ...
    def one(self, file_id: int) -> Local | None: ...
    def device(self, root_id: int) -> int | None: ...
    def why_not_listed(self, target: str) -> str | None: ...
    def under_way(self) -> list[Written]: ...
    def last_put(self, folder: str) -> float | None: ...


class Intents(Protocol):
    """What is written down before it is done."""

    def begin(self, file: Local, act: Act, *, lies_at: str | None = None, now: float) -> Written | None: ...
    def release(self, written: Written) -> None: ...
    def doubt(self, file_id: int) -> None: ...


class Outcomes(Protocol):
    """What is written down of an act that was begun."""

    def put_off(self, act_id: int, reason: str) -> None: ...
    def finish(self, target: str, written: Written, outcome: str, *, now: float) -> None: ...


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
        folders: Sequence[Keeping],
        *,
        records: Records,
        intents: Intents,
        outcomes: Outcomes,
        hands: Hands,
        disks: Disks,
        prover: Prover,
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
        self._prover = prover
        self._log = log
        self._monotonic = monotonic
        self._spent_s = spent_s
        self._pass: Iterator[None] | None = None
        self._due_at = 0.0
        self._pass_spent_s = 0.0
        self._now = 0.0
        self._ahead_s: float | None = None  # how far the clock was ahead of the monotonic one
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
        return [report_of(keeping) for keeping in self._folders if keeping.policy.removes or keeping.trouble]

    @property
    def _rest_s(self) -> float:
        return max(REST_S, self._pass_spent_s / SHARE)

    def _heed_the_clock(self, now: float) -> None:
        """Where the clock was set forward, no time before that counts: nobody knows how long it was."""
        ahead_s = now - self._monotonic()
        if self._ahead_s is not None and ahead_s - self._ahead_s > CLOCK_JUMP_S:
            self._counts_from = now
            for keeping in self._folders:
                keeping.trash_due_at = now + 24 * 3600.0
        self._ahead_s = ahead_s
        self._now = now
        self._doubt = self._times.why_doubt()
        self._counts_from = max(self._counts_from, self._times.setting().counts_from)

    # --- a pass ------------------------------------------------------------------------------------------------

    def _begin(self) -> Iterator[None]:
        self._left = {file_id: until for file_id, until in self._left.items() if until > self._now}
        for written in self._records.under_way():
            yield from self._go_on_with(written)
        for keeping in self._folders:
            # The clock may have been set back.
            keeping.rests_until = min(keeping.rests_until, self._now + TROUBLE_S)
            if keeping.rests_until > self._now:
                continue
            keeping.trouble = None
            yield from self._empty_trash(keeping)
            if not keeping.policy.removes or not self._is_home(keeping):
                continue
            keeping.why_unlisted = self._records.why_not_listed(keeping.root.target)
            yield from self._take_away(keeping)
            yield from self._make_room(keeping)

    def _is_home(self, keeping: Keeping) -> bool:
        """Whether the folder is on the disk that it was on: nothing is concluded from what is on another."""
        known = self._records.device(keeping.root.id)
        if known is None:
            return False  # the watcher has not looked yet
        if self._disks.device_of(keeping.root.path) == known:
            return True
        keeping.trouble = "the folder is missing or on a different disk than before; eisync removes nothing from it"
        return False

    def _empty_trash(self, keeping: Keeping) -> Iterator[None]:
        keeping.trash_due_at = min(keeping.trash_due_at, self._now + 24 * 3600.0)
        if not keeping.policy.trash_days or self._now < keeping.trash_due_at or self._doubt is not None:
            return
        keeping.trash_due_at = self._now + TRASH_S
        before_day = retention.oldest_day(self._now, keeping.policy.trash_days)

        def is_old(folder: str, newest_at: float) -> bool:
            made_at, setting = self._records.last_put(folder), self._times.setting_of_days()
            return retention.is_trash_old(made_at, newest_at, keeping.policy.trash_days, setting=setting, now=self._now)

        try:
            days = self._disks.empty_trash(keeping.root.path, before_day=before_day, is_old=is_old)
        except FolderError as error:
            keeping.rest(str(error), self._now)
            return
        if days:
            self._log.info("trash.emptied", root=shown(keeping.root.path), days=days, before=before_day)
        yield

    def _take_away(self, keeping: Keeping) -> Iterator[None]:
        """What `after_upload` says, of all that is known of the folder."""
        stays: Counter[Why] = Counter()
        if keeping.policy.after is not retention.After.KEEP:
            for page in self._pages(keeping):
                decided = [(file, self._decide(keeping, file)) for file in page]
                due = [file for file, decision in decided if isinstance(decision, Act)]
                stays.update(decision for _, decision in decided if isinstance(decision, Why))
                for file, decision in decided:
                    if isinstance(decision, Why):
                        continue
                    why = self._carry_out(keeping, file, decision, due)
                    stays.update(() if why is None else (why,))
                    yield
                    if keeping.rests_until > self._now:
                        return
                yield
        keeping.stays = stays

    def _decide(self, keeping: Keeping, file: Local) -> Act | Why:
        return retention.decide(
            file,
            keeping.policy,
            now=self._now,
            counts_from=self._counts_from,
            doubts_clock=self._doubt is not None,
        )

    def _make_room(self, keeping: Keeping) -> Iterator[None]:
        """What `min_free` wants, and no more. The disk is asked once: some take their time to say what was freed."""
        if keeping.policy.min_free == retention.MinFree():
            return
        disk = keeping.disk = self._disks.disk_of(keeping.root.path)
        keeping.short = short = 0 if disk is None else retention.shortage(keeping.policy, disk)
        if not short:
            return
        archive = keeping.policy.archive
        frees = archive is None or self._disks.is_on_other_disk(keeping.root.path, archive)
        device = self._disks.device_of(keeping.root.path)
        keeping.stays -= Counter({Why.LINKED: keeping.stays[Why.LINKED], Why.EMPTY: keeping.stays[Why.EMPTY]})
        for page in self._pages(keeping):
            rooms = {file.id: self._disks.room_of(file.root, file.path) for file in page}
            takes = {file_id: room for file_id, room in rooms.items() if room is not None and room.device == device}
            files = {file.id: file for file in page if file.id in takes}
            keeping.stays.update(why for room in takes.values() if (why := room.why_none_is_freed) is not None)
            # Where one could not be taken away, the next one of the page is.
            while acts := retention.make_room(
                files.values(), keeping.policy, now=self._now, short_bytes=short, frees=frees, rooms=takes
            ):
                due = [files[act.file_id] for act in acts]
                for act in acts:
                    file = files.pop(act.file_id)
                    if self._carry_out(keeping, file, act, due) is None:
                        short -= takes[act.file_id].bytes
                    yield
                    if keeping.rests_until > self._now:
                        return
            keeping.short = short = max(0, short)
            if not short:
                return
            yield

    def _pages(self, keeping: Keeping) -> Iterator[list[Local]]:
        after = (float("-inf"), 0)
        while page := self._records.page(keeping.root.id, after=after, limit=PAGE):
            yield [file for file in page if self._left.get(file.id, 0.0) <= self._now]
            after = (page[-1].since_at, page[-1].id)

    # --- an act ------------------------------------------------------------------------------------------------

    def _carry_out(self, keeping: Keeping, file: Local, act: Act, due: Sequence[Local]) -> Why | None:
        """Write the act down and do it, if it is still right; `due` are those that follow. None: the file is away."""
        why = self._why_not_now(keeping, file, due)
        if why is not None:
            return why
        to = None
        try:
            if act.kind is Kind.ARCHIVE_FILE:
                assert keeping.policy.archive is not None
                to = self._hands.free_name(keeping.policy.archive, file.path)
                self._marker_of(keeping.policy.archive)
        except FolderError as error:
            keeping.rest(str(error), self._now)
            return Why.TROUBLED
        kept = self._lineages.why_kept(file.root_id, file.path)
        if kept is not None:
            keeping.rest(kept, self._now)
            return Why.TROUBLED
        written = self._intents.begin(file, act, lies_at=to, now=self._now)
        is_away = written is not None and self._do(keeping, file, written, is_new=True)
        return None if is_away else Why.TROUBLED

    def _why_not_now(self, keeping: Keeping, file: Local, due: Sequence[Local] = ()) -> Why | None:
        """What the index, and the service itself, say against it at the last moment."""
        now_known = self._records.one(file.id)
        why = Why.TROUBLED if now_known is None else retention.why_unconfirmed(now_known)
        if why is None and now_known is not None:
            why = self._prover.why_unproven(now_known, due)
            if self._prover.trouble is not None:
                keeping.rest(f"{Why.UNASKED.value} ({self._prover.trouble})", self._now)
            elif why is not None:
                self._left[file.id] = self._now + 6 * TROUBLE_S
        return why

    def _marker_of(self, archive: str) -> str | None:
        """Raises FolderError when the archive is not the one that it was."""
        return None if self._archives is None else self._archives.marker(archive)

    def _do(self, keeping: Keeping, file: Local, written: Written, *, is_new: bool) -> bool:
        removal, archive = retention.removal_of(written, file), keeping.policy.archive
        try:
            if archive is not None and self._archives is not None:
                removal = replace(removal, archive=archive, marker=self._marker_of(archive))
            if removal.to is None:
                self._hands.delete(removal)
            else:
                self._hands.archive(removal)
        except (FileError, FolderError) as error:
            self._log.warning("file.stayed", path=shown(file.path), reason=str(error))
            self._leave(keeping, written, error, is_new=is_new)
            return False
        keeping.files += 1
        keeping.bytes += file.facts.size
        self._finish(written, file)
        return True

    def _leave(self, keeping: Keeping, written: Written, error: FileError | FolderError, *, is_new: bool) -> None:
        """The act could not be done. Where the file may wait under its other name, it stays begun."""
        may_wait = isinstance(error, FolderError | FileAwayError)
        if may_wait or (isinstance(error, FileUnreadableError) and not is_new):
            self._outcomes.put_off(written.id, str(error))
            keeping.rest(str(error), self._now)
        else:
            self._intents.release(written)
            if isinstance(error, FileChangedError):
                self._intents.doubt(written.act.file_id)  # what is here may be nowhere else: it goes as a new version
        # Longer than the folder rests: the next one has its turn first.
        self._left[written.act.file_id] = self._now + 6 * TROUBLE_S

    def _finish(self, written: Written, file: Local, outcome: str | None = None) -> None:
        to = written.lies_at
        outcome = outcome or ("deleted here" if to is None else f"moved to {shown(to)}")
        self._outcomes.finish(file.target, written, outcome, now=self._now)
        event = "file.deleted" if to is None else "file.archived"
        self._log.info(event, path=shown(file.path), reason=written.act.reason, size=file.facts.size)

    def _go_on_with(self, written: Written) -> Iterator[None]:
        """Finish what was begun, or take it back. It is undone where nobody wants it any more."""
        keeping = next((one for one in self._folders if one.root.path == written.act.root), None)
        if keeping is not None and min(keeping.rests_until, self._now + TROUBLE_S) > self._now:
            return
        file = self._records.one(written.act.file_id)
        if file is None:
            self._intents.release(written)
            return
        try:
            self._settle(keeping, file, written)
        except (FileError, FolderError) as error:
            self._outcomes.put_off(written.id, str(error))
            if keeping is not None:
                keeping.rest(str(error), self._now)
        yield

    def _is_proven(self, file: Local) -> bool:
        """It was when the act was begun; how long ago that is, nobody knows."""
        return self._prover.why_unproven(file) is None

    def _settle(self, keeping: Keeping | None, file: Local, written: Written) -> None:
        if keeping is not None and not self._is_home(keeping):
            return
        removal = retention.removal_of(written, file)
        whereabout = self._hands.where(removal)
        is_marked = file.removal is not None
        if whereabout is Whereabout.TAKEN:
            is_wanted = keeping is not None and retention.is_wanted(removal, keeping.policy)
            if keeping is not None and is_wanted and is_marked and self._is_proven(file):
                self._do(keeping, file, written, is_new=False)
                return
            self._hands.give_back(removal)
        elif whereabout is Whereabout.NOWHERE and is_marked:
            is_where_it_should = removal.to is None or self._hands.is_archived(removal)
            self._finish(written, file, None if is_where_it_should else "already gone after a restart")
            return
        # Nothing was done yet: whether it is still to be done is decided anew.
        self._intents.release(written)
