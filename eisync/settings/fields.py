"""Define the types of option values: how each is parsed, serialized, and shown in the schema.

Every option is parsed once, here. The models contain numbers, paths and values of `eisync.core`, never a text that must
be parsed again.
"""

import json
import math
import unicodedata
from collections.abc import Callable
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from eisync.core.policy import AfterUpload, MinFree, read_after, read_min_free
from eisync.core.rate_limit import QuietHours, read_quiet_hours
from eisync.paths import absolute

METADATA_LIMIT_BYTES = 8192
_SCHEMES = ("tcp", "tls", "ucx", "ws", "wss")
SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class EnvironmentText(str):
    """A value from an environment variable. Only such a text may also be a number or a boolean."""

    __slots__ = ()


def _reads(parse: Callable[[str], object]) -> BeforeValidator:
    def read(value: object) -> object:
        if not isinstance(value, EnvironmentText):
            return value
        try:
            return parse(value.strip())
        except ValueError:
            return str(value)  # the strict type that validates next reports the fault

    return BeforeValidator(read)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _absolute(value: object, info: ValidationInfo) -> object:
    """Return the path as an absolute one. A relative path starts at the folder `base` of the validation context."""
    if not isinstance(value, str):
        return value
    if not value or "\0" in value:
        raise ValueError("must not be empty" if not value else "must not contain a NUL character")
    context = info.context or {}
    return Path(absolute(value, cwd=context.get("base"), environ=context.get("environ")))


def _group(value: str) -> str:
    """Check that the machine has a group of that name."""
    try:
        import grp  # not on Windows

        grp.getgrnam(value)
    except (ImportError, KeyError, ValueError):  # ValueError: there can be none of that name
        raise ValueError(f'there is no group "{value}" on this machine') from None
    return value


def _plain(value: str) -> str:
    """Check that a text fits into a header, a log line and a table: no control characters and no line breaks."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("must not contain control characters or line breaks")
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _url(value: str) -> str:
    """Check an http or https address, and return it without a trailing slash."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = parts = None
    if not parts or not host or parts.scheme not in ("http", "https") or any(c.isspace() for c in value):
        raise ValueError('must be an address such as "https://example.org"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or a password")
    if parts.query or parts.fragment:
        raise ValueError("must not contain ? or #")
    return value.rstrip("/")


def _scheduler(value: str) -> str:
    """Check the address of a Dask scheduler."""
    try:
        parts = urlsplit(value)
        is_whole = bool(parts.hostname and parts.port)
    except ValueError:
        is_whole = False
    if not is_whole or parts.scheme not in _SCHEMES or any(c.isspace() for c in value):
        raise ValueError('must be the address of a Dask scheduler, such as "tcp://10.0.0.5:8786"')
    if parts.username is not None or parts.password is not None or parts.path.strip("/"):
        raise ValueError("must not contain a user name, a password or a path")
    return value.rstrip("/")


def _metadata(value: dict[str, str]) -> dict[str, str]:
    """Check that the metadata fits into a request header."""
    if any(not key for key in value):
        raise ValueError("contains an empty name")
    size = len(json.dumps(value))
    if size > METADATA_LIMIT_BYTES:
        raise ValueError(f"is {size:,} bytes long as JSON; at most {METADATA_LIMIT_BYTES:,} fit into a request")
    return value


def written(value: object) -> object:
    """Return one of our values in the form of the configuration file."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, MinFree):
        text = str(value)
        return int(text) if text.isdigit() else text
    return str(value) if isinstance(value, AfterUpload | QuietHours) else value


class Choice:
    """Mark an option that is a member of an enum. It is serialized by its value, and listed so in the schema."""

    def __get_pydantic_core_schema__(self, source: type[Enum], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda member: member,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(written),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        members = handler.resolve_ref_schema(handler(schema))
        return {"enum": members["enum"], "type": "string"}


class _Parsed:
    """Mark an option that is parsed into one of our values, and serialized in the form from which it is parsed."""

    def __init__(self, read: Callable[[Any, ValidationInfo], object], json_schema: dict[str, Any]) -> None:
        self._read = read
        self._json_schema = json_schema

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object, info: ValidationInfo) -> object:
            return value if isinstance(value, source) else self._read(value, info)

        return core_schema.with_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(written)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self._json_schema


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    return value


def _after_upload(value: object, info: ValidationInfo) -> AfterUpload:
    """Parse what happens to a file after its upload. The folder of an archive becomes absolute, as other paths do."""
    found = read_after(_text(value))
    return found if found.archive is None else AfterUpload(found.after, str(_absolute(found.archive, info)))


def _min_free(value: object, _: ValidationInfo) -> MinFree:
    return read_min_free(value if isinstance(value, int | str) and not isinstance(value, bool) else "")


def _quiet_hours(value: object, _: ValidationInfo) -> QuietHours:
    return read_quiet_hours(_text(value))


_TEXT = {"type": "string"}

Whole = Annotated[int, _reads(int), Field(strict=True)]
Number = Annotated[float, BeforeValidator(_finite), _reads(float), Field(strict=True)]
Switch = Annotated[bool, _reads(lambda text: SWITCH.get(text.lower(), text)), Field(strict=True)]
Place = Annotated[Path, BeforeValidator(_absolute)]
Url = Annotated[str, AfterValidator(_url), Field(json_schema_extra={"format": "uri"})]
Scheduler = Annotated[str, AfterValidator(_scheduler), Field(json_schema_extra={"format": "uri"})]
Line = Annotated[str, AfterValidator(_plain)]
GroupName = Annotated[str, AfterValidator(_group)]
Metadata = Annotated[dict[str, str], AfterValidator(_metadata)]
AfterUploadOption = Annotated[AfterUpload, _Parsed(_after_upload, _TEXT)]
MinFreeOption = Annotated[MinFree, _Parsed(_min_free, {"anyOf": [{"type": "integer"}, _TEXT]})]
QuietHoursOption = Annotated[QuietHours, _Parsed(_quiet_hours, _TEXT)]

AnnotationsOption = Literal[
    "auto",
    "none",
    "coco",
    "yolo",
    "voc",
    "open-images",
    "csv",
    "createml",
    "label-studio",
    "audacity",
    "praat",
    "elan",
    "manifest",
]
"""Which annotation files of other programs are read."""


def sends_key_in_clear(url: str) -> bool:
    """Return whether requests to `url` can be read in transit: plain http to another machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
