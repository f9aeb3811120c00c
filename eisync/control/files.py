"""Answer which files there are: all of them as they come, or a page that is filtered and sorted.

What the watcher observes now (files that are not complete, entries that cannot be read) counts before the row of the
file, if it has one. Rows and observed files are sorted on their own and merged, page by page.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eisync.control.overview import Record
from eisync.core.file_filter import Cursor, FileQuery, Key, is_before, observed_key, query_of, state_of
from eisync.core.file_status import UNREADABLE, prefers_row
from eisync.core.lifecycle import State
from eisync.core.model import shown
from eisync.errors import EisyncError
from eisync.store.index import Index

PAGE = 1_000

_SLICE = 100

_PAGED = frozenset({"label", "category", "folder", "problem", "search", "differs", "sort", "limit", "after"})


def files(index: Index, observed: Sequence[Record], question: Mapping[str, Any]) -> Iterator[Record]:
    """Yield one record for each file that the question asks for; a folder that cannot be read has one, too.

    A question with a filter other than the state, an order, a limit or a cursor is answered with one page and, behind
    it, `{"what": "page", "after": CURSOR}`. The next page is asked for with that cursor, which is None after the last
    one. A page may have fewer files than the limit although others follow.
    """
    if not _PAGED.isdisjoint(question):
        return _page(index, observed, query_of(question))
    return _all(index, observed, state_of(question.get("state")))


def merged(row: Record, observed: Record | None) -> Record:
    """Return the record of a file that has a row, and possibly an observation with a newer state."""
    if observed is None or prefers_row(row["state"]):
        return row
    return {**row, "state": observed["state"], "reason": observed["reason"]}


def _all(index: Index, observed: Sequence[Record], wanted: str | None) -> Iterator[Record]:
    left = {(record["root"], record["path"]): record for record in observed}
    if wanted != UNREADABLE:
        for record in index.records.files(None if wanted is None else State(wanted)):
            entry = left.pop((record["root"], record["path"]), None)
            found = merged(record, entry)
            if wanted is None or found["state"] == wanted:
                yield found
    # What is not listed yet: without a row, or with a row in another state.
    unlisted = [one for one in left.values() if wanted is None or one["state"] == wanted]
    for start in range(0, len(unlisted), PAGE):
        page = unlisted[start : start + PAGE]
        for one, found in zip(page, _with_rows(index, page), strict=True):
            if wanted is None or found["state"] == one["state"]:
                yield found


def _with_rows(index: Index, observed: Sequence[Record]) -> list[Record]:
    """Return the records of observed files, with what their rows have."""
    by_root: dict[str, list[str]] = {}
    for one in observed:
        by_root.setdefault(one["root"], []).append(one["path"])
    found = [row for root, paths in by_root.items() for row in index.records.files_at(root, paths)]
    rows = {(row["root"], row["path"]): row for row in found}
    both = (merged(row, one) if (row := rows.get((one["root"], one["path"]))) else one for one in observed)
    return [{name: of for name, of in record.items() if name not in ("facts", "companions")} for record in both]


def _page(index: Index, observed: Sequence[Record], query: FileQuery) -> Iterator[Record]:
    if query.which.folder is not None:
        _check_folder(index, query.which.folder)
    rows, end = _rows(index, observed, query)
    others = _observed(index, observed, query)
    other, left = next(others, None), query.limit
    last_row, last_observed = query.after.row, query.after.observed
    for key, record in [*rows, (end, None)]:
        while left and other is not None and is_before(query.sort, other[0], key):
            yield other[1]
            last_observed, left, other = other[0], left - 1, next(others, None)
        if not left and (record is not None or other is not None):
            break
        last_row = key
        if record is not None:
            yield record
            left -= 1
    is_last = last_row is None and other is None
    yield {"what": "page", "after": None if is_last else Cursor(last_row, last_observed).text}


def _rows(index: Index, observed: Sequence[Record], query: FileQuery) -> tuple[list[tuple[Key, Record]], Key | None]:
    """Return the rows of the page with their keys, without those that an observation describes better, and the key
    after which others follow: None if none do."""
    if query.after.row is None:
        return [], None
    page = index.pages.page(query.which, query.sort, after=query.after.row, limit=query.limit + 1)
    seen = {(record["root"], record["path"]) for record in observed}
    return [
        (key, record)
        for key, record in page.files
        if (prefers_row(record["state"]) or (record["root"], record["path"]) not in seen)
        and query.which.confirms(record)
    ], page.end


def _observed(index: Index, observed: Sequence[Record], query: FileQuery) -> Iterator[tuple[Key, Record]]:
    """Yield the observed files after the cursor with their keys, in order. What their rows have is read as needed."""
    which, after = query.which, query.after.observed
    found = []
    for one in observed:
        if which.takes_path(one["root"], one["path"]) and which.state in (None, one["state"]):
            key = observed_key(query.sort, one["root"], one["path"], one["size"])
            if key > after:
                found.append((key, one))
    found.sort(key=lambda pair: pair[0])
    for start in range(0, len(found), _SLICE):
        some = found[start : start + _SLICE]
        for (key, one), record in zip(some, _with_rows(index, [one for _, one in some]), strict=True):
            if record["state"] == one["state"] and which.takes(record):
                yield key, record


def _check_folder(index: Index, folder: str) -> None:
    wanted = f"{folder.rstrip('/')}/"
    places = [f"{root.path.rstrip('/')}/" for root in index.roots()]
    if not any(place.startswith(wanted) or wanted.startswith(place) for place in places):
        raise EisyncError(f"{shown(folder)} is not in a watched folder; 'eisync status' lists them")
