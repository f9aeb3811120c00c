"""Write for a person or a script: the one way to a terminal that the commands have.

Names of files and words of the service end up in most lines. Whatever they hold, no line of ours breaks, moves the
cursor, or shows a key; a test keeps every other way out of the commands.

A bar on stderr while there is something to wait for; nothing when nobody looks.
"""

import json
import sys

import click

from eisync.adapters import clock
from eisync.core.redaction import KEYS, MARK
from eisync.core.text import printable


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


def is_yes(question: str) -> bool:
    """Ask a person, on stderr. No answer is a no."""
    return click.confirm(printable(KEYS.told(question)), err=True)


def _write(text: str, *, err: bool) -> None:
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False, err=err)


_WIDTH = 30
_EVERY_S = 0.2


class Bar:
    """One line of a terminal, drawn over and over."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._shown_at: float | None = None
        self._width = 0

    def is_due(self) -> bool:
        """Whether it is time to draw anew: counting may cost more than drawing."""
        now = clock.monotonic()
        if not self._is_shown or (self._shown_at is not None and now - self._shown_at < _EVERY_S):
            return False
        self._shown_at = now
        return True

    def show(self, done: int, total: int, what: str) -> None:
        """`done` of `total` things, called `what`; only now and then."""
        if self.is_due():
            self.draw(done, total, what)

    def draw(self, done: int, total: int, what: str) -> None:
        filled = _WIDTH * done // max(1, done, total)
        self._write(f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {done:,} of {total:,} {what}")

    def end(self) -> None:
        """Leave the line as if nothing had been there. Safe to repeat."""
        if self._width:
            self._write("")
            redraw("")
            self._width = 0

    def _write(self, text: str) -> None:
        redraw(text.ljust(self._width))
        self._width = len(text)
