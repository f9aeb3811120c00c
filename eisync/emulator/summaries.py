"""Studio's counts: the summary of the training set, and the distribution of a metadata key's values.

Paths and fields are those of the official client (npm, edge-impulse-api 1.95.13). The defaults are the emulator's own:
the 20 most frequent values, or 10 bins of equal width.
"""

import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web

from eisync.emulator.calls import Call, Handler, Need, success
from eisync.emulator.model import Page, Sample, Selection
from eisync.emulator.selecting import Refusal, read_boolean, read_category, read_count, refuse_unknown

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TOP_VALUES = 20
_BINS = 10
_MAX_SHOWN = 1000
_DISTRIBUTION = frozenset({"category", "key", "topN", "binCount", "groupByLabel", "excludeDisabledSamples"})
_SUMMARY = frozenset({"includeDisabled", "includeNotProcessed", "truncateLabels"})


def routes(project: str) -> Iterator[tuple[str, str, Need, Handler]]:
    """Yield the calls. `project` is the path of a project."""
    yield "GET", f"{project}/data-summary", Need.READ, _get_summary
    yield "GET", f"{project}/raw-data/metadata-distribution", Need.READ, _get_distribution


async def _get_summary(call: Call) -> web.StreamResponse:
    refuse_unknown(call.parameters, _SUMMARY)
    with_disabled = read_boolean(call.query, "includeDisabled", default=True)
    selection = Selection(project_id=call.project.id, category="training", is_disabled=None if with_disabled else False)
    return success(dataSummary=summarise(call.service.store.list_samples(selection, Page(limit=sys.maxsize))))


def summarise(samples: Sequence[Sample]) -> dict[str, object]:
    labels = sorted({one.label for one in samples if one.label})
    summary: dict[str, object] = {
        "labels": labels,
        "totalLabels": len(labels),
        "dataCount": len(samples),
        "hasTimeseriesDataWithMultipleLabels": any(
            one.facts.chart_type == "chart" and len(one.structured_labels or ()) > 1 for one in samples
        ),
    }
    numbers = [as_number(one) for one in labels]
    found = [one for one in numbers if one is not None]
    if labels and len(found) == len(labels):  # all labels are numbers: a regression project
        of_samples = [number for one in samples if (number := as_number(one.label)) is not None]
        summary |= {"min": min(found), "max": max(found), "mean": sum(of_samples) / len(of_samples)}
    by_key: dict[str, set[str]] = {}
    for one in samples:
        for key, value in (one.label_map or {}).items():
            by_key.setdefault(key, set()).add(value)
    if by_key:
        summary["labelsPerKey"] = {key: sorted(values) for key, values in by_key.items()}
    return summary


async def _get_distribution(call: Call) -> web.StreamResponse:
    query = call.query
    refuse_unknown(call.parameters, _DISTRIBUTION)
    category, key = query.get("category"), query.get("key")
    if not key:
        raise Refusal("Missing key")
    selection = Selection(
        project_id=call.project.id,
        category=read_category(category),
        is_disabled=False if read_boolean(query, "excludeDisabledSamples") else None,
    )
    samples = call.service.store.list_samples(selection, Page(limit=sys.maxsize))
    by_label = read_boolean(query, "groupByLabel")
    top = read_count(query, "topN", default=_TOP_VALUES, at_most=_MAX_SHOWN)
    bins = read_count(query, "binCount", default=_BINS, at_most=_MAX_SHOWN)
    return success(key=key, category=category, **distribute(samples, key, top=top, bins=bins, by_label=by_label))


def distribute(samples: Sequence[Sample], key: str, *, top: int, bins: int, by_label: bool) -> dict[str, object]:
    """Return a key's distribution: bins of equal width if all values are numbers, else the most frequent values."""
    held = [one for one in samples if key in (one.metadata or {})]
    values = [_value(one, key) for one in held]
    numbers = [as_number(one) for one in values]
    known = [one for one in numbers if one is not None]
    is_numeric = bool(known) and len(known) == len(values)
    if is_numeric:
        edges = _edges(min(known), max(known), bins)
        places: list[int | None] = [_bin_of(number, edges) for number in known]
        buckets: list[dict[str, Any]] = [
            {"label": f"{low:g} - {high:g}", "min": low, "max": high} for low, high in edges
        ]
    else:
        shown = sorted(Counter(values).items(), key=lambda one: (-one[1], one[0]))[:top]
        order = {value: index for index, (value, _) in enumerate(shown)}
        places = [order.get(value) for value in values]
        buckets = [{"label": value} for value, _ in shown]
    for index, bucket in enumerate(buckets):
        inside = [one for one, place in zip(held, places, strict=True) if place == index]
        bucket |= {"count": len(inside), "totalLengthMs": sum(map(_length_ms, inside))}
    spread: dict[str, object] = {
        "sampleCount": len(held),
        "totalCount": len(samples),
        "missingCount": len(samples) - len(held),
        "coveragePct": 100 * len(held) / len(samples) if samples else 0,
        "uniqueValueCount": len(set(values)),
        "type": "numeric" if is_numeric else "categorical",
        "buckets": buckets,
    }
    if by_label:
        spread["labelBreakdown"] = _break_down(held, places, len(buckets))
    return spread


def _break_down(held: Sequence[Sample], places: Sequence[int | None], buckets: int) -> list[dict[str, object]]:
    shown: list[dict[str, object]] = []
    for label in sorted({one.label for one in held}):
        of_label = [(one, place) for one, place in zip(held, places, strict=True) if one.label == label]
        counts = [sum(place == index for _, place in of_label) for index in range(buckets)]
        lengths_ms = [sum(_length_ms(one) for one, place in of_label if place == index) for index in range(buckets)]
        shown.append({"label": label, "counts": counts, "totalLengthMs": lengths_ms})
    return shown


def _edges(low: float, high: float, bins: int) -> list[tuple[float, float]]:
    if low == high:
        return [(low, high)]
    width = (high - low) / bins
    return [(low + index * width, high if index == bins - 1 else low + (index + 1) * width) for index in range(bins)]


def _bin_of(number: float, edges: Sequence[tuple[float, float]]) -> int:
    """Return the index of the bin. The last bin includes its upper edge."""
    return next((index for index, (_, high) in enumerate(edges) if number < high), len(edges) - 1)


def as_number(text: str) -> float | None:
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def _value(sample: Sample, key: str) -> str:
    metadata: Mapping[str, str] = sample.metadata or {}
    return metadata[key]


def _length_ms(sample: Sample) -> float:
    return sample.facts.interval_ms * sample.facts.values_count
