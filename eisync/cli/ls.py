"""`eisync ls`: a line for each file."""

from typing import Any

import click

from eisync.cli.options import ask, common
from eisync.cli.output import say, say_json
from eisync.core.lifecycle import State


@click.command("ls")
@common
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only the files in this state.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object a file.")
def command(config: str | None, state_dir: str | None, state: str | None, as_json: bool) -> None:
    """List every file: its state, label, category, sample ids and path, the reason, and what differs in the project.

    Samples are shown as they were listed last; --json has them whole.

    Files that are still being written are listed while the daemon runs, which watches them.
    """
    for record in ask({"do": "files", "state": state}, config=config, state_dir=state_dir):
        say_json(record) if as_json else say(_line(record))


def _line(record: dict[str, Any]) -> str:
    ids = ",".join(str(sample_id) for sample_id in record["sample_ids"]) or "-"
    label = "-" if record["label"] is None else record["label"]
    remarks = "; ".join([record["reason"], *record["there"]] if record["reason"] else record["there"])
    line = f"{record['state']:<11}  {label:<16}  {record['category']:<10}  {ids:<12}  {record['path']}"
    return f"{line}  ({remarks})" if remarks else line
