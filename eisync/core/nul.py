"""Find where the NUL bytes begin that a file ends in: space that was reserved and that nothing was written into yet.

Recorders and copying programs reserve space, and a logger that loses its power leaves blocks that were never filled.
All of them read as NUL to the file's end; a run of them that ends before is silence, or a hole, or another format.
"""

from collections.abc import Generator

from eisync.core.probe import CHUNK_BYTES, Read, Truncated

_FIRST_BYTES = 16


def nul_tail(size: int, *, floor: int = 0) -> Generator[Read, bytes, int]:
    """Return where the NUL bytes begin that the file ends in, but no place before `floor`; `size` if it ends in others.

    Read from the end, so that a file that ends in content costs one small read.
    """
    begins, length = size, _FIRST_BYTES
    while begins > floor:
        length = min(length, begins - floor)
        kept = len((yield Read(begins - length, length)).rstrip(b"\0"))
        if kept:
            return begins - length + kept
        begins, length = begins - length, CHUNK_BYTES
    return floor


def reserved(begins: int) -> Truncated:
    """Return the finding on a file that holds nothing but NUL bytes from `begins` to its end."""
    return Truncated(f"there are only NUL bytes from byte {begins:,} on: reserved space that is not written yet")
