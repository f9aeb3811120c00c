"""Read sidecars, the files that describe others: bounding boxes, structured labels, `info.labels` of an export.

A sidecar has one entry for each file that it describes. It is read entry by entry, because an `info.labels` can be
larger than memory; very large ones are JSON lines. All keys of an entry except the path may be missing. What an entry
leaves out comes from other sources; what it states explicitly (`unlabeled`) counts.

Source: the wire contract, sections 1 and 5.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from eisync.core.formats.json_stream import JsonRefused, JsonStream, Unfinished
from eisync.core.formats.json_values import is_whole, mended, why_unusable
from eisync.core.labels.entry import Entry, relative_path
from eisync.core.labels.parts import PartKind
from eisync.core.labels.path_rules import CATEGORY_WORDS

INFO_LABELS = "info.labels"

BESIDE = {PartKind.BOXES.part_name: PartKind.BOXES, PartKind.STRUCTURED.part_name: PartKind.STRUCTURED}
"""Sidecars that describe only the files in their own folder; `info.labels` also describes those in folders below."""

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


def entries_of(name: str, pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield the entries of the sidecar with this name, from pieces of its text.

    Raises ValueError, with the reason, when it is not a valid sidecar. Then discard all of its entries.

    >>> next(entries_of("bounding_boxes.labels", ['{"boundingBoxes": {"a.png": []}}'])).path
    'a.png'
    """
    return resume_entries(name, JsonStream(pieces))


def resume_entries(name: str, pieces: JsonStream) -> Iterator[Entry]:
    """Yield the entries of a sidecar from the beginning of `pieces`, which may follow a checkpoint.

    The stream is marked after each entry. Raises Unfinished when the text ends inside the document; the entries before
    that are valid.
    """
    checkpoint = pieces.checkpoint()
    where = None if checkpoint is None else checkpoint.where
    if name == INFO_LABELS:
        return _lines(pieces) if where == _IN_LINES else _account(pieces, is_in_files=where == _IN_FILES)
    return _beside(BESIDE[name], pieces, is_inside=where == _IN_ENTRIES)


def read_entries(text: str) -> list[Entry]:
    """Return all entries of an `info.labels` that is in memory. Raises ValueError, with the reason, if it is invalid.

    >>> read_entries('{"files": [{"path": "training/a.png", "label": {"type": "unlabeled"}}]}')[0].is_unlabeled
    True
    """
    return list(entries_of(INFO_LABELS, [text]))


def places_for(path: str) -> dict[str, str]:
    """Return the places of all sidecars that could describe the file at `path`, each with the path it would use.

    >>> list(places_for("a/b.png"))
    ['info.labels', 'a/info.labels', 'a/structured_labels.labels', 'a/bounding_boxes.labels']
    """
    folder, _, name = path.rpartition("/")
    parts = path.split("/")
    places = {"/".join([*parts[:depth], INFO_LABELS]): "/".join(parts[depth:]) for depth in range(len(parts))}
    beside = (f"{folder}/{one}" if folder else one for one in (PartKind.STRUCTURED.part_name, PartKind.BOXES.part_name))
    return {**places, **dict.fromkeys(beside, name)}


def sidecars_for(path: str, there: Iterable[str]) -> dict[str, str]:
    """Return which of the existing sidecars (`there`) describe the file, each with the path it uses for the file.

    Later ones win over earlier ones. Of several `info.labels` only the nearest counts.

    >>> sidecars_for("a/b.png", ["info.labels", "a/info.labels"])
    {'a/info.labels': 'b.png'}
    """
    present = set(there)
    if not present:
        return {}  # true for nearly every file
    found = {place: name for place, name in places_for(path).items() if place in present}
    accounts = [place for place in found if place.rpartition("/")[2] == INFO_LABELS]
    for place in accounts[:-1]:
        del found[place]
    return found


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
                raise _WrongDocument(f"it has no {key}")
            yield from _entries_beside(kind, pieces, is_marked=type_found == type_name and not has_entries)
            has_entries = True
    _expect_end(pieces)
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
            entry = Entry(path=relative_path(mended(path)), problem=str(error))
        if is_marked:
            pieces.mark(_IN_ENTRIES)
        yield entry


