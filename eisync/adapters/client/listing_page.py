"""Parse a page of the listing so that one malformed entry does not affect the others.

Most pages are parsed at once. A page that has an unknown form, or that would become too many objects, is read entry by
entry: only the wanted parts of each are parsed. An entry that cannot be read is reported with the reason.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from eisync.adapters.client.replies import LISTING, FullSample, ListedEntry
from eisync.core.formats.json_syntax import MAX_STRUCTURE, Text, elements, members, structure
from eisync.core.model import LARGEST_ID, Unread, value
from eisync.errors import AnswerTooLargeError

_WANTED = frozenset(key.encode() for key in ListedEntry.__annotations__)
_ENTRY = TypeAdapter(ListedEntry)
_MOST_OF_A_SAMPLE = 3 * MAX_STRUCTURE // 2  # enough for a sample with 13,000 boxes
_LONGEST_NUMBER = 32
_PAGE = frozenset((b"success", b"samples", b"totalCount"))

_T = TypeVar("_T", bound=Mapping[str, Any] | BaseModel)


@value
class Entries(Generic[_T]):
    """The entries of a page, in order. `total` is the number of samples that the page states."""

    read: list[_T]
    unread: list[Unread]
    total: int
    fullness: float = 0.0  # the share of the size limit that the page takes


class NoListingError(ValueError):
    """The answer is not a page of a listing; the message says where it differs."""


def read_page(body: Text, limit: int) -> Entries[ListedEntry]:
    """Parse a page that was requested with `limit` entries.

    Raise NoListingError, and AnswerTooLargeError for a page that must be requested with fewer entries.
    """
    if structure(body) <= MAX_STRUCTURE:
        try:
            listing = LISTING.validate_json(body)
        except ValidationError:
            pass  # the page is read entry by entry below
        else:
            _check_length(len(listing["samples"]), limit)
            return Entries(listing["samples"], [], listing["totalCount"])
    return _walk(body, limit, _read_entry, MAX_STRUCTURE)


def read_full_page(body: Text, limit: int) -> Entries[FullSample]:
    """Parse the same, with all data of the samples."""
    return _walk(body, limit, _read_full, _MOST_OF_A_SAMPLE)


def first_id(body: Text) -> int | None:
    """Return the id of the first entry of a page, even of one that is truncated in it; None when it has none."""
    at = body.find(b"[", 0, 4096) + 1
    while 0 < at < len(body) and body[at : at + 1].isspace():
        at += 1
    return _id_in(body, at) if at else None


def _id_in(text: Text, at: int = 0) -> int | None:
    """Return the id of the entry that begins at `at`."""
    ids = (text[start:end] for key, start, end in members(text, at) if key == b"id")
    return next((_id_of(_parsed(one)) for one in ids if len(one) <= _LONGEST_NUMBER), None)


def _walk(body: Text, limit: int, read: Callable[[Text], tuple[_T, int]], most: int) -> Entries[_T]:
    places = {key: (start, end) for key, start, end in members(body, 0) if key in _PAGE}
    begin, end = places.get(b"success", (0, 0))
    if body[begin:end] != b"true":
        raise NoListingError("success")
    total = _total(body, places.get(b"totalCount"))
    start, end = places.get(b"samples", (0, 0))
    if body[start : start + 1] != b"[":
        raise NoListingError("samples")
    found: list[_T] = []
    unread: list[Unread] = []
    kept, at = 0, start + 1
    for begin, at in elements(body, start):
        try:
            one, size = read(body[begin:at])
        except _UnreadableError as error:
            unread.append(Unread(error.sample_id, str(error), after=len(found)))
            continue
        found.append(one)
        kept += size
        if kept > most and len(found) > 1:
            raise AnswerTooLargeError("the page holds too many values")
        _check_length(len(found), limit)
    if body[at : end - 1].strip():
        raise NoListingError("samples")
    return Entries(found, unread, total, kept / most)


def _read_entry(text: Text) -> tuple[ListedEntry, int]:
    wanted = [b'"' + key + b'":' + text[begin:end] for key, begin, end in members(text, 0) if key in _WANTED]
    return _read(b"{" + b",".join(wanted) + b"}", _ENTRY.validate_json, _lenient, MAX_STRUCTURE)


def _lenient(known: Any) -> ListedEntry:
    try:
        return _ENTRY.validate_python(known)
    except ValidationError as error:
        if not isinstance(known, dict) or any(one["loc"][:1] != ("added",) for one in error.errors()):
            raise
    # `added` is only used for the newest entry, so it must not spoil this one.
    return _ENTRY.validate_python({key: one for key, one in known.items() if key != "added"})


def _read_full(text: Text) -> tuple[FullSample, int]:
    return _read(text, FullSample.model_validate_json, FullSample.model_validate, _MOST_OF_A_SAMPLE)


def _read(text: Text, quick: Callable[[Text], _T], slow: Callable[[Any], _T], most: int) -> tuple[_T, int]:
    size = structure(text)
    if size > most:
        raise _UnreadableError("its entry holds more values than a sample has", _id_in(text))
    try:
        return quick(text), size
    except ValidationError:
        pass
    try:
        known = _whole_characters(_parsed(text))
    except RecursionError:
        known = None
    try:
        return slow(known), size
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise _UnreadableError(f"its {where or 'entry'} is not what a sample has", _id_in(text)) from None


class _UnreadableError(Exception):
    def __init__(self, reason: str, sample_id: int | None) -> None:
        super().__init__(reason)
        self.sample_id = sample_id


def _parsed(text: Text) -> Any:
    """Return the parsed value; None when it is no JSON, or nested deeper than any known answer."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _whole_characters(value: Any) -> Any:
    """Replace lone surrogates by U+FFFD, because neither a database nor a log takes them."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_whole_characters(key): _whole_characters(one) for key, one in value.items()}
        case list():
            return [_whole_characters(one) for one in value]
    return value


def _id_of(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < LARGEST_ID else None


def _total(body: Text, place: tuple[int, int] | None) -> int:
    start, end = place or (0, 0)
    total = _parsed(body[start:end]) if end - start <= _LONGEST_NUMBER else None
    if not isinstance(total, int) or isinstance(total, bool) or not 0 <= total <= LARGEST_ID:
        raise NoListingError("totalCount")
    return total


def _check_length(entries: int, limit: int) -> None:
    if entries > limit:
        raise NoListingError(f"{entries} samples where {limit} were asked for")
