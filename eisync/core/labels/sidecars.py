"""Read the files that say what other files are: boxes, structured labels, the account of an exported dataset.

Each gives one entry for every file that it speaks of. They are read entry by entry, because an account may be larger
than the memory. Every key but the path may be missing; very large accounts are JSON lines. What an entry does not say
is left to others, and what it says outright (`unlabeled`) is kept.

Source: the wire contract, sections 1 and 5.
"""

import codecs
import contextlib
import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eisync.core.formats.json_stream import JsonRefused, JsonStream, Unfinished
from eisync.core.formats.json_values import is_whole, mended, why_unusable
from eisync.core.labels.parts import PartKind
from eisync.core.labels.path_rules import CATEGORY_WORDS

INFO_LABELS = "info.labels"

BESIDE = {PartKind.BOXES.part_name: PartKind.BOXES, PartKind.STRUCTURED.part_name: PartKind.STRUCTURED}
"""Sidecars that speak of the files in their own folder; an account speaks of those below it, too."""

NAMES = frozenset({INFO_LABELS, *BESIDE})

WHAT_THEY_ARE = {
    INFO_LABELS: "the labels file of a dataset: it describes the files here and below, and is not a sample itself",
    PartKind.BOXES.part_name: "it holds the bounding boxes of the files next to it and is sent with them, not alone",
    PartKind.STRUCTURED.part_name: (
        "it holds the structured labels of the files next to it and is sent with them, not alone"
    ),
}

_IN_LINES, _IN_FILES, _IN_ENTRIES = "lines", "files", "entries"
_MEMBERS = frozenset(
    {"__ndjson", "path", "name", "category", "label", "metadata", "boundingBoxes", "attachments", "files"}
)

