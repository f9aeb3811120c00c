"""Keep the sentences that a page shows once, after a button was pressed."""

import secrets
import threading

KEPT = 100


class Notices:
    """The latest sentences, by random names. Safe from any thread."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, sentence: str) -> str:
        """Keep the sentence, and return its name for the address of the next page."""
        name = secrets.token_hex(8)
        with self._lock:
            self._sentences[name] = sentence
            while len(self._sentences) > KEPT:
                self._sentences.pop(next(iter(self._sentences)))
        return name

    def take(self, name: str | None) -> str | None:
        """Return the sentence, once."""
        with self._lock:
            return None if name is None else self._sentences.pop(name, None)
