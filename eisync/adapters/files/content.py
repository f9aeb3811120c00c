"""Read a file to find out whether it is complete, on one descriptor of the observed version inside its root.

So the evidence, the facts and the answer which program writes it belong to the same file, even if another file is put
in its place meanwhile.
"""

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Callable, Iterator

from eisync.adapters.files.file_facts import OpenFolder, is_held, open_inside, raise_if_exhausted
from eisync.adapters.files.folder_walk import is_version
from eisync.adapters.files.positions import read_at
from eisync.core.completeness import MARKER_SUFFIX, Inspect, Inspection, Marker
from eisync.core.formats.check import FormatCheck
from eisync.core.model import FileFacts
from eisync.core.writers import SOME_WRITERS, Ask, Presence, Writers

READ_COSTS_BYTES = 512
"""The cost that is counted for opening a file and for every read, in addition to the bytes read."""

HEAD_BYTES = 512
"""Read at least this much of the beginning: a check that asks for a few bytes there asks for more of them next."""
SMALL_BYTES = 8 * 1024
"""Read a file of up to this size at once: that costs as much as one of the reads that its check would ask for."""
HASH_CHUNK_BYTES = 256 * 1024

_NOT_INSIDE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@contextlib.contextmanager
def reading(ask: Ask) -> Iterator[Inspect]:
    """Lend `inspect` for many files: the folder of one file stays open for the next."""
    with contextlib.closing(OpenFolder()) as folder:
        yield functools.partial(_inspect, folder, ask)


def inspect(
    examination: FormatCheck | None,
    root: str,
    path: str,
    facts: FileFacts,
    ask: Ask,
    *,
    most_bytes: int,
    goes_on: Callable[[Writers], bool] | None,
) -> Inspection | None:
    """Open the file once: continue its format check, if there is one, and then ask which programs write it.

    With `goes_on`, also ask before the check. Then read no byte if a program writes the file, or if that is not known
    and `goes_on` returns False. Return None when the file is gone: there is another version, or a link in the way. A
    file that may not be read gets a final verdict. Raise UnreachableError when no file can be opened at the moment.
    """
    with reading(ask) as one:
        return one(examination, root, path, facts, most_bytes=most_bytes, goes_on=goes_on)


def _inspect(
    folder: OpenFolder,
    ask: Ask,
    examination: FormatCheck | None,
    root: str,
    path: str,
    facts: FileFacts,
    *,
    most_bytes: int,
    goes_on: Callable[[Writers], bool] | None,
) -> Inspection | None:
    try:
        descriptor = folder.open(root, path)
    except OSError as error:
        raise_if_exhausted(error)
        if is_held(error):
            return Inspection(READ_COSTS_BYTES, SOME_WRITERS)
        return None if error.errno in _NOT_INSIDE else _give_up(examination, error)
    writers, spent, head = None, READ_COSTS_BYTES, b""
    try:
        if goes_on is not None:
            writers = ask(descriptor, root, path)
        if writers is None or writers.presence is Presence.NONE or (goes_on is not None and goes_on(writers)):
            if examination is not None and examination.wants is not None:
                spent, head = _read_on(examination, descriptor, most_bytes)
                # A program that opened the file since the first question may have written into what was read.
                writers = None
            if writers is None:
                writers = ask(descriptor, root, path, is_last=True)
        # Compare once, at the end: the facts were taken before, so a file that still has them had them all the time.
        is_same = is_version(os.fstat(descriptor), facts)
    except OSError as error:
        return None if _is_another(descriptor, facts) else _give_up(examination, error)
    finally:
        os.close(descriptor)
    if is_same:
        return Inspection(spent, writers, head=head)
    return Inspection(spent, writers, is_another=True) if writers.presence is Presence.SOME else None


def _read_on(examination: FormatCheck, descriptor: int, most_bytes: int) -> tuple[int, bytes]:
    """Return the cost in bytes, and what was read of the beginning. Stop if the file was truncated meanwhile.

    The comparison of its facts notices that.
    """
    spent = READ_COSTS_BYTES
    head = b""
    least = examination.size if examination.size <= SMALL_BYTES else HEAD_BYTES
    while (read := examination.wants) is not None and spent < most_bytes:
        end = read.offset + read.length
        if not read.offset and read.length < least:
            head = read_at(descriptor, least, 0)
            spent += len(head) + READ_COSTS_BYTES
        if end <= len(head):
            chunk = head[read.offset : end]
        else:
            chunk = read_at(descriptor, read.length, read.offset)
            spent += len(chunk) + READ_COSTS_BYTES
            if not read.offset:
                head = chunk
        if len(chunk) != read.length:
            break
        examination.take(chunk)
    return spent, head


def _is_another(descriptor: int, facts: FileFacts) -> bool:
    """Return whether the opened file is certainly not the one of these facts."""
    try:
        return not is_version(os.fstat(descriptor), facts)
    except OSError:
        return False


def hash_on(
    update: Callable[[bytes], object], root: str, path: str, facts: FileFacts, *, offset: int, most_bytes: int
) -> int | None:
    """Hash at most `most_bytes` of the file from `offset` on. Return how many; fewer only at its end.

    Return None when the file is no longer this version, or cannot be read. Raise UnreachableError when no file can be
    opened at the moment.
    """
    try:
        descriptor = open_inside(root, path)
    except OSError as error:
        raise_if_exhausted(error)
        return None
    hashed = 0
    try:
        if not is_version(os.fstat(descriptor), facts):
            return None
        while hashed < most_bytes:
            chunk = read_at(descriptor, min(HASH_CHUNK_BYTES, most_bytes - hashed), offset + hashed)
            if not chunk:
                break
            update(chunk)
            hashed += len(chunk)
        return hashed if is_version(os.fstat(descriptor), facts) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def marker_of(root: str, path: str) -> Marker:
    """Return whether the file's marker exists beside it, and whether it is not older than the file's content.

    The last change of the content is no later than the earlier one of mtime and ctime: a chmod or a hard link changes
    ctime too, and mtime may be set to any time.
    """
    place = os.path.join(root, path)
    try:
        marker = os.lstat(place + MARKER_SUFFIX)
        file = os.lstat(place)
    except OSError:
        return Marker.ABSENT
    if not stat.S_ISREG(marker.st_mode):
        return Marker.ABSENT
    is_newer = max(marker.st_mtime_ns, marker.st_ctime_ns) >= min(file.st_mtime_ns, file.st_ctime_ns)
    return Marker.SET if is_newer else Marker.OLDER


def _give_up(examination: FormatCheck | None, error: OSError) -> Inspection:
    if examination is not None:
        examination.give_up(f"it cannot be read ({error.strerror})")
    return Inspection(READ_COSTS_BYTES, None)
