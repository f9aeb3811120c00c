"""How much goes into one request, learnt from what became of the last ones.

Pure. A request that was too large, or that was never answered, halves the portion; requests that are taken let it grow
back, doubling. A limit that stands firm on the way is met ever more rarely: the patience between two attempts to grow
doubles with every refusal.
"""

import dataclasses
from dataclasses import dataclass

from eisync.core.batching import Limits

FIRST_PATIENCE = 8
LONGEST_PATIENCE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveBatchSize:
    """What one request may hold now; never above `most`, and always one file at least."""

    most: Limits
    now: Limits
    taken_in_a_row: int = 0
    patience: int = FIRST_PATIENCE  # so many requests must be taken before it grows

    @classmethod
    def full(cls, most: Limits) -> "AdaptiveBatchSize":
        """Before anything is known."""
        return cls(most=most, now=most)

    def refused(self, *, files: int, size: int) -> "AdaptiveBatchSize":
        """A request of so many files and bytes was too large."""
        return dataclasses.replace(
            self.unanswered(files=files, size=size), patience=min(LONGEST_PATIENCE, 2 * self.patience)
        )

    def unanswered(self, *, files: int, size: int) -> "AdaptiveBatchSize":
        """A request of so many files and bytes came to nothing; nobody knows whether for its size."""
        # Half of what was sent, not of what might have been: many requests of one size fail together.
        smaller = Limits(files=max(1, min(self.now.files, files // 2)), bytes=max(1, min(self.now.bytes, size // 2)))
        return dataclasses.replace(self, now=smaller, taken_in_a_row=0)

    def taken(self) -> "AdaptiveBatchSize":
        """A request was answered, file by file."""
        if self.now == self.most:
            return self if self.patience == FIRST_PATIENCE else dataclasses.replace(self, patience=FIRST_PATIENCE)
        if self.taken_in_a_row + 1 < self.patience:
            return dataclasses.replace(self, taken_in_a_row=self.taken_in_a_row + 1)
        larger = Limits(files=min(self.most.files, 2 * self.now.files), bytes=min(self.most.bytes, 2 * self.now.bytes))
        return dataclasses.replace(self, now=larger, taken_in_a_row=0)
