"""The watched folders, for commands that list files: those of the running daemon, or else those it would watch."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eisync.app.options import described, watched_of
from eisync.cli.options import ask
from eisync.core.model import Root
from eisync.errors import ConfigurationError
from eisync.loops.watcher.context import WatchedRoot
from eisync.settings import Watch, load


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A watched folder. `below` is the part of it that was asked for; `is_live`: a daemon watches it.

    `was_watched`: it was once, and nothing says that it is to be watched now.
    """

    watched: WatchedRoot
    below: str
    is_live: bool
    scanned_at: float | None
    was_watched: bool = False

    @property
    def path(self) -> str:
        return self.watched.root.path


def watched_folders(
    places: Sequence[str], *, config: str | None, state_dir: str | None, root: str | None = None
) -> list[WatchedFolder]:
    """The folders that `places` (absolute) lie in: watched ones, or else those that were watched once, such as what was
    named to `eisync once`; or `root` (absolute). All of them but `root` where there are no `places`.

    Raises ConfigurationError for a place that lies in none.
    """
    answers = list(ask({"do": "watched"}, config=config, state_dir=state_dir))
    is_live = bool(answers and answers[0]["is_live"])
    known = answers[0]["known"] if answers else []
    if is_live:
        records, main = answers[0]["roots"], "main"
    else:
        settings = load(config=config, state_dir=state_dir, need_watch=False, need_key=False)
        records, main = [described(watch) for watch in settings.watches], settings.targets[0].name
    every = [_watched_folder(record, is_live=is_live) for record in records]
    watched = {watched_folder.path for watched_folder in every}
    # The deepest first: a folder in a known one may have been known by itself.
    before = sorted(
        (one for one in known if one["path"] not in watched), key=lambda one: len(one["path"]), reverse=True
    )
    if not places:
        return every + [replace(_plain(one["path"], one["target"]), was_watched=True) for one in before]
    every += [_plain(one["path"], one["target"]) for one in before]
    if root is not None:
        every.append(_plain(root, main))
    return [_within(place, every, main if not is_live else None) for place in places]


def _plain(path: str, target: str) -> WatchedFolder:
    """A folder without a [[watch]] table, as 'eisync run DIR' would watch it."""
    return _watched_folder(described(Watch(path=Path(path), target=target)), is_live=False)


def _watched_folder(record: dict[str, Any], *, is_live: bool) -> WatchedFolder:
    scanned_at = record.pop("scanned_at", None)
    watch = Watch(**{**record, "path": Path(record["path"])})
    root = Root(id=0, path=str(watch.path), target=watch.target)
    return WatchedFolder(watched_of(watch, root), "", is_live, scanned_at)


def _within(place: str, every: Sequence[WatchedFolder], main: str | None) -> WatchedFolder:
    """`main` is the target of an unknown folder; None where such folders are not listed."""
    for watched_folder in every:
        if _contains(watched_folder.path, place):
            below = "" if place == watched_folder.path else os.path.relpath(place, watched_folder.path)
            return WatchedFolder(watched_folder.watched, below, watched_folder.is_live, watched_folder.scanned_at)
    if main is not None and os.path.isdir(place):
        return _plain(place, main)
    raise ConfigurationError(
        f"{place} is not in a watched folder. 'eisync status' lists the watched folders; 'eisync explain FILE "
        "--root DIR' explains a file as if DIR were watched"
    )


def _contains(folder: str, place: str) -> bool:
    return place == folder or place.startswith(os.path.join(folder, ""))
