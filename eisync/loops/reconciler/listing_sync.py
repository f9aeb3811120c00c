"""Poll what the service lists: often what is new, seldom everything.

Both are generators, a step for each question to the service, so that many targets take turns and a stop is noticed. No
more than a page is in memory. A poll that fails changes nothing but what its pages plainly said. A sweep that the
network breaks off goes on from where it was, also in the next process. One that is not believed is dropped.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from eisync.core import listing
from eisync.core.listing import LastPoll, PollResult, Slice, SweepProgress
from eisync.core.model import LARGEST_ID, Missing, RemoteSample
from eisync.errors import EisyncError, TransitError
from eisync.loops.ports import Log, ProjectService
from eisync.loops.reconciler.context import PassReport
from eisync.loops.reconciler.listing_pages import Stretch, listing_pages
from eisync.store.mirror import Mirrored

PAST_EVERY_ID = LARGEST_ID  # nothing that is listed has it
_ID = attrgetter("id")
MOST_UNREAD_TOLD = 3  # of a page
SLICE = 2000
"""So many samples of the index are compared at a time, however many of them a page should have listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingSync:
    """One target's listing, and where it is mirrored."""

    target: str
    studio: ProjectService
    page_size: int
    sweep_interval_s: float
    mirrored: "Mirrored | DryRun"
    check_project: Callable[[], None]
    clock: Callable[[], float]
    log: Log

    def poll(self, report: PassReport, *, sweeps: bool) -> Generator[None, None, list[Missing]]:
        """List what is new and, where that is due or `sweeps` asks for it, everything.

        Returns the samples of ours that a complete sweep did not list.
        """
        remembered = self.mirrored.remembered(self.target)
        under_way = self._under_way()
        modified_at = self.studio.modified_at()
        yield
        if remembered is None or under_way is not None or sweeps:
            report.why = (
                "the last listing was interrupted"
                if under_way
                else ("this is the first listing")
                if remembered is None
                else "asked for"
            )
            return (yield from self._sweep(report, under_way, modified_at))
        poll, newest_id = yield from self._list_new(remembered, modified_at, report)
        now = self.clock()
        why = report.why = listing.why_sweep(remembered, poll, now=now, every_s=self.sweep_interval_s)
        if why is not None:
            return (yield from self._sweep(report, None, modified_at))
        is_current = listing.why_changed(remembered, poll) is None
        if poll.unlisted:
            return []  # it is found again by the next poll, until a sweep may run
        # What is not explained yet stays as it was remembered, so that it still asks for a sweep when one may run.
        self.mirrored.note_poll(
            self.target,
            newest_id=newest_id,
            samples=remembered.samples + poll.new,
            modified_at=modified_at if is_current else remembered.modified_at,
            is_current=is_current,
            now=now,
        )
        return []

    def _under_way(self) -> SweepProgress | None:
        progress = self.mirrored.sweep_under_way(self.target)
        if progress is not None and not listing.may_resume(progress, now=self.clock()):
            self.mirrored.drop_sweep(self.target)
            return None
        return progress

    def _list_new(
        self, remembered: LastPoll, modified_at: float | None, report: PassReport
    ) -> Generator[None, None, tuple[PollResult, int]]:
        """The samples with a higher id than any that was listed before."""
        began_at = self.clock()
        first_id, newest_id, new = remembered.newest_id + 1, remembered.newest_id, 0
        newest_added_at: float | None = None
        samples: int | None = None
        pages = listing_pages(self.studio, self.page_size, from_id=first_id)
        if modified_at is None:
            # It must be counted in any case, and one question tells both: the newest sample, and how many there are.
            newest = self.studio.page(limit=1)
            if not newest.unread and all(one.id < first_id for one in newest.samples):
                samples, pages = newest.total, iter([_NOTHING])
            yield
        high = PAST_EVERY_ID
        for page in pages:
            low = first_id if page.is_last else min(page.ids)
            self._compare(page, low, high, began_at, report)
            if page.ids and new == 0:
                newest_id, newest_added_at = max(page.ids), page.newest_added_at
            high, new = low, new + len(page.ids)
            del page
            yield
        if samples is None and listing.must_count(remembered, modified_at=modified_at, new=new):
            samples = self.studio.count()
            yield
        self.check_project()
        poll = PollResult(
            modified_at=modified_at,
            new=new,
            newest_added_at=newest_added_at,
            samples=samples,
            unlisted=report.unlisted,
        )
        return poll, newest_id

    def _sweep(
        self, report: PassReport, progress: SweepProgress | None, modified_at: float | None
    ) -> Generator[None, None, list[Missing]]:
        report.swept = True
        self.log.info("sweep.began", target=self.target, why=report.why, listed=progress.listed if progress else 0)
        progress = progress or self.mirrored.begin_sweep(self.target, modified_at=modified_at, now=self.clock())
        try:
            turn_at = self.clock()
            for page in self._rest(progress):
                progress = self._take(page, progress, turn_at, report)
                del page
                yield
                turn_at = self.clock()
            last_total = self.studio.count()
            self.check_project()
            _believe(progress, last_total, now=self.clock())
        except TransitError:
            raise  # it goes on from here
        except EisyncError:
            self.mirrored.drop_sweep(self.target)
            raise
        missing = self.mirrored.finish_sweep(self.target, progress, now=self.clock())
        self.log.info("sweep.completed", target=self.target, samples=progress.listed)
        return missing

    def _rest(self, progress: SweepProgress) -> Iterator[Stretch]:
        if progress.before_id == 0:
            return iter(())  # only its end was not written down
        before_id, listed, total = progress.before_id, progress.listed, progress.first_total
        return listing_pages(self.studio, self.page_size, before_id=before_id, listed=listed, total=total)

    def _take(self, page: Stretch, progress: SweepProgress, turn_at: float, report: PassReport) -> SweepProgress:
        """Compare one page of a sweep, and everything between it and the page before. Returns how far that comes."""
        self.check_project()
        high = PAST_EVERY_ID if progress.before_id is None else progress.before_id
        low = 0 if page.is_last else min(page.ids)
        after = replace(
            progress,
            first_total=page.total if progress.first_total is None else progress.first_total,
            newest_id=max(progress.newest_id, *page.ids) if page.ids else progress.newest_id,
            before_id=low,
            listed=progress.listed + page.count,
            spent_s=progress.spent_s + max(0.0, self.clock() - turn_at),
        )
        self._compare(page, low, high, progress.began_at, report, after)
        return after

    def _compare(
        self,
        page: Stretch,
        low: int,
        high: int,
        began_at: float,
        report: PassReport,
        progress: SweepProgress | None = None,
    ) -> None:
        """Bring the index in line with what is listed of low <= id < high; a bounded slice of it at a time.

        Nothing is concluded of samples that are there and cannot be read.
        """
        self._tell_unread(page, report)
        listed, unread_ids = page.samples, page.unread_ids
        generation = None if progress is None else progress.generation
        left = sorted(listed, key=_ID)
        while True:
            known = self.mirrored.slice(
                self.target, listed, low=low, high=high, generation=generation, began_at=began_at, limit=SLICE
            )
            is_last = known.end_id is None
            bottom = low if known.end_id is None else known.end_id
            end = bisect_left(left, bottom, key=_ID)
            part, left = left[end:][::-1], left[:end]
            believed = known.believed
            if unread_ids:
                believed = [one for one in believed if one.sample.id not in unread_ids]
            actions = listing.compare(believed, [one for one in part if one.id not in known.agreed])
            if page.has_nameless:
                actions = [action for action in actions if not isinstance(action, listing.CountMissed)]
            _count(actions, len(part), report)
            lifted = self.mirrored.apply(
                self.target,
                actions,
                generation=generation,
                progress=progress if is_last else None,  # before that, it has not come so far
                now=self.clock(),
            )
            for identity in lifted:
                self.log.info("file.returned", target=self.target, file=identity)
            if is_last:
                return
            high = bottom

    def _tell_unread(self, page: Stretch, report: PassReport) -> None:
        for one in page.unread[:MOST_UNREAD_TOLD]:
            what = "a sample" if one.sample_id is None else f"sample {one.sample_id}"
            report.note(f"{what} of the listing cannot be read and is left out: {one.reason}")
            self.log.warning("listing.unread", target=self.target, sample=one.sample_id, reason=one.reason)
            report.unread_reason = report.unread_reason or f"{what}: {one.reason}"
        report.unread += len(page.unread)


