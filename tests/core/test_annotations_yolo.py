"""Lines of numbers in fractions of the image become boxes, and a line that is not understood costs its image only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations import shapes, yolo, yolo_keras
from eisync.core.annotations.shapes import KEYPOINTS, OUTLINE
from eisync.core.labels.entry import Entry, Region


def boxes(*regions: Region, remark: str | None = None) -> Entry:
    return Entry(path="", regions=list(regions), is_relative=True, is_numbered=True, remark=remark)


def region(label: str, left: float, top: float, width: float, height: float, line: int = 1) -> Region:
    return Region(label, left, top, width, height, f"line {line}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", boxes()),
        ("\n \r\n", boxes()),
        ("45 0.5 0.5 0.25 0.5", boxes(region("45", 0.375, 0.25, 0.25, 0.5))),
        (
            "\ufeff0 .5 .5 1 1\r\n\r\n3.000000 0.5\t0.5 5e-1 0.5\r\n",
            boxes(region("0", 0, 0, 1, 1), region("3", 0.25, 0.25, 0.5, 0.5, 3)),
        ),
        ("0 0.5 0.5 0.5 0.5 0.9271", boxes(region("0", 0.25, 0.25, 0.5, 0.5))),
        ("0 0.25 0.5 0.5 0.25 0.75 0.75", boxes(region("0", 0.25, 0.25, 0.5, 0.5), remark=OUTLINE)),
        ("1 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5", boxes(region("1", 0.25, 0.25, 0.25, 0.25), remark=OUTLINE)),
        ("0 0.5 0.5 0.5 0.5 0.25 0.25 2", boxes(region("0", 0.25, 0.25, 0.5, 0.5), remark=KEYPOINTS)),
        ("0 0.5 0.5 0.5 0.5 0.25 0.25 2 0.75 0.5 0", boxes(region("0", 0.25, 0.25, 0.5, 0.5), remark=KEYPOINTS)),
        ("0 0 0 1 0 1 1 0 1 0 0", boxes(region("0", 0, 0, 1, 1), remark=OUTLINE)),
        ("0 0.5 0.5 0 0", boxes(region("0", 0.5, 0.5, 0, 0))),
        ("0 1.5 0.5 0.5 0.5", boxes(region("0", 1.25, 0.25, 0.5, 0.5))),
    ],
)
def test_a_text_is_the_boxes_of_an_image(text: str, found: Entry) -> None:
    assert [found] == list(yolo.entries([text]))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 0.5 0.5 0.5", "line 1 has 4 numbers; a box has 5, and an outline an odd number from 7"),
        ("0 0.5 0.5 0.5 0.5\n0\n", "line 2 has 1 numbers; a box has 5, and an outline an odd number from 7"),
        ("\n0 0.1 0.1 0.1 0.1 0.5 0.5 0.7", "line 2 has 8 numbers; a box has 5, and an outline an odd number from 7"),
        ("0 0.5 0.5 0.5 0.5 17", "line 1 has a sixth number that is not a confidence from 0 to 1: 17"),
        ("cat 0.5 0.5 0.5 0.5", "line 1 begins with 'cat', which is not the number of a class"),
        ("-1 0.5 0.5 0.5 0.5", "line 1 begins with '-1', which is not the number of a class"),
        ("0.5 0.5 0.5 0.5 0.5", "line 1 begins with '0.5', which is not the number of a class"),
        ("0 0.5 0.5 0.5 nan", "line 1 has 'nan' where a number belongs"),
        ("0 0.5 0.5 0.5 1e999", "line 1 has '1e999' where a number belongs"),
        ("0 0,5 0,5 0,5 0,5", "line 1 has '0,5' where a number belongs"),
    ],
)
def test_a_line_that_is_no_box_is_named(text: str, problem: str) -> None:
    assert [Entry(path="", problem=problem)] == list(yolo.entries([text]))


def test_keypoints_without_visibility_need_the_shape_that_data_yaml_gives() -> None:
    text = "0 0.5 0.5 0.5 0.5 0.25 0.25 0.75 0.5\n0 0.5 0.5 1 1"
    first, second = region("0", 0.25, 0.25, 0.5, 0.5), region("0", 0, 0, 1, 1, 2)
    assert [boxes(first, second, remark=KEYPOINTS)] == list(yolo.entries([text], keypoints=(2, 2)))
    assert [Entry(path="", problem="line 1 has 9 numbers, and 5 or 11 are expected (kpt_shape)")] == list(
        yolo.entries([text], keypoints=(2, 3))
    )


def test_an_image_has_so_many_boxes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yolo, "MOST_REGIONS", 1)
    assert [Entry(path="", problem="line 2 is the box number 2, which is too many")] == list(
        yolo.entries(["0 0 0 1 1\n" * 3])
    )


@pytest.mark.parametrize(
    ("name", "head", "is_yolo"),
    [
        ("a.txt", "0 0.5 0.5 0.25 0.5\n", True),
        ("A.TXT", "\ufeff0 0.5 0.5 0.25 0.5 0.9\r\n1 0.25 0.5 0.5 0.25 0.75 0.75\r\n", True),
        ("a.txt", "0 0.5 0.5 0.25 0.5\n0 0.5 0.", True),
        ("a.txt", "0 0.5 0.5 0.25 0.5", True),
        ("a.txt", "", True),
        ("a.txt", "\n", True),
        ("a.csv", "0 0.5 0.5 0.25 0.5\n", False),
        ("a.txt", "cat\ndog\n", False),
        ("a.txt", "1 2 3\n4 5 6\n", False),
        ("a.txt", "12 80 81 82 83\n13 84 85 86 87\n", False),
        ("a.txt", "0 0.5 0.5 0.25 0.5\n0.1 0.2 0.3 0.4 0.5\n", False),
        ("a.txt", "0 0.5 0.5 0.25 0.5\nx y\n", False),
    ],
)
def test_texts_with_boxes_are_recognised(name: str, head: str, is_yolo: bool) -> None:
    assert is_yolo == yolo.recognises(name, head)


FRACTIONS = st.integers(0, 1000).map(lambda number: number / 1000)


@given(found=st.lists(st.tuples(st.integers(0, 80), FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS), max_size=5))
def test_as_many_boxes_come_out_as_went_in(found: list[tuple[float, ...]]) -> None:
    (entry,) = yolo.entries(["".join(" ".join(map(str, one)) + "\n" for one in found)])
    assert [(str(label), width, height) for label, _, _, width, height in found] == [
        (one.label, one.width, one.height) for one in entry.regions or ()
    ]


def keras(path: str, *regions: Region, line: int = 1) -> Entry:
    return Entry(path=path, regions=[one._replace(where=f"line {line}") for one in regions], is_numbered=True)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a.jpg 10,20,30,50,0", keras("a.jpg", region("0", 10, 20, 20, 30))),
        (
            ".\\im\\my cat, two.jpg  10,20,30,50,0\t1,2,3,4,12",
            keras("im/my cat, two.jpg", region("0", 10, 20, 20, 30), region("12", 1, 2, 2, 2)),
        ),
        ("\ufeffa.jpg", keras("a.jpg")),
        (
            "a.jpg 1,2,3,4",
            Entry(path="a.jpg", problem="line 1 has a box that is not four numbers and the number of a class: 1,2,3,4"),
        ),
        (
            "a.jpg nan,2,3,4,5",
            Entry(
                path="a.jpg", problem="line 1 has a box that is not four numbers and the number of a class: nan,2,3,4,5"
            ),
        ),
        (
            "a.jpg 1,2,3,4,-5",
            Entry(path="a.jpg", problem="line 1 has a box whose class is not a whole number from 0: 1,2,3,4,-5"),
        ),
        (
            "a.jpg 1,2,3,4,.5",
            Entry(path="a.jpg", problem="line 1 has a box whose class is not a whole number from 0: 1,2,3,4,.5"),
        ),
    ],
)
def test_a_line_of_keras_yolo3_is_an_image_with_its_boxes(line: str, found: Entry) -> None:
    assert [found, keras("b.png", line=3)] == list(yolo_keras.entries([f"{line}\n\nb.png"]))


@pytest.mark.parametrize("line", ["1,2,3,4,5", "hello", "a.jpg 1 2 3 4 5"])
def test_a_line_without_the_name_of_an_image_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 does not begin with the name of an image"):
        list(yolo_keras.entries([f"a.jpg\n{line}\n"]))


def test_a_line_of_keras_yolo3_has_so_many_boxes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yolo_keras, "MOST_REGIONS", 1)
    assert [Entry(path="a.jpg", problem="line 1 has more than 1 boxes")] == list(
        yolo_keras.entries(["a.jpg 1,2,3,4,0 1,2,3,4,0"])
    )
    assert 10_000 == shapes.MOST_REGIONS


@pytest.mark.parametrize(
    ("name", "head", "is_keras"),
    [
        ("_annotations.txt", "a.jpg 10,20,30,40,0\nb.jpg\n", True),
        ("train.txt", "a.jpg 10,20,30,40,0\nb.jpg 10,20,3", True),
        ("train.txt", "images/a.jpg\nimages/b.jpg\n", False),
        ("a.txt", "0 0.5 0.5 0.25 0.5\n", False),
        ("a.txt", "some, text\n", False),
        ("a.txt", "", False),
        ("a.csv", "a.jpg 10,20,30,40,0\n", False),
    ],
)
def test_lists_of_keras_yolo3_are_recognised(name: str, head: str, is_keras: bool) -> None:
    assert is_keras == yolo_keras.recognises(name, head)
