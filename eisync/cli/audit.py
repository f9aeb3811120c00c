"""`eisync audit`: list every file under the watched folders, with exactly one state and one reason.

The folders are those of the running daemon, or those in the configuration when none runs.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from eisync.adapters.files.inventory import Found, Trouble, inventory
from eisync.app.loop_options import described
from eisync.app.preview import why_left_out
from eisync.app.watched_folder import Ask, WatchedFolder, statuses_of, watched_folder_of
from eisync.cli import OK, UNEXPECTED
from eisync.cli.options import ask, common
from eisync.cli.output import say, say_json
from eisync.cli.progress import Progress
from eisync.core.file_status import LEFT_OUT, UNEXPLAINED, UNREADABLE, FileStatus
from eisync.errors import ConfigurationError
from eisync.settings import Watch, load


def watched_folders(
    places: Sequence[str], *, config: str | None, state_dir: str | None, root: str | None = None
) -> list[WatchedFolder]:
    """Return the watched folder of each of `places` (absolute paths); without `places`, all watched folders.

    Watched folders come first, then folders that were watched before (such as by `eisync once DIR`), then `root`
    (absolute). Raises ConfigurationError for a place that is in none of them.
    """
    answers = list(ask({"do": "watched"}, config=config, state_dir=state_dir))
    is_live = bool(answers and answers[0]["is_live"])
    known = answers[0]["known"] if answers else []
    if is_live:
        records, main = answers[0]["roots"], "main"
    else:
        settings = load(config=config, state_dir=state_dir, need_watch=False, need_key=False)
        records, main = [described(watch) for watch in settings.watches], settings.targets[0].name
    every = [watched_folder_of(record, is_live=is_live) for record in records]
    watched = {watched_folder.path for watched_folder in every}
    # The deepest first: a folder inside a known one may itself be a known one.
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
    """Return a folder without a [[watch]] table, as 'eisync run DIR' would watch it."""
    return watched_folder_of(described(Watch(path=Path(path), target=target)), is_live=False)


def _within(place: str, every: Sequence[WatchedFolder], main: str | None) -> WatchedFolder:
    """Return the folder that `place` is in. `main`: the target for an unknown folder; None: refuse unknown folders."""
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


def asking_with(config: str | None, state_dir: str | None) -> Ask:
    """Return the function that asks the running process, or the database."""
    return lambda question: ask(question, config=config, state_dir=state_dir)


FILES_PER_REQUEST = 2_000
BYTES_PER_REQUEST = 512 * 1024
"""The daemon accepts lines of at most 1 MiB."""


@click.command("audit")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per file.")
def command(dirs: tuple[str, ...], config: str | None, state_dir: str | None, as_json: bool) -> int:
    """List every file under the watched folders, or under DIR, with its state, its reason and its path.

    Without DIR, the folders are those of the configuration and those that were watched before with this state folder,
    for example by 'eisync once DIR'. Files that are left out are listed with the rule that leaves them out. Works with
    and without a running daemon.

    \b
    Exit code 0   every file has a state and a reason
              1   some are unexplained, or a folder cannot be read
              2   no folder is watched, and none was watched before: name one
    """
    found: Counter[str] = Counter()
    folders = 0
    asked_for = watched_folders([os.path.abspath(place) for place in dirs], config=config, state_dir=state_dir)
    if not asked_for:
        raise click.UsageError(
            "no folder is watched, and none was watched before with this state folder; name one: DIR"
        )
    progress = Progress(prints=True)
    for watched_folder in asked_for:
        if watched_folder.was_watched and not os.path.isdir(watched_folder.path):
            say(f"{watched_folder.path} was watched before but is missing; 'eisync ls' lists its known files", err=True)
            continue
        for path, one in _statuses(watched_folder, config, state_dir):
            folders += one.is_folder
            found[one.state] += not one.is_folder
            place = os.path.join(watched_folder.path, path)
            progress.show(found.total(), None, "files looked at")
            if as_json:
                folder = {"is_folder": True} if one.is_folder else {}
                say_json(
                    {"path": path, "root": watched_folder.path, "state": one.state, "reason": one.reason, **folder}
                )
            else:
                say(f"{one.state:<11}  {place}  ({one.reason})")
    progress.end()
    if not as_json:
        say(_summary(found, folders), err=True)
    return UNEXPECTED if found[UNEXPLAINED] or folders else OK


def _summary(found: Mapping[str, int], folders: int) -> str:
    counted = ", ".join(f"{number:,} {state}" for state, number in sorted(found.items()) if number)
    total = f"{sum(found.values()):,} in all: {counted}." if counted else "There are no files."
    if not folders:
        return total
    what = "1 folder cannot be read" if folders == 1 else f"{folders:,} folders cannot be read"
    return f"{total} {what}; the files there are unknown."


def _statuses(
    watched_folder: WatchedFolder, config: str | None, state_dir: str | None
) -> Iterator[tuple[str, FileStatus]]:
    """Yield each file once, and each folder that cannot be read. Request the known states of many files at a time."""
    waiting: list[Found] = []
    asked_bytes = 0
    asking = asking_with(config, state_dir)
    for found in inventory(watched_folder.path, watched_folder.watched.eligibility, below=watched_folder.below):
        if isinstance(found, Trouble):
            if found.left_out is None:
                yield found.path, FileStatus(UNREADABLE, found.reason, is_folder=True)
            else:
                yield found.path, FileStatus(LEFT_OUT, f"{found.left_out}; {found.reason}")
        elif found.left_out is not None:
            yield found.path, FileStatus(LEFT_OUT, why_left_out(watched_folder.watched, found))
        else:
            waiting.append(found)
            asked_bytes += len(json.dumps(found.path)) + 2
        if len(waiting) >= FILES_PER_REQUEST or asked_bytes >= BYTES_PER_REQUEST:
            yield from statuses_of(watched_folder, waiting, asking)
            waiting, asked_bytes = [], 0
    yield from statuses_of(watched_folder, waiting, asking)
