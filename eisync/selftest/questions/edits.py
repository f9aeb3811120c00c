"""Checks of changes in Studio. Each changes only samples of the run (wire contract, section 3).

Only one batch call is checked: enabling samples. It is sent only if no other sample of the project is disabled, so that
it does no harm if the service ignores its selection. No batch is ever deleted.
"""

from collections.abc import Callable, Mapping
from typing import Any

from eisync.selftest.check import Check
from eisync.selftest.contents import VALUES
from eisync.selftest.model import Answer, Mark, NoAnswerError, Sample
from eisync.selftest.probe import Entry, File, Probe
from eisync.selftest.questions.project import name_of_actor

_BOX = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
_RANGES = [
    {"startIndex": 0, "endIndex": 0, "label": "a"},
    {"startIndex": 1, "endIndex": VALUES - 1, "label": "b"},
]
_POLLS = 20
_SELECTED = ("at once: those selected", "as a job: those selected")


def _edit(
    action: str,
    body: Callable[[Probe], Mapping[str, object]],
    is_done: Callable[[Probe, Sample], bool],
    make: Callable[[Probe], File] = lambda probe: probe.json_file("edit"),
) -> Callable[[Probe], Answer]:
    """Change one new sample, and check whether Studio shows the change."""

    def ask(probe: Probe) -> Answer:
        sample_id = int(probe.store(make(probe))["id"])
        reply = probe.change("POST", f"/{sample_id}/{action}", body(probe))
        if not reply.is_success:
            return Answer("refused", reply.refusal)
        return Answer("done" if is_done(probe, probe.sample(sample_id)) else "not done")

    return ask


def _image(probe: Probe) -> File:
    return File(probe.name("edit.png"), probe.contents.png())


def _enabled_again(probe: Probe) -> Answer:
    sample_id = int(probe.store(probe.json_file("enabled"))["id"])
    states = []
    for action in ("disable", "enable"):
        reply = probe.change("POST", f"/{sample_id}/{action}", {})
        if not reply.is_success:
            return Answer("refused", reply.refusal)
        states.append(probe.sample(sample_id)["isDisabled"])
    return Answer("done" if states == [True, False] else "not done")


def _updated_by(probe: Probe) -> Answer:
    sample_id = int(probe.store(probe.json_file("by"))["id"])
    probe.change("POST", f"/{sample_id}/edit-label", {"label": f"{probe.token} by"})
    found = probe.sample(sample_id).get("lastUpdatedBy")
    return Answer("not there") if found is None else name_of_actor(probe, found)


def _deleted(probe: Probe) -> Answer:
    sample_id = int(probe.store(probe.json_file("gone"))["id"])
    reply = probe.change("DELETE", f"/{sample_id}")
    if not reply.is_success:
        return Answer("refused", reply.refusal)
    again = probe.change("DELETE", f"/{sample_id}")
    return Answer("done" if again.error == f"No sample found with ID {sample_id}" else "not done", again.refusal)


def _batch(select: Callable[[list[int]], dict[str, object]]) -> Callable[[Probe], Answer]:
    """Disable three samples, and enable the first two with one batch call, whose ids `select` gives."""

    def ask(probe: Probe) -> Answer:
        ids = [_id_of(probe.try_to_store(probe.json_file(f"batch.{number}"))) for number in range(3)]
        for sample_id in ids:
            if not (reply := probe.change("POST", f"/{sample_id}/disable", {})).is_success:
                raise NoAnswerError(reply.refusal)
        _refuse_harm(probe)
        query = {"category": "all", "labels": [probe.token], "minId": min(ids), **select(ids)}
        reply = probe.client.raw_data("POST", "/batch/enable-samples", query, {})
        if not reply.is_success or reply.content is None:
            return Answer("refused", reply.refusal)
        how = "at once" if reply.content.get("id") is None else "as a job"
        enabled = _wait_for(probe, ids)
        what = "those selected" if enabled == (True, True, False) else f"{sum(enabled)} of 3"
        return Answer(f"{how}: {what}")

    return ask


def _refuse_harm(probe: Probe) -> None:
    """Raise NoAnswerError if a call that enabled every sample would enable one of the person's samples."""
    own = len(probe.find(includeDisabled="disabled"))
    if probe.count(category="all", includeDisabled="disabled") != own:
        raise NoAnswerError(
            "other samples of the project are disabled; a service that ignored the selection would enable them"
        )


