"""`eisync db`: check, back up and shrink the database of the state folder."""

import os
from dataclasses import asdict

import click

from eisync import paths
from eisync.cli.doctor import lines_of, record_of
from eisync.cli.options import common
from eisync.cli.output import say, say_json
from eisync.cli.progress import Progress, waiting
from eisync.core.doctor.finding import conclusion, exit_code
from eisync.core.summary import in_bytes
from eisync.core.text import amount


@click.group("db")
def command() -> None:
    """Check, back up or shrink the database in the state folder, beside a running eisync or without one.

    Run it as the user who runs eisync, or as root.
    """


@command.command("check")
@common
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def check(config: str | None, state_dir: str | None, as_json: bool) -> int:
    """Check every page and index of the database, and what eisync relies on: references, states, kept numbers.

    Changes and repairs nothing. A running eisync makes a copy for it in the state folder, which needs as much room as
    the database, and goes on meanwhile. Without one, eisync cannot start before the check ends.

    \b
    Exit code 0   the database is sound
              1   it cannot be read, or a newer eisync wrote it
              3   something is wrong; each finding says what to do
              75  a process holds it and makes no copy
              78  there is no database
    """
    from eisync.app import upkeep  # here, so that `--help` imports no network

    folder = paths.state_dir(state_dir, config=config)
    found = []
    with Progress() as progress:
        for one in upkeep.check(folder, progress.show):
            found.append(one)
            if not as_json:
                progress.end()
                say(*lines_of(one))
    code = exit_code(found)
    if as_json:
        checks = [record_of(one) for one in found]
        say_json({"folder": folder, "exit_code": code, "sentence": conclusion(found), "checks": checks}, indent=2)
    else:
        say("", conclusion(found))
    return code


@command.command("backup")
@click.argument("file")
@common
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def backup(file: str, config: str | None, state_dir: str | None, as_json: bool) -> None:
    """Write a copy of the database to FILE, check it, and say how to restore it. FILE must not exist yet.

    A running eisync goes on meanwhile; it makes a first copy in the state folder, which needs as much room as the
    database. FILE holds names and labels of files, but no key and no content. Only you can read it. If it fails or is
    interrupted, nothing is left of it.

    \b
    Exit code 0   FILE is written, and sound
              1   the database is damaged or cannot be read
              73  FILE exists or cannot be written
              75  a process holds the database and makes no copy
              78  there is no database
    """
    from eisync.app import upkeep  # here, so that `--help` imports no network

    folder = paths.state_dir(state_dir, config=config)
    with Progress() as progress:
        made = upkeep.back_up(folder, os.path.abspath(file), progress.show)
    if as_json:
        say_json({"folder": folder, **asdict(made)}, indent=2)
        return
    say(
        f"{made.path} holds {amount(made.rows['file'], 'file')} and {amount(made.rows['sample'], 'sample')} "
        f"({in_bytes(made.size_bytes)}). It was read back, and is sound.",
        "To restore it: stop eisync, take every file whose name begins with eisync.db out of the folder",
        f"  {folder}",
        f"copy {made.path} there as eisync.db, owned by the user who runs eisync, and start eisync.",
    )


@command.command("vacuum")
@common
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def vacuum(config: str | None, state_dir: str | None, as_json: bool) -> None:
    """Give the free room in the database back to the disk.

    A running eisync gives back free pages, some at a time, and goes on meanwhile. Without one, the database is
    rewritten, which also closes the gaps in its pages: that takes up to three times its size for a moment. Where so
    much is not free, free pages are given back.

    \b
    Exit code 0   done, or nothing to do
              1   the database is damaged, or there is no room
              75  a process holds it and does not answer
              78  there is no database
    """
    from eisync.app import upkeep  # here, so that `--help` imports no network

    folder = paths.state_dir(state_dir, config=config)
    with waiting("Making the database smaller"):
        done = upkeep.shrink(folder)
    if as_json:
        say_json({"folder": folder, **asdict(done)}, indent=2)
        return
    say(
        f"The database in {folder} takes {in_bytes(done.after.size_bytes)}; before, it took "
        f"{in_bytes(done.before.size_bytes)}, {in_bytes(done.before.free_bytes)} of it free."
    )
    if done.why_not_less is not None:
        say(f"Not done: {done.why_not_less}.")
