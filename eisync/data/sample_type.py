"""What callers hand in and get back. Fields, order and defaults are the official SDK's: callers depend on them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedIOBase, StringIO
from typing import Any, Literal

Fields = dict[str, Any]


@dataclass
class Sensor:
    """One axis of a time series.

    Stands for `edgeimpulse.data.sample_type.Sensor`.

    Attributes:
        name: The name of the axis.
        units: Its unit, one of SenML's (https://www.iana.org/assignments/senml) or `N/A`.

    Example:
        >>> Sensor("accX", "m/s2")
        Sensor(name='accX', units='m/s2')
    """

    name: str
    units: str = "m/s"


@dataclass
class Payload:
    """What was measured.

    Stands for `edgeimpulse.data.sample_type.Payload`.

    Attributes:
        device_type: The kind of device that measured.
        sensors: The axes, in the order of the columns of `values`.
        values: A list for each reading, with a number for each sensor.
        interval_ms: Milliseconds between two readings.
        device_name: A globally unique name of the device, where it has one.

    Example:
        >>> Payload("DISCO-L475VG-IOT01A", [Sensor("accX", "m/s2")], [[-9.81], [-9.83]], interval_ms=10).interval_ms
        10
    """

    device_type: str
    sensors: list[Sensor]
    values: list[list[float]]
    interval_ms: float | None = 0
    device_name: str | None = None


@dataclass
class Protected:
    """How the data is signed.

    Stands for `edgeimpulse.data.sample_type.Protected`.

    Attributes:
        ver: The version of the format, `v1`.
        alg: The algorithm of the signature, or `none`.
        iat: The time of issue, in Unix seconds.

    Example:
        >>> Protected().alg
        'none'
    """

    ver: str = "v1"
    alg: Literal["HS256", "none"] = "none"
    iat: int | None = None


@dataclass
class DataAcquisition:
    """A whole file in the data acquisition format, sent as JSON.

    Stands for `edgeimpulse.data.sample_type.DataAcquisition`.

    Attributes:
        protected: How it is signed.
        payload: What was measured.
        signature: The signature in hex, where `protected` names an algorithm.

    Example:
        >>> payload = Payload("GATEWAY", [Sensor("accX", "m/s2")], [[-9.81], [-9.83]], interval_ms=10)
        >>> DataAcquisition(Protected(), payload).payload.device_type
        'GATEWAY'
    """

    protected: Protected
    payload: Payload
    signature: str | None = None


@dataclass
class Sample:
    """One sample, to be uploaded or downloaded. Mutable: an upload sets `sample_id`, a `transform` may set anything.

    Stands for `edgeimpulse.data.sample_type.Sample`.

    Attributes:
        data: Text, bytes, a stream of either, or a `DataAcquisition`. A stream is read from where it stands, from its
            beginning if it stands at its end, and is left where it stood.
        filename: The name with its extension. None: a new name.
        category: `split` (the service chooses), `training`, `testing`, `validation`, `post-processing` or the legacy
            `anomaly`. None: `split`.
        label: The label. None: the service infers one from the name.
        bounding_boxes: Boxes in pixels, `[{"label", "x", "y", "width", "height"}]`, or that as JSON text.
        metadata: Names and values; values travel as text.
        sample_id: The id in the project, once it is stored.
        structured_labels: Labels of ranges of readings, `[{"startIndex", "endIndex", "label"}]`; the end is included,
            and the ranges cover all readings without a gap.
        label_map: Labels by name, `{"site": "desk"}`, beside `label`; a list has the names `0`, `1` and so on. An
            addition, given by keyword.
        attachments: Files that belong to the sample, by name: text, bytes or streams, as `data`. They are sent and not
            downloaded: the service has no call that returns them. An addition, given by keyword.

    Example:
        >>> Sample("timestamp,x\\n0,1\\n10,2\\n", filename="wave.01.csv", label="wave").category
        'split'
    """

    data: "bytes | str | StringIO | BufferedIOBase | DataAcquisition"
    filename: str | None = None
    category: str | None = "split"
    label: str | None = None
    bounding_boxes: list[dict[str, Any]] | str | None = None
    metadata: dict[str, Any] | None = None
    sample_id: int | None = None
    structured_labels: list[dict[str, Any]] | None = None
    label_map: Mapping[str, Any] | Sequence[Any] | None = field(default=None, kw_only=True, repr=False)
    attachments: Mapping[str, Any] | None = field(default=None, kw_only=True, repr=False)

    def __str__(self) -> str:
        """Without the data: it may be large."""
        return (
            f"Sample(filename={self.filename!r}, category={self.category!r}, label={self.label!r}, "
            f"metadata={self.metadata!r}, sample_id={self.sample_id!r})"
        )


class SampleIngestionResponse:
    """What became of one sample.

    Stands for `edgeimpulse.data.sample_type.SampleIngestionResponse`.

    Attributes:
        sample: The sample that was to be uploaded.
        success: Whether the service stored it.
        error: Why not: the service's text, or ours for what never reached it.
        sample_id: Its id; None unless it was stored.
        project_id: The project's id; None unless it was stored.
        filename: The service's own name for the file; None unless it was stored.

    Example:
        >>> SampleIngestionResponse(Sample(b""), {"success": False, "error": "no data"}).error
        'no data'
    """

    def __init__(self, sample: Sample, response: Mapping[str, Any]) -> None:
        """`response` is an entry of the service's answer."""
        self.sample = sample
        self.success: bool = response.get("success", False)
        self.error: str | None = response.get("error")
        self.sample_id: int | None = response.get("sampleId")
        self.project_id: int | None = response.get("projectId")
        self.filename: str | None = response.get("fileName")

    def __repr__(self) -> str:
        return (
            f"SampleIngestionResponse(success={self.success}, error={self.error}, sampleId={self.sample_id}, "
            f"projectId={self.project_id}, fileName={self.filename}, sample={self.sample})"
        )


