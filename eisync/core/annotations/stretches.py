"""Collect the stretches of one recording from an annotation file, which may have several tiers of them.

A sample has one label at a time, so one tier counts: one that is called `label`, `class`, `event` or `annotation` (or
their plurals), otherwise the first one with a label in it. The entry says that the others are not sent.
"""

import re
from collections.abc import Iterable

from eisync.core.formats.json_values import why_unusable
from eisync.core.labels.entry import Entry, Stretch
from eisync.core.text import amount

MAX_STRETCHES = 20_000
"""The most stretches of a recording. No person marks more, and an entry is in memory as a whole."""

_MAX_TIERS = 1_000
_PREFERRED = re.compile(r"label|labels|class|classes|event|events|annotation|annotations", re.IGNORECASE)


def described(found: Iterable[tuple[str, Stretch | None]]) -> Entry:
    """Return what a file says of its recording, from the name of a tier and a stretch in it, or None for a gap.

    An error in what is iterated becomes the problem of the entry. Before the first stretch or gap it is raised: then
    the file has another format. The path of the entry is empty.
    """
    tiers = _Tiers()
    try:
        for tier, stretch in found:
            tiers.add(tier, stretch)
    except ValueError as error:
        if not tiers.names:
            raise
        return Entry(path="", problem=str(error))
    return tiers.entry()


def checked_label(written: str, where: str) -> str:
    """Return the label on one line. Raises ValueError when it cannot be sent."""
    label = " ".join(written.split())
    if not label:
        raise ValueError(f"{where}: the label has no text")
    if (why := why_unusable(label)) is not None:
        raise ValueError(f"{where}: {why}")
    return label


class _Tiers:
    """The names of the tiers so far, and the stretches of the one that counts."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self._chosen: str | None = None
        self._stretches: list[Stretch] = []

    def add(self, tier: str, stretch: Stretch | None) -> None:
        self.names[tier] = None
        if len(self.names) > _MAX_TIERS:
            raise ValueError(f"it has more than {_MAX_TIERS:,} tiers")
        if stretch is None:
            return
        if self._chosen is None or (_is_preferred(tier) and not _is_preferred(self._chosen)):
            self._chosen, self._stretches = tier, []
        if tier == self._chosen:
            self._stretches.append(stretch)
        if len(self._stretches) > MAX_STRETCHES:
            raise ValueError(f"it has more than {MAX_STRETCHES:,} labels")

    def entry(self) -> Entry:
        if self._chosen is None:
            if not self.names:
                raise ValueError("it has no labels")
            return Entry(path="", problem="no part of the recording has a label yet")
        others = len(self.names) - 1
        remark = f'only the tier "{self._chosen}" is sent, not {amount(others, "other tier")}' if others else None
        return Entry(path="", stretches=self._stretches, remark=remark)


def _is_preferred(tier: str) -> bool:
    return _PREFERRED.fullmatch(tier.strip()) is not None
