"""Parse a multipart form, in chunks of any size, into parts. The only I/O are the spool files.

Memory is bounded: one limit for a part, another for all parts of a request; larger parts are written to disk. Hashes
are computed while the bytes arrive. A form is complete only with its closing boundary; the CRLF after it may be missing
(the official uploader does not send it).

Sources: RFC 7578; RFC 2046 §5.1.
"""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import multipart

from eisync.emulator.names import decode_text
from eisync.emulator.spool import Body, Limits, Spool

_MAX_PART_HEADERS = 32
_MAX_PART_HEADER_BYTES = 16 * 1024
_QUOTE_ESCAPES = ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n"), (b"%0d", b"\r"), (b"%0a", b"\n"))
_BYTES = "latin-1"  # decodes and encodes every byte without loss, so that headers stay as they were sent


class MultipartError(Exception):
    """The body is not a complete multipart form: nothing of it may be stored."""


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
    """Pass the bytes to `feed`, then call `finish`. Call `discard` at the end in any case."""

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
        self._start = b""  # the beginning of the body, until the boundary is recognised
        self._boundary = b"--" + boundary
        self._segment: multipart.MultipartSegment | None = None
        self._spool: Spool | None = None
        try:
            self._parser = multipart.PushMultipartParser(
                boundary,
                max_header_size=_MAX_PART_HEADER_BYTES,
                max_header_count=_MAX_PART_HEADERS,
                header_charset=_BYTES,
            )
        except multipart.MultipartError as error:
            raise MultipartError(str(error)) from error

    def feed(self, chunk: bytes) -> None:
        """Parse a chunk. Raises MultipartError if it cannot be a form, and TooManyParts above the limit."""
        if not chunk:
            return
        self._check_start(chunk)
        try:
            for event in self._parser.parse(chunk):
                if isinstance(event, multipart.MultipartSegment):
                    self._begin_part(event)
                elif event is None:
                    self._end_part()
                else:
                    assert self._spool is not None
                    self._spool.write(event)
        except multipart.MultipartError as error:
            raise MultipartError(str(error)) from error

    def finish(self) -> list[Part]:
        """Return the parts in the order in which they were sent. Raises MultipartError if the form is incomplete."""
        try:
            self._parser.close()
        except multipart.MultipartError as error:
            raise MultipartError("unexpected end of form") from error
        return self.parts

    def discard(self) -> None:
        """Remove every spool file that was not moved to the store. Safe to repeat."""
        if self._spool is not None:
            self._spool.discard()
            self._spool = None
        for part in self.parts:
            part.body.discard()

    def _check_start(self, chunk: bytes) -> None:
        """Refuse a body that does not begin with its boundary, without reading it to its end."""
        if len(self._start) < len(self._boundary):
            self._start = (self._start + chunk[: len(self._boundary)]).lstrip(b"\r\n")[: len(self._boundary)]
            if not self._boundary.startswith(self._start):
                raise MultipartError("it does not begin with its boundary")

    def _begin_part(self, segment: multipart.MultipartSegment) -> None:
        if len(self.parts) >= self._limits.max_parts:
            raise TooManyParts("too many parts")
        self._segment = segment
        self._spool = Spool(self._folder, self._limits, self._memory_left_bytes)

    def _end_part(self) -> None:
        segment, self._segment = self._segment, None
        spool, self._spool = self._spool, None
        assert segment is not None
        assert spool is not None
        body, sha256, md5 = spool.finish()
        self._memory_left_bytes -= len(body.content or b"")
        _, parameters = parse_parameters(segment.header("Content-Disposition", "").encode(_BYTES))
        self.parts.append(
            Part(
                field=decode_text(parameters.get(b"name", b"")),
                file_name=self._file_name(parameters),
                content_type=decode_text(segment.header("Content-Type", "").strip().encode(_BYTES)),
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


def parse_parameters(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Split `form-data; name="data"; filename="a;b.csv"` into the kind, in lower case, and parameters. Never raises."""
    kind, _, rest = value.partition(b";")
    parameters: dict[bytes, bytes] = {}
    while rest:
        name, equals, rest = rest.partition(b"=")
        if not equals:
            break
        if b";" in name:  # skip a parameter without a value before it
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
    r"""Return the content of the quoted string at the beginning of `value`, and the bytes after it.

    `\"` and `\\` are escapes. Any other backslash is a plain character, because browsers do not escape it. A string
    without closing quote ends with `value`.
    """
    closing_at = value.find(b'"', 1)
    if closing_at > 0 and b"\\" not in value[:closing_at]:
        return value[1:closing_at], value[closing_at + 1 :]
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
