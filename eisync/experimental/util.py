"""Samples to data frames and back, as the official SDK's `edgeimpulse.experimental.util` has it.

pandas is imported by the functions that make a frame, and by nothing else.

Source: edgeimpulse 1.0.20, `experimental/util/__init__.py`.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from eisync import data
from eisync.data.frames import runs
from eisync.data.tables import column

__all__ = [
    "add_labels_to_dataframe",
    "convert_json_cbor_to_dataframe",
    "convert_sample_to_dataframe",
    "fetch_samples",
    "generate_labels_from_dataframe",
]


def fetch_samples(
    filename: str | None = None,
    category: str | None = None,
    labels: str | None = None,
    max_workers: int | None = None,
) -> Generator[data.Sample | None, None, None]:
    """Download every sample with this name, category and label, one after the other.

    Args:
        filename: The whole name without its last extension. None: any.
        category: `training`, `testing`, `validation` or `post-processing`. None: any.
        labels: One label, or several of which a sample has one. None: any.
        max_workers: How many samples are fetched at a time. None: 16.

    Returns:
        A generator of the samples, newest first; None for one that was deleted meanwhile.

    Raises:
        As `eisync.data.get_sample_ids` at once, as `eisync.data.stream_samples_by_ids` by the step that meets it.
    """
    infos = data.get_sample_ids(filename=filename, category=category, labels=labels)
    ids = [info.sample_id for info in infos if info.sample_id is not None]
    return data.stream_samples_by_ids(ids, max_workers=max_workers)


def generate_labels_from_dataframe(df: Any, label_col: str = "label", file_name: str | None = None) -> Any:
    """Turn a column of labels into labels of ranges of rows, with inclusive ends and without a gap.

    Args:
        df: A data frame with a row for each reading.
        label_col: The column with the labels.
        file_name: Return a whole document for `structured_labels.labels`, which speaks of the file of this name.

    Returns:
        `[{"startIndex", "endIndex", "label"}]`, or the document.

    Raises:
        KeyError: There is no such column.
        ValueError: A row has no label.
    """
    if label_col not in df:
        raise KeyError(label_col)
    ranges = runs(column(df, label_col))
    if not file_name:
        return ranges
    return {"version": 1, "type": "structured-labels", "structuredLabels": {file_name: ranges}}


def convert_sample_to_dataframe(
    sample: data.Sample, label_col_name: str | None = "label", ts_col_name: str | None = None
) -> Any:
    """Turn a sample with values, as it was downloaded, into a frame of pandas.

    Args:
        sample: A sample whose `data` is text in the data acquisition format.
        label_col_name: The column for the labels by row, where the sample has such labels.
        ts_col_name: The column for the times. None: they are the index.

    Returns:
        A frame with a row for each reading, a column for each sensor, and times in milliseconds from 0.

    Raises:
        ImportError: pandas is not installed.
        TypeError, ValueError: The data is no such text.
    """
    text: Any = sample.data
    found = convert_json_cbor_to_dataframe(json.loads(text), ts_col_name=ts_col_name)
    if sample.structured_labels is not None:
        add_labels_to_dataframe(found, sample.structured_labels, label_col_name or "label")
    return found


def convert_json_cbor_to_dataframe(data: Mapping[str, Any], ts_col_name: str | None = None) -> Any:
    """Turn a document in the data acquisition format into a frame of pandas; see `convert_sample_to_dataframe`."""
    import pandas as pd

    if not isinstance(data, dict):
        raise ValueError("data must be a dict.")
    payload = data["payload"]
    values, interval_ms = payload["values"], payload["interval_ms"]
    found = pd.DataFrame(values, columns=[sensor["name"] for sensor in payload["sensors"]])
    times = [number * interval_ms for number in range(len(values))]
    if ts_col_name is not None:
        found[ts_col_name] = times
    else:
        found.index = pd.Index(times)
    return found


def add_labels_to_dataframe(df: Any, labels: Sequence[Mapping[str, Any]], label_col_name: str = "label") -> Any:
    """Write labels of ranges of rows into a column of the frame, which is changed and returned.

    Args:
        df: A frame of pandas.
        labels: `[{"startIndex", "endIndex", "label"}]`; the end is included. Rows of no range have None.
        label_col_name: The column, made new.

    Raises:
        ValueError: The labels are no list.
    """
    import pandas as pd

    if not isinstance(labels, list):
        raise ValueError("labels must be a list of dictionaries.")
    by_row: list[Any] = [None] * len(df)
    for one in labels:
        for number in range(one["startIndex"], min(one["endIndex"] + 1, len(by_row))):
            by_row[number] = one["label"]
    df[label_col_name] = pd.Series(by_row, index=df.index, dtype=object)  # text columns would have no None
    return df
