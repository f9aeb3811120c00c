"""The watched folders for whoever accounts for files: those of the running daemon, or else those it would watch."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eisync.app import described, watched_of
from eisync.cli.options import ask
from eisync.core.items import Root
from eisync.errors import ConfigurationError
from eisync.loops.watched import Watched
from eisync.settings import Watch, load


@dataclass(frozen=True, slots=True)
class Ground:
    """A watched folder. `below` is the part of it that was asked for; `is_live`: a daemon watches it."""

    watched: Watched
    below: str
    is_live: bool
    scanned_at: float | None

    @property
    def path(self) -> str:
        return self.watched.root.path


def grounds(places: Sequence[str], *, config: str | None, state_dir: str | None) -> list[Ground]:
    """The folders that `places` (absolute, all when there are none) lie in.

    Raises ConfigurationError for a place that lies in none.
    """
    answers = list(ask({"do": "watched"}, config=config, state_dir=state_dir))
    is_live = bool(answers and answers[0]["is_live"])
    records = answers[0]["roots"] if is_live else _configured(places, config, state_dir)
    every = [_ground(record, is_live=is_live) for record in records]
    return [_within(place, every) for place in places] if places else every


def _configured(places: Sequence[str], config: str | None, state_dir: str | None) -> list[dict[str, Any]]:
    settings = load(config=config, state_dir=state_dir, need_watch=False, need_key=False)
    watches = list(settings.watches)
    for place in places:
        if os.path.isdir(place) and not any(_contains(str(watch.path), place) for watch in watches):
            watches.append(Watch(path=Path(place), target=settings.targets[0].name))  # as 'eisync run DIR' would
    return [described(watch) for watch in watches]


def _ground(record: dict[str, Any], *, is_live: bool) -> Ground:
    scanned_at = record.pop("scanned_at", None)
    watch = Watch(**{**record, "path": Path(record["path"])})
    root = Root(id=0, path=str(watch.path), target=watch.target)
    return Ground(watched_of(watch, root), "", is_live, scanned_at)


def _within(place: str, every: Sequence[Ground]) -> Ground:
    for ground in every:
        if _contains(ground.path, place):
            below = "" if place == ground.path else os.path.relpath(place, ground.path)
            return Ground(ground.watched, below, ground.is_live, ground.scanned_at)
    raise ConfigurationError(f"{place} lies in no watched folder; 'eisync status' names those that are")


def _contains(folder: str, place: str) -> bool:
    return place == folder or place.startswith(os.path.join(folder, ""))
