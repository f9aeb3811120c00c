"""Decide whether a JSON document is complete: parse a small one, and follow the brackets of a large one.

A document of 100 MB is never held in memory. It is complete if every bracket outside of texts is closed and only blanks
follow. The parser distinguishes a document that ends too early from one that is wrong, and so does this module: the
first is not complete, the second is for the service to judge.

Required: an object or a list, closed. Accepted, because common decoders accept it: a byte order mark, blanks around the
document, NaN and Infinity, repeated keys, lone surrogates (`"\\ud800"`), control characters and bytes that are not
UTF-8 inside of texts. Blanks may follow. NUL bytes may follow once the file no longer changes: some programs write the
end of a C string, or reserve more space than they need. After anything else, more may follow.

Sources: RFC 8259, sections 2 (blanks), 7 and 8.2 (half characters), 8.1 (UTF-8 and the byte order mark), 9 (what a
parser may accept and limit); RFC 4627, section 3 (UTF-16); pydantic_core.from_json (jiter), which reports
"EOF while parsing …" for every beginning of a document.
"""

import re

from pydantic_core import SchemaValidator, from_json

from eisync.core.formats.cbor import REFERENCE
from eisync.core.formats.json_syntax import Brackets
from eisync.core.formats.magic import HEAD_BYTES, recognised
from eisync.core.formats.probe import (
    CHUNK_BYTES,
    Complete,
    Completeness,
    Probe,
    Read,
    Truncated,
    Undecidable,
    nul_tail,
    other_format,
    reserved_from,
)

PARSED_BYTES = CHUNK_BYTES
"""The largest document that is parsed."""

_MARK = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
# How documents in other encodings begin: with a byte order mark, or with a bracket, which is ASCII. The order matters.
_WIDE = (
    (re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff"), "utf-32", 4),
    (re.compile(rb"\xff\xfe|\xfe\xff"), "utf-16", 2),
    (re.compile(rb"[^\0]\0\0"), "utf-32-le", 4),
    (re.compile(rb"[^\0]\0"), "utf-16-le", 2),
    (re.compile(rb"\0\0\0[^\0]"), "utf-32-be", 4),
    (re.compile(rb"\0[^\0]"), "utf-16-be", 2),
)
# Parses an object with the parser of `from_json`, without making a value of anything in it: half of the time for a
# recording. (A schema is a dict. The module with its types takes longer to import than it saves.)
_OBJECT = SchemaValidator({"type": "typed-dict", "fields": {}, "extra_behavior": "ignore"})
_ESCAPES = re.compile(rb"\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)
_CONTROLS = bytes(range(1, 32))
_TO_BLANKS = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))


def document(size: int) -> Probe:
    """Probe a JSON document, which must be an object or a list."""
    if size <= PARSED_BYTES:
        return _parsed((yield Read(0, size)))
    return (yield from _by_brackets(size))


def _parsed(raw: bytes) -> Completeness:
    text = raw.removeprefix(_MARK)
    # Only such a text can be the reference of a header to samples, unless an escape hides it.
    if _is_object(text) and b"Ref-" not in text and b"\\" not in text:
        return Complete("it parses as JSON")
    try:
        value = from_json(text)
    except ValueError:
        return _not_parsed(raw)
    if isinstance(value, dict):
        return _without_samples(value, len(raw)) or Complete("it parses as JSON")
    return Complete("it parses as JSON") if isinstance(value, list) else _not_json(raw)


def _is_object(text: bytes) -> bool:
    """Return whether the text parses as a JSON object. False is no proof: `from_json` says why."""
    try:
        _OBJECT.validate_json(text)
    except ValueError:
        return False
    return True


def _without_samples(value: dict[object, object], size: int) -> Truncated | None:
    """Return the finding on a header that says that raw samples follow it, as in `core.formats.cbor`; else None.

    Nothing can follow JSON, so the samples are missing.
    """
    payload = value.get("payload")
    values = payload.get("values") if isinstance(payload, dict) else None
    if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], str):
        return None
    found = REFERENCE.fullmatch(values[0])
    if found is None:
        return None
    return Truncated(
        f"its JSON says that samples ({found[1]}) follow it, but there are none yet; the file has {size:,} bytes"
    )


def _not_parsed(raw: bytes) -> Completeness:
    """Decide when strict parsing failed: why it failed, and whether less strict decoders accept the document."""
    body = raw.rstrip(b"\0")
    if not body:
        return reserved_from(0)
    if recognised(raw[:HEAD_BYTES]) is not None:
        return _not_json(raw)
    encoding = _wide_encoding(raw[:4])
    if encoding is not None:
        return _wide(raw, encoding)
    text = body.removeprefix(_MARK)
    if not text.strip(_BLANKS):
        return reserved_from(len(body)) if len(body) < len(raw) else _only_blanks(len(raw))
    if text.lstrip(_BLANKS)[:1] not in (b"{", b"["):
        return _not_json(raw)
    trouble = _trouble_with(_lenient(text))
    if trouble.startswith("EOF "):
        return reserved_from(len(body)) if len(body) < len(raw) else _open(text, len(raw))
    verdict = _invalid(text, trouble, len(raw)) if trouble else _nonstandard(text)
    return _behind_it_nul(len(body)) if isinstance(verdict, Complete) and len(body) < len(raw) else verdict


