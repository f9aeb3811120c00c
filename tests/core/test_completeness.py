import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.completeness import (
    AGAIN_S,
    CLOSING_S,
    Accept,
    CompletenessPolicy,
    Decision,
    Examine,
    Marker,
    ObservedFile,
    Quarantine,
    Wait,
    answered,
    decide,
    explain_writers,
    is_fresh,
    next_check_at,
    observe,
    reason,
)
from eisync.core.formats.probe import Complete, Completeness, OpenEnded, Truncated, Undecidable
from eisync.core.model import MAX_FILE_BYTES, FileFacts
from eisync.core.writers import BEING_WRITTEN, NO_WRITERS, NONE_WRITES, SOME_WRITERS, Writers, cannot_tell

NOW = 1_000.0
POLICY = CompletenessPolicy(settle_s=2.0, patience_s=600.0)


def facts(size: int = 5, mtime_ns: int = 1, inode: int = 1, touched_at: float = NOW) -> FileFacts:
    return FileFacts(size, mtime_ns, inode, touched_at)


@pytest.mark.parametrize(
    ("case", "before", "observed", "still_since"),
    [
        ("first sight of a file that was touched long ago", None, facts(touched_at=900.0), 900.0),
        ("first sight of a file that is touched now", None, facts(), NOW),
        ("first sight of a touch in the future", None, facts(touched_at=NOW + 3600), NOW),
        ("nothing has changed", ObservedFile(facts(), 990.0), facts(), 990.0),
        ("only the touch has changed", ObservedFile(facts(), 990.0), facts(touched_at=995.0), 990.0),
        ("the clock was put back", ObservedFile(facts(), NOW + 50), facts(), NOW),
        ("it has grown", ObservedFile(facts(), 990.0), facts(size=6), NOW),
        ("it has shrunk", ObservedFile(facts(), 990.0), facts(size=4), NOW),
        ("it was written anew with its size", ObservedFile(facts(), 990.0), facts(mtime_ns=2), NOW),
        ("another file took its name", ObservedFile(facts(), 990.0), facts(inode=2), NOW),
        ("another file took its name, an old one", ObservedFile(facts(), 990.0), facts(inode=2, touched_at=5.0), NOW),
    ],
)
def test_waiting_counts_from_the_last_change(
    case: str, before: ObservedFile | None, observed: FileFacts, still_since: float
) -> None:
    assert ObservedFile(observed, still_since) == observe(before, observed, now=NOW)


CUT, WHOLE, UNKNOWN = Truncated("it is cut"), Complete("it ends"), Undecidable("it has no end")
OPEN = OpenEnded("its length is open")
MARKED = CompletenessPolicy(settle_s=2.0, patience_s=600.0, needs_marker=True)


UNKNOWN_WRITERS = cannot_tell("the file is another user's")
NEVER = None

# By who writes it, what its format says, whether its close was observed, and whether it would have been: how long it
# must be unchanged before it is sent (or, if truncated, quarantined). NEVER: not while the kernel says so.
TABLE: list[tuple[Writers | None, Completeness | None, bool, bool, float | None]] = [
    # The kernel says that no program writes it. How it was found does not matter.
    *((NO_WRITERS, WHOLE, closed, hears, 0.0) for closed in (True, False) for hears in (True, False)),
    *((NO_WRITERS, UNKNOWN, closed, hears, 2.0) for closed in (True, False) for hears in (True, False)),
    *((NO_WRITERS, OPEN, closed, hears, 2.0) for closed in (True, False) for hears in (True, False)),
    *((NO_WRITERS, CUT, closed, hears, 600.0) for closed in (True, False) for hears in (True, False)),
    # The kernel says that a program writes it.
    *(
        (SOME_WRITERS, verdict, closed, hears, NEVER)
        for verdict in (WHOLE, UNKNOWN, OPEN, CUT, None)
        for closed in (True, False)
        for hears in (True, False)
    ),
    # It is unknown who writes it, and it was closed.
    *((UNKNOWN_WRITERS, WHOLE, True, hears, 0.0) for hears in (True, False)),
    *((UNKNOWN_WRITERS, UNKNOWN, True, hears, 2.0) for hears in (True, False)),
    *((UNKNOWN_WRITERS, OPEN, True, hears, 2.0) for hears in (True, False)),
    *((UNKNOWN_WRITERS, CUT, True, hears, 600.0) for hears in (True, False)),
    # It is unknown who writes it, and it was not closed, though a close would have been reported.
    (UNKNOWN_WRITERS, WHOLE, False, True, 600.0),
    (UNKNOWN_WRITERS, UNKNOWN, False, True, 600.0),
    (UNKNOWN_WRITERS, OPEN, False, True, 600.0),
    (UNKNOWN_WRITERS, CUT, False, True, 600.0),
    # It is unknown who writes it, and closes are not reported: being unchanged must be enough.
    (UNKNOWN_WRITERS, WHOLE, False, False, 2.0),
    (UNKNOWN_WRITERS, UNKNOWN, False, False, 2.0),
    (UNKNOWN_WRITERS, OPEN, False, False, 600.0),
    (UNKNOWN_WRITERS, CUT, False, False, 600.0),
    # It cannot be opened, so the kernel was not asked. Nothing is sent; the reason is for a person.
    *((None, UNKNOWN, closed, hears, 2.0) for closed in (True, False) for hears in (True, False)),
    # It must be opened first, to ask.
    *((None, WHOLE, closed, hears, 0.0) for closed in (True, False) for hears in (True, False)),
    *((None, None, closed, hears, 0.0) for closed in (True, False) for hears in (True, False)),
    *((None, CUT, closed, hears, 600.0) for closed in (True, False) for hears in (True, False)),
    *((None, OPEN, closed, hears, 2.0) for closed in (True, False) for hears in (True, False)),
]


