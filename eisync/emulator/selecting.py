"""Read the query of a listing or a batch call. Raises Refusal with the service's text, or ours if that is unknown.

An ignored filter would select too many samples, and a batch call deletes or changes all selected samples. So a filter
that is unknown, empty or given twice is refused. Source: the wire contract, section 3; for the names and meanings of
filters: the official client (npm, edge-impulse-api 1.95.13).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from eisync.emulator.companions import read_json
from eisync.emulator.model import STORED_CATEGORIES, MetadataFilter, MetadataItem, Page, Selection
from eisync.emulator.settings import EmulatorSettings

FILTERS = frozenset(
    {
        "category",
        "labels",
        "filename",
        "search",
        "minId",
        "maxId",
        "minDate",
        "maxDate",
        "minLength",
        "maxLength",
        "minFrequency",
        "maxFrequency",
        "signatureValidity",
        "minLabel",
        "maxLabel",
        "dataType",
        "metadata",
        "includeDisabled",
    }
)
BATCH_FILTERS = FILTERS | {"ids", "excludeIds"}
PAGING = frozenset({"limit", "offset", "sortBy", "excludeSensors", "truncateStructuredLabels"})

_DISABLED = {"both": None, "enabled": False, "disabled": True}
_SIGNATURES = {"both": None, "valid": True, "invalid": False}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_ZONE_WITH_SPACE = re.compile(r"(T.*) ([0-9]{2}:?[0-9]{2})")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


class Refusal(Exception):
    """Studio refuses a call, with HTTP 200 and success:false."""


def refuse_unknown(names: Iterable[str], known: frozenset[str]) -> None:
    """Refuse unknown and repeated parameters. `names` are those of the query, repetitions included."""
    for name, times in Counter(names).items():
        if name not in known:
            raise Refusal(f"Unknown parameter {name}")
        if times > 1:
            raise Refusal(f"Parameter {name} is given {times} times")


def refuse_empty(query: Mapping[str, str]) -> None:
    """Refuse an empty parameter: an empty variable in a script must not make a batch call change more samples."""
    for name, value in query.items():
        if not value.strip():
            raise Refusal(f"Parameter {name} is empty")


def read_selection(query: Mapping[str, str], project_id: int, settings: EmulatorSettings) -> Selection:
    return Selection(
        project_id=project_id,
        category=read_category(query.get("category")),
        ids=_read_ids(query, "ids"),
        exclude_ids=_read_ids(query, "excludeIds") or (),
        labels=_read_labels(query.get("labels")),
        filename=query.get("filename", ""),
        search=query.get("search", ""),
        min_id=_read_integer(query, "minId"),
        max_id=_read_integer(query, "maxId"),
        min_added_ms=_read_instant_ms(query, "minDate"),
        max_added_ms=_read_instant_ms(query, "maxDate"),
        is_disabled=_read_choice(query, "includeDisabled", _DISABLED),
        min_length_ms=_read_number(query, "minLength"),
        max_length_ms=_read_number(query, "maxLength"),
        min_frequency_hz=_read_number(query, "minFrequency"),
        max_frequency_hz=_read_number(query, "maxFrequency"),
        is_signature_valid=_read_choice(query, "signatureValidity", _SIGNATURES),
        min_label=_read_number(query, "minLabel"),
        max_label=_read_number(query, "maxLabel"),
        data_type=_read_data_type(query),
        metadata=_read_metadata(query.get("metadata")),
        ignores_case=settings.filename_filter_ignores_case,
    )


def read_page(query: Mapping[str, str], settings: EmulatorSettings) -> Page:
    limit, offset = _read_integer(query, "limit"), _read_integer(query, "offset")
    if (limit is not None and limit < 0) or (offset is not None and offset < 0):
        raise Refusal("Invalid limit or offset")
    sort = query.get("sortBy") or "id-desc"
    if sort not in ("id-desc", "random") and settings.refuse_unknown_filters:
        raise Refusal(f"Invalid sortBy: {sort}")
    return Page(
        limit=settings.max_page_limit if limit is None else min(limit, settings.max_page_limit),
        offset=offset or 0,
        shuffled=sort == "random",
    )


def read_count(query: Mapping[str, str], name: str, *, default: int, at_most: int) -> int:
    number = _read_integer(query, name)
    if number is not None and not 1 <= number <= at_most:
        raise Refusal(f"Invalid {name}: expected a number from 1 to {at_most}")
    return default if number is None else number


def read_boolean(query: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    text = query.get(name) or str(default)
    if text.lower() not in _BOOLEANS:
        raise Refusal(f"Invalid {name}: {text}")
    return _BOOLEANS[text.lower()]


def read_category(category: str | None) -> str | None:
    """Return the category; None for `all`."""
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


def _read_number(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Refusal(f"Invalid {name}: {text}")
    return number


def _read_choice(query: Mapping[str, str], name: str, choices: Mapping[str, bool | None]) -> bool | None:
    text = query.get(name) or "both"
    if text not in choices:
        raise Refusal(f"Invalid {name}: {text}")
    return choices[text]


def _read_data_type(query: Mapping[str, str]) -> str:
    data_type = query.get("dataType", "")
    if data_type not in ("", "audio", "image"):
        raise Refusal(f"Invalid dataType: {data_type}")
    return data_type


def _read_ids(query: Mapping[str, str], name: str) -> tuple[int, ...] | None:
    text = query.get(name)
    if not text:
        return None
    ids = read_json(text)
    if not isinstance(ids, list) or not all(type(one) is int and one.bit_length() < 64 for one in ids):
        raise Refusal(f"Invalid {name}: expected a JSON array of numbers")
    return tuple(ids)


def _read_labels(text: str | None) -> tuple[str, ...]:
    """Return the labels to filter by. The literal `null` and an empty list mean no filter."""
    if not text or text == "null":
        return ()
    labels = read_json(text)
    if not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
        raise Refusal("Invalid labels: expected a JSON array of strings")
    return tuple(labels)


def _read_metadata(text: str | None) -> MetadataFilter | None:
    if not text or text == "null":
        return None
    found = read_json(text)
    if not isinstance(found, list):
        raise Refusal("Invalid metadata: expected a JSON array of filters")
    items: list[MetadataItem] = []
    options: dict[str, object] = {}
    for one in found:
        if isinstance(one, dict) and "key" in one:
            items.append(_read_metadata_item(one))
        elif isinstance(one, dict) and len(one) == 1 and not one.keys() & options.keys():
            options |= one
        else:
            raise Refusal("Invalid metadata: every filter has a key and an op, or is one option")
    without, combinator = options.pop("no_metadata", False), options.pop("filters_combinator", "and")
    if options or not isinstance(without, bool) or combinator not in ("and", "or"):
        raise Refusal("Invalid metadata: the options are no_metadata, a boolean, and filters_combinator, and or or")
    return MetadataFilter(tuple(items), any_of=combinator == "or", without=without) if found else None


def _read_metadata_item(one: Mapping[str, object]) -> MetadataItem:
    key, operator, values = one["key"], one.get("op"), one.get("values", [])
    is_known = one.keys() <= {"key", "op", "values"} and operator in ("eq", "neq")
    if not is_known or not isinstance(key, str) or not isinstance(values, list):
        raise Refusal("Invalid metadata: a filter has a key, an op, eq or neq, and perhaps a list of values")
    if not all(isinstance(value, str) for value in values):
        raise Refusal("Invalid metadata: values should be strings")
    return MetadataItem(key, is_wanted=operator == "eq", values=tuple(values))


def _read_instant_ms(query: Mapping[str, str], name: str) -> int | None:
    """Read an ISO 8601 time; without a zone it is UTC.

    The official generated client does not encode the + of a zone, so that it arrives as a space.
    """
    text = query.get(name)
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(_ZONE_WITH_SPACE.sub(r"\1+\2", text))
        return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise Refusal(f"Invalid {name}: {text}") from error