def _trouble_with(text: bytes) -> str:
    try:
        from_json(text)
    except ValueError as error:
        return str(error)
    return ""


def _lenient(text: bytes) -> bytes:
    """Return the text with each character that strict parsers refuse replaced, so that only its structure matters."""
    as_utf8 = text.decode("utf-8", "replace").encode()
    return _ESCAPES.sub(_without_halves, as_utf8).translate(_TO_BLANKS)


def _without_halves(found: re.Match[bytes]) -> bytes:
    return found[0] if len(found[0]) == 2 else b"-"


def _open(text: bytes, size: int) -> Truncated:
    brackets = Brackets()
    brackets.after(text, 0)
    return brackets.unclosed(size)


def _nonstandard(text: bytes) -> Completeness:
    """Decide when only unusual characters kept the text from parsing. One may follow it, as the DOS end mark does."""
    if text.rstrip(_BLANKS)[-1:] not in (b"}", b"]"):
        return Undecidable("more data follows its last bracket, perhaps not all of it yet")
    return Complete("it parses as JSON, except for characters that JSON does not allow")


def _invalid(text: bytes, trouble: str, size: int) -> Completeness:
    """Decide when the parser stopped before the end of the text.

    The brackets show whether the end is missing, unless other kinds of quotes mislead.
    """
    brackets = Brackets()
    found = brackets.after(text, 0)
    if found is not None:
        return found
    if brackets.nul_at is not None:
        return _nul_within(brackets.nul_at)
    if brackets.ended_at is None and not brackets.is_in_text:
        return brackets.unclosed(size)
    if trouble.startswith("recursion limit"):
        return Complete("every bracket of its JSON is closed, and nothing follows")
    return Undecidable(f"it is not JSON ({trouble}); the service will judge it")


def _wide_encoding(head: bytes) -> tuple[str, int] | None:
    """Return the encoding of UTF-16 or UTF-32 text, and how many bytes a character has in it; None for others."""
    return next(((encoding, width) for begins, encoding, width in _WIDE if begins.match(head)), None)


def _wide(raw: bytes, encoding: tuple[str, int]) -> Completeness:
    """Decide on UTF-16 or UTF-32 text by decoding it and parsing the result."""
    name, width = encoding
    within = Truncated(
        f"it is {name.upper()} text that ends in the middle of a character; the file has {len(raw):,} bytes"
    )
    if len(raw) % width:
        return within
    body = raw.rstrip(b"\0")
    body += b"\0" * (-len(body) % width)
    try:
        text = body.decode(name).removeprefix("\ufeff").encode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":  # after the first half of a surrogate pair
            return within if len(body) == len(raw) else reserved_from(len(body))
        return Undecidable(f"it looks like {name.upper()} text but is not; the service will judge it")
    verdict = _parsed(text) if text else _only_blanks(len(raw))
    if len(body) < len(raw):
        return reserved_from(len(body)) if isinstance(verdict, Truncated) else _behind_it_nul(len(body))
    return verdict


def _by_brackets(size: int) -> Probe:
    brackets = Brackets()
    for offset in range(0, size, CHUNK_BYTES):
        found = brackets.after((yield Read(offset, min(CHUNK_BYTES, size - offset))), offset)
        if found is not None:
            return found if brackets.has_begun else (yield from _otherwise_begun(found))
        if brackets.nul_at is not None:
            return (yield from _at_nul(brackets, brackets.nul_at, size))
    if not brackets.has_begun:
        return _only_blanks(size)
    if brackets.ended_at is None:
        return brackets.unclosed(size)
    return Complete("every bracket of its JSON is closed, and nothing follows")


def _otherwise_begun(found: Completeness) -> Probe:
    head = yield Read(0, HEAD_BYTES)
    if recognised(head) is not None:
        return _not_json(head)
    if _wide_encoding(head) is None:
        return found
    return Undecidable("it is UTF-16 or UTF-32 text, too long to parse; the service will judge it")


def _at_nul(brackets: Brackets, at: int, size: int) -> Probe:
    """Decide at the first NUL byte, which JSON cannot contain."""
    begins = yield from nul_tail(size, floor=at)
    if begins > at:
        return (yield from _otherwise_begun(_nul_within(at)))
    return reserved_from(at) if brackets.ended_at is None else _behind_it_nul(at)


def _behind_it_nul(begins: int) -> Undecidable:
    return Undecidable(f"its JSON is complete, but only NUL bytes follow from byte {begins:,} on")


def _nul_within(at: int) -> Undecidable:
    return Undecidable(f"there is a NUL byte at byte {at:,}, so it is not JSON; the service will judge it")


def _not_json(raw: bytes) -> Completeness:
    return other_format("a JSON object or list", raw[:HEAD_BYTES])


def _only_blanks(size: int) -> Truncated:
    return Truncated(f"it holds only white space; the file has {size:,} bytes")
