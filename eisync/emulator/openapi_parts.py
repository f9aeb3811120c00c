"""Building blocks of the OpenAPI description: operations, parameters, filters. Pure."""

from eisync.emulator.model import STORED_CATEGORIES
from eisync.emulator.shapes import BOOLEAN, COUNT, ID, INSTANT, NUMBER, TEXT, Schema, one_of, ref

Operation = dict[str, object]
Route = tuple[str, str, Operation]  # method, path, operation
Parameters = list[dict[str, object]]

FAILED = {
    "description": "Refused: a wrong key, a forbidden call, a request that cannot be read.",
    "content": {"application/json": {"schema": ref("Failure")}},
}


def operation(
    summary: str,
    given: Schema,
    parameters: Parameters | None = None,
    body: Schema | None = None,
    body_type: str = "application/json",
) -> Operation:
    made: Operation = {
        "summary": summary,
        "responses": {
            "200": {"description": "Done, or a Failure.", "content": {"application/json": {"schema": given}}},
            "default": FAILED,
        },
    }
    if parameters:
        made["parameters"] = parameters
    if body is not None:
        made["requestBody"] = {"required": "required" in body, "content": {body_type: {"schema": body}}}
    return made


def parameter(place: str, name: str, schema: Schema, text: str = "") -> dict[str, object]:
    described = {"description": text} if text else {}
    return {"name": name, "in": place, "schema": schema, **described}


def selection() -> Parameters:
    return [
        parameter("query", "category", one_of((*STORED_CATEGORIES, "all"))) | {"required": True},
        parameter("query", "labels", TEXT, "a JSON array of labels, or null for all"),
        parameter("query", "filename", TEXT, "a part of the name"),
        parameter("query", "search", TEXT, "a part of the name or the label"),
        parameter("query", "minId", ID, "this one and above"),
        parameter("query", "maxId", ID, "below this one"),
        parameter("query", "minDate", INSTANT),
        parameter("query", "maxDate", INSTANT),
        parameter("query", "minLength", NUMBER, "longer than this, in ms"),
        parameter("query", "maxLength", NUMBER, "shorter than this, in ms"),
        parameter("query", "minFrequency", NUMBER, "above this, in Hz"),
        parameter("query", "maxFrequency", NUMBER, "below this, in Hz"),
        parameter("query", "signatureValidity", one_of(("both", "valid", "invalid"))),
        parameter("query", "minLabel", NUMBER, "for labels that are numbers: this one and above"),
        parameter("query", "maxLabel", NUMBER, "for labels that are numbers: below this one"),
        parameter("query", "dataType", one_of(("audio", "image"))),
        parameter("query", "metadata", TEXT, "a JSON array of filters, each with a key, an op and optional values"),
        parameter("query", "includeDisabled", one_of(("both", "enabled", "disabled"))),
    ]


def paging() -> Parameters:
    return [
        parameter("query", "limit", COUNT),
        parameter("query", "offset", COUNT),
        parameter("query", "sortBy", one_of(("id-desc", "random"))),
        parameter("query", "excludeSensors", BOOLEAN),
        parameter("query", "truncateStructuredLabels", BOOLEAN, "accepted, without effect"),
    ]