def _entry_beside(kind: PartKind, path: str, found: Any, *, is_suspect: bool) -> Entry:
    if not is_whole(path):
        return Entry(path=relative_path(mended(path)), problem="its name contains half a character")
    path = relative_path(path)
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
                raise _WrongDocument(otherwise)
            yield from _files(pieces, is_marked=not is_lines and not has_files)
            has_files = True
        if not is_lines:
            _expect_end(pieces)
    if not has_files and not is_lines:
        raise _WrongDocument(otherwise)
    if is_lines:
        pieces.mark(_IN_LINES)
        yield from _lines(pieces)


def _files(pieces: JsonStream, *, is_marked: bool, is_inside: bool = False) -> Iterator[Entry]:
    for _ in pieces.elements(is_inside=is_inside):
        found, problem = pieces.record(_MEMBERS)
        entry = _entry(found, problem, is_suspect=pieces.is_suspect)
        if is_marked:
            pieces.mark(_IN_FILES)
        yield entry


def _lines(pieces: JsonStream) -> Iterator[Entry]:
    while True:
        if not pieces.next():
            return
        where = f"line {pieces.line} of {INFO_LABELS}"
        with _naming(where):
            found, problem = pieces.record(_MEMBERS)
        if not isinstance(found, dict):
            raise _WrongDocument(f"{where} names no file")
        listed = found.get("files")
        if "path" in found:
            entries = [_entry(found, problem, is_suspect=pieces.is_suspect)]
        elif isinstance(listed, list):
            entries = [_entry(one) for one in listed]
        elif "__ndjson" in found:
            entries = []
        else:
            raise _WrongDocument(f"{where} names no file" if problem is None else f"{where} cannot be used: {problem}")
        pieces.mark(_IN_LINES)
        yield from entries


@contextlib.contextmanager
def _naming(where: str) -> Iterator[None]:
    """Add `where` to the message of an error about text that is not JSON."""
    try:
        yield
    except _WrongDocument:
        raise
    except Unfinished as error:
        raise Unfinished(f"{where} is not JSON ({error})") from None
    except ValueError as error:
        raise ValueError(f"{where} is not JSON ({error})") from None


class _WrongDocument(ValueError):
    """The text is JSON, but not of the expected kind."""


def _object(pieces: JsonStream, otherwise: str) -> Iterator[str]:
    if pieces.next() not in ("{", ""):
        pieces.value()
        raise _WrongDocument(otherwise)
    return pieces.members()


def _expect_end(pieces: JsonStream) -> None:
    if pieces.next():
        raise ValueError(f"more follows in line {pieces.line}")


def _entry(found: Any, problem: str | None = None, *, is_suspect: bool = True) -> Entry:
    if not isinstance(found, dict) or not isinstance(found.get("path"), str) or not found["path"]:
        raise _WrongDocument(f"an entry of {INFO_LABELS} has no path")
    if problem is None and is_suspect:
        problem = "its path contains half a character" if not is_whole(found["path"]) else why_unusable(found)
    if problem is not None:
        return Entry(path=relative_path(mended(found["path"])), problem=problem)
    label = found.get("label")
    if not isinstance(label, dict):
        # Older tools write the text itself.
        label = {} if label is None else {"type": "label", "label": label}
    labels, text = label.get("labels"), label.get("label")
    if label.get("type") == "keyvalue-labels" and isinstance(labels, list):
        labels = {str(index): one for index, one in enumerate(labels)}  # as the service reads a list of texts
    path = relative_path(found["path"])
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


def _name(found: Any) -> str | None:
    is_text = isinstance(found, str) or (isinstance(found, int | float) and not isinstance(found, bool))
    return (str(found) or None) if is_text else None


def _number_of(attachments: Any) -> int:
    return len(attachments) if isinstance(attachments, list | dict) else int(bool(attachments))


def _named(category: Any) -> Any:
    """Return the category as the service names it, when a person wrote it differently: `Training`, `test`."""
    known = CATEGORY_WORDS.get(category.strip().lower()) if isinstance(category, str) else None
    return category if known is None else known.value


def _category_of(path: str) -> str | None:
    """Return the category of the folder into which the export put the file; None for other folders."""
    first = path.partition("/")[0]
    return first if first in _FOLDERS else None


def _is_listed(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, dict) for one in found)
