"""Decide whether the whole listing must be walked, from the little that a look costs.

Pure. The service tells of new samples by id; that something was edited or deleted shows only in the count and in the
instant of the last modification. A sweep of a large project takes minutes, so changes alone make it run for at most a
tenth of the time; what was not looked at yet is not forgotten.
"""

from dataclasses import dataclass

REST = 10.0
"""After a sweep, changes ask for the next one when so many times its duration has passed."""

RESUME_WITHIN_S = 24 * 3600.0
_SAME_INSTANT_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPoll:
    """What the last look left. Instants of the service are of its own clock; `swept_at` and `sweep_s` are of ours."""

    newest_id: int
    samples: int
    modified_at: float | None
    swept_at: float
    sweep_s: float
    has_missed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepProgress:
    """How far a sweep has come. `before_id` None: nothing is listed yet. `spent_s` is what it took so far."""

    generation: int
    began_at: float
    modified_at: float | None = None
    first_total: int | None = None
    newest_id: int = 0
    before_id: int | None = None
    listed: int = 0
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """What a look found. `samples` is None when nothing made us ask; `new` have a higher id than the newest before.

    `unlisted` are samples of ours among the new ones' ids that are not there any more.
    """

    modified_at: float | None
    new: int
    newest_added_at: float | None = None
    samples: int | None = None
    unlisted: int = 0


def may_resume(progress: SweepProgress, *, now: float) -> bool:
    """Whether a sweep that was interrupted goes on; not when the clock says that it is old, or begins in the future."""
    return 0 <= now - progress.began_at <= RESUME_WITHIN_S


def must_count(remembered: LastPoll, *, modified_at: float | None, new: int) -> bool:
    """Whether to ask how many samples there are: unless the service says that nothing was changed."""
    return modified_at is None or modified_at != remembered.modified_at or new > 0


def why_sweep(remembered: LastPoll, poll: PollResult, *, now: float, every_s: float) -> str | None:
    """Why the listing must be walked now, in a clause; None when it need not, or not yet."""
    since_s = now - remembered.swept_at
    if not 0 <= since_s < every_s:
        return "the interval has passed"
    reason = why_changed(remembered, poll)
    return reason if since_s >= REST * remembered.sweep_s else None


def why_changed(remembered: LastPoll, poll: PollResult) -> str | None:
    """What says that something was edited or deleted; None when new samples explain all that is seen."""
    if remembered.has_missed:
        return "the last listing missed some samples"
    if poll.unlisted:
        return "new samples are no longer listed"
    if poll.samples is not None and poll.samples != remembered.samples + poll.new:
        return "the number of samples changed"
    if poll.modified_at == remembered.modified_at or poll.modified_at is None:
        return None
    is_explained = poll.newest_added_at is not None and poll.newest_added_at >= poll.modified_at - _SAME_INSTANT_S
    return None if is_explained else "the project was modified"
