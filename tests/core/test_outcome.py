import dataclasses

import pytest

from eisync.core import wire
from eisync.core.lifecycle import Event, State, walk
from eisync.core.model import Category, FileFacts, Item
from eisync.core.outcome import (
    MAX_DISPUTES,
    FailureKind,
    Outcome,
    after_file_error,
    dispute,
    give_back,
    outcome_of,
    refuse,
)
from eisync.core.retry import Fault, RetryPolicy
from eisync.errors import FileAwayError, FileChangedError, FileError, FileGoneError, FileUnreadableError

NOW = 1_000.0
POLICY = RetryPolicy(base_s=2.0, cap_s=300.0)
ITEM = Item(
    id=5,
    root="/data",
    path="a.csv",
    target="main",
    facts=FileFacts(1, 1, 1),
    label=None,
    category=Category.SPLIT,
    attempts=2,
    batch_cap=8,
)

STORED = wire.Stored(7, 1)
DUPLICATE = wire.Duplicate((7, 8))
NAMELESS = wire.Duplicate(())
REFUSED = wire.Refused("bad CSV")
BARRED = wire.Barred("HTTP 401: Invalid API key")
HALVED = wire.Smaller("HTTP 413", 4)
MISCOUNTED = wire.Smaller("the answer has 2 entries for 3 files", 1, is_doubtful=True)
THROTTLED = wire.Failed(Fault.THROTTLED, "HTTP 429", 60.0)
UNREACHABLE = wire.Failed(Fault.UNREACHABLE, "no route")
UNANSWERED = wire.Failed(Fault.UNANSWERED, "timed out")

OUTCOMES = [
    STORED, DUPLICATE, NAMELESS, REFUSED, BARRED, HALVED, MISCOUNTED, THROTTLED, UNREACHABLE, UNANSWERED,
]  # fmt: skip


def outcome_for(outcome: wire.Outcome, *, allow_duplicates: bool = False) -> Outcome:
    return outcome_of(
        ITEM, outcome, policy=POLICY, allow_duplicates=allow_duplicates, now=NOW, jitter=0.5, sha256="a" * 64
    )


@pytest.mark.parametrize(
    ("outcome", "events", "reason", "sample_ids"),
    [
        (STORED, (Event.STORED,), "stored", (7,)),
        (DUPLICATE, (Event.DUPLICATE,), "already in the project", (7, 8)),
        (NAMELESS, (Event.DUPLICATE,), "already in the project; its id is not known yet", ()),
        (REFUSED, (Event.REFUSE,), "bad CSV", ()),
    ],
)
@pytest.mark.parametrize("allow_duplicates", [False, True])
def test_a_clear_answer_ends_the_attempt(
    outcome: wire.Outcome, events: tuple[Event, ...], reason: str, sample_ids: tuple[int, ...], allow_duplicates: bool
) -> None:
    # Another client may have sent it under any name.
    name = "a.csv" if isinstance(outcome, wire.Stored) else None
    failure = FailureKind.REFUSED if isinstance(outcome, wire.Refused) else None
    expected = Outcome(
        item_id=5,
        events=events,
        reason=reason,
        sample_ids=sample_ids,
        sha256="a" * 64,
        sent_name=name,
        failure=failure,
    )

    assert expected == outcome_for(outcome, allow_duplicates=allow_duplicates)


@pytest.mark.parametrize(
    ("outcome", "due_at", "batch_cap", "is_attempt"),
    [
        (BARRED, NOW, None, False),
        (HALVED, NOW, 4, False),
        (MISCOUNTED, NOW, 1, False),
        (THROTTLED, NOW + 60.0, None, True),
        (wire.Failed(Fault.THROTTLED, "HTTP 429"), NOW, None, True),  # its target is held, and no file is the cause
        (UNREACHABLE, NOW + 4.0, None, True),
        (UNANSWERED, NOW + 4.0, None, True),
    ],
)
@pytest.mark.parametrize("allow_duplicates", [False, True])
def test_a_failure_is_due_again_and_counts_only_real_attempts(
    outcome: wire.Outcome, due_at: float, batch_cap: int | None, is_attempt: bool, allow_duplicates: bool
) -> None:
    settlement = outcome_for(outcome, allow_duplicates=allow_duplicates)

    assert (due_at, batch_cap, is_attempt) == (settlement.due_at, settlement.batch_cap, settlement.is_attempt)
    assert settlement.reason


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (STORED, None),
        (DUPLICATE, None),
        (REFUSED, FailureKind.REFUSED),
        (BARRED, FailureKind.KEY_REFUSED),
        (HALVED, FailureKind.DIVIDED),
        (MISCOUNTED, FailureKind.DIVIDED),
        (THROTTLED, FailureKind.THROTTLED),
        (UNREACHABLE, FailureKind.UNREACHABLE),
        (UNANSWERED, FailureKind.UNANSWERED),
    ],
)
def test_a_failure_has_a_kind_for_the_metrics(outcome: wire.Outcome, kind: FailureKind | None) -> None:
    assert kind is outcome_for(outcome).failure


def test_what_was_not_sent_has_a_kind_too() -> None:
    unreadable = after_file_error(ITEM, FileUnreadableError("no", item_id=5))
    assert [FailureKind.UNREADABLE, FailureKind.UNSENDABLE, None] == [
        unreadable.failure,
        refuse(ITEM, "its label is too long").failure,
        give_back(ITEM).failure,
    ]


