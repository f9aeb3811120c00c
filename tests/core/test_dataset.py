import json
from dataclasses import replace
from typing import Any

import pytest

from eisync.core.dataset import WholeSample, file_name, fitting_name, info_labels_entry, sample_of
from eisync.core.labels.entry import Entry
from eisync.core.labels.sidecars import read_entries

BOX = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
RANGE = {"startIndex": 0, "endIndex": 2, "label": "a"}


def sample(**more: Any) -> WholeSample:
    return WholeSample(**{"id": 7, "name": "wave.01", "category": "training", **more})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (sample(sent_as="wave.01.csv", stored_as="wave.01.csv.28kmrth3.pod.json"), "wave.01.csv"),
        (sample(sent_as="other.png", stored_as="other.png.28kmrth3.pod.jpg"), "wave.01.png"),
        (sample(sent_as="other.CSV"), "wave.01.CSV"),
        (sample(sent_as="noextension", stored_as="x.28kmrth3.pod.cbor"), "wave.01.cbor"),
        (sample(), "wave.01"),
        (sample(name="", sent_as="a.csv"), "7.csv"),
    ],
)
def test_a_file_has_the_name_of_its_sample_and_the_extension_that_was_sent(found: WholeSample, expected: str) -> None:
    assert expected == file_name(found)


@pytest.mark.parametrize(
    ("name", "beginning", "expected"),
    [
        ("a.csv", b"timestamp,x\n", "a.csv"),
        ("a.csv", b' {"protected"', "a.json"),
        ("a.TXT", b'{"protected"', "a.json"),
        ("a.cbor", b'{"protected"', "a.cbor"),
        ("a.png", b"\xff\xd8\xff", "a.png"),
        ("a", b'{"protected"', "a.json"),
        ("a", b"\x89PNG\r\n", "a.png"),
        ("a", b"\xff\xd8\xff\xe0", "a.jpg"),
        ("a", b"RIFF\0\0\0\0WAVEfmt ", "a.wav"),
        ("a", b"RIFF\0\0\0\0AVI LIST", "a.avi"),
        ("a", b"\0\0\0\x18ftypmp42", "a.mp4"),
        ("a", b"PAR1", "a.parquet"),
        ("a", b"\xa3iprotected", "a.cbor"),
        ("a", b"x,y\n1,2\n", "a.csv"),
        ("wave.01", b"x,y\n1,2\n", "wave.01.csv"),
    ],
)
def test_the_extension_fits_the_content(name: str, beginning: bytes, expected: str) -> None:
    assert expected == fitting_name(name, beginning)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (sample(label="wave"), {"label": "wave"}),
        (sample(), {"is_unlabeled": True}),
        (sample(label="wave", structured_labels=[RANGE]), {"label": "wave", "structured_labels": [RANGE]}),
        (sample(structured_labels=[RANGE]), {"structured_labels": [RANGE]}),
        (sample(label_map={"k": "v"}), {"label_map": {"k": "v"}}),
        (sample(label="a", boxes=[BOX]), {"label": "a", "bounding_boxes": [BOX]}),
        (sample(label="a", metadata={"k": "v"}), {"label": "a", "metadata": {"k": "v"}}),
        (sample(label="a", category="testing"), {"label": "a", "category": "testing"}),
    ],
)
def test_an_entry_is_read_back_as_the_sample(found: WholeSample, expected: dict[str, Any]) -> None:
    text = json.dumps({"version": 1, "files": [info_labels_entry(found, "training/wave.01.csv")]})
    assert [
        Entry(path="training/wave.01.csv", **{"name": "wave.01", "category": "training", **expected})
    ] == read_entries(text)


@pytest.mark.parametrize(
    "known",
    [
        sample(label="wave", metadata={"k": "v"}, boxes=[BOX]),
        sample(name="", category="testing"),
        sample(label="wave", structured_labels=[RANGE]),
        sample(structured_labels=[RANGE]),
        sample(label="a", label_map={"k": "v"}),
        sample(label_map={"k": "v"}),
    ],
)
def test_a_sample_is_read_back_from_its_entry(known: WholeSample) -> None:
    entry = json.loads(json.dumps(info_labels_entry(known, "training/a.csv")))
    found = sample_of(entry)
    assert replace(known, id=0) == replace(found, boxes=[*found.boxes] or (), structured_labels=found.structured_labels)
