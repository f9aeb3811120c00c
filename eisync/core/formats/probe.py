"""What the content of a file tells about its wholeness, and how a format is asked for it.

Pure and without I/O: a walk is a generator that asks for bytes by `Read` and is handed them, so that whoever drives it
decides how much is read at once, and may stop between any two reads and go on later. A walk keeps no bytes while it
waits, and every read is at most `CHUNK_BYTES`.

`Complete` is said only where the format has an end of its own, and never of a piece that a longer whole file begins
with, but for what may be missing without harm: padding, blanks, what stands behind the format's end.

Find where the NUL bytes begin that a file ends in: space that was reserved and that nothing was written into yet.

Recorders and copying programs reserve space, and a logger that loses its power leaves blocks that were never filled.
All of them read as NUL to the file's end; a run of them that ends before is silence, or a hole, or another format.
"""

from collections.abc import Generator
from dataclasses import dataclass

from eisync.core.formats.magic import HEAD_BYTES, is_json, placeholder, recognised
from eisync.core.model import value
from eisync.core.text import amount

CHUNK_BYTES = 64 * 1024


@value
class Read:
    """The bytes that a walk wants next; they lie inside the file."""

    offset: int
    length: int


@value
class Complete:
    """The format says that nothing is missing; `evidence` says by what."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Truncated:
    """The format says that something is missing: what, exactly, for a person."""

    finding: str


@dataclass(frozen=True, slots=True)
class Undecidable:
    """The format has no end of its own, or the content is not of the format. Only stillness can tell."""

    why: str


@dataclass(frozen=True, slots=True)
class OpenEnded:
    """The format has a place for its length, and its writer has left it open: until it ends, or for good, as one that
    writes into a pipe must. Only who knows that the writer ended can tell."""

    why: str


Completeness = Complete | Truncated | Undecidable | OpenEnded
Probe = Generator[Read, bytes, Completeness]


def counted(count: int) -> str:
    """So many bytes, in words."""
    return amount(count, "byte")


def cut_short(name: str, *, promised: int, size: int) -> Truncated:
    """A file that is shorter than it says."""
    return Truncated(f"{name} promises {promised:,} bytes, the file has {size:,}")


def unlike(name: str, head: bytes, *, offset: int = 0) -> Truncated | Undecidable:
    """`head`, at `offset`, is not what `name` has there. A hole is space that was reserved and not written yet."""
    if head and not head.strip(b"\0"):
        return Truncated(f"there are only NUL bytes from byte {offset:,} on: reserved space that is not written yet")
    if not offset:
        return foreign(name, head)
    return Undecidable(f"it does not look like {name} at byte {offset:,}; the service will judge it")


def foreign(expected: str, head: bytes) -> Truncated | Undecidable:
    """Return the verdict on a file that begins with `head` and is not `expected` ("a Parquet file").

    The service decides by the extension and refuses most of these, and the sentence says what the file really is. What
    only stands in place of content that is elsewhere is not complete: when the content is fetched, the file changes.
    """
    pointer = placeholder(head)
    if pointer is not None:
        return Truncated(f"it is {pointer}, which stands for the content; fetch the content itself")
    kind = recognised(head) or ("a JSON document" if is_json(head) else None)
    if kind is not None and kind != expected:
        return Undecidable(f"it is {kind}, not {expected}; the service will judge it")
    return Undecidable(f"it does not look like {expected} at byte 0; the service will judge it")


def unlike_to_the_end(
    name: str, head: bytes, *, size: int, offset: int = 0
) -> Generator[Read, bytes, Truncated | Undecidable]:
    """`unlike`, which says that there are only NUL bytes from `offset` on after it has seen all of them, and names a
    file by as many of its first bytes as that takes."""
    if head and not head.strip(b"\0"):
        written_at = yield from behind_nul(offset, size)
        if written_at < size:
            return Undecidable(
                f"it does not look like {name} at byte {offset:,}, where it has {counted(written_at - offset)} of NUL; "
                "the service will judge it"
            )
    elif not offset:
        head = yield Read(0, min(size, HEAD_BYTES))
    return unlike(name, head, offset=offset)


def behind_nul(offset: int, size: int) -> Generator[Read, bytes, int]:
    """Return where the first byte from `offset` on stands that is not NUL; `size` when there is none."""
    while offset < size:
        length = min(CHUNK_BYTES, size - offset)
        nul = yield from _nul_at_the_start(offset, length)
        offset += nul
        if nul < length:
            break
    return offset


def _nul_at_the_start(offset: int, length: int) -> Generator[Read, bytes, int]:
    return length - len((yield Read(offset, length)).lstrip(b"\0"))


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
