"""What a handler of a route gets, and the value of a route."""

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any

from werkzeug.exceptions import BadRequest
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from eisync.control.operations import Operations
from eisync.core.model import value
from eisync.web.access import Access, Gate
from eisync.web.credentials import Session
from eisync.web.notices import Notices
from eisync.web.rendering import Templates
from eisync.web.snapshots import Snapshots

Record = dict[str, Any]


@value(kw_only=True)
class Services:
    """What pages are built from. What is outside this room (files, settings) is handed over here by `eisync.app`."""

    operations: Operations
    now: Callable[[], float]
    templates: Templates
    notices: Notices
    snapshots: Snapshots
    more: Mapping[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class Context:
    """One request. `session` is None only where a route is open to everyone, or to a program."""

    request: Request
    services: Services
    gate: Gate
    session: Session | None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def ask(self, **question: Any) -> Iterator[Record]:
        """Yield the answer of an operation of `eisync.control`. Raises EisyncError."""
        return self.services.operations.answer(question)

    def ask_one(self, **question: Any) -> Record:
        """Return the only record of an answer. Raises EisyncError."""
        return next(iter(self.ask(**question)))

    def page(self, template: str, *, http_status: int = 200, **values: Any) -> Response:
        """Return a page of HTML. `csrf`, `now`, `path` and `is_logged_in` are in every template."""
        return Response(self.part(template, **values), status=http_status, mimetype="text/html")

    def part(self, template: str, **values: Any) -> str:
        """Return the text of a template, for a part of a page."""
        return self.services.templates.render(
            template,
            csrf=self.session.csrf if self.session else "",
            is_logged_in=self.session is not None,
            now=self.services.now(),
            path=self.request.path,
            **values,
        )

    def done(self, sentence: str, *, to: str = "/") -> Response:
        """Return the answer to a POST: the browser shows the page `to`, with this sentence on it once."""
        notice = self.services.notices.add(sentence)
        return redirect(f"{to}{'&' if '?' in to else '?'}done={notice}", 303)

    def number(self, name: str) -> int:
        """Return a whole number of the form. Raises BadRequest."""
        given = self.request.form.get(name, "")
        if not given.isascii() or not given.isdigit() or len(given) > 18:
            raise BadRequest(f"The form has no number {name}.")
        return int(given)

    def path_in(self, name: str) -> str | None:
        """Return a path of the form that a template wrote with `packed`; None if there is none. Raises BadRequest."""
        given = self.request.form.get(name, "")
        return unpacked(given) if given else None


Handler = Callable[[Context], Response]


@value(kw_only=True)
class Route:
    """A place of the page: a path of werkzeug's routing, what is done there, and the access that it needs.

    A POST needs a session always, except the one that logs in. Raises ValueError for one that does not.
    """

    path: str
    handler: Handler
    method: str = "GET"
    access: Access = Access.SESSION

    def __post_init__(self) -> None:
        if self.method != "GET" and self.access is not Access.SESSION and self.path != "/login":
            raise ValueError(f"{self.path} changes something and asks for no session")


def packed(path: str) -> str:
    """Return a path, whatever bytes it has, as a text for a link or a form. `unpacked` reads it."""
    return base64.urlsafe_b64encode(os.fsencode(path)).decode("ascii").rstrip("=")


def unpacked(text: str) -> str:
    """Return the path. Raises BadRequest."""
    try:
        return os.fsdecode(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except ValueError:
        raise BadRequest("The link names no file. Open it from the page again.") from None
