"""Decide by its extension what a file is, and read enough of it to know whether the service would take it."""

from collections.abc import Callable
from typing import BinaryIO

from eisync.emulator.acquisition import read_acquisition
from eisync.emulator.media import read_image, read_wav
from eisync.emulator.model import Facts, Refused, Sensor
from eisync.emulator.names import extension_of
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.spool import Body
from eisync.emulator.tabular import read_table

INVALID_TYPE = Refused("Invalid mimetype")
_VIDEO = Facts(chart_type="video", sensors=(Sensor("video", "rgba"),), values_count=1)
_BY_CONTENT_TYPE = {
    "application/cbor": ".cbor",
    "application/json": ".json",
    "text/csv": ".csv",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "image/png": ".png",
    "image/jpeg": ".jpg",
}
_HEADERS: dict[str, Callable[[BinaryIO], Facts | Refused]] = {
    ".wav": read_wav,
    ".png": read_image,
    ".jpg": read_image,
    ".jpeg": read_image,
}
_AS_IT_IS = {".mp4": _VIDEO, ".avi": _VIDEO, ".parquet": Facts(chart_type="table")}
# Facts of an acquisition file too large to be read into memory.
_UNREAD = Facts(chart_type="chart", signature_valid=False)


def extension_by_content_type(content_type: str) -> str:
    """For the legacy route, whose file names need no extension. Empty when it tells nothing."""
    return _BY_CONTENT_TYPE.get(content_type.partition(";")[0].strip().lower(), "")


def recognise(file_name: str, body: Body, *, hmac_key: str, settings: EmulatorSettings) -> Facts | Refused:
    """Reads at most a header, one line at a time, or `max_parse_bytes`."""
    extension = extension_of(file_name)
    if extension in _AS_IT_IS:
        return _AS_IT_IS[extension]
    if extension in _HEADERS:
        with body.open() as file:
            return _HEADERS[extension](file)
    if extension in (".csv", ".txt"):
        with body.open() as file:
            table = read_table(file, constant_interval=settings.csv_constant_interval)
        return table if isinstance(table, Refused) else table.facts
    if extension not in (".cbor", ".json"):
        return INVALID_TYPE
    if body.size_bytes > settings.max_parse_bytes:
        return _UNREAD
    read = read_acquisition(
        body.read(), is_cbor=extension == ".cbor", hmac_key=hmac_key, unsigned_is_valid=settings.unsigned_is_valid
    )
    return read if isinstance(read, Refused) else read.facts
