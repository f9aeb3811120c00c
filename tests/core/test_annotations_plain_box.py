import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.plain_box import PlainBox, is_plain, plain_boxes, written

BOX: dict[str, Any] = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nut", True),
        ("ruhig, \"still\" & 日本 <x>", True),
        ("می‌خواهم 👩‍🔬", True),
        ("", False),
        (" nut", False),
        ("nut\u00a0", False),
        ("a\nb", False),
        ("a\x00b", False),
        ("a\x85b", False),
        ("a\u2028b", False),
        ("half\ud800", False),
        ("\ufeffnut", False),
        (None, False),
        (3, False),
    ],
)  # fmt: skip
def test_a_plain_text_is_the_same_in_every_format(text: object, expected: bool) -> None:
    assert expected is is_plain(text)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"x": -5, "y": -0.5}, True),
        ({"x": 0.123456}, True),
        ({"x": 1 / 3}, False),
        ({"x": 1e300}, False),
        ({"x": float("nan")}, False),
        ({"x": float("inf")}, False),
        ({"x": True}, False),
        ({"x": "1"}, False),
        ({"width": 0}, False),
        ({"height": -1}, False),
        ({"label": ""}, False),
        ({"label": 7}, False),
        ({"score": 1}, False),
    ],
)
def test_only_plain_boxes_are_written_in_a_format(change: dict[str, Any], expected: bool) -> None:
    box = {**BOX, **change}
    assert ([PlainBox(**BOX), PlainBox(**box)] if expected else None) == plain_boxes([BOX, box])


def test_a_box_without_one_of_its_numbers_is_not_plain() -> None:
    assert plain_boxes([{"label": "nut", "x": 1, "y": 2, "width": 3}]) is None
    assert [] == plain_boxes([])


@pytest.mark.parametrize(
    ("number", "expected"),
    [(3, "3"), (3.0, "3"), (-0.0, "0"), (0.5, "0.5"), (1e-5, "0.00001"), (-2.25, "-2.25"), (1e6, "1000000")],
)
def test_a_number_is_short_and_has_no_exponent(number: float, expected: str) -> None:
    assert expected == written(number)


@given(st.integers(-(10**12), 10**12).map(lambda millionths: millionths / 10**6))
def test_a_coordinate_is_read_back_unchanged(number: float) -> None:
    assert number == float(written(number)) == json.loads(written(number))


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (PlainBox("a", 0, 0, 10, 20), True),
        (PlainBox("a", 1, 0, 10, 20), False),
        (PlainBox("a", 0, 1, 10, 20), False),
        (PlainBox("a", -1, 0, 5, 5), False),
        (PlainBox("a", 0, -1, 5, 5), False),
    ],
)
def test_a_box_is_inside_an_image_or_reaches_out(box: PlainBox, expected: bool) -> None:
    assert expected is box.is_inside((10, 20))