def _id_of(entry: Entry) -> int:
    if entry.sample_id is None:
        raise NoAnswerError(f"the upload was refused: {entry.error}")
    return entry.sample_id


def _wait_for(probe: Probe, ids: list[int]) -> tuple[bool, ...]:
    """Return which samples are enabled, as soon as one is: a job may take a while."""
    enabled: tuple[bool, ...] = ()
    for _ in range(_POLLS):
        enabled = tuple(not probe.sample(sample_id)["isDisabled"] for sample_id in ids)
        if any(enabled):
            break
        probe.wait(0.5)
    return enabled


def _shows(field: str, wanted: Callable[[Probe], object]) -> Callable[[Probe, Sample], bool]:
    return lambda probe, sample: bool(sample.get(field) == wanted(probe))


def _ranges(_: Probe, sample: Sample) -> bool:
    shown: list[Mapping[str, Any]] = sample.get("structuredLabels") or []
    return [{name: one[name] for name in _RANGES[0]} for one in shown] == _RANGES


def _boxes(_: Probe, sample: Sample) -> bool:
    return [{name: box[name] for name in _BOX} for box in sample["boundingBoxes"]] == [_BOX]


def _map_shown(_: Probe, sample: Sample) -> bool:
    return "high" in str(sample.get("labelMap"))


CHECKS = (
    Check(
        "edit.rename",
        Mark.CODE,
        "rename changes the name.",
        "one sample renamed",
        _edit(
            "rename",
            lambda probe: {"name": probe.name("renamed")},
            _shows("filename", lambda probe: probe.name("renamed")),
        ),
        ("done",),
    ),
    Check(
        "edit.label",
        Mark.CODE,
        "edit-label changes the label.",
        "one sample relabelled",
        _edit(
            "edit-label",
            lambda probe: {"label": f"{probe.token} new"},
            _shows("label", lambda probe: f"{probe.token} new"),
        ),
        ("done",),
    ),
    Check(
        "edit.move",
        Mark.CODE,
        "move changes the category.",
        "one sample moved to testing",
        _edit("move", lambda _: {"newCategory": "testing"}, _shows("category", lambda _: "testing")),
        ("done",),
    ),
    Check(
        "edit.metadata",
        Mark.CODE,
        "metadata replaces the metadata.",
        "one sample with new metadata",
        _edit("metadata", lambda _: {"metadata": {"site": "b"}}, _shows("metadata", lambda _: {"site": "b"})),
        ("done",),
    ),
    Check(
        "edit.enable",
        Mark.CODE,
        "disable and enable change whether a sample is used.",
        "one sample disabled, then enabled",
        _enabled_again,
        ("done",),
    ),
    Check(
        "edit.boxes",
        Mark.CODE,
        "bounding-boxes replaces the boxes.",
        "one image with one box",
        _edit("bounding-boxes", lambda _: {"boundingBoxes": [_BOX]}, _boxes, _image),
        ("done",),
    ),
    Check(
        "edit.structured",
        Mark.CODE,
        "structured-labels replaces the structured labels.",
        "one time series with two ranges",
        _edit("structured-labels", lambda _: {"structuredLabels": _RANGES}, _ranges),
        ("done",),
    ),
    Check(
        "edit.label-map",
        Mark.CODE,
        "label-map-labels replaces the label map.",
        "one time series with a map of one label",
        _edit(
            "label-map-labels", lambda _: {"labelMap": {"type": "key-values", "labels": {"wear": "high"}}}, _map_shown
        ),
        ("done",),
    ),
    Check(
        "edit.last-updated-by",
        Mark.CODE,
        "lastUpdatedBy names the key that changed a sample: projectApiKey and its id.",
        "one sample relabelled",
        _updated_by,
        ("the API key",),
    ),
    Check(
        "edit.delete",
        Mark.RUN,
        "A deleted sample is gone at once: 'No sample found with ID N'.",
        "one sample deleted twice",
        _deleted,
        ("done",),
    ),
    Check(
        "batch.ids",
        Mark.LIVE,
        "A batch call accepts ids in its query, and changes no other sample.",
        "three disabled samples, two of them enabled by ids",
        _batch(lambda ids: {"ids": ids[:2]}),
        _SELECTED,
    ),
    Check(
        "batch.exclude-ids",
        Mark.DOCUMENTED,
        "A batch call accepts excludeIds in its query, and does not change these samples.",
        "three disabled samples, two of them enabled by excluding the third",
        _batch(lambda ids: {"excludeIds": ids[2:]}),
        _SELECTED,
    ),
)