_FOLDERS = ("training", "testing", "validation", "post-processing", "anomaly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is said of one file. `path` is relative to the sidecar's folder, with `/` between its parts.

    None says nothing. `problem` says why what is said cannot be used. `name` is what the sample is called in Studio,
    without extension; `attachments` is how many files are said to belong to this one.
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
    name: str | None = None
    attachments: int = 0


def encoding_of(head: bytes) -> str:
    """Return the encoding of a sidecar that begins so: UTF-8, or UTF-16 with its mark, as PowerShell's `>` writes."""
    return "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def entries_of(name: str, pieces: Iterable[str]) -> Iterator[Entry]:
    """What the sidecar of that name says, entry by entry, from pieces of its text.

    Raises ValueError, with the reason, for what is none: then nothing of it may be believed.

    >>> next(entries_of("bounding_boxes.labels", ['{"boundingBoxes": {"a.png": []}}'])).path
    'a.png'
    """
    return read_on(name, JsonStream(pieces))


def read_on(name: str, pieces: JsonStream) -> Iterator[Entry]:
    """The same from where `pieces` begin, which may be behind a checkpoint. Behind each entry they are marked.

    Raises Unfinished where the text ends in the middle: what was said so far was said.
    """
    checkpoint = pieces.checkpoint()
    where = None if checkpoint is None else checkpoint.where
    if name == INFO_LABELS:
        return _lines(pieces) if where == _IN_LINES else _account(pieces, is_in_files=where == _IN_FILES)
    return _beside(BESIDE[name], pieces, is_inside=where == _IN_ENTRIES)


def read_entries(text: str) -> list[Entry]:
    """All entries of an account that stands in memory. Raises ValueError, with the reason, for what is none.

    >>> read_entries('{"files": [{"path": "training/a.png", "label": {"type": "unlabeled"}}]}')[0].is_unlabeled
    True
    """
    return list(entries_of(INFO_LABELS, [text]))


def places_for(path: str) -> dict[str, str]:
    """Where sidecars may be that speak of the file at `path`, and by which path each would.

    >>> list(places_for("a/b.png"))
    ['info.labels', 'a/info.labels', 'a/structured_labels.labels', 'a/bounding_boxes.labels']
    """
    folder, _, name = path.rpartition("/")
    parts = path.split("/")
    places = {"/".join([*parts[:depth], INFO_LABELS]): "/".join(parts[depth:]) for depth in range(len(parts))}
    beside = (f"{folder}/{one}" if folder else one for one in (PartKind.STRUCTURED.part_name, PartKind.BOXES.part_name))
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
    accounts = [place for place in found if place.rpartition("/")[2] == INFO_LABELS]
    for place in accounts[:-1]:
        del found[place]
    return found


def packed(entry: Entry) -> str:
    """The entry as one line of text, of what it says only. `unpacked` makes the entry of it again."""
    said = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    return json.dumps({name: value for name, value in said.items() if value not in (None, False)}, ensure_ascii=False)


def unpacked(text: str) -> Entry:
    """The entry that `packed` made the text of."""
    return Entry(**json.loads(text))


def _beside(kind: PartKind, pieces: JsonStream, *, is_inside: bool) -> Iterator[Entry]:
    _, type_name, key = kind.value
    type_found: Any = type_name
    has_entries = is_inside
    if is_inside:
        yield from _entries_beside(kind, pieces, is_inside=True, is_marked=True)
        names = pieces.members(is_inside=True)
    else:
        names = _object(pieces, f"it has no {key}")
    for name in names:
        if name == "type":
            type_found = pieces.value()
        elif name != key:
            pieces.ignore()
        else:
            if pieces.next() not in ("{", ""):
                raise _NotThis(f"it has no {key}")
            yield from _entries_beside(kind, pieces, is_marked=type_found == type_name and not has_entries)
            has_entries = True
    _nothing_more(pieces)
    if type_found != type_name:
        raise ValueError(f"its type is not {type_name}")
    if not has_entries:
        raise ValueError(f"it has no {key}")


def _entries_beside(kind: PartKind, pieces: JsonStream, *, is_marked: bool, is_inside: bool = False) -> Iterator[Entry]:
    for path in pieces.members(is_inside=is_inside):
        try:
            found = pieces.value()
            entry = _entry_beside(kind, path, found, is_suspect=pieces.is_suspect)
        except JsonRefused as error:
            entry = Entry(path=_relative(mended(path)), problem=str(error))
        if is_marked:
            pieces.mark(_IN_ENTRIES)
        yield entry


def _entry_beside(kind: PartKind, path: str, found: Any, *, is_suspect: bool) -> Entry:
    if not is_whole(path):
        return Entry(path=_relative(mended(path)), problem="its name contains half a character")
    path = _relative(path)
    if is_suspect and (why := why_unusable(found)) is not None:
        return Entry(path=path, problem=why)
    if not _is_listed(found):
        return Entry(path=path, problem="it is not a list of objects")
    if kind is PartKind.BOXES:
        return Entry(path=path, bounding_boxes=found)
    return Entry(path=path, structured_labels=found)


def _account(pieces: JsonStream, *, is_in_files: bool) -> Iterator[Entry]:
    has_files, is_lines = is_in_files, False
    otherwise = f"{INFO_LABELS} has no list of files"
    with _naming(INFO_LABELS):
        if is_in_files:
            yield from _files(pieces, is_marked=True, is_inside=True)
            names = pieces.members(is_inside=True)
        else:
            names = _object(pieces, otherwise)
        for name in names:
            if name != "files":
                is_lines = is_lines or name == "__ndjson"
                pieces.ignore()
                continue
            if pieces.next() not in ("[", ""):
                raise _NotThis(otherwise)
            yield from _files(pieces, is_marked=not is_lines and not has_files)
            has_files = True
        if not is_lines:
            _nothing_more(pieces)
    if not has_files and not is_lines:
        raise _NotThis(otherwise)
    if is_lines:
        pieces.mark(_IN_LINES)
        yield from _lines(pieces)


def _files(pieces: JsonStream, *, is_marked: bool, is_inside: bool = False) -> Iterator[Entry]:
    for _ in pieces.elements(is_inside=is_inside):
        found, trouble = pieces.record(_MEMBERS)
        entry = _entry(found, trouble, is_suspect=pieces.is_suspect)
        if is_marked:
            pieces.mark(_IN_FILES)
        yield entry


def _lines(pieces: JsonStream) -> Iterator[Entry]:
    while True:
        if not pieces.next():
            return
        where = f"line {pieces.line} of {INFO_LABELS}"
        with _naming(where):
            found, trouble = pieces.record(_MEMBERS)
        if not isinstance(found, dict):
            raise _NotThis(f"{where} names no file")
        listed = found.get("files")
        if "path" in found:
            entries = [_entry(found, trouble, is_suspect=pieces.is_suspect)]
        elif isinstance(listed, list):
            entries = [_entry(one) for one in listed]
        elif "__ndjson" in found:
            entries = []
        else:
            raise _NotThis(f"{where} names no file" if trouble is None else f"{where} cannot be used: {trouble}")
        pieces.mark(_IN_LINES)
        yield from entries


@contextlib.contextmanager
def _naming(where: str) -> Iterator[None]:
    """Say where it is, of what is no JSON."""
    try:
        yield
    except _NotThis:
        raise
    except Unfinished as error:
        raise Unfinished(f"{where} is not JSON ({error})") from None
    except ValueError as error:
        raise ValueError(f"{where} is not JSON ({error})") from None


class _NotThis(ValueError):
    """It is JSON, and not what it should be."""


def _object(pieces: JsonStream, otherwise: str) -> Iterator[str]:
    if pieces.next() not in ("{", ""):
        pieces.value()
        raise _NotThis(otherwise)
    return pieces.members()


def _nothing_more(pieces: JsonStream) -> None:
    if pieces.next():
        raise ValueError(f"more follows in line {pieces.line}")


def _entry(found: Any, trouble: str | None = None, *, is_suspect: bool = True) -> Entry:
    if not isinstance(found, dict) or not isinstance(found.get("path"), str) or not found["path"]:
        raise _NotThis(f"an entry of {INFO_LABELS} has no path")
    if trouble is None and is_suspect:
        trouble = "its path contains half a character" if not is_whole(found["path"]) else why_unusable(found)
    if trouble is not None:
        return Entry(path=_relative(mended(found["path"])), problem=trouble)
    label = found.get("label")
    if not isinstance(label, dict):
        # Older tools write the text itself.
        label = {} if label is None else {"type": "label", "label": label}
    labels, text = label.get("labels"), label.get("label")
    if label.get("type") == "keyvalue-labels" and isinstance(labels, list):
        labels = {str(index): one for index, one in enumerate(labels)}  # as the service reads a list of texts
    path = _relative(found["path"])
    return Entry(
        path=path,
        category=_named(found.get("category")) or _category_of(path),
        label=None if text is None else str(text),
        is_unlabeled=label.get("type") == "unlabeled",
        structured_labels=labels if isinstance(labels, list) else None,
        label_map=labels if isinstance(labels, dict) else None,
        metadata=found.get("metadata"),
        bounding_boxes=found.get("boundingBoxes") or None,
        name=_name(found.get("name")),
        attachments=_number_of(found.get("attachments")),
    )


def _relative(path: str) -> str:
    """The path as this machine writes it; exports of Windows have backslashes, and hands write `./` and `//`."""
    path = path.replace("\\", "/").removeprefix("./")
    return posixpath.normpath(path) if "//" in path or "/." in path else path


def _name(found: Any) -> str | None:
    is_text = isinstance(found, str) or (isinstance(found, int | float) and not isinstance(found, bool))
    return (str(found) or None) if is_text else None


def _number_of(attachments: Any) -> int:
    return len(attachments) if isinstance(attachments, list | dict) else int(bool(attachments))


def _named(category: Any) -> Any:
    """The category as the service calls it, for one that hands wrote: `Training`, `test`."""
    known = CATEGORY_WORDS.get(category.strip().lower()) if isinstance(category, str) else None
    return category if known is None else known.value


def _category_of(path: str) -> str | None:
    """The folder that the export put the file into."""
    first = path.partition("/")[0]
    return first if first in _FOLDERS else None


def _is_listed(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, dict) for one in found)
