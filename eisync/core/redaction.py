"""Remove API keys from texts, in every form in which a service, a proxy or a person may repeat them.

A key may be repeated unchanged, without its `ei_`, in another letter case, percent-encoded, in the escapes of JSON or
HTML, in base64 or hex, broken over lines, or cut short. So a text is searched in its plainest form, and each match is
removed from the original text.

`KEYS` has the secrets of this process. Answers of a service are redacted when they arrive, and everything that is
logged, printed or answered is redacted once more. Nothing else here has state.

Sources: RFC 3986 §2.1; RFC 8259 §7; RFC 4648 §4, §5 and §8; HTML, "character references".
"""

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from eisync.core.model import value

MARK = "ei_…"
"""The text that replaces a key."""

SHORTEST_KEY = 8
"""A shorter text does not count as a secret, because removing it would remove ordinary words."""

MAX_KEYS = 64
"""The most keys that are kept. When a program uses more projects, the oldest key is forgotten first."""

_SHORTEST_PIECE = 16  # a shorter part of a key reveals nothing
_BLOCK = 8  # a key is divided into blocks, and every part of at least 2 * _BLOCK - 1 characters contains a whole one
_LEVELS = 4  # of escapes within escapes

_ESCAPE = re.compile(
    r"\\+u(?P<json>[0-9a-f]{4})"
    r"|\\+u\{0*(?P<braced>[0-9a-f]{1,4})\}"
    r"|\\+x(?P<hex>[0-9a-f]{2})"
    r"|\\+(?P<line>[nrt/])"
    r"|%(?P<percent>[0-9a-f]{2})"
    r"|&\#0*(?P<decimal>[0-9]{1,4});?"
    r"|&\#x0*(?P<hexadecimal>[0-9a-f]{1,4});?"
    r"|&(?P<name>lowbar|underbar|amp|num|semi|percnt|bsol|equals|sol|plus|newline|tab);?",
    re.IGNORECASE,
)
_NAMES = {
    "lowbar": "_",
    "underbar": "_",
    "amp": "&",
    "num": "#",
    "semi": ";",
    "percnt": "%",
    "bsol": "\\",
    "equals": "=",
    "sol": "/",
    "plus": "+",
    "newline": "\n",
    "tab": "\t",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "/": "/",
}
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
# Keys as the service makes them. A shorter word may be the name of a sample (`ei_recording`), or a key in our own log.
_LIKELY = re.compile(r"(?<![0-9a-z])ei_[0-9a-z]{32,}|ei_[0-9a-f]{40,}")
_POSSIBLE = re.compile(r"(?:\b|(?<=\\[nrt]))ei_[0-9A-Za-z]{8,}")

# Letters, digits and `_` need no escapes, so an escaped one is suspect. Each pattern begins with plain bytes, which
# makes searching for it cheap.
_ODD = rb"(?:3[0-9]|[46][1-9a-f]|[57][0-9a]|5f)"
_ODD_ESCAPES = tuple(re.compile(begin + _ODD) for begin in (rb"\\u00", rb"\\u\{0*", rb"\\x", rb"%(?:25)*"))
_ODD_ENTITIES = (b"&#", b"&amp;#", b"&lowbar", b"&underbar")
_SMALL_BYTES = 64 * 1024  # a larger body (a listing) is first searched only for plain keys and suspect escapes


class Redactor:
    """Remove known keys from texts. Safe to use from any thread."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        # What to search for, by key. Each entry is added in one step, so that threads need no lock.
        self._needles: dict[str, _Needles] = {}
        for key in keys:
            self.learn(key)

    def learn(self, key: str) -> None:
        """Remove `key` from now on. Cheap when it is known already. A key that was replaced stays a secret."""
        if key in self._needles or len(key) < SHORTEST_KEY:
            return
        if len(self._needles) >= MAX_KEYS:
            self._needles.pop(next(iter(self._needles)), None)
        self._needles[key] = _needles_of(key)

    def text(self, text: str) -> str:
        """Return `text` without any known key, and without anything that may be a key."""
        return self._without(text, _POSSIBLE)

    def without_keys(self, text: str) -> str:
        """Return the same for texts from others, in which a word like `ei_recording` may be a name and stays."""
        return self._without(text, None)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of an answer, each without any key."""
        joined = " ".join(f"{name}: {value}" for name, value in headers.items())
        if self.without_keys(joined) == joined:  # true nearly always: one search instead of twenty
            return dict(headers)
        return {self.without_keys(name): self.without_keys(value) for name, value in headers.items()}

    def body(self, body: bytes | bytearray) -> bytes | bytearray:
        """Return the body of an answer without any key; the same object when there was none."""
        if len(body) > _SMALL_BYTES and b"\0" not in body[:4] and not self._is_suspect(body.lower()):
            return body
        raw = clean = bytes(body)
        # Readers of JSON accept UTF-16 and UTF-32, too. Bytes that only begin like these may contain a plain key.
        for encoding in dict.fromkeys((json.detect_encoding(raw), "utf-8")):
            errors = "surrogateescape" if encoding.startswith("utf-8") else "surrogatepass"
            with contextlib.suppress(UnicodeDecodeError):  # then it is no JSON in that encoding
                text = clean.decode(encoding, errors)
                if (cleaned := self.without_keys(text)) != text:
                    clean = cleaned.encode(encoding, errors)
        return body if clean == raw else clean

    def _is_suspect(self, lowered: bytes | bytearray) -> bool:
        """Return whether a large body needs the slow search."""
        return (
            any(known.middle in lowered for known in self._known())
            or (b"&" in lowered and any(entity in lowered for entity in _ODD_ENTITIES))
            or ((b"\\" in lowered or b"%" in lowered) and any(odd.search(lowered) for odd in _ODD_ESCAPES))
        )

    def _without(self, text: str, possible: re.Pattern[str] | None) -> str:
        plain = _plain(text)
        spans = [span for known in self._known() for span in _found(plain, known.blocks)]
        if "ei_" in plain:
            spans += [found.span() for found in _LIKELY.finditer(plain)]
        if spans:
            text = _cut(text, spans)
        return possible.sub(MARK, text) if possible is not None and "ei_" in text else text

    def _known(self) -> tuple["_Needles", ...]:
        return tuple(self._needles.values())


