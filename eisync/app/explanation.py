"""Explain what happens to one file, and why: for `eisync explain` and for the file's page."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from eisync.adapters import clock
from eisync.adapters.files import content, sidecars, writer_probe
from eisync.adapters.files.inventory import Found, found_at
from eisync.app.preview import annotated_now
from eisync.app.watched_folder import Ask, WatchedFolder, known_of, statuses_of, watched_folder_of
from eisync.core import file_status
from eisync.core.completeness import explain_writers
from eisync.core.file_status import UNREADABLE
from eisync.core.formats.check import FormatCheck
from eisync.core.formats.probe import Complete, Truncated
from eisync.core.labels import origins
from eisync.core.labels.description import Description, describe, describe_by_path
from eisync.core.labels.entry import Entry
from eisync.core.labels.mentions import NearMiss
from eisync.core.labels.rules import Decision
from eisync.core.labels.sidecars import WHAT_THEY_ARE, sidecars_for
from eisync.core.labels.split import Split, straddles
from eisync.core.lifecycle import State
from eisync.core.model import Category, sent_name, shown
from eisync.core.text import printable
from eisync.errors import EisyncError
from eisync.log import configure
from eisync.loops.watcher.annotations import Annotated
from eisync.loops.watcher.context import Unclear
from eisync.loops.watcher.file_describer import NOT_ANNOTATED

Said = dict[str, Entry | NearMiss | str | None]

STEP_BYTES = 16 * 1024 * 1024
"""Tell how far the check of a file is after so many bytes."""

Tell = Callable[[int, int], object]
"""Is told how many bytes of the file are read, and how many there are."""


def _tell_nothing(_read: int, _size: int) -> None:
    pass


def explained_in(folders: Sequence[dict[str, Any]], root: str, path: str, ask: Ask) -> dict[str, Any] | None:
    """Return what happens to the file at a path of a root, which is one of the watched `folders`; None if it is none.

    It is None, too, for a path without a file whose record is not known. Raises EisyncError.
    """
    record = next((one for one in folders if one["path"] == root), None)
    if record is None:
        return None
    watched_folder = watched_folder_of(record, is_live=True)
    found = found_at(root, path, watched_folder.watched.eligibility)
    if found is not None:
        return explained(watched_folder, found, ask)
    known = known_of(watched_folder, [path], ask).get(path)
    return None if known is None else explained_absent(watched_folder, known)


def explained(watched_folder: WatchedFolder, found: Found, ask: Ask, tell: Tell = _tell_nothing) -> dict[str, Any]:
    """Return what happens to a file that is there, and why. Raises EisyncError if it disappears meanwhile.

    `tell` is told how far the check of a large file is.
    """
    result = {**_place_of(watched_folder, found.path), "is_here": True}
    if found.left_out is not None:
        is_sidecar = found.left_out == WHAT_THEY_ARE.get(os.path.basename(found.path))
        more = f"; {sidecars.census(watched_folder.path, found.path)}" if is_sidecar else ""
        return {**result, "state": file_status.LEFT_OUT, "reason": found.left_out + more}
    for _, one in statuses_of(watched_folder, [found], ask):
        result |= {"state": one.state, "reason": one.reason}
    if "state" not in result:
        raise EisyncError("the file disappeared during the check")
    if result["state"] == file_status.LEFT_OUT:
        return result
    said = sidecars.said_of(watched_folder.path, found.path, watched_folder.watched.eligibility)
    annotated = annotated_now(watched_folder.watched, found.path, configure(level="none"))
    described = _described(watched_folder, found.path, said, annotated)
    decided = watched_folder.watched.labelling.decide(found.path)
    described, group = _with_group(watched_folder, found.path, described, ask)
    by = _entries(said, annotated)
    result |= {
        "label": described.label,
        "label_from": _label_from(decided, found.path, by),
        "category": described.category.value,
        "metadata": dict(described.metadata),
        "metadata_from": _metadata_from(decided, described, by, watched_folder.watched.split),
    }
    result |= {"name": described.name or sent_name(found.path), "remarks": dict(described.remarks)}
    result |= {
        "category_from": group.pop("category_from", None) or _category_from(decided, found.path, by),
        **group,
        **_completeness(watched_folder, found, tell),
    }
    if watched_folder.watched.policy.needs_marker:
        result["marker"] = content.marker_of(watched_folder.path, found.path).value
    record = known_of(watched_folder, [found.path], ask).get(found.path)
    result["sidecars"] = {place: _wording(one) for place, one in said.items()}
    result["annotations"] = _annotations(annotated)
    is_known = record is not None and result["state"] == State.SYNCED.value and isinstance(annotated, Annotated)
    result["is_as_sent"] = _is_as_sent(described, record) if record is not None and is_known else None
    return {**result, "sample_ids": [] if record is None else record["sample_ids"]}


def explained_absent(watched_folder: WatchedFolder, record: dict[str, Any]) -> dict[str, Any]:
    """Return what became of a file that is not there."""
    as_sent = {name: record[name] for name in ("state", "reason", "label", "category", "sample_ids")}
    return {**_place_of(watched_folder, record["path"]), "is_here": False, **as_sent}


def hidden_record(path: str, record: dict[str, Any] | None, why: str) -> dict[str, Any]:
    """Return the record of a file that may exist, but that eisync cannot stat."""
    if record is None:
        unknown: dict[str, Any] = {"path": path, "state": UNREADABLE, "label": None, "category": "", "sample_ids": []}
        return {**unknown, "reason": f"{why}, so eisync cannot tell whether the file exists"}
    if record["state"] == UNREADABLE:
        return record
    return {**record, "reason": f"{record['reason']}; {why} now"}


def _place_of(watched_folder: WatchedFolder, path: str) -> dict[str, Any]:
    return {"path": path, "root": watched_folder.path, "target": watched_folder.watched.root.target}


def _annotations(annotated: Annotated | Unclear) -> dict[str, str]:
    """Return what each annotation file says of the file, in a few words, by its path. Without a path: why none can."""
    if isinstance(annotated, Unclear):
        return {"": annotated.reason}
    entries = reversed(annotated.entries)
    return {
        source.place: f"{source.format.title}: {_entry_wording(entry)}"
        for source, entry in zip(annotated.sources, entries, strict=True)
    }


def _described(watched_folder: WatchedFolder, path: str, said: Said, annotated: Annotated | Unclear) -> Description:
    """Return how the file would be sent, without sidecar entries if they cannot be used."""
    watched = watched_folder.watched
    entries = [*annotated.entries] if isinstance(annotated, Annotated) else []
    entries += [one for one in said.values() if isinstance(one, Entry)]
    misses = [
        one.sentence(shown(place), shown(sidecars_for(path, [place])[place]))
        for place, one in said.items()
        if isinstance(one, NearMiss)
    ]
    if isinstance(annotated, Annotated) and annotated.is_missing:
        misses.append(NOT_ANNOTATED)
    try:
        return describe(path, watched.labelling, watched.metadata, entries, misses)
    except ValueError:
        return describe_by_path(path, watched.labelling, watched.metadata, misses)


def _with_group(
    watched_folder: WatchedFolder, path: str, described: Description, ask: Ask
) -> tuple[Description, dict[str, Any]]:
    """Return the description with the category of the file's group, and what to say of the group."""
    split = watched_folder.watched.split
    if split is None:
        return described, {}
    key, described = split.grouped(path, described)
    if key is None:
        return described, {"group": None}
    question = {"do": "groups", "target": watched_folder.watched.root.target, "name": split.name, "keys": [key]}
    known: dict[str, Any] = next(ask(question), {"category": None, "why": None, "seen": []})
    seen = [Category(name) for name in known["seen"]]
    said = {"group": key, "group_warning": straddles(key, seen) if len(seen) > 1 else None}
    if described.category is not Category.SPLIT:
        return described, said
    why = "it has no category yet" if known["category"] is None else known["why"]
    said["category_from"] = f"the split by {split.by}: group {printable(key)}: {why}"
    category = Category.SPLIT if known["category"] is None else Category(known["category"])
    return replace(described, category=category), said


