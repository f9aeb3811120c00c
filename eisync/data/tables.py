"""Read data frames of any library: columns as lists, rows one at a time, the index; and convert single values.

No frame library is imported; a frame is recognised by its methods. One with `iterrows` or `reset_index` is treated as a
frame of pandas or of a library with its API (Modin, cuDF, Dask; a Dask frame is computed, or read partition by
partition). One with `iter_rows` is treated as a frame of polars.

A value of pandas, numpy, polars or plain Python becomes a label, a category, metadata or a time. None, NaN, NaT and
pandas' NA are missing values.
"""

import contextlib
import csv
import io
import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Any

from eisync.data.sources import json_default

NO_FRAME = (
    "DataFrame methods on input object not found. DataFrame support requires pandas (or similar) to be installed."
)

_OF_NUMPY = frozenset({"float16", "float32"})
_NARROW = frozenset({"Float32", "float[pyarrow]"})

NS_DIGITS = 6
"""Milliseconds are rounded to this many decimals: to nanoseconds."""

_US_DIGITS = 3  # microseconds: a float of Unix seconds is not more exact


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its key in the index (without an index: its number), and its values in the order of the columns."""

    key: Any
    values: list[Any]


def require_frame(frame: Any) -> None:
    """Raise AttributeError if `frame` is not a data frame."""
    if not (
        _can(frame, "reset_index") or _can(frame, "iterrows") or _can(frame, "iter_rows") or _can(frame, "collect")
    ):
        raise AttributeError(NO_FRAME)


def gather(frame: Any) -> Any:
    """Return the frame with its data in memory: a lazy frame is computed, a series becomes a frame with one column.

    Raises AttributeError if `frame` is not a data frame.
    """
    if _can(frame, "to_frame"):
        frame = frame.to_frame()
    require_frame(frame)
    for compute in ("compute", "collect"):  # Dask, polars
        if _can(frame, compute):
            return getattr(frame, compute)()
    return frame


def names_of(frame: Any) -> list[Any]:
    """Return the names of the columns."""
    if _can(frame, "collect_schema"):  # for a lazy frame of polars, `columns` would compute the schema and warn
        return list(frame.collect_schema().names())
    return list(frame.columns)


def require_columns(frame: Any, *wanted: Any) -> None:
    """Raise a ValueError that names the columns of `wanted` that are missing. A name that is None is ignored."""
    there = set(names_of(frame))
    missing = [name for name in wanted if name is not None and name not in there]
    if missing:
        raise ValueError(f"Can't find the following columns: {missing}")


def listed(names: Any) -> Any:
    """Return names of columns as a list. A text is one name."""
    return [names] if isinstance(names, str) else names


def positions(there: Sequence[Any], names: Iterable[Any]) -> list[int]:
    """Return the positions of the columns with these names, in their order. A name that occurs twice gives both.

    >>> positions(["a", "b", "a"], ["b", "a"])
    [1, 0, 2]
    """
    return [number for name in names for number, one in enumerate(there) if one == name]


def position(there: Sequence[Any], name: Any) -> int:
    """Return the position of the column. Raises ValueError if several columns have the name."""
    found = positions(there, [name])
    if len(found) != 1:
        raise ValueError(f"the frame has several columns named {name!r}")
    return found[0]


def column(frame: Any, name: Any) -> list[Any]:
    """Return the values of a column of a frame in memory. Raises ValueError if several columns have the name."""
    position(names_of(frame), name)
    return _values_of(frame[name], name)


def columns(frame: Any, names: Iterable[Any] | None = None) -> tuple[list[Any], list[list[Any]]]:
    """Return the headings and the values of the columns with these names (None: all) of a frame in memory."""
    there = names_of(frame)
    at = range(len(there)) if names is None else positions(there, names)
    is_by_name = len(set(there)) == len(there)
    found = [frame[there[number]] if is_by_name else frame.iloc[:, number] for number in at]
    header = [there[number] for number in at]
    return header, [_values_of(series, name) for series, name in zip(found, header, strict=True)]


def index_of(frame: Any) -> list[Any] | None:
    """Return the index of a frame in memory; None if it has none, as in polars."""
    index: Any = getattr(frame, "index", None)
    values = index.tolist() if _can(index, "tolist") else None
    return values if isinstance(values, list) else None


def rows_of(frame: Any) -> Iterator[Row]:
    """Yield every row. A frame that consists of partitions is not computed as a whole.

    pandas gives the values of a row one common type: integers beside floats become floats (`1` becomes `1.0`), unless
    a column contains text.
    """
    if _can(frame, "iterrows"):
        for key, series in frame.iterrows():
            yield Row(key, _widened(series.tolist(), series))
        return
    _, found = columns(gather(frame))
    for number, values in enumerate(zip(*found, strict=True)):
        yield Row(number, list(values))


def csv_text(header: Iterable[Any], cells: Sequence[Sequence[Any]], *, line_end: str = "\n") -> io.StringIO:
    """Return the columns as CSV, positioned at the start: the same, byte for byte, as pandas writes.

    A missing value is an empty cell.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(header)
    writer.writerows(zip(*(_shown(values) for values in cells), strict=True))
    text.seek(0)
    return text


def is_missing(value: Any) -> bool:
    """Return whether a value is missing.

    >>> [is_missing(value) for value in (None, float("nan"), 0, "", "nan")]
    [True, True, False, False, False]
    """
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # pandas' NA is neither equal nor unequal
        return True
    except ValueError:  # an array
        return False


