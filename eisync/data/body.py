"""The body of one request: of known length, read from its sources while it is sent, in pieces worth a system call."""

from collections.abc import Iterator, Sequence

from eisync.core.labels.parts import LabelParts
from eisync.core.wire import closing, preamble
from eisync.data.drafts import Outgoing
from eisync.data.sources import CHUNK_BYTES, Content, SourceError
from eisync.errors import FileUnreadableError

_BETWEEN = b"\r\n"


class Body:
    """Bytes for requests: it asks for the length, then iterates; each iteration reads anew.

    Building it loads the sources and raises FileUnreadableError, as iterating does; `item_id` is then the index among
    `samples`. A body that ends before its end is stored by nobody.
    """

    def __init__(self, samples: Sequence[Outgoing], boundary: str) -> None:
        companions = LabelParts()
        self._files: list[tuple[bytes, Content]] = []
        for index, sample in enumerate(samples):
            try:
                content = sample.source.load()
            except SourceError as error:
                raise FileUnreadableError(str(error), item_id=index) from error
            self._files.append((preamble(sample.name, boundary), content))
            companions.add(sample.name, sample.about)
        self._closing = closing(companions, boundary)

    def __len__(self) -> int:
        return sum(len(head) + content.size + len(_BETWEEN) for head, content in self._files) + len(self._closing)

    def __iter__(self) -> Iterator[bytes]:
        gathered = bytearray()
        for piece in self._pieces():
            if len(piece) >= CHUNK_BYTES:
                yield bytes(gathered)
                yield piece
                gathered.clear()
                continue
            gathered += piece
            if len(gathered) >= CHUNK_BYTES:
                yield bytes(gathered)
                gathered.clear()
        yield bytes(gathered)

    def _pieces(self) -> Iterator[bytes]:
        for index, (head, content) in enumerate(self._files):
            yield head
            try:
                yield from content.chunks()
            except SourceError as error:
                raise FileUnreadableError(str(error), item_id=index) from error
            yield _BETWEEN
        yield self._closing