def _count(actions: Sequence[listing.IndexChange], listed: int, report: PassReport) -> None:
    report.listed += listed
    for action in actions:
        match action:
            case listing.Learn():
                report.learned += 1
            case listing.KeepListed():
                report.changed += bool(action.changes)
                for change in action.changes:
                    report.tell(action.sample.id, change)
            case listing.MarkDiffering():
                report.contradicted += 1
                report.note(action.why)
            case listing.Return():
                report.returned += 1
                report.tell(action.sample.id, "counted as deleted, but is listed again")
            case listing.CountMissed():
                report.unlisted += 1
                report.tell(action.sample_id, "no longer listed")


def _believe(progress: SweepProgress, last_total: int, *, now: float) -> None:
    """Raises EisyncError for a sweep from which nothing may be concluded."""
    first_total = progress.first_total or 0
    if now < progress.began_at:
        raise EisyncError("the clock was set back during the listing; eisync asks again later")
    if not listing.is_believable(first_total=first_total, last_total=last_total):
        raise EisyncError(
            f"the listing shrank from {first_total} to {last_total} samples while it was read; eisync asks again later"
        )
    if not listing.is_complete(listed=progress.listed, first_total=first_total, last_total=last_total):
        raise EisyncError(
            f"the listing ended after {progress.listed} of {first_total} samples; eisync asks again later"
        )


_NOTHING = Stretch(samples=(), total=0, newest_added_at=None, unread=(), ids=(), count=0, is_last=True)


class DryRun:
    """A mirror that is read and never written."""

    def __init__(self, mirrored: Mirrored) -> None:
        self._mirrored = mirrored

    def remembered(self, target: str) -> LastPoll | None:
        return self._mirrored.remembered(target)

    def slice(
        self,
        target: str,
        listed: Iterable[RemoteSample] = (),
        *,
        low: int,
        high: int,
        generation: int | None,
        began_at: float,
        limit: int,
    ) -> Slice:
        return self._mirrored.slice(
            target, listed, low=low, high=high, generation=generation, began_at=began_at, limit=limit
        )

    def apply(self, target: str, actions: Iterable[listing.IndexChange], **_: object) -> list[int]:
        return []

    def note_poll(self, target: str, **_: object) -> None: ...

    def begin_sweep(self, target: str, *, modified_at: float | None, now: float) -> SweepProgress:
        return SweepProgress(generation=_NO_GENERATION, began_at=now, modified_at=modified_at)

    def sweep_under_way(self, target: str) -> SweepProgress | None:
        return None

    def drop_sweep(self, target: str) -> None: ...

    def finish_sweep(self, target: str, progress: SweepProgress, *, now: float) -> list[Missing]:
        return []


_NO_GENERATION = -1
