"""Say what `eisync status` and the page show of folders and targets, a sentence a line.

A line that begins with two spaces belongs to the one before it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from eisync.core.summary import in_bytes


def root_lines(root: dict[str, Any]) -> Iterator[str]:
    """Yield how a watched folder is: when it was scanned, and what of it is left out or sent with less."""
    if root["offline"]:
        yield f"offline: {root['offline']}"
    elif root["scanned_s"] is None:
        yield "not scanned yet"
    else:
        yield f"scanned {span(root['scanned_s'])} ago"
    for reason in root.get("away", ()):
        yield f"away: {reason}"
    if root.get("comparing") and not (root["watching"] or {}).get("comparing"):
        yield f"{root['comparing']:,} were touched since their upload and will be compared with it at the next run"
    for reason, number in sorted(root["left_out"].items(), key=lambda entry: -entry[1]):
        yield f"{number:,} left out: {reason}"
    for one in root.get("remarks", ()):
        are, such = ("file is", "") if one["files"] == 1 else ("files are", ", for example")
        yield f"{one['files']:,} {are} sent without some of the sidecar data{such}: {one['example']}"
    yield from (f"labels: {one['sentence']}" for one in root.get("label_warnings", ()))


STATE_WORDS: Mapping[str, str] = {
    "synced": "in Edge Impulse",
    "settling": "not complete yet",
    "ready": "waiting to be sent",
    "sending": "being sent",
    "doubtful": "sent, answer lost",
    "quarantined": "quarantined",
    "unreadable": "not readable",
    "tombstone": "deleted in Edge Impulse",
    "gone": "gone before being sent",
}
"""What is said of the files of a folder, by state, in the order in which it is said."""


def count_lines(root: dict[str, Any]) -> Iterator[str]:
    """Yield how many files of a watched folder are in each state, with their bytes."""
    if "counts" not in root:
        return  # a running process of an older version answers
    counts, sizes = root["counts"], root["bytes"]
    found = [
        f"{counts[state]:,} {words} ({in_bytes(sizes[state])})"
        for state, words in STATE_WORDS.items()
        if state in counts
    ]
    yield ", ".join(found) or "no files yet"


def watching_lines(watching: dict[str, Any] | None) -> Iterator[str]:
    """Yield how the running process watches a folder."""
    if watching is None:
        return
    if watching.get("trouble"):
        yield f"failing: {watching['trouble']}"
    every = f"scanned every {span(watching['scan_every_s'])}"
    if watching["reason"]:
        yield f"file events fail: {watching['reason']}; {every} meanwhile"
    elif watching["mode"] == "scan":
        yield f"{every}, as configured"
    elif watching["uses_events"]:
        yield f"file events work, and it is {every}"
    if watching.get("writers"):
        yield f"{watching['writers']}"
    if watching["missed"]:
        yield f"{watching['missed']:,} files were found without an event"
    if watching.get("comparing"):
        yield f"{watching['comparing']:,} were touched since their upload; their content is being compared with it"


def retention_lines(retention: dict[str, Any] | None) -> Iterator[str]:
    """Yield what was removed here after uploads, and what stays."""
    if retention is None:
        return
    if retention["files"]:
        verb = "archived" if retention["after_upload"] == "archive" else "deleted here"
        files = "1 file" if retention["files"] == 1 else f"{retention['files']:,} files"
        yield f"{files} ({in_bytes(retention['bytes'])}) {verb} after the upload since the daemon started"
    for reason, number in sorted(retention["stays"].items(), key=lambda entry: -entry[1]):
        yield f"{number:,} not removed: {reason}"
    if retention["waits_for"]:
        yield f"no room is made: {retention['waits_for']}"


def target_lines(target: dict[str, Any], held: str | None) -> Iterator[str]:
    """Yield what the service said last. `held`: why nothing is sent for now."""
    if target["paused"]:
        yield f"paused: {target['paused']}"
    if held:
        yield f"nothing is sent for now: {held}"
    if target["listing_trouble"]:
        yield f"not compared with the service: {target['listing_trouble']}"
        yield "  uploads continue; until then eisync does not see deletions and edits in the project"
    elif target["listed_s"] is not None:
        yield f"compared with the service {span(target['listed_s'])} ago"
    if target.get("inference_trouble"):
        yield f"labels: {target['inference_trouble']}"
    yield from _straddling(target.get("straddling", []))


def _straddling(sentences: list[str]) -> Iterator[str]:
    yield from (f"split: {sentence}" for sentence in sentences)
    if sentences:
        yield "  a test on data of a group that was trained on proves little: move its samples in Studio"


def span(seconds: float) -> str:
    """Return a time span for a person, in its largest unit."""
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
