"""How Studio is asked, and what its refusals mean; for the daemon and `eisync.data` (wire contract, section 3)."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from eisync.core.model import LARGEST_ID

MOST_LISTED = 1000
"""Samples in one page of the listing: the largest number that the service documents."""

_NO_SAMPLE = "no sample found"


def encode_query(query: Mapping[str, object]) -> str:
    """Return the query string, percent-encoded: lists and objects as JSON, truths as words, None left out.

    >>> encode_query({"labels": ["a&b"], "limit": 5, "maxId": None, "excludeSensors": True})
    'labels=%5B%22a%26b%22%5D&limit=5&excludeSensors=true'
    """
    return urlencode({name: _query_value(value) for name, value in query.items() if value is not None}, quote_via=quote)


def says_no_sample(error: str | None) -> bool:
    """Whether Studio refused a request because the project has no such sample.

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
    return found if all(type(one) is int and 0 < one <= LARGEST_ID for one in found) else None


def _query_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping) or (isinstance(value, Iterable) and not isinstance(value, str)):
        return json.dumps(value if isinstance(value, Mapping) else list(value), separators=(",", ":"))
    return str(value)
