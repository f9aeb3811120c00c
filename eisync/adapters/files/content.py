"""Read a file for evidence that it is whole: on one descriptor, which is a regular file inside its root and the version
that was observed. So evidence, facts and the answer who writes it belong to the same file, whatever is put in its place
meanwhile.
"""

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Callable, Iterator

from eisync.adapters.files.file_facts import OpenFolder, is_held, open_inside, raise_if_exhausted
from eisync.adapters.files.folder_walk import is_version
from eisync.core.completeness import MARKER_SUFFIX, Inspect, Inspection, Marker
from eisync.core.formats.check import FormatCheck
from eisync.core.model import FileFacts
from eisync.core.writers import SOME_WRITERS, Ask, Presence, Writers

READ_COSTS_BYTES = 512
"""What an opening and every read count for, beside the bytes that are read."""

HEAD_BYTES = 512
"""Where a walk begins with a few bytes it wants more of them next: so many are read at once."""
HASH_CHUNK_BYTES = 256 * 1024

_NOT_INSIDE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@contextlib.contextmanager
def reading(ask: Ask) -> Iterator[Inspect]:
    """`inspect` for many files: the folder of one is kept open for the next."""
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
    """Open the file once: go on with its examination, where there is one, and ask behind that who writes it.

    With `goes_on` it is asked before as well, and not a byte is read where a program writes the file, or where that
    is not known and `goes_on` says no. None says that there is no such file any more: another version, or a link in the
    way. A file that may not be read is given up with a verdict. Raises UnreachableError when no file can be opened at
    the moment.
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
                # Who opened it since the first question has written into what was read, or may yet.
                writers = None
            if writers is None:
                writers = ask(descriptor, root, path, is_last=True)
        # Once, behind all that: the facts were taken before, so a file that still has them had them all the while.
        is_same = is_version(os.fstat(descriptor), facts)
    except OSError as error:
        return None if _is_another(descriptor, facts) else _give_up(examination, error)
    finally:
        os.close(descriptor)
    if is_same:
        return Inspection(spent, writers, head=head)
    return Inspection(spent, writers, is_another=True) if writers.presence is Presence.SOME else None


def _read_on(examination: FormatCheck, descriptor: int, most_bytes: int) -> tuple[int, bytes]:
    """What it cost, in bytes, and what was read of the beginning. Where the file was cut meanwhile, it is read no
    further: its facts say so.
    """
    spent = READ_COSTS_BYTES
    head = b""
    while (read := examination.wants) is not None and spent < most_bytes:
        end = read.offset + read.length
        if not read.offset and read.length < HEAD_BYTES:
            head = os.pread(descriptor, HEAD_BYTES, 0)
            spent += len(head) + READ_COSTS_BYTES
        if end <= len(head):
            chunk = head[read.offset : end]
        else:
            chunk = os.pread(descriptor, read.length, read.offset)
            spent += len(chunk) + READ_COSTS_BYTES
            if not read.offset:
                head = chunk
        if len(chunk) != read.length:
            break
        examination.take(chunk)
    return spent, head


def _is_another(descriptor: int, facts: FileFacts) -> bool:
    """Whether what was opened is certainly not the file of these facts."""
    try:
        return not is_version(os.fstat(descriptor), facts)
    except OSError:
        return False


def hash_on(
    update: Callable[[bytes], object], root: str, path: str, facts: FileFacts, *, offset: int, most_bytes: int
) -> int | None:
    """Hash at most so many bytes of the file from `offset` on. Returns how many; fewer only at its end.

    None says that the file is not this version any more, or cannot be read. Raises UnreachableError when no file can
    be opened at the moment.
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
            chunk = os.pread(descriptor, min(HASH_CHUNK_BYTES, most_bytes - hashed), offset + hashed)
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
    """Whether the file's marker is beside it, and not older than the last change of its content.

    The content changes no later than mtime or ctime says, whichever is earlier: ctime moves with a chmod and a hard
    link too, and mtime may be set to any time.
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
