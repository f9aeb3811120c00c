"""Which name in a shared document means a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.matching import CLASSES, exact_names, key_of, matching


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


def test_a_name_of_another_existing_file_is_not_meant() -> None:
    assert [] == matching("b/a.jpg", ["c/a.jpg"], lambda name: name == "c/a.jpg")


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
