"""The OpenAPI description of Studio's calls about a whole project: settings, summaries and exports. Pure."""

from collections.abc import Iterator, Mapping

from eisync.emulator.model import STORED_CATEGORIES
from eisync.emulator.openapi_parts import FAILED, Route, operation, parameter
from eisync.emulator.shapes import (
    BOOLEAN,
    BYTES,
    COUNT,
    ID,
    INSTANT,
    NUMBER,
    TEXT,
    TRUE,
    Schema,
    answer,
    list_of,
    one_of,
    record,
    ref,
)

_RATIO = {"type": "number", "minimum": 0, "maximum": 1}
PROJECT_SCHEMAS: Mapping[str, Schema] = {
    "SplitOptions": record(
        {"trainingSplitRatio": _RATIO, "testingSplitRatio": _RATIO},
        {
            "validationSplitRatio": _RATIO,
            "excludeDisabledSamples": BOOLEAN,
            "stratifyBy": record({}, {"label": BOOLEAN, "metadataKeys": list_of(TEXT)}),
            "keepTogetherMetadataKeys": list_of(TEXT),
        },
    )
}
_POSITIVE = {"type": "integer", "minimum": 1, "maximum": 1000}
_REFERRAL = {"description": "The URL of the ZIP.", "headers": {"Location": {"schema": TEXT}}}


def project_routes(project: str) -> Iterator[Route]:
    """Yield the calls. `project` is the path of a project."""
    summary = record(
        {
            "labels": list_of(TEXT),
            "totalLabels": COUNT,
            "dataCount": COUNT,
            "hasTimeseriesDataWithMultipleLabels": BOOLEAN,
        },
        {"min": NUMBER, "max": NUMBER, "mean": NUMBER, "labelsPerKey": {"type": "object"}},
    )
    flags = [parameter("query", name, BOOLEAN) for name in ("includeDisabled", "includeNotProcessed", "truncateLabels")]
    yield "get", f"{project}/data-summary", operation("The training set.", answer(dataSummary=summary), flags)
    yield "get", f"{project}/raw-data/metadata-distribution", _distribution()
    yield from _settings(project)
    yield from _exports(project)


def _settings(project: str) -> Iterator[Route]:
    done = answer()
    changed = record({}, {"name": {"type": "string", "minLength": 1}, "explicitValidationEnabled": BOOLEAN})
    yield "post", project, operation("Set name and validation set.", done, body=changed)
    yield "post", f"{project}/split", operation("Split the dataset.", done, body=ref("SplitOptions"))


def _distribution() -> dict[str, object]:
    bucket = record({"label": TEXT, "count": COUNT, "totalLengthMs": NUMBER}, {"min": NUMBER, "max": NUMBER})
    of_label = record({"label": TEXT, "counts": list_of(COUNT), "totalLengthMs": list_of(NUMBER)})
    fields = {
        "key": TEXT,
        "category": TEXT,
        "sampleCount": COUNT,
        "totalCount": COUNT,
        "missingCount": COUNT,
        "coveragePct": NUMBER,
        "uniqueValueCount": COUNT,
        "type": one_of(("categorical", "numeric")),
        "buckets": list_of(bucket),
    }
    given = {"anyOf": [record({"success": TRUE, **fields}, {"labelBreakdown": list_of(of_label)}), ref("Failure")]}
    asked = [
        parameter("query", "category", one_of((*STORED_CATEGORIES, "all"))) | {"required": True},
        parameter("query", "key", TEXT) | {"required": True},
        parameter("query", "topN", _POSITIVE),
        parameter("query", "binCount", _POSITIVE),
        parameter("query", "groupByLabel", BOOLEAN),
        parameter("query", "excludeDisabledSamples", BOOLEAN),
    ]
    return operation("The distribution of a metadata key.", given, asked)


def _exports(project: str) -> Iterator[Route]:
    body = record({"uploaderFriendlyFilenames": BOOLEAN, "retainCrops": BOOLEAN})
    yield "post", f"{project}/jobs/export/original", operation("Export the project.", answer(id=ID), body=body)
    found = {
        "anyOf": [record({"success": TRUE, "hasExport": BOOLEAN}, {"created": INSTANT, "url": TEXT}), ref("Failure")]
    }
    yield "get", f"{project}/export/get-url", operation("The URL of the newest export.", found)
    referred = operation("A redirect to the newest export.", ref("Failure"))
    answers = {"302": _REFERRAL, "200": FAILED, "default": FAILED}
    yield "get", f"{project}/export/download", referred | {"responses": answers}


def export_routes() -> Iterator[Route]:
    """Yield the call for the files, at the root of the port."""
    content = {"application/zip": {"schema": BYTES}}
    fetched = operation("An export.", BYTES) | {
        "security": [],
        "responses": {"200": {"description": "The ZIP.", "content": content}, "default": FAILED},
    }
    yield "get", "/emulator/exports/{token}.zip", fetched
