"""Read the versions of a dataset from Studio, and the changes in each version (wire contract, section 3)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from eisync.adapters.client.errors import MAX_PAGE_BYTES
from eisync.adapters.client.listing import EVERYTHING
from eisync.adapters.client.replies import Amount, ListedEntry, StudioReply, sample_of
from eisync.adapters.client.studio import Studio
from eisync.core.change_feed import ChangePage, DatasetVersion, SampleChange, VersionList
from eisync.errors import AnswerTooLargeError, StudioError, UnansweredError

MOST_VERSIONS = 100  # in one request

_ENTRY = TypeAdapter(ListedEntry)
_EDITED = {"label", "category", "filename", "metadata", "isDisabled"}
"""The fields of a change's sample that `newValues` replaces: whether the sample is from before or after the change is
not documented.
"""


class _ActionCounts(StudioReply):
    update: Amount = 0
    delete: Amount = 0


class _Summary(StudioReply):
    action_counts: _ActionCounts = Field(default_factory=_ActionCounts, alias="actionCounts")


class _Version(StudioReply):
    id: Amount
    index: Amount = Field(alias="versionIndex")
    type: str
    summary: _Summary

    def as_value(self) -> DatasetVersion:
        counts = self.summary.action_counts
        return DatasetVersion(
            id=self.id, index=self.index, changes=counts.update + counts.delete, is_restore=self.type == "restore"
        )


class _Versions(StudioReply):
    """`GET /api/{pid}/dataset-versions`."""

    pending: tuple[dict[str, Any], ...] = Field(alias="pendingWindows")
    versions: tuple[_Version, ...] = Field(alias="datasetVersions")
    total: Amount = Field(alias="totalCount")


class _Change(StudioReply):
    actions: frozenset[str]
    sample_id: Amount = Field(alias="sampleId")
    new_values: dict[str, Any] = Field(default_factory=dict, alias="newValues")


class _Detail(StudioReply):
    sample: dict[str, Any]
    change: _Change | None = None


class _Changes(StudioReply):
    """`GET /api/{pid}/dataset-versions/{id}/raw-data-changes`."""

    total: Amount = Field(alias="totalCount")
    details: tuple[dict[str, Any], ...] = Field(alias="changeDetails")


class ChangeFeed:
    """Read the dataset versions of one project. Safe to use from any thread."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def dataset_versions(self) -> VersionList | None:
        """Return the newest versions; None when this service, or this key, has none.

        Raises KeyRefusedError or TransitError.
        """
        try:
            page = self._versions(offset=0)
        except StudioError:
            return None
        is_newest_first = not page.versions or page.versions[0].index >= page.versions[-1].index
        if page.total > MOST_VERSIONS and not is_newest_first:  # the order is not documented
            page = self._versions(offset=page.total - MOST_VERSIONS)
        return VersionList(versions=tuple(one.as_value() for one in page.versions), has_pending=bool(page.pending))

    def changes(self, version_id: int, *, limit: int, offset: int) -> ChangePage:
        """Return a page of the samples that a version updated or deleted, including disabled ones.

        Raises KeyRefusedError, StudioError or TransitError.
        """
        path = f"/api/{self._studio.project_id()}/dataset-versions/{version_id}/raw-data-changes"
        query = {
            **EVERYTHING,
            "changeActions": ["update", "delete"],
            "excludeSensors": True,
            "limit": limit,
            "offset": offset,
        }
        try:
            answer = self._studio.fetch(path, query, MAX_PAGE_BYTES)
        except AnswerTooLargeError as error:
            raise UnansweredError(str(error)) from None
        try:
            reply = _Changes.model_validate(answer.content())
        except ValidationError as error:
            raise answer.not_understood(".".join(str(part) for part in error.errors()[0]["loc"])) from None
        read = [_change_of(one) for one in reply.details]
        known = tuple(one for one in read if one is not None)
        return ChangePage(known, reply.total, unread=len(read) - len(known))

    def _versions(self, *, offset: int) -> _Versions:
        path = f"/api/{self._studio.project_id()}/dataset-versions"
        return self._studio.ask(path, _Versions, {"limit": MOST_VERSIONS, "offset": offset})


def _change_of(raw: Mapping[str, Any]) -> SampleChange | None:
    """Return the change, or None for an entry of another form."""
    try:
        detail = _Detail.model_validate(raw)
        change = detail.change
        if change is None or change.sample_id != detail.sample.get("id"):
            return None
        edited = {name: value for name, value in change.new_values.items() if name in _EDITED}
        return SampleChange(sample_of(_ENTRY.validate_python(detail.sample | edited)), "delete" in change.actions)
    except ValidationError:
        return None