class UploadSamplesResponse:
    """What became of all samples of a call.

    Stands for `edgeimpulse.data.sample_type.UploadSamplesResponse`.

    Attributes:
        successes: A `SampleIngestionResponse` for each sample that was stored, in the order of the samples.
        fails: One for each that was not, in the order of the samples.
        success: Whether nothing failed.

    Example:
        >>> UploadSamplesResponse([], []).success
        True
    """

    def __init__(self, successes: Sequence[SampleIngestionResponse], fails: Sequence[SampleIngestionResponse]) -> None:
        self.successes = list(successes)
        self.fails = list(fails)
        self.success = not self.fails

    def __repr__(self) -> str:
        return (
            f"UploadSamplesResponse\r\n  success: {self.success}\r\n  number of successes: {len(self.successes)}\r\n"
            f"  number of fails: {len(self.fails)}"
        )

    def extend(self, successes: Sequence[SampleIngestionResponse], fails: Sequence[SampleIngestionResponse]) -> None:
        """Add what became of further samples."""
        self.successes.extend(successes)
        self.fails.extend(fails)
        self.success = not self.fails


@dataclass
class SampleInfo:
    """A sample as the listing shows it.

    Stands for `edgeimpulse.data.sample_type.SampleInfo`.

    Attributes:
        sample_id: Its id.
        filename: Its name without the last extension.
        category: Its category.
        label: Its label.

    Example:
        >>> SampleInfo(7, "wave.01", "training", "wave").label
        'wave'
    """

    sample_id: int | None = None
    filename: str | None = None
    category: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class GenericApiResponse:
    """Studio's answer to what has no other result.

    Stands for `edgeimpulse_api.GenericApiResponse`; its methods are the ones that scripts call.

    Attributes:
        success: Whether it was done.
        error: Why not, in the service's words.

    Example:
        >>> GenericApiResponse(True).to_dict(), GenericApiResponse(True).json()
        ({'success': True}, '{"success": true, "error": null}')
    """

    success: bool
    error: str | None = None

    def dict(self) -> Fields:
        """Return every field by its name."""
        return {"success": self.success, "error": self.error}

    def json(self) -> str:
        """Return every field as JSON."""
        return json.dumps(self.dict())

    def to_dict(self) -> Fields:
        """Return the fields that have a value."""
        return {name: value for name, value in self.dict().items() if value is not None}

    def to_json(self, indent: int | None = None) -> str:
        """Return the fields that have a value, as JSON."""
        return json.dumps(self.to_dict(), indent=indent)

    def to_str(self) -> str:
        """Return every field, for a person."""
        return str(dict(sorted(self.dict().items())))
