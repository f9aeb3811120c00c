"""`eisync history`: show what happened, when and why."""

import os
from datetime import UTC, datetime
from typing import Any

import click

from eisync.cli.options import ask, common
from eisync.cli.output import say, say_json
from eisync.control.history_words import event_words, local_moment


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
    words = event_words(record)
    what = f"{record['path']} {words}" if with_path else words
    return f"{local_moment(record['at'])}  {record['state']:<11}  {what}"


def _with_iso(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "at": datetime.fromtimestamp(record["at"], UTC).isoformat(timespec="milliseconds")}
