"""The types of arguments and results. Fields, their order and defaults are the official SDK's: callers rely on them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedIOBase, StringIO
from typing import Any, Literal

Fields = dict[str, Any]


@dataclass
class Sensor:
    """One axis of a time series.

    Replaces `edgeimpulse.data.sample_type.Sensor`.

    Attributes:
        name: The name of the axis.
        units: The unit of its values, one of SenML (https://www.iana.org/assignments/senml) or `N/A`.

    Example:
        >>> Sensor("accX", "m/s2")
        Sensor(name='accX', units='m/s2')
    """

    name: str
    units: str = "m/s"


@dataclass
class Payload:
    """The readings of a time series, and the device that measured them.

    Replaces `edgeimpulse.data.sample_type.Payload`.

    Attributes:
        device_type: The type of the device.
        sensors: The axes, in the order of the columns of `values`.
        values: The readings, of shape (readings, sensors).
        interval_ms: The time between two readings, in milliseconds.
        device_name: A globally unique name of the device. None: it has none.

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
    """The version of the format, and how a file is signed.

    Replaces `edgeimpulse.data.sample_type.Protected`.

    Attributes:
        ver: The version of the format, `v1`.
        alg: The algorithm of the signature, or `none`.
        iat: When the file was made, in Unix seconds (UTC).

    Example:
        >>> Protected().alg
        'none'
    """

    ver: str = "v1"
    alg: Literal["HS256", "none"] = "none"
    iat: int | None = None


@dataclass
class DataAcquisition:
    """A file in the data acquisition format. It is sent as JSON.

    Replaces `edgeimpulse.data.sample_type.DataAcquisition`.

    Attributes:
        protected: The version and the signature's algorithm.
        payload: The readings and the device.
        signature: The signature in hex if `protected` names an algorithm.

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
    """One sample, before an upload or after a download.

    It is mutable: an upload sets `sample_id`, and a `transform` may set every field.

    Replaces `edgeimpulse.data.sample_type.Sample`.

    Attributes:
        data: The content: text, bytes, a stream of text or bytes, or a `DataAcquisition`. A stream is read from its
            current position, or from its beginning if it is at its end. Its position is the same afterwards.
        filename: The file name with its extension. None: a random name.
        category: `split` (the service chooses), `training`, `testing`, `validation`, `post-processing` or the legacy
            `anomaly`. None: `split`.
        label: The label. None: the service infers one from the file name.
        bounding_boxes: Boxes in pixels, `[{"label", "x", "y", "width", "height"}]`, or the same as JSON text.
        metadata: Keys and values; the values are sent as text.
        sample_id: The id in the project. None: it is not stored.
        structured_labels: Labels of ranges of readings, `[{"startIndex", "endIndex", "label"}]`. The end is included.
            The ranges cover all readings without a gap.
        label_map: More labels beside `label`, by name: `{"site": "desk"}`. The labels of a list get the names `0`,
            `1` and so on. An addition; pass it by keyword.
        attachments: Files that belong to the sample, by file name. The values are text, bytes or streams, as for
            `data`. They are uploaded but not downloaded: the service has no call that returns them. An addition; pass
            it by keyword.

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
        """Return all fields but the data, which may be large."""
        return (
            f"Sample(filename={self.filename!r}, category={self.category!r}, label={self.label!r}, "
            f"metadata={self.metadata!r}, sample_id={self.sample_id!r})"
        )


class SampleIngestionResponse:
    """The result of uploading one sample.

    Replaces `edgeimpulse.data.sample_type.SampleIngestionResponse`.

    Attributes:
        sample: The sample.
        success: Whether the service stored it.
        error: Why it was not stored: the text of the service, or of eisync if the sample did not reach it.
        sample_id: The id of the sample; None unless it was stored.
        project_id: The id of the project; None unless it was stored.
        filename: The file name under which the service stored it; None unless it was stored.

    Example:
        >>> SampleIngestionResponse(Sample(b""), {"success": False, "error": "no data"}).error
        'no data'
    """

    def __init__(self, sample: Sample, response: Mapping[str, Any]) -> None:
        """Read `response`, one entry of the service's answer."""
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
    """The results of uploading all samples of a call.

    Replaces `edgeimpulse.data.sample_type.UploadSamplesResponse`.

    Attributes:
        successes: A `SampleIngestionResponse` for each sample that was stored, in the order of the samples.
        fails: A `SampleIngestionResponse` for each sample that was not stored, in the order of the samples.
        success: Whether `fails` is empty.

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
        """Add the results of further samples."""
        self.successes.extend(successes)
        self.fails.extend(fails)
        self.success = not self.fails


@dataclass
class SampleInfo:
    """One sample in a listing.

    Replaces `edgeimpulse.data.sample_type.SampleInfo`.

    Attributes:
        sample_id: The id in the project.
        filename: The file name without its last extension.
        category: The category.
        label: The label.

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
    """Studio's answer to a call that has no other result, such as a deletion.

    Replaces `edgeimpulse_api.GenericApiResponse`; it has only the methods that scripts commonly call.

    Attributes:
        success: Whether the call succeeded.
        error: Why it failed: the text of the service.

    Example:
        >>> GenericApiResponse(True).to_dict(), GenericApiResponse(True).json()
        ({'success': True}, '{"success": true, "error": null}')
    """

    success: bool
    error: str | None = None

    def dict(self) -> Fields:
        """Return every field, by name."""
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
        """Return every field as readable text."""
        return str(dict(sorted(self.dict().items())))
