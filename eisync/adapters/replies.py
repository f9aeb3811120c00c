"""What Studio answers, checked where it comes in (wire contract, section 3). Unknown fields are left alone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from eisync.core.dataset import WholeSample
from eisync.core.items import RemoteSample
from eisync.core.wire import original_name


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


class KeyInfo(_Reply):
    """`GET /api/projects/api-key-info`."""

    project_id: int = Field(alias="projectId")


class Project(_Reply):
    """An entry of `GET /api/projects`."""

    id: int


class Projects(_Reply):
    """`GET /api/projects`: exactly one for a project key."""

    projects: tuple[Project, ...]


class Sample(_Reply):
    """An entry of the listing, as far as we read it."""

    id: int
    filename: str = ""
    category: str = ""
    label: str | None = None
    added: datetime | None = None
    is_disabled: bool = Field(default=False, alias="isDisabled")
    sha256: str | None = Field(default=None, alias="sha256Hash")
    coldstorage_filename: str = Field(default="", alias="coldstorageFilename")
    metadata: dict[str, Any] | None = None
    processing_error: bool = Field(default=False, alias="processingError")

    def as_sample(self) -> RemoteSample:
        """The value that `core` knows."""
        return RemoteSample(
            id=self.id,
            filename=self.filename,
            category=self.category,
            label=self.label,
            added_at=self.added.timestamp() if self.added else None,
            is_disabled=self.is_disabled,
            sha256=self.sha256 or None,
            original_name=original_name(self.coldstorage_filename),
            metadata=tuple(sorted((name, str(value)) for name, value in (self.metadata or {}).items())),
            has_processing_error=self.processing_error,
        )


class Listing(_Reply):
    """A page of `GET /api/{pid}/raw-data`. It is read without a detour, so it knows by itself that it succeeded."""

    success: Literal[True]
    samples: tuple[Sample, ...]
    total: int = Field(alias="totalCount")


class FullSample(Sample):
    """An entry of the listing, with all that belongs to the sample. What has another form than we know counts as none:
    one odd sample must not cost its page.
    """

    boxes: Any = Field(default=None, alias="boundingBoxes")
    structured_labels: Any = Field(default=None, alias="structuredLabels")
    label_map: Any = Field(default=None, alias="labelMap")
    metadata: Any = None

    def as_whole(self) -> WholeSample:
        """The value that `core` knows."""
        return WholeSample(
            id=self.id,
            name=self.filename,
            category=self.category,
            label=self.label or None,
            is_disabled=self.is_disabled,
            stored_as=self.coldstorage_filename.rsplit("/", 1)[-1],
            sent_as=original_name(self.coldstorage_filename),
            boxes=_objects(self.boxes),
            structured_labels=tuple(_with_bare_map(one) for one in _objects(self.structured_labels)),
            label_map=_bare_map(self.label_map),
            metadata=self.metadata if isinstance(self.metadata, dict) else None,
        )


class FullListing(_Reply):
    """A page of `GET /api/{pid}/raw-data`, with all that belongs to its samples."""

    samples: tuple[FullSample, ...]
    total: int = Field(alias="totalCount")


def _objects(found: Any) -> tuple[dict[str, Any], ...]:
    return tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def _with_bare_map(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "labelMap": _bare_map(one["labelMap"])} if one.get("labelMap") else one


def _bare_map(found: Any) -> Mapping[str, str] | None:
    """A label map as it is sent; Studio shows it as `{"type": "key-values", "labels": {…}}`."""
    labels = found.get("labels", found) if isinstance(found, dict) else None
    return labels if isinstance(labels, dict) and labels else None


class Count(_Reply):
    """`GET /api/{pid}/raw-data/count`."""

    count: int


class LastModification(_Reply):
    """`GET /api/{pid}/last-modification`; a project that was never changed has none."""

    at: datetime | None = Field(default=None, alias="lastModificationDate")
