"""Validate the answers of Studio (wire contract, section 3). Unknown fields are ignored."""

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
from eisync.core.text import one_line


class StudioReply(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


# No string, fraction or boolean counts as an id, and no number that the database cannot hold.
_Id = Annotated[int, Field(strict=True, gt=0, le=LARGEST_ID)]
Amount = Annotated[int, Field(strict=True, ge=0, lt=LARGEST_ID)]


_Text = Annotated[str | Annotated[Any, AfterValidator(str)], Field(union_mode="left_to_right")]  # any value, as text


class ListedEntry(TypedDict):
    """An entry of the listing, with the fields that the index needs."""

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
    """A page of `GET /api/{pid}/raw-data`. It is parsed in one step, so it has its own `success` field.

    Parsing pages is most of the cost of a sweep. Dictionaries are validated like models, in less than half the time.
    """

    success: Literal[True]
    samples: list[ListedEntry]
    totalCount: Amount


LISTING = TypeAdapter(ListingReply)
_DATE = TypeAdapter(datetime)

_ENTRY = b'{"id":'
_MAX_EDITOR = 64
_BEGUN = re.compile(rb'\{"id":([0-9]{1,18}),')


def sample_of(entry: ListedEntry) -> RemoteSample:
    """Return the entry as the value that `core` uses."""
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
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
        return None
    number = raw.get("id")
    return _editor(raw["type"], number if isinstance(number, int) else None)


# Few people and keys edit a project.
@functools.lru_cache(maxsize=256)
def _editor(kind: str, number: int | None) -> str:
    return one_line(kind[:_MAX_EDITOR] if number is None else f"{kind[:_MAX_EDITOR]} {number}")


# Most samples of a project share a few sets of metadata, so these are cached.
@functools.lru_cache(maxsize=256)
def _sorted(metadata: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(metadata))


def last_id(body: bytes | bytearray) -> int | None:
    """Return the id at the start of the last entry of a page, found by a text search; None if there is none."""
    begun = _BEGUN.match(body, body.rfind(_ENTRY))
    return None if begun is None else int(begun[1])


def newest_added_at(entries: Sequence[ListedEntry]) -> float | None:
    """Return when the entry with the highest id was added (Unix s). Dates are slow to parse; only this one counts."""
    added = max(entries, key=itemgetter("id")).get("added") if entries else None
    try:
        return None if added is None else _instant(_DATE.validate_python(added))
    except ValidationError:
        return None  # not a date


def _instant(date: datetime) -> float | None:
    try:
        return date.timestamp()
    except (OverflowError, ValueError, OSError):  # a year outside the range of the clock
        return None


class FullSample(StudioReply):
    """An entry of the listing, with all data of the sample.

    A field of an unknown form counts as missing, so that one malformed sample does not fail its page.
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
        """Return the entry as the value that `core` uses."""
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
    """Return a label map in the form in which it is sent; Studio lists `{"type": "key-values", "labels": {…}}`."""
    labels = found.get("labels", found) if isinstance(found, dict) else None
    return labels if isinstance(labels, dict) and labels else None


class Count(StudioReply):
    """`GET /api/{pid}/raw-data/count`."""

    count: Amount


class LastModification(StudioReply):
    """`GET /api/{pid}/last-modification`. A project that was never changed has none."""

    at: datetime | None = Field(default=None, alias="lastModificationDate")

    @property
    def instant(self) -> float | None:
        """Return the time of the last change by the service's clock (Unix s)."""
        return None if self.at is None else _instant(self.at)
