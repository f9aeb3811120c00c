"""What callers hand in and get back. Fields, order and defaults are the official SDK's: callers depend on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedIOBase, StringIO
from typing import Any, Literal


@dataclass
class Sensor:
    """One axis. `units` are SenML's (https://www.iana.org/assignments/senml), or `N/A`."""

    name: str
    units: str = "m/s"


@dataclass
class Payload:
    """What was measured (wire contract, section 2).

    `values` is one list for each reading, with one number for each sensor; `interval_ms` is the time between two
    readings. `device_name` only for a device with a globally unique name.

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
    """How the data is signed. `iat` is the time of issue (Unix s)."""

    ver: str = "v1"
    alg: Literal["HS256", "none"] = "none"
    iat: int | None = None


@dataclass
class DataAcquisition:
    """A whole file in the data acquisition format (wire contract, section 2); sent as JSON."""

    protected: Protected
    payload: Payload
    signature: str | None = None


@dataclass
class Sample:
    """One sample, to be uploaded or downloaded. Mutable: `sample_id` is set on success, a `transform` may set anything.

    `data` is text, bytes, a stream of either, or a `DataAcquisition`; a stream is read from its beginning and left
    where it stood. `filename` None: one is made up. `category` is split, training, testing, validation,
    post-processing or the legacy anomaly; None is split. `label` None: the service infers one from the file name.
    `bounding_boxes` are pixels, `[{"label", "x", "y", "width", "height"}]`, or that as JSON text. `metadata` values
    travel as text.
    `structured_labels` are `[{"startIndex", "endIndex", "label"}]`, indexes of readings, the end included; they must
    cover all readings without a gap.
    """

    data: "bytes | str | StringIO | BufferedIOBase | DataAcquisition"
    filename: str | None = None
    category: str | None = "split"
    label: str | None = None
    bounding_boxes: list[dict[str, Any]] | str | None = None
    metadata: dict[str, Any] | None = None
    sample_id: int | None = None
    structured_labels: list[dict[str, Any]] | None = None

    def __str__(self) -> str:
        """Without the data: it may be large."""
        return (
            f"Sample(filename={self.filename!r}, category={self.category!r}, label={self.label!r}, "
            f"metadata={self.metadata!r}, sample_id={self.sample_id!r})"
        )


class SampleIngestionResponse:
    """What became of one sample.

    `success`; `error` is the service's text, or ours for what never reached it; `sample_id`, `project_id` and
    `filename` (the service's own) are None unless it was stored.
    """

    def __init__(self, sample: Sample, response: Mapping[str, Any]) -> None:
        """`response` is an entry of the service's answer (wire contract, section 1)."""
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
    """What became of all samples: `successes` and `fails`, each in their order; `success` when nothing failed."""

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
    """A sample as the listing shows it."""

    sample_id: int | None = None
    filename: str | None = None
    category: str | None = None
    label: str | None = None
