"""The verdicts on a file's content, and the steps that all format probes share.

A probe does no I/O. It is a generator that yields a `Read` and is sent those bytes. So its caller decides how much is
read at once, and can stop between any two reads and continue later. A probe keeps no bytes while it waits, and every
read is at most `CHUNK_BYTES`.

Return `Complete` only where the format has an end of its own. Never return it for the beginning of a longer complete
file, unless only harmless parts are missing: padding, blanks, data after the format's end.

Reserved space: recorders and copying programs reserve space before they write, and a logger that loses power leaves
blocks that were never filled. Such space reads as NUL up to the end of the file. A run of NUL bytes that ends earlier
is silence, a hole, or another format.
"""

from collections.abc import Generator

from eisync.core.formats.magic import HEAD_BYTES, is_json, placeholder, recognised
from eisync.core.model import value
from eisync.core.text import amount

CHUNK_BYTES = 64 * 1024


@value
class Read:
    """The bytes that a probe needs next. They always lie inside the file."""

    offset: int
    length: int


@value
class Complete:
    """Nothing is missing. `evidence` names what in the format proves it."""

    evidence: str


@value
class Truncated:
    """Something is missing. `finding` says exactly what, for a person."""

    finding: str


@value
class Undecidable:
    """The format has no end of its own, or the content is of another format. Wait until the file stays unchanged."""

    why: str


@value
class OpenEnded:
    """The header has a length field, and the writer has not set it.

    A recorder sets it when it finishes; one that writes into a pipe never can. So the file is complete only once its
    writer is known to have ended.
    """

    why: str


Completeness = Complete | Truncated | Undecidable | OpenEnded
Probe = Generator[Read, bytes, Completeness]


def byte_count(count: int) -> str:
    """Return a number of bytes in words ("1 byte", "2,048 bytes")."""
    return amount(count, "byte")


def cut_short(name: str, *, promised: int, size: int) -> Truncated:
    """Return the finding on a file that is shorter than its header promises."""
    return Truncated(f"{name} promises {promised:,} bytes, the file has {size:,}")


def mismatch(name: str, head: bytes, *, offset: int = 0) -> Truncated | Undecidable:
    """Return the verdict when `head`, at `offset`, is not what format `name` has there.

    NUL bytes only are reserved space that was not written yet.
    """
    if head and not head.strip(b"\0"):
        return Truncated(f"there are only NUL bytes from byte {offset:,} on: reserved space that is not written yet")
    if not offset:
        return other_format(name, head)
    return Undecidable(f"it does not look like {name} at byte {offset:,}; the service will judge it")


def other_format(expected: str, head: bytes) -> Truncated | Undecidable:
    """Return the verdict on a file that begins with `head` and is not `expected` ("a Parquet file").

    The service decides by the extension and refuses most of these files, so the sentence names what the file really is.
    A pointer to content that is stored elsewhere is not complete: when the content is fetched, the file changes.
    """
    pointer = placeholder(head)
    if pointer is not None:
        return Truncated(f"it is {pointer}, which stands for the content; fetch the content itself")
    kind = recognised(head) or ("a JSON document" if is_json(head) else None)
    if kind is not None and kind != expected:
        return Undecidable(f"it is {kind}, not {expected}; the service will judge it")
    return Undecidable(f"it does not look like {expected} at byte 0; the service will judge it")


def mismatch_to_the_end(
    name: str, head: bytes, *, size: int, offset: int = 0
) -> Generator[Read, bytes, Truncated | Undecidable]:
    """Return the verdict of `mismatch`, after reading as much as its sentence needs.

    It says "only NUL bytes from `offset` on" only after all of them were read. It names the real format from the first
    `HEAD_BYTES` of the file.
    """
    if head and not head.strip(b"\0"):
        written_at = yield from after_nul(offset, size)
        if written_at < size:
            return Undecidable(
                f"it does not look like {name} at byte {offset:,}, where it has {byte_count(written_at - offset)} of "
                "NUL; the service will judge it"
            )
    elif not offset:
        head = yield Read(0, min(size, HEAD_BYTES))
    return mismatch(name, head, offset=offset)


def after_nul(offset: int, size: int) -> Generator[Read, bytes, int]:
    """Return the position of the first byte at or after `offset` that is not NUL; `size` when there is none."""
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
    """Return where the run of NUL bytes at the end of the file begins, but never less than `floor`.

    Return `size` when the last byte is not NUL. The file is read from its end, so that a file that ends in content
    costs one small read.
    """
    begins, length = size, _FIRST_BYTES
    while begins > floor:
        length = min(length, begins - floor)
        kept = len((yield Read(begins - length, length)).rstrip(b"\0"))
        if kept:
            return begins - length + kept
        begins, length = begins - length, CHUNK_BYTES
    return floor


def reserved_from(begins: int) -> Truncated:
    """Return the finding on a file that has only NUL bytes from `begins` to its end."""
    return Truncated(f"there are only NUL bytes from byte {begins:,} on: reserved space that is not written yet")
