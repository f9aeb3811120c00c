"""Checks of the listing and its filters. Only one sample of the run is changed (wire contract, section 3).

Every listing is also limited to the names of the run, so that it returns few samples, and none of the person's. The
checks of the longest page and the default page are exceptions: they only count the samples.
"""

import json
from collections.abc import Callable, Collection
from typing import Any

from eisync.selftest.check import Check
from eisync.selftest.model import Answer, Mark, NoAnswerError, Sample
from eisync.selftest.probe import Probe

_LONG_PAGE = 2000
_HIGH_HZ = 1000
_LATE = "2100-01-01T00:00:00Z"
_EARLY = "2000-01-01T00:00:00Z"

_Samples = list[Sample]
_Selection = tuple[dict[str, object], Collection[Any]]
"""A query, and the ids of the three samples that it should show."""


def _three(probe: Probe) -> _Samples:
    """Return samples for the filters, in the order of their ids: a CSV, a JSON and a WAV."""
    return sorted((probe.shared(kind) for kind in ("csv", "json", "wav")), key=lambda sample: int(sample["id"]))


def _ids(samples: _Samples) -> list[int]:
    return [int(sample["id"]) for sample in samples]


def _filter(select: Callable[[_Samples], _Selection]) -> Callable[[Probe], Answer]:
    """Return whether the filter shows the right ones of the three samples."""

    def ask(probe: Probe) -> Answer:
        samples = _three(probe)
        query, wanted = select(samples)
        try:
            shown = set(_ids(probe.find(**query))) & set(_ids(samples))
        except NoAnswerError as refusal:
            return Answer("refused", str(refusal))
        if shown == set(wanted):
            return Answer("as described")
        return Answer("ignored" if len(shown) == len(samples) else "something else", f"shows {len(shown)} of 3")

    return ask


def _by_token(wanted: Callable[[Probe], object]) -> Callable[[Probe], Answer]:
    """Return how many of the three samples the filter `labels` with this value shows."""

    def ask(probe: Probe) -> Answer:
        samples = _three(probe)
        shown = set(_ids(probe.find(labels=wanted(probe)))) & set(_ids(samples))
        return Answer({3: "all", 0: "none"}.get(len(shown), "some"))

    return ask


def _metadata_filter(probe: Probe) -> Answer:
    ids = []
    for value in ("one", "two"):
        file = probe.json_file(f"filter.{value}")
        ids.append(probe.store(file, headers={"x-metadata": json.dumps({"selftest": value})})["id"])
    wanted = [{"filters_combinator": "and"}, {"key": "selftest", "op": "eq", "values": ["one"]}]
    try:
        shown = _ids(probe.find(metadata=wanted))
    except NoAnswerError as refusal:
        return Answer("refused", str(refusal))
    if shown == ids[:1]:
        return Answer("as described")
    return Answer("ignored" if set(ids) <= set(shown) else "something else", f"shows {len(shown)}")


def _name_filter(spell: Callable[[str], str]) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        probe.shared("csv")
        return Answer("found" if probe.find(filename=spell(probe.name("plain")[3:])) else "not found")

    return ask


def _search(probe: Probe) -> Answer:
    probe.shared("csv")
    return Answer("found" if probe.find(filename=None, search=probe.token) else "not found")


def _disabled(probe: Probe) -> Answer:
    sample_id = probe.store(probe.json_file("disabled"))["id"]
    reply = probe.change("POST", f"/{sample_id}/disable", {})
    if not reply.is_success:
        raise NoAnswerError(reply.refusal)
    shown = {which: sample_id in _ids(probe.find(includeDisabled=which)) for which in ("both", "enabled", "disabled")}
    wanted = {"both": True, "enabled": False, "disabled": True}
    return Answer("as described" if shown == wanted else "something else", json.dumps(shown))


def _order(probe: Probe) -> Answer:
    _three(probe)
    ids = _ids(probe.find())
    return Answer("newest first" if ids == sorted(ids, reverse=True) else "another order")


def _page(limit: int | None) -> Callable[[Probe], Answer]:
    """Return how many samples a page of the listing has."""

    def ask(probe: Probe) -> Answer:
        query = {"category": "all", "limit": limit, "excludeSensors": True, "includeDisabled": "both"}
        reply = probe.client.raw_data("GET", "", query)
        if not reply.is_success or reply.content is None:
            return Answer("refused", reply.refusal)
        total, listed = int(reply.content["totalCount"]), len(reply.content["samples"])
        if total <= listed:
            return Answer("all samples", "the project has too few to reach a limit")
        return Answer("as many as requested" if listed == limit else f"{listed} at most")

    return ask


def _without_sensors(probe: Probe) -> Answer:
    sample_id = probe.shared("csv")["id"]
    [shown] = [one for one in probe.find(excludeSensors=True) if one["id"] == sample_id]
    return Answer("left out" if not shown.get("sensors") else "still there")


def _count(probe: Probe) -> Answer:
    samples = _three(probe)
    filters = {"category": "all", "labels": [probe.token], "minId": samples[0]["id"]}
    listed, counted = len(probe.find(**filters)), probe.count(**filters)
    return Answer("as many as listed" if counted == listed else "another number", f"{counted}, listed {listed}")


def _unknown_filter(probe: Probe) -> Answer:
    query = {"category": "all", "filename": probe.token, "eisyncSelftest": "1"}
    reply = probe.client.raw_data("GET", "/count", query)
    return Answer("ignored" if reply.is_success else "refused", "" if reply.is_success else reply.refusal)


def _without_category(probe: Probe) -> Answer:
    reply = probe.client.raw_data("GET", "/count", {"filename": probe.token})
    return Answer("answered" if reply.is_success else reply.error)


