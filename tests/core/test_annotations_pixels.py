"""Boxes become whole pixels inside the image, and one that cannot is named with its line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations import yolo
from eisync.core.annotations.pixels import boxes_in_pixels
from eisync.core.labels.entry import Region

SIZE = (100, 80)


def placed(*box: float, is_relative: bool = False) -> tuple[int, ...]:
    """Return where the one box comes to lie."""
    left, top, width, height = box
    (found,) = boxes_in_pixels(
        [Region("cat", left, top, width, height, "line 3")],
        is_relative=is_relative,
        said_size=None,
        size=SIZE,
        names=None,
    )
    return found["x"], found["y"], found["width"], found["height"]


@pytest.mark.parametrize(
    ("box", "found"),
    [
        ((10, 20, 30, 40), (10, 20, 30, 40)),
        ((0, 0, 100, 80), (0, 0, 100, 80)),
        ((10.4, 20.6, 30.4, 40), (10, 21, 31, 40)),
        ((-1, -0.4, 101, 81), (0, 0, 100, 80)),
        ((50, 40, 51, 41), (50, 40, 50, 40)),
        ((10, 20, 0.2, 0.2), (10, 20, 1, 1)),
        ((99.9, 79.9, 0.05, 0.1), (99, 79, 1, 1)),
        ((-0.9, 0, 1.1, 10), (0, 0, 1, 10)),
    ],
)
def test_edges_are_rounded_to_pixels_inside_the_image(box: tuple[float, ...], found: tuple[int, ...]) -> None:
    assert found == placed(*box)


def test_fractions_are_of_the_width_and_the_height() -> None:
    assert (25, 20, 50, 40) == placed(0.25, 0.25, 0.5, 0.5, is_relative=True)


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ((10, 20, 0, 40), "the box has no size; remove it, or draw it again"),
        ((10, 20, 30, -40), "the box has no size; remove it, or draw it again"),
        ((-1.5, 0, 10, 10), "the box reaches 1.5 pixels beyond the left edge of the image; draw it again"),
        ((90, 0, 12, 10), "the box reaches 2.0 pixels beyond the right edge of the image; draw it again"),
        ((0, -2000, 10, 10), "the box reaches 2,000.0 pixels beyond the top edge of the image; draw it again"),
        ((0, 75, 10, 10), "the box reaches 5.0 pixels beyond the bottom edge of the image; draw it again"),
        ((-0.9, 0, 0.2, 10), "the box is outside the image; remove it, or draw it again"),
        ((100.5, 0, 0.4, 10), "the box is outside the image; remove it, or draw it again"),
        ((float("nan"), 0, 10, 10), "the box is not given by numbers"),
        ((0, 0, 10, float("inf")), "the box is not given by numbers"),
    ],
)
def test_a_box_that_is_not_in_the_image_is_named(box: tuple[float, ...], problem: str) -> None:
    with pytest.raises(ValueError) as raised:
        placed(*box)
    assert f"line 3: {problem}" == str(raised.value)


def resolved(**members: Any) -> list[dict[str, Any]]:
    found = {"is_relative": True, "said_size": None, "size": SIZE, "names": {"0": "cat"}, **members}
    return boxes_in_pixels([Region("0", 0, 0, 0.5, 0.5, "line 3")], **found)


def test_the_names_of_numbers_come_from_the_list_of_classes() -> None:
    assert [{"label": "cat", "x": 0, "y": 0, "width": 50, "height": 40}] == resolved()
    assert "0" == resolved(names=None)[0]["label"]
    with pytest.raises(ValueError, match=r"^line 3: class '0' is not in the list of classes; add it there$"):
        resolved(names={"1": "cat"})


def test_the_image_must_have_the_size_that_the_annotation_says() -> None:
    assert 50 == resolved(said_size=SIZE)[0]["width"]
    with pytest.raises(ValueError, match=r"^it is about an image of 64 × 48 pixels, and this one has 100 × 80; annot"):
        resolved(said_size=(64, 48))
    with pytest.raises(ValueError, match="EXIF orientation says; save the image upright"):
        resolved(said_size=SIZE[::-1])
    assert [] == boxes_in_pixels([], is_relative=True, said_size=(1, 1), size=SIZE, names=None)  # nothing can lie wrong


@st.composite
def boxes_of_an_image(draw: st.DrawFn) -> tuple[tuple[int, int], list[dict[str, Any]]]:
    width, height = draw(st.integers(1, 8000)), draw(st.integers(1, 8000))
    found = []
    for _ in range(draw(st.integers(1, 3))):
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        w, h = draw(st.integers(1, width - x)), draw(st.integers(1, height - y))
        found.append({"label": "cat", "x": x, "y": y, "width": w, "height": h})
    return (width, height), found


@given(made=boxes_of_an_image(), digits=st.sampled_from([6, 8, 17]))
def test_boxes_are_the_same_after_they_were_fractions(
    made: tuple[tuple[int, int], list[dict[str, Any]]], digits: int
) -> None:
    (width, height), boxes = made
    lines = [
        " ".join(
            f"{one:.{digits}f}"
            for one in (
                0,
                (box["x"] + box["width"] / 2) / width,
                (box["y"] + box["height"] / 2) / height,
                box["width"] / width,
                box["height"] / height,
            )
        )
        for box in boxes
    ]
    (entry,) = yolo.entries(["\n".join(lines)])
    assert boxes == boxes_in_pixels(
        entry.regions or [],
        is_relative=True,
        said_size=None,
        size=(width, height),
        names={"0": "cat"},
    )


EDGES = st.floats(-2, 102, allow_nan=False)


@given(left=EDGES, top=EDGES, width=EDGES, height=EDGES)
def test_a_box_is_inside_the_image_or_refused(left: float, top: float, width: float, height: float) -> None:
    try:
        x, y, wide, high = placed(left, top, width, height)
    except ValueError:
        return
    assert 0 <= x < x + wide <= SIZE[0]
    assert 0 <= y < y + high <= SIZE[1]
    assert abs(x - left) <= 1
    assert abs(x + wide - left - width) <= 1
    assert (x, y, wide, high) == placed(x, y, wide, high)
