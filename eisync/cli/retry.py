"""`eisync retry`: send files again because a person asks for it."""

import os

import click

from eisync.cli.options import ask, common
from eisync.cli.output import say
from eisync.cli.progress import waiting


@click.command("retry")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--all", "everything", is_flag=True, help="All quarantined files and all files with deleted samples.")
@common
def command(files: tuple[str, ...], everything: bool, config: str | None, state_dir: str | None) -> None:
    """Send quarantined files and files with deleted samples again.

    A doubtful file is sent again, too, when you name it: first make sure that it is not in Studio. A running daemon
    sends them at once; otherwise the next 'eisync run' or 'eisync once' does.
    """
    if bool(files) == everything:
        raise click.UsageError("name the files, or use --all")
    paths = None if everything else [os.path.abspath(file) for file in files]
    with waiting("Putting files back into the queue"):
        answers = list(ask({"do": "retry", "paths": paths}, config=config, state_dir=state_dir))
    for answer in answers:
        for path in answer["unknown"]:
            say(f"{path}: not known; 'eisync ls' lists the files that are", err=True)
        number = answer["retried"]
        say(f"{number:,} {'file is' if number == 1 else 'files are'} back in the queue.")
        if answer["unknown"]:
            raise click.exceptions.Exit(1)
