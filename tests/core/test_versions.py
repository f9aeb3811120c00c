import itertools

import pytest

from eisync.core.known_content import IN_DOUBT_NS, PROVEN_UNSTABLE, PROVEN_VOLATILE, Likeness, Trust, compare
from eisync.core.model import FileFacts

SAME, LEARNT, DOUBTFUL, DIFFERENT = Likeness.SAME, Likeness.LEARNT, Likeness.DOUBTFUL, Likeness.DIFFERENT


def facts(*, size: int = 5, mtime: int = 10, inode: int = 7, ctime: int = 100) -> FileFacts:
    return FileFacts(size, mtime, inode, ctime_ns=ctime)


KNOWN = facts()


@pytest.mark.parametrize(
    ("known", "seen", "expected", "where_inodes_are_ignored"),
    [
        (KNOWN, facts(), SAME, SAME),
        (KNOWN, facts(size=6), DIFFERENT, DIFFERENT),
        (KNOWN, facts(size=6, mtime=11, inode=8, ctime=101), DIFFERENT, DIFFERENT),
        (KNOWN, facts(mtime=11, ctime=101), DOUBTFUL, DOUBTFUL),  # touched
        (KNOWN, facts(mtime=11), DOUBTFUL, DOUBTFUL),
        (KNOWN, facts(ctime=101), DOUBTFUL, DOUBTFUL),  # linked, chmod, renamed, or rewritten with its old mtime
        (KNOWN, facts(ctime=99), DOUBTFUL, DOUBTFUL),
        (KNOWN, facts(inode=8, ctime=101), DOUBTFUL, DOUBTFUL),  # restored from a backup
        (KNOWN, facts(inode=8), DOUBTFUL, SAME),  # mounted again
        (facts(ctime=0), facts(), LEARNT, LEARNT),  # recorded by an earlier version of eisync
        (facts(ctime=0), facts(ctime=0), SAME, SAME),
        (KNOWN, facts(ctime=0), SAME, SAME),
        (facts(ctime=0), facts(inode=8), DOUBTFUL, DOUBTFUL),  # no evidence for it
        (KNOWN, facts(inode=8, ctime=0), DOUBTFUL, DOUBTFUL),
        (facts(ctime=IN_DOUBT_NS), facts(), DOUBTFUL, DOUBTFUL),
        (facts(ctime=IN_DOUBT_NS), facts(ctime=IN_DOUBT_NS), DOUBTFUL, DOUBTFUL),
        (facts(ctime=IN_DOUBT_NS), facts(size=6), DIFFERENT, DIFFERENT),
    ],
)
def test_facts_decide_a_version_or_leave_it_to_the_content(
    known: FileFacts, seen: FileFacts, expected: Likeness, where_inodes_are_ignored: Likeness
) -> None:
    assert expected is compare(known, seen)
    assert where_inodes_are_ignored is compare(known, seen, ignores_inodes=True)


def test_an_unreliable_ctime_is_ignored_but_a_recorded_doubt_is_not() -> None:
    assert SAME is compare(KNOWN, facts(ctime=101), ignores_ctime=True)
    assert SAME is compare(KNOWN, facts(inode=8, ctime=101), ignores_ctime=True, ignores_inodes=True)
    assert DOUBTFUL is compare(KNOWN, facts(inode=8, ctime=101), ignores_ctime=True)
    assert DOUBTFUL is compare(KNOWN, facts(mtime=11), ignores_ctime=True, ignores_inodes=True)
    assert DOUBTFUL is compare(facts(ctime=IN_DOUBT_NS), facts(), ignores_ctime=True, ignores_inodes=True)