KEYS = Redactor()


@value
class _Needles:
    """What to search for to find a key: blocks of its forms, each with the form and its position in it."""

    blocks: tuple[tuple[str, str, int], ...]
    middle: bytes  # of the plain key


def _needles_of(key: str) -> _Needles:
    blocks = ((form[at : at + _BLOCK], form, at) for form in _forms(key) for at in _starts(form))
    return _Needles(tuple(blocks), _middle(key).lower().encode("utf-8", "replace"))


def _found(plain: str, blocks: Iterable[tuple[str, str, int]]) -> Iterator[tuple[int, int]]:
    """Yield where in the plain text a key is, or a part of one that is long enough."""
    for block, form, at in blocks:
        found = plain.find(block) if block in plain else -1
        while found >= 0:
            start, end = _widened(plain, form, found, at, len(block))
            if end - start >= min(len(form), _SHORTEST_PIECE):
                yield start, end
            found = plain.find(block, found + 1)


def _forms(key: str) -> tuple[str, ...]:
    """Return the forms in which the key may be written, all in lower case."""
    bare = key.removeprefix("ei_")
    raw = key.encode("utf-8", "replace")
    written = [key, raw.hex()]
    if SHORTEST_KEY <= len(bare) < _SHORTEST_PIECE:  # a longer one is found as a part of the key
        written.append(bare)
    for shift in range(3):  # base64 depends on the offset, so there are three forms; leave out the edge characters
        coded = base64.b64encode(b"\0" * shift + raw)
        inner = coded[-(-8 * shift // 6) : 8 * (shift + len(raw)) // 6].decode()
        written += [inner, inner.replace("+", "-").replace("/", "_")]
    return tuple(dict.fromkeys(form.lower() for form in written))


def _starts(needle: str) -> range:
    return range(0, max(1, len(needle) - _BLOCK + 1), _BLOCK)


def _middle(needle: str) -> str:
    start = max(0, (len(needle) - _SHORTEST_PIECE) // 2)
    return needle[start : start + _SHORTEST_PIECE]


def _widened(plain: str, needle: str, found: int, at: int, length: int) -> tuple[int, int]:
    """Return the largest part of the needle around a block of it that was found."""
    start, end, last = found, found + length, at + length
    while at and start and plain[start - 1] == needle[at - 1]:
        start, at = start - 1, at - 1
    while last < len(needle) and end < len(plain) and plain[end] == needle[last]:
        end, last = end + 1, last + 1
    return start, end


def _plain(text: str) -> str:
    """Return `text` in lower case, without escapes and invisible characters."""
    for _ in range(_LEVELS):
        if "\\" not in text and "%" not in text and "&" not in text:
            break
        simpler = _ESCAPE.sub(_meant, text)
        if simpler == text:
            break
        text = simpler
    return _lowered(text if text.isprintable() else _UNSEEN.sub("", text))


def _meant(escape: re.Match[str]) -> str:
    kind = escape.lastgroup
    assert kind is not None
    value = escape[kind]
    if kind in ("name", "line"):
        return _NAMES[value.lower()]
    return chr(int(value, 10 if kind == "decimal" else 16))


def _lowered(text: str) -> str:
    # The lower case of some letters has two characters, but positions must not change.
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(one.lower() if len(one.lower()) == 1 else one for one in text)


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    """Return `text` without the parts that are at these positions in its plain form."""
    origins = [(at, at + 1) for at in range(len(text))]
    plain = text
    for _ in range(_LEVELS):
        parts: list[str] = []
        places: list[tuple[int, int]] = []
        at = 0
        for escape in _ESCAPE.finditer(plain):
            parts += (plain[at : escape.start()], _meant(escape))
            places += origins[at : escape.start()]
            places.append((origins[escape.start()][0], origins[escape.end() - 1][1]))
            at = escape.end()
        if not parts:
            break
        plain = "".join(parts) + plain[at:]
        origins = places + origins[at:]
    origins = [origin for origin, one in zip(origins, plain, strict=True) if not _UNSEEN.match(one)]
    cuts = sorted((origins[start][0], origins[end - 1][1]) for start, end in spans)
    kept: list[str] = []
    at = 0
    for start, end in cuts:
        if start >= at:
            kept += (text[at:start], MARK)
        at = max(at, end)
    return "".join(kept) + text[at:]
