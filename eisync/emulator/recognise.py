"""Recognise the format of a file, and read enough of it to decide whether the service would accept it.

On the files endpoint, the extension names the format. On the data endpoint, where names need no extension, the content
type does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from eisync.emulator.acquisition import Acquisition, read_acquisition
from eisync.emulator.media import read_image, read_wav
from eisync.emulator.model import Facts, Refused, Sensor
from eisync.emulator.names import extension_of
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.spool import Body
from eisync.emulator.tabular import read_table

INVALID_TYPE = Refused("Invalid mimetype")
_VIDEO = Facts(chart_type="video", sensors=(Sensor("video", "rgba"),), values_count=1)
_IMAGES = (".jpg", ".jpeg", ".png")
_TABLES = (".csv", ".txt")
_HEADERS: dict[str, Callable[[BinaryIO], Facts | Refused]] = {".wav": read_wav, **dict.fromkeys(_IMAGES, read_image)}
_AS_IT_IS = {".mp4": _VIDEO, ".avi": _VIDEO, ".parquet": Facts(chart_type="table")}
_ACQUISITIONS = (".json", ".cbor")
_EXTENSIONS = frozenset((*_AS_IT_IS, *_HEADERS, *_TABLES, *_ACQUISITIONS))
# Content types that name a format, and the extensions of that format.
_BY_CONTENT_TYPE = {
    "application/cbor": (".cbor",),
    "application/json": (".json",),
    "text/csv": _TABLES,
    "audio/wav": (".wav",),
    "audio/x-wav": (".wav",),
    "audio/wave": (".wav",),
    "image/jpeg": _IMAGES,
    "image/png": (".png", ".jpg", ".jpeg"),
    "video/mp4": (".mp4",),
    "video/avi": (".avi",),
    "video/x-msvideo": (".avi",),
    "application/vnd.apache.parquet": (".parquet",),
}
# Content types that programs send by default: they count only if the name has no known extension. The documentation
# sends binary payloads as application/octet-stream.
_FALLBACKS = {"application/octet-stream": ".cbor", "text/plain": ".txt"}
# Properties of files that are stored without reading them: too large acquisition files, and media with broken headers.
_UNREAD = Facts(chart_type="chart", signature_valid=False)
_UNREAD_MEDIA = {
    ".wav": Facts(chart_type="chart", sensors=(Sensor("audio", "wav"),)),
    **dict.fromkeys(_IMAGES, Facts(chart_type="image", sensors=(Sensor("image", "rgba"),), values_count=1)),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What was read from a file."""

    facts: Facts
    structured_labels: object = None  # from the payload of an acquisition file; not checked yet


def name_by_type(file_name: str, content_type: str, *, otherwise: str = "") -> str:
    """Return the name with an extension for the content type. If name and type give no format, append `otherwise`.

    >>> name_by_type("idle.01", "application/json"), name_by_type("idle.csv", "text/csv; charset=utf-8")
    ('idle.01.json', 'idle.csv')
    """
    extension = extension_of(file_name)
    bare = content_type.partition(";")[0].strip().lower()
    agreeing = _BY_CONTENT_TYPE.get(bare)
    if agreeing is not None:
        return file_name if extension in agreeing else file_name + agreeing[0]
    return file_name if is_known(file_name) else file_name + _FALLBACKS.get(bare, otherwise)


def is_known(file_name: str) -> bool:
    """Return whether the service accepts the extension."""
    return extension_of(file_name) in _EXTENSIONS


def recognise(file_name: str, body: Body, *, hmac_key: str, settings: EmulatorSettings) -> Content | Refused:
    """Recognise a file. It reads only a header, or line by line, or at most `max_parse_bytes`.

    A table above `max_table_bytes` is not read.
    """
    extension = extension_of(file_name)
    if extension in _AS_IT_IS:
        return Content(_AS_IT_IS[extension])
    if extension in _HEADERS:
        with body.open() as file:
            facts = _HEADERS[extension](file)
        if isinstance(facts, Refused):
            return facts if settings.refuse_broken_media else Content(_UNREAD_MEDIA[extension])
        return Content(facts)
    if extension in _TABLES:
        if settings.max_table_bytes is not None and body.size_bytes > settings.max_table_bytes:
            return Content(_UNREAD)
        with body.open() as file:
            table = read_table(file, settings)
        return table if isinstance(table, Refused) else Content(table.facts)
    if extension not in _ACQUISITIONS:
        return INVALID_TYPE
    if body.size_bytes > settings.max_parse_bytes:
        return Content(_UNREAD)
    read = read_message(file_name, body, hmac_key=hmac_key, settings=settings)
    if isinstance(read, Refused):
        return read
    if read.refers_to_file:
        return Refused("Invalid acquisition file: the file that its values refer to is missing")
    return Content(read.facts, read.structured_labels)


def read_message(file_name: str, body: Body, *, hmac_key: str, settings: EmulatorSettings) -> Acquisition | Refused:
    """Read an acquisition file into memory. It is JSON unless its extension is `.cbor`."""
    is_cbor = extension_of(file_name) == ".cbor"
    return read_acquisition(body.read(), is_cbor=is_cbor, hmac_key=hmac_key, settings=settings)
