"""Write for a person or a script: the only way in which commands print.

Most lines contain file names and texts of the service. Whatever these hold, no line breaks, moves the cursor, or shows
a key. A test refuses every other way to print in the commands.

`Screen` redraws a terminal in place. `eisync.cli.progress` shows how far a command is.
"""

import json
import sys
from collections.abc import Sequence
from enum import Enum

import click

from eisync import paths
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


def new_password() -> str:
    """Ask a person for a new password, twice, on stderr. It is not shown."""
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


def _write(text: str, *, err: bool) -> None:
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False, err=err)


class Bar:
    """A progress bar of the library rich, on stderr. It keeps to the width of the terminal, and to NO_COLOR."""

    def __init__(self) -> None:
        """Raises ImportError where rich is not installed."""
        from rich.console import Console  # here: it takes 50 ms, and many gateways do not have it
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        console = Console(stderr=True, highlight=False)
        self._bar = Progress(BarColumn(bar_width=24), text, console=console, transient=True, auto_refresh=False)
        self._task = self._bar.add_task("", total=None)
        self._is_begun = False

    def draw(self, done: int, total: int | None, line: str) -> None:
        """Draw the bar with a line behind it. Without `total` it only shows that something happens."""
        if not self._is_begun:
            self._bar.start()
            self._is_begun = True
        text = printable(KEYS.without_keys(line))
        self._bar.update(self._task, completed=done, total=total, description=text, refresh=True)

    def end(self) -> None:
        """Take the bar off the terminal. Safe to repeat."""
        if self._is_begun:
            self._bar.stop()
            self._is_begun = False


def bar() -> Bar | None:
    """Return a progress bar; None where rich is not installed."""
    try:
        return Bar()
    except ImportError:
        return None


class Style(Enum):
    """How a line looks on a terminal with colours."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    BAD = "1;31"
    GOOD = "1;32"
    BUSY = "1;33"


class Screen:
    """Redraws a terminal in place, on stdout. It asks the terminal for nothing, and leaves what was drawn last."""

    def __init__(self) -> None:
        self._can_move = not paths.is_dumb_terminal()
        self._has_colours = self._can_move and not paths.refuses_colours()
        self._is_begun = False

    def draw(self, lines: Sequence[tuple[str, Style]]) -> None:
        """Draw the lines, each with its style. They must fit the width of the terminal."""
        text = "".join(self._line(*line) for line in lines)
        if not self._can_move:
            _write(f"{text}\n", err=False)
            return
        begin = "" if self._is_begun else "\x1b[?25l\x1b[2J"  # hide the cursor, and clear once
        self._is_begun = True
        _write(f"{begin}\x1b[H{text}\x1b[J", err=False)

    def end(self) -> None:
        """Show the cursor again. Safe to repeat."""
        if self._is_begun:
            _write("\x1b[?25h\n", err=False)
            self._is_begun = False

    def _line(self, line: str, style: Style) -> str:
        text = printable(KEYS.without_keys(line))
        if self._has_colours and style.value:
            text = f"\x1b[{style.value}m{text}\x1b[0m"
        return f"{text}\x1b[K\n" if self._can_move else f"{text}\n"
