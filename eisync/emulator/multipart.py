"""Turn the bytes of a multipart form, in whatever chunks they come, into parts. No I/O but the spool files.

Memory is bounded: a part grows in memory up to a size, and all parts of a request together up to another; what is
more goes to disk. Hashes are computed on the way. A form counts only when its closing boundary was seen; the CRLF
after it may be missing (the official uploader sends none).

Sources: RFC 7578; RFC 2046 §5.1.
"""

import logging
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from eisync.emulator.names import decode_text
from eisync.emulator.spool import Body, Limits, Spool

_MAX_PART_HEADERS = 32
_MAX_PART_HEADER_BYTES = 16 * 1024
_QUOTE_ESCAPES = ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n"), (b"%0d", b"\r"), (b"%0a", b"\n"))

# The parser logs every malformed body as a warning of its own; here it is the sender's mistake and becomes an answer.
_mute = logging.Logger("eisync.emulator.multipart.mute", level=logging.CRITICAL + 1)


class MultipartError(Exception):
    """The body is no complete multipart form: nothing of it may be kept."""


class TooManyParts(MultipartError):
    """More files than one request may carry."""


@dataclass(frozen=True, slots=True)
class Part:
    field: str
    file_name: str | None  # None: a form field, not a file
    content_type: str
    body: Body  # empty when `is_too_large`
    size_bytes: int  # as sent
    sha256: str
    md5: str
    is_too_large: bool


class FormReader:
    """Push bytes in with `feed`, then call `finish`; `discard` in the end, whatever happened."""

    def __init__(self, content_type: str, folder: str, limits: Limits, *, decode_quote_escapes: bool = True) -> None:
        kind, parameters = parse_parameters(content_type.encode("utf-8", "surrogateescape"))
        boundary = parameters.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise MultipartError("expected multipart/form-data with a boundary")
        self.parts: list[Part] = []
        self._folder = folder
        self._limits = limits
        self._decode_quote_escapes = decode_quote_escapes
        self._memory_left_bytes = limits.spool_total_bytes
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._spool: Spool | None = None
        self._is_complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._add_header_name,
                    "on_header_value": self._add_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_body,
                    "on_part_data": self._add_body,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
                max_header_count=_MAX_PART_HEADERS,
                max_header_size=_MAX_PART_HEADER_BYTES,
            )
        except FormParserError as error:
            raise MultipartError(str(error)) from error
        self._parser.logger = _mute

    def feed(self, chunk: bytes) -> None:
        """Raises MultipartError on what can be no form, and TooManyParts as soon as the limit is passed."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MultipartError(str(error)) from error

    def finish(self) -> list[Part]:
        """Every part in the order sent. Raises MultipartError when the form did not end."""
        if not self._is_complete:
            raise MultipartError("unexpected end of form")
        return self.parts

    def discard(self) -> None:
        """Remove every spool file that nobody took over. Safe to repeat."""
        if self._spool is not None:
            self._spool.discard()
            self._spool = None
        for part in self.parts:
            part.body.discard()

    def _begin_part(self) -> None:
        if len(self.parts) >= self._limits.max_parts:
            raise TooManyParts("too many parts")
        self._headers = {}

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value.strip()
        self._header_name = self._header_value = b""

    def _begin_body(self) -> None:
        self._spool = Spool(self._folder, self._limits, self._memory_left_bytes)

    def _add_body(self, data: bytes, start: int, end: int) -> None:
        assert self._spool is not None
        self._spool.write(data[start:end])

    def _end_part(self) -> None:
        spool, self._spool = self._spool, None
        assert spool is not None
        body, sha256, md5 = spool.finish()
        self._memory_left_bytes -= len(body.content or b"")
        _, parameters = parse_parameters(self._headers.get(b"content-disposition", b""))
        self.parts.append(
            Part(
                field=decode_text(parameters.get(b"name", b"")),
                file_name=self._file_name(parameters),
                content_type=decode_text(self._headers.get(b"content-type", b"")),
                body=body,
                size_bytes=spool.size_bytes,
                sha256=sha256,
                md5=md5,
                is_too_large=spool.is_too_large,
            )
        )

    def _file_name(self, parameters: dict[bytes, bytes]) -> str | None:
        plain = parameters.get(b"filename")
        if plain is not None:
            if self._decode_quote_escapes and b"%" in plain:
                for escape, byte in _QUOTE_ESCAPES:
                    plain = plain.replace(escape, byte)
            return decode_text(plain)
        extended = parameters.get(b"filename*")  # RFC 5987: older HTTP libraries send names beyond ASCII like this
        if extended is not None:
            return decode_text(unquote_to_bytes(extended.rpartition(b"'")[2]))
        return None

    def _end(self) -> None:
        self._is_complete = True


def parse_parameters(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """`form-data; name="data"; filename="a;b.csv"` -> the lower-case kind, and its parameters. Never raises."""
    kind, _, rest = value.partition(b";")
    parameters: dict[bytes, bytes] = {}
    while rest:
        name, equals, rest = rest.partition(b"=")
        if not equals:
            break
        if b";" in name:  # a parameter without a value stood in between
            name = name.rpartition(b";")[2]
        rest = rest.lstrip(b" \t")
        if rest.startswith(b'"'):
            content, rest = _read_quoted(rest)
            rest = rest.partition(b";")[2]
        else:
            content, _, rest = rest.partition(b";")
            content = content.strip(b" \t")
        parameters.setdefault(name.strip(b" \t").lower(), content)
    return kind.strip(b" \t").lower(), parameters


def _read_quoted(value: bytes) -> tuple[bytes, bytes]:
    r"""The content of the quoted string that `value` begins with, and what follows it.

    `\"` and `\\` are escapes, any other backslash is itself: browsers do not escape it. A string that never closes
    reaches to the end.
    """
    content = bytearray()
    at = 1
    last_quote_at = value.rfind(b'"')
    while at < len(value):
        byte = value[at : at + 1]
        if byte == b"\\" and value[at + 1 : at + 2] in (b'"', b"\\") and at + 1 < last_quote_at:
            content += value[at + 1 : at + 2]
            at += 2
        elif byte == b'"':
            return bytes(content), value[at + 1 :]
        else:
            content += byte
            at += 1
    return bytes(content), b""
