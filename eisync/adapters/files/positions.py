"""Read from any place of an open file, on every system."""

import os

_HAS_PREAD = hasattr(os, "pread")  # Windows has none


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Return at most `length` bytes from `offset` on. Raise OSError.

    On Windows this moves the position of the descriptor, so only one thread may read it at a time.
    """
    if _HAS_PREAD:
        return os.pread(descriptor, length, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, length)
