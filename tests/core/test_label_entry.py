"""An entry goes through the store unchanged, and names a file as eisync does."""

import pytest

from eisync.core.labels.entry import Entry, Region, Stretch, entry_of_boxes, packed, relative_path, unpacked


@pytest.mark.parametrize(
    "entry",
    [
        Entry(path="a"),
        Entry(path="ü.png", label="Böe", category="testing", metadata={"site": 1}, where="line 3"),
        Entry(path="a", is_unlabeled=True, bounding_boxes=[], attachments=2),
        Entry(path="a", regions=[Region("cat", 0.1, 0.2, 0.3, 0.4, "line 1")], is_relative=True, size=(640, 480)),
        Entry(path="a", regions=[], is_numbered=True, more="//7"),
        Entry(path="a", stretches=[Stretch("owl", 0.0, 1.5, "line 2")], remark="r"),
        Entry(path="a", label_map={"0": "cat"}, problem="p"),
    ],
)
def test_an_entry_is_stored_and_read_back(entry: Entry) -> None:
    found = unpacked(packed(entry))
    assert entry == found
    assert all(isinstance(one, Region) for one in found.regions or ())
    assert all(isinstance(one, Stretch) for one in found.stretches or ())


def test_an_entry_of_boxes_is_like_any_other() -> None:
    regions = [Region("1", 1, 2, 3, 4, "box 1")]
    made = entry_of_boxes("a", regions)
    assert Entry(path="a", regions=regions, is_numbered=True) == made
    assert unpacked(packed(made)) == made


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (".\\images\\a.png", "images/a.png"),
        ("a//b.png", "a/b.png"),
        ("a/./b.png", "a/b.png"),
        ("./a.png", "a.png"),
        ("a.png", "a.png"),
    ],
)
def test_a_path_is_written_as_eisync_does(written: str, path: str) -> None:
    assert path == relative_path(written)
