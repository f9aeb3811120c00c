"""Read `info.labels`, the account of an exported dataset (wire contract, section 5).

Every key but the path may be missing; very large accounts are JSON lines. What an entry does not say is left to the
service, and what it says outright (`unlabeled`) is kept.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LABEL_FILE = "info.labels"

_FOLDERS = ("training", "testing", "validation", "post-processing", "anomaly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file. `path` is relative to the dataset, with `/` between its parts; `label` None says nothing of a label."""

    path: str
    category: str | None = None
    label: str | None = None
    is_unlabeled: bool = False
    structured_labels: list[dict[str, Any]] | None = None
    label_map: Mapping[str, str] | None = None
    metadata: dict[str, Any] | None = None
    bounding_boxes: list[dict[str, Any]] | None = None


def read_entries(text: str) -> list[Entry]:
    """Raises ValueError, with the reason, for what is no account of a dataset.

    >>> read_entries('{"files": [{"path": "training/a.png", "label": {"type": "unlabeled"}}]}')[0].is_unlabeled
    True
    """
    return [_entry(found) for found in _files(text)]


def _files(text: str) -> list[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        first = text.lstrip().partition("\n")[0]
        if not first.startswith('{"__ndjson"'):
            raise ValueError(f"{LABEL_FILE} is not JSON ({error})") from None
        return list(_from_lines(text))
    return _listed(document)


def _from_lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number} of {LABEL_FILE} is not JSON ({error})") from None
        if isinstance(document, dict) and "path" in document:
            yield document
        elif isinstance(document, dict) and "files" in document:
            yield from _listed(document)
        elif not isinstance(document, dict) or "__ndjson" not in document:
            raise ValueError(f"line {number} of {LABEL_FILE} names no file")


def _listed(document: Any) -> list[Any]:
    files = document.get("files", [] if "__ndjson" in document else None) if isinstance(document, dict) else None
    if not isinstance(files, list):
        raise ValueError(f"{LABEL_FILE} has no list of files")
    return files


def _entry(found: Any) -> Entry:
    if not isinstance(found, dict) or not isinstance(found.get("path"), str) or not found["path"]:
        raise ValueError(f"an entry of {LABEL_FILE} has no path")
    label = found.get("label")
    if not isinstance(label, dict):
        # Older tools write the text itself.
        label = {} if label is None else {"type": "label", "label": label}
    labels = label.get("labels")
    text = label.get("label")
    return Entry(
        path=found["path"].replace("\\", "/"),
        category=found.get("category") or _category_of(found["path"]),
        label=None if text is None else str(text),
        is_unlabeled=label.get("type") == "unlabeled",
        structured_labels=labels if isinstance(labels, list) else None,
        label_map=labels if isinstance(labels, dict) else None,
        metadata=found.get("metadata"),
        bounding_boxes=found.get("boundingBoxes") or None,
    )


def _category_of(path: str) -> str | None:
    """The folder that the export put the file into."""
    first = path.replace("\\", "/").partition("/")[0]
    return first if first in _FOLDERS else None
