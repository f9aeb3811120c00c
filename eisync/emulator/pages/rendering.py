"""Turn values into pages. Every text is escaped by Jinja2, and characters that would not be seen are made visible."""

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from eisync.emulator.showing import iso

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer, with which browsers send the origin "null" with a form, which is refused.
    "Referrer-Policy": "same-origin",
}
_PAGE_HEADERS = {
    **_COMMON,
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# A content is a stranger's file: opened alone, it gets no rights at all.
_CONTENT_HEADERS = {**_COMMON, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox"}
# Control characters, and characters that change the direction of the text around them.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def render(template: str, *, status: int = 200, **values: object) -> web.Response:
    html = _environment().get_template(template).render(**values)
    return web.Response(text=html, status=status, content_type="text/html", headers=_PAGE_HEADERS)


def content_headers(*, cache: str = "no-store") -> dict[str, str]:
    """Return the headers of an answer that is no page: a picture, a sound, a file."""
    return {**_CONTENT_HEADERS, "Cache-Control": cache}


@functools.cache
def static_file(name: str) -> bytes:
    return (_HERE / "static" / name).read_bytes()


def make_visible(text: str) -> str:
    """Replace characters that are not seen, or that move others, by signs for them.

    >>> make_visible("a\\x1b[31mb\\u202e")
    'a⟨U+001B⟩[31mb⟨U+202E⟩'
    """
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


@functools.cache
def _environment() -> "Environment":
    """Import Jinja2 only for the first page: most emulators, in tests, never show one."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    def finalize(value: Any) -> Any:
        is_plain = isinstance(value, str) and not hasattr(value, "__html__")  # markup of ours has that
        return make_visible(value) if is_plain else value

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=finalize,
    )
    made.filters["iso"] = _show_instant
    made.filters["bytes"] = show_bytes
    made.filters["grouped"] = lambda number: f"{number:,}"
    return made


def _show_instant(instant_ms: int) -> str:
    """Return a time to the second. Times are UTC, and the page says so."""
    return iso(instant_ms)[:19].replace("T", " ")


def show_bytes(count: int) -> str:
    """Return a size as people read it: 1 KB are 1,000 bytes.

    >>> show_bytes(999), show_bytes(12_345), show_bytes(2_000_000)
    ('999 bytes', '12.3 KB', '2.0 MB')
    """
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
