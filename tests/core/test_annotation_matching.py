"""Which name in a shared document means a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.matching import (
    CLASSES,
    IMAGE,
    MOST_DIGITS,
    contradicts,
    exact_names,
    image_number,
    key_of,
    matching,
    number_in,
    shared_parts,
)
from eisync.core.labels.entry import Entry


def nothing_else(_: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [("a.jpg", "", ["a.jpg"]), ("d/train/a.jpg", "d", ["train/a.jpg", "a.jpg"])],
)
def test_exact_names_are_relative_to_the_folder(path: str, folder: str, expected: list[str]) -> None:
    assert expected == list(exact_names(path, folder))


@pytest.mark.parametrize(
    ("path", "named", "expected"),
    [
        ("train/a.jpg", ["/content/data/train/a.jpg", "/content/data/val/a.jpg"], ["/content/data/train/a.jpg"]),
        ("a.jpg", ["A.JPG"], ["A.JPG"]),
        ("0a1b.jpg", ["0a1b"], ["0a1b"]),
        ("a.jpg", ["a.png"], []),
        ("a.jpg", ["a.jpg.bak", "b"], []),
        ("train/a.jpg", ["x/a.jpg", "y/a.jpg"], ["x/a.jpg", "y/a.jpg"]),
        ("train/a.jpg", [], []),
        ("a.jpg", ["/"], []),
        ("train/a.jpg", ["TRAIN/a.jpg", "a.jpg"], ["TRAIN/a.jpg"]),
    ],
)
def test_the_name_with_the_most_common_parts_is_meant(path: str, named: list[str], expected: list[str]) -> None:
    assert expected == matching(path, named, nothing_else)


@pytest.mark.parametrize(
    ("below", "name", "expected"),
    [
        ("a.jpg", "a.jpg", False),
        ("a.jpg", "pool/a.jpg", False),  # the document is in `pool` itself
        ("a.jpg", "x/pool/images/a.jpg", False),
        ("a.jpg", "other/a.jpg", True),
        ("a.jpg", "images/a.jpg", False),
        ("images/a.jpg", "other/a.jpg", True),
        ("pool/a.jpg", "a.jpg", False),
        ("pool/a.jpg", "other/a.jpg", True),
        ("POOL/a.jpg", "pool/a.jpg", False),
        ("x/pool/a.jpg", "y/pool/a.jpg", True),
        ("pool/a.jpg", "set/pool/a.jpg", False),
        # Folders of data say nothing.
        ("pool/a.jpg", "images/a.jpg", False),
        ("pool/images/a.jpg", "pool/a.jpg", False),
        ("images/other/a.jpg", "JPEGImages/pool/a.jpg", True),
        # Categories in any form.
        ("train/a.jpg", "val2017/a.jpg", True),
        ("train/a.jpg", "train2017/a.jpg", False),
        ("x/train/a.jpg", "y/train2017/a.jpg", True),
        ("train/test_1.jpg", "train/test_1.jpg", False),
        ("train/images/a.jpg", "pool/a.jpg", True),
        # Of another machine.
        ("pool/a.jpg", "/data/upload/1/a.jpg", False),
        ("pool/a.jpg", "C:/Users/ann/a.jpg", False),
        ("pool/a.jpg", "s3:/bucket/a.jpg", False),
        ("pool/a.jpg", "../input/a.jpg", False),
        ("train/a.jpg", "/content/val/a.jpg", True),
        ("train/a.jpg", "/content/train/a.jpg", False),
    ],
)
def test_a_name_in_another_folder_contradicts(below: str, name: str, expected: bool) -> None:
    assert expected is contradicts(below, name, "/data/pool/")


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        (f"{IMAGE}139", 139),
        (f"{IMAGE}0", 0),
        (f"{IMAGE}{'9' * MOST_DIGITS}", 10**MOST_DIGITS - 1),
        (f"{IMAGE}{'9' * (MOST_DIGITS + 1)}", None),
        (f"{IMAGE}007", None),  # another image than 7
        (f"{IMAGE}-1", None),
        (f"{IMAGE}²", None),
        (f"{IMAGE}٣", None),
        (f"{IMAGE}a1", None),
        (IMAGE, None),
        (CLASSES, None),
        ("139", None),
    ],
)
def test_an_image_has_a_number_if_it_fits(reference: str, number: int | None) -> None:
    assert number == number_in(reference)


@pytest.mark.parametrize(
    ("entry", "number"),
    [
        (Entry(path=f"{IMAGE}7", regions=[]), 7),
        (Entry(path=f"{IMAGE}7"), None),
        (Entry(path=f"{IMAGE}7", regions=[], problem="p"), None),
        (Entry(path=f"{IMAGE}7", regions=[], remark="r"), None),
        (Entry(path="a.jpg", regions=[]), None),
    ],
)
def test_only_boxes_alone_belong_to_a_number(entry: Entry, number: int | None) -> None:
    assert number == image_number(entry)


def test_a_name_of_another_existing_file_is_not_meant() -> None:
    assert [] == matching("b/a.jpg", ["c/a.jpg"], lambda name: name == "c/a.jpg")


@pytest.mark.parametrize(
    ("path", "name", "parts"),
    [
        ("train/a.jpg", "/content/train/a.jpg", 2),
        ("train/a.jpg", "a.jpg", 1),
        ("TRAIN/a.jpg", "train/A.JPG", 2),
        ("a.jpg", "x/a.jpg", 1),
        ("x/y/a.jpg", "x/z/a.jpg", 1),
        ("a.jpg", "b.jpg", 0),
        ("a.jpg", "/", 0),
        ("images/a.jpg", "images/1a2b3c4d-a.jpg", 2),
    ],
)
def test_parts_are_counted_from_the_end(path: str, name: str, parts: int) -> None:
    assert parts == shared_parts(path, name)


@pytest.mark.parametrize(
    ("name", "key"),
    [("x/Im0.JPG", "im0"), ("frame.001", "frame.001"), ("a.b.csv", "a.b"), (CLASSES, CLASSES), (".jpg", ".jpg")],
)
def test_keys(name: str, key: str) -> None:
    assert key == key_of(name)


NAMES = st.text("ab/.", min_size=1, max_size=8)


@given(path=st.sampled_from(["a.jpg", "a/b.jpg", "a/a/b.png"]), named=st.lists(NAMES, max_size=5))
def test_what_is_meant_is_among_the_names_and_ends_like_the_file(path: str, named: list[str]) -> None:
    for name in matching(path, named, nothing_else):
        assert name in named
        last = [part for part in name.split("/") if part][-1]
        assert path.rpartition("/")[2].startswith(last)
