"""The first page: one sentence about all files, and below it what does not go, why, and what to do.

It answers whole, or only its parts that have changed since the browser got them: the sentence, the last hour, and the
rest.
"""

import hashlib
import re
from collections.abc import Iterator

from markupsafe import Markup
from werkzeug.wrappers import Response

from eisync.control.status_lines import STATE_WORDS, retention_lines, root_lines, target_lines, watching_lines
from eisync.core.lifecycle import State
from eisync.web.browse import address_of
from eisync.web.context import Context, Record, Route, packed
from eisync.web.hero import hero_of
from eisync.web.hour import hour_of

ACTIVITY = 15
"""How many lines of the history are shown."""

_AGES = re.compile(r"(<time [^>]*>)[^<]*")


def start(context: Context) -> Response:
    """Return the whole page."""
    notice = context.services.notices.take(context.request.args.get("done"))
    parts = {name: Markup(_with_digest(name, part)) for name, part in _parts(context).items()}  # noqa: S704
    return context.page(
        "dashboard.html", notice=notice or "", hero=parts["hero"], hour=parts["hour"], rest=parts["rest"]
    )


def live(context: Context) -> Response:
    """Return the parts of the page that are not those which the browser has. 204: it has them all."""
    have = context.request.args
    new = {name: part for name, part in _parts(context).items() if have.get(name) != digest(part)}
    if not new:
        return Response(status=204)
    text = _with_digest("rest", new["rest"]) if "rest" in new else ""
    for name in new.keys() - {"rest"}:
        text += f'<div hx-swap-oob="innerHTML:#{name}">{_with_digest(name, new[name])}</div>'
    response = Response(text, mimetype="text/html")
    if "rest" not in new:
        response.headers["HX-Reswap"] = "none"
    return response


def _with_digest(name: str, part: str) -> str:
    """Return the part with a field that tells the next request which one the browser has."""
    return f'{part}<input type="hidden" name="{name}" value="{digest(part)}">'


def digest(part: str) -> str:
    """Return a short text that differs when the part does, except for how long ago something was."""
    return hashlib.sha256(_AGES.sub(r"\1", part).encode()).hexdigest()[:16]


def _parts(context: Context) -> dict[str, str]:
    snapshots = context.services.snapshots
    status = snapshots.get("status", lambda: {**context.ask_one(do="status"), "at": context.services.now()})
    values = {
        "status": status,
        "queue": snapshots.get("queue", lambda: _queue(context)),
        "activity": snapshots.get("activity", lambda: list(context.ask(do="history", limit=ACTIVITY))[::-1]),
    }
    hero = context.part("hero.html", hero=hero_of(status), **values)
    rest = context.part(
        "overview.html",
        groups=[_group(group) for group in status["reasons"]],
        folders=[_folder(root, status) for root in status["roots"]],
        is_paused=_is_paused(status),
        targets=[_target(target, status) for target in status["targets"]],
        **values,
    )
    hour = context.part("hour.html", hour=values["queue"]["chart"])
    return {"hero": hero, "hour": hour, "rest": rest}


def _queue(context: Context) -> Record:
    queue = {**context.ask_one(do="queue"), "at": context.services.now()}
    return {**queue, "chart": hour_of(queue)}


def _is_paused(status: Record) -> bool:
    """Return whether files wait for a person, so that their rate says nothing about how long."""
    paused = status["paused"]
    return paused["all_s"] is not None or bool(paused["roots"]) or any(one["paused"] for one in status["targets"])


def _group(group: Record) -> Record:
    return {**group, "word": _WORDS.get(group["state"], group["state"]), "can_retry": group["state"] in _RETRIABLE}


_WORDS = {**STATE_WORDS, "synced": "in question", "quarantined": "set aside"}
_RETRIABLE = frozenset({State.QUARANTINED.value})


def _folder(root: Record, status: Record) -> Record:
    live = status["daemon"] or {}
    return {
        "path": root["path"],
        "packed": packed(root["path"]),
        "target": root["target"],
        "is_away": bool(root["offline"] or root["away"]),
        "scanned_at": None if root["scanned_s"] is None else status["at"] - root["scanned_s"],
        "paused_s": status["paused"]["roots"].get(root["path"]),
        "counts": list(_counts(root)),
        "left_out": sum(root["left_out"].values()),
        "lines": [
            *_lines(watching_lines(root["watching"])),
            *_lines(root_lines(root), but=("scanned ", "not scanned yet")),
            *((live.get("lineage") or {}).get(root["path"], ())),
            *_lines(retention_lines(root["retention"])),
        ],
    }


def _counts(root: Record) -> Iterator[Record]:
    """Yield how many files of the folder are in each state, with the address of the list of these files."""
    words = {**STATE_WORDS, "quarantined": _WORDS["quarantined"]}
    for state, word in words.items():
        files = root["counts"].get(state, 0)
        if files or state == State.SYNCED.value:
            address = address_of({"state": state, "folder": packed(root["path"])})
            yield {"word": word, "files": files, "bytes": root["bytes"].get(state, 0), "address": address}


def _target(target: Record, status: Record) -> Record:
    held = ((status["daemon"] or {}).get("held") or {}).get(target["name"])
    lines = _lines(target_lines(target, held), but=("compared with the service ",))
    return {**target, "lines": list(lines), "listed_at": _at(target["listed_s"], status)}


def _at(age_s: float | None, status: Record) -> float | None:
    return None if age_s is None else status["at"] - age_s


def _lines(lines: Iterator[str], *, but: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the lines without those that the page shows in another place, and without their indentation."""
    return (line.strip() for line in lines if not (but and line.startswith(but)))


ROUTES = (
    Route(path="/", handler=start),
    Route(path="/live", handler=live),
)