def test_the_table_has_every_case_once() -> None:
    every = set(itertools.product(["none", "some", "cannot tell"], "WUOC", [True, False], [True, False]))
    letters = {id(WHOLE): "W", id(UNKNOWN): "U", id(OPEN): "O", id(CUT): "C"}
    listed = [
        (writers.presence.value, letters[id(verdict)], closed, hears)
        for writers, verdict, closed, hears, _ in TABLE
        if writers is not None and verdict is not None
    ]
    assert (every, len(every)) == (set(listed), len(listed))


@pytest.mark.parametrize(("writers", "verdict", "is_closed", "reports_closes", "wait_s"), TABLE)
def test_writers_format_and_observation_decide_the_wait(
    writers: Writers | None, verdict: Completeness | None, is_closed: bool, reports_closes: bool, wait_s: float | None
) -> None:
    observed = answered(ObservedFile(facts(), NOW, is_closed), writers, verdict, now=NOW)
    if wait_s is NEVER:
        asked_at = NOW + 9_000.0
        observed = answered(observed, writers, verdict, now=asked_at)
        assert Wait(asked_at + AGAIN_S) == decide(observed, POLICY, now=asked_at, reports_closes=reports_closes)
        return
    assert NOW + wait_s == next_check_at(observed, POLICY, reports_closes=reports_closes)
    due = decide(observed, POLICY, now=NOW + wait_s, reports_closes=reports_closes)
    assert (Examine if verdict is None else Quarantine if verdict is CUT else Accept) is type(due)
    if wait_s:
        assert Wait(NOW + wait_s) == decide(observed, POLICY, now=NOW + wait_s - 0.001, reports_closes=reports_closes)


