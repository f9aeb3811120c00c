"""Read the files that say what other files are: boxes, structured labels, the account of an exported dataset.

Each gives one entry for every file that it speaks of. They are read entry by entry, because an account may be larger
than the memory. Every key but the path may be missing; very large accounts are JSON lines. What an entry does not say
is left to others, and what it says outright (`unlabeled`) is kept.

Source: the wire contract, sections 1 and 5.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eisync.core.companions import Kind
from eisync.core.pieces import Pieces

ACCOUNT_NAME = "info.labels"

BESIDE = {Kind.BOXES.part_name: Kind.BOXES, Kind.STRUCTURED.part_name: Kind.STRUCTURED}
"""Sidecars that speak of the files in their own folder; an account speaks of those below it, too."""

NAMES = frozenset({ACCOUNT_NAME, *BESIDE})

WHAT_THEY_ARE = {
    ACCOUNT_NAME: "the account of a dataset: it says what the files here and below are, and is no sample itself",
    Kind.BOXES.part_name: "it holds the bounding boxes of the files beside it and goes with them, not by itself",
    Kind.STRUCTURED.part_name: "it holds the structured labels of the files beside it and goes with them, "
    "not by itself",
}

_FOLDERS = ("training", "testing", "validation", "post-processing", "anomaly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is said of one file. `path` is relative to the sidecar's folder, with `/` between its parts.

    None says nothing. `problem` says why what is said cannot be used.
    """

    path: str
    category: str | None = None
    label: str | None = None
    is_unlabeled: bool = False
    structured_labels: list[dict[str, Any]] | None = None
    label_map: Mapping[str, str] | None = None
    metadata: dict[str, Any] | None = None
    bounding_boxes: list[dict[str, Any]] | None = None
    problem: str | None = None


def entries_of(name: str, pieces: Iterable[str]) -> Iterator[Entry]:
    """What the sidecar of that name says, entry by entry, from pieces of its text.

    Raises ValueError, with the reason, for what is none: then nothing of it may be believed.

    >>> next(entries_of("bounding_boxes.labels", ['{"boundingBoxes": {"a.png": []}}'])).path
    'a.png'
    """
    if name == ACCOUNT_NAME:
        return _account(Pieces(pieces))
    return _beside(BESIDE[name], Pieces(pieces))


def read_entries(text: str) -> list[Entry]:
    """All entries of an account that stands in memory. Raises ValueError, with the reason, for what is none.

    >>> read_entries('{"files": [{"path": "training/a.png", "label": {"type": "unlabeled"}}]}')[0].is_unlabeled
    True
    """
    return list(entries_of(ACCOUNT_NAME, [text]))


def places_for(path: str) -> dict[str, str]:
    """Where sidecars may be that speak of the file at `path`, and by which path each would.

    >>> list(places_for("a/b.png"))
    ['info.labels', 'a/info.labels', 'a/structured_labels.labels', 'a/bounding_boxes.labels']
    """
    folder, _, name = path.rpartition("/")
    parts = path.split("/")
    places = {"/".join([*parts[:depth], ACCOUNT_NAME]): "/".join(parts[depth:]) for depth in range(len(parts))}
    beside = (f"{folder}/{one}" if folder else one for one in (Kind.STRUCTURED.part_name, Kind.BOXES.part_name))
    return {**places, **dict.fromkeys(beside, name)}


def speaking(path: str, there: Iterable[str]) -> dict[str, str]:
    """Those sidecars of the ones that are `there` that speak of the file, and by which path; later ones go before
    earlier ones. Of several accounts it is the nearest.

    >>> speaking("a/b.png", ["info.labels", "a/info.labels"])
    {'a/info.labels': 'b.png'}
    """
    present = set(there)
    if not present:
        return {}  # of nearly every file
    found = {place: name for place, name in places_for(path).items() if place in present}
    accounts = [place for place in found if place.rpartition("/")[2] == ACCOUNT_NAME]
    for place in accounts[:-1]:
        del found[place]
    return found


def worded(entry: Entry) -> str:
    """What is said of one file, in a few words.

    >>> worded(Entry(path="a.png", label="nut", bounding_boxes=[{}, {}]))
    "label 'nut', 2 bounding boxes"
    """
    if entry.problem is not None:
        return entry.problem
    parts = ["no label"] if entry.is_unlabeled else [f"label {entry.label!r}"] if entry.label else []
    parts += [f"category {entry.category}"] if entry.category else []
    parts += [
        f"{len(found)} {one if len(found) == 1 else many}"
        for found, one, many in (
            (entry.bounding_boxes, "bounding box", "bounding boxes"),
            (entry.structured_labels, "structured label", "structured labels"),
            (entry.label_map, "mapped label", "mapped labels"),
            (entry.metadata, "metadata entry", "metadata entries"),
        )
        if found is not None
    ]
    return ", ".join(parts) or "nothing"


