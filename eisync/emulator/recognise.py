"""Decide what a file is, and read enough of it to know whether the service would take it.

On the files endpoint the extension decides. On the data endpoint, whose names need none, the content type does.
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
# Content types that say what the content is, and the extensions that agree with them.
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
# Content types that programs send of themselves: they say something only where the name says nothing. Binary payloads
# are sent as octets (documented).
_FALLBACKS = {"application/octet-stream": ".cbor", "text/plain": ".txt"}
# What is shown of a file that is not read: an acquisition file too large for memory, media that cannot be understood.
_UNREAD = Facts(chart_type="chart", signature_valid=False)
_UNREAD_MEDIA = {
    ".wav": Facts(chart_type="chart", sensors=(Sensor("audio", "wav"),)),
    **dict.fromkeys(_IMAGES, Facts(chart_type="image", sensors=(Sensor("image", "rgba"),), values_count=1)),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a file says of itself."""

    facts: Facts
    structured_labels: object = None  # of an acquisition file's payload, as they came


def name_by_type(file_name: str, content_type: str, *, otherwise: str = "") -> str:
    """The name with the extension of what the content type says, `otherwise` where neither says anything.

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
    """Whether the extension is one that the service takes."""
    return extension_of(file_name) in _EXTENSIONS


def recognise(file_name: str, body: Body, *, hmac_key: str, settings: EmulatorSettings) -> Content | Refused:
    """Reads at most a header, one line at a time, or `max_parse_bytes`; nothing of a table above `max_table_bytes`."""
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
    """An acquisition file, wholly in memory. It is JSON unless the name says CBOR."""
    is_cbor = extension_of(file_name) == ".cbor"
    return read_acquisition(body.read(), is_cbor=is_cbor, hmac_key=hmac_key, settings=settings)
