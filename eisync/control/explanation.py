"""Say in lines what `eisync explain` found of a file: one wording for the command line and the page."""

from typing import Any

from eisync.core.completeness import MARKER_SUFFIX, Marker
from eisync.core.file_status import LEFT_OUT, UNREADABLE
from eisync.core.labels.sidecars import INFO_LABELS
from eisync.core.model import sent_name

_MARKERS = {
    Marker.ABSENT.value: f"missing; the file is sent once <name>{MARKER_SUFFIX} exists beside it",
    Marker.OLDER.value: "older than the file's last change; create it again",
    Marker.SET.value: "present",
}


def lines_of(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a word and a text for each line."""
    lines = [("folder", f"{result['root']} -> {result['target']}"), ("state", f"{result['state']}: {result['reason']}")]
    if result["state"] == LEFT_OUT:
        return lines
    if result["state"] == UNREADABLE and not result["is_here"]:
        return lines
    if not result["is_here"]:
        lines += [
            ("here", "no; 'eisync history FILE' shows what happened to it"),
            ("label", "none" if result["label"] is None else result["label"]),
            ("category", result["category"]),
        ]
        return [*lines, *_samples(result)]
    whole = {True: "yes", False: "no", None: "its format cannot tell"}[result["is_whole"]]
    label = "none" if result["label"] is None else result["label"]
    lines += [
        ("label", f"{label} ({result['label_from']})"),
        ("category", f"{result['category']} ({result['category_from']})"),
        *_metadata(result),
        *([("group", result["group_warning"])] if result.get("group_warning") else []),
        ("complete", f"{whole}: {result['evidence']}"),
        ("writers", result["writers"]),
    ]
    if result["name"] != sent_name(result["path"]):
        lines.append(("name", f"{result['name']} (from {INFO_LABELS})"))
    if "marker" in result:
        lines.append(("marker", _MARKERS[result["marker"]]))
    lines += [("said", f"{place}: {what}") for place, what in result["sidecars"].items()]
    lines += [("said", f"{place}: {what}" if place else what) for place, what in result["annotations"].items()]
    lines += [("not sent", sentence) for sentence in result["remarks"].values()]
    if result["is_as_sent"] is False:
        lines.append(
            (
                "changed",
                "its label or other data differ from what was sent: 'eisync relabel' proposes edits of its sample",
            )
        )
    return [*lines, *_samples(result)]


def _metadata(result: dict[str, Any]) -> list[tuple[str, str]]:
    found = result["metadata"].items()
    return [("metadata", f"{name} = {text} ({result['metadata_from'][name]})") for name, text in found]


def _samples(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [("samples", ", ".join(map(str, result["sample_ids"])))] if result["sample_ids"] else []
