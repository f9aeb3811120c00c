"""Decide what a project's dataset versions prove about edits and deletions, so that the whole listing need not be read.

A dataset version covers a window of time that has ended, with every sample that was inserted, updated or deleted in it
(wire contract, section 3). Changes in the current window, or in one that ended and is not stored yet, are in no
version.

The feed alone is not enough. A deletion that it reports counts only when the number of samples fell by at least as
many, and the index counts as current only when feed and number agree exactly. In all other cases the whole listing is
read.
"""

from collections.abc import Iterable, Sequence

from eisync.core.listing import IndexedSample, LastPoll, PollResult
from eisync.core.model import RemoteSample, value
from eisync.core.studio import MOST_LISTED

MOST_CHANGES = 5000
"""The most changes that are kept in memory. If there are more, the listing is read instead."""

CHANGES_A_PAGE = 500


@value(kw_only=True)
class DatasetVersion:
    """One version. `index` counts from 0 without gaps. `changes` is the most samples that it edited or deleted."""

    id: int
    index: int
    changes: int = 0
    is_restore: bool = False


@value(kw_only=True)
class VersionList:
    """The newest versions, in any order. `has_pending` says that some changes are in no version yet."""

    versions: tuple[DatasetVersion, ...] = ()
    has_pending: bool = False

    @property
    def newest_index(self) -> int:
        """Return the index of the newest version; -1 when there is none."""
        return max((one.index for one in self.versions), default=-1)


@value
class SampleChange:
    """What one version did to a sample. For a deleted sample, `sample` is its last state."""

    sample: RemoteSample
    is_deleted: bool = False


@value
class ChangePage:
    """A page of one version's changes, and the number of changes in the version. `unread` entries cannot be read."""

    changes: tuple[SampleChange, ...]
    total: int
    unread: int = 0


@value(kw_only=True)
class FeedResult:
    """What the feed reported since the last poll. `deleted` counts samples that the index knows.

    `has_pending` says that some changes are in no version yet.
    """

    deleted: int = 0
    has_pending: bool = False


def unread_versions(listed: VersionList, read_index: int) -> list[DatasetVersion]:
    """Return the versions after the one with `read_index`, oldest first."""
    return sorted((one for one in listed.versions if one.index > read_index), key=lambda one: one.index)


def why_unusable(unread: Sequence[DatasetVersion], read_index: int, *, samples: int) -> str | None:
    """Return why these versions cannot be used in a project of `samples` samples, as a clause; None when they can."""
    if [one.index for one in unread] != list(range(read_index + 1, read_index + 1 + len(unread))):
        return "a dataset version is missing"
    if any(one.is_restore for one in unread):
        return "a dataset version was restored"
    changes = sum(one.changes for one in unread)
    if changes > MOST_CHANGES or changes // CHANGES_A_PAGE > samples // MOST_LISTED:
        return "reading the listing takes fewer requests than reading the changes"
    return None


def merge(changes: Iterable[SampleChange]) -> list[SampleChange]:
    """Return the last change of each sample. `changes` come with the oldest version first; a deletion is final."""
    last: dict[int, SampleChange] = {}
    for change in changes:
        before = last.get(change.sample.id)
        if before is None or not before.is_deleted:
            last[change.sample.id] = change
    return list(last.values())


def is_edit_of(known: IndexedSample) -> bool:
    """Return whether a change may be applied to the sample in the index.

    A version may be older than the listing that missed the sample, so the feed never restores a sample.
    """
    return known.was_listed and not (known.is_gone or known.missed or known.is_noted)


def are_deletions_confirmed(remembered: LastPoll, poll: PollResult, result: FeedResult) -> bool:
    """Return whether the number of samples fell by at least as many as the feed reports deleted."""
    return poll.samples is not None and remembered.samples + poll.new - poll.samples >= result.deleted


def explains(remembered: LastPoll, poll: PollResult, result: FeedResult) -> bool:
    """Return whether the feed explains the whole result of the poll, so that the index is current."""
    is_counted = poll.samples is not None and poll.samples == remembered.samples + poll.new - result.deleted
    return is_counted and not (result.has_pending or remembered.has_missed or poll.unlisted)
