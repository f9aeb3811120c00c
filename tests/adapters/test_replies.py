"""What a page of the listing becomes."""

import json
from typing import Any

import pytest

from eisync.adapters.client.replies import LISTING, newest_added_at, sample_of
from eisync.core.model import RemoteSample

WHOLE = {
    "id": 7,
    "filename": "wave.01",
    "category": "testing",
    "label": "wave",
    "added": "2026-01-02T03:04:05.678Z",
    "isDisabled": True,
    "sha256Hash": "abc",
    "coldstorageFilename": "raw-data/1/wave.01.csv.4arrb5vg.pod-1.json",
    "metadata": {"site": "lab", "floor": 3},
    "processingError": True,
    "sensors": [],
}


def entries(*samples: dict[str, Any]) -> Any:
    body = {"success": True, "samples": samples, "totalCount": len(samples)}
    return LISTING.validate_json(json.dumps(body))["samples"]


@pytest.mark.parametrize(
    ("entry", "sample"),
    [
        (
            WHOLE,
            RemoteSample(
                id=7,
                filename="wave.01",
                category="testing",
                label="wave",
                is_disabled=True,
                sha256="abc",
                original_name="wave.01.csv",
                metadata=(("floor", "3"), ("site", "lab")),
                has_processing_error=True,
                added="2026-01-02T03:04:05.678Z",
            ),
        ),
        ({"id": 7}, RemoteSample(id=7, filename="", category="", label=None)),
        (
            {"id": 7, "label": None, "added": None, "sha256Hash": "", "metadata": None},
            RemoteSample(id=7, filename="", category="", label=None),
        ),
    ],
    ids=["all of it", "its id alone", "nothing said of it"],
)
def test_every_field_of_an_entry_finds_its_place(entry: dict[str, Any], sample: RemoteSample) -> None:
    assert [sample] == [sample_of(one) for one in entries(entry)]


@pytest.mark.parametrize(
    ("samples", "instant"),
    [
        ([], None),
        ([{"id": 1}], None),
        ([{"id": 1, "added": None}], None),
        ([{"id": 1, "added": "soon"}], None),
        ([{"id": 1, "added": ["soon"]}], None),
        ([{"id": 1, "added": "1970-01-01T00:00:01.500Z"}], 1.5),
        ([{"id": 1, "added": "1970-01-01T01:00:01.500+01:00"}], 1.5),
        ([{"id": 2, "added": "1970-01-01T00:00:01Z"}, {"id": 1, "added": "1970-01-01T00:00:02Z"}], 1.0),
        ([{"id": 1, "added": "1970-01-01T00:00:02Z"}, {"id": 2, "added": "1970-01-01T00:00:01Z"}], 1.0),
        ([{"id": 2}, {"id": 1, "added": "1970-01-01T00:00:02Z"}], None),
    ],
)
def test_a_page_is_as_new_as_the_sample_with_its_highest_id(
    samples: list[dict[str, Any]], instant: float | None
) -> None:
    assert instant == newest_added_at(entries(*samples))
