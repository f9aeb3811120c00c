"""The first page: one sentence about all files, and below it what does not go, why, and what to do."""

from typing import Any

from werkzeug.wrappers import Response

from eisync.web.context import Context, Route

Record = dict[str, Any]
ACTIVITY = 15


def start(context: Context) -> Response:
    """Return the whole page."""
    notice = context.services.notices.take(context.request.args.get("done"))
    return context.page("dashboard.html", notice=notice or "", **values_of(context))


def live(context: Context) -> Response:
    """Return the part of the page that changes."""
    return context.page("dashboard_live.html", **values_of(context))


def values_of(context: Context) -> Record:
    """Return what the templates show."""
    return {"status": context.services.snapshots.get("status", lambda: context.ask_one(do="status"))}


ROUTES = (
    Route(path="/", handler=start),
    Route(path="/live", handler=live),
)
