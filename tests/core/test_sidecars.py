import json

import pytest

from eisync.core.sidecars import Entry, read_entries

BOX = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
RANGE = {"startIndex": 0, "endIndex": 2, "label": "a"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"path": "a.csv"}, Entry(path="a.csv")),
        ({"path": "testing/a.csv"}, Entry(path="testing/a.csv", category="testing")),
        ({"path": "testing/a.csv", "category": "training"}, Entry(path="testing/a.csv", category="training")),
        ({"path": "testing\\a.csv"}, Entry(path="testing/a.csv", category="testing")),
        ({"path": "a.csv", "label": {"type": "unlabeled"}}, Entry(path="a.csv", is_unlabeled=True)),
        ({"path": "a.csv", "label": {"type": "label", "label": "x"}}, Entry(path="a.csv", label="x")),
        ({"path": "a.csv", "label": {"type": "label", "label": 0}}, Entry(path="a.csv", label="0")),
        ({"path": "a.csv", "label": "x"}, Entry(path="a.csv", label="x")),
        ({"path": "a.csv", "label": None}, Entry(path="a.csv")),
        (
            {"path": "a.csv", "label": {"type": "multi-label", "labels": [RANGE]}},
            Entry(path="a.csv", structured_labels=[RANGE]),
        ),
        (
            {"path": "a.csv", "label": {"type": "keyvalue-labels", "labels": {"k": "v"}}},
            Entry(path="a.csv", label_map={"k": "v"}),
        ),
        (
            {"path": "a.png", "boundingBoxes": [BOX], "metadata": {"k": "v"}},
            Entry(path="a.png", bounding_boxes=[BOX], metadata={"k": "v"}),
        ),
        ({"path": "a.png", "boundingBoxes": [], "metadata": None}, Entry(path="a.png")),
    ],
)
def test_an_entry_says_what_it_says_and_no_more(entry: dict[str, object], expected: Entry) -> None:
    assert [expected] == read_entries(json.dumps({"files": [entry]}))


@pytest.mark.parametrize(
    "text",
    [
        '{"version":1,"files":[{"path":"a"},{"path":"b"}]}',
        '{"files":[{"path":"a"},{"path":"b"}]}',
        '{"__ndjson":true,"version":1}\n{"path":"a"}\n\n{"path":"b"}\n',
        '{"__ndjson":true,"files":[{"path":"a"}]}\n{"files":[{"path":"b"}]}\n',
    ],
)
def test_an_account_is_read_in_every_form(text: str) -> None:
    assert ["a", "b"] == [entry.path for entry in read_entries(text)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "no list of files"),
        ("{}", "no list of files"),
        ('{"files": {}}', "no list of files"),
        ('{"files": [1]}', "no path"),
        ('{"files": [{"name": "a"}]}', "no path"),
        ('{"__ndjson":true}\n{"path":\n', "line 2"),
        ('{"__ndjson":true}\n{"name":"a"}\n', "line 2"),
    ],
)
def test_what_is_no_account_is_told(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_entries(text)
