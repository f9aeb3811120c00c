"""List the samples of the service: only the new ones in most polls, all of them in a sweep.

Both are generators that yield after each request to the service, so that many targets take turns and a stop takes
effect. Memory holds only a few pages. A failed poll keeps the changes of the pages that it read, and changes nothing
else. A sweep that a network failure interrupts continues where it stopped, even after a restart. A sweep whose
listing is not plausible is dropped.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from operator import attrgetter

from eisync.core import listing
from eisync.core.listing import LastPoll, PollResult, SweepProgress
from eisync.core.model import LARGEST_ID, Missing, value
from eisync.errors import EisyncError, TransitError
from eisync.loops.ports import Log, ProjectService
from eisync.loops.reconciler.change_feed import FeedFollower, Followed
from eisync.loops.reconciler.context import PassReport, count_changes
from eisync.loops.reconciler.dry_run import DryRun
from eisync.loops.reconciler.listing_pages import ListingPage, listing_pages
from eisync.store.mirror import Mirrored

ABOVE_EVERY_ID = LARGEST_ID  # no listed sample has this id
_ID = attrgetter("id")
MAX_UNREAD_LINES = 3  # for each page
SLICE = 2000
"""Samples of the index compared at a time, however many are in the range of ids of one page."""
SWEPT_AT_ONCE = 5
"""A listing of so many pages is read as soon as something changed; a larger one waits for the feed to say what."""


@value(kw_only=True)
class ListingSync:
    """The listing of one target, and the mirror that stores it."""

    target: str
    studio: ProjectService
    page_size: int
    sweep_interval_s: float
    mirrored: "Mirrored | DryRun"
    check_project: Callable[[], None]
    clock: Callable[[], float]
    log: Log

    @property
    def feed(self) -> FeedFollower:
        """The change feed of the same project."""
        return FeedFollower(
            target=self.target,
            studio=self.studio,
            mirrored=self.mirrored,
            check_project=self.check_project,
            clock=self.clock,
            log=self.log,
        )

    def poll(self, report: PassReport, *, sweeps: bool) -> Generator[None, None, list[Missing]]:
        """List what is new; list everything when a sweep is due or `sweeps` asks for it.

        Return the samples of the index that a complete sweep did not list.
        """
        remembered = self.mirrored.remembered(self.target)
        under_way = self._under_way()
        newest_index = self.feed.newest_index
        is_sweep = remembered is None or sweeps
        if is_sweep and under_way is None:
            newest_index = self.studio.beside(newest_index)  # both are asked before the listing, in any order
        modified_at = self.studio.modified_at()
        yield
        if remembered is None or under_way is not None or sweeps:
            report.why = _why_at_once(remembered, under_way)
            return (yield from self._sweep(report, under_way, modified_at, newest_index))
        poll, newest_id = yield from self._list_new(remembered, modified_at, report)
        now = self.clock()
        followed = Followed()
        is_due = listing.is_sweep_due(remembered, now=now, every_s=self.sweep_interval_s)
        if not (is_due or poll.unlisted) and listing.why_changed(remembered, poll) is not None:
            applied = yield from self.feed.follow(remembered, poll, report)
            if applied is not None:
                followed, remembered = applied, self.mirrored.remembered(self.target) or remembered
        is_current = listing.why_changed(remembered, poll) is None or followed.is_current
        is_pending = followed.has_pending and remembered.samples > SWEPT_AT_ONCE * self.page_size
        if not (is_current or is_pending) or is_due:
            why = report.why = listing.why_sweep(remembered, poll, now=now, every_s=self.sweep_interval_s)
            if why is not None:
                return (yield from self._sweep(report, None, modified_at, newest_index))
        if poll.unlisted:
            return followed.missing  # the next poll finds the same again, until a sweep may run
        # Keep the old `modified_at` of an unexplained change, so that it still asks for a sweep once one may run.
        self.mirrored.note_poll(
            self.target,
            newest_id=newest_id,
            samples=remembered.samples + poll.new,
            modified_at=modified_at if is_current else remembered.modified_at,
            is_current=is_current,
            now=now,
        )
        return followed.missing

    def _under_way(self) -> SweepProgress | None:
        progress = self.mirrored.sweep_under_way(self.target)
        if progress is not None and not listing.may_resume(progress, now=self.clock()):
            self.mirrored.drop_sweep(self.target)
            return None
        return progress

    def _list_new(
        self, remembered: LastPoll, modified_at: float | None, report: PassReport
    ) -> Generator[None, None, tuple[PollResult, int]]:
        """List the samples with a higher id than any listed before. Return the result and the highest id."""
        began_at = self.clock()
        first_id, newest_id, new = remembered.newest_id + 1, remembered.newest_id, 0
        newest_added_at: float | None = None
        samples: int | None = None
        pages = listing_pages(self.studio, self.page_size, from_id=first_id)
        count = self.studio.count
        if modified_at is not None and modified_at != remembered.modified_at:
            count = self.studio.beside(count)  # surely needed; while the first page, the newest one, is on its way
        if modified_at is None:
            # A count is needed in any case. One request returns both the newest sample and the number of samples.
            newest = self.studio.page(limit=1)
            if not newest.unread and all(one.id < first_id for one in newest.samples):
                samples, pages = newest.total, iter([_NOTHING])
            yield
        high = ABOVE_EVERY_ID
        for page in pages:
            low = first_id if page.is_last else min(page.ids)
            self._compare(page, low, high, began_at, report)
            if page.ids and new == 0:
                newest_id, newest_added_at = max(page.ids), page.newest_added_at
            high, new = low, new + len(page.ids)
            del page
            yield
        if samples is None and listing.must_count(remembered, modified_at=modified_at, new=new):
            samples = count()
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
        self,
        report: PassReport,
        progress: SweepProgress | None,
        modified_at: float | None,
        newest_index: Callable[[], int | None],
    ) -> Generator[None, None, list[Missing]]:
        report.swept = True
        listed = progress.listed if progress else 0
        self.log.info("sweep.began", target=self.target, why=report.why, listed=listed)
        if progress is None:
            version_index = newest_index()  # what comes later is in the feed, what came before is listed
            yield
            progress = self.mirrored.begin_sweep(
                self.target, modified_at=modified_at, version_index=version_index, now=self.clock()
            )
        try:
            turn_at = self.clock()
            # Most listings have one page, so the count is asked for beside the first one.
            count = self.studio.beside(self.studio.count) if progress.before_id is None else self.studio.count
            for page in self._rest(progress):
                if not page.is_last:
                    count = self.studio.count  # asked for again after the last page: samples may leave meanwhile
                progress = self._take(page, progress, turn_at, report)
                del page
                yield
                turn_at = self.clock()
            last_total = count()
            self.check_project()
            _check_believable(progress, last_total, now=self.clock())
        except TransitError:
            raise  # keep the progress: the sweep continues from here
        except EisyncError:
            self.mirrored.drop_sweep(self.target)
            raise
        missing = self.mirrored.finish_sweep(self.target, progress, now=self.clock())
        self.log.info("sweep.completed", target=self.target, samples=progress.listed)
        return missing

    def _rest(self, progress: SweepProgress) -> Iterator[ListingPage]:
        if progress.before_id == 0:
            return iter(())  # every page was read; only the end of the sweep was not stored
        before_id, listed, total = progress.before_id, progress.listed, progress.first_total
        return listing_pages(self.studio, self.page_size, before_id=before_id, listed=listed, total=total)

    def _take(self, page: ListingPage, progress: SweepProgress, turn_at: float, report: PassReport) -> SweepProgress:
        """Compare one page of a sweep, and the ids between it and the page before. Return the new progress."""
        self.check_project()
        high = ABOVE_EVERY_ID if progress.before_id is None else progress.before_id
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
        page: ListingPage,
        low: int,
        high: int,
        began_at: float,
        report: PassReport,
        progress: SweepProgress | None = None,
    ) -> None:
        """Update the index from what is listed with low <= id < high, one slice at a time.

        Conclude nothing about samples that exist but cannot be read.
        """
        self._report_unread(page, report)
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
            indexed = known.indexed
            if unread_ids:
                indexed = [one for one in indexed if one.sample.id not in unread_ids]
            shown = [one for one in part if one.id not in known.agreed]
            actions = listing.compare(indexed, shown, own_key=self.studio.key_id())
            if page.has_nameless:
                actions = [action for action in actions if not isinstance(action, listing.CountMissed)]
            count_changes(actions, len(part), report)
            lifted = self.mirrored.apply(
                self.target,
                actions,
                generation=generation,
                progress=progress if is_last else None,  # stored with the last slice: before, the page is not done
                now=self.clock(),
            )
            for identity in lifted:
                self.log.info("file.returned", target=self.target, file=identity)
            if is_last:
                return
            high = bottom

    def _report_unread(self, page: ListingPage, report: PassReport) -> None:
        for one in page.unread[:MAX_UNREAD_LINES]:
            what = "a sample" if one.sample_id is None else f"sample {one.sample_id}"
            report.note(f"{what} of the listing cannot be read and is left out: {one.reason}")
            self.log.warning("listing.unread", target=self.target, sample=one.sample_id, reason=one.reason)
            report.unread_reason = report.unread_reason or f"{what}: {one.reason}"
        report.unread += len(page.unread)


def _why_at_once(remembered: LastPoll | None, under_way: SweepProgress | None) -> str:
    if under_way is not None:
        return "the last listing was interrupted"
    return "this is the first listing" if remembered is None else "asked for"


def _check_believable(progress: SweepProgress, last_total: int, *, now: float) -> None:
    """Raise EisyncError for a sweep that proves nothing."""
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


_NOTHING = ListingPage(samples=(), total=0, newest_added_at=None, unread=(), ids=(), count=0, is_last=True)
