"""Follow a project's change feed, if it explains what a poll found, instead of reading the whole listing."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import field

from eisync.core import change_feed, listing
from eisync.core.change_feed import CHANGES_A_PAGE, DatasetVersion, FeedResult, SampleChange, VersionList
from eisync.core.listing import IndexedSample, LastPoll, PollResult
from eisync.core.model import Missing, RemoteSample, value
from eisync.errors import KeyRefusedError, StudioError, TransitError
from eisync.loops.ports import Log, ProjectService
from eisync.loops.reconciler.context import PassReport, count_changes
from eisync.loops.reconciler.dry_run import DryRun
from eisync.store.mirror import Mirrored

ASKED_FOR = 3
"""How many of the deleted samples are checked by id: a feed that is wrong is rarely wrong about only one."""


@value
class Followed:
    """The result of following the feed; by default, nothing was reported.

    `missing`: deleted samples of the index. `is_current`: the feed explains everything that the poll found.
    `has_pending`: some changes are in no version yet, so the next poll asks again.
    """

    missing: list[Missing] = field(default_factory=list)
    is_current: bool = False
    has_pending: bool = False


@value(kw_only=True)
class FeedFollower:
    """The change feed of one target, and the mirror that stores its samples."""

    target: str
    studio: ProjectService
    mirrored: Mirrored | DryRun
    check_project: Callable[[], None]
    clock: Callable[[], float]
    log: Log

    def newest_index(self) -> int | None:
        """Return the index of the newest version; -1 if there is none yet; None if the service has no versions."""
        listed = self._versions()
        return None if listed is None else listed.newest_index

    def follow(
        self, remembered: LastPoll, poll: PollResult, report: PassReport
    ) -> Generator[None, None, Followed | None]:
        """Apply the changes of the versions since the last poll, if other evidence confirms them.

        Return None when nothing was applied, so that the listing must be read.

        Raises KeyRefusedError, and what the store raises.
        """
        if remembered.version_index is None:
            return None
        listed = self._versions()
        yield
        if listed is None:
            return None
        unread = change_feed.unread_versions(listed, remembered.version_index)
        why = change_feed.why_unusable(unread, remembered.version_index, samples=remembered.samples)
        if why is not None:
            self.log.info("feed.unusable", target=self.target, reason=why)
            return None
        changes = yield from self._changes(unread)
        if changes is None:
            return None
        deleted = [one.sample.id for one in changes if one.is_deleted and self._known(one.sample) is not None]
        result = FeedResult(deleted=len(deleted), has_pending=listed.has_pending)
        if not (yield from self._are_deleted(deleted, remembered, poll, result)):
            return None
        self.check_project()
        self._apply_edits([one.sample for one in changes if not one.is_deleted], report)
        missing = self.mirrored.note_changes(
            self.target,
            deleted=deleted,
            samples=remembered.samples - result.deleted,
            version_index=max(listed.newest_index, remembered.version_index),
            now=self.clock(),
        )
        for sample_id in deleted:
            report.unlisted += 1
            report.note_sample(sample_id, "deleted, as the project's change feed says")
        return Followed(missing, change_feed.explains(remembered, poll, result), listed.has_pending)

    def _versions(self) -> VersionList | None:
        """Return the versions; None if the request fails: the listing has the same information, for more requests."""
        try:
            return self.studio.dataset_versions()
        except TransitError as error:
            self.log.info("feed.unusable", target=self.target, reason=str(error))
            return None

    def _changes(self, versions: Sequence[DatasetVersion]) -> Generator[None, None, list[SampleChange] | None]:
        """Return the last change of each sample; None if they cannot be read to the end."""
        found: list[SampleChange] = []
        try:
            for version in versions:
                read, total = 0, version.changes
                while read < total:
                    page = self.studio.changes(version.id, limit=CHANGES_A_PAGE, offset=read)
                    yield
                    read, total = read + len(page.changes), page.total
                    if page.unread or (read < total and not page.changes) or read > change_feed.MOST_CHANGES:
                        self.log.info("feed.unusable", target=self.target, reason="its changes cannot be read")
                        return None
                    found += page.changes
        except KeyRefusedError:
            raise
        except (StudioError, TransitError) as error:
            self.log.info("feed.unusable", target=self.target, reason=str(error))
            return None
        return change_feed.merge(found)

    def _are_deleted(
        self, sample_ids: Sequence[int], remembered: LastPoll, poll: PollResult, result: FeedResult
    ) -> Generator[None, None, bool]:
        """Return whether two checks confirm the deletions: the number of samples, and requests for a few by id."""
        if not sample_ids:
            return True
        if not change_feed.are_deletions_confirmed(remembered, poll, result):
            self.log.warning("feed.contradicted", target=self.target, reason="the number of samples did not shrink")
            return False
        for sample_id in sample_ids[:ASKED_FOR]:
            is_there = self.studio.is_there(sample_id)
            yield
            if is_there:
                reason = f"sample {sample_id} is there, though the feed says that it was deleted"
                self.log.warning("feed.contradicted", target=self.target, reason=reason)
                return False
        return True

    def _known(self, sample: RemoteSample) -> IndexedSample | None:
        """Return the index entry of a sample that exists and is unchanged since its listing, according to the index."""
        known = self.mirrored.slice(
            self.target, low=sample.id, high=sample.id + 1, generation=None, began_at=self.clock(), limit=1
        )
        return next((one for one in known.indexed if change_feed.is_edit_of(one)), None)

    def _apply_edits(self, edited: Sequence[RemoteSample], report: PassReport) -> None:
        actions: list[listing.IndexChange] = []
        for sample in edited:
            known = self._known(sample)
            if known is not None:
                actions += listing.compare([known], [sample], own_key=self.studio.key_id())
        count_changes(actions, 0, report)
        self.mirrored.apply(self.target, actions, generation=None, now=self.clock())
