import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.items import FileFacts
from eisync.core.settle import SettlePolicy, Unsettled, complete_at, is_complete, observe, reason

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


@pytest.mark.parametrize(
    ("size", "policy", "wait_s"),
    [
        (5, POLICY, 2.0),
        (0, POLICY, 600.0),
        (0, SettlePolicy(settle_s=30.0, patience_s=10.0), 30.0),
        (5, SettlePolicy(settle_s=0.0, patience_s=0.0), 0.0),
    ],
)
def test_a_file_is_complete_when_it_has_been_still_for_long_enough(
    size: int, policy: SettlePolicy, wait_s: float
) -> None:
    unsettled = Unsettled(facts(size=size), NOW)

    assert NOW + wait_s == complete_at(unsettled, policy)
    assert is_complete(unsettled, policy, now=NOW + wait_s)
    assert not is_complete(unsettled, policy, now=NOW + wait_s - 0.001)


@pytest.mark.parametrize(
    ("size", "still_since", "text"),
    [
        (0, NOW, "it is empty; it goes when something is written into it"),
        (5, NOW - 1.4, "still for 1 s of 2 s"),
        (5, NOW + 9, "still for 0 s of 2 s"),
    ],
)
def test_a_person_is_told_what_it_waits_for(size: int, still_since: float, text: str) -> None:
    assert text == reason(Unsettled(facts(size=size), still_since), POLICY, now=NOW)


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
