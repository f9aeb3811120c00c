"""structlog, set up once: JSON lines for machines, plain text on a terminal, and never a local variable or a key."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from eisync.loops.ports import Log

_KEY = re.compile(r"\bei_[0-9A-Za-z]{8,}")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(*, level: str = "info", style: str = "auto", stream: TextIO | None = None) -> Log:
    """The logger of the process. `style` is json, console, or auto: console when `stream` (stderr) is a terminal."""
    stream = stream or sys.stderr
    is_console = style == "console" or (style == "auto" and stream.isatty())
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # plain text: the rich and the dict tracebacks print local variables
        _without_keys,
    ]
    if is_console:
        processors.append(structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=_plain))
    else:
        processors.append(structlog.processors.JSONRenderer())
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logger: Log = structlog.get_logger()
    return logger


def _without_keys(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # The second line of defence: no line of ours carries a key, and a foreign exception's text might.
    for name, value in event.items():
        if isinstance(value, str) and "ei_" in value:
            event[name] = _KEY.sub("ei_…", value)
    return event


def _plain(stream: TextIO, exc_info: Any) -> None:
    stream.write("\n" + structlog.processors.format_exc_info(None, "", {"exc_info": exc_info})["exception"])
