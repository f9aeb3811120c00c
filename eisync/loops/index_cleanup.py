"""Let files that exist nowhere leave the index, a little at a time and beside the passes, which may take hours."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from eisync.core.actions import Policy
from eisync.loops.ports import Forgets

EVERY_S = 10.0


class Owner(Protocol):
    """A target, and what follows from what happens to its files, by root."""

    @property
    def target(self) -> str: ...
    @property
    def allow_duplicates(self) -> bool: ...
    @property
    def policies(self) -> Mapping[int, Policy]: ...


class IndexCleanup:
    """What leaves, and when. `is_under_way`: there is more to be done at once."""

    def __init__(self, forgets: Forgets | None, owners: Sequence[Owner]) -> None:
        self._forgets = forgets
        self._owners = owners
        self._due_at = 0.0
        self.is_under_way = False

    def step(self, now: float) -> bool:
        """Let some go, where it is time. Returns whether there is more."""
        self._due_at = min(self._due_at, now + EVERY_S)  # the clock may have been set back
        if self._forgets is None or (now < self._due_at and not self.is_under_way):
            return False
        left = sum(self._forgets.forget(one.target, _roots(one), now=now) for one in self._owners)
        self.is_under_way = bool(left) or self._forgets.give_back()
        self._due_at = now + EVERY_S
        return self.is_under_way


def _roots(owner: Owner) -> list[int]:
    # Where duplicates are allowed, a file that comes back is known by its row alone; where its samples are to be
    # deleted, its absence has to be seen first.
    return [root for root, policy in owner.policies.items() if not (owner.allow_duplicates or policy.deletes_samples)]
