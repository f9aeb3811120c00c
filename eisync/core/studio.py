"""How Studio is asked, and what its refusals mean; for the daemon and `eisync.data` (wire contract, section 3)."""

import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

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


def _query_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping) or (isinstance(value, Iterable) and not isinstance(value, str)):
        return json.dumps(value if isinstance(value, Mapping) else list(value), separators=(",", ":"))
    return str(value)
