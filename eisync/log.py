"""Configure structlog: JSON lines for machines, plain text on a terminal, and never a local variable or a key.

Where stderr is the journal of systemd, each line begins with its priority, which the journal takes off again: so
`journalctl -p warning` shows what it should.

Source: sd-daemon(3), "SD_WARNING"; systemd.exec(5), "$JOURNAL_STREAM", "SyslogLevelPrefix".
"""

import contextlib
import json
import logging
import sys
import threading
from collections import deque
from typing import Any, TextIO

from eisync.core.redaction import KEYS
from eisync.core.text import printable, printable_lines
from eisync.loops.ports import Log

if "rich" in sys.modules:
    import structlog
else:
    # structlog imports rich if it is installed: 4 MB for a kind of traceback that is not used here.
    sys.modules["rich"] = None  # type: ignore[assignment]  # this makes its import fail
    try:
        import structlog
    finally:
        del sys.modules["rich"]

# Created once: at a thousand files a second, a new encoder for each line is a fifth of the cost of a line.
_ENCODER = json.JSONEncoder(default=repr)

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "none": logging.CRITICAL,  # eisync logs nothing at this level
}


MAX_RECENT = 500
"""How many of the last lines are kept in memory, for a support bundle."""

_recent: deque[str] = deque(maxlen=MAX_RECENT)

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""The priority of syslog for each level."""


class Threshold:
    """The level from which on lines are logged. It may change at any time, from any thread."""

    def __init__(self, level: str) -> None:
        self._least = _LEVELS[level]

    def set(self, level: str) -> None:
        """Log lines of this level and above from now on."""
        self._least = _LEVELS[level]

    def __call__(self, _: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """Drop the line if it is below the threshold, as a processor of structlog."""
        if _LEVELS.get(method, logging.ERROR) < self._least:  # "exception" and "critical" are no levels of ours
            raise structlog.DropEvent
        return event


class Style:
    """The form of the lines: "json", "console" or "auto". It may change at any time, from any thread."""

    def __init__(self, style: str) -> None:
        self._style = style
        self._render: structlog.typing.Processor = _in_json
        self._stream: TextIO = sys.stderr

    def lead_to(self, stream: TextIO) -> None:
        """Write for this stream from now on. "auto" is console on a terminal."""
        self._stream = stream
        self.set(self._style)

    def set(self, style: str) -> None:
        """Write lines in this form from now on."""
        self._style = style
        is_terminal = self._stream.isatty()
        is_console = style == "console" or (style == "auto" and is_terminal)
        self._render = _console(colors=is_terminal) if is_console else _in_json

    def __call__(self, logger: Any, method: str, event: structlog.typing.EventDict) -> Any:
        """Return the line, as a processor of structlog."""
        return self._render(logger, method, event)


def configure(
    *,
    level: str | Threshold = "info",
    style: str | Style = "auto",
    stream: TextIO | None = None,
    is_journal: bool = False,
) -> Log:
    """Configure logging and return the logger of the process. `level` may also be "none", or a
    threshold that changes.

    `style` is "json", "console" or "auto", or one that changes. With "auto" it is console when `stream` (default:
    stderr) is a terminal. `is_journal`: the stream leads to the journal of systemd.
    """
    stream = stream or sys.stderr
    lowest = _LEVELS["debug" if isinstance(level, Threshold) else level]
    form = style if isinstance(style, Style) else Style(style)
    form.lead_to(stream)
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # plain text: the rich and the dict tracebacks print local variables
    ]
    if isinstance(level, Threshold):
        processors.insert(0, level)
    processors += [form, _without_keys]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=lambda *_: _Lines(stream, is_journal=is_journal),
        cache_logger_on_first_use=False,
    )
    logger: Log = structlog.get_logger().bind()  # resolved once, not for each line
    return logger


def recent() -> list[str]:
    """Return the last lines that this process logged, without any key."""
    return list(_recent)


class _Lines:
    """Write whole lines. Drop a line rather than raise: a full disk or a closed pipe must not end an upload."""

    def __init__(self, stream: TextIO, *, is_journal: bool) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._prefixes = {level: f"<{priority}>" if is_journal else "" for level, priority in PRIORITIES.items()}

    def _write(self, level: str, text: str) -> None:
        _recent.append(text)
        prefix = self._prefixes[level]
        if prefix:  # every line of a traceback has the priority
            text = text.replace("\n", f"\n{prefix}")
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{prefix}{text}\n")
            self._stream.flush()

    def debug(self, line: str) -> None:
        self._write("debug", line)

    def info(self, line: str) -> None:
        self._write("info", line)

    def warning(self, line: str) -> None:
        self._write("warning", line)

    def error(self, line: str) -> None:
        self._write("error", line)

    def critical(self, line: str) -> None:
        self._write("critical", line)


def _console(*, colors: bool) -> structlog.typing.Processor:
    renderer = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    return lambda logger, method, event: renderer(logger, method, _for_a_terminal(logger, method, event))


def _in_json(_: Any, __: str, event: structlog.typing.EventDict) -> str:
    return _ENCODER.encode(event).replace("\x7f", "\\u007f")


def _for_a_terminal(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    # Escape the values before the renderer adds colours to the line.
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if name in ("exception", "stack"):  # tracebacks keep their line breaks
        return printable_lines(str(value))
    return printable(value if isinstance(value, str) else repr(value))


def _without_keys(_: Any, __: str, line: Any) -> str:
    # A second safeguard: eisync logs no key, but the text of a foreign exception may contain one.
    return KEYS.text(str(line))
