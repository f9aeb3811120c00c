"""What goes along with a sample beyond the official SDK's fields: a map of labels, and files that belong to it."""

import email
import io
import json
from pathlib import Path
from typing import Any

import pytest

from eisync.data import Sample, download_samples_by_ids, upload_exported_dataset, upload_samples
from eisync.data.drafts import Draft, outgoing
from eisync.data.sending import _Body
from eisync.emulator.server import RunningEmulator

from .samples import acquisition, content, csv, held, waves


def parts(sample: Sample) -> list[tuple[str | None, bytes]]:
    """The name and the bytes of each part of the request that carries the sample."""
    body = b"".join(_Body([outgoing(Draft(sample), 0)], "B"))
    message = email.message_from_bytes(b"Content-Type: multipart/form-data; boundary=B\r\n\r\n" + body)
    found = []
    for part in message.walk():
        if not part.is_multipart():
            raw = part.get_payload(decode=True)
            assert isinstance(raw, bytes)
            found.append((part.get_filename(), raw))
    return found


# Label maps


@pytest.mark.parametrize(
    ("label_map", "expected"),
    [
        ({"site": "desk", "run": 7}, {"site": "desk", "run": "7"}),
        (["idle", "wave"], {"0": "idle", "1": "wave"}),
        (("idle",), {"0": "idle"}),
        ({"site": "Tu\u0308r", "note": None, "empty": ""}, {"site": "T\u00fcr"}),
        ({}, None),
        (None, None),
    ],
)
def test_a_label_map_arrives_and_comes_back(service: RunningEmulator, label_map: Any, expected: Any) -> None:
    sample = Sample(csv(1), "wave.01.csv", label="wave", label_map=label_map)
    assert upload_samples(sample).success
    assert ["wave"] == [one["label"] for one in held()]
    (found,) = download_samples_by_ids(sample.sample_id or 0)
    assert expected == found.label_map
    again = upload_samples(found, allow_duplicates=True)
    assert again.success
    assert [expected] * 2 == [one.label_map for one in download_samples_by_ids([one["id"] for one in held()])]


def test_a_label_map_of_another_form_fails_its_own_sample(service: RunningEmulator) -> None:
    response = upload_samples([*waves(2), Sample(csv(90), "odd.csv", label_map="site")])
    assert [2, 1] == [len(response.successes), len(response.fails)]
    assert "label_map must be a dict of names and labels, not str" == response.fails[0].error


def test_a_transform_may_change_the_label_map_of_a_dataset(service: RunningEmulator, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(acquisition(1))
    label = {"type": "keyvalue-labels", "labels": {"site": "desk"}}
    (tmp_path / "info.labels").write_text(json.dumps({"version": 1, "files": [{"path": "a.json", "label": label}]}))

    def transform(sample: Sample, file: str) -> None:
        assert {"site": "desk"} == sample.label_map
        sample.label_map = {"site": "field"}

    assert upload_exported_dataset(str(tmp_path), transform=transform).success
    assert [{"type": "key-values", "labels": {"site": "field"}}] == [one["labelMap"] for one in held()]


# Attachments


def test_attachments_go_in_the_request_of_their_sample() -> None:
    stream = io.BytesIO(b"skipped, a film")
    stream.seek(9)
    sample = Sample(csv(1), "a.csv", attachments={"film.mp4": stream, "notes.txt": "Größe"})
    companion = {"version": 1, "type": "attachments"} | {
        "attachments": {"a.csv": [{"filename": "film.mp4"}, {"filename": "notes.txt"}]}
    }
    *files, (name, raw) = parts(sample)
    assert [("a.csv", csv(1).encode()), ("film.mp4", b"a film"), ("notes.txt", "Größe".encode())] == files
    assert ("attachments.labels", companion) == (name, json.loads(raw))


def test_the_service_takes_attachments_for_none_of_its_samples(service: RunningEmulator) -> None:
    """Another sample of the same call may have the name of an attachment."""
    attached = Sample(csv(50), "a.csv", label="x", attachments={"wave.001.csv": b"not a sample", "b.bin": b"\0"})
    response = upload_samples([*waves(3, label="x"), attached])
    assert (True, 4) == (response.success, len(response.successes))
    assert csv(50).encode() == content(attached.sample_id or 0)
    assert ["a", "wave.000", "wave.001", "wave.002"] == [one["filename"] for one in held()]


@pytest.mark.parametrize(
    ("attachments", "text"),
    [
        (["film.mp4"], "attachments must be a dict of file names and data, not list"),
        ({"a.csv": b"x"}, "an attachment cannot be named a.csv: choose another name"),
        ({"info.labels": b"x"}, "an attachment cannot be named info.labels: choose another name"),
        ({"": b"x"}, "'' is not a file name"),
        ({"film.mp4": 5}, "Data of type int cannot be uploaded: pass bytes, text or a stream"),
    ],
)
def test_an_attachment_that_cannot_be_one_fails_its_own_sample(
    service: RunningEmulator, attachments: Any, text: str
) -> None:
    response = upload_samples([*waves(2), Sample(csv(90), "a.csv", attachments=attachments)])
    assert ([2, 1], text) == ([len(response.successes), len(response.fails)], response.fails[0].error)


def test_an_attachment_that_cannot_be_read_fails_its_own_sample(service: RunningEmulator) -> None:
    class Broken(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the card was pulled")

    class Wrapped:
        read = Broken().read

    response = upload_samples([*waves(2), Sample(csv(90), "a.csv", attachments={"film.mp4": Wrapped()})])
    assert [2, 1] == [len(response.successes), len(response.fails)]
    assert "the card was pulled" in str(response.fails[0].error)
