"""What the page says first."""

from typing import Any

import pytest

from eisync.web.hero import Tone, hero_of

STATUS: dict[str, Any] = {
    "headline": "All 3 files are in Edge Impulse.",
    "exit_code": 0,
    "counts": {"synced": 3},
    "unreadable_folders": 0,
    "targets": [{"name": "main", "paused": None}],
    "plans": [],
    "paused": {"all_s": None, "roots": {}},
    "emptied": {},
    "daemon": {"lost": None, "clock": None, "loops": [], "keys": {"main": "file /etc/eisync/key"}},
}
REFUSED = [{"name": "main", "paused": "HTTP 401: Invalid API key"}]
LOOP = {"name": "watcher", "trouble": None, "is_fresh": True, "age_s": 1.0}


def status(**changes: Any) -> dict[str, Any]:
    return {**STATUS, **changes}


def live(**changes: Any) -> dict[str, Any]:
    return {"daemon": {**STATUS["daemon"], **changes}}


@pytest.mark.parametrize(
    ("changes", "tone", "number", "of_what"),
    [
        ({}, Tone.WELL, 3, "files in Edge Impulse"),
        ({"counts": {"synced": 1}}, Tone.WELL, 1, "file in Edge Impulse"),
        ({"counts": {}}, Tone.WELL, 0, "files in Edge Impulse"),
        ({"counts": {"synced": 3, "ready": 1}, "exit_code": 4}, Tone.BUSY, 1, "file on its way"),
        ({"counts": {"settling": 1, "sending": 2}, "exit_code": 4}, Tone.BUSY, 3, "files on their way"),
        ({"exit_code": 4}, Tone.BUSY, 0, "files on their way"),
        ({"counts": {"quarantined": 1}, "exit_code": 3}, Tone.ACT, 1, "file needs you"),
        ({"counts": {"quarantined": 1, "unreadable": 1, "ready": 5}, "exit_code": 4}, Tone.ACT, 2, "files need you"),
        ({"plans": [{}], "exit_code": 3}, Tone.ACT, 0, "files waiting"),
        ({"unreadable_folders": 1, "exit_code": 3}, Tone.ACT, 0, "files waiting"),
        ({"targets": REFUSED, "counts": {"ready": 7}, "exit_code": 3}, Tone.ACT, 7, "files do not go"),
        ({"targets": REFUSED, "counts": {"ready": 1}, "exit_code": 3}, Tone.ACT, 1, "file does not go"),
    ],
)
def test_what_needs_a_person_comes_first(changes: dict[str, Any], tone: Tone, number: int, of_what: str) -> None:
    hero = hero_of(status(**changes))
    assert (tone, number, of_what) == (hero.tone, hero.number, hero.of_what)
    assert hero.sentence


@pytest.mark.parametrize(
    ("place", "advice"),
    [
        ("file /etc/eisync/key", "Put the right key into the file /etc/eisync/key: eisync reads it again"),
        ("environment variable EI_API_KEY", "Set the right one and start eisync again."),
        ("", "You find a project's keys in Studio"),
    ],
)
def test_a_refused_key_says_what_to_do(place: str, advice: str) -> None:
    hero = hero_of(status(targets=REFUSED, **live(keys={"main": place})))
    assert ("Edge Impulse refused the key.", "It says: HTTP 401: Invalid API key.") == (hero.sentence, hero.advice[0])
    assert advice in " ".join(hero.advice)
    assert hero.can_recheck


def test_each_target_says_why_it_takes_nothing() -> None:
    other = {"name": "lab", "paused": "the key of target 'lab' opens project 2"}
    assert (
        "Edge Impulse refused the key of target main. Nothing is sent to target lab: the key of target 'lab' opens "
        "project 2." == hero_of(status(targets=[*REFUSED, other])).sentence
    )


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"paused": {"all_s": "inf", "roots": {}}}, "Uploads are paused until you resume them."),
        ({"paused": {"all_s": 90.0, "roots": {}}}, "Uploads are paused for another 2 min."),
        (live(lost="the folder is gone"), "This eisync ends: the folder is gone"),
        (live(clock="it is 1970"), "Nothing is deleted for now: it is 1970"),
        (live(loops=[{**LOOP, "trouble": "disk full"}]), "The watcher failed and will be tried again: disk full"),
        (live(loops=[{**LOOP, "is_fresh": False, "age_s": 99.0}]), "The watcher has not responded for 99 s."),
        (live(loops=[LOOP]), ""),
        ({"emptied": {"main": "lost all its samples"}}, "Target main: lost all its samples. Decide below under Plans."),
        ({"daemon": None}, ""),
    ],
)
def test_what_holds_everything_back_is_said(changes: dict[str, Any], advice: str) -> None:
    assert advice == " ".join(hero_of(status(**changes)).advice)
