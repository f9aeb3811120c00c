"""What the emulator refuses of its own invention, and what it does when the switch is off."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings

from .wire import TIMEOUT_S, Client, File, csv, sha256


def small(**changes: Any) -> EmulatorSettings:
    return EmulatorSettings(studio_port=0, ingestion_port=0, **changes)


def with_switches(files: Sequence[File], headers: Mapping[str, str | bytes] | None = None, **switches: Any) -> Any:
    """The entries for files that a fresh emulator is sent, and the samples it holds then."""
    with running_emulator(small(**switches)) as emulator:
        client = Client(emulator)
        with client.session:
            return client.upload(files, headers=headers), client.listed()


@pytest.mark.parametrize(
    ("value", "zero_counts", "is_refused"),
    [
        ("1", False, True),
        ("true", False, True),
        ("yes", False, True),
        ("", True, False),
        ("0", True, True),
        ("0", False, False),
        ("false", True, True),
        ("False", False, False),
    ],
)
def test_duplicates_are_disallowed_whenever_the_header_is_set(value: str, zero_counts: bool, is_refused: bool) -> None:
    headers = {"x-disallow-duplicates": value}
    files = [("a.csv", csv(1)), ("b.csv", csv(1))]
    (_, again), _ = with_switches(files, headers, zero_disallows_duplicates=zero_counts)
    assert again["success"] is not is_refused


@pytest.mark.parametrize(("decode_labels", "label"), [(True, "up & away"), (False, "up%20%26%20away")])
def test_a_switch_decides_whether_labels_are_decoded(decode_labels: bool, label: str) -> None:
    headers = {"x-label": "up%20%26%20away"}
    _, (sample,) = with_switches([("a.csv", csv(1))], headers, decode_labels=decode_labels)
    assert sample["label"] == label


def test_metadata_that_is_no_text_is_written_as_text_when_the_switch_says_so() -> None:
    metadata = json.dumps({"site": "lab", "n": 1, "ok": True, "at": [1, 2], "none": None})
    _, (sample,) = with_switches([("a.csv", csv(1))], {"x-metadata": metadata}, refuse_metadata_not_text=False)
    assert sample["metadata"] == {"site": "lab", "n": "1", "ok": "true", "at": "[1, 2]", "none": "null"}


@pytest.mark.parametrize(
    ("name", "body", "chart_type"),
    [("a.wav", b"RIFF", "chart"), ("a.png", b"GIF89a", "image"), ("a.jpg", b"\xff\xd8", "image")],
)
def test_media_that_cannot_be_understood_are_stored_when_the_switch_says_so(
    name: str, body: bytes, chart_type: str
) -> None:
    _, (sample,) = with_switches([(name, body)], refuse_broken_media=False)
    assert (sample["chartType"], sample["sha256Hash"]) == (chart_type, sha256(body))


@pytest.mark.parametrize(
    ("name", "error"), [("a.mp4", None), ("a.parquet", None), ("a.csv", "Could not parse this CSV"), ("a.json", "Inv")]
)
def test_what_an_empty_file_is_called_decides_when_the_switch_says_so(name: str, error: str | None) -> None:
    (entry,), _ = with_switches([(name, b"")], refuse_empty_files=False)
    assert entry["success"] is (error is None)
    assert str(entry.get("error", "")).startswith(error or "")


@pytest.mark.parametrize(("refuse_by_role", "status"), [(True, 403), (False, 200)])
def test_what_a_role_allows_is_decided_by_a_switch(refuse_by_role: bool, status: int) -> None:
    with running_emulator(small(refuse_by_role=refuse_by_role)) as emulator:
        keys = [{"key": "ei_reader", "role": "readonly"}, {"key": "ei_device", "role": "ingestiononly"}]
        project = emulator.add_project(keys=keys)
        reader, device = Client(emulator, "ei_reader"), Client(emulator, "ei_device")
        assert reader.post_form([("a.csv", csv(1))]).status_code == status
        url = f"{emulator.studio_url}/api/{project['id']}/raw-data/count?category=all"
        assert device.session.get(url, headers=device.headers(), timeout=TIMEOUT_S).status_code == status