@pytest.mark.parametrize("options", list(itertools.product([False, True], repeat=2)))
def test_another_size_is_always_different_and_another_mtime_always_doubtful(options: tuple[bool, bool]) -> None:
    for mtime, inode, ctime in itertools.product((10, 11), (7, 8), (0, IN_DOUBT_NS, 100, 101)):
        seen = facts(mtime=mtime, inode=inode, ctime=ctime)
        likeness = compare(KNOWN, seen, ignores_inodes=options[0], ignores_ctime=options[1])
        assert likeness is not DIFFERENT
        assert mtime == 10 or likeness is DOUBTFUL
        bigger = facts(size=6, mtime=mtime, inode=inode, ctime=ctime)
        assert DIFFERENT is compare(KNOWN, bigger, ignores_inodes=options[0], ignores_ctime=options[1])


def test_inodes_are_ignored_after_enough_files_changed_only_their_inode() -> None:
    trust = Trust()
    learnt = [trust.learn(KNOWN, facts(inode=8), is_same=True) for _ in range(PROVEN_UNSTABLE + 1)]
    assert [False] * (PROVEN_UNSTABLE - 1) + [True, False] == learnt
    assert SAME is trust.compare(KNOWN, facts(inode=9))


@pytest.mark.parametrize(
    ("seen", "is_same"),
    [
        (facts(inode=8, ctime=101), True),  # restored from a backup
        (facts(inode=8, mtime=11), True),
        (facts(ctime=101), True),
        (facts(inode=8, ctime=0), True),
        (facts(inode=8), False),
    ],
)
def test_changes_on_a_disk_with_stable_inodes_do_not_make_inodes_ignored(seen: FileFacts, is_same: bool) -> None:
    trust = Trust()
    for _ in range(3 * PROVEN_UNSTABLE):
        assert not trust.learn(KNOWN, seen, is_same=is_same)
    assert DOUBTFUL is trust.compare(KNOWN, facts(inode=8))


@pytest.mark.parametrize("is_weak", [False, True])
def test_an_unreliable_ctime_is_ignored_only_on_a_weak_file_system(is_weak: bool) -> None:
    trust = Trust(is_weak=is_weak)
    for _ in range(PROVEN_VOLATILE):
        trust.learn(KNOWN, facts(ctime=101), is_same=True)
    assert (SAME if is_weak else DOUBTFUL) is trust.compare(KNOWN, facts(ctime=102))


def test_a_ctime_that_showed_a_real_change_stays_in_use() -> None:
    trust = Trust(is_weak=True)
    for number in range(3 * PROVEN_VOLATILE):
        trust.learn(KNOWN, facts(ctime=101), is_same=bool(number % PROVEN_VOLATILE))
    assert DOUBTFUL is trust.compare(KNOWN, facts(ctime=102))


def test_a_walk_skips_files_that_are_the_same_by_what_was_learnt() -> None:
    known, remounted, rewritten = (5, 10, 7, 100), (5, 10, 8, 100), (5, 10, 8, 101)
    assert not Trust().passes_over(known, remounted)
    assert Trust(ignores_inodes=True).passes_over(known, remounted)
    assert not Trust(ignores_inodes=True).passes_over(known, rewritten)
    assert not Trust(ignores_inodes=True).passes_over((5, 10, 7, 0), (5, 10, 7, 100))  # its ctime must be learnt


def test_the_ctime_of_a_weak_file_system_delays_no_file() -> None:
    assert facts(ctime=0) == Trust(is_weak=True).strict(KNOWN)
    assert 0 == Trust(is_weak=True).strict(KNOWN).ctime_ns
    assert KNOWN is Trust().strict(KNOWN)


@pytest.mark.parametrize(
    ("now", "is_untouched"),
    [
        (facts(), True),
        (facts(ctime=0), True),
        (facts(ctime=101), False),
        (facts(mtime=11), False),
        (facts(inode=8), False),
        (facts(size=6), False),
    ],
)
def test_a_file_is_untouched_when_no_fact_changed(now: FileFacts, is_untouched: bool) -> None:
    assert is_untouched is now.is_untouched_since(KNOWN)
    assert now.is_untouched_since(facts(ctime=0)) is (now == KNOWN)
