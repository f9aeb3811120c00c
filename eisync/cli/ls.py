"""`eisync ls`: print a line for each file."""

from collections.abc import Iterator
from typing import Any

import click

from eisync.cli.options import ask, common
from eisync.cli.output import say, say_json
from eisync.core.file_status import UNREADABLE
from eisync.core.lifecycle import State


@click.command("ls")
@common
@click.option(
    "--state", type=click.Choice([*(s.value for s in State), UNREADABLE]), help="Only the files in this state."
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per file.")
def command(config: str | None, state_dir: str | None, state: str | None, as_json: bool) -> None:
    """List every file: state, label, category, sample ids, path, reason, and what differs in the project.

    Samples are shown as in the last listing; --json shows them in full.

    Files that are still being written, and files and folders that cannot be read, are listed as eisync last found
    them. It checks them while it runs, and records up to 10,000 of each folder when it ends.
    """
    for record in ask({"do": "files", "state": state}, config=config, state_dir=state_dir):
        say_json(record) if as_json else say(_line(record))
    if state in (None, State.SETTLING.value):
        for line in _beyond(config, state_dir):
            say(line, err=True)


def _beyond(config: str | None, state_dir: str | None) -> Iterator[str]:
    """Yield a line for each folder with files that are known to exist but are not listed."""
    for answer in ask({"do": "watched"}, config=config, state_dir=state_dir):
        listed = {root["path"] for root in answer["roots"]}  # the process that watches them lists all of their files
        for root in answer["known"]:
            if root["beyond"] and root["path"] not in listed:
                more = f"{root['path']}: {root['beyond']:,} more files were not complete"
                yield f"{more}; 'eisync run' or 'eisync once' finds them"


def _line(record: dict[str, Any]) -> str:
    ids = ",".join(str(sample_id) for sample_id in record["sample_ids"]) or "-"
    label = "-" if record["label"] is None else record["label"]
    remarks = "; ".join([record["reason"], *record["there"]] if record["reason"] else record["there"])
    place = record["path"]
    if record.get("is_folder"):
        place = f"{place or record['root']}/"
    line = f"{record['state']:<11}  {label:<16}  {record['category']:<10}  {ids:<12}  {place}"
    return f"{line}  ({remarks})" if remarks else line
