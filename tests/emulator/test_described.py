"""What describes a file is stored with it: labels of its own, companion parts, attachments."""

import json
from typing import Any

import pytest

from .wire import Client, acquisition, csv


@pytest.mark.parametrize(
    ("ranges", "shown"),
    [
        ([[5, 9, "b"], [0, 5, "a"]], [[0, 5, "a"], [6, 9, "b"]]),
        ([[0, 4, "a"], [5, 9, "a"]], [[0, 9, "a"]]),
        (None, None),
    ],
)
def test_an_acquisition_file_may_hold_structured_labels(client: Client, ranges: Any, shown: Any) -> None:
    keys = ("startIndex", "endIndex", "label")
    labels = None if ranges is None else [dict(zip(keys, one, strict=True)) for one in ranges]
    document = acquisition(values=list(range(10)), structured_labels=labels)
    client.upload([("a.json", json.dumps(document).encode())])
    found = client.listed()[0].get("structuredLabels")
    assert shown == (None if found is None else [[one[key] for key in keys] for one in found])


def test_the_companion_goes_before_the_labels_of_the_file_itself(client: Client) -> None:
    own, given = ([{"startIndex": 0, "endIndex": 1, "label": label}] for label in ("own", "given"))
    document = json.dumps(acquisition(structured_labels=own)).encode()
    companion = {"version": 1, "type": "structured-labels", "structuredLabels": {"b.json": given}}
    bad = json.dumps(acquisition(5, structured_labels=[{"startIndex": 1, "endIndex": 1, "label": "x"}])).encode()
    files = [("a.json", document), ("b.json", document), ("c.json", bad)]
    entries = client.upload([*files, ("structured_labels.labels", json.dumps(companion).encode())])
    assert [True, True, False] == [entry["success"] for entry in entries]
    assert [given, own] == [one["structuredLabels"] for one in client.listed()]


def test_attachments_have_no_entry_wherever_they_stand(client: Client) -> None:
    attachments = {"b.csv": [{"filename": "b.mov"}, {"filename": "b.txt"}], "a.csv": [{"filename": "away.pdf"}]}
    companion = json.dumps({"version": 1, "type": "attachments", "attachments": attachments}).encode()
    files = [
        ("b.mov", b"a film"),
        ("a.csv", csv(1)),
        ("attachments.labels", companion),
        ("bad.csv", b"1,2"),
        ("b.txt", b"no table"),
        ("b.csv", csv(2)),
    ]
    a, bad, b = client.upload(files)
    assert [True, False, True] == [one["success"] for one in (a, bad, b)]
    assert ["b", "a"] == [one["filename"] for one in client.listed()]
    assert [a["sampleId"], b["sampleId"]] == [one["id"] for one in reversed(client.listed())]