@pytest.mark.parametrize(
    ("policy", "is_closed", "writers", "verdict", "marker", "decision"),
    [
        (POLICY, False, NO_WRITERS, WHOLE, None, Accept(f"it ends; {NONE_WRITES}")),
        (POLICY, True, UNKNOWN_WRITERS, WHOLE, None, Accept("it ends")),
        (POLICY, True, NO_WRITERS, UNKNOWN, None, Accept(f"it has been unchanged for 2 s; {NONE_WRITES}")),
        (POLICY, False, UNKNOWN_WRITERS, UNKNOWN, None, Accept("it has been unchanged for 2 s")),
        (POLICY, True, NO_WRITERS, OPEN, None, Accept(f"it was closed and has been unchanged for 2 s; {NONE_WRITES}")),
        (POLICY, False, NO_WRITERS, OPEN, None, Accept(f"it has been unchanged for 2 s; {NONE_WRITES}")),
        (POLICY, False, UNKNOWN_WRITERS, OPEN, None, Accept("it has been unchanged for 600 s")),
        (
            CompletenessPolicy(settle_s=30.0, patience_s=10.0),
            False,
            UNKNOWN_WRITERS,
            OPEN,
            None,
            Accept("it has been unchanged for 30 s"),
        ),
        (CompletenessPolicy(settle_s=30.0, patience_s=10.0), True, NO_WRITERS, CUT, None, Quarantine("it is cut")),
        (POLICY, True, NO_WRITERS, CUT, None, Quarantine("it is cut")),
        (MARKED, True, NO_WRITERS, None, Marker.ABSENT, None),
        (MARKED, True, NO_WRITERS, WHOLE, Marker.OLDER, None),
        (MARKED, False, None, None, Marker.SET, Examine()),
        (MARKED, False, UNKNOWN_WRITERS, WHOLE, Marker.SET, Accept("it ends")),
        (MARKED, False, UNKNOWN_WRITERS, UNKNOWN, Marker.SET, Accept("its marker is set")),
        (MARKED, False, NO_WRITERS, OPEN, Marker.SET, Accept(f"its marker is set; {NONE_WRITES}")),
        (MARKED, False, NO_WRITERS, CUT, Marker.SET, Quarantine("it is cut")),
    ],
)
@pytest.mark.parametrize("reports_closes", [True, False])
def test_a_file_that_waited_long_enough_gets_its_decision(
    policy: CompletenessPolicy,
    is_closed: bool,
    writers: Writers | None,
    verdict: Completeness | None,
    marker: Marker | None,
    decision: Decision | None,
    reports_closes: bool,
) -> None:
    observed = ObservedFile(facts(), NOW, is_closed, verdict, marker, writers=writers)

    due_at = next_check_at(observed, policy, reports_closes=reports_closes)
    if decision is None:
        assert math.inf == due_at
        assert Wait(math.inf) == decide(observed, policy, now=NOW + 1e9, reports_closes=reports_closes)
    elif reports_closes and not is_closed and writers == UNKNOWN_WRITERS and not policy.needs_marker:
        assert NOW + max(policy.settle_s, policy.patience_s) == due_at
    else:
        assert decision == decide(observed, policy, now=due_at, reports_closes=reports_closes)


@pytest.mark.parametrize("verdict", [None, WHOLE, CUT])
def test_a_file_that_is_too_large_is_refused_as_soon_as_no_program_writes_it(verdict: Completeness | None) -> None:
    written, left = (
        answered(ObservedFile(facts(size=MAX_FILE_BYTES), NOW), writers, None, now=NOW)
        for writers in (SOME_WRITERS, NO_WRITERS)
    )
    assert Wait(NOW + AGAIN_S) == decide(written, POLICY, now=NOW)
    refused = decide(left, POLICY, now=NOW)
    assert isinstance(refused, Quarantine)
    assert "Edge Impulse takes only files below 100 MiB" in refused.reason


@pytest.mark.parametrize(
    ("policy", "observed", "is_asked"),
    [
        (POLICY, ObservedFile(facts(), NOW - 1.9), True),
        (POLICY, ObservedFile(facts(), NOW - 2.0), False),
        (POLICY, ObservedFile(facts(), NOW, is_closed=True), False),
        (POLICY, ObservedFile(facts(), NOW - 60.0, written_at=NOW - 1.0), True),
        (MARKED, ObservedFile(facts(), NOW, marker=Marker.SET), False),
    ],
)
def test_the_kernel_is_asked_before_a_file_that_is_probably_written_is_read(
    policy: CompletenessPolicy, observed: ObservedFile, is_asked: bool
) -> None:
    assert is_asked == is_fresh(observed, policy, now=NOW)


@pytest.mark.parametrize(("policy", "wait_s"), [(POLICY, 2.0), (MARKED, 0.0)])
def test_a_table_is_not_opened_for_every_row(policy: CompletenessPolicy, wait_s: float) -> None:
    observed = ObservedFile(facts(), NOW, is_closed=True, marker=Marker.SET, has_end=False)
    assert NOW + wait_s == next_check_at(observed, policy)
    assert NOW == next_check_at(ObservedFile(facts(), NOW, is_closed=True, marker=Marker.SET), policy)


def test_an_early_close_event_delays_the_file_only_briefly() -> None:
    closed = ObservedFile(facts(), NOW - 9.0, is_closed=True)
    first = answered(closed, SOME_WRITERS, None, now=NOW)
    second = answered(first, SOME_WRITERS, None, now=NOW + CLOSING_S)
    assert (NOW + CLOSING_S, NOW + CLOSING_S + AGAIN_S) == (next_check_at(first, POLICY), next_check_at(second, POLICY))


