"""Decide what the outbox stores about one file after an attempt.

The uploader gathers the answer, `outcome_of` decides, the store applies it. A wrong key, a fault of another file, or a
refusal of the whole request does not count as an attempt of a file.
"""

import re
from dataclasses import replace
from enum import Enum

from eisync.core import wire
from eisync.core.lifecycle import Event
from eisync.core.model import Category, Item, value
from eisync.core.retry import Fault, RetryPolicy
from eisync.errors import FileChangedError, FileError, FileGoneError


class FailureKind(Enum):
    """Why an attempt to send a file failed. The set is closed: metrics count by it, and a sentence has the details."""

    REFUSED = "refused"  # the service read the file and refused it
    KEY_REFUSED = "key_refused"  # the service refused the key, or the key opens another project
    THROTTLED = "throttled"  # the service asked for fewer requests
    UNREACHABLE = "unreachable"  # the request certainly did not arrive
    UNANSWERED = "unanswered"  # the request was sent, and no usable answer came
    DIVIDED = "divided"  # the request was refused as a whole; its files are sent again in smaller ones
    DISPUTED = "disputed"  # the answer names a sample with other content
    UNREADABLE = "unreadable"  # the file cannot be read
    UNSENDABLE = "unsendable"  # the name, the label or the metadata cannot be sent


@value(kw_only=True)
class Outcome:
    """What happened to one claimed file, ready to be stored. `events` are applied in order.

    None in `due_at`, `batch_cap` and `sha256` keeps the stored value. `sent_name` is the name under which the samples
    were stored; None: this attempt did not store them. `failure`: why it failed, for the metrics; None: it did not.
    """

    item_id: int
    events: tuple[Event, ...]
    reason: str | None = None
    due_at: float | None = None
    batch_cap: int | None = None
    sample_ids: tuple[int, ...] = ()
    sha256: str | None = None
    sent_name: str | None = None
    is_attempt: bool = True
    failure: FailureKind | None = None


_OF_A_CATEGORY = re.compile(r"validation|categor", re.IGNORECASE)

MAX_DISPUTES = 10
"""After this many answers that named a sample with other content, a person must check the file."""


def outcome_of(
    item: Item,
    outcome: wire.Outcome,
    *,
    policy: RetryPolicy,
    allow_duplicates: bool,
    now: float,
    jitter: float,
    sha256: str | None = None,
    batch_cap: int | None = None,
) -> Outcome:
    """Return what happened to `item`, from the answer `outcome`. `jitter` is in [0, 1).

    `batch_cap`: after a failure that the file may have caused, send it again soon, in a request of at most this many
    files.
    """
    match outcome:
        case wire.Stored() | wire.Duplicate():
            return _there(item, outcome, sha256)
        case wire.Refused(reason=reason):
            reason += _remedy(item, reason)
            return Outcome(
                item_id=item.id, events=(Event.REFUSE,), reason=reason, sha256=sha256, failure=FailureKind.REFUSED
            )
        case wire.Smaller():
            return _smaller(item, outcome, sha256, allow_duplicates=allow_duplicates, now=now)
        case wire.Barred(reason=reason):
            barred = Outcome(item_id=item.id, events=(Event.DEFER,), reason=reason, due_at=now, is_attempt=False)
            return replace(barred, failure=FailureKind.KEY_REFUSED)
        case wire.Failed(fault=fault, reason=reason, asked_s=asked_s):  # pragma: no branch - the types leave no other
            attempt = 1 if batch_cap is not None else item.attempts + 1
            if fault is Fault.THROTTLED:
                # No file is the cause, and the flow control spreads the requests. Files that were refused together are
                # due together: one by one they would need more requests than are allowed.
                attempt, jitter = 1, 0.0
            return Outcome(
                item_id=item.id,
                events=_after_failure(fault, allow_duplicates=allow_duplicates),
                reason=reason,
                due_at=policy.due_at(attempt=attempt, now=now, jitter=jitter, asked_s=asked_s),
                batch_cap=batch_cap,
                sha256=sha256,
                failure=_KIND_OF[fault],
            )


def _smaller(item: Item, outcome: wire.Smaller, sha256: str | None, *, allow_duplicates: bool, now: float) -> Outcome:
    # The file may have been stored. If duplicates are allowed, sending it again would store it twice, so the listing
    # must be checked first.
    events = (Event.SILENCE,) if outcome.is_doubtful and allow_duplicates else (Event.DEFER,)
    return Outcome(
        item_id=item.id,
        events=events,
        reason=outcome.reason,
        due_at=now,
        batch_cap=outcome.cap,
        sha256=sha256,
        is_attempt=False,
        failure=FailureKind.DIVIDED,
    )