def _wording(one: Entry | NearMiss | str | None) -> str:
    if isinstance(one, Entry):
        return _entry_wording(one)
    return f"it cannot be used: {one}" if isinstance(one, str) else "no entry for the file"


def _entry_wording(entry: Entry) -> str:
    """Return the entry of a sidecar in a few words."""
    if entry.problem is not None:
        return entry.problem
    parts = ["no label"] if entry.is_unlabeled else [f"label {entry.label!r}"] if entry.label else []
    parts += [f"category {entry.category}"] if entry.category else []
    parts += [f"name {entry.name!r}"] if entry.name else []
    parts += [f"{entry.attachments} attachments, which are not sent"] if entry.attachments else []
    parts += [
        f"{len(found)} {one if len(found) == 1 else many}"
        for found, one, many in (
            (entry.bounding_boxes, "bounding box", "bounding boxes"),
            (entry.structured_labels, "structured label", "structured labels"),
            (entry.label_map, "mapped label", "mapped labels"),
            (entry.metadata, "metadata entry", "metadata entries"),
        )
        if isinstance(found, list | dict)
    ]
    return ", ".join(parts) or "nothing"


def _is_as_sent(described: Description, record: dict[str, Any]) -> bool:
    now = (described.label, described.category.value, described.companions, described.name)
    return now == (record["label"], record["category"], record["companions"], record.get("sent_as"))