def packed(entry: Entry) -> str:
    """The entry as one line of text, of what it says only. `unpacked` makes the entry of it again."""
    said = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    return json.dumps({name: value for name, value in said.items() if value not in (None, False)})


def unpacked(text: str) -> Entry:
    """The entry that `packed` made the text of."""
    return Entry(**json.loads(text))


def _beside(kind: Kind, pieces: Pieces) -> Iterator[Entry]:
    _, type_name, key = kind.value
    said: dict[str, Any] = {}
    has_entries = False
    for name in _object(pieces, f"it has no {key}"):
        if name != key:
            said[name] = pieces.value()
            continue
        has_entries = True
        for path in _object(pieces, f"it has no {key}"):
            yield _entry_beside(kind, path, pieces.value())
    _nothing_more(pieces)
    if said.get("type", type_name) != type_name:
        raise ValueError(f"its type is not {type_name}")
    if not has_entries:
        raise ValueError(f"it has no {key}")


def _entry_beside(kind: Kind, path: str, found: Any) -> Entry:
    if not _is_listed(found):
        return Entry(path=path, problem=f"what {kind.part_name} says of it is no list of objects")
    if kind is Kind.BOXES:
        return Entry(path=path, bounding_boxes=found)
    return Entry(path=path, structured_labels=found)


def _account(pieces: Pieces) -> Iterator[Entry]:
    is_lines = False
    while True:
        if not pieces.next() and is_lines:
            return
        line = pieces.line
        rest: dict[str, Any] = {}
        has_files = False
        try:
            for name in _object(pieces, f"{ACCOUNT_NAME} has no list of files"):
                if name != "files":
                    rest[name] = pieces.value()
                    continue
                has_files = True
                if pieces.next() != "[":
                    raise _NotThis(f"{ACCOUNT_NAME} has no list of files")
                for found in pieces.elements():
                    yield _entry(found)
            if not is_lines and "__ndjson" not in rest:
                _nothing_more(pieces)
        except _NotThis:
            raise
        except ValueError as error:
            where = f"line {line} of {ACCOUNT_NAME}" if is_lines else ACCOUNT_NAME
            raise ValueError(f"{where} is not JSON ({error})") from None
        if is_lines and "path" in rest:
            yield _entry(rest)
        elif not has_files and "__ndjson" not in rest:
            raise _NotThis(
                f"line {line} of {ACCOUNT_NAME} names no file" if is_lines else f"{ACCOUNT_NAME} has no list of files"
            )
        if not is_lines and "__ndjson" not in rest:
            return
        is_lines = True


class _NotThis(ValueError):
    """It is JSON, and not what it should be."""


def _object(pieces: Pieces, otherwise: str) -> Iterator[str]:
    if pieces.next() not in ("{", ""):
        pieces.value()
        raise _NotThis(otherwise)
    return pieces.members()


def _nothing_more(pieces: Pieces) -> None:
    if pieces.next():
        raise ValueError(f"more follows in line {pieces.line}")


def _entry(found: Any) -> Entry:
    if not isinstance(found, dict) or not isinstance(found.get("path"), str) or not found["path"]:
        raise _NotThis(f"an entry of {ACCOUNT_NAME} has no path")
    label = found.get("label")
    if not isinstance(label, dict):
        # Older tools write the text itself.
        label = {} if label is None else {"type": "label", "label": label}
    labels = label.get("labels")
    text = label.get("label")
    path = found["path"].replace("\\", "/")
    return Entry(
        path=path.removeprefix("./"),
        category=found.get("category") or _category_of(path),
        label=None if text is None else str(text),
        is_unlabeled=label.get("type") == "unlabeled",
        structured_labels=labels if isinstance(labels, list) else None,
        label_map=labels if isinstance(labels, dict) else None,
        metadata=found.get("metadata"),
        bounding_boxes=found.get("boundingBoxes") or None,
    )


def _category_of(path: str) -> str | None:
    """The folder that the export put the file into."""
    first = path.partition("/")[0]
    return first if first in _FOLDERS else None


def _is_listed(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, dict) for one in found)
