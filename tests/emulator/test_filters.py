"""Every filter means the same in a listing, a count, a batch call and a version's changes; none is ignored."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings

from .wire import Client, acquisition, csv, png, wav

ROWS = "timestamp,a\n" + "".join(f"{number * 20},{number}\n" for number in range(5))  # 50 Hz, 100 ms
NARROWING: list[tuple[str, dict[str, object], str]] = [
    ("maxLength", {"maxLength": 100}, "amnpw"),
    ("maxLength is shorter than", {"maxLength": 20}, "pw"),
    ("minLength", {"minLength": 20}, "l"),
    ("minFrequency", {"minFrequency": 50}, "amnw"),
    ("maxFrequency", {"maxFrequency": 100, "minFrequency": 1}, "l"),
    ("signature, invalid", {"signatureValidity": "invalid"}, "mn"),
    ("signature, valid", {"signatureValidity": "valid"}, "alpw"),
    ("signature, both", {"signatureValidity": "both"}, "almnpw"),
    ("minLabel", {"minLabel": 2}, "n"),
    ("maxLabel", {"maxLabel": 2.5}, "m"),
    ("labels in between", {"minLabel": 1.5, "maxLabel": 10}, "mn"),
    ("images", {"dataType": "image"}, "p"),
    ("sound", {"dataType": "audio"}, "w"),
    ("metadata", {"metadata": [{"key": "site", "op": "eq", "values": ["lab"]}]}, "a"),
    ("one of values", {"metadata": [{"key": "site", "op": "eq", "values": ["lab", "field"]}]}, "al"),
    ("a key", {"metadata": [{"key": "who", "op": "eq"}]}, "lm"),
    ("other values", {"metadata": [{"key": "site", "op": "neq", "values": ["lab"]}]}, "lm"),
    ("no key", {"metadata": [{"key": "site", "op": "neq"}]}, "m"),
    ("all of", {"metadata": [{"key": "site", "op": "eq"}, {"key": "who", "op": "eq"}]}, "l"),
    (
        "any of",
        {
            "metadata": [
                {"filters_combinator": "or"},
                {"key": "site", "op": "eq", "values": ["lab"]},
                {"key": "site", "op": "eq", "values": ["field"]},
            ]
        },
        "alm",
    ),
    ("with none, too", {"metadata": [{"no_metadata": True}, {"key": "site", "op": "eq"}]}, "alnpw"),
    ("with none", {"metadata": [{"no_metadata": True}]}, "npw"),
    ("with any", {"metadata": [{"no_metadata": False}]}, "alm"),
    ("together", {"dataType": "image", "signatureValidity": "invalid"}, ""),
]


@pytest.fixture
def stocked() -> Iterator[Client]:
    """a: 2 readings at 100 Hz; l: 5 at 50 Hz; m, n: unsigned, labels 1.5 and 3; p: an image; w: sound."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, dataset_commit_ms=0)) as emulator:
        client = Client(emulator)
        with client.session:
            client.store(("a.csv", csv(1)), x_metadata='{"site": "lab"}')
            client.store(("l.csv", ROWS.encode()), x_metadata='{"site": "field", "who": "me"}')
            client.store(("m.json", json.dumps(acquisition(1)).encode()), x_label="1.5", x_metadata='{"who": "me"}')
            client.store(("n.json", json.dumps(acquisition(2)).encode()), x_label="3")
            client.store(("p.png", png()), ("w.wav", wav()))
            yield client


def names(samples: list[dict[str, Any]]) -> str:
    return "".join(sorted(one["filename"] for one in samples))


@pytest.mark.parametrize(("what", "query", "expected"), NARROWING)
def test_a_filter_means_the_same_everywhere(
    stocked: Client, what: str, query: dict[str, object], expected: str
) -> None:
    assert names(stocked.listed(**query)) == expected, what
    assert stocked.studio("GET", "/raw-data/count", category="all", **query)["count"] == len(expected)
    stocked.studio("POST", "/dataset-versions/create")
    (version,) = stocked.studio("GET", "/dataset-versions")["datasetVersions"]
    path = f"/dataset-versions/{version['id']}/raw-data-changes"
    details = stocked.studio("GET", path, category="all", **query)["changeDetails"]
    assert names([one["sample"] for one in details]) == expected
    assert stocked.studio("POST", "/raw-data/batch/delete", category="all", **query) == {"success": True}
    assert names(stocked.listed()) == "".join(sorted(set("almnpw") - set(expected)))


def test_a_batch_leaves_out_what_it_is_told_to(stocked: Client) -> None:
    kept = [one["id"] for one in stocked.listed() if one["filename"] in "al"]
    assert stocked.studio("POST", "/raw-data/batch/delete", category="all", excludeIds=kept) == {"success": True}
    assert names(stocked.listed()) == "al"


@pytest.mark.parametrize(
    "query",
    [
        "signatureValidity=wrong",
        "signature=invalid",
        "label=a",
        "labels=",
        "labels=a",
        "filename=",
        "search=%20",
        "ids=",
        "ids=[]x",
        "ids=[1]&ids=[2]",
        "excludeIds=",
        "excludeIds=1",
        "minId=",
        "limit=1",
        "offset=1",
        "metadata=",
        "metadata=%7B%22site%22:%22lab%22%7D",
        "dataType=time-series",
        "maxLength=short",
        "category=all",  # given twice
        "Category=all",
    ],
)
@pytest.mark.parametrize("refuses", [True, False])
def test_a_batch_that_is_not_understood_changes_nothing(refuses: bool, query: str) -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, refuse_unknown_filters=refuses)
    with running_emulator(settings) as emulator:
        client = Client(emulator)
        with client.session:
            client.store(("a.csv", csv(1)), ("b.csv", csv(2)))
            before = client.listed()
            for action, body in [("delete", None), ("edit-labels", {"label": "z"}), ("disable-samples", None)]:
                answer = client.studio("POST", f"/raw-data/batch/{action}?category=all&{query}", body)
                assert (answer["success"], bool(answer["error"])) == (False, True)
            assert client.listed() == before


@pytest.mark.parametrize("path", ["/raw-data/delete-all", "/raw-data/delete-all/training"])
def test_to_delete_everything_takes_no_filter(client: Client, path: str) -> None:
    client.store(("a.csv", csv(1)))
    assert client.studio("POST", path, labels=["z"])["error"] == "Unknown parameter labels"
    assert len(client.listed()) == 1


@pytest.mark.parametrize("path", ["/raw-data", "/raw-data/count"])
@pytest.mark.parametrize("query", [{"label": "a"}, {"ids": [1]}, {"excludeIds": [1]}, {"proposedActionsJobId": 1}])
def test_a_listing_refuses_a_filter_that_it_does_not_know(client: Client, path: str, query: dict[str, object]) -> None:
    (name,) = query
    assert client.studio("GET", path, category="all", **query) == {
        "success": False,
        "error": f"Unknown parameter {name}",
    }


def test_a_listing_may_ignore_what_it_does_not_know() -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, refuse_unknown_filters=False)
    with running_emulator(settings) as emulator:
        client = Client(emulator)
        with client.session:
            client.store(("a.csv", csv(1)), ("b.csv", csv(2)))
            assert len(client.listed(label="a", ids=[1])) == 2
            assert client.studio("GET", "/raw-data/count", category="all", label="a")["count"] == 2
