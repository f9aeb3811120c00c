"""Read the files that say what other files are, a piece at a time."""

import contextlib
import io
import os
import stat
from collections.abc import Iterator

from eisync.adapters.files import look, open_inside
from eisync.core.eligible import Eligibility
from eisync.core.items import shown
from eisync.core.sidecars import Entry, entries_of, places_for, speaking

CHUNK_CHARACTERS = 64 * 1024


def entries(root: str, place: str) -> Iterator[Entry]:
    """What the sidecar at `place` says, entry by entry. Raises ValueError, with the reason, when it is of no use."""
    try:
        with contextlib.closing(_opened(root, place)) as text:
            yield from entries_of(place.rpartition("/")[2], iter(lambda: text.read(CHUNK_CHARACTERS), ""))
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 (byte {error.object[error.start]:#04x})") from None
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from error


def said_of(root: str, path: str, eligibility: Eligibility) -> dict[str, Entry | str | None]:
    """What each sidecar that is there says of the file at `path`, by its place: for whoever asks about one file.

    None: it does not mention the file. A text says why the sidecar is of no use.
    """
    said: dict[str, Entry | str | None] = {}
    there = [place for place in places_for(path) if look(root, place) and eligibility.ignoring(place) is None]
    for place, name in speaking(path, there).items():
        said[place] = None
        try:
            for entry in entries(root, place):
                if entry.path == shown(name):
                    said[place] = entry
        except ValueError as error:
            said[place] = str(error)
    return said


def census(root: str, place: str) -> str:
    """Of how many files the sidecar speaks, or why it is of no use, in a few words."""
    try:
        number = sum(1 for _ in entries(root, place))
    except ValueError as error:
        return f"it cannot be used: {error}"
    return f"it speaks of {number:,} {'file' if number == 1 else 'files'}"


def _opened(root: str, place: str) -> io.TextIOWrapper:
    descriptor = open_inside(root, place)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is no regular file")
    return io.TextIOWrapper(os.fdopen(descriptor, "rb"), encoding="utf-8-sig")
