import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.evidence import CannotTell, Cut, OpenEnded, Verdict, Whole
from eisync.core.items import FileFacts
from eisync.core.settle import (
    Decision,
    Examine,
    Go,
    Marker,
    Park,
    SettlePolicy,
    Unsettled,
    Wait,
    decide,
    look_at,
    observe,
    reason,
)
from eisync.core.writers import BEING_WRITTEN

NOW = 1_000.0
POLICY = SettlePolicy(settle_s=2.0, patience_s=600.0)


def facts(size: int = 5, mtime_ns: int = 1, inode: int = 1, touched_at: float = NOW) -> FileFacts:
    return FileFacts(size, mtime_ns, inode, touched_at)


@pytest.mark.parametrize(
    ("case", "before", "seen", "still_since"),
    [
        ("first sight of a file that was touched long ago", None, facts(touched_at=900.0), 900.0),
        ("first sight of a file that is touched now", None, facts(), NOW),
        ("first sight of a touch in the future", None, facts(touched_at=NOW + 3600), NOW),
        ("nothing has changed", Unsettled(facts(), 990.0), facts(), 990.0),
        ("only the touch has changed", Unsettled(facts(), 990.0), facts(touched_at=995.0), 990.0),
        ("the clock was put back", Unsettled(facts(), NOW + 50), facts(), NOW),
        ("it has grown", Unsettled(facts(), 990.0), facts(size=6), NOW),
        ("it has shrunk", Unsettled(facts(), 990.0), facts(size=4), NOW),
        ("it was written anew with its size", Unsettled(facts(), 990.0), facts(mtime_ns=2), NOW),
        ("another file took its name", Unsettled(facts(), 990.0), facts(inode=2), NOW),
        ("another file took its name, an old one", Unsettled(facts(), 990.0), facts(inode=2, touched_at=5.0), NOW),
    ],
)
def test_stillness_counts_from_the_last_difference(
    case: str, before: Unsettled | None, seen: FileFacts, still_since: float
) -> None:
    assert Unsettled(seen, still_since) == observe(before, seen, now=NOW)


CUT, WHOLE, UNKNOWN = Cut("it is cut"), Whole("it ends"), CannotTell("it has no end")
OPEN = OpenEnded("its length is open")
MARKED = SettlePolicy(settle_s=2.0, patience_s=600.0, needs_marker=True)


@pytest.mark.parametrize(
    ("policy", "is_closed", "verdict", "marker", "wait_s", "decision"),
    [
        (POLICY, False, None, None, 2.0, Examine()),
        (POLICY, True, None, None, 0.0, Examine()),
        (POLICY, True, WHOLE, None, 0.0, Go("it ends")),
        (POLICY, False, WHOLE, None, 2.0, Go("it ends")),
        (POLICY, True, UNKNOWN, None, 2.0, Go("it has been still for 2 s")),
        (POLICY, False, UNKNOWN, None, 2.0, Go("it has been still for 2 s")),
        (POLICY, True, OPEN, None, 2.0, Go("it was closed and has been still for 2 s")),
        (POLICY, False, OPEN, None, 600.0, Go("it has been still for 600 s")),
        (SettlePolicy(settle_s=30.0, patience_s=10.0), False, OPEN, None, 30.0, Go("it has been still for 30 s")),
        (POLICY, True, CUT, None, 600.0, Park("it is cut")),
        (POLICY, False, CUT, None, 600.0, Park("it is cut")),
        (SettlePolicy(settle_s=30.0, patience_s=10.0), True, CUT, None, 30.0, Park("it is cut")),
        (MARKED, True, None, Marker.ABSENT, math.inf, None),
        (MARKED, True, WHOLE, Marker.OLDER, math.inf, None),
        (MARKED, False, None, Marker.SET, 0.0, Examine()),
        (MARKED, False, WHOLE, Marker.SET, 0.0, Go("it ends")),
        (MARKED, False, UNKNOWN, Marker.SET, 0.0, Go("its marker is set")),
        (MARKED, False, OPEN, Marker.SET, 0.0, Go("its marker is set")),
        (MARKED, False, CUT, Marker.SET, 600.0, Park("it is cut")),
    ],
)
def test_what_is_done_with_a_file_and_when(
    policy: SettlePolicy,
    is_closed: bool,
    verdict: Verdict | None,
    marker: Marker | None,
    wait_s: float,
    decision: Decision | None,
) -> None:
    unsettled = Unsettled(facts(), NOW, is_closed, verdict, marker)

    assert NOW + wait_s == look_at(unsettled, policy)
    assert decision is None or decision == decide(unsettled, policy, now=NOW + wait_s)
    if wait_s:
        assert Wait(NOW + wait_s) == decide(unsettled, policy, now=NOW + min(wait_s, 1e9) - 0.001)


def test_evidence_is_of_one_version() -> None:
    before = Unsettled(facts(), 990.0, True, WHOLE, Marker.SET)

    assert Unsettled(facts(), 990.0, True, WHOLE, None) == observe(before, facts(), now=NOW)
    assert Unsettled(facts(size=6), NOW) == observe(before, facts(size=6), now=NOW)


