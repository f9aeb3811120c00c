"""`eisync undo`: bring back what was deleted, moved away or edited."""

from datetime import UTC, datetime
from typing import Any

import click

from eisync.cli import OK, PENDING, UNEXPECTED
from eisync.cli.options import ask, common, key_file
from eisync.cli.output import say, say_json
from eisync.cli.reconcile import run_pass


@click.command("undo")
@click.argument("actions", nargs=-1, type=click.IntRange(1), metavar="[ID]...")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    metavar="N",
    help="Without ID: the number of latest actions to show.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per action.")
@common
@key_file
def command(
    actions: tuple[int, ...],
    limit: int,
    as_json: bool,
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
) -> int:
    """Undo these actions; without an ID, list what eisync did, newest first.

    A file returns from the trash to its place, or beside the file that is there now. A file that was deleted or
    archived after its upload returns from the project or the archive. A deleted sample returns as a file, which is sent
    again. An edited sample gets its earlier values. Ends with 1 when something cannot be undone, with 4 when it cannot
    be undone now.
    """
    if not actions:
        for record in ask({"do": "actions", "limit": limit}, config=config, state_dir=state_dir):
            say_json(record) if as_json else say(_listed(record))
        return OK
    for action in actions:
        for _ in ask({"do": "undo", "action": action}, config=config, state_dir=state_dir):
            pass
    run_pass(config=config, state_dir=state_dir, api_key_file=api_key_file)
    codes = []
    for action in actions:
        [record] = ask({"do": "action", "action": action}, config=config, state_dir=state_dir)
        say_json(record) if as_json else say(_outcome(record))
        codes.append({"undone": OK, "undoing": PENDING}.get(record["state"], UNEXPECTED))
    return UNEXPECTED if UNEXPECTED in codes else max(codes)


def _listed(record: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(record["done_at"] or record["made_at"], UTC).astimezone()
    outcome = f"; {record['outcome']}" if record["outcome"] else ""
    return f"{record['action']:>6}  {at:%Y-%m-%d %H:%M}  {record['state']:<7}  {record['sentence']}{outcome}"


def _outcome(record: dict[str, Any]) -> str:
    how = {"undone": "undone", "undoing": "not undone yet, will be tried again"}.get(record["state"], "not undone")
    return f"{record['action']}: {how}: {record['outcome'] or 'no details'}"
