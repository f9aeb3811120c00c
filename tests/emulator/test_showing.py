"""A page of the listing is written by hand; it must be what one sample alone is shown as, byte for byte."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.emulator.model import Facts, Sample, Sensor
from eisync.emulator.showing import iso, show_sample, write_samples

FACTS = Facts(chart_type="chart", sensors=(Sensor("accX", "m/s2"),), interval_ms=10.0, values_count=3)
PLAIN = Sample(
    id=1,
    project_id=2,
    category="training",
    label="idle",
    filename="wave.01",
    stored_name="wave.01.csv.0000.pod.json",
    sha256="ab" * 32,
    size_bytes=60,
    added_ms=1_700_000_000_000,
    modified_ms=1_700_000_000_000,
    is_disabled=False,
    facts=FACTS,
)
ODD: list[dict[str, Any]] = [
    {},
    {"id": 2**53, "is_disabled": True, "modified_ms": 1_700_000_000_007},
    {"label": 'a "quoted" \\ one\n', "filename": "größe 😀 \x00", "stored_name": "\ud800.csv.0000.pod.json"},
    {"metadata": {}},
    {"metadata": {"site": "lab", "größe": "…"}},
    {"boxes": ({"label": "cat", "x": 1, "y": 2, "width": 3, "height": 4},)},
    {"structured_labels": ()},
    {"structured_labels": ({"startIndex": 0, "endIndex": 2, "label": "a", "labelMap": {"k": "v"}},)},
    {"label_map": {"k": "v"}},
    {"label_map": {"k": "v"}, "structured_labels": ({"startIndex": 0, "endIndex": 2, "label": "a"},)},
    {"facts": replace(FACTS, created_ms=1_600_000_000_123, device_name="d", image_size=(4, 3))},
    {"facts": Facts(chart_type="image")},
]


def written_one_by_one(samples: list[Sample], exclude_sensors: bool) -> str:
    shown = [show_sample(one, exclude_sensors=exclude_sensors) for one in samples]
    return json.dumps(shown, separators=(",", ":"))


@pytest.mark.parametrize("exclude_sensors", [False, True])
def test_a_page_is_written_as_its_samples_are_shown(exclude_sensors: bool) -> None:
    samples = [replace(PLAIN, **odd) for odd in ODD] * 2
    assert (
        written_one_by_one(samples, exclude_sensors) == f"[{write_samples(samples, exclude_sensors=exclude_sensors)}]"
    )
    assert "" == write_samples([])


@given(
    label=st.text(),
    filename=st.text(),
    metadata=st.none() | st.dictionaries(st.text(), st.text()),
    at=st.integers(0, 2**42),
)
def test_any_text_is_written_as_it_is_shown(
    label: str, filename: str, metadata: dict[str, str] | None, at: int
) -> None:
    one = replace(PLAIN, label=label, filename=filename, metadata=metadata, added_ms=at)
    assert written_one_by_one([one], False) == f"[{write_samples([one])}]"


def test_an_instant_is_written_as_javascript_does() -> None:
    assert ["1970-01-01T00:00:00.000Z", "2023-11-14T22:13:20.007Z"] == [iso(0), iso(1_700_000_000_007)]
