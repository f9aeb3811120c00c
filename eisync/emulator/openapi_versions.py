"""The OpenAPI description of the calls in `versions`. Pure."""

from collections.abc import Iterator, Mapping

from eisync.emulator.model import CHANGE_ACTIONS, VERSION_TYPES
from eisync.emulator.openapi_parts import Route, operation, paging, parameter, selection
from eisync.emulator.shapes import (
    COUNT,
    ID,
    INSTANT,
    TEXT,
    TRUE,
    Schema,
    answer,
    list_of,
    one_of,
    record,
    ref,
)

_NO_ID: Schema = {**ID, "nullable": True}
_WINDOW = record({"windowId": ID, "opened": INSTANT, "closed": INSTANT})

VERSION_SCHEMAS: Mapping[str, Schema] = {
    "DatasetVersion": record(
        {
            "id": ID,
            "created": INSTANT,
            "versionIndex": COUNT,
            "description": {"type": "string", "nullable": True},
            "parentVersionId": _NO_ID,
            "type": one_of(VERSION_TYPES),
            "summary": record(
                {
                    "rawEventCountInWindow": COUNT,
                    "sampleChangesCount": COUNT,
                    "actionCounts": record({}, dict.fromkeys(CHANGE_ACTIONS, COUNT)),
                }
            ),
            "windowStart": INSTANT,
            "windowEnd": INSTANT,
            "actors": list_of(record({"type": one_of(("user", "projectApiKey")), "name": TEXT})),
        },
        {"restoredFromDatasetVersionId": ID},
    ),
    "PendingWindow": record(
        {
            "windowId": ID,
            "windowStart": INSTANT,
            "windowEnd": {"type": "string", "format": "date-time", "nullable": True},
        }
    ),
    "ChangeDetail": record(
        {"sample": ref("Sample")},
        {
            "change": record(
                {"actions": list_of(one_of(CHANGE_ACTIONS)), "sampleId": ID},
                {"oldValues": {"type": "object"}, "newValues": {"type": "object"}},
            )
        },
    ),
}


def version_routes(project: str) -> Iterator[Route]:
    """Yield the calls. `project` is the path of a project."""
    versions = f"{project}/dataset-versions"
    one = versions + "/{version}"
    done = answer()
    page = answer(
        pendingWindows=list_of(ref("PendingWindow")), datasetVersions=list_of(ref("DatasetVersion")), totalCount=COUNT
    )
    which = [
        parameter("query", "limit", COUNT),
        parameter("query", "offset", COUNT),
        parameter("query", "search", TEXT, "a part of the description"),
        parameter("query", "type", TEXT, f"a JSON array of {', '.join(VERSION_TYPES)}"),
    ]
    yield "get", versions, operation("Versions of the dataset, newest first.", page, which)
    made = {"anyOf": [record({"success": TRUE, "window": {**_WINDOW, "nullable": True}}), ref("Failure")]}
    yield "post", f"{versions}/create", operation("Make a version now. null: one is pending.", made)
    yield "get", one, operation("One version.", answer(datasetVersion=ref("DatasetVersion")))
    described = record({"description": TEXT})
    yield "post", one, operation("Describe a version.", done, body=described)
    yield "post", f"{one}/restore", operation("Restore the dataset of a version.", done)
    actions = parameter("query", "changeActions", TEXT, f"a JSON array of {', '.join(CHANGE_ACTIONS)}")
    changes = answer(totalCount=COUNT, changeDetails=list_of(ref("ChangeDetail")))
    yield (
        "get",
        f"{one}/raw-data-changes",
        operation("The samples of a version and their changes.", changes, [*selection(), *paging(), actions]),
    )
