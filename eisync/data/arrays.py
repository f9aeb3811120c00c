"""Make samples in the data acquisition format from numbers in memory: numpy arrays or plain lists.

numpy is never imported: every object with a method `tolist` counts as an array. The text of a sample is the same, byte
for byte, as the official SDK's. So the service finds a duplicate even if one program sent the first copy and the other
the second. Source: the wire contract, section 2.
"""

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from eisync.data.sample_type import Sample, UploadSamplesResponse
from eisync.data.tables import label_text, metadata_texts
from eisync.data.uploading import upload_samples

_DEVICE_TYPE = "EDGE_IMPULSE_PYTHON_SDK"  # part of the bytes, and so of the hash that finds duplicates


def numpy_timeseries_to_sample(values: Any, sensors: Sequence[Any], sample_rate_ms: float) -> Sample:
    """Make a sample from one time series. The sample has no label yet.

    Replaces `edgeimpulse.data.numpy_timeseries_to_sample`. The text of the sample is the same, byte for byte, as the
    official SDK's.

    Args:
        values: The series, of shape (readings, sensors), as an array or nested lists. With one sensor the shape may
            also be (readings,).
        sensors: A `Sensor`, or a mapping with `name` and `units` (of SenML), for each column.
        sample_rate_ms: The time between two readings, in milliseconds.

    Returns:
        A `Sample`. Its `data` is JSON text in the data acquisition format; its `filename` is random and ends in
        `.json`.

    Raises:
        ValueError: A reading does not have one finite number for each sensor, a sensor has no name or no units, or
            `sample_rate_ms` is not a number of 0 or more.

    Example:
        >>> from eisync.data import numpy_timeseries_to_sample
        >>> sample = numpy_timeseries_to_sample([[0.5], [0.25]], [{"name": "accX", "units": "m/s2"}], 10)
        >>> json.loads(sample.data)["payload"]["values"]
        [[0.5], [0.25]]
    """
    readings = _plain(values)
    described = [_describe(sensor) for sensor in sensors]
    _check_readings(readings, len(described))
    document = {
        "protected": {"ver": "v1", "alg": "none", "iat": None},
        "payload": {
            "device_type": _DEVICE_TYPE,
            "sensors": described,
            "values": readings,
            "interval_ms": _check_rate(sample_rate_ms),
            "device_name": None,
        },
        "signature": None,
    }
    return Sample(data=json.dumps(document), filename=f"{secrets.token_hex(8)}.json")


def upload_numpy(
    data: Any,
    labels: Sequence[Any],
    sensors: Sequence[Any],
    sample_rate_ms: float,
    metadata: dict[str, Any] | None = None,
    category: str = "split",
    *,
    api_key: str | None = None,
    timeout_sec: float | None = None,
) -> UploadSamplesResponse:
    """Upload several time series with the same sensors, each with a label of its own.

    Replaces `edgeimpulse.data.upload_numpy`; `api_key` and `timeout_sec` are additions.

    Args:
        data: The series, of shape (samples, readings, sensors), as an array or nested lists.
        labels: One label for each sample. A label that is None: the service infers one from the file name.
        sensors: A `Sensor`, or a mapping with `name` and `units` (of SenML), for each column.
        sample_rate_ms: The time between two readings, in milliseconds.
        metadata: The metadata of all samples; the values are sent as text. None: no metadata.
        category: The category of all samples: `training`, `testing`, `validation`, `post-processing` or `split` (the
            service chooses).
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        An `UploadSamplesResponse`: `successes` and `fails`, each in the order of the samples; `success` is true if
        `fails` is empty. A rejected key or a network error raises no exception: the affected samples are in `fails`.

    Raises:
        ValueError: The numbers of samples and labels differ, or those of columns and sensors; a value is not a finite
            number; or `timeout_sec` is not positive. In these cases nothing is sent.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is not set.

    Example:
        >>> from eisync.data import Sensor, upload_numpy
        >>> series = [[[8.81, 0.03], [9.83, 1.04]], [[8.81, 0.03], [9.12, 0.03]]]
        >>> response = upload_numpy(series, ["up", "down"], [Sensor("accX", "m/s2"), Sensor("accY", "m/s2")], 100)
        >>> [one.sample.label for one in response.successes]
        ['up', 'down']
    """
    if len(data) != len(labels):
        raise ValueError(f"Labels length ({len(labels)}) must be equal to the number of samples given ({len(data)})")
    samples = []
    for number, (values, label) in enumerate(zip(data, labels, strict=True)):
        readings = _plain(values)
        width = len(readings[0]) if readings and isinstance(readings[0], list) else 1
        if width != len(sensors):
            raise ValueError(
                f"Number of sensors ({len(sensors)}) doesn't match the number of axes in the data ({width})"
            )
        try:
            sample = numpy_timeseries_to_sample(readings, sensors, sample_rate_ms)
        except ValueError as error:
            raise ValueError(f"sample {number}: {error}") from error
        sample.label = label_text(label)
        sample.metadata = metadata_texts(metadata)
        sample.category = category
        samples.append(sample)
    return upload_samples(samples, api_key=api_key, timeout_sec=timeout_sec)


def _plain(values: Any) -> list[Any]:
    """Return an array, or a list that may contain arrays, as lists of numbers."""
    plain = values.tolist() if hasattr(values, "tolist") else values
    if not isinstance(plain, list | tuple):
        raise ValueError(f"a time series must be an array or a list, not {type(values).__name__}")
    return [one if type(one) in (float, int) else _plain_reading(one) for one in plain]


def _plain_reading(reading: Any) -> Any:
    if hasattr(reading, "tolist"):
        return reading.tolist()
    if isinstance(reading, list | tuple):
        return [one.item() if hasattr(one, "item") else one for one in reading]
    return reading


def _check_readings(readings: list[Any], width: int) -> None:
    for number, reading in enumerate(readings):
        values = reading if isinstance(reading, list) else [reading]
        if len(values) != width:
            raise ValueError(f"reading {number} has {len(values)} values for {width} sensors")
        if not _are_finite(values):
            raise ValueError(f"reading {number} must hold finite numbers but holds {values!r}")


def _are_finite(values: list[Any]) -> bool:
    try:
        return all(map(math.isfinite, values))
    except (TypeError, OverflowError):  # a value is not a number, or is too large for a double
        return False


def _check_rate(sample_rate_ms: Any) -> int | float:
    rate = sample_rate_ms.item() if hasattr(sample_rate_ms, "item") else sample_rate_ms
    if not isinstance(rate, int | float) or not (math.isfinite(rate) and rate >= 0):
        raise ValueError(f"sample_rate_ms must be a number of milliseconds, not {sample_rate_ms!r}")
    return rate


def _describe(sensor: Any) -> dict[str, Any]:
    if isinstance(sensor, Mapping) and {"name", "units"} <= sensor.keys():
        return dict(sensor)
    if hasattr(sensor, "name") and hasattr(sensor, "units"):
        return {"name": sensor.name, "units": sensor.units}
    raise ValueError(f"a sensor must have a name and units; {sensor!r} does not")