def _completeness(watched_folder: WatchedFolder, found: Found, tell: Tell) -> dict[str, Any]:
    """Check whether the file is whole (True, False, or None when its format cannot tell), and who writes it."""
    examination, writers_of = FormatCheck(found.path, found.facts.size), writer_probe.WriterProbe().asking()
    while True:
        wanted = examination.wants
        inspection = content.inspect(
            examination,
            watched_folder.path,
            found.path,
            found.facts,
            writers_of,
            most_bytes=STEP_BYTES,
            goes_on=None,
        )
        is_other = inspection is None or inspection.is_another
        if is_other or examination.wants is None or examination.wants == wanted:
            break
        tell(examination.wants.offset, found.facts.size)
    if inspection is None or inspection.writers is None:
        writers = "it changed during the check" if inspection is None else "it cannot be opened for the check"
    else:
        writers = explain_writers(inspection.writers, watched_folder.watched.policy)
    return {**_wholeness(examination, found, is_lost=is_other), "writers": writers}


def _wholeness(examination: FormatCheck, found: Found, *, is_lost: bool) -> dict[str, Any]:
    if is_lost:
        return {"is_whole": None, "evidence": "it changed during the check"}
    match examination.verdict:
        case Complete(evidence=by):
            return {"is_whole": True, "evidence": by}
        case Truncated(finding=finding):
            return {"is_whole": False, "evidence": finding}
        case other:
            still_s = max(0.0, clock.now() - found.facts.touched_at)
            why = getattr(other, "why", "")
            return {"is_whole": None, "evidence": f"{why}; last touched {still_s:,.0f} s ago"}


def _entries(said: Said, annotated: Annotated | Unclear) -> dict[str, Entry]:
    """Return the entries for the file by the paths of their files; the first that gives a value wins."""
    found = {place: one for place, one in said.items() if isinstance(one, Entry)}
    if isinstance(annotated, Annotated):
        found |= dict(zip(annotated.places, reversed(annotated.entries), strict=True))
    return found


def _label_from(decided: Decision, path: str, by: dict[str, Entry]) -> str:
    place = next((place for place, one in by.items() if one.label or one.is_unlabeled), None)
    return place or origins.label_from(path, decided)


def _category_from(decided: Decision, path: str, by: dict[str, Entry]) -> str:
    place = next((place for place, one in by.items() if one.category), None)
    return place or decided.problem or origins.category_from(path, decided)


def _metadata_from(
    decided: Decision, described: Description, by: dict[str, Entry], split: Split | None
) -> dict[str, str]:
    found = dict.fromkeys(described.metadata, "the configuration of the folder") | origins.metadata_from(decided)
    if split is not None and split.is_by_path and split.name not in decided.metadata:
        found[split.name] = "the split"
    for place, one in reversed(by.items()):
        if isinstance(one.metadata, dict):
            found |= dict.fromkeys(one.metadata, place)
    return {name: found[name] for name in described.metadata}
