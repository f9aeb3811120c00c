"""Read a foreign data frame: its columns as lists, its rows one at a time, its index.

No frame library is imported. What has `iterrows` or `reset_index` is taken for pandas or one that follows it (Modin,
cuDF, Dask: a Dask frame is computed, or walked partition by partition); what has `iter_rows` is taken for polars.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eisync.data.values import is_missing, shortest_float32

NO_FRAME = (
    "DataFrame methods on input object not found. DataFrame support requires pandas (or similar) to be installed."
)

_OF_NUMPY = frozenset({"float16", "float32"})
_NARROW = frozenset({"Float32", "float[pyarrow]"})


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its key in the index (its number where there is none), and its values in the order of the columns."""

    key: Any
    values: list[Any]


def require_frame(frame: Any) -> None:
    """Raises AttributeError for what is no data frame."""
    if not (
        _can(frame, "reset_index") or _can(frame, "iterrows") or _can(frame, "iter_rows") or _can(frame, "collect")
    ):
        raise AttributeError(NO_FRAME)


def gather(frame: Any) -> Any:
    """The frame itself, with its data in memory: a lazy one is computed, a series becomes a frame of one column.

    Raises AttributeError for what is no data frame.
    """
    if _can(frame, "to_frame"):
        frame = frame.to_frame()
    require_frame(frame)
    for compute in ("compute", "collect"):  # Dask, polars
        if _can(frame, compute):
            return getattr(frame, compute)()
    return frame


def names_of(frame: Any) -> list[Any]:
    """The names of the columns."""
    if _can(frame, "collect_schema"):  # polars would compute a lazy frame's columns, and warn
        return list(frame.collect_schema().names())
    return list(frame.columns)


def require_columns(frame: Any, *wanted: Any) -> None:
    """Raises ValueError that names every column of `wanted` which `frame` has not; None stands for no column."""
    there = set(names_of(frame))
    missing = [name for name in wanted if name is not None and name not in there]
    if missing:
        raise ValueError(f"Can't find the following columns: {missing}")


def require_list(names: Any, argument: str) -> None:
    """Raises ValueError for one text: its letters would be taken for names."""
    if isinstance(names, str):
        raise ValueError(f"The '{argument}' argument must be a list of column names.")


def column(frame: Any, name: Any) -> list[Any]:
    """The values of a column of a gathered frame. Raises ValueError when several columns have the name."""
    series = frame[name]
    values = series.to_list() if _can(series, "to_list") else series.tolist() if _can(series, "tolist") else None
    if not isinstance(values, list):
        raise ValueError(f"the frame has several columns named {name!r}, or one that cannot be read")
    return _widened(values, series)


def index_of(frame: Any) -> list[Any] | None:
    """The index of a gathered frame; None when it has none, as in polars."""
    index: Any = getattr(frame, "index", None)
    values = index.tolist() if _can(index, "tolist") else None
    return values if isinstance(values, list) else None


def rows_of(frame: Any) -> Iterator[Row]:
    """Every row, without computing the whole of a frame that is walked in pieces.

    pandas makes the values of a row alike: a whole number beside fractions is a fraction there (`1` is `1.0`) unless
    some column holds texts.
    """
    if _can(frame, "iterrows"):
        for key, series in frame.iterrows():
            yield Row(key, _widened(series.tolist(), series))
        return
    gathered = gather(frame)
    columns = [column(gathered, name) for name in names_of(gathered)]
    for number, values in enumerate(zip(*columns, strict=True)):
        yield Row(number, list(values))


def csv_text(header: Iterable[Any], columns: Sequence[Sequence[Any]], *, line_end: str = "\n") -> io.StringIO:
    """The columns as CSV, at its start; what is missing is an empty cell. To the byte what pandas writes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(header)
    writer.writerows(zip(*(_shown(values) for values in columns), strict=True))
    text.seek(0)
    return text


def _shown(values: Sequence[Any]) -> Sequence[Any]:
    try:
        if not [value for value in values if value is None or value != value]:
            return values
    except (TypeError, ValueError):  # something that is neither equal nor unequal to itself
        pass
    return ["" if is_missing(value) else value for value in values]


def _widened(values: list[Any], series: Any) -> list[Any]:
    """Python has no float of 32 bits: 0.1 would come out as 0.10000000149011612.

    numpy is asked for its own text, which is what pandas writes; where it is not, the shortest number is taken.
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
