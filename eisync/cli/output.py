"""Write for a person or a script: the only way in which commands print.

Most lines contain file names and texts of the service. Whatever these hold, no line breaks, moves the cursor, or shows
a key. A test refuses every other way to print in the commands.

`Bar` draws a progress bar on stderr, if a person is at the terminal.
"""

import json
import sys

import click

from eisync.adapters import clock
from eisync.core.redaction import KEYS, MARK
from eisync.core.text import printable
from eisync.paths import is_journal


def say(*lines: str, err: bool = False) -> None:
    """Print each text on one line, whatever it contains; on stderr if `err`."""
    _write("".join(printable(KEYS.without_keys(line)) + "\n" for line in lines), err=err)


def complain(*lines: str) -> None:
    """Print each text of an error on stderr. The journal of systemd gets its priority, too."""
    prefix = "<3>" if is_journal(2) else ""
    say(*(prefix + line for line in lines), err=True)


def say_json(record: object, *, indent: int | None = None) -> None:
    """Print the record as JSON, on one line unless `indent` is given. Values that JSON does not have become text."""
    text = KEYS.without_keys(json.dumps(record, indent=indent, default=str))
    _write(text.replace("\x7f", "\\u007f").replace(MARK, json.dumps(MARK)[1:-1]) + "\n", err=False)


def redraw(line: str) -> None:
    """Print the line over the last one on stderr, for progress."""
    _write("\r" + printable(KEYS.without_keys(line)), err=True)


def say_key(line: str) -> None:
    """Print a line that shows a key on purpose: the emulator's, which is valid nowhere else."""
    _write(printable(line) + "\n", err=False)


def is_yes(question: str) -> bool:
    """Ask a person, on stderr. No answer is a no."""
    return click.confirm(printable(KEYS.without_keys(question)), err=True)


def _write(text: str, *, err: bool) -> None:
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False, err=err)


_WIDTH = 30
_EVERY_S = 0.2


class Bar:
    """A progress bar on one line of a terminal."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._shown_at: float | None = None
        self._width = 0

    def is_due(self) -> bool:
        """Return whether it is time to draw again: counting may cost more than drawing."""
        now = clock.monotonic()
        if not self._is_shown or (self._shown_at is not None and now - self._shown_at < _EVERY_S):
            return False
        self._shown_at = now
        return True

    def show(self, done: int, total: int, what: str) -> None:
        """Draw `done` of `total` things, called `what`, if it is time."""
        if self.is_due():
            self.draw(done, total, what)

    def draw(self, done: int, total: int, what: str) -> None:
        filled = _WIDTH * done // max(1, done, total)
        self._write(f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {done:,} of {total:,} {what}")

    def end(self) -> None:
        """Clear the line. Safe to repeat."""
        if self._width:
            self._write("")
            redraw("")
            self._width = 0

    def _write(self, text: str) -> None:
        redraw(text.ljust(self._width))
        self._width = len(text)
