"""Answer requests about sent files that are described in another way now: list them, and record what is wanted."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from eisync.control.overview import Record
from eisync.core.action_sentences import change, sentence
from eisync.core.actions import FileSide, WantedDescription
from eisync.core.description_edits import propose_edits
from eisync.core.labels.description import Description
from eisync.core.model import Category, shown
from eisync.errors import ConfigurationError
from eisync.store.actions import ActionStore
from eisync.store.index import Index
from eisync.store.wanted import WantedChange

MAX_FILES = 10_000
"""Limit of the files in one answer."""

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "file": int,
    "label": (str, type(None)),
    "category": str,
    "metadata": dict,
    "companions": (str, type(None)),
    "remarks": dict,
}


def sent_files(index: Index, question: Mapping[str, Any]) -> Iterator[Record]:
    """Yield a page of the files at the service, those at and below a folder of a root, after the path `after`."""
    root, folder, after, limit = (question.get(name) for name in ("root", "folder", "after", "limit"))
    if not all(isinstance(one, str) for one in (root, folder, after)):
        raise ConfigurationError("the question names no root, no folder or no path")
    if not isinstance(limit, int) or not 0 < limit <= MAX_FILES:
        raise ConfigurationError(f"ask for 1 to {MAX_FILES:,} files")
    for known in index.roots():
        if known.path == root:
            page = index.descriptions.sent_within(known.id, str(folder), is_deep=True, after=str(after), limit=limit)
            yield from ({"file": one.id, "path": one.path} for one in page)


def relabel(actions: ActionStore, question: Mapping[str, Any], now: float) -> Iterator[Record]:
    """Yield the edits after which the samples of these files are described so. Then yield how many files that is.

    Without `dry_run`, record what is wanted: the next pass of the reconciler plans the edits, and a person approves
    them.
    """
    found = question.get("files")
    if not isinstance(found, list) or len(found) > MAX_FILES:
        raise ConfigurationError("the question names no files, or too many")
    files = 0
    wanted: list[WantedChange] = []
    for file_id, description in map(_wanted, found):
        side = actions.side(file_id)
        if side is None:
            continue
        if description.category is Category.SPLIT:  # the service, or the split of the folder, has decided already
            description = replace(description, category=side.category)
        wanted.append((file_id, description))
        records = list(_edits(side, description, now))
        files += bool(records)
        yield from records
    if not question.get("dry_run"):
        actions.wanted.want(wanted, is_asked=True, now=now)
    yield {"what": "files", "files": files}


def _edits(side: FileSide, description: Description, now: float) -> Iterator[Record]:
    for edit in propose_edits(replace(side, wanted=WantedDescription(description=description, at=now, is_asked=True))):
        action = edit.action
        yield {
            "what": "edit",
            "kind": action.kind.value,
            "root": shown(action.root),
            "path": shown(action.path),
            "sample_id": action.sample_id,
            "was": action.was,
            "to": action.to,
            "is_disputed": edit.is_disputed,
            "change": change(action),
            "sentence": sentence(action),
        }


def _wanted(found: Any) -> WantedChange:
    if not isinstance(found, dict) or not all(isinstance(found.get(name), kind) for name, kind in _FIELDS.items()):
        raise ConfigurationError("a file to describe again has no id or no description")
    try:
        category = Category(found["category"])
    except ValueError:
        raise ConfigurationError(f"there is no category {found['category']!r}") from None
    return found["file"], Description(
        label=found["label"],
        category=category,
        metadata=found["metadata"],
        companions=found["companions"],
        remarks=found["remarks"],
    )
