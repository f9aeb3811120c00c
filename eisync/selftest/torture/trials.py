"""Run every scenario in a folder and with an emulator of its own. The folder is kept only if a promise was broken."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from eisync.core.redaction import KEYS
from eisync.errors import FolderError
from eisync.selftest.model import StoppedError
from eisync.selftest.torture.account import Figures
from eisync.selftest.torture.installation import Emulator, Installation
from eisync.selftest.torture.scenarios import (
    TABLES,
    WATCH,
    Trial,
    fill_the_disk,
    kill_again_and_again,
    withhold_answers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of a trial. Its own folder is made in `folder`, so that the disk of that folder is tested."""

    folder: str
    files: int
    kills: int
    seed: int


@dataclass(slots=True)
class Outcome:
    """The result. `place` is the folder that was kept for a report; empty if it was removed."""

    seed: int
    figures: list[Figures] = field(default_factory=list)
    is_stopped: bool = False
    place: str = ""

    @property
    def is_broken(self) -> bool:
        """Return whether a promise was broken."""
        return any(one.broken for one in self.figures)

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "seed": self.seed,
            "stopped": self.is_stopped,
            "folder": self.place,
            "scenarios": [one.record() for one in self.figures],
        }


def torture(
    asked: Asked,
    emulator: Callable[[], AbstractContextManager[Emulator]],
    *,
    wait: Callable[[float], bool],
    tell: Callable[[Figures], object],
) -> Outcome:
    """Run every scenario. `wait` pauses and returns whether to stop; `tell` is called with the result of each.

    Raises FolderError if no folder can be made in `asked.folder`.
    """
    outcome = Outcome(asked.seed)
    try:
        place = tempfile.mkdtemp(prefix="eisync-selftest-", dir=asked.folder)
    except OSError as error:
        raise FolderError(f"{asked.folder} cannot be used: {error.strerror or error}; choose another folder") from error
    try:
        for scenario in _scenarios(asked):
            figures = _try(scenario, os.path.join(place, str(len(outcome.figures))), emulator, asked.seed, wait)
            outcome.figures.append(figures)
            tell(figures)
    except StoppedError:
        outcome.is_stopped = True
    finally:
        if outcome.is_broken:
            outcome.place = place
        else:
            shutil.rmtree(place, ignore_errors=True)
    return outcome


_Scenario = Callable[[Trial, Installation], Figures]


def _scenarios(asked: Asked) -> tuple[_Scenario, ...]:
    fewer = max(2, asked.files // 3)
    return (
        lambda trial, installation: kill_again_and_again(trial, installation, files=asked.files, kills=asked.kills),
        lambda trial, installation: withhold_answers(trial, installation, files=fewer),
        lambda trial, installation: fill_the_disk(trial, installation, files=fewer),
    )


def _try(
    scenario: _Scenario,
    place: str,
    emulator: Callable[[], AbstractContextManager[Emulator]],
    seed: int,
    wait: Callable[[float], bool],
) -> Figures:
    os.makedirs(place)
    with emulator() as running:
        KEYS.learn(running.key)
        installation = Installation(place=place, service=running, watch=WATCH, tables=TABLES)
        return scenario(Trial(running, seed, wait), installation)
