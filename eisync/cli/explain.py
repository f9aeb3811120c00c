"""`eisync explain`: what becomes of one file, and why."""

import os
from typing import Any

import click

from eisync.adapters import clock, evidence, sidecars
from eisync.adapters.inventory import Found, found_at, why_hidden
from eisync.cli import LEFT_OUT, OK, PENDING, QUARANTINED
from eisync.cli.audit import accounts_of, known_of
from eisync.cli.grounds import Ground, grounds
from eisync.cli.options import common
from eisync.cli.output import say, say_json
from eisync.core import accounts
from eisync.core.census import UNREADABLE
from eisync.core.describing import Description, describe
from eisync.core.evidence import Cut, Whole
from eisync.core.examination import Examination
from eisync.core.labelling import INFER, infer_category
from eisync.core.lifecycle import State
from eisync.core.settle import MARKER_SUFFIX, Marker
from eisync.core.sidecars import WHAT_THEY_ARE, Entry, worded
from eisync.errors import EisyncError

Said = dict[str, Entry | str | None]

MOST_BYTES = 1 << 40
_EXIT_CODES = {
    State.SYNCED.value: OK,
    State.QUARANTINED.value: QUARANTINED,
    UNREADABLE: QUARANTINED,
    State.TOMBSTONE.value: LEFT_OUT,
    State.GONE.value: LEFT_OUT,
    accounts.LEFT_OUT: LEFT_OUT,
}

_MARKERS = {
    Marker.ABSENT.value: f"there is none; the file goes when its name with {MARKER_SUFFIX} behind it is beside it",
    Marker.OLDER.value: "it is older than the file's last change; set it anew",
    Marker.SET.value: "it is set",
}


@click.command("explain")
@click.argument("file", metavar="FILE")
@common
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--root", metavar="DIR", help="As if DIR were watched, where no folder above FILE is or was.")
def command(file: str, config: str | None, state_dir: str | None, as_json: bool, root: str | None) -> int:
    """Say what happens to FILE and why: is it for the service, with which label, is it complete, where is it.
    Of one that is not there any more it says what became of it.

    \b
    Exit code 0   it is in Edge Impulse
              3   it is quarantined, or cannot be read
              4   it is on its way, or will be
              5   it does not go: a rule leaves it out, a person deleted its sample, or it went before it was sent
    """
    place = os.path.abspath(file)
    root = None if root is None else os.path.abspath(root)
    (ground,) = grounds([place], config=config, state_dir=state_dir, root=root)
    if os.path.lexists(place):
        found = found_at(ground.path, ground.below, ground.watched.eligibility)
        if found is None or os.path.isdir(place):
            raise click.UsageError(f"{place} is no file; 'eisync audit' accounts for folders")
        told = _told(ground, found, config, state_dir)
    else:
        record = known_of(ground, [ground.below], config, state_dir).get(ground.below)
        hidden = why_hidden(ground.path, ground.below)
        if hidden is not None:
            record = _hidden(ground.below, record, hidden)
        if record is None:
            raise click.UsageError(f"there is no file {place}, and none is known that was there")
        told = _told_of_absent(ground, record)
    if as_json:
        say_json(told)
    else:
        say(place, *(f"  {name:<9} {said}" for name, said in _lines(told)))
    return _EXIT_CODES.get(told["state"], PENDING)


def _told(ground: Ground, found: Found, config: str | None, state_dir: str | None) -> dict[str, Any]:
    told = {**_place_of(ground, found.path), "is_here": True}
    if found.left_out is not None:
        is_sidecar = found.left_out == WHAT_THEY_ARE.get(os.path.basename(found.path))
        more = f"; {sidecars.census(ground.path, found.path)}" if is_sidecar else ""
        return {**told, "state": accounts.LEFT_OUT, "reason": found.left_out + more}
    for _, one in accounts_of(ground, [found], config, state_dir):
        told |= {"state": one.state, "reason": one.reason}
    if "state" not in told:
        raise EisyncError("the file went while it was looked at")
    said = sidecars.said_of(ground.path, found.path, ground.watched.eligibility)
    described = _described(ground, found.path, said)
    told |= {"label": described.label, "label_from": _label_from(ground, said), "category": described.category.value}
    told |= {"category_from": _category_from(ground, found.path, said), **_completeness(ground, found)}
    if ground.watched.policy.needs_marker:
        told["marker"] = evidence.marker_of(ground.path, found.path).value
    record = known_of(ground, [found.path], config, state_dir).get(found.path)
    told["sidecars"] = {place: _worded(one) for place, one in said.items()}
    told["is_as_sent"] = (
        None if record is None or told["state"] != State.SYNCED.value else _is_as_sent(described, record)
    )
    return {**told, "sample_ids": [] if record is None else record["sample_ids"]}


