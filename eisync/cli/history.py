"""`eisync history`: show what happened, when and why."""

import os
from datetime import UTC, datetime
from typing import Any

import click

from eisync.cli.options import ask, common
from eisync.cli.output import say, say_json

WORDS = {
    "complete": "was complete and waits to be sent",
    "cut": "is truncated and was not sent",
    "claim": "is being sent",
    "stored": "was stored in the project",
    "duplicate": "was already in the project",
    "found": "was found in the project and was not sent",
    "defer": "will be sent again",
    "refuse": "was refused",
    "silence": "was sent, but no answer came",
    "absent": "will be sent again",
    "changed": "was changed",
    "edited": "was edited in the project",
    "mislabelled": "has a wrong label in the project, and is labelled again",
    "gone": "is gone",
    "renamed": "was renamed",
    "remote_gone": "was deleted in the project",
    "deleted_content": "was not sent: its content was deleted in the project",
    "retry": "was put back into the queue",
    "back": "is back",
    "ignored": "was changed; its sample stays as it was sent",
    "removed": "was deleted here, and then its sample",
    "undone": "had a change undone",
    "delete_sample": "had one of its samples deleted",
    "rename_sample": "has its new name in the project",
    "relabel_sample": "has its new label in the project",
    "move_sample": "has its new category in the project",
    "edit_metadata": "has its new metadata in the project",
    "edit_boxes": "has its new boxes in the project",
    "edit_structured": "has its new labels by range in the project",
    "edit_label_map": "has its new label map in the project",
    "trash_file": "was moved to the trash",
    "delete_file": "was deleted",
    "archive_file": "was moved to the archive",
    "tombstone": "was deleted in the project, as you confirmed",
}


@click.command("history")
@click.argument("file", required=False)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    metavar="N",
    help="Without FILE: the number of latest events to show.",
)
@common
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per event; times in UTC.")
def command(file: str | None, limit: int, config: str | None, state_dir: str | None, as_json: bool) -> None:
    """Show what happened to FILE, when and why; without FILE, the latest events of all files, newest last.

    Works with and without a running daemon. eisync keeps the last 100 events of each file and when it was first in the
    project, and the last million events of all files.
    """
    path = None if file is None else os.path.abspath(file)
    is_empty = True
    for record in ask({"do": "history", "path": path, "limit": limit}, config=config, state_dir=state_dir):
        is_empty = False
        say_json(_with_iso(record)) if as_json else say(_line(record, with_path=file is None))
    if is_empty and not as_json:
        say("Nothing has happened yet.")


def _line(record: dict[str, Any], *, with_path: bool) -> str:
    words = WORDS.get(record["event"], record["event"])
    reason = f": {record['reason']}" if record["reason"] not in ("", record["event"]) else ""
    what = f"{record['path']} {words}" if with_path else words
    return f"{_local(record['at'])}  {record['state']:<11}  {what}{reason}"


def _local(at: float) -> str:
    """Return the instant in local time, with its offset: `2026-11-25 03:51:48 +01:00`."""
    local = datetime.fromtimestamp(at, UTC).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S} {local.isoformat()[-6:]}"


def _with_iso(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "at": datetime.fromtimestamp(record["at"], UTC).isoformat(timespec="milliseconds")}
