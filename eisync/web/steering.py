"""The buttons of the page: pause, resume, scan, compare, try again."""

from typing import Any

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from eisync.core.pause import duration
from eisync.core.text import amount
from eisync.web.context import Context, Route

PAUSES_S = {"15m": 900.0, "1h": 3600.0, "until": None}
"""How long a pause may last, by what the button sends; None: until a person ends it."""


def pause(context: Context) -> Response:
    """Send nothing for a while: nothing of one folder, or nothing at all."""
    given = context.request.form.get("for", "")
    if given not in PAUSES_S:
        raise BadRequest("The form does not say how long the pause lasts.")
    for_s, root = PAUSES_S[given], context.path_in("root")
    context.ask_one(do="pause", for_s=for_s, roots=None if root is None else [root])
    what = "All uploads are" if root is None else f"The uploads of {root} are"
    until = "until you resume them" if for_s is None else f"for {duration(for_s)}"
    return _done(context, f"{what} paused {until}. Files are still watched and checked.")


def resume(context: Context) -> Response:
    """Send again: the files of one folder, or all."""
    root = context.path_in("root")
    context.ask_one(do="resume", roots=None if root is None else [root])
    return _done(context, "Files are sent again." if root is None else f"The files of {root} are sent again.")


def scan(context: Context) -> Response:
    """Look through one folder, or all, at once."""
    root = context.path_in("root")
    found = context.ask_one(do="scan", roots=None if root is None else [root])
    return _done(context, f"{amount(len(found['roots']), 'folder')} will be scanned now.")


def compare(context: Context) -> Response:
    """Compare with the projects at once."""
    context.ask_one(do="reconcile", sweep=False, dry_run=False)
    return _done(context, "eisync compares with the project now. What it finds appears here.")


def retry(context: Context) -> Response:
    """Send the files of a group again."""
    form = context.request.form
    question: dict[str, Any] = {"state": form.get("state", ""), "reason": form.get("reason", "")}
    found = context.ask_one(do="retry", **question)
    return _done(context, f"{amount(found['retried'], 'file')} will be sent again.")


def recheck(context: Context) -> Response:
    """Try the targets again that refused their key."""
    found = context.ask_one(do="recheck")
    if not found["targets"]:
        return _done(context, "No target refuses its key any more.")
    return _done(context, f"eisync tries {', '.join(found['targets'])} again now.")


def _done(context: Context, sentence: str) -> Response:
    context.services.snapshots.forget()
    return context.done(sentence)


ROUTES = tuple(
    Route(path=f"/{handler.__name__}", handler=handler, method="POST")
    for handler in (pause, resume, scan, compare, retry, recheck)
)
