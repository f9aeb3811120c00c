import json
from typing import Any

import pytest

from eisync.emulator.model import Facts, Sample
from eisync.emulator.summaries import distribute, summarise

from .wire import Client, csv


def sample(label: str = "a", metadata: dict[str, str] | None = None, **changes: Any) -> Sample:
    fields: dict[str, Any] = {
        "id": 1,
        "project_id": 1,
        "category": "training",
        "label": label,
        "filename": "a",
        "stored_name": "a.csv.0.p.json",
        "sha256": "",
        "size_bytes": 1,
        "added_ms": 0,
        "modified_ms": 0,
        "is_disabled": False,
        "facts": Facts(chart_type="chart", interval_ms=10, values_count=2),
        "metadata": metadata,
    }
    return Sample(**fields | changes)


def held(*values: str) -> list[Sample]:
    return [sample(metadata={"k": value}) for value in values]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], {"labels": [], "totalLabels": 0, "dataCount": 0}),
        ([sample("b"), sample("a"), sample("")], {"labels": ["a", "b"], "totalLabels": 2, "dataCount": 3}),
        ([sample("1"), sample("1"), sample("4")], {"min": 1, "max": 4, "mean": 2, "labels": ["1", "4"]}),
        ([sample(structured_labels=({}, {}))], {"hasTimeseriesDataWithMultipleLabels": True}),
        ([sample(structured_labels=({},))], {"hasTimeseriesDataWithMultipleLabels": False}),
        ([sample(label_map={"c": "red"}), sample(label_map={"c": "blue"})], {"labelsPerKey": {"c": ["blue", "red"]}}),
    ],
)
def test_a_summary_counts_samples_and_labels(samples: list[Sample], expected: dict[str, Any]) -> None:
    summary = summarise(samples)
    assert {name: summary[name] for name in expected} == expected
    assert ("min" in summary) == ("min" in expected)


@pytest.mark.parametrize(
    ("values", "kind", "buckets"),
    [
        ((), "categorical", []),
        (("b", "a", "b"), "categorical", [("b", 2), ("a", 1)]),
        (("1", "x"), "categorical", [("1", 1), ("x", 1)]),
        (("c", "b", "a"), "categorical", [("a", 1), ("b", 1)]),
        (("0", "4", "10", "5"), "numeric", [("0 - 5", 2), ("5 - 10", 2)]),
        (("3", "3"), "numeric", [("3 - 3", 2)]),
        (("nan", "1"), "categorical", [("1", 1), ("nan", 1)]),
    ],
)
def test_a_distribution_has_bins_of_numbers_and_the_most_frequent_texts(
    values: tuple[str, ...], kind: str, buckets: list[tuple[str, int]]
) -> None:
    spread: Any = distribute([*held(*values), sample()], "k", top=2, bins=2, by_label=False)
    assert (spread["type"], [(one["label"], one["count"]) for one in spread["buckets"]]) == (kind, buckets)
    assert (spread["sampleCount"], spread["totalCount"], spread["missingCount"]) == (len(values), len(values) + 1, 1)
    assert spread["coveragePct"] == pytest.approx(100 * len(values) / (len(values) + 1))
    assert spread["uniqueValueCount"] == len(set(values))
    assert sum(one["totalLengthMs"] for one in spread["buckets"]) == 20 * sum(count for _, count in buckets)


def test_a_distribution_can_be_broken_down_by_label() -> None:
    samples = [sample("u", {"k": "x"}), sample("u", {"k": "y"}), sample("v", {"k": "x"})]
    spread = distribute(samples, "k", top=5, bins=5, by_label=True)
    assert spread["labelBreakdown"] == [
        {"label": "u", "counts": [1, 1], "totalLengthMs": [20, 20]},
        {"label": "v", "counts": [1, 0], "totalLengthMs": [20, 0]},
    ]


def test_the_summary_is_of_the_training_set(client: Client) -> None:
    first, _ = client.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    client.store(("c.csv", csv(3)), category="testing")
    client.studio("POST", f"/raw-data/{first}/disable")
    assert client.studio("GET", "/data-summary")["dataSummary"]["labels"] == ["a", "b"]
    summary = client.studio("GET", "/data-summary", includeDisabled=False)["dataSummary"]
    assert (summary["labels"], summary["totalLabels"], summary["dataCount"]) == (["b"], 1, 1)
    assert client.studio("GET", "/data-summary", category="all")["success"] is False


def test_the_distribution_is_of_a_category(client: Client) -> None:
    for number, site in enumerate(("lab", "lab", "field")):
        client.store((f"{number}.csv", csv(number)), x_metadata=json.dumps({"site": site}))
    client.store(("t.csv", csv(9)), category="testing", x_metadata='{"site": "barn"}')
    answer = client.studio("GET", "/raw-data/metadata-distribution", category="training", key="site", topN=1)
    assert (answer["key"], answer["category"], answer["uniqueValueCount"]) == ("site", "training", 2)
    assert [(one["label"], one["count"]) for one in answer["buckets"]] == [("lab", 2)]


@pytest.mark.parametrize(
    "query",
    [
        {"category": "training"},
        {"key": "site"},
        {"category": "training", "key": "site", "topN": 0},
        {"category": "training", "key": "site", "binCount": 10**6},
        {"category": "training", "key": "site", "groupByLabel": "perhaps"},
        {"category": "training", "key": "site", "label": "a"},
    ],
)
def test_a_distribution_that_makes_no_sense_is_refused(client: Client, query: dict[str, object]) -> None:
    assert client.studio("GET", "/raw-data/metadata-distribution", **query)["success"] is False
