"""Decide what the page says first: one number, one sentence, and what to do. Pure: from the record of `eisync status`.

What needs a person comes before what takes time. The sentence changes only when the files do, so that a screen reader
which follows it is not told every second how long ago the last upload was.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any

from eisync.core.model import value
from eisync.core.pause import duration

Record = dict[str, Any]


class Tone(Enum):
    """How the first sentence looks: nothing to do, it goes on by itself, a person must act."""

    WELL = "well"
    BUSY = "busy"
    ACT = "act"


@value(kw_only=True)
class Hero:
    """The number with its word, the sentence, and what to do (empty: nothing). `can_recheck`: a target may be tried."""

    tone: Tone
    number: int
    of_what: str
    sentence: str
    advice: tuple[str, ...] = ()
    can_recheck: bool = False


def hero_of(status: Record) -> Hero:
    """Return what is said first."""
    counts = status["counts"]
    waiting = sum(counts.get(state, 0) for state in ("ready", "sending", "doubtful", "settling"))
    stuck = counts.get("quarantined", 0) + counts.get("unreadable", 0)
    refused = [target for target in status["targets"] if target["paused"]]
    if refused:
        sentence = " ".join(_refusal(one, is_only=len(status["targets"]) == 1) for one in refused)
        return Hero(
            tone=Tone.ACT,
            number=waiting,
            of_what="file does not go" if waiting == 1 else "files do not go",
            sentence=sentence,
            advice=tuple(_about_keys(status, refused)),
            can_recheck=True,
        )
    advice = tuple(_advice(status))
    if stuck or status["plans"] or status["unreadable_folders"] or status["exit_code"] == NEEDS_PERSON:
        number, of_what = (stuck, "need you" if stuck > 1 else "needs you") if stuck else (waiting, "waiting")
        of_what = f"{'file' if number == 1 else 'files'} {of_what}"
        return Hero(tone=Tone.ACT, number=number, of_what=of_what, sentence=status["headline"], advice=advice)
    if waiting or status["exit_code"]:
        of_what = "file on its way" if waiting == 1 else "files on their way"
        return Hero(tone=Tone.BUSY, number=waiting, of_what=of_what, sentence=status["headline"], advice=advice)
    synced = counts.get("synced", 0)
    of_what = "file in Edge Impulse" if synced == 1 else "files in Edge Impulse"
    return Hero(tone=Tone.WELL, number=synced, of_what=of_what, sentence=status["headline"], advice=advice)


NEEDS_PERSON = 3
"""The exit code of `eisync status` when a person must act."""


def _refusal(target: Record, *, is_only: bool) -> str:
    of_target = "" if is_only else f" of target {target['name']}"
    if _is_about_key(target["paused"]):
        return f"Edge Impulse refused the key{of_target}."
    return f"Nothing is sent{of_target.replace('of', 'to')}: {target['paused']}."


def _is_about_key(reason: str) -> bool:
    return reason.startswith(("HTTP 401", "HTTP 403")) or "invalid api key" in reason.lower()


def _about_keys(status: Record, refused: list[Record]) -> Iterator[str]:
    yield from (f"It says: {target['paused']}." for target in refused if _is_about_key(target["paused"]))
    keys = (status["daemon"] or {}).get("keys", {})
    for target in refused:
        place = keys.get(target["name"], "")
        if place.startswith("file "):
            yield (
                f"Put the right key into the {place}: eisync reads it again within seconds. If the key in it is right, "
                "press Retry."
            )
        elif place:
            yield f"The key comes from the {place}. Set the right one and start eisync again."
    yield "You find a project's keys in Studio under Dashboard, Keys."


def _advice(status: Record) -> Iterator[str]:
    left_s = status["paused"]["all_s"]
    if left_s is not None:
        yield (
            "Uploads are paused until you resume them."
            if left_s == "inf"
            else (f"Uploads are paused for another {duration(float(left_s))}.")
        )
    live = status["daemon"] or {}
    if live.get("lost"):
        yield f"This eisync ends: {live['lost']}"
    if live.get("clock"):
        yield f"Nothing is deleted for now: {live['clock']}"
    for loop in live.get("loops", ()):
        if loop["trouble"]:
            yield f"The {loop['name']} failed and will be tried again: {loop['trouble']}"
        elif not loop["is_fresh"]:
            yield f"The {loop['name']} has not responded for {loop['age_s']:.0f} s."
    for target, sentence in status["emptied"].items():
        yield f"Target {target}: {sentence}. Decide below under Plans."