@pytest.mark.parametrize(
    ("outcome", "where_refused", "where_allowed"),
    [
        (STORED, State.SYNCED, State.SYNCED),
        (DUPLICATE, State.SYNCED, State.SYNCED),
        (NAMELESS, State.SYNCED, State.SYNCED),
        (REFUSED, State.QUARANTINED, State.QUARANTINED),
        (BARRED, State.READY, State.READY),
        (HALVED, State.READY, State.READY),
        (MISCOUNTED, State.READY, State.DOUBTFUL),
        (THROTTLED, State.READY, State.READY),
        (UNREACHABLE, State.READY, State.READY),
        (UNANSWERED, State.READY, State.DOUBTFUL),
    ],
)
def test_a_file_that_may_have_arrived_is_sent_again_only_if_duplicates_are_refused(
    outcome: wire.Outcome, where_refused: State, where_allowed: State
) -> None:
    assert where_refused is walk(State.SENDING, outcome_for(outcome, allow_duplicates=False).events)
    assert where_allowed is walk(State.SENDING, outcome_for(outcome, allow_duplicates=True).events)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("allow_duplicates", [False, True])
def test_every_outcome_is_about_this_item_and_has_a_reason(outcome: wire.Outcome, allow_duplicates: bool) -> None:
    settlement = outcome_for(outcome, allow_duplicates=allow_duplicates)

    assert ITEM.id == settlement.item_id
    assert settlement.reason


def test_a_file_that_may_be_the_cause_is_soon_sent_again_in_a_smaller_request() -> None:
    failed = wire.Failed(Fault.UNANSWERED, "HTTP 500")
    item = dataclasses.replace(ITEM, attempts=9)
    settlement = outcome_of(
        item, failed, policy=RetryPolicy(base_s=2.0), allow_duplicates=False, now=NOW, jitter=0.5, batch_cap=4
    )
    assert (4, NOW + 1.0, True) == (settlement.batch_cap, settlement.due_at, settlement.is_attempt)


def test_an_item_that_was_not_sent_keeps_its_place_and_attempts() -> None:
    expected = Outcome(item_id=5, events=(Event.DEFER,), is_attempt=False)

    assert expected == give_back(ITEM)


@pytest.mark.parametrize(
    ("category", "error", "has_remedy"),
    [
        (Category.VALIDATION, "HTTP 400: This project has no validation set", True),
        (Category.VALIDATION, "Invalid category", True),
        (Category.VALIDATION, "Could not parse this CSV file", False),
        (Category.TRAINING, "Validation failed", False),
    ],
)
def test_a_project_without_a_validation_set_has_a_remedy(category: Category, error: str, has_remedy: bool) -> None:
    item = dataclasses.replace(ITEM, category=category)
    found = outcome_of(item, wire.Refused(error), policy=POLICY, allow_duplicates=False, now=NOW, jitter=0.5)
    assert found.reason is not None
    assert found.reason.startswith(error)
    assert has_remedy == ("explicit validation set" in found.reason and "'eisync retry FILE'" in found.reason)


def test_the_outcome_has_the_name_that_was_sent() -> None:
    found = outcome_of(
        dataclasses.replace(ITEM, sent_as="idle.csv"),
        STORED,
        policy=POLICY,
        allow_duplicates=False,
        now=NOW,
        jitter=0.5,
    )
    assert "idle.csv" == found.sent_name


@pytest.mark.parametrize(
    ("answer", "attempts", "state"),
    [
        (DUPLICATE, 0, State.READY),
        (DUPLICATE, MAX_DISPUTES - 2, State.READY),
        (DUPLICATE, MAX_DISPUTES - 1, State.QUARANTINED),
        (STORED, MAX_DISPUTES - 1, State.READY),  # "stored" with the sample id of another file is no duplicate
    ],
)
def test_an_answer_with_another_file_s_sample_is_ignored_and_finally_parked(
    answer: wire.Outcome, attempts: int, state: State
) -> None:
    item = dataclasses.replace(ITEM, attempts=attempts)
    found = dispute(item, outcome_for(answer), 7, policy=POLICY, allow_duplicates=False, now=NOW, jitter=0.5)
    assert state is walk(State.SENDING, found.events)
    assert ((), "a" * 64) == (found.sample_ids, found.sha256)
    assert FailureKind.DISPUTED is found.failure
    assert found.reason is not None
    assert found.reason.startswith("the answer names sample 7, which holds other content that was sent")
    assert (state is State.QUARANTINED) == found.reason.endswith("then 'eisync retry FILE' sends it again")


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (FileGoneError("it is gone", item_id=5), State.GONE),
        (FileChangedError("it was changed", item_id=5), State.SETTLING),
        (FileAwayError("its disk is away", item_id=5), State.SETTLING),
        (FileUnreadableError("permission denied", item_id=5), State.QUARANTINED),
    ],
)
def test_a_file_that_could_not_be_read_has_a_reason_and_counts_no_attempt(error: FileError, state: State) -> None:
    found = after_file_error(ITEM, error)
    assert state is walk(State.SENDING, found.events)
    assert (5, str(error), False, ()) == (found.item_id, found.reason, found.is_attempt, found.sample_ids)
