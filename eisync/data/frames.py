"""Make one sample from a data frame, or one sample from each group of its rows.

Frames are never changed, and no frame library is imported (see `tables`). A sample is CSV: a `timestamp` column in
milliseconds followed by the values, or a single row without a timestamp. The bytes are the same as the official SDK's.
So the service finds a duplicate even if one program sent the first copy and the other the second. Source: the wire
contract, section 2.
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eisync.data.sample_type import Sample, UploadSamplesResponse
from eisync.data.tables import (
    NS_DIGITS,
    category_text,
    column,
    columns,
    csv_text,
    gather,
    index_ms,
    index_of,
    is_missing,
    label_text,
    listed,
    metadata_texts,
    require_columns,
    unix_ms,
    whole,
)
from eisync.data.uploading import upload_samples

_TIMESTAMP = "timestamp"


def pandas_dataframe_to_sample(
    df: Any,
    sample_rate_ms: float | None = None,
    label: str | None = None,
    filename: str | None = None,
    axis_columns: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
    label_col: str | None = None,
    category: str = "split",
) -> Sample:
    """Make one sample from a whole data frame: a time series if it has several rows, else a single reading.

    Replaces `edgeimpulse.data.pandas_dataframe_to_sample`.

    Args:
        df: A data frame of pandas, of a library with its API (Modin, cuDF, Dask), or of polars (lazy frames too). It
            is not changed. A series counts as a frame with one column.
        sample_rate_ms: The time between two rows, in milliseconds. None: it is read from the index, which must consist
            of increasing numbers (milliseconds), time spans or dates.
        label: The label. None: the service infers one from the file name.
        filename: The name without an extension. None: a random name.
        axis_columns: The columns with the values, in this order. None: all.
        metadata: The metadata; the values are sent as text. None: no metadata.
        label_col: The column with a label for each row. Rows in sequence with the same label become one range of
            `structured_labels`, whose end is included. If the frame has a single row, its label becomes that of the
            sample unless `label` is given.
        category: The category: `training`, `testing`, `validation`, `post-processing` or `split` (the service
            chooses).

    Returns:
        A `Sample`. Its `data` is CSV text, for a time series with a `timestamp` column in milliseconds.

    Raises:
        AttributeError: `df` is not a data frame.
        ValueError: A column is missing, neither `sample_rate_ms` nor the index gives a rate, a row has no label, or an
            argument has a wrong type.

    Example:
        >>> import pandas as pd
        >>> from eisync.data import pandas_dataframe_to_sample
        >>> motion = pd.DataFrame({"accX": [0.5, 0.25]}, index=pd.to_timedelta([0, 2.5], unit="ms"))
        >>> sample = pandas_dataframe_to_sample(motion, filename="wave.01", label="wave")
        >>> sample.filename, sample.data.getvalue()
        ('wave.01.csv', 'timestamp,accX\\n0,0.5\\n2.5,0.25\\n')
    """
    if axis_columns is not None and not _are_names(axis_columns):
        raise ValueError("The 'axis_columns' argument must be a list of strings.")
    if metadata is not None and not isinstance(metadata, dict):
        raise ValueError("The 'metadata' argument must be a dictionary or None.")
    frame = gather(df)
    require_columns(frame, *(axis_columns or ()), label_col)
    axes, values = columns(frame, axis_columns or None)
    kept = [number for number, name in enumerate(axes) if name != label_col]
    header, cells = [axes[number] for number in kept], [values[number] for number in kept]
    labels = [] if label_col is None else [label_text(value) for value in column(frame, label_col)]
    count = len(frame)
    structured_labels = None
    if count > 1:
        times = rate_ms(count, sample_rate_ms) if sample_rate_ms else _index_ms(frame)
        header, cells = [_TIMESTAMP, *header], [times, *cells]
        structured_labels = runs(labels) if labels else None
    elif label is None and labels:
        label = labels[0]
    return Sample(
        filename=f"{filename or secrets.token_hex(8)}.csv",
        data=csv_text(header, cells),
        category=category,
        label=label_text(label),
        metadata=metadata_texts(metadata),
        structured_labels=structured_labels,
    )


def upload_pandas_sample(
    df: Any,
    label: str | None = None,
    sample_rate_ms: float | None = None,
    filename: str | None = None,
    axis_columns: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
    label_col: str | None = None,
    category: str = "split",
    *,
    api_key: str | None = None,
    timeout_sec: float | None = None,
) -> UploadSamplesResponse:
    """Upload a whole data frame as one sample, made as `pandas_dataframe_to_sample` makes it.

    Replaces `edgeimpulse.data.upload_pandas_sample`; `api_key` and `timeout_sec` are additions.

    Args:
        df: A data frame of pandas, of a library with its API (Modin, cuDF, Dask), or of polars (lazy frames too). It
            is not changed. A series counts as a frame with one column.
        label: The label. None: the service infers one from the file name.
        sample_rate_ms: The time between two rows, in milliseconds. None: it is read from the index.
        filename: The name without an extension. None: a random name.
        axis_columns: The columns with the values, in this order. None: all.
        metadata: The metadata; the values are sent as text. None: no metadata.
        label_col: The column with a label for each row; see `pandas_dataframe_to_sample`.
        category: The category: `training`, `testing`, `validation`, `post-processing` or `split` (the service
            chooses).
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        An `UploadSamplesResponse`: `successes` and `fails`, each in the order of the samples; `success` is true if
        `fails` is empty. A rejected key or a network error raises no exception: the affected samples are in `fails`.

    Raises:
        AttributeError: `df` is not a data frame.
        ValueError: A column is missing, neither `sample_rate_ms` nor the index gives a rate, a row has no label, an
            argument has a wrong type, or `timeout_sec` is not positive. In these cases nothing is sent.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is not set.

    Example:
        >>> import polars as pl
        >>> from eisync.data import upload_pandas_sample
        >>> upload_pandas_sample(pl.DataFrame({"accX": [0.5, 0.25]}), label="wave", sample_rate_ms=10).success
        True
    """
    sample = pandas_dataframe_to_sample(
        df,
        sample_rate_ms=sample_rate_ms,
        label=label,
        filename=filename,
        axis_columns=axis_columns,
        metadata=metadata,
        label_col=label_col,
        category=category,
    )
    return upload_samples(sample, api_key=api_key, timeout_sec=timeout_sec)


def upload_pandas_dataframe_with_group(
    df: Any,
    timestamp_col: str,
    group_by: str,
    feature_cols: list[str],
    label_col: str | None = None,
    category_col: str | None = None,
    metadata_cols: list[str] | None = None,
    *,
    api_key: str | None = None,
    timeout_sec: float | None = None,
) -> UploadSamplesResponse:
    """Upload each group of rows of a data frame as a time series. Rows are sorted by time; the group gives the name.

    Replaces `edgeimpulse.data.upload_pandas_dataframe_with_group`; `api_key` and `timeout_sec` are additions.

    Args:
        df: A data frame of pandas, of a library with its API (Modin, cuDF, Dask), or of polars (lazy frames too). It
            is not changed.
        timestamp_col: The column with the times: numbers (seconds) or dates (UTC if they have no zone). They are
            rounded to a microsecond.
        group_by: The column with the groups: rows with the same value are one group.
        feature_cols: The columns with the values, in this order. A text counts as one name.
        label_col: The column with the labels, the same in all rows of a group. None: the service infers the label
            from the name.
        category_col: The column with the categories, the same in all rows of a group. None: `split`, and the service
            chooses.
        metadata_cols: The columns that become metadata, the same in all rows of a group. None: no metadata.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        An `UploadSamplesResponse`: `successes` and `fails`, each in the order of the samples; `success` is true if
        `fails` is empty. A rejected key or a network error raises no exception: the affected samples are in `fails`.

    Raises:
        AttributeError: `df` is not a data frame.
        ValueError: A column is missing, a row has no group, a timestamp is not valid, the rows of a group differ in
            label, category or metadata, or `timeout_sec` is not positive. In these cases nothing is sent.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is not set.

    Example:
        >>> import pandas as pd
        >>> from eisync.data import upload_pandas_dataframe_with_group
        >>> runs = pd.DataFrame({"run": ["a", "a", "b", "b"], "t": [0, 0.01, 0, 0.01], "accX": [1.0, 2.0, 3.0, 4.0]})
        >>> response = upload_pandas_dataframe_with_group(runs, "t", "run", ["accX"])
        >>> [one.sample.filename for one in response.successes]
        ['a.csv', 'b.csv']
    """
    frame = gather(df)
    feature_cols, metadata_cols = listed(feature_cols), listed(metadata_cols)
    require_columns(frame, timestamp_col, group_by, *feature_cols, label_col, category_col, *(metadata_cols or ()))
    times = [unix_ms(timestamp) for timestamp in column(frame, timestamp_col)]
    names, features = columns(frame, feature_cols)
    header = [_TIMESTAMP, *(f"{name}_1" if name == _TIMESTAMP else name for name in names)]
    described = {
        name: column(frame, name) for name in (label_col, category_col, *(metadata_cols or ())) if name is not None
    }
    samples = []
    for key, numbers in _group(column(frame, group_by), group_by).items():
        numbers.sort(key=times.__getitem__)
        group = _Group(key, numbers, described)
        metadata = {name: group.one(name, f'metadata value for "{name}"') for name in metadata_cols or ()}
        samples.append(
            Sample(
                filename=f"{key}.csv",
                data=csv_text(header, [[values[number] for number in numbers] for values in (times, *features)]),
                category=category_text(group.one(category_col, "category found")),
                label=label_text(group.one(label_col, "label found")),
                metadata=metadata_texts(metadata) if metadata_cols else None,
            )
        )
    return upload_samples(samples, api_key=api_key, timeout_sec=timeout_sec)


def rate_ms(count: int, sample_rate_ms: float) -> list[int | float]:
    """Return the times of `count` readings in milliseconds, from 0. Raises ValueError unless the rate is positive.

    >>> rate_ms(3, 0.5)
    [0, 0.5, 1]
    """
    rate = float(sample_rate_ms)
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"sample_rate_ms must be a positive number of milliseconds, not {sample_rate_ms!r}")
    return [whole(round(number * rate, NS_DIGITS)) for number in range(count)]


def _index_ms(frame: Any) -> list[int | float]:
    found = index_ms(index_of(frame) or ())
    if not found:
        raise ValueError(
            "Index should be monotonically increasing in order to detect sample rate. "
            "Or specify sample_rate_ms argument."
        )
    return found


def runs(labels: Sequence[Any]) -> list[dict[str, Any]]:
    """Return ranges of rows with the same label, without gaps. Raises ValueError for a row without a label.

    >>> runs(["a", "a", "b"])
    [{'startIndex': 0, 'endIndex': 1, 'label': 'a'}, {'startIndex': 2, 'endIndex': 2, 'label': 'b'}]
    """
    found: list[dict[str, Any]] = []
    for number, label in enumerate(labels):
        if is_missing(label):
            raise ValueError(f"row {number} has no label; a time series with a label column needs a label in each row")
        if found and found[-1]["label"] == label:
            found[-1]["endIndex"] = number
        else:
            found.append({"startIndex": number, "endIndex": number, "label": label})
    return found


def _group(keys: Sequence[Any], name: str) -> dict[Any, list[int]]:
    """Return the row numbers of each group; the groups are in the order of their first rows."""
    groups: dict[Any, list[int]] = {}
    for number, key in enumerate(keys):
        if is_missing(key):
            raise ValueError(f"row {number} belongs to no group: it has no value in column {name!r}")
        groups.setdefault(key, []).append(number)
    return groups


@dataclass(frozen=True, slots=True)
class _Group:
    """The row numbers of one sample, and the columns that must have the same value in all of these rows."""

    key: Any
    numbers: Sequence[int]
    described: dict[str, list[Any]]

    def one(self, name: str | None, what: str) -> Any:
        """Return the value that the column has in every row; None for no column. Raises ValueError if rows differ."""
        if name is None:
            return None
        values = [self.described[name][number] for number in self.numbers]
        if len({None if is_missing(value) else value for value in values}) > 1:
            raise ValueError(f'More than one {what} for group "{self.key}"')
        return values[0]


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)
