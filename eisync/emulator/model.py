"""The values of the emulator. Points in time end in `_ms` and are Unix milliseconds, UTC."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Box = Mapping[str, object]  # {label, x, y, width, height}

STORED_CATEGORIES = ("training", "testing", "validation", "post-processing", "anomaly")
UPLOAD_CATEGORIES = (*STORED_CATEGORIES, "split")  # anomaly is legacy but still accepted


class Role(Enum):
    ADMIN = "admin"
    READONLY = "readonly"
    INGESTION_ONLY = "ingestiononly"
    INGESTION_DEPLOYMENT = "ingestion_deployment"

    @property
    def may_upload(self) -> bool:
        return self is not Role.READONLY

    @property
    def may_read(self) -> bool:
        return self in (Role.ADMIN, Role.READONLY)

    @property
    def may_change(self) -> bool:
        return self is Role.ADMIN


@dataclass(frozen=True, slots=True)
class Key:
    id: int
    project_id: int
    key: str
    role: Role


@dataclass(frozen=True, slots=True)
class Person:
    """A user who logged in, with access to every project."""

    id: int
    username: str
    token: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something."""

    kind: str  # projectApiKey or user
    id: int

    def as_json(self) -> dict[str, object]:
        """Return the form of `lastUpdatedBy`."""
        return {"type": self.kind, "id": self.id}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls Studio, with role and project."""

    actor: Actor
    role: Role
    project_id: int | None  # None: every project


@dataclass(frozen=True, slots=True)
class Project:
    id: int
    name: str
    owner: str
    hmac_key: str
    created_ms: int
    modified_ms: int | None  # when its data last changed; None: never
    has_validation: bool | None = None  # an explicit validation set; None: the emulator's settings decide
    split: str | None = None  # the options of its split, as JSON; None: the default percentages


@dataclass(frozen=True, slots=True)
class Sensor:
    name: str
    units: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The properties that are read from a file."""

    chart_type: str  # chart, image, video, table
    sensors: tuple[Sensor, ...] = ()
    device_type: str = "EDGE_IMPULSE_UPLOADER"
    device_name: str | None = None
    interval_ms: float = 0.0
    values_count: int = 0
    signature_valid: bool = True
    signature_method: str = "none"
    created_ms: int | None = None  # when it was recorded, according to the device
    image_size: tuple[int, int] | None = None


def can_be_shown(interval_ms: float, values_count: int) -> bool:
    """Return whether frequency and length are finite, as JSON requires."""
    return interval_ms == 0 or (math.isfinite(1000 / interval_ms) and math.isfinite(interval_ms * values_count))


@dataclass(frozen=True, slots=True)
class Refused:
    """A file or a request is refused. `error` is the text for the client."""

    error: str


@dataclass(slots=True, kw_only=True)
class NewSample:
    """A file that was accepted but not stored yet. Do not change it.

    It is not frozen, because that would take four times as long to make, and a page of a listing has a thousand.
    """

    category: str
    label: str
    filename: str
    stored_name: str
    sha256: str
    size_bytes: int
    facts: Facts
    metadata: Mapping[str, str] | None = None
    boxes: tuple[Box, ...] = ()
    structured_labels: tuple[Mapping[str, object], ...] | None = None
    label_map: Mapping[str, str] | None = None
    attachments: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Sample(NewSample):
    id: int
    project_id: int
    added_ms: int
    modified_ms: int
    is_disabled: bool
    updated_by: Mapping[str, object] | None = None  # in the form of `lastUpdatedBy`; None: unknown


@dataclass(frozen=True, slots=True)
class Stored:
    sample_id: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    sample_ids: tuple[int, ...]  # the samples that hold this content already


@dataclass(frozen=True, slots=True)
class MetadataItem:
    """A metadata key that samples should have (or not have), with one of `values`; empty: with any value."""

    key: str
    is_wanted: bool
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MetadataFilter:
    """A filter on metadata."""

    items: tuple[MetadataItem, ...] = ()
    any_of: bool = False  # one matching item is enough; metadata with none of the keys also matches
    without: bool = False  # also select samples without metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Filters that select samples of a project. None or empty: no filter."""

    project_id: int
    category: str | None = None
    ids: tuple[int, ...] | None = None
    exclude_ids: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    filename: str = ""  # a substring
    search: str = ""  # a substring of file name or label
    min_id: int | None = None  # this one and above
    max_id: int | None = None  # below this one
    min_added_ms: int | None = None
    max_added_ms: int | None = None
    is_disabled: bool | None = None
    min_length_ms: float | None = None  # longer than this
    max_length_ms: float | None = None  # shorter than this
    min_frequency_hz: float | None = None  # above this
    max_frequency_hz: float | None = None  # below this
    is_signature_valid: bool | None = None
    min_label: float | None = None  # for labels that are numbers: this one and above
    max_label: float | None = None  # for labels that are numbers: below this one
    data_type: str = ""  # audio or image
    metadata: MetadataFilter | None = None
    device: str = ""  # what the device called itself in the file
    ignores_case: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    limit: int
    offset: int = 0
    shuffled: bool = False
    oldest_first: bool = False


VERSION_TYPES = ("auto_save", "restore", "manual")
CHANGE_ACTIONS = ("insert", "update", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The changes of a project in a period of time. A closed window is a version of the dataset.

    Samples that were added in it have ids from `first_sample` to below `end_sample`. The counts are set when it is
    closed.
    """

    id: int
    project_id: int
    kind: str  # one of VERSION_TYPES
    opened_ms: int
    closed_ms: int | None
    first_sample: int
    end_sample: int | None
    version_id: int | None
    version_index: int | None
    parent_id: int | None
    restored_from: int | None
    description: str | None
    events: int
    changed: int
    inserts: int
    updates: int
    deletes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The changes of a sample in a window. Old and new values are columns of the database, and only for updates."""

    sample_id: int
    actions: tuple[str, ...]  # of CHANGE_ACTIONS
    old: Mapping[str, Any]
    new: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleChange:
    """One change of a sample, in the window that collected it: a change has no time of its own."""

    action: str  # one of CHANGE_ACTIONS
    old: Mapping[str, Any]  # by column; only for updates
    new: Mapping[str, Any]
    opened_ms: int
    closed_ms: int | None  # None: the window is open
    version_id: int | None
