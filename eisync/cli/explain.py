"""`eisync explain`: show what happens to one file, and why."""

import os
from functools import partial

import click

from eisync.adapters.files import writer_probe
from eisync.adapters.files.folder_walk import is_link_at
from eisync.adapters.files.inventory import found_at, found_behind_link, why_hidden
from eisync.app.explanation import explained, explained_absent, hidden_record
from eisync.app.watched_folder import known_of
from eisync.cli import LEFT_OUT, OK, PENDING, QUARANTINED
from eisync.cli.audit import asking_with, watched_folders
from eisync.cli.options import common
from eisync.cli.output import say, say_json
from eisync.cli.progress import Progress
from eisync.control.explanation import lines_of
from eisync.core import file_status
from eisync.core.file_status import UNREADABLE
from eisync.core.lifecycle import State

_EXIT_CODES = {
    State.SYNCED.value: OK,
    State.QUARANTINED.value: QUARANTINED,
    UNREADABLE: QUARANTINED,
    State.TOMBSTONE.value: LEFT_OUT,
    State.GONE.value: LEFT_OUT,
    file_status.LEFT_OUT: LEFT_OUT,
}


@click.command("explain")
@click.argument("file", metavar="FILE")
@common
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--root", metavar="DIR", help="Explain FILE as if DIR were watched, when no folder above FILE is or was.")
def command(file: str, config: str | None, state_dir: str | None, as_json: bool, root: str | None) -> int:
    """Explain what happens to FILE and why: whether it is uploaded, with which label, whether it is complete, and
    where it is. For a file that is gone, show what became of it.

    \b
    Exit code 0   it is in Edge Impulse
              3   it is quarantined, or cannot be read
              4   it is being uploaded, or will be
              5   it is not uploaded: a rule leaves it out, a person deleted its sample, or it was gone before it
                  was sent
    """
    place = os.path.abspath(file)
    root = None if root is None else os.path.abspath(root)
    asking = asking_with(config, state_dir)
    writer_probe.ignore_lease_breaks()
    (watched_folder,) = watched_folders([place], config=config, state_dir=state_dir, root=root)
    if os.path.lexists(place):
        found = found_behind_link(watched_folder.path, watched_folder.below, watched_folder.watched.eligibility)
        found = found or found_at(watched_folder.path, watched_folder.below, watched_folder.watched.eligibility)
        if found is None or (os.path.isdir(place) and not is_link_at(place)):
            raise click.UsageError(f"{place} is not a file; 'eisync audit' lists the files of a folder")
        with Progress() as progress:
            result = explained(watched_folder, found, asking, partial(_show, progress))
    else:
        record = known_of(watched_folder, [watched_folder.below], asking).get(watched_folder.below)
        hidden = why_hidden(watched_folder.path, watched_folder.below)
        if hidden is not None:
            record = hidden_record(watched_folder.below, record, hidden)
        if record is None:
            raise click.UsageError(f"there is no file {place}, and eisync never knew one there")
        result = explained_absent(watched_folder, record)
    if as_json:
        say_json(result)
    else:
        say(place, *(f"  {name:<9} {said}" for name, said in lines_of(result)))
    return _EXIT_CODES.get(result["state"], PENDING)


def _show(progress: Progress, read: int, size: int) -> None:
    progress.show(read // 1_000_000, size // 1_000_000, "MB checked")
