"""Look into a file for evidence that it is whole: on one descriptor, which is a regular file inside its root and the
version that was seen. So evidence and facts belong to the same file, whatever is put in its place meanwhile.
"""

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Iterator
from typing import Protocol

from eisync.adapters.files import OpenFolder, open_inside
from eisync.adapters.walking import is_version
from eisync.core.examination import Examination
from eisync.core.items import FileFacts
from eisync.core.settle import MARKER_SUFFIX, Marker
from eisync.errors import UnreachableError

READ_COSTS_BYTES = 512
"""What an opening and every read count for, beside the bytes that are read."""

HEAD_BYTES = 512
"""Where a walk begins with a few bytes it wants more of them next: so many are read at once."""
HASH_CHUNK_BYTES = 256 * 1024

_LATER = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_NOT_INSIDE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class Advance(Protocol):
    """`advance`, for one file after the other."""

    def __call__(
        self, examination: Examination, root: str, path: str, facts: FileFacts, *, most_bytes: int
    ) -> int | None: ...


@contextlib.contextmanager
def reading() -> Iterator[Advance]:
    """`advance` for many files: the folder of one is kept open for the next."""
    with contextlib.closing(OpenFolder()) as folder:
        yield functools.partial(_advance, folder)


class Digest(Protocol):
    """A hash that is being taken."""

    def update(self, data: bytes, /) -> None: ...


def advance(examination: Examination, root: str, path: str, facts: FileFacts, *, most_bytes: int) -> int | None:
    """Go on with the examination until it ends, or `most_bytes` are spent. Returns how many were.

    None says that there is no such file any more: another version, or a link in the way. A file that may not be read
    is given up with a verdict. Raises UnreachableError when no file can be opened at the moment.
    """
    with reading() as one:
        return one(examination, root, path, facts, most_bytes=most_bytes)


def _advance(
    folder: OpenFolder, examination: Examination, root: str, path: str, facts: FileFacts, *, most_bytes: int
) -> int | None:
    try:
        descriptor = folder.open(root, path)
    except OSError as error:
        if error.errno in _LATER:
            raise UnreachableError(f"no file can be read at the moment ({error.strerror})") from error
        return None if error.errno in _NOT_INSIDE else _give_up(examination, error)
    try:
        return _read_on(examination, descriptor, facts, most_bytes)
    except OSError as error:
        return None if _is_another(descriptor, facts) else _give_up(examination, error)
    finally:
        os.close(descriptor)


def _read_on(examination: Examination, descriptor: int, facts: FileFacts, most_bytes: int) -> int | None:
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
        if len(chunk) != read.length:
            return None  # it was cut while it was read
        examination.take(chunk)
    # One look, behind the reads: the facts were seen before them, so a file that still has them had them all the while.
    return spent if is_version(os.fstat(descriptor), facts) else None


def _is_another(descriptor: int, facts: FileFacts) -> bool:
    """Whether what was opened is certainly not the file of these facts."""
    try:
        return not is_version(os.fstat(descriptor), facts)
    except OSError:
        return False


def hash_on(digest: Digest, root: str, path: str, facts: FileFacts, *, offset: int, most_bytes: int) -> int | None:
    """Hash at most so many bytes of the file from `offset` on. Returns how many; fewer only at its end.

    None says that the file is not this version any more, or cannot be read. Raises UnreachableError when no file can
    be opened at the moment.
    """
    try:
        descriptor = open_inside(root, path)
    except OSError as error:
        if error.errno in _LATER:
            raise UnreachableError(f"no file can be read at the moment ({error.strerror})") from error
        return None
    hashed = 0
    try:
        if not is_version(os.fstat(descriptor), facts):
            return None
        while hashed < most_bytes:
            chunk = os.pread(descriptor, min(HASH_CHUNK_BYTES, most_bytes - hashed), offset + hashed)
            if not chunk:
                break
            digest.update(chunk)
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


def _give_up(examination: Examination, error: OSError) -> int:
    examination.give_up(f"it cannot be read ({error.strerror})")
    return READ_COSTS_BYTES
