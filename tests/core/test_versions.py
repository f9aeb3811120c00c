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
        (KNOWN, facts(ctime=101), DOUBTFUL, DOUBTFUL),  # linked, given rights, renamed, or rewritten with its time
        (KNOWN, facts(ctime=99), DOUBTFUL, DOUBTFUL),
        (KNOWN, facts(inode=8, ctime=101), DOUBTFUL, DOUBTFUL),  # restored
        (KNOWN, facts(inode=8), DOUBTFUL, SAME),  # remounted
        (facts(ctime=0), facts(), LEARNT, LEARNT),  # of an earlier version
        (facts(ctime=0), facts(ctime=0), SAME, SAME),
        (KNOWN, facts(ctime=0), SAME, SAME),
        (facts(ctime=0), facts(inode=8), DOUBTFUL, DOUBTFUL),  # nothing vouches for it
        (KNOWN, facts(inode=8, ctime=0), DOUBTFUL, DOUBTFUL),
        (facts(ctime=IN_DOUBT_NS), facts(), DOUBTFUL, DOUBTFUL),
        (facts(ctime=IN_DOUBT_NS), facts(ctime=IN_DOUBT_NS), DOUBTFUL, DOUBTFUL),
        (facts(ctime=IN_DOUBT_NS), facts(size=6), DIFFERENT, DIFFERENT),
    ],
)
def test_facts_tell_a_version_or_leave_it_to_the_content(
    known: FileFacts, seen: FileFacts, expected: Likeness, where_inodes_are_ignored: Likeness
) -> None:
    assert expected is compare(known, seen)
    assert where_inodes_are_ignored is compare(known, seen, ignores_inodes=True)


def test_where_ctime_is_made_up_it_is_ignored_and_a_doubt_of_ours_is_not() -> None:
    assert SAME is compare(KNOWN, facts(ctime=101), ignores_ctime=True)
    assert SAME is compare(KNOWN, facts(inode=8, ctime=101), ignores_ctime=True, ignores_inodes=True)
    assert DOUBTFUL is compare(KNOWN, facts(inode=8, ctime=101), ignores_ctime=True)
    assert DOUBTFUL is compare(KNOWN, facts(mtime=11), ignores_ctime=True, ignores_inodes=True)
    assert DOUBTFUL is compare(facts(ctime=IN_DOUBT_NS), facts(), ignores_ctime=True, ignores_inodes=True)


@pytest.mark.parametrize("options", list(itertools.product([False, True], repeat=2)))
def test_no_trust_makes_another_size_the_same_version_or_another_time_no_doubt(options: tuple[bool, bool]) -> None:
    for mtime, inode, ctime in itertools.product((10, 11), (7, 8), (0, IN_DOUBT_NS, 100, 101)):
        seen = facts(mtime=mtime, inode=inode, ctime=ctime)
        likeness = compare(KNOWN, seen, ignores_inodes=options[0], ignores_ctime=options[1])
        assert likeness is not DIFFERENT
        assert mtime == 10 or likeness is DOUBTFUL
        bigger = facts(size=6, mtime=mtime, inode=inode, ctime=ctime)
        assert DIFFERENT is compare(KNOWN, bigger, ignores_inodes=options[0], ignores_ctime=options[1])


def test_inodes_are_worth_nothing_once_enough_files_had_others_and_nothing_else() -> None:
    trust = Trust()
    learnt = [trust.learn(KNOWN, facts(inode=8), is_same=True) for _ in range(PROVEN_UNSTABLE + 1)]
    assert [False] * (PROVEN_UNSTABLE - 1) + [True, False] == learnt
    assert SAME is trust.compare(KNOWN, facts(inode=9))


@pytest.mark.parametrize(
    ("seen", "is_same"),
    [
        (facts(inode=8, ctime=101), True),  # a restore
        (facts(inode=8, mtime=11), True),
        (facts(ctime=101), True),
        (facts(inode=8, ctime=0), True),
        (facts(inode=8), False),
    ],
)
def test_what_happens_to_files_on_a_disk_that_keeps_inodes_proves_nothing(seen: FileFacts, is_same: bool) -> None:
    trust = Trust()
    for _ in range(3 * PROVEN_UNSTABLE):
        assert not trust.learn(KNOWN, seen, is_same=is_same)
    assert DOUBTFUL is trust.compare(KNOWN, facts(inode=8))


@pytest.mark.parametrize("is_weak", [False, True])
def test_a_ctime_that_is_made_up_is_ignored_only_where_it_was_never_trusted(is_weak: bool) -> None:
    trust = Trust(is_weak=is_weak)
    for _ in range(PROVEN_VOLATILE):
        trust.learn(KNOWN, facts(ctime=101), is_same=True)
    assert (SAME if is_weak else DOUBTFUL) is trust.compare(KNOWN, facts(ctime=102))


def test_a_ctime_that_has_told_of_a_change_is_heeded_on() -> None:
    trust = Trust(is_weak=True)
    for number in range(3 * PROVEN_VOLATILE):
        trust.learn(KNOWN, facts(ctime=101), is_same=bool(number % PROVEN_VOLATILE))
    assert DOUBTFUL is trust.compare(KNOWN, facts(ctime=102))


def test_a_walk_passes_over_what_is_the_same_by_what_was_learnt() -> None:
    known, remounted, rewritten = (5, 10, 7, 100), (5, 10, 8, 100), (5, 10, 8, 101)
    assert not Trust().passes_over(known, remounted)
    assert Trust(ignores_inodes=True).passes_over(known, remounted)
    assert not Trust(ignores_inodes=True).passes_over(known, rewritten)
    assert not Trust(ignores_inodes=True).passes_over((5, 10, 7, 0), (5, 10, 7, 100))  # its ctime is to be learnt


def test_a_weak_file_system_s_ctime_holds_no_file_up() -> None:
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
def test_a_file_is_untouched_when_no_fact_moved(now: FileFacts, is_untouched: bool) -> None:
    assert is_untouched is now.is_untouched_since(KNOWN)
    assert now.is_untouched_since(facts(ctime=0)) is (now == KNOWN)
