"""Write for a person or a script: the one way to a terminal that the commands have.

Names of files and words of the service end up in most lines. Whatever they hold, no line of ours breaks, moves the
cursor, or shows a key; a test keeps every other way out of the commands.
"""

import json
import sys

import click

from eisync.core.printable import printable
from eisync.core.redaction import KEYS, MARK


def say(*lines: str, err: bool = False) -> None:
    """Each of the texts on a line of its own, whatever is in it; on stderr if `err`."""
    _write("".join(printable(KEYS.told(line)) + "\n" for line in lines), err=err)


def say_json(record: object, *, indent: int | None = None) -> None:
    """The record as JSON, on one line unless `indent` is given; what JSON cannot write is written as its text."""
    text = KEYS.told(json.dumps(record, indent=indent, default=str))
    _write(text.replace("\x7f", "\\u007f").replace(MARK, json.dumps(MARK)[1:-1]) + "\n", err=False)


def redraw(line: str) -> None:
    """The line in the place of the last one, on stderr: for what moves."""
    _write("\r" + printable(KEYS.told(line)), err=True)


def say_key(line: str) -> None:
    """The line with the key that it is there to show: the emulator's, which opens nothing else."""
    _write(printable(line) + "\n", err=False)


def _write(text: str, *, err: bool) -> None:
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False, err=err)
