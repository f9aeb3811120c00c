import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.plain_box import Fitted, PlainBox, fitted, is_plain, plain, written

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
    ("text", "expected"),
    [("nut", "nut"), (" a\tb ", "a b"), ("\n", ""), ("half\ud800", "half"), ("", "")],
)
def test_a_text_becomes_plain(text: str, expected: str) -> None:
    assert expected == plain(text)
    assert is_plain(expected) is bool(expected)


@pytest.mark.parametrize(
    ("change", "expected", "is_exact", "outside"),
    [
        ({}, ("nut", 1, 2, 3, 4), True, 0),
        ({"x": 1.0}, ("nut", 1, 2, 3, 4), True, 0),
        ({"x": 0, "y": 0, "width": 64, "height": 32}, ("nut", 0, 0, 64, 32), True, 0),
        ({"x": 0.123456}, ("nut", 0.123456, 2, 3, 4), False, 0),  # eisync reads whole pixels
        ({"x": 1 / 3}, ("nut", 0.333333, 2, 3, 4), False, 0),
        ({"x": -1}, ("nut", 0, 2, 2, 4), False, 1),
        ({"y": -0.5}, ("nut", 1, 0, 3, 3.5), False, 1),
        ({"x": 62}, ("nut", 62, 2, 2, 4), False, 1),
        ({"y": 30}, ("nut", 1, 30, 3, 2), False, 1),
        ({"x": -10, "y": -10, "width": 100, "height": 100}, ("nut", 0, 0, 64, 32), False, 1),
        ({"x": 64}, None, False, 1),
        ({"y": -4}, None, False, 1),
        ({"width": 1e-9}, None, False, 0),
        ({"width": 0}, None, False, 0),
        ({"height": -1}, None, False, 0),
        ({"x": 10**400}, None, False, 0),
        ({"x": float("nan")}, None, False, 0),
        ({"width": float("inf")}, None, False, 0),
        ({"x": True}, None, False, 0),
        ({"x": "1"}, None, False, 0),
        ({"height": None}, None, False, 0),
        ({"label": " nut\n"}, ("nut", 1, 2, 3, 4), False, 0),
        ({"label": "\n"}, None, False, 0),
        ({"label": 7}, None, False, 0),
        ({"score": 1}, ("nut", 1, 2, 3, 4), False, 0),
    ],
)
def test_a_box_is_fitted_into_its_image(
    change: dict[str, Any], expected: tuple[Any, ...] | None, is_exact: bool, outside: int
) -> None:
    boxes = [PlainBox("bolt", 0, 0, 1, 1)] + ([PlainBox(*expected)] if expected else [])
    given = [{"label": "bolt", "x": 0, "y": 0, "width": 1, "height": 1}, {**BOX, **change}]
    assert Fitted(boxes, is_exact, outside) == fitted(given, (64, 32))


def test_an_image_without_boxes_is_exact() -> None:
    assert Fitted([], True, 0) == fitted([], (64, 32))


@given(
    st.fixed_dictionaries(
        {"label": st.text(max_size=3)},
        optional=dict.fromkeys(("x", "y", "width", "height"), st.integers(-100, 100) | st.floats(-100, 100)),
    ),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
def test_a_fitted_box_has_a_size_and_is_inside(found: dict[str, Any], size: tuple[int, int]) -> None:
    boxes, is_exact, _ = fitted([found], size)
    for label, x, y, width, height in boxes:
        assert is_plain(label)
        assert x >= 0
        assert y >= 0
        assert width > 0
        assert height > 0
        assert x + width <= size[0] + 1e-6
        assert y + height <= size[1] + 1e-6
    assert not is_exact or found == boxes[0]._asdict()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(3, "3"), (3.0, "3"), (-0.0, "0"), (0.5, "0.5"), (1e-5, "0.00001"), (-2.25, "-2.25"), (1e6, "1000000")],
)
def test_a_number_is_short_and_has_no_exponent(number: float, expected: str) -> None:
    assert expected == written(number)


@given(st.integers(-(10**12), 10**12).map(lambda millionths: millionths / 10**6))
def test_a_coordinate_is_read_back_unchanged(number: float) -> None:
    assert number == float(written(number)) == json.loads(written(number))