_KIND_OF = {
    Fault.THROTTLED: FailureKind.THROTTLED,
    Fault.UNREACHABLE: FailureKind.UNREACHABLE,
    Fault.UNANSWERED: FailureKind.UNANSWERED,
}


def dispute(
    item: Item,
    answered: Outcome,
    sample_id: int,
    *,
    policy: RetryPolicy,
    allow_duplicates: bool,
    now: float,
    jitter: float,
) -> Outcome:
    """Return what happened to `item` instead of `answered`, which names a sample with other content that we sent.

    The answer belongs to another file, so it counts as no answer. A service that repeatedly answers "already exists" in
    this way may confuse two contents, and only a person can decide.
    """
    reason = f"the answer names sample {sample_id}, which holds other content that was sent; eisync ignores the answer"
    if answered.events == (Event.DUPLICATE,) and item.attempts + 1 >= MAX_DISPUTES:
        reason += "; compare the two in Studio, then 'eisync retry FILE' sends it again"
        return Outcome(
            item_id=item.id,
            events=(Event.REFUSE,),
            reason=reason,
            sha256=answered.sha256,
            failure=FailureKind.DISPUTED,
        )
    failed = wire.Failed(Fault.UNANSWERED, reason)
    outcome = outcome_of(
        item, failed, policy=policy, allow_duplicates=allow_duplicates, now=now, jitter=jitter, sha256=answered.sha256
    )
    return replace(outcome, failure=FailureKind.DISPUTED)


def give_back(item: Item) -> Outcome:
    """Return the outcome for an item that was not sent: it is due as before, and keeps its place in the queue."""
    return Outcome(item_id=item.id, events=(Event.DEFER,), is_attempt=False)


def _there(item: Item, outcome: wire.Stored | wire.Duplicate, sha256: str | None) -> Outcome:
    """Return the outcome of a file that is in the project."""
    if isinstance(outcome, wire.Stored):
        return Outcome(
            item_id=item.id,
            events=(Event.STORED,),
            reason="stored",
            sample_ids=(outcome.sample_id,),
            sha256=sha256,
            sent_name=item.name,
        )
    reason = "already in the project" if outcome.sample_ids else "already in the project; its id is not known yet"
    return Outcome(
        item_id=item.id, events=(Event.DUPLICATE,), reason=reason, sample_ids=outcome.sample_ids, sha256=sha256
    )


def _remedy(item: Item, reason: str) -> str:
    """Return what a person can do when the refusal most likely means that the project has no validation set.

    The service's answer in that case is not documented (wire contract, second measurement). It will mention
    "validation" or "category".
    """
    if item.category is not Category.VALIDATION or not _OF_A_CATEGORY.search(reason):
        return ""
    return (
        "; if the project has no validation set, switch on 'explicit validation set' in its dataset settings in "
        "Studio, or give the file another category; then 'eisync retry FILE' sends it again"
    )


def _after_failure(fault: Fault, *, allow_duplicates: bool) -> tuple[Event, ...]:
    if fault is not Fault.UNANSWERED:
        return (Event.DEFER,)
    # The service refuses content that it already has, so sending again is safe and its answer is the confirmation. If
    # duplicates are allowed, the file stays doubtful until the listing was checked.
    return (Event.SILENCE,) if allow_duplicates else (Event.SILENCE, Event.ABSENT)


def refuse(item: Item, reason: str, failure: FailureKind = FailureKind.UNSENDABLE) -> Outcome:
    """Return the outcome that parks the file, which was not sent."""
    return Outcome(item_id=item.id, events=(Event.REFUSE,), reason=reason, is_attempt=False, failure=failure)


def after_file_error(item: Item, error: FileError) -> Outcome:
    """Return the outcome for a file that could not be read and was not sent."""
    if isinstance(error, FileGoneError):
        return Outcome(item_id=item.id, events=(Event.GONE,), reason=str(error), is_attempt=False)
    if isinstance(error, FileChangedError):
        return Outcome(item_id=item.id, events=(Event.CHANGED,), reason=str(error), is_attempt=False)
    return refuse(item, str(error), FailureKind.UNREADABLE)
