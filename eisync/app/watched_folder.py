"""A watched folder as commands and pages see it: what its files are, by what the disk and the database say."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eisync.adapters.files.inventory import Found, found_at
from eisync.adapters.files.sidecars import annotation_at
from eisync.app.loop_options import watched_of
from eisync.core.file_status import LEFT_OUT, UNEXPLAINED, FileStatus, status_of
from eisync.core.labels.annotations import MANIFEST, NotASample
from eisync.core.lifecycle import State
from eisync.core.model import Root
from eisync.errors import UnreachableError
from eisync.loops.watcher.context import WatchedRoot
from eisync.settings import Watch

Ask = Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]
"""Asks a question of `eisync.control`: this process, the running one, or the database."""


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A watched folder. `below`: the requested path inside it. `is_live`: a daemon watches it.

    `was_watched`: it was watched before, but neither a daemon nor the configuration watches it now.
    """

    watched: WatchedRoot
    below: str
    is_live: bool
    scanned_at: float | None
    was_watched: bool = False

    @property
    def path(self) -> str:
        return self.watched.root.path


def watched_folder_of(record: dict[str, Any], *, is_live: bool) -> WatchedFolder:
    """Return the folder with these options, as `described` returned them, and possibly when it was scanned last."""
    options = {name: option for name, option in record.items() if name != "scanned_at"}
    watch = Watch(**{**options, "path": Path(record["path"])})
    root = Root(id=0, path=str(watch.path), target=watch.target)
    return WatchedFolder(watched_of(watch, root), "", is_live, record.get("scanned_at"))


def statuses_of(watched_folder: WatchedFolder, waiting: list[Found], ask: Ask) -> Iterator[tuple[str, FileStatus]]:
    """Yield the states of files that no rule leaves out by name."""
    known = known_of(watched_folder, [found.path for found in waiting], ask)
    for found in waiting:
        if (annotation := _annotation(watched_folder, found, known.get(found.path), ask)) is not None:
            yield found.path, annotation
            continue
        options: dict[str, Any] = {"is_live": watched_folder.is_live, "scanned_at": watched_folder.scanned_at}
        one = status_of(found.facts, known.get(found.path), **options)
        if one.state == UNEXPLAINED:
            # The file may have changed or disappeared between its stat and the request.
            now = found_at(watched_folder.path, found.path, watched_folder.watched.eligibility)
            if now is None:
                continue
            one = status_of(now.facts, known.get(found.path), **options)
        yield found.path, one


def _annotation(
    watched_folder: WatchedFolder,
    found: Found,
    record: dict[str, Any] | None,
    ask: Ask,
) -> FileStatus | None:
    """Return the state of a file that is left out because of its content. There is no row for such a file."""
    if record is not None and record["state"] != State.GONE.value:
        return None

    def is_known(places: Sequence[str]) -> bool:
        sent = (State.SYNCED.value, State.TOMBSTONE.value)
        return any(one["state"] in sent for one in known_of(watched_folder, list(places), ask).values())

    try:
        what: NotASample | None = MANIFEST
        if found.path != watched_folder.watched.manifest:
            what = annotation_at(watched_folder.path, found.path, found.facts, is_known)
    except UnreachableError:
        return None
    return None if what is None else FileStatus(LEFT_OUT, f"{what.reason} ({what.kind})")


def known_of(watched_folder: WatchedFolder, paths: list[str], ask: Ask) -> dict[str, dict[str, Any]]:
    """Return the records of the known files at these paths, by path."""
    if not paths:
        return {}
    question = {"do": "known", "root": watched_folder.path, "paths": paths}
    return {record["path"]: record for record in ask(question)}