def test_who_closes_a_file_that_was_seen_before_speaks_of_it() -> None:
    assert observe(Unsettled(facts(), 990.0), facts(), now=NOW, is_closed=True).is_closed


@pytest.mark.parametrize(
    ("policy", "is_closed", "verdict", "due_at"),
    [
        (POLICY, False, UNKNOWN, NOW + 52.0),
        (POLICY, False, WHOLE, NOW + 52.0),
        (POLICY, True, UNKNOWN, NOW + 52.0),
        (POLICY, True, WHOLE, NOW + 50.0),
        (POLICY, False, OPEN, NOW + 600.0),
        (POLICY, False, CUT, NOW + 600.0),
        (SettlePolicy(settle_s=2.0, patience_s=10.0), False, OPEN, NOW + 52.0),
        (MARKED, False, UNKNOWN, NOW + 50.0),
    ],
)
def test_a_file_that_had_a_writer_is_still_from_then_on(
    policy: SettlePolicy, is_closed: bool, verdict: Verdict, due_at: float
) -> None:
    marker = Marker.SET if policy.needs_marker else None
    unsettled = Unsettled(facts(), NOW, is_closed, verdict, marker, written_at=NOW + 50.0)

    assert due_at == look_at(unsettled, policy)
    assert Wait(due_at) == decide(unsettled, policy, now=due_at - 0.001)
    assert isinstance(decide(unsettled, policy, now=due_at), Go | Park)


def test_a_writer_is_forgotten_when_it_closes_the_file_and_with_its_version() -> None:
    written = Unsettled(facts(), 990.0, verdict=UNKNOWN, written_at=995.0)

    assert written == observe(written, facts(), now=NOW)
    assert Unsettled(facts(), NOW, True, UNKNOWN) == observe(written, facts(), now=NOW, is_closed=True)
    assert Unsettled(facts(size=6), NOW) == observe(written, facts(size=6), now=NOW)
    assert NOW == observe(Unsettled(facts(), NOW, written_at=NOW + 9.0), facts(), now=NOW).written_at


@pytest.mark.parametrize(
    ("unsettled", "policy", "text"),
    [
        (Unsettled(facts(), NOW - 9, verdict=UNKNOWN, written_at=NOW), POLICY, BEING_WRITTEN),
        (Unsettled(facts(), NOW - 900, verdict=CUT, written_at=NOW), POLICY, BEING_WRITTEN),
        (Unsettled(facts(), NOW - 9, marker=Marker.SET, written_at=NOW), MARKED, BEING_WRITTEN),
        (Unsettled(facts(size=0), NOW), POLICY, "it is empty; it goes when something is written into it"),
        (Unsettled(facts(), NOW - 1.4), POLICY, "still for 1 s of 2 s"),
        (Unsettled(facts(), NOW + 9), POLICY, "still for 0 s of 2 s"),
        (Unsettled(facts(), NOW - 9), POLICY, "it is being examined"),
        (Unsettled(facts(), NOW, verdict=CUT), POLICY, "it is cut"),
        (Unsettled(facts(), NOW - 9, verdict=OPEN), POLICY, "its length is open; still for 9 s of 600 s"),
        (Unsettled(facts(), NOW - 1, True, verdict=OPEN), POLICY, "its length is open; still for 1 s of 2 s"),
        (
            Unsettled(facts(), NOW, marker=Marker.ABSENT),
            MARKED,
            "waiting for its marker, a file of its name with .done behind it",
        ),
        (
            Unsettled(facts(), NOW, marker=Marker.OLDER),
            MARKED,
            "its marker is older than its last change; set the marker anew",
        ),
    ],
)
def test_a_person_is_told_what_it_waits_for(unsettled: Unsettled, policy: SettlePolicy, text: str) -> None:
    assert text == reason(unsettled, policy, now=NOW)


@pytest.mark.parametrize("wrong", [{"settle_s": -1.0}, {"patience_s": -0.1}])
def test_a_policy_that_could_never_be_obeyed_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="less than no time"):
        SettlePolicy(**wrong)


@settings(deadline=None, database=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 10.0), st.integers(0, 2), st.integers(0, 1), st.floats(0.0, 2_000.0)), min_size=1)
)
def test_no_file_is_complete_before_it_was_seen_still_for_the_whole_time(
    looks: list[tuple[float, int, int, float]],
) -> None:
    now, unsettled, seen_since = NOW, None, NOW
    for pause_s, size, mtime_ns, touched_at in looks:
        now += pause_s
        seen = facts(size=size, mtime_ns=mtime_ns, touched_at=touched_at)
        is_first = unsettled is None
        if is_first or (unsettled is not None and unsettled.facts != seen):
            # Before the first look only the file system can tell.
            seen_since = min(touched_at, now) if is_first else now
        unsettled = observe(unsettled, seen, now=now)

        assert seen_since == unsettled.still_since
