"""Make a sample from each row of a data frame: a single reading, or a time series in the columns of the row.

Frames are never changed, and no frame library is imported (see `tables`). The bytes of a sample are the same as the
official SDK's. Source: the wire contract, section 2.
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
    """Upload each row of a data frame as a sample with a single reading (not as a time series).

    Replaces `edgeimpulse.data.upload_pandas_dataframe`; `api_key` and `timeout_sec` are additions.

    Args:
        df: A data frame of pandas, of a library with its API (Modin, cuDF, Dask), or of polars (lazy frames too). It
            is not changed.
        feature_cols: The columns with the values, in this order. A text counts as one name.
        label_col: The column with the labels. None: the service infers them from the file names.
        category_col: The column with the categories. None: `split`, and the service chooses.
        metadata_cols: The columns that become metadata. None: no metadata.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        An `UploadSamplesResponse`: `successes` and `fails`, each in the order of the samples; `success` is true if
        `fails` is empty. A rejected key or a network error raises no exception: the affected samples are in `fails`.

    Raises:
        AttributeError: `df` is not a data frame.
        ValueError: A column is missing, or `timeout_sec` is not positive. In these cases nothing
            is sent.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is not set.

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
    """Upload each row of a data frame as a time series, whose values are in the columns of the row.

    With one axis, the values are in the columns from `data_col_start` on, without those of label, category and
    metadata. With several axes, `data_axis_cols=["accX", "accY"]` and `data_col_length=2` select the columns accX0,
    accX1, accY0 and accY1.

    Replaces `edgeimpulse.data.upload_pandas_dataframe_wide`; `api_key` and `timeout_sec` are additions.

    Args:
        df: A data frame of pandas, of a library with its API (Modin, cuDF, Dask), or of polars (lazy frames too). It
            is not changed.
        sample_rate_ms: The time between two readings of an axis, in milliseconds, more than 0.
        data_col_start: The position of the first column with values, from 0. None: 0.
        label_col: The column with the labels. None: the service infers them from the file names.
        category_col: The column with the categories. None: `split`, and the service chooses.
        metadata_cols: The columns that become metadata. None: no metadata.
        data_col_length: How many readings each axis has; required with `data_axis_cols`. None: all columns that
            follow.
        data_axis_cols: The names of several axes, without the numbers of the readings. None: one axis.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        An `UploadSamplesResponse`: `successes` and `fails`, each in the order of the samples; `success` is true if
        `fails` is empty. A rejected key or a network error raises no exception: the affected samples are in `fails`.

    Raises:
        AttributeError: `df` is not a data frame.
        ValueError: A column is missing, there is no column with values, `data_axis_cols` is given without
            `data_col_length`, `sample_rate_ms` is not positive, or `timeout_sec` is not positive. In these cases
            nothing is sent.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is not set.

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
    if len(at) == 1:  # a single reading: the service would read the row's number as a value if it were the heading
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
        # Only here the official SDK writes other line ends. The bytes must be the same, or a duplicate is not found.
        about.sample(
            row, ["timestamp", *axes], [times, *([row.values[one] for one in series] for series in at)], line_end="\r\n"
        )
        for row in rows_of(df)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """The positions of label, category and metadata in a row."""

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
