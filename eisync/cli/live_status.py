"""`eisync status --watch`: show where everything is, again and again, in place on a terminal.

Off a terminal it prints one line whenever the sentence changes.
"""

import shutil
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from eisync.adapters import clock
from eisync.cli.options import ask
from eisync.cli.output import Screen, Style, say
from eisync.control.history_words import event_words
from eisync.core.lifecycle import State
from eisync.core.summary import span
from eisync.core.text import fitted
from eisync.errors import DaemonUnreachableError, EisyncError

MAX_SENDING = 5
MAX_EVENTS = 8
MAX_SENTENCE_LINES = 8

_STYLES = {0: Style.GOOD, 3: Style.BAD, 4: Style.BUSY}

Record = Mapping[str, Any]


def watch(config: str | None, state_dir: str | None, *, every_s: float) -> int:
    """Show the status every `every_s` seconds until Ctrl-C. Return the exit code of the status that was shown last."""
    view = _View(config, state_dir)
    screen = Screen() if sys.stdout.isatty() else None
    pause = threading.Event()
    shown = None
    try:
        while True:
            status = view.status()
            if screen is not None:
                size = shutil.get_terminal_size()
                lines = [(fitted(line, size.columns), style) for line, style in view.lines(status, size.columns)]
                screen.draw(lines[: size.lines - 1])
            elif status["sentence"] != shown:
                shown = status["sentence"]
                say(f"{clock.as_text(clock.now())} {shown}")
            pause.wait(every_s)
    except KeyboardInterrupt:
        return view.exit_code
    finally:
        if screen is not None:
            screen.end()


class _View:
    """Asks for what is shown, and remembers what rates need."""

    def __init__(self, config: str | None, state_dir: str | None) -> None:
        self._where = {"config": config, "state_dir": state_dir}
        self._before: tuple[float, int] | None = None  # when how many files were synced
        self.exit_code = 0

    def status(self) -> Record:
        """Return the status, or a sentence if a process does not answer now."""
        try:
            status: Record = next(ask({"do": "status"}, **self._where))
        except DaemonUnreachableError as error:
            return {"sentence": str(error), "exit_code": error.exit_code, "counts": {}}
        self.exit_code = status["exit_code"]
        return status

    def lines(self, status: Record, columns: int) -> Iterator[tuple[str, Style]]:
        """Yield the lines of the view with their styles. The first sentence is broken at this width."""
        style = _STYLES.get(status["exit_code"], Style.BAD)
        yield from ((line, style) for line in textwrap.wrap(status["sentence"], columns, max_lines=MAX_SENTENCE_LINES))
        if status["counts"]:
            yield "  ".join(f"{state} {number:,}" for state, number in status["counts"].items()), Style.PLAIN
        yield from ((line, Style.PLAIN) for line in self._pace(status))
        yield "", Style.PLAIN
        for group in status.get("reasons", ()):
            yield f"{group['files']:,} {group['state']}: {group['reason']}", Style.STRONG
            yield f"  next: {group['next']}", Style.PLAIN
        sending = self._records({"do": "files", "state": State.SENDING.value, "sort": "newest", "limit": MAX_SENDING})
        for record in sending:
            if record.get("what") != "page":
                yield f"sending  {record['path']}", Style.PLAIN
        events = self._records({"do": "history", "path": None, "limit": MAX_EVENTS})
        if events:
            yield "", Style.PLAIN
        for event in events[::-1]:
            what = f"{event['path']} {event_words(event)}"
            yield f"{clock.as_text(event['at'])[11:]}  {what}", Style.FAINT

    def _pace(self, status: Record) -> Iterator[str]:
        now, synced = clock.monotonic(), status["counts"].get(State.SYNCED.value, 0)
        before, self._before = self._before, (now, synced)
        parts = []
        if before is not None and now > before[0] and synced >= before[1]:
            parts.append(f"{(synced - before[1]) / (now - before[0]):,.1f} files a second")
        if status.get("oldest_pending_s") is not None:
            parts.append(f"the oldest has waited for {span(status['oldest_pending_s'])}")
        daemon = status.get("daemon")
        parts.append(f"process {daemon['pid']} runs 'eisync {daemon.get('verb', 'run')}'" if daemon else "nothing runs")
        yield "; ".join(parts)

    def _records(self, question: Record) -> list[dict[str, Any]]:
        try:
            return list(ask(question, **self._where))
        except EisyncError:  # it ended since it told the status, or is a different version
            return []