def test_evidence_counts_for_one_version() -> None:
    before = ObservedFile(facts(), 990.0, True, WHOLE, Marker.SET, writers=UNKNOWN_WRITERS)

    assert ObservedFile(facts(), 990.0, True, WHOLE, writers=UNKNOWN_WRITERS) == observe(before, facts(), now=NOW)
    assert ObservedFile(facts(), 990.0, True, WHOLE) == observe(before, facts(), now=NOW, is_closed=True)
    assert ObservedFile(facts(size=6), NOW) == observe(before, facts(size=6), now=NOW)


def test_a_close_counts_for_a_file_that_was_observed_before() -> None:
    assert observe(ObservedFile(facts(), 990.0), facts(), now=NOW, is_closed=True).is_closed


@pytest.mark.parametrize(
    ("policy", "is_closed", "verdict", "due_at"),
    [
        (POLICY, False, UNKNOWN, NOW + 52.0),
        (POLICY, True, UNKNOWN, NOW + 52.0),
        (POLICY, False, WHOLE, NOW + 50.0),
        (POLICY, True, WHOLE, NOW + 50.0),
        (POLICY, False, OPEN, NOW + 52.0),
        (POLICY, False, CUT, NOW + 600.0),
        (CompletenessPolicy(settle_s=2.0, patience_s=10.0), False, CUT, NOW + 52.0),
        (MARKED, False, UNKNOWN, NOW + 50.0),
    ],
)
def test_a_file_that_had_a_writer_waits_from_then_on(
    policy: CompletenessPolicy, is_closed: bool, verdict: Completeness, due_at: float
) -> None:
    marker = Marker.SET if policy.needs_marker else None
    written = ObservedFile(facts(), NOW, is_closed, None, marker)
    for second in (49.0, 50.0):
        written = answered(written, SOME_WRITERS, None, now=NOW + second)
    left = answered(written, NO_WRITERS, verdict, now=NOW + 51.0)

    assert NOW + 51.0 == next_check_at(written, policy)  # ask again soon, not only when it may be sent
    assert due_at == next_check_at(left, policy)
    assert Wait(due_at) == decide(left, policy, now=due_at - 0.001)
    assert isinstance(decide(left, policy, now=due_at), Accept | Quarantine)


def test_a_writer_is_forgotten_when_it_closes_the_file_and_with_its_version() -> None:
    written = ObservedFile(facts(), 990.0, verdict=UNKNOWN, written_at=995.0, writers=SOME_WRITERS)

    assert written == observe(written, facts(), now=NOW)
    assert ObservedFile(facts(), NOW, True, UNKNOWN) == observe(written, facts(), now=NOW, is_closed=True)
    assert ObservedFile(facts(size=6), NOW) == observe(written, facts(size=6), now=NOW)


def test_setting_the_clock_back_does_not_delay_the_next_check() -> None:
    written = answered(ObservedFile(facts(), NOW), SOME_WRITERS, None, now=NOW + 9_000.0)
    observed = observe(written, facts(), now=NOW)
    assert (NOW, NOW + AGAIN_S) == (observed.written_at, next_check_at(observed, POLICY))


