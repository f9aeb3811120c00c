"""The same table as a frame of every library, and as one that only looks like a frame."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dask.dataframe
import pandas as pd
import polars as pl

from_pandas: Callable[..., Any] = dask.dataframe.from_pandas  # it has no types

Columns = Mapping[str, Sequence[Any]]
MAKERS: dict[str, Callable[[Columns], Any]] = {
    "pandas": lambda columns: pd.DataFrame(dict(columns)),
    "pandas of arrow": lambda columns: pd.DataFrame(dict(columns)).convert_dtypes(dtype_backend="pyarrow"),
    "dask": lambda columns: from_pandas(pd.DataFrame(dict(columns)), npartitions=2),
    "polars": lambda columns: pl.DataFrame(dict(columns), strict=False),
    "polars, lazy": lambda columns: pl.DataFrame(dict(columns), strict=False).lazy(),
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
