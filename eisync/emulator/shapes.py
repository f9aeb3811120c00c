"""The OpenAPI schemas of the emulator's requests and answers; `openapi` uses them."""

from collections.abc import Mapping, Sequence

from eisync.emulator.faults import KINDS, PLACES
from eisync.emulator.model import STORED_CATEGORIES, Role

Schema = Mapping[str, object]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
TRUE: Schema = {"type": "boolean", "enum": [True]}
INSTANT: Schema = {"type": "string", "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ID: Schema = {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}
BYTES: Schema = {"type": "string", "format": "binary"}
TOKEN: Schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}


def one_of(values: Sequence[str]) -> Schema:
    return {"type": "string", "enum": list(values)}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(item: Schema, *, at_least: int = 0) -> Schema:
    return {"type": "array", "items": item} | ({"minItems": at_least} if at_least else {})


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    named = {"required": list(required)} if required else {}
    return {"type": "object", **named, "properties": {**required, **(optional or {})}}


def answer(**fields: Schema) -> Schema:
    """Return the schema of an answer: the fields or a `Failure`, both with status 200."""
    return {"anyOf": [record({"success": TRUE, **fields}), ref("Failure")]}


_SIDE: Schema = {"type": "number", "minimum": 0, "exclusiveMinimum": True}
_BOX = record({"label": TEXT, "x": NUMBER, "y": NUMBER, "width": _SIDE, "height": _SIDE})
LABEL_MAP = record({"type": one_of(["key-values"]), "labels": TEXTS})
_SENSOR = record({"index": COUNT, "name": TEXT, "units": TEXT})
_KEY = record({"key": TEXT, "role": one_of([role.value for role in Role])})
_RULE: Mapping[str, Schema] = {
    "probability": {"type": "number", "minimum": 0, "maximum": 1},
    "times": {**COUNT, "nullable": True},
    "after": COUNT,
    "method": TEXT,
    "path": TEXT,
    "requests": COUNT,
    "status": {"type": "integer", "minimum": 200, "maximum": 599, "nullable": True},
    "error": TEXT,
}
_RULE_KIND = {"where": one_of(PLACES), "kind": one_of(KINDS)}

SCHEMAS: Mapping[str, Schema] = {
    "Failure": record({"success": {"type": "boolean", "enum": [False]}, "error": TEXT}),
    "Entry": {
        "anyOf": [record({"success": TRUE, "projectId": ID, "sampleId": ID, "fileName": TEXT}), ref("Failure")],
    },
    "Project": record({"id": ID, "name": TEXT, "owner": TEXT, "created": INSTANT, "tier": TEXT}),
    "OwnProject": record({"id": ID, "name": TEXT, "hmacKey": TEXT, "keys": list_of(_KEY)}),
    "Job": record(
        {"id": ID, "category": TEXT}, {"finished": INSTANT, "finishedSuccessful": BOOLEAN, "additionalInfo": TEXT}
    ),
    "StructuredLabel": record({"startIndex": COUNT, "endIndex": COUNT, "label": TEXT}, {"labelMap": LABEL_MAP}),
    "Box": _BOX,
    "Sample": record(
        {
            "id": ID,
            "filename": TEXT,
            "signatureValidate": BOOLEAN,
            "created": INSTANT,
            "lastModified": INSTANT,
            "category": one_of(STORED_CATEGORIES),
            "coldstorageFilename": TEXT,
            "label": TEXT,
            "intervalMs": NUMBER,
            "frequency": NUMBER,
            "originalIntervalMs": NUMBER,
            "originalFrequency": NUMBER,
            "deviceType": TEXT,
            "sensors": list_of(_SENSOR),
            "valuesCount": COUNT,
            "totalLengthMs": NUMBER,
            "added": INSTANT,
            "boundingBoxes": list_of(ref("Box")),
            "boundingBoxesType": TEXT,
            "chartType": one_of(["chart", "image", "video", "table"]),
            "isDisabled": BOOLEAN,
            "isProcessing": BOOLEAN,
            "processingError": BOOLEAN,
            "isCropped": BOOLEAN,
            "projectId": ID,
            "sha256Hash": TEXT,
            "datastreams": list_of({}),
        },
        {
            "signatureMethod": TEXT,
            "deviceName": TEXT,
            "metadata": TEXTS,
            "structuredLabels": list_of(ref("StructuredLabel")),
            "labelMap": LABEL_MAP,
            "imageDimensions": record({"width": COUNT, "height": COUNT}),
        },
    ),
    "Payload": record(
        {
            "device_name": {"type": "string", "nullable": True},
            "device_type": TEXT,
            "interval_ms": NUMBER,
            "intervalMs": NUMBER,
            "frequencyHz": NUMBER,
            "sensors": list_of(_SENSOR),
            "values": list_of(list_of(NUMBER)),
        }
    ),
    "NewRule": record(_RULE_KIND, _RULE),
    "Rule": record({**_RULE_KIND, "applied": COUNT}, _RULE),
    "NewProject": record(
        {},
        {
            "name": TEXT,
            "hmacKey": {"type": "string", "minLength": 1},
            "keys": list_of(record({}, {"key": TEXT, "role": one_of([role.value for role in Role])}), at_least=1),
        },
    ),
}