def label_text(value: Any) -> str | None:
    """Return a label as text; None if there is no label. The number 0 is a label, an empty text is not.

    >>> label_text(0), label_text("idle"), label_text(""), label_text(None)
    ('0', 'idle', None, None)
    """
    return None if is_missing(value) else str(value) or None


def category_text(value: Any) -> str:
    """Return a category; `split` if it is missing: then the service chooses."""
    return "split" if is_missing(value) else str(value) or "split"


def metadata_texts(metadata: Mapping[Any, Any] | None) -> dict[str, str] | None:
    """Return metadata as a new mapping of texts. Missing values are left out; lists and mappings become JSON.

    >>> metadata_texts({"site": "desk", "run": 7, "note": None, "range": {"from": 1, "to": [2, 3]}})
    {'site': 'desk', 'run': '7', 'range': '{"from": 1, "to": [2, 3]}'}
    """
    if metadata is None:
        return None
    return {str(key): _metadata_text(value) for key, value in metadata.items() if not is_missing(value)}


def unix_ms(timestamp: Any) -> int | float:
    """Return milliseconds since 1970 from seconds or a date. A date without a zone is UTC. Raises ValueError.

    >>> unix_ms(0.57), unix_ms(0.0005), unix_ms(datetime(1970, 1, 1, 0, 0, 1, 500))
    (570, 0.5, 1000.5)
    """
    if isinstance(timestamp, date) and not is_missing(timestamp):
        seconds = _instant(timestamp).timestamp()
    else:
        try:
            seconds = float(timestamp)
        except (TypeError, ValueError):
            seconds = float("nan")
    if seconds - seconds != 0:
        raise ValueError(
            f"Error: Unsupported timestamp format - {timestamp!r} is neither a number of seconds nor a date"
        )
    return whole(round(seconds * 1000, _US_DIGITS))


def index_ms(index: Iterable[Any]) -> list[int | float] | None:
    """Return an index in milliseconds: from numbers (milliseconds), time spans, or dates (since the first one).

    Return None for any other index, and for one that decreases somewhere.

    >>> from datetime import timedelta
    >>> index_ms([timedelta(0), timedelta(microseconds=500), timedelta(milliseconds=1)])
    [0, 0.5, 1]
    >>> index_ms(["a", "b"]) is index_ms([2, 1]) is None
    True
    """
    keys = [key.to_timestamp() if hasattr(key, "to_timestamp") else key for key in index]  # pandas' Period
    if any(is_missing(key) for key in keys):
        return None
    if all(hasattr(key, "total_seconds") for key in keys):
        found = [_span_ms(key) for key in keys]
    elif all(isinstance(key, date) for key in keys):
        instants = [_instant(key) for key in keys]
        found = [_span_ms(instant - instants[0]) for instant in instants]
    elif all(isinstance(key, int | float) and not isinstance(key, bool) for key in keys):
        found = keys
    else:
        return None
    return found if all(one <= other for one, other in pairwise(found)) else None


def whole(number: float) -> int | float:
    """Return a whole number as int, so that it is written without decimals: `10.0` as `10`, but `0.5` as it is."""
    return int(number) if number == int(number) else number


def shortest_float32(number: float) -> float:
    """Return the number with the fewest digits that is the same float of 32 bits.

    >>> shortest_float32(0.10000000149011612)
    0.1
    """
    if number - number != 0:
        return number
    for digits in range(6, 10):
        shorter = float(f"{number:.{digits}g}")
        try:
            if struct.unpack("f", struct.pack("f", shorter))[0] == number:
                return shorter
        except OverflowError:  # rounded up past the largest one
            continue
    return number


def _values_of(series: Any, name: Any) -> list[Any]:
    values = series.to_list() if _can(series, "to_list") else series.tolist() if _can(series, "tolist") else None
    if not isinstance(values, list):
        raise ValueError(f"the column {name!r} cannot be read")
    return _widened(values, series)


def _shown(values: Sequence[Any]) -> Sequence[Any]:
    try:
        if not [value for value in values if value is None or value != value]:
            return values
    except (TypeError, ValueError):  # a value that cannot be compared with itself, such as pandas' NA
        pass
    return ["" if is_missing(value) else value for value in values]


def _widened(values: list[Any], series: Any) -> list[Any]:
    """Return floats of 32 bits as they are written there: in Python, 0.1 would become 0.10000000149011612.

    For a dtype of numpy, numpy writes the text, as pandas does. For other dtypes the shortest number is used.
    """
    kind = str(getattr(series, "dtype", ""))
    if kind in _OF_NUMPY and _can(series, "to_numpy"):
        texts = series.to_numpy().astype(str).tolist()
        return [value if is_missing(value) else text for value, text in zip(values, texts, strict=True)]
    if kind in _NARROW:
        return [shortest_float32(value) if isinstance(value, float) else value for value in values]
    return values


def _can(thing: Any, method: str) -> bool:
    return callable(getattr(thing, method, None))


def _metadata_text(value: Any) -> str:
    nested = value.tolist() if _can(value, "tolist") else value
    if isinstance(nested, Mapping | list | tuple):
        with contextlib.suppress(TypeError, ValueError):  # it contains a value that JSON does not have
            return json.dumps(nested, default=json_default, ensure_ascii=False)
    return str(value)


def _instant(moment: date) -> datetime:
    """Return a time in UTC, so that a difference of two is the time between them, also across daylight saving time."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time(), UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _span_ms(span: Any) -> int | float:
    # In some versions of pandas, total_seconds ignores the nanoseconds.
    us = (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
    return whole(round(us / 1000 + getattr(span, "nanoseconds", 0) / 1_000_000, NS_DIGITS))
