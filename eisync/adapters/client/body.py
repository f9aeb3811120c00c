"""Stream the body of an upload from its files, with a known length and at a limited rate, and hash the files meanwhile.

The body is iterated once, in order, with one open file at a time, so that memory does not grow with the files. A file
that changed since it settled ends the body early: a server that receives fewer bytes than announced stores nothing.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Generator, Iterator

from eisync.adapters import clock
from eisync.adapters.files.file_facts import OpenFolder, opened, read, read_whole, verify
from eisync.core.model import Item
from eisync.core.rate_limit import TokenBucket
from eisync.core.wire import Envelope
from eisync.core.writers import Ask
from eisync.errors import FileChangedError

CHUNK_BYTES = 64 * 1024
"""The size of a chunk. Each must be sent within the connection's time-out: a larger one needs a faster line."""

SMALL_BYTES = CHUNK_BYTES // 2
"""A file up to this size is read at once, and is sent as one chunk with the bytes before and after it."""


class Body:
    """Provide the bytes of a body to requests, which takes the length, then iterates.

    `sha256` holds the hashes of the files that were read, by item id. `spend` is called before each chunk is sent, and
    may wait; `waited_s` is the sum of its waits. `began_at` is when the first byte was asked for (monotonic): the
    connection was open then. `ask` checks which programs write a file, before its first byte is
    sent and after its last. `refuse` is called before the bytes that complete the request, and may raise
    UnreachableError: then nothing of the request is stored.
    """

    def __init__(
        self,
        envelope: Envelope,
        spend: Callable[[int], float] = lambda _: 0.0,
        ask: Ask | None = None,
        refuse: Callable[[], None] = lambda: None,
    ) -> None:
        self._envelope = envelope
        self._length = envelope.content_length  # requests asks for it several times
        self._spend = spend
        self._ask = ask
        self._refuse = refuse
        self.sha256: dict[int, str] = {}
        self.waited_s = 0.0
        self.began_at: float | None = None

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks. Raise FileError for a file that must not be sent, UnreachableError if none can be read."""
        self.began_at = clock.monotonic()
        is_small = len(self) <= CHUNK_BYTES  # then there is one piece, and its end is in it: a send less
        last = self._envelope.closing
        for piece in joined(self._pieces()):
            self.waited_s += self._spend(len(piece))
            if is_small:
                last = piece + last
            else:
                yield piece
        # Check every file once more before the last bytes complete the request.
        for part in self._envelope.parts:
            verify(part.item)
        self._refuse()
        yield last

    def _pieces(self) -> Generator[bytes, None, None]:
        with contextlib.closing(OpenFolder()) as folder:
            for part in self._envelope.parts:
                if part.item.facts.size <= SMALL_BYTES:
                    yield b"".join((part.preamble, self._content(part.item, folder), self._envelope.between))
                    continue
                yield part.preamble
                yield from self._contents(part.item, folder)
                yield self._envelope.between

    def _content(self, item: Item, folder: OpenFolder) -> bytes:
        content = read_whole(item, folder, self._ask)
        _check_left(item, item.facts.size - len(content))
        self.sha256[item.id] = hashlib.sha256(content).hexdigest()
        return content

    def _contents(self, item: Item, folder: OpenFolder) -> Iterator[bytes]:
        digest = hashlib.sha256()
        left = item.facts.size
        with opened(item, folder, self._ask) as descriptor:
            while left:
                chunk = read(descriptor, min(CHUNK_BYTES, left), item)
                _check_left(item, 0 if chunk else left)
                digest.update(chunk)
                left -= len(chunk)
                yield chunk
        self.sha256[item.id] = digest.hexdigest()


class Throttle:
    """Limit the rate of all uploads together, in bytes a second; None: no limit. Safe to use from any thread.

    The rate may change while threads wait.
    """

    def __init__(self, rate: float | None) -> None:
        self.passed_bytes = 0
        """How much may have been sent so far: a little less where threads count at the same moment."""
        self._changed = threading.Condition()
        self._bucket = None if rate is None else TokenBucket(rate=rate, at=clock.monotonic())

    def set_rate(self, rate: float | None) -> None:
        """Set the rate, also for chunks that wait already."""
        with self._changed:
            if rate is None:
                self._bucket = None
            elif self._bucket is None:
                self._bucket = TokenBucket(rate=rate, at=clock.monotonic())
            else:
                self._bucket = self._bucket.at_rate(rate, clock.monotonic())
            self._changed.notify_all()

    def spend(self, size: int) -> float:
        """Wait until a chunk of `size` bytes may be sent. Return how many seconds that took."""
        if self._bucket is None:
            self.passed_bytes += size
            return 0.0
        began_at = clock.monotonic()
        with self._changed:
            while (wait_s := self._wait_s()) > 0:
                self._changed.wait(wait_s)
            if self._bucket is not None:
                self._bucket = self._bucket.spent(size, clock.monotonic())
            self.passed_bytes += size
        return clock.monotonic() - began_at

    def _wait_s(self) -> float:
        return 0.0 if self._bucket is None else self._bucket.wait_s(clock.monotonic())


def sha256_of(item: Item) -> str:
    """Return the content hash of the item's file. Raise FileError when it has changed since it settled."""
    digest = hashlib.sha256()
    with opened(item) as descriptor:
        while chunk := read(descriptor, CHUNK_BYTES, item):
            digest.update(chunk)
    return digest.hexdigest()


def joined(pieces: Generator[bytes, None, None], chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield the same bytes in fewer chunks: for a small file, three socket calls cost more than its content."""
    waiting: list[bytes] = []
    size = 0
    with contextlib.closing(pieces):
        for piece in pieces:
            if waiting and size + len(piece) > chunk_bytes:
                yield b"".join(waiting)
                waiting, size = [], 0
            waiting.append(piece)
            size += len(piece)
    if waiting:
        yield b"".join(waiting)


def _check_left(item: Item, left: int) -> None:
    """Raise FileChangedError when `left` bytes of the announced size are missing."""
    if left:
        raise FileChangedError(f"the file ended {left} bytes early", item_id=item.id)
