"""Write what a process prints into a file of limited size, for service managers that keep no log themselves."""

import io
import logging
import logging.handlers
import os

from eisync.errors import FolderError

MOST_BYTES = 5_000_000
KEPT = 3
"""So many full files are kept beside the one that is written, as `eisync.log.1` and so on."""


class LogFile(io.TextIOBase):
    """A text stream into a file that is set aside when it is full. Safe to use from any thread."""

    def __init__(self, path: str) -> None:
        """Open the file for writing at its end. Raise FolderError."""
        super().__init__()
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            self._handler = _Handler(
                path, maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8", errors="backslashreplace"
            )
        except OSError as error:
            raise FolderError(f"the log {path} cannot be written: {error.strerror}") from error
        self._handler.terminator = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has it as an attribute
        """The encoding of the file."""
        return "utf-8"

    def write(self, text: str) -> int:
        """Write the text as it is, or drop it when the disk is full. Raise TypeError for bytes, as text streams do."""
        if not isinstance(text, str):
            raise TypeError("a text stream takes no bytes")
        self._handler.handle(logging.LogRecord("eisync", logging.INFO, "", 0, text, None, None))
        return len(text)

    def flush(self) -> None:
        """Every text was written at once."""

    def close(self) -> None:
        """Close the file. Safe to repeat."""
        self._handler.close()
        super().close()

    def isatty(self) -> bool:
        """Return False: a file is no terminal."""
        return False


class _Handler(logging.handlers.RotatingFileHandler):
    """Drops what cannot be written: the default tells of it on stderr, which is this very file."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing."""