def _valid(samples: _Samples) -> _Selection:
    wanted = [one["id"] for one in samples if one["signatureValidate"]]
    return {"signatureValidity": "valid"}, wanted


def _fast(samples: _Samples) -> _Selection:
    return {"minFrequency": _HIGH_HZ}, [one["id"] for one in samples if one["frequency"] >= _HIGH_HZ]


_FILTERS: tuple[tuple[str, Mark, str, str, Callable[[_Samples], _Selection]], ...] = (
    (
        "min-id",
        Mark.DOCUMENTED,
        "minId shows samples with this id and above.",
        "minId of the second",
        lambda three: ({"minId": three[1]["id"]}, _ids(three[1:])),
    ),
    (
        "max-id",
        Mark.DOCUMENTED,
        "maxId shows samples below this id.",
        "maxId of the second",
        lambda three: ({"maxId": three[1]["id"]}, _ids(three[:1])),
    ),
    (
        "min-date",
        Mark.DOCUMENTED,
        "minDate shows samples that were added at this time or later.",
        f"minDate {_LATE}",
        lambda _: ({"minDate": _LATE}, ()),
    ),
    (
        "max-date",
        Mark.DOCUMENTED,
        "maxDate shows samples that were added at this time or earlier.",
        f"maxDate {_EARLY}",
        lambda _: ({"maxDate": _EARLY}, ()),
    ),
    ("min-frequency", Mark.DOCUMENTED, "minFrequency hides slower samples.", f"minFrequency {_HIGH_HZ}", _fast),
    (
        "signature",
        Mark.DOCUMENTED,
        "signatureValidity valid shows samples with a valid signature.",
        "signatureValidity valid",
        _valid,
    ),
    (
        "ids",
        Mark.OPEN,
        "Whether the listing has the filter ids, as batch calls have.",
        "ids of the first",
        lambda three: ({"ids": _ids(three[:1])}, _ids(three[:1])),
    ),
    (
        "exclude-ids",
        Mark.OPEN,
        "Whether the listing has the filter excludeIds, as batch calls have.",
        "excludeIds of the second",
        lambda three: ({"excludeIds": _ids(three[1:2])}, _ids([three[0], three[2]])),
    ),
)

CHECKS = (
    *(
        Check(
            f"listing.{name}",
            mark,
            says,
            f"three samples, {asked}",
            _filter(select),
            ("as described",) if mark is not Mark.OPEN else (),
        )
        for name, mark, says, asked, select in _FILTERS
    ),
    Check(
        "listing.labels",
        Mark.DOCUMENTED,
        "labels shows samples with one of these labels.",
        "three samples, labels with the run's label",
        _by_token(lambda probe: [probe.token]),
        ("all",),
    ),
    Check(
        "listing.labels-other",
        Mark.DOCUMENTED,
        "labels hides samples with another label.",
        "three samples, labels with another label",
        _by_token(lambda probe: [f"{probe.token} none"]),
        ("none",),
    ),
    Check(
        "listing.labels-null",
        Mark.CODE,
        "The literal null as labels is no filter.",
        "three samples, labels null",
        _by_token(lambda _: "null"),
        ("all",),
    ),
    Check(
        "listing.metadata",
        Mark.DOCUMENTED,
        "metadata is a JSON list of filters with key, op and values.",
        "two samples with different metadata, and a filter for one of them",
        _metadata_filter,
        ("as described",),
    ),
    Check(
        "listing.filename",
        Mark.LIVE,
        "filename finds a part of the file name.",
        "one sample, the middle of its name",
        _name_filter(str),
        ("found",),
    ),
    Check(
        "listing.filename-case",
        Mark.OPEN,
        "Whether filename ignores case.",
        "one sample, the middle of its name in upper case",
        _name_filter(str.upper),
    ),
    Check(
        "listing.search",
        Mark.DOCUMENTED,
        "search finds a sample by its name.",
        "one sample, its name",
        _search,
        ("found",),
    ),
    Check(
        "listing.disabled",
        Mark.DOCUMENTED,
        "includeDisabled may be both, enabled or disabled.",
        "one disabled sample, each value",
        _disabled,
        ("as described",),
    ),
    Check(
        "listing.order",
        Mark.DOCUMENTED,
        "Without sortBy, a listing is newest first.",
        "the run's samples",
        _order,
        ("newest first",),
    ),
    Check(
        "listing.page",
        Mark.OPEN,
        "The longest page of a listing, and whether a larger limit is refused.",
        f"limit {_LONG_PAGE:,}",
        _page(_LONG_PAGE),
    ),
    Check(
        "listing.default-page",
        Mark.OPEN,
        "How many samples a listing has without a limit.",
        "the listing without a limit",
        _page(None),
    ),
    Check(
        "listing.without-sensors",
        Mark.DOCUMENTED,
        "excludeSensors leaves the sensors out.",
        "one CSV with excludeSensors",
        _without_sensors,
        ("left out",),
    ),
    Check(
        "listing.count",
        Mark.DOCUMENTED,
        "count accepts the same filters as the listing.",
        "count with labels and minId, and the listing",
        _count,
        ("as many as listed",),
    ),
    Check(
        "listing.unknown-filter",
        Mark.OPEN,
        "Whether an unknown filter is ignored or refused.",
        "count with eisyncSelftest=1",
        _unknown_filter,
    ),
    Check(
        "listing.without-category",
        Mark.RUN,
        "Without a category, the call is refused with 'Unknown category undefined'.",
        "count without category",
        _without_category,
        ("Unknown category undefined",),
    ),
)
