"""The same table as a frame of every library, and as one that only looks like a frame.

Dask and Polars are imported when a frame of theirs is made: that takes a second, and every worker imports this module.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

Columns = Mapping[str, Sequence[Any]]


def dask_frame(columns: Columns) -> Any:
    import dask.dataframe

    from_pandas: Callable[..., Any] = dask.dataframe.from_pandas  # it has no types
    return from_pandas(pd.DataFrame(dict(columns)), npartitions=2)


def polars_frame(columns: Columns) -> Any:
    import polars

    return polars.DataFrame(dict(columns), strict=False)


MAKERS: dict[str, Callable[[Columns], Any]] = {
    "pandas": lambda columns: pd.DataFrame(dict(columns)),
    "pandas of arrow": lambda columns: pd.DataFrame(dict(columns)).convert_dtypes(dtype_backend="pyarrow"),
    "dask": dask_frame,
    "polars": polars_frame,
    "polars, lazy": lambda columns: polars_frame(columns).lazy(),
    "a look-alike": lambda columns: LookAlike(columns),
}


class LookAlike:
    """What we ask of a frame that follows pandas, and nothing more."""

    def __init__(self, columns: Columns) -> None:
        self._columns = {name: Column(values) for name, values in columns.items()}
        self.columns = list(columns)
        self.index = Column(range(len(self)))

    def __len__(self) -> int:
        return min((len(column.tolist()) for column in self._columns.values()), default=0)

    def __getitem__(self, name: str) -> "Column":
        return self._columns[name]

    def reset_index(self) -> None:
        raise AssertionError("a frame is never changed")

    def iterrows(self) -> Iterator[tuple[int, "Column"]]:
        for number, values in enumerate(zip(*(column.tolist() for column in self._columns.values()), strict=True)):
            yield number, Column(values)


class Column:
    def __init__(self, values: Sequence[Any]) -> None:
        self._values = list(values)

    def tolist(self) -> list[Any]:
        return list(self._values)
