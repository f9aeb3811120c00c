"""Lists of files for training, validation or testing, as Speech Commands, Darknet and Pascal VOC have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.file_list import CATEGORIES, reader, recogniser
from eisync.core.labels.entry import Entry, relative_path
from eisync.core.model import Category

TRAINING, VALIDATION, TESTING = Category.TRAINING, Category.VALIDATION, Category.TESTING


@pytest.mark.parametrize(
    ("name", "head", "category"),
    [
        ("testing_list.txt", "bed/0c40e715_nohash_0.wav\nbed/0ea0e2f4_nohash_0.wav\n", TESTING),
        ("validation_list.txt", "bed/026290a7_nohash_0.wav\n", VALIDATION),
        ("train.txt", "data/obj/im 0.jpg\r\ndata/obj/im1.JPG\r\n", TRAINING),
        ("Test.TXT", "\ufeffa.csv\n", TESTING),
        ("train_files.txt", "a.json\n", TRAINING),
        ("sensor-test-set.txt", "a.cbor\n", TESTING),
        ("val.txt", "2007_000027\n2007_000032\n", VALIDATION),
        ("val.txt", "000012\n000017\n", VALIDATION),
        ("train.txt", "\n\na.wav\n\n", TRAINING),
        # Numbers may be readings, and a class list has other names.
        ("train.txt", "12\n17\n", None),
        ("train.txt", "1.5\n1.7\n", None),
        ("train.txt", "", None),
        ("train.txt", "\n \n", None),
        ("train.txt", "a\0b\n", None),
        ("train.txt", "x,y\n1,2\n", None),
        ("train.txt", "im0.jpg 1\n", None),
        ("train.txt", "a.wav\nand a sentence\n", None),
        ("trainer.txt", "a.wav\n", None),
        ("train.csv", "a.wav\n", None),
        ("a_b_train.txt", "a.wav\n", None),
    ],
)
def test_a_list_is_recognised_by_its_name_and_lines(name: str, head: str, category: Category | None) -> None:
    assert [category] * (category is not None) == [one for one in CATEGORIES if recogniser(one)(name, head)]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], []),
        (["a.wav\n", "b.wav"], [("a.wav", 1), ("b.wav", 2)]),
        (["a.w", "av\r", "\n\r\nb.wav\r\n"], [("a.wav", 1), ("b.wav", 3)]),
        (["\ufeff./set\\a b.wav \n"], [("set/a b.wav", 1)]),
    ],
)
def test_each_line_gives_the_category_of_a_file(pieces: list[str], expected: list[tuple[str, int]]) -> None:
    found = [Entry(path=path, category="testing", where=f"line {number}") for path, number in expected]
    assert found == list(reader(TESTING)(pieces))


@given(
    st.lists(st.text("abc0/._- ", min_size=1, max_size=8).filter(lambda one: relative_path(one.strip())), max_size=6)
)
def test_a_list_names_as_many_files_as_it_has_lines(names: list[str]) -> None:
    assert len(names) == len(list(reader(TRAINING)(["\n".join(names)])))
