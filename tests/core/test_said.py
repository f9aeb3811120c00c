"""What entries say of a file, whatever the values."""

import pytest

from eisync.core.labels.entry import Entry
from eisync.core.labels.parts import PartKind
from eisync.core.labels.said import metadata_key, part_key, said_by


@pytest.mark.parametrize(
    ("entries", "parts", "said"),
    [
        ([], [], set()),
        ([Entry(path="a")], [], set()),
        ([Entry(path="a", label="")], [], set()),
        ([Entry(path="a", label="x")], [], {"label"}),
        ([Entry(path="a", is_unlabeled=True)], [], {"label"}),
        ([Entry(path="a", category="training")], [], {"category"}),
        (
            [Entry(path="a", metadata={"site": 1}), Entry(path="a", metadata={"by": "x"})],
            [],
            {"metadata site", "metadata by"},
        ),
        ([Entry(path="a", bounding_boxes=[])], [PartKind.BOXES], {"boxes"}),
    ],
)
def test_names_of_what_is_said(entries: list[Entry], parts: list[PartKind], said: set[str]) -> None:
    assert said == said_by(entries, parts)


def test_no_two_names_are_equal() -> None:
    names = ["label", "category", *map(part_key, PartKind), metadata_key("label"), metadata_key("boxes")]
    assert len(names) == len(set(names))
