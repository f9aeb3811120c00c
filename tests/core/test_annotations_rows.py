"""Texts come apart into lines, rows, numbers and objects the same way, however they are cut into pieces."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations import json_records
from eisync.core.annotations import rows as module
from eisync.core.annotations.json_records import objects
from eisync.core.annotations.numbers import finite, number, size_of
from eisync.core.annotations.rows import delimiter, first_lines, lines, rows, whole_text
from eisync.core.annotations.shapes import around_ellipse, box_around, in_runs, inside, joined, rotated
from eisync.core.labels.entry import Entry, Region


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        ([], []),
        ([""], []),
        (["a"], ["a"]),
        (["a\nb"], ["a", "b"]),
        (["a\r", "\nb\r", "c\r"], ["a", "b", "c"]),
        (["\n", "\n"], ["", ""]),
        (["a", "b\n"], ["ab"]),
        (["a\u2028b\x0c\n"], ["a\u2028b\x0c"]),
    ],
)
def test_a_line_ends_as_on_any_system(pieces: list[str], found: list[str]) -> None:
    assert found == list(lines(pieces))


@given(
    content=st.text(st.sampled_from("ab\r\n"), max_size=20), cuts=st.lists(st.integers(0, 20), max_size=4).map(sorted)
)
def test_lines_are_the_same_however_they_are_cut(content: str, cuts: list[int]) -> None:
    pieces = [content[one:other] for one, other in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    assert content.splitlines() == list(lines(pieces))


@pytest.mark.parametrize("pieces", [["a" * 600_000], ["a" * 300_000, "a" * 300_000], ["a" * 600_000, "\n"]])
def test_a_line_that_is_too_long_is_refused(pieces: list[str]) -> None:
    with pytest.raises(ValueError, match="line 1 has more than 524,288 characters"):
        list(lines(pieces))


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\nb", ["a"]),
        ("\ufeffa\nb\n", ["a", "b"]),
        ("a\n" * 30, ["a"] * 20),
        ("a\0", None),
        ("a" * 600_000, None),
    ],
)
def test_the_first_lines_are_whole_ones(head: str, found: list[str] | None) -> None:
    assert found == first_lines(head)


def test_a_document_is_read_as_a_whole_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_TEXT", 3)
    assert "abc" == whole_text(["a", "bc"])
    with pytest.raises(ValueError, match="it has more than 3 characters"):
        whole_text(["ab", "cd"])


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", []),
        ("a, b\n\n1,2", [(1, ["a", "b"]), (3, ["1", "2"])]),
        ("\ufeffa;b,c\n1;2", [(1, ["a", "b,c"]), (2, ["1", "2"])]),
        ("\n \na|b\nc|d\n", [(3, ["a", "b"]), (4, ["c", "d"])]),
        ("sep=;\na;b\n", [(2, ["a", "b"])]),
        ('SEP=\t\na\t"b\nc"\nd\te\n', [(2, ["a", "b\nc"]), (4, ["d", "e"])]),
        ("a,b\n,,\nc", [(1, ["a", "b"]), (3, ["c"])]),
    ],
)
def test_a_row_has_the_number_of_its_line(content: str, found: list[tuple[int, list[str]]]) -> None:
    assert found == list(rows([content]))


@pytest.mark.parametrize(
    ("line", "mark"),
    [("a,b;c;d", ";"), ("a b", "\t"), ("sep=|", "|"), ("sep=x,y;", ";"), ("sep=x", "\t"), ("a;0,5", ";")],
)
def test_the_first_line_says_what_separates_cells(line: str, mark: str) -> None:
    assert mark == delimiter(line)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("1", 1.0),
        (" -0,5 ", -0.5),
        ("+.5e1", 5.0),
        ("7.", 7.0),
        ("1_000", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("", None),
        ("0x1", None),
        ("١", None),
        ("1,2,3", None),
    ],
)
def test_a_number_is_written_as_people_do(cell: str, found: float | None) -> None:
    assert found == number(cell)


@pytest.mark.parametrize(
    ("value", "found"),
    [(1, 1.0), (0.5, 0.5), (True, None), ("1", None), (None, None), (10**400, None), (math.inf, None)],
)
def test_a_number_of_json_must_fit(value: object, found: float | None) -> None:
    assert found == finite(value)


@pytest.mark.parametrize(
    ("width", "height", "found"),
    [
        (640, "480", (640, 480)),
        (640.0, 480, (640, 480)),
        (0, 480, None),
        (640, None, None),
        (1.5, 2, None),
        ("", "", None),
    ],
)
def test_the_size_of_an_image_is_two_whole_numbers(
    width: object, height: object, found: tuple[int, int] | None
) -> None:
    assert found == size_of(width, height)


def test_a_box_is_the_smallest_around_points() -> None:
    assert (1, 2, 4, 6) == box_around([5, 1, 3], [2, 8, 2])


@pytest.mark.parametrize(
    ("box", "found"),
    [
        ((0.25, 0.25, 0.5, 0.5), (0.25, 0.25, 0.5, 0.5)),
        ((-0.5, 0.5, 2.0, 2.0), (0.0, 0.5, 1.0, 0.5)),
        ((1.5, 0.0, 0.5, 1.0), (1.5, 0.0, -0.5, 1.0)),
    ],
)
def test_what_is_outside_the_image_is_left_out(box: tuple[float, float, float, float], found: object) -> None:
    assert found == inside(box)


@pytest.mark.parametrize(
    ("degrees", "found"),
    [
        (0, (0.5, 0.5, 0.2, 0.1)),
        (90, (0.45, 0.5, 0.05, 0.4)),
        (180, (0.3, 0.4, 0.2, 0.1)),
        (-90, (0.5, 0.1, 0.05, 0.4)),
    ],
)
def test_a_box_turns_clockwise_in_pixels_about_its_corner(degrees: float, found: tuple[float, ...]) -> None:
    assert found == pytest.approx(rotated((0.5, 0.5, 0.2, 0.1), degrees, (200, 100)))


@pytest.mark.parametrize(
    ("degrees", "found"),
    [(0, (0.3, 0.4, 0.4, 0.2)), (90, (0.45, 0.1, 0.1, 0.8)), (45, (0.35423, 0.20845, 0.29155, 0.58309))],
)
def test_an_ellipse_turns_about_its_centre(degrees: float, found: tuple[float, ...]) -> None:
    assert found == pytest.approx(around_ellipse((0.5, 0.5, 0.2, 0.1), degrees, (200, 100)), abs=1e-5)


def test_remarks_are_said_once() -> None:
    assert ("a; b", None) == (joined(["a", "b", "a"]), joined([]))


BOX = Region("cat", 0, 0, 1, 1, "line 2")


@pytest.mark.parametrize(
    ("found", "runs"),
    [
        ([], []),
        (
            [Entry(path="a", regions=[BOX]), Entry(path="a", regions=[]), Entry(path="a", regions=[BOX], remark="x")],
            [Entry(path="a", regions=[BOX, BOX], remark="x")],
        ),
        (
            [Entry(path="a", regions=[]), Entry(path="b", regions=[])],
            [Entry(path="a", regions=[]), Entry(path="b", regions=[])],
        ),
        (
            [Entry(path="a", regions=[BOX]), Entry(path="a", problem="x"), Entry(path="a", regions=[BOX])],
            [Entry(path="a", regions=[BOX]), Entry(path="a", problem="x"), Entry(path="a", regions=[BOX])],
        ),
        (
            [Entry(path="a", regions=[BOX]), Entry(path="a", regions=[BOX], is_relative=True)],
            [Entry(path="a", regions=[BOX]), Entry(path="a", regions=[BOX], is_relative=True)],
        ),
        (
            [Entry(path="a", regions=[BOX] * 1000), Entry(path="a", regions=[BOX])],
            [Entry(path="a", regions=[BOX] * 1000), Entry(path="a", regions=[BOX])],
        ),
    ],
)
def test_neighbouring_boxes_of_an_image_are_joined(found: list[Entry], runs: list[Entry]) -> None:
    assert runs == list(in_runs(found))


def test_an_object_keeps_the_members_that_can_be_used() -> None:
    large = json.dumps([{"a": 1, "boxes": [1] * 30_000, "image": "a.png"}, {}])
    assert [
        ({"a": 1, "image": "a.png"}, "its boxes: it is made of more than 25,000 values"),
        ({}, None),
    ] == list(objects([large], "image"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "it is not a JSON list"),
        ("[1]", "image number 1 is not an object"),
        ("[{}] 2", "more follows in line 1"),
        ("[{}", "',' or ']' expected in line 1, and found the end"),
        ('[{"a": 1, "b": 2}]', "image number 1 has more than 1 members"),
    ],
)
def test_what_is_not_a_list_of_objects_is_refused(content: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_records, "_MOST_MEMBERS", 1)
    with pytest.raises(ValueError) as raised:
        list(objects([content], "image"))
    assert reason == str(raised.value)
