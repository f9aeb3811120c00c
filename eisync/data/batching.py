"""Which samples share a request.

All files of a request have its headers, so only samples of one key go together; companions speak of files by name, so
a name that one of them mentions occurs once (wire contract, section 1).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from eisync.core.batching import Limits
from eisync.data.drafts import Key, Outgoing

MOST_FILES = 100
"""A request of so many small files takes about as long to answer as to send; more would only coarsen the progress."""

MOST_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class _Open:
    limits: Limits
    samples: list[Outgoing] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    described: set[str] = field(default_factory=set)
    total_bytes: int = 0

    def takes(self, sample: Outgoing) -> bool:
        if not self.samples:
            return True
        return not (
            sample.goes_alone
            or self.samples[0].goes_alone
            or len(self.samples) >= self.limits.files
            or self.total_bytes + sample.source.estimate > self.limits.bytes
            or sample.name in self.described
            or (sample.about and sample.name in self.names)
        )

    def take(self, sample: Outgoing) -> None:
        self.samples.append(sample)
        self.names.add(sample.name)
        self.total_bytes += sample.source.estimate
        if sample.about:
            self.described.add(sample.name)


def limits_for(samples: int, workers: int) -> Limits:
    """Requests just large enough that every worker has one, and no larger than they may be."""
    return Limits(files=max(8, min(MOST_FILES, -(-samples // workers))), bytes=MOST_BYTES)


def requests_of(samples: Iterable[Outgoing], limits: Limits) -> Iterator[Sequence[Outgoing]]:
    """The requests that carry `samples`, each as soon as it is full; those that never are, in the end."""
    open_by_key: dict[Key, _Open] = {}
    for sample in samples:
        current = open_by_key.get(sample.key)
        if current is None or not current.takes(sample):
            if current is not None:
                yield current.samples
            current = open_by_key[sample.key] = _Open(limits)
        current.take(sample)
    for current in open_by_key.values():
        yield current.samples
