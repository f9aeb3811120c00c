"""Render the templates. Every text that is not ours is shown as one line that is safe, and holds no key.

A file name may hold markup, quotes, escape codes, marks that turn the direction of writing, or bytes that are no
text. Jinja2 escapes markup; `finalize` sees every value that a template shows and escapes the rest as for a terminal. A
name that a template misspells is an error, not an empty place.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from eisync._version import __version__
from eisync.core.pause import duration
from eisync.core.redaction import KEYS
from eisync.core.summary import ago, in_bytes
from eisync.core.text import amount, printable

_HERE = os.path.dirname(os.path.abspath(__file__))
TEMPLATES = os.path.join(_HERE, "templates")
STATIC = os.path.join(_HERE, "static")

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Templates:
    """The templates and the static files, read once."""

    def __init__(self, **filters: Callable[..., Any]) -> None:
        self.static = dict(_static_files())
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=shown,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "ago": ago,
            "amount": amount,
            "duration": duration,
            "in_bytes": in_bytes,
            "instant": instant,
            "thousands": lambda number: f"{number:,}",
            **filters,
        }
        self._environment.globals |= {"version": __version__, "static": self.address_of}
        for template in self._environment.list_templates():
            self._environment.get_template(template)  # compiled now, not while the first person waits

    def render(self, template: str, **values: Any) -> str:
        """Return the text of a template. Raises jinja2.UndefinedError for a value that it misses."""
        return self._environment.get_template(template).render(values)

    def address_of(self, name: str) -> str:
        """Return the address of a static file. It changes with the content, so that browsers may keep the file."""
        return f"/static/{name}?v={hashlib.sha256(self.static[name]).hexdigest()[:12]}"


def shown(value: Any) -> Any:
    """Return a value as a template may show it."""
    if value is None:
        raise ValueError("a template shows None")
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(KEYS.without_keys(value))
    return value


def instant(at: float) -> str:
    """Return Unix seconds as a machine-readable time, for `<time datetime>`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _static_files() -> Iterator[tuple[str, bytes]]:
    for folder, _, names in os.walk(STATIC):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.splitext(name)[1] in TYPES:
                with open(path, "rb") as file:
                    yield os.path.relpath(path, STATIC).replace(os.sep, "/"), file.read()
