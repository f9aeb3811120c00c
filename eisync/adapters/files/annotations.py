"""List the annotation files of a folder, read them, and measure the files that they describe.

Everything is opened inside the root, and follows no link. What was read belongs to the version with the given facts.
"""

import os
import stat
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

from eisync.adapters.files.file_facts import open_inside, raise_if_exhausted
from eisync.adapters.files.folder_walk import is_version
from eisync.adapters.files.positions import read_at
from eisync.core.annotations import class_names as class_lists
from eisync.core.annotations.encoding import encoding_of
from eisync.core.annotations.formats import HEAD_CHARACTERS
from eisync.core.annotations.measuring import Measured
from eisync.core.annotations.places import NOTHING, Listing, is_image, listing_of
from eisync.core.formats.image_size import image_size
from eisync.core.formats.probe import Read
from eisync.core.formats.sampling import Sampling, sampling
from eisync.core.model import FileFacts

MAX_COMPANION_BYTES = 4 * 1024 * 1024
"""The largest companion or list of classes that is read."""

MAX_MEASURED_BYTES = 64 * 1024 * 1024
"""Read at most this much of a file to find out how long the recording is."""

Found = TypeVar("Found")

_LISTED = (
    *(".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".xml", ".yaml", ".yml", ".names", ".labels", ".textgrid"),
)


def listing(root: str, folder: str) -> Listing:
    """Return what the folder holds of annotations. Nothing when it cannot be read."""
    files: list[str] = []
    folders: list[str] = []
    entries = 0
    try:
        with os.scandir(os.path.join(root, folder)) as found:
            for entry in found:
                entries += 1
                name = entry.name
                if name.lower().endswith(_LISTED):
                    files.append(name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(name)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise_if_exhausted(error)
        return NOTHING
    return listing_of(files, folders, entries)


def head_of(root: str, place: str, facts: FileFacts) -> str:
    """Return the first characters of the file; empty when it cannot be read or is another version by now."""
    head = _bytes_of(root, place, facts, HEAD_CHARACTERS) or b""
    return head.decode(encoding_of(head), "replace")


def text_of(root: str, place: str, facts: FileFacts) -> str:
    """Return the text of the file. Raise ValueError, with the reason, when it cannot be read as a whole."""
    if facts.size > MAX_COMPANION_BYTES:
        raise ValueError(f"it has more than {MAX_COMPANION_BYTES:,} bytes")
    content = _bytes_of(root, place, facts, MAX_COMPANION_BYTES)
    if content is None:
        raise ValueError("it cannot be read, or changed a moment ago")
    return _decoded(content)


def class_names(root: str, place: str, facts: FileFacts) -> dict[str, str] | str:
    """Return the names in a list of classes, by number; or why it cannot be used."""
    try:
        return class_lists.read(place.rpartition("/")[2], text_of(root, place, facts))
    except ValueError as error:
        return str(error)


def measured(root: str, path: str, facts: FileFacts) -> Measured:
    """Return the size of an image, or the length and rate of a recording.

    Raise UnreachableError when no file can be opened at the moment.
    """
    if is_image(path):
        return Measured(size=_measure(root, path, facts, image_size(facts.size)))
    found = _measure(root, path, facts, sampling(path, facts.size))
    if isinstance(found, Sampling):
        return Measured(sampling=found)
    return Measured(trouble="it cannot be read" if found is None else found.why)


def _measure(root: str, path: str, facts: FileFacts, probe: Generator[Read, bytes, Found]) -> Found | None:
    """Return what the probe finds out about the file; None when it cannot be read, or would take too much reading."""
    try:
        descriptor = open_inside(root, path)
    except OSError as error:
        raise_if_exhausted(error)
        return None
    left = MAX_MEASURED_BYTES
    try:
        if not is_version(os.fstat(descriptor), facts):
            return None
        with closing(probe):
            wanted = next(probe)
            while left > 0:
                left -= wanted.length
                wanted = probe.send(read_at(descriptor, wanted.length, wanted.offset))
            return None
    except StopIteration as end:
        found: Found | None = end.value
        return found
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _bytes_of(root: str, place: str, facts: FileFacts, most: int) -> bytes | None:
    try:
        descriptor = open_inside(root, place)
    except OSError as error:
        raise_if_exhausted(error)
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not is_version(status, facts):
            return None
        return read_at(descriptor, most, 0)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _decoded(content: bytes) -> str:
    encoding = encoding_of(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("cp1252" if encoding == "utf-8" else encoding, "replace")
