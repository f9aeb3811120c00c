"""Read the annotations of recordings from Label Studio: its exports JSON and JSON-MIN, a list of tasks.

Regions of audio are in seconds. Regions of a time series are in the units of its time column, and the export does not
say which. A table for Edge Impulse has milliseconds in its column `timestamp`, so they are read as milliseconds, and a
remark says so. The label of a whole recording comes from `choices`. Of several annotations of one task the newest
counts that was not cancelled (skipped).

The path of a recording is the last part of its address as it is given. An upload to Label Studio has eight hexadecimal
digits and a dash before the name that the file had (`1a2b3c4d-bark.wav`).

Sources: labelstud.io, "Label Studio JSON format of annotated tasks", "Export annotations" (JSON_MIN), tags Labels,
TimeSeriesLabels and Choices, "Time series" ("Output format example").
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eisync.core.annotations.columns import problem_of
from eisync.core.annotations.json_records import objects
from eisync.core.annotations.label_studio_tasks import name_in, newest_result, texts
from eisync.core.annotations.numbers import finite
from eisync.core.annotations.stretches import MAX_STRETCHES, checked_label
from eisync.core.formats.json_values import why_unusable
from eisync.core.labels.entry import Entry, Stretch

_RECORDINGS = r"\.(?:wav|mp3|flac|ogg|m4a|aac|opus|csv|tsv|txt|json|cbor|parquet|avi|mp4)"
_A_RECORDING = re.compile(rf"[^/]+{_RECORDINGS}", re.IGNORECASE)
_HEAD = re.compile(r"\ufeff?\s*\[\s*\{")
_OF_LABEL_STUDIO = re.compile(r'"(?:annotation_id|lead_time|annotations|completions|was_cancelled)"\s*:')
_SERIES = re.compile(r'"timeserieslabels"')
_NAME_OF_SOUND = re.compile(r'"[^"\\]{0,300}\.(?:wav|mp3|flac|ogg|m4a|aac|opus)"', re.IGNORECASE)
_MARKED = re.compile(r'"(?:labels|choices?)"')

_TOOLS = {"labels": 1.0, "timeserieslabels": 1000.0}  # how many of its units a second has
_OF_THE_FULL = ("data", "annotations", "completions")
_CHOICES = ("choice", "choices", "label", "class")  # names of the tool in the templates of Label Studio
_IN_MILLISECONDS = "the times of its series are read as milliseconds, as the column timestamp has them"
_NOT_SENT = "only stretches with labels are sent, not the other answers about them"
_LABEL_NOT_SENT = "the choice for the whole recording is not sent, because its stretches have labels"


def recognises(name: str, head: str) -> bool:
    """Return whether the file is an export of annotated recordings.

    >>> recognises("a.json", '[{"id": 1, "annotations": [{"result": [{"value": {"timeserieslabels": ["Run"')
    True
    """
    if not name.lower().endswith(".json") or not _HEAD.match(head) or not _OF_LABEL_STUDIO.search(head):
        return False
    return bool(_SERIES.search(head) or (_NAME_OF_SOUND.search(head) and _MARKED.search(head)))


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each annotated recording. A task about something else, or without annotations, has none.

    Raises ValueError when the text is not a list of tasks.
    """
    for number, (task, problem) in enumerate(objects(pieces, "task"), 1):
        if (entry := _entry(task, problem, f"task number {number}")) is not None:
            yield entry


def _entry(task: dict[str, Any], problem: str | None, where: str) -> Entry | None:
    is_min = task.keys().isdisjoint(_OF_THE_FULL)
    path = _path(task, is_min=is_min)
    if problem is not None:
        return problem_of(path or "", where, problem)
    results = _results_of_min(task) if is_min else newest_result(task)
    if path is None or results is None:
        return None
    try:
        if (why := why_unusable(task)) is not None:
            raise ValueError(why)
        return _described(path, results, where)
    except ValueError as error:
        return problem_of(path, where, str(error))


def _path(task: dict[str, Any], *, is_min: bool) -> str | None:
    """Return the base name of the recording that a task is about; None if it is about something else."""
    data = task if is_min else task.get("data")
    addresses = (*(data.values() if isinstance(data, dict) else ()), task.get("file_upload"))
    return next((name for one in addresses if (name := name_in(one)) and _A_RECORDING.fullmatch(name)), None)


def _results_of_min(task: dict[str, Any]) -> list[Any] | None:
    """Return the results of a task in JSON-MIN, as the full export has them; None if it has none."""
    results: list[Any] = []
    for key, found in task.items():
        listed = found if isinstance(found, list) else []
        results += [{"value": one} for one in listed if isinstance(one, dict) and not _TOOLS.keys().isdisjoint(one)]
        choices = found.get("choices") if isinstance(found, dict) else [found]
        if key in _CHOICES and isinstance(choices, list) and all(isinstance(one, str) for one in choices):
            results.append({"value": {"choices": choices}})
    return results if results or "annotation_id" in task else None


def _described(path: str, results: list[Any], where: str) -> Entry:
    if len(results) > MAX_STRETCHES:
        raise ValueError(f"it has more than {MAX_STRETCHES:,} regions")
    stretches: list[Stretch] = []
    labels: list[str] = []
    remarks: dict[str, None] = {}
    for result in results:
        found = result.get("value") if isinstance(result, dict) else None
        if not isinstance(found, dict):
            continue
        tool = next((one for one in _TOOLS if one in found), None)
        if tool is not None:
            stretches.append(_stretch(found, tool, f"region {len(stretches) + 1}"))
            remarks |= {_IN_MILLISECONDS: None} if tool != "labels" else {}
        elif "choices" in found and "start" not in found:
            labels += texts(found["choices"])
        else:
            remarks[_NOT_SENT] = None
    if len(labels) > 1:
        raise ValueError(f"it has {len(labels)} choices, and a sample has one label")
    if labels and stretches:
        remarks[_LABEL_NOT_SENT] = None
    return Entry(
        path=path,
        label=checked_label(labels[0], "its choice") if labels and not stretches else None,
        stretches=stretches if stretches or not labels else None,
        remark="; ".join(remarks) or None,
        where=where,
    )


def _stretch(found: Mapping[str, Any], tool: str, where: str) -> Stretch:
    labels = texts(found[tool])
    if len(labels) != 1:
        raise ValueError(f"{where} has {len(labels) or 'no'} label{'s' if labels else ''}, and a stretch has one")
    start, end = found.get("start"), found.get("end")
    if isinstance(start, str) or isinstance(end, str):
        raise ValueError(f"{where} is given by dates; label the series by its column timestamp, in milliseconds")
    start, end = finite(start), finite(start if found.get("instant") is True else end)
    if start is None or end is None:
        raise ValueError(f"{where} is not given by a start and an end")
    per_s = _TOOLS[tool]
    return Stretch(checked_label(labels[0], where), start / per_s, end / per_s, where)
