"""Every row of a data frame becomes a sample: one reading, or a time series that lies in its columns.

Frames are never changed, and no frame library is imported (see `tables`). The bytes of a sample are those that the
official SDK sends. Source: the wire contract, section 2.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eisync.data.frames import rate_ms
from eisync.data.sample_type import Sample, UploadSamplesResponse
from eisync.data.tables import (
    Row,
    category_text,
    csv_text,
    label_text,
    listed,
    metadata_texts,
    names_of,
    position,
    positions,
    require_columns,
    require_frame,
    rows_of,
)
from eisync.data.uploading import upload_samples


def upload_pandas_dataframe(
    df: Any,
    feature_cols: list[str],
    label_col: str | None = None,
    category_col: str | None = None,
    metadata_cols: list[str] | None = None,
    *,
    api_key: str | None = None,
    timeout_sec: float | None = None,
) -> UploadSamplesResponse:
    """Upload every row as a sample of one reading, which is no time series.

    Stands for `edgeimpulse.data.upload_pandas_dataframe`; `api_key` and `timeout_sec` are additions.

    Args:
        df: A frame of pandas, or of a library that follows it (Modin, cuDF, Dask), or of polars, lazy ones included.
            It is not changed.
        feature_cols: The columns with the values, in this order; one text is one name.
        label_col: The column with the labels. None: the service infers them.
        category_col: The column with the categories. None: `split`.
        metadata_cols: The columns that become metadata. None: no metadata.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.

    Returns:
        The response: `successes` and `fails`, each in the order of the samples, and `success` when nothing failed. A
        refused key and a broken network are failures of the samples that they concern, not exceptions.

    Raises:
        AttributeError: `df` is no frame.
        ValueError: A column is missing, or `timeout_sec` is not more than 0. Nothing is sent
            then.
        MissingApiKeyException: There is no key, in the argument or in `eisync.API_KEY`.
        InvalidApiKeyException: The key cannot be one; it is a ValueError, too.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is empty.

    Example:
        >>> import pandas as pd
        >>> from eisync.data import upload_pandas_dataframe
        >>> table = pd.DataFrame({"label": ["one", "two"], "accX": [-9.81, -9.56], "accY": [0.03, 5.34]})
        >>> response = upload_pandas_dataframe(table, ["accX", "accY"], label_col="label")
        >>> [one.sample.label for one in response.successes]
        ['one', 'two']
    """
    require_frame(df)
    feature_cols, metadata_cols = listed(feature_cols), listed(metadata_cols)
    require_columns(df, *feature_cols, label_col, category_col, *(metadata_cols or ()))
    about = _Columns.by(df, label_col, category_col, metadata_cols)
    there = names_of(df)
    at = positions(there, feature_cols)
    header = [there[one] for one in at]
    samples = [about.sample(row, header, [[row.values[one]] for one in at]) for row in rows_of(df)]
    return upload_samples(samples, api_key=api_key, timeout_sec=timeout_sec)


def upload_pandas_dataframe_wide(
    df: Any,
    sample_rate_ms: float,
    data_col_start: int | None = None,
    label_col: str | None = None,
    category_col: str | None = None,
    metadata_cols: list[str] | None = None,
    data_col_length: int | None = None,
    data_axis_cols: list[str] | None = None,
    *,
    api_key: str | None = None,
    timeout_sec: float | None = None,
) -> UploadSamplesResponse:
    """Upload every row as a time series that lies in its columns.

    With one axis, the values are the columns from `data_col_start` on; those named for label, category and metadata
    are left out. With several, `data_axis_cols=["accX", "accY"]` and `data_col_length=2` stand for the columns accX0,
    accY0, accX1, accY1.

    Stands for `edgeimpulse.data.upload_pandas_dataframe_wide`; `api_key` and `timeout_sec` are additions.

    Args:
        df: A frame of pandas, or of a library that follows it (Modin, cuDF, Dask), or of polars, lazy ones included.
            It is not changed.
        sample_rate_ms: Milliseconds between two columns.
        data_col_start: The position of the first column with values, 0 for the first one. None: 0.
        label_col: The column with the labels. None: the service infers them.
        category_col: The column with the categories. None: `split`.
        metadata_cols: The columns that become metadata. None: no metadata.
        data_col_length: How many columns, or columns of each axis, hold values. None: all that follow.
        data_axis_cols: The names of several axes, without the numbers. None: one axis.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.

    Returns:
        The response: `successes` and `fails`, each in the order of the samples, and `success` when nothing failed. A
        refused key and a broken network are failures of the samples that they concern, not exceptions.

    Raises:
        AttributeError: `df` is no frame.
        ValueError: A column is missing, no column holds values, there are several axes and no length, the rate is not
            positive, or `timeout_sec` is not more than 0. Nothing is sent then.
        MissingApiKeyException: There is no key, in the argument or in `eisync.API_KEY`.
        InvalidApiKeyException: The key cannot be one; it is a ValueError, too.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is empty.

    Example:
        >>> import pandas as pd
        >>> from eisync.data import upload_pandas_dataframe_wide
        >>> wide = pd.DataFrame({"label": ["idle", "wave"], "t0": [0.8, 0.3], "t1": [0.7, 0.9]})
        >>> response = upload_pandas_dataframe_wide(wide, 100, data_col_start=1, label_col="label")
        >>> response.successes[0].sample.data.getvalue()
        'timestamp,0\\n0,0.8\\n100,0.7\\n'
    """
    require_frame(df)
    metadata_cols = listed(metadata_cols)
    require_columns(df, label_col, category_col, *(metadata_cols or ()))
    about = _Columns.by(df, label_col, category_col, metadata_cols)
    if data_axis_cols is not None:
        samples = _many_axes(df, about, sample_rate_ms, data_col_length, data_axis_cols)
    else:
        samples = _one_axis(df, about, sample_rate_ms, data_col_start, data_col_length)
    return upload_samples(samples, api_key=api_key, timeout_sec=timeout_sec)


def _one_axis(df: Any, about: "_Columns", step_ms: float, start: int | None, length: int | None) -> list[Sample]:
    names = names_of(df)
    at = [one for one in range(len(names))[start:] if one not in about.positions][:length]
    if not at:
        raise ValueError(f"Can't find any data column from position {start or 0} of {len(names)} columns")
    if len(at) == 1:  # no series, and a heading that is the number of a row would be taken for a value
        return [about.sample(row, [names[at[0]]], [[row.values[at[0]]]]) for row in rows_of(df)]
    times = rate_ms(len(at), step_ms)
    return [about.sample(row, ["timestamp", row.key], [times, [row.values[one] for one in at]]) for row in rows_of(df)]


def _many_axes(df: Any, about: "_Columns", step_ms: float, length: int | None, axes: Sequence[str]) -> list[Sample]:
    if not isinstance(length, int):
        raise ValueError("The data_col_length must be set to an integer")
    wanted = [[f"{axis}{number}" for number in range(length)] for axis in axes]
    require_columns(df, *(name for series in wanted for name in series))
    there = names_of(df)
    at = [[position(there, name) for name in series] for series in wanted]
    times = rate_ms(length, step_ms)
    return [
        # This one shape has other line ends there, and so here: the bytes are the identity of a sample.
        about.sample(
            row, ["timestamp", *axes], [times, *([row.values[one] for one in series] for series in at)], line_end="\r\n"
        )
        for row in rows_of(df)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Where in a row its label, category and metadata are."""

    label: int | None
    category: int | None
    metadata: dict[str, int] | None

    @classmethod
    def by(cls, df: Any, label: str | None, category: str | None, metadata: Sequence[str] | None) -> "_Columns":
        there = names_of(df)

        def place(name: str | None) -> int | None:
            return None if name is None else position(there, name)

        places = None if metadata is None else {name: position(there, name) for name in metadata}
        return cls(label=place(label), category=place(category), metadata=places)

    @property
    def positions(self) -> frozenset[int | None]:
        return frozenset({self.label, self.category, *(self.metadata or {}).values()})

    def sample(self, row: Row, header: Sequence[Any], columns: list[list[Any]], *, line_end: str = "\n") -> Sample:
        values = row.values
        metadata = None if self.metadata is None else {name: values[at] for name, at in self.metadata.items()}
        return Sample(
            filename=f"{secrets.token_hex(8)}.csv",
            data=csv_text(header, columns, line_end=line_end),
            category="split" if self.category is None else category_text(values[self.category]),
            label=None if self.label is None else label_text(values[self.label]),
            metadata=metadata_texts(metadata),
        )