def _told_of_absent(ground: Ground, record: dict[str, Any]) -> dict[str, Any]:
    as_sent = {name: record[name] for name in ("state", "reason", "label", "category", "sample_ids")}
    return {**_place_of(ground, record["path"]), "is_here": False, **as_sent}


def _hidden(path: str, record: dict[str, Any] | None, why: str) -> dict[str, Any]:
    """What is said of a file that may be there, and cannot be looked at."""
    if record is None:
        unknown: dict[str, Any] = {"path": path, "state": UNREADABLE, "label": None, "category": "", "sample_ids": []}
        return {**unknown, "reason": f"{why}: it is not known whether there is such a file"}
    if record["state"] == UNREADABLE:
        return record
    return {**record, "reason": f"{record['reason']}; {why} now"}


def _place_of(ground: Ground, path: str) -> dict[str, Any]:
    return {"path": path, "root": ground.path, "target": ground.watched.root.target}


def _described(ground: Ground, path: str, said: Said) -> Description:
    """How the file would be sent, as far as what is said of it can be used."""
    watched = ground.watched
    entries = [one for one in said.values() if isinstance(one, Entry)]
    try:
        return describe(path, watched.labelling, watched.metadata, entries)
    except ValueError:
        return describe(path, watched.labelling, watched.metadata, ())


def _worded(one: Entry | str | None) -> str:
    if isinstance(one, Entry):
        return worded(one)
    return "it does not mention the file" if one is None else f"it cannot be used: {one}"


def _is_as_sent(described: Description, record: dict[str, Any]) -> bool:
    now = (described.label, described.category.value, described.companions)
    return now == (record["label"], record["category"], record["companions"])


def _completeness(ground: Ground, found: Found) -> dict[str, Any]:
    """Whether the file is whole: True, False, or None when its format cannot tell."""
    examination = Examination(found.path, found.facts.size)
    if examination.verdict is None:
        spent = evidence.advance(examination, ground.path, found.path, found.facts, most_bytes=MOST_BYTES)
        if spent is None:
            return {"is_whole": None, "evidence": "it was changed while it was looked at"}
    match examination.verdict:
        case Whole(evidence=by):
            return {"is_whole": True, "evidence": by}
        case Cut(finding=finding):
            return {"is_whole": False, "evidence": finding}
        case other:
            still_s = max(0.0, clock.now() - found.facts.touched_at)
            why = getattr(other, "why", "")
            return {"is_whole": None, "evidence": f"{why}; last touched {still_s:,.0f} s ago"}


def _label_from(ground: Ground, said: Said) -> str:
    for place, one in said.items():
        if isinstance(one, Entry) and (one.label or one.is_unlabeled):
            return place
    is_inferred = ground.watched.labelling.label == INFER
    return "the file's name up to its first dot" if is_inferred else "the configuration of the folder"


def _category_from(ground: Ground, path: str, said: Said) -> str:
    for place, one in said.items():
        if isinstance(one, Entry) and one.category:
            return place
    if ground.watched.labelling.category is not None:
        return "the configuration of the folder"
    named = infer_category(path)
    if named is None:
        return "no part of its path says another one: the service splits"
    return next(f"'{part}' in its path" for part in path.split("/") if named.value in part)


def _lines(told: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [("folder", f"{told['root']} -> {told['target']}"), ("state", f"{told['state']}: {told['reason']}")]
    if told["state"] == accounts.LEFT_OUT:
        return lines
    if told["state"] == UNREADABLE and not told["is_here"]:
        return lines
    if not told["is_here"]:
        lines += [
            ("here", "no; 'eisync history' with its name tells what happened to it"),
            ("label", "none" if told["label"] is None else told["label"]),
            ("category", told["category"]),
        ]
        return [*lines, *_samples(told)]
    whole = {True: "yes", False: "no", None: "its format cannot tell"}[told["is_whole"]]
    label = "none" if told["label"] is None else told["label"]
    lines += [
        ("label", f"{label} ({told['label_from']})"),
        ("category", f"{told['category']} ({told['category_from']})"),
        ("complete", f"{whole}: {told['evidence']}"),
    ]
    if "marker" in told:
        lines.append(("marker", _MARKERS[told["marker"]]))
    lines += [("said", f"{place}: {what}") for place, what in told["sidecars"].items()]
    if told["is_as_sent"] is False:
        lines.append(
            ("changed", "what is said of it is not what it was sent with, and is not sent again: edit it there")
        )
    return [*lines, *_samples(told)]


def _samples(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [("samples", ", ".join(map(str, told["sample_ids"])))] if told["sample_ids"] else []
