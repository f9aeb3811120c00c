"""Read an API key in the forms in which people store it: in quotes, after a name, with invisible marks or blanks.

`clean` removes what cannot belong to a key and is clearly not meant to. For anything else it says what is wrong, and
never repeats the text. Typical sources: `docker run --env-file` keeps quotes (moby/moby#12997), Notepad and
PowerShell's `>` write byte order marks and UTF-16, word processors change quotes, and web pages shorten the keys that
they show.
"""

import codecs
import contextlib
import re
import unicodedata

ALONE = "it must hold the key alone"
ODD = f"has characters that no API key has: {ALONE}"

_MARKED = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, because its mark begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_QUOTES = "\"'`´‘’‚‛“”„‟‹›«»＂＇"
_UNSEEN = re.compile("[\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]")
_NAME = r"(?:[A-Za-z]\w*[_-])?(?:api[_-]?key|key)"
_NAMED = re.compile(
    r"(?:(?:export|set|setx|env|declare -x|-e|--env)\s+|\$env:|--)?"
    rf"(?:{_NAME}|(?P<quote>[\"']){_NAME}(?P=quote))(?:\s*[=:]\s*|(?<=key)\s+)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(?:bearer|token)\s+", re.IGNORECASE)
_BEHIND = re.compile(r"(?:[;,\\]|\\[nrt]|\s#.*)+$")
_VARIABLE = re.compile(r"\$\w+$|\$\{.*\}$|\$\(.*\)$|%\w+%$|\{\{.*\}\}$")
_PLACEHOLDER = re.compile(r"<.*>$|\[.*\]$|(?:ei_)?(?:x{4,}|your[_-].*)$", re.IGNORECASE)
_SHORTENED = re.compile(r"…|\.\.\.")
_MASKED = re.compile(r"[•●∙⋅·＊*]{3,}")
_OF_OTHER_TEXT = "()<>[]{}&?"  # characters of web pages, addresses and programs
_LIKE_A_KEY = re.compile(r"ei_[0-9A-Za-z]{5,}")


def text_of(raw: bytes) -> str:
    """Return the text of a key file in any Unicode encoding. Raises ValueError, with a clause."""
    for mark, encoding in _MARKED:
        if raw.startswith(mark):
            return _decoded(raw[len(mark) :], encoding)
    if b"\0" not in raw:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")  # accepts every byte; `clean` refuses characters that are not ASCII
    if not raw[1::2].strip(b"\0"):
        return _decoded(raw, "utf-16-le")
    if not raw[0::2].strip(b"\0"):
        return _decoded(raw, "utf-16-be")
    raise ValueError(f"is not text: {ALONE}")


def clean(text: str) -> str:
    """Return the key in `text`; empty when there is none.

    Raises ValueError with one clause that says what is wrong with its form, without repeating its content.

    >>> clean('export EI_API_KEY="ei_0123456789"\\n')
    'ei_0123456789'
    """
    lines = [line for line in map(_trimmed, text.splitlines()) if line and not line.startswith("#")]
    if not lines:
        return ""
    if len(lines) > 1:
        raise ValueError(f"has {len(lines)} lines: {ALONE}, on one line")
    key = _bare(lines[0])
    if (trouble := _trouble(key)) is not None:
        raise ValueError(trouble)
    return key


def secrets_in(text: str) -> list[str]:
    """Return the parts that must not be shown of a text that should be a key, in any form."""
    found = [text.strip(), *_LIKE_A_KEY.findall(text)]
    with contextlib.suppress(ValueError):
        found.append(clean(text))
    return found


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError(f"is no text in {encoding.removesuffix('-le').removesuffix('-be').upper()}: {ALONE}") from None


def _trimmed(text: str) -> str:
    """Return `text` without Unicode blanks around it and without invisible characters."""
    return _UNSEEN.sub("", text).strip()


def _bare(line: str) -> str:
    """Return `line` without what people write around a key, in any order."""
    while True:
        before = line
        named = _NAMED.match(line) or _SCHEME.match(line)
        line = _BEHIND.sub("", line if named is None else line[named.end() :]).strip()
        if len(line) > 1 and line[0] in _QUOTES and line[-1] in _QUOTES:
            line = line[1:-1].strip()
        if line == before:
            return line


def _trouble(key: str) -> str | None:
    """Return what is wrong with the form of a key, as a clause; None when nothing is."""
    if _SHORTENED.search(key):
        return f"is a shortened key, with … in it: {ALONE}; copy the whole key from Studio"
    if _MASKED.search(key):
        return f"is a hidden key, with dots or asterisks in it: {ALONE}; copy the key itself from Studio"
    if _VARIABLE.match(key):
        return f"is the name of a variable without its value: {ALONE}"
    if _PLACEHOLDER.match(key):
        return f"is a placeholder: {ALONE}; put the key of the project in its place"
    if any(quote in key for quote in _QUOTES):
        return f"{ODD} (it contains a quote that does not enclose the whole key)"
    if any(one.isspace() for one in key):
        return f"{ODD} (it contains a space)"
    odd = next((one for one in key if not "!" <= one <= "~" or one in _OF_OTHER_TEXT), None)
    if odd is None:
        return None
    if not odd.isprintable():
        return f"{ODD} (it contains a control character)"
    return f"{ODD} (U+{ord(odd):04X}, {unicodedata.name(odd, 'without a name').lower()})"
