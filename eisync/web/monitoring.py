"""Answer monitoring programs: the metrics, the status as JSON, and whether the daemon is alive and ready.

`/livez` and `/readyz` are for container managers, which have no token. They say nothing but yes or no and which check
failed, never a path or a text of a service. A dead process cannot answer, so whoever answers at all is alive: `/livez`
checks only that no loop hangs, which a restart can mend. `/readyz` is `eisync healthcheck`: a full disk makes it fail,
and a restart would not help.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Response

from eisync.core.redaction import KEYS
from eisync.errors import EisyncError
from eisync.web.access import Access
from eisync.web.context import Context, Route


def metrics(context: Context) -> Response:
    """Return the metrics in a form of Prometheus that the request accepts."""
    from eisync.web.metrics import exposition  # here: a page that nobody scrapes does not need the library

    numbers = context.services.snapshots.get("numbers", lambda: context.ask_one(do="numbers"))
    text, content_type = exposition(numbers, context.request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)


def status(context: Context) -> Response:
    """Return what `eisync status --json` prints."""
    record = context.services.snapshots.get("status", lambda: context.ask_one(do="status"))
    return Response(KEYS.without_keys(json.dumps(record)) + "\n", mimetype="application/json")


def alive(context: Context) -> Response:
    """Say whether no loop hangs."""
    return _verdict(context, lambda live: _hanging(live))


def ready(context: Context) -> Response:
    """Say whether every loop responds, every folder is processed, and the database takes writes."""

    def check(live: Mapping[str, Any]) -> list[str]:
        failed = [*_hanging(live)]
        failed += ["state folder"] if live.get("lost") else []
        failed += ["folder"] if any(one.get("trouble") for one in live["watching"]) else []
        health = context.services.snapshots.get("health", lambda: context.ask_one(do="health"))
        return failed or ([] if health["is_healthy"] else ["database"])

    return _verdict(context, check)


def _hanging(live: Mapping[str, Any]) -> list[str]:
    return [str(loop["name"]) for loop in live["loops"] if not loop["is_fresh"]]


def _verdict(context: Context, check: Callable[[Mapping[str, Any]], list[str]]) -> Response:
    try:
        live = context.services.snapshots.get("live", lambda: context.ask_one(do="live"))
        failed = check(live)
    except EisyncError:  # its text may hold a path
        failed = ["database"]
    text = f"not ok: {', '.join(failed)}\n" if failed else "ok\n"
    return Response(text, status=503 if failed else 200, mimetype="text/plain")


ROUTES = (
    Route(path="/metrics", handler=metrics, access=Access.BEARER),
    Route(path="/api/v1/status", handler=status, access=Access.BEARER),
    Route(path="/livez", handler=alive, access=Access.PUBLIC),
    Route(path="/readyz", handler=ready, access=Access.PUBLIC),
)
