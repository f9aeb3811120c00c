"""What Studio answers, checked where it comes in (wire contract, section 3). Unknown fields are left alone."""

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from eisync.core.dataset import WholeSample
from eisync.core.model import LARGEST_ID, RemoteSample
from eisync.core.studio import origin, original_name


class StudioReply(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


# No text, no fraction and no truth is taken for a number, and none that the database does not hold.
_Id = Annotated[int, Field(strict=True, gt=0, le=LARGEST_ID)]
Amount = Annotated[int, Field(strict=True, ge=0, lt=LARGEST_ID)]


_Text = Annotated[str | Annotated[Any, AfterValidator(str)], Field(union_mode="left_to_right")]  # whatever it is


class ListedEntry(TypedDict):
    """An entry of the listing, as far as the index needs it."""

    id: Amount
    filename: NotRequired[str]
    category: NotRequired[str]
    label: NotRequired[str | None]
    added: NotRequired[Any]
    isDisabled: NotRequired[bool]
    sha256Hash: NotRequired[str | None]
    coldstorageFilename: NotRequired[str]
    metadata: NotRequired[dict[str, _Text] | None]
    processingError: NotRequired[bool]
    isCropped: NotRequired[bool | None]
    lastUpdatedBy: NotRequired[Any]


class ListingReply(TypedDict):
    """A page of `GET /api/{pid}/raw-data`. It is read without a detour, so it knows by itself that it succeeded.

    Most of what a sweep costs is reading pages. Dictionaries are checked as models are, in less than half the time.
    """

    success: Literal[True]
    samples: list[ListedEntry]
    totalCount: Amount


LISTING = TypeAdapter(ListingReply)
_DATE = TypeAdapter(datetime)

_ENTRY = b'{"id":'
_BEGUN = re.compile(rb'\{"id":([0-9]{1,18}),')


def sample_of(entry: ListedEntry) -> RemoteSample:
    """The value that `core` knows."""
    metadata, added = entry.get("metadata"), entry.get("added")
    original, is_segment = origin(entry.get("coldstorageFilename", ""))
    return RemoteSample(
        entry["id"],
        entry.get("filename", ""),
        entry.get("category", ""),
        entry.get("label"),
        entry.get("isDisabled", False),
        entry.get("sha256Hash") or None,
        original,
        _sorted(tuple(metadata.items())) if metadata else (),
        entry.get("processingError", False),
        added if isinstance(added, str) else None,
        is_segment or entry.get("isCropped") is True,
        _updated_by(entry.get("lastUpdatedBy")),
    )


def _updated_by(raw: Any) -> str | None:
    kind = raw.get("type") if isinstance(raw, dict) else None
    return f"{kind} {raw.get('id', '')}".rstrip() if isinstance(kind, str) else None


# Most samples of a project share a few sets of metadata.
@functools.lru_cache(maxsize=256)
def _sorted(metadata: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(metadata))


def last_id(body: bytes | bytearray) -> int | None:
    """The id with which the last entry of a page begins, as far as a search without parsing finds it."""
    begun = _BEGUN.match(body, body.rfind(_ENTRY))
    return None if begun is None else int(begun[1])


def newest_added_at(entries: Sequence[ListedEntry]) -> float | None:
    """When the one with the highest id was added (Unix s). The others do not matter, and a date is dear to read."""
    added = max(entries, key=itemgetter("id")).get("added") if entries else None
    try:
        return None if added is None else _instant(_DATE.validate_python(added))
    except ValidationError:
        return None  # no date


def _instant(date: datetime) -> float | None:
    try:
        return date.timestamp()
    except (OverflowError, ValueError, OSError):  # of a year that no clock has
        return None


class FullSample(StudioReply):
    """An entry of the listing, with all that belongs to the sample. What has another form than we know counts as none:
    one odd sample must not cost its page.
    """

    id: _Id
    filename: str = ""
    category: str = ""
    label: str | None = None
    is_disabled: bool = Field(default=False, alias="isDisabled")
    coldstorage_filename: str = Field(default="", alias="coldstorageFilename")
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


def _objects(found: Any) -> tuple[dict[str, Any], ...]:
    return tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def _with_bare_map(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "labelMap": _bare_map(one["labelMap"])} if one.get("labelMap") else one


def _bare_map(found: Any) -> Mapping[str, str] | None:
    """A label map as it is sent; Studio shows it as `{"type": "key-values", "labels": {…}}`."""
    labels = found.get("labels", found) if isinstance(found, dict) else None
    return labels if isinstance(labels, dict) and labels else None


class Count(StudioReply):
    """`GET /api/{pid}/raw-data/count`."""

    count: Amount


class LastModification(StudioReply):
    """`GET /api/{pid}/last-modification`; a project that was never changed has none."""

    at: datetime | None = Field(default=None, alias="lastModificationDate")

    @property
    def instant(self) -> float | None:
        """By the service's clock (Unix s)."""
        return None if self.at is None else _instant(self.at)
