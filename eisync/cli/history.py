"""`eisync history`: what happened, when and why."""

import json
import os
from datetime import UTC, datetime
from typing import Any

import click

from eisync.cli.options import ask, common, printable

_WORDS = {
    "complete": "was complete, and waits to be sent",
    "cut": "is not whole, and was left alone",
    "claim": "is being sent",
    "stored": "was stored in the project",
    "duplicate": "was in the project already",
    "found": "was found in the project, and need not be sent",
    "defer": "is to be sent again",
    "refuse": "was refused",
    "silence": "was sent, and no answer came",
    "absent": "is to be sent again",
    "changed": "was changed",
    "edited": "was edited in the project",
    "gone": "is not there any more",
    "renamed": "has another name",
    "remote_gone": "was deleted in the project",
    "retry": "was put back into the queue",
    "back": "is there again",
    "ignored": "was changed, and stays as it was sent",
    "removed": "was deleted here, and its sample after it",
    "undone": "had something undone",
    "delete_sample": "has a sample less",
    "rename_sample": "has its new name in the project",
    "relabel_sample": "has its new label in the project",
    "move_sample": "has its new category in the project",
    "trash_file": "was moved to the trash",
    "delete_file": "was deleted",
    "archive_file": "was moved to the archive",
    "tombstone": "was deleted in the project, as you said",
}


@click.command("history")
@click.argument("file", required=False)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    metavar="N",
    help="Without FILE: how many of the latest events.",
)
@common
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object an event; instants in UTC.")
def command(file: str | None, limit: int, config: str | None, state_dir: str | None, as_json: bool) -> None:
    """Tell what happened to FILE, when and why; without FILE the latest events of all, the last one at the end.

    Works whether or not the daemon runs. Of each file the last 100 events are remembered and when it was first in the
    project, of all files together the last million.
    """
    path = None if file is None else os.path.abspath(file)
    is_empty = True
    for record in ask({"do": "history", "path": path, "limit": limit}, config=config, state_dir=state_dir):
        is_empty = False
        click.echo(json.dumps(_with_iso(record)) if as_json else _line(record, with_path=file is None))
    if is_empty and not as_json:
        click.echo("Nothing has happened yet.")


def _line(record: dict[str, Any], *, with_path: bool) -> str:
    words = _WORDS.get(record["event"], record["event"])
    reason = f": {record['reason']}" if record["reason"] not in ("", record["event"]) else ""
    what = f"{record['path']} {words}" if with_path else words
    return printable(f"{_local(record['at'])}  {record['state']:<11}  {what}{reason}")


def _local(at: float) -> str:
    """The instant on the clock of this machine, with its offset: `2026-11-25 03:51:48 +01:00`."""
    local = datetime.fromtimestamp(at, UTC).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S} {local.isoformat()[-6:]}"


def _with_iso(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "at": datetime.fromtimestamp(record["at"], UTC).isoformat(timespec="milliseconds")}