@pytest.mark.parametrize(
    ("unsettled", "policy", "text"),
    [
        (ObservedFile(facts(), NOW - 9, verdict=UNKNOWN, written_at=NOW, writers=SOME_WRITERS), POLICY, BEING_WRITTEN),
        (ObservedFile(facts(), NOW - 900, verdict=CUT, written_at=NOW, writers=SOME_WRITERS), POLICY, BEING_WRITTEN),
        (
            ObservedFile(facts(), NOW - 9, marker=Marker.SET, written_at=NOW, writers=SOME_WRITERS),
            MARKED,
            BEING_WRITTEN,
        ),
        (
            ObservedFile(facts(), NOW - 9, verdict=UNKNOWN, written_at=NOW - 1, writers=NO_WRITERS),
            POLICY,
            "unchanged for 1 s of 2 s",
        ),
        (ObservedFile(facts(size=0), NOW), POLICY, "it is empty; it is sent once something is written into it"),
        (ObservedFile(facts(), NOW - 1.4, verdict=UNKNOWN), POLICY, "unchanged for 1 s of 2 s"),
        (ObservedFile(facts(), NOW + 9, verdict=UNKNOWN), POLICY, "unchanged for 0 s of 2 s"),
        (ObservedFile(facts(), NOW - 9), POLICY, "it is being examined"),
        (ObservedFile(facts(), NOW, verdict=CUT), POLICY, "it is cut"),
        (ObservedFile(facts(), NOW - 1, verdict=OPEN), POLICY, "its length is open; unchanged for 1 s of 2 s"),
        (ObservedFile(facts(), NOW - 1, True, verdict=OPEN), POLICY, "its length is open; unchanged for 1 s of 2 s"),
        (
            ObservedFile(facts(), NOW - 9, verdict=WHOLE, writers=UNKNOWN_WRITERS),
            POLICY,
            "eisync did not see it closed, and cannot tell who writes it: the file is another user's; unchanged "
            "for 9 s of 600 s",
        ),
        (
            ObservedFile(facts(), NOW, marker=Marker.ABSENT),
            MARKED,
            "waiting for its marker, <name>.done",
        ),
        (
            ObservedFile(facts(), NOW, marker=Marker.OLDER),
            MARKED,
            "its marker is older than its last change; create the marker again",
        ),
    ],
)
def test_the_reason_says_what_the_file_waits_for(
    unsettled: ObservedFile, policy: CompletenessPolicy, text: str
) -> None:
    assert text == reason(unsettled, policy, now=NOW, reports_closes=True)


@pytest.mark.parametrize(
    ("writers", "policy", "text"),
    [
        (NO_WRITERS, POLICY, "no program has it open for writing (asked the kernel)"),
        (SOME_WRITERS, POLICY, f"{BEING_WRITTEN} (asked the kernel)"),
        (
            UNKNOWN_WRITERS,
            POLICY,
            "cannot tell: the file is another user's; so it is sent once eisync sees it closed, or once it has "
            "been unchanged for 600 s (patience_s); where eisync is not notified of closes, for 2 s (settle_s)",
        ),
        (UNKNOWN_WRITERS, MARKED, "cannot tell: the file is another user's"),
    ],
)
def test_the_reason_says_who_writes_the_file(writers: Writers, policy: CompletenessPolicy, text: str) -> None:
    assert text == explain_writers(writers, policy)


@pytest.mark.parametrize("wrong", [{"settle_s": -1.0}, {"patience_s": -0.1}])
def test_an_impossible_policy_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="less than no time"):
        CompletenessPolicy(**wrong)


@settings(database=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 10.0), st.integers(0, 2), st.integers(0, 1), st.floats(0.0, 2_000.0)), min_size=1)
)
def test_no_file_is_complete_before_it_was_unchanged_for_the_whole_time(
    observations: list[tuple[float, int, int, float]],
) -> None:
    now, unsettled, seen_since = NOW, None, NOW
    for pause_s, size, mtime_ns, touched_at in observations:
        now += pause_s
        observed = facts(size=size, mtime_ns=mtime_ns, touched_at=touched_at)
        is_first = unsettled is None
        if is_first or (unsettled is not None and unsettled.facts != observed):
            # Before the first stat only the file system knows.
            seen_since = min(touched_at, now) if is_first else now
        unsettled = observe(unsettled, observed, now=now)

        assert seen_since == unsettled.still_since


@pytest.mark.parametrize(
    ("policy", "path", "expected"),
    [
        (CompletenessPolicy(), "a.csv", "a.csv"),
        (CompletenessPolicy(), "a.csv.done", "a.csv.done"),
        (MARKED, "a.csv", "a.csv"),
        (MARKED, "a.csv.done", "a.csv"),
    ],
)
def test_an_event_of_a_marker_is_about_the_file_beside_it(policy: CompletenessPolicy, path: str, expected: str) -> None:
    assert expected == policy.spoken_of(path)


def test_a_reason_without_now_stays_true_as_time_passes() -> None:
    observed = ObservedFile(facts(), NOW - 1.0, verdict=UNKNOWN, writers=NO_WRITERS)
    assert "unchanged for 1 s of 2 s" == reason(observed, CompletenessPolicy(settle_s=2.0), now=NOW)
    assert "it must be unchanged for 2 s" == reason(observed, CompletenessPolicy(settle_s=2.0), now=None)
