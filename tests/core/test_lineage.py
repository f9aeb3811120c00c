"""What the stamps in a folder show about a state folder, in tables. Other text in the file shows nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core import lineage
from eisync.core.lineage import (
    MAX_BYTES,
    MAX_STAMPS,
    LineageFinding,
    Own,
    Stamp,
    finding_of,
    read_stamps,
    write_stamps,
)

MINE, OTHER = "mine", "other"
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def stamps(mine: tuple[int, int] | None, **others: int) -> dict[str, Stamp]:
    found = {epoch: Stamp(epoch=epoch, counter=taken + 1, taken=taken) for epoch, taken in others.items()}
    return found if mine is None else {**found, MINE: Stamp(epoch=MINE, counter=mine[0], taken=mine[1])}


@pytest.mark.parametrize(
    ("remembered", "mine", "others", "finding"),
    [
        ((5, 2), (5, 2), {}, LineageFinding.SAME),
        ((6, 2), (5, 2), {}, LineageFinding.SAME),  # the process ended before it wrote the stamp
        ((6, 3), (5, 2), {}, LineageFinding.SAME),
        ((7, 2), (5, 2), {}, LineageFinding.ROOT_OLDER),
        ((5, 2), (6, 2), {}, LineageFinding.STATE_OLDER),
        ((5, 2), (6, 3), {}, LineageFinding.STATE_OLDER),
        ((40, 2), (40, 37), {}, LineageFinding.STATE_OLDER),  # many starts since, and never equal
        ((5, 2), None, {}, LineageFinding.MISSING),
        ((5, 2), None, {OTHER: 3}, LineageFinding.MISSING),
        ((5, 2), (5, 2), {OTHER: 0}, LineageFinding.SAME),  # another one that removed nothing
        ((5, 2), (5, 2), {OTHER: 3}, LineageFinding.OTHER_STATE),
        ((5, 2), (6, 3), {OTHER: 3}, LineageFinding.STATE_OLDER),  # the more serious one
    ],
)
def test_the_counts_show_which_of_the_two_is_older(
    remembered: tuple[int, int], mine: tuple[int, int] | None, others: dict[str, int], finding: LineageFinding
) -> None:
    own = Own(epoch=MINE, counter=remembered[0], taken=remembered[1])
    assert finding is finding_of(own, stamps(mine, **others))


@pytest.mark.parametrize(
    ("known", "is_news"), [({}, True), ({OTHER: 2}, True), ({OTHER: 3}, False), ({OTHER: 4}, True)]
)
def test_removals_by_another_state_folder_are_new_only_once(known: dict[str, int], is_news: bool) -> None:
    own, found = Own(epoch=MINE, counter=1, others=known), stamps((1, 0), other=3)
    assert is_news is lineage.has_foreign_work(own, found)
    after = Own(epoch=MINE, counter=1, others=lineage.taken_by_others(own, found))
    assert not lineage.has_foreign_work(after, found)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b"\n",
        b"yes",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"{}",
        b'{"stamps": 7}',
        b'{"stamps": [7]}',
        b'{"stamps": [{"epoch": "a"}]}',
        b'{"stamps": [{"epoch": "", "counter": 1, "taken": 0}]}',
        b'{"stamps": [{"epoch": "a", "counter": 1, "taken": 2}]}',
        b'{"stamps": [{"epoch": "a", "counter": -1, "taken": -1}]}',
        b'{"stamps": [{"epoch": "a", "counter": Infinity, "taken": 0}]}',
        b'{"stamps": [{"epoch": "a", "counter": 99999999999999999999, "taken": 0}]}',
        b'{"stamps": [{"epoch": "a", "counter": 1, "taken": 0, "pid": "x"}]}',
    ],
)
def test_a_file_that_is_not_ours_has_no_stamps(raw: bytes | None) -> None:
    assert {} == read_stamps(raw)


@given(
    st.dictionaries(
        ANY_TEXT.filter(bool),
        st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 20), ANY_TEXT, st.integers(0, 1 << 22), ANY_TEXT),
        max_size=8,
    )
)
def test_written_stamps_are_read_back(found: dict[str, Any]) -> None:
    written = {
        epoch: Stamp(epoch=epoch, counter=starts + taken, taken=taken, host=host, pid=pid, state=state, since=7.5)
        for epoch, (starts, taken, host, pid, state) in found.items()
    }
    assert written == read_stamps(write_stamps(written))


@given(st.integers(1, 60), st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_the_newest_stamps_stay_when_there_is_no_room_for_all(number: int, state: str) -> None:
    many = {str(at): Stamp(epoch=str(at), counter=1, since=float(at), state=state) for at in range(number)}
    words = write_stamps(many)
    kept = sorted(map(int, read_stamps(words)))
    assert list(range(number - len(kept), number)) == kept
    assert (True, True) == (1 <= len(kept) <= MAX_STAMPS, len(words) <= MAX_BYTES)


def test_of_two_stamps_of_one_state_folder_the_higher_counts() -> None:
    less, more = Stamp(epoch=MINE, counter=1), Stamp(epoch=MINE, counter=2, taken=1)
    for found in ([{MINE: less}, {MINE: more}], [{MINE: more}, {}, {MINE: less}]):
        assert {MINE: more} == lineage.merged(found)


def test_a_stamp_has_no_secret_and_no_other_text() -> None:
    raw = write_stamps({MINE: Stamp(epoch=MINE, counter=1, host="lab", pid=7, process="b 1 2", state="/s", since=1.0)})
    assert {"epoch", "counter", "taken", "host", "pid", "process", "state", "since"} == set(
        json.loads(raw)["stamps"][0]
    )


@pytest.mark.parametrize("finding", [one for one in LineageFinding if one is not LineageFinding.SAME])
def test_a_doubt_is_a_sentence_for_a_person(finding: LineageFinding) -> None:
    other = Stamp(epoch=OTHER, counter=1, host="lab", pid=7, state="/var/lib/eisync")
    said = lineage.why_doubted(finding, other)
    assert "do not count as deleted until everything has been checked again" in said
    assert (finding is LineageFinding.OTHER_STATE) is (
        "process 7 on lab, with the state folder /var/lib/eisync" in said
    )


NEIGHBOUR = Stamp(epoch=OTHER, host="lab", pid=7, state="/var/lib/eisync")
WHO = "process 7 on lab, with the state folder /var/lib/eisync"


@pytest.mark.parametrize(
    ("running", "unknown", "begins", "is_told_how"),
    [
        ([NEIGHBOUR], [], f"another eisync uses this folder, too: {WHO};", False),
        ([NEIGHBOUR], [NEIGHBOUR], f"another eisync uses this folder, too: {WHO};", False),
        ([], [NEIGHBOUR], f"another eisync works or worked in this folder, too: {WHO};", True),
    ],
)
def test_who_else_uses_a_folder_is_a_sentence(
    running: list[Stamp], unknown: list[Stamp], begins: str, is_told_how: bool
) -> None:
    said = lineage.why_shared(running, unknown, "/srv/recordings")
    assert said is not None
    assert (True, is_told_how) == (said.startswith(begins), said.endswith(f"-x {lineage.ATTRIBUTE} /srv/recordings)"))


def test_nobody_else_is_no_sentence() -> None:
    assert lineage.why_shared([], [], "/srv/recordings") is None


@pytest.mark.parametrize(
    ("own", "since", "expected"),
    [
        (Own(epoch=MINE, counter=1), {}, None),
        (Own(epoch=MINE, counter=1), {MINE: 9.0}, None),
        (Own(epoch=MINE, counter=1), {MINE: 9.0, OTHER: 5.0}, OTHER),
        (Own(epoch=MINE, counter=1), {OTHER: 5.0, "third": 7.0}, "third"),
        (None, {MINE: 9.0, OTHER: 5.0}, MINE),  # a new state folder: every stamp belongs to another one
    ],
)
def test_the_newest_of_the_others_is_named(own: Own | None, since: dict[str, float], expected: str | None) -> None:
    found = lineage.newest_other(
        own, {epoch: Stamp(epoch=epoch, counter=1, taken=0, since=at) for epoch, at in since.items()}
    )
    assert expected == (None if found is None else found.epoch)


@pytest.mark.parametrize("raw", [None, b"", b"null", b"{", b"[]", b'{"stamps": 7}', b"\xff"])
def test_text_that_is_missing_or_not_ours_has_no_stamp(raw: bytes | None) -> None:
    assert {} == read_stamps(raw)


def test_when_there_is_too_little_room_the_oldest_stamps_are_left_out() -> None:
    long = "x" * (MAX_BYTES // 4)
    stamps = {f"{at}": Stamp(epoch=f"{at}", host=long, since=float(at)) for at in range(8)}
    written = write_stamps(stamps)
    kept = sorted(read_stamps(written))
    assert len(written) <= MAX_BYTES
    assert 0 < len(kept) < 8
    assert ["5", "6", "7"][-len(kept) :] == kept
    assert MAX_BYTES < len(write_stamps({"0": Stamp(epoch="0", host=long * 9)})), "of one nothing can be left out"
