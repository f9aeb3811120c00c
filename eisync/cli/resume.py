"""`eisync resume`: end a pause."""

import os

import click

from eisync.cli.options import common
from eisync.cli.pause import show


@click.command("resume")
@click.option("--root", "roots", multiple=True, metavar="DIR", help="Only this watched folder; may be repeated.")
@common
@click.option("--json", "as_json", is_flag=True, help="Print what is still paused, as one JSON object.")
def command(roots: tuple[str, ...], config: str | None, state_dir: str | None, as_json: bool) -> None:
    """Send files again after 'eisync pause'. Without --root, every pause ends."""
    question = {"do": "resume", "roots": [os.path.abspath(root) for root in roots] or None}
    show(question, config=config, state_dir=state_dir, as_json=as_json)
