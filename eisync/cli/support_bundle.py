"""`eisync support-bundle`: one archive with what helps to find a fault."""

import os
from datetime import UTC, datetime

import click

from eisync.cli.options import ask, common
from eisync.cli.output import say
from eisync.cli.progress import waiting


@click.command("support-bundle")
@click.argument("file", required=False, metavar="[FILE]")
@common
@click.option("--anonymise", is_flag=True, help="Replace names of folders, files, labels and of this machine.")
def command(file: str | None, config: str | None, state_dir: str | None, anonymise: bool) -> None:
    """Write FILE (a .tar.gz; default: eisync-support-<time>.tar.gz here) with what helps to find a fault: the status,
    the findings of 'eisync doctor', the options without secrets, the versions, the last events and log lines, and how
    the database is built.

    It holds no key and no content of a file. It does hold names of folders, files and labels, unless --anonymise
    replaces them. Read it before you send it. Nothing is sent, and no file is overwritten.

    \b
    Exit code 0   the archive was written
              73  it cannot be written
    """
    from eisync.adapters import clock
    from eisync.app.support import ENTRIES, SupportRequest, write_bundle  # here, so that `--help` imports no network

    made_at = datetime.fromtimestamp(clock.now(), UTC)
    path = os.path.abspath(file or f"eisync-support-{made_at:%Y%m%d-%H%M%S}.tar.gz")
    request = SupportRequest(config=config, state_dir=state_dir, is_anonymous=anonymise)
    with waiting("Looking at everything"):
        write_bundle(path, request, lambda question: ask(question, config=config, state_dir=state_dir))
    say(f"{path} holds:", *(f"  {name:<16}{what}" for name, what in ENTRIES.items()))
    say("No key and no content of a file is in it. Read it before you send it: tar -xzf " + path)
