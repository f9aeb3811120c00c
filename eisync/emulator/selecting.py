"""Read the query of a listing or a batch call. Raises Refusal with the service's words, or ours where it has none.

Source: the wire contract, section 3.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from eisync.emulator.companions import is_string_map, read_json
from eisync.emulator.model import STORED_CATEGORIES, Page, Selection
from eisync.emulator.settings import EmulatorSettings

_DISABLED = {"": None, "both": None, "enabled": False, "disabled": True}
_ZONE_WITH_SPACE = re.compile(r"(T.*) ([0-9]{2}:?[0-9]{2})")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


class Refusal(Exception):
    """Studio says no, with HTTP 200 and success:false."""


def read_selection(query: Mapping[str, str], project_id: int, settings: EmulatorSettings) -> Selection:
    disabled = query.get("includeDisabled", "")
    if disabled not in _DISABLED:
        raise Refusal(f"Invalid includeDisabled: {disabled}")
    return Selection(
        project_id=project_id,
        category=read_category(query.get("category")),
        ids=_read_ids(query.get("ids")),
        labels=_read_labels(query.get("labels")),
        filename=query.get("filename", ""),
        search=query.get("search", ""),
        min_id=_read_integer(query, "minId"),
        max_id=_read_integer(query, "maxId"),
        min_added_ms=_read_instant_ms(query, "minDate"),
        max_added_ms=_read_instant_ms(query, "maxDate"),
        is_disabled=_DISABLED[disabled],
        metadata=_read_metadata(query.get("metadata")),
        ignores_case=settings.filename_filter_ignores_case,
    )


def read_page(query: Mapping[str, str], settings: EmulatorSettings) -> Page:
    limit, offset = _read_integer(query, "limit"), _read_integer(query, "offset")
    if (limit is not None and limit < 0) or (offset is not None and offset < 0):
        raise Refusal("Invalid limit or offset")
    return Page(
        limit=settings.max_page_limit if limit is None else min(limit, settings.max_page_limit),
        offset=offset or 0,
        shuffled=query.get("sortBy") == "random",
    )


def read_category(category: str | None) -> str | None:
    """None for `all`."""
    if category is None:
        raise Refusal("Unknown category undefined")
    if category != "all" and category not in STORED_CATEGORIES:
        raise Refusal(f"Unknown category {category}")
    return None if category == "all" else category


def _read_integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None or text == "":
        return None
    if not _INTEGER.fullmatch(text):
        raise Refusal(f"Invalid {name}: {text}")
    return int(text)


def _read_ids(text: str | None) -> tuple[int, ...] | None:
    if not text:
        return None
    ids = read_json(text)
    if not isinstance(ids, list) or not all(type(one) is int and one.bit_length() < 64 for one in ids):
        raise Refusal("Invalid ids: expected a JSON array of numbers")
    return tuple(ids)


def _read_labels(text: str | None) -> tuple[str, ...]:
    """The literal `null` and an empty list filter nothing."""
    if not text or text == "null":
        return ()
    labels = read_json(text)
    if not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
        raise Refusal("Invalid labels: expected a JSON array of strings")
    return tuple(labels)


def _read_metadata(text: str | None) -> Mapping[str, str] | None:
    if not text or text == "null":
        return None
    metadata = read_json(text)
    if not isinstance(metadata, dict) or not is_string_map(metadata):
        raise Refusal("Invalid metadata: expected a JSON object of strings")
    return metadata


def _read_instant_ms(query: Mapping[str, str], name: str) -> int | None:
    """ISO 8601; without a zone it is UTC. The official generated client leaves the + of a zone as it is: a space."""
    text = query.get(name)
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(_ZONE_WITH_SPACE.sub(r"\1+\2", text))
        return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise Refusal(f"Invalid {name}: {text}") from error
