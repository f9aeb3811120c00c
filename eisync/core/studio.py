"""Build queries for Studio, read its refusals, and read the names of its samples.

The daemon and `eisync.data` both use this (wire contract, section 3). A split in Studio replaces a sample by segments.
Each segment has the name with `.s1`, `.s2` appended, is stored under the name that was sent with the same mark, and is
flagged as cropped. It is not documented which of these marks a service shows, so any one of them is enough. A sample
that is wrongly taken for a segment only makes eisync keep a file.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeGuard
from urllib.parse import quote, urlencode

from eisync.core.model import LARGEST_ID, RemoteSample, sent_name, value
from eisync.core.text import amount

MOST_LISTED = 1000
"""Samples in one page of the listing: the largest number that the service documents."""

_NO_SAMPLE = "no sample found"


def encode_query(query: Mapping[str, object]) -> str:
    """Return the query string, percent-encoded: lists and objects as JSON, booleans as words, None left out.

    >>> encode_query({"labels": ["a&b"], "limit": 5, "maxId": None, "excludeSensors": True})
    'labels=%5B%22a%26b%22%5D&limit=5&excludeSensors=true'
    """
    return urlencode({name: _query_value(value) for name, value in query.items() if value is not None}, quote_via=quote)


def says_no_sample(error: str | None) -> bool:
    """Return whether Studio refused a request because the project has no such sample.

    >>> says_no_sample("No sample found with ID 7"), says_no_sample("no permission")
    (True, False)
    """
    return _NO_SAMPLE in (error or "").lower()


def projects_of_key(ask: Callable[[str], Mapping[str, Any]], *refusals: type[Exception]) -> list[int] | None:
    """Return the ids of the projects that a key opens: one, where it is a project's key.

    `ask` returns Studio's answer at a path, and raises one of `refusals` where Studio does not have the call: the first
    one asked is newer than some installations. None when an answer cannot be understood.

    >>> projects_of_key(lambda path: {"projectId": 7}), projects_of_key(lambda path: {"projectId": "seven"})
    ([7], None)
    """
    try:
        found: list[Any] = [ask("/api/projects/api-key-info").get("projectId")]
    except refusals:
        projects = ask("/api/projects").get("projects")
        listed = projects if isinstance(projects, list) else [None]
        found = [one.get("id") if isinstance(one, Mapping) else None for one in listed]
    return found if all(map(is_id, found)) else None


def is_id(value: object) -> TypeGuard[int]:
    """Return whether it is an id: a whole number, no text and no truth, that the database can hold."""
    return type(value) is int and 0 < value <= LARGEST_ID


def _query_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping) or (isinstance(value, Iterable) and not isinstance(value, str)):
        return json.dumps(value if isinstance(value, Mapping) else list(value), separators=(",", ":"))
    return str(value)


_LAST_MARK = re.compile(r"(?:\.s\d{1,9}| \([^()]*\))\Z")
_SEGMENT_MARK = re.compile(r"s\d+")


def stored_name(name: str) -> str:
    """Return the name that Studio lists for a file sent as `name`: without its last extension (wire contract, section
    1).
    """
    stem, dot, _ = name.rpartition(".")
    return stem if dot else name


def original_name(coldstorage_filename: str) -> str | None:
    """Return the file name that was sent, from a sample's `coldstorageFilename`; None when it has another form."""
    return origin(coldstorage_filename)[0]


def origin(coldstorage_filename: str) -> tuple[str | None, bool]:
    """Return the same, and whether the sample is a segment of what was sent.

    The form is `<name sent>.<id8>.<pod>.<ext>`. Cropped samples have a mark such as `s1` before the last part.
    """
    # This runs for every sample of a sweep, so the usual form, which has no mark, is split only once.
    parts = coldstorage_filename.rsplit(".", 3)
    if len(parts) < 4:
        return None, False
    place, first, second, _ = parts
    name = place[coldstorage_filename.rfind("/") + 1 :]  # empty when a dot in a folder's name was split
    if first[:1] == "s" or second[:1] == "s":
        for mark in (first, second):
            if _SEGMENT_MARK.fullmatch(mark):
                return name.rpartition(".")[0] or None, True
    return name or None, False


@value
class Origin:
    """The names that identify segments of a recording: `filenames` at the service, and the names that were `sent`."""

    filenames: frozenset[str]
    sent: frozenset[str]


def origin_of(path: str, filenames: frozenset[str] = frozenset(), sent: frozenset[str] = frozenset()) -> Origin:
    """Return the names of the file at `path` (or sent under this name) and of the samples that it had."""
    name = sent_name(path)
    return Origin(filenames | {stored_name(name)}, sent | {name})


def is_cut_from(sample: RemoteSample, origin: Origin) -> bool:
    """Return whether the sample was cut from a recording with these names."""
    if sample.is_cropped and (sample.original_name in origin.sent or sample.filename in origin.filenames):
        return True
    return any(whole in origin.filenames for whole in wholes(sample.filename))


def is_cut(sample: RemoteSample) -> bool:
    """Return whether the sample may have been cut from any other one."""
    # This runs for every new sample, and nearly none has an ending that needs the pattern.
    name = sample.filename
    return sample.is_cropped or ((".s" in name or name[-1:] == ")") and next(wholes(name), None) is not None)


def wholes(filename: str) -> Iterator[str]:
    """Yield the possible names of the sample from which a segment of this name was cut, the longest first."""
    while mark := _LAST_MARK.search(filename):
        filename = filename[: mark.start()]
        if filename:
            yield filename


def marked(name: str) -> tuple[tuple[str, str], ...]:
    """Return the ranges [from, to) in which the names of its segments sort. Other names may be in them, too."""
    return (name, f"{name}\x01"), (f"{name}.s", f"{name}.t"), (f"{name} (", f"{name} )")


def cut_sentence(number: int) -> str:
    """Return what happened to the sample of a file that was split or cropped, for a person."""
    return (
        f"its sample was split or cropped in Studio: {amount(number, 'sample')} cut from it "
        f"{'are' if number != 1 else 'is'} there; the file here is the only whole copy, so it stays"
    )


def editor(updated_by: str | None, own_key: int | None) -> str | None:
    """Return who edited a sample last, for a person; None when the service does not say.

    >>> editor("projectApiKey 7", 7), editor("projectApiKey 8", 7), editor("user 5", 7), editor(None, 7)
    ('the API key of eisync', 'API key 8', 'user 5', None)
    """
    if updated_by is None:
        return None
    kind, _, number = updated_by.partition(" ")
    if kind == "projectApiKey":
        return "the API key of eisync" if own_key is not None and number == str(own_key) else f"API key {number}"
    return {"datasetVersionRestore": "the restore of a dataset version", "oauthClient": "an OAuth client"}.get(
        kind, updated_by
    )


def is_edited_by_others(sample: RemoteSample, own_key: int | None) -> bool:
    """Return whether the service says that somebody else than eisync edited the sample last."""
    return sample.updated_by is not None and sample.updated_by != f"projectApiKey {own_key}"
