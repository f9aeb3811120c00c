"""Recognise samples that were cut out of another one, by everything that the service may show of a split or a crop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.model import RemoteSample
from eisync.core.studio import cut_sentence, is_cut, is_cut_from, marked, origin, origin_of, original_name, wholes


def sample(filename: str, *, original: str | None = None, is_cropped: bool = False) -> RemoteSample:
    return RemoteSample(
        id=9, filename=filename, category="training", label="wave", original_name=original, is_cropped=is_cropped
    )


OURS = origin_of("day/wave.4.json", frozenset({"renamed in Studio"}))

CASES = {
    "a segment by its name": (sample("wave.4.s1"), True),
    "a segment of a segment": (sample("wave.4.s1.s2"), True),
    "a segment of what was renamed there": (sample("renamed in Studio.s3"), True),
    "a crop with a number": (sample("wave.4 (2)"), True),
    "a crop with words": (sample("wave.4 (0.5 s to 1 s)"), True),
    "a segment with any name": (sample("x", original="wave.4.json", is_cropped=True), True),
    "a crop with its name": (sample("wave.4", is_cropped=True), True),
    "what was sent under the name again": (sample("wave.4", original="wave.4.json"), False),
    "another recording": (sample("wave.40"), False),
    "a segment of another recording": (sample("wave.40.s1"), False),
    "a crop of another recording": (sample("wave.4.s1x", original="wave.40.json", is_cropped=True), False),
    "a name that goes on otherwise": (sample("wave.4.sun"), False),
    "no name": (sample(""), False),
}


@pytest.mark.parametrize("case", CASES)
def test_a_segment_is_recognised_by_any_of_its_marks(case: str) -> None:
    found, expected = CASES[case]
    assert expected is is_cut_from(found, OURS)


@pytest.mark.parametrize("case", [case for case, (_, is_segment) in CASES.items() if is_segment])
def test_every_segment_may_belong_to_a_tombstone(case: str) -> None:
    assert is_cut(CASES[case][0])


def test_a_recording_with_a_mark_in_its_name_has_its_own_segments() -> None:
    ours = origin_of("wave.s1.json")
    assert is_cut_from(sample("wave.s1.s2"), ours)
    assert not is_cut_from(sample("wave.s1"), ours)


@given(st.text(max_size=40), st.lists(st.sampled_from([".s1", ".s22", " (1)", " (a b)"]), max_size=3))
def test_the_original_is_found_after_any_number_of_cuts(name: str, marks: list[str]) -> None:
    found = list(wholes(name + "".join(marks)))
    assert all(name + "".join(marks[:depth]) in found for depth in range(bool(not name), len(marks)))
    assert all((name + "".join(marks)).startswith(whole) for whole in found)


@pytest.mark.parametrize(
    ("stored_as", "expected"),
    [
        ("raw/wave.4.json.4abcd012.ingestion-0000-zzzz.json", ("wave.4.json", False)),
        ("raw/wave.4.json.4abcd012.ingestion-0000-zzzz.s1.json", ("wave.4.json", True)),
        ("raw/wave.4.json.4abcd012.ingestion-0000-zzzz.s12.json", ("wave.4.json", True)),
        ("odd", (None, False)),
    ],
)
def test_a_segment_is_recognised_by_where_it_is_stored(stored_as: str, expected: tuple[str | None, bool]) -> None:
    assert expected == origin(stored_as)
    assert expected[0] == original_name(stored_as)


def test_the_number_of_segments_is_put_into_words() -> None:
    assert "1 sample cut from it is there" in cut_sentence(1)
    assert "1,200 samples cut from it are there" in cut_sentence(1200)


@pytest.mark.parametrize(
    "case", [case for case, (found, is_segment) in CASES.items() if is_segment and found.filename != "x"]
)
def test_every_segment_name_sorts_within_the_ranges_of_its_original(case: str) -> None:
    filename = CASES[case][0].filename
    assert any(first <= filename < behind for name in OURS.filenames for first, behind in marked(name))


@pytest.mark.parametrize("filename", ["wave.40", "wave.40.s1", "wave.4.json", "wave.5", ""])
def test_other_names_sort_outside_of_the_ranges(filename: str) -> None:
    assert not any(first <= filename < behind for first, behind in marked("wave.4"))


@pytest.mark.parametrize(
    ("filename", "expected"),
    [("wave", []), ("wave.s1", ["wave"]), ("wave.s1.s2 (3)", ["wave.s1.s2", "wave.s1", "wave"]), (".s1", [])],
)
def test_possible_originals_of_a_segment_come_longest_first(filename: str, expected: list[str]) -> None:
    assert expected == list(wholes(filename))
