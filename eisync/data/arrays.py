"""Numbers in memory, of numpy or of plain lists, become samples in the data acquisition format.

numpy is never imported: an array is what has `tolist`. The text of a sample is, to the byte, what the official SDK
writes, so that a duplicate is a duplicate whichever of the two sent it. Source: the wire contract, section 2.
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
    """Make one sample of one time series; it has no label yet.

    Stands for `edgeimpulse.data.numpy_timeseries_to_sample`. The text of the sample is, to the byte, the official
    SDK's.

    Args:
        values: The series, of shape (readings, sensors), as an array or nested lists; with one sensor, (readings,)
            will do.
        sensors: A `Sensor`, or a mapping with `name` and `units` (SenML's), for each column.
        sample_rate_ms: Milliseconds between two readings.

    Returns:
        A sample with JSON text in the data acquisition format, and a new name that ends in `.json`.

    Raises:
        ValueError: A reading has not one finite number for each sensor, a sensor has no name or no units, or the rate
            is no number of milliseconds.

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
    """Upload time series of one shape, each with its label.

    Stands for `edgeimpulse.data.upload_numpy`; `api_key` and `timeout_sec` are additions.

    Args:
        data: The series, of shape (samples, readings, sensors), as an array or nested lists.
        labels: A label for each sample; None: the service infers one.
        sensors: A `Sensor`, or a mapping with `name` and `units` (SenML's), for each column.
        sample_rate_ms: Milliseconds between two readings.
        metadata: The metadata of all samples.
        category: The category of all samples.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.

    Returns:
        The response: `successes` and `fails`, each in the order of the samples, and `success` when nothing failed. A
        refused key and a broken network are failures of the samples that they concern, not exceptions.

    Raises:
        ValueError: The lengths do not match, a value is no finite number, or `timeout_sec` is not more than 0. Nothing
            is sent then.
        MissingApiKeyException: There is no key, in the argument or in `eisync.API_KEY`.
        InvalidApiKeyException: The key cannot be one; it is a ValueError, too.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is empty.

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
    """Lists of numbers, of an array or of a list that holds arrays."""
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
    except (TypeError, OverflowError):  # no numbers, or one that no double can hold
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
