"""Store what was told on each channel of notifications, in a file of its own beside the database.

No table: the file must be readable when the database is not, and losing it costs no more than a notification that is
repeated.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from typing import Any

from eisync.errors import StateError
from eisync.store.state_folder import LEDGERS_NAME, open_private, write_anew

LONGEST_BYTES = 1024 * 1024


class Ledgers:
    """The file of one state folder. Only the process that holds the folder may write it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self) -> dict[str, Any]:
        """Return what was stored last, by channel; nothing when there is none, or when it cannot be read."""
        with (
            contextlib.suppress(OSError, ValueError, RecursionError),
            open(open_private(self._folder, LEDGERS_NAME, os.O_RDONLY), encoding="utf-8") as file,
        ):
            stored = json.loads(file.read(LONGEST_BYTES))
            return stored if isinstance(stored, dict) else {}
        return {}

    def write(self, stored: Mapping[str, Any]) -> None:
        """Replace what was stored, whole or not at all. Raise StateError."""
        content = json.dumps(stored).encode()
        try:
            write_anew(self._folder, f"{LEDGERS_NAME}.new", content)
            os.replace(os.path.join(self._folder, f"{LEDGERS_NAME}.new"), os.path.join(self._folder, LEDGERS_NAME))
        except OSError as error:
            raise StateError(f"{LEDGERS_NAME} cannot be written in {self._folder}: {error.strerror}") from error
