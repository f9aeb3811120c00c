"""Decide which entries of a sidecar speak of a file: by its exact name first, then by the same name in another form.

Names that differ in case are two names, and a name that only looks alike is another one; where such an entry is all
there is, that is told, because somebody most likely meant this file. An image may be named once for each of its boxes:
then all of them are its boxes. Pure.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eisync.core.labels.sidecars import BESIDE, Entry
from eisync.core.text import nfc

MOST_JOINED = 4_000
"""So many boxes or ranges of one file are put together, and no more."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """The sidecar does not mention the file, and mentions one that is called nearly so.

    `is_taken`: that one is there, too, and is another file. `is_form`: the names differ in form only.
    """

    mentioned: str
    is_taken: bool = False
    is_form: bool = False

    def sentence(self, place: str, name: str) -> str:
        """Say so of the file `name`, as the sidecar at `place` would call it.

        >>> NearMiss("Idle.1.csv").sentence("info.labels", "idle.1.csv")
        "info.labels mentions 'Idle.1.csv', but the file is 'idle.1.csv': rename one of them"
        """
        if self.is_form and self.is_taken:
            return (
                f"{place} mentions {self.mentioned!r}, which is another file there. This one only looks the same "
                "(its accents are stored differently): mention both, or rename one of them"
            )
        if self.is_taken:
            return f"{place} mentions {self.mentioned!r}, which is another file, not {name!r}: mention both"
        return f"{place} mentions {self.mentioned!r}, but the file is {name!r}: rename one of them"


def joins(sidecar_name: str) -> bool:
    """Whether all entries of one path count together in a sidecar of this name. In an account the last one counts.

    >>> joins("bounding_boxes.labels"), joins("info.labels")
    (True, False)
    """
    return sidecar_name in BESIDE


def joined(entries: Sequence[Entry]) -> Entry | None:
    """Return what entries of one path say together: every box and range once. None where there are none."""
    if len(entries) < 2:
        return entries[0] if entries else None
    problem = next((entry.problem for entry in entries if entry.problem is not None), None)
    boxes = _once(entry.bounding_boxes for entry in entries)
    ranges = _once(entry.structured_labels for entry in entries)
    if problem is None and max(len(boxes or ()), len(ranges or ())) > MOST_JOINED:
        problem = f"its entries give more than {MOST_JOINED:,} boxes or ranges"
    if problem is not None:
        return Entry(path=entries[-1].path, problem=problem)
    return replace(entries[-1], bounding_boxes=boxes, structured_labels=ranges)


def collected(sidecar_name: str, entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return what a sidecar of this name says, by path."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if joins(sidecar_name):
            found.setdefault(entry.path, []).append(entry)
        else:
            found[entry.path] = [entry]
    together = {path: joined(some) for path, some in found.items()}
    return {path: entry for path, entry in together.items() if entry is not None}


def near(name: str, alike: Mapping[str, Entry], taken: Collection[str]) -> Entry | NearMiss | None:
    """Return what a sidecar says of the file `name` that has no entry under exactly that name.

    `alike` are its entries for names that differ from that in form or case only, `taken` those of these names that
    other files have. Two entries for one name that say different things are of no use: the entry has a problem then.
    """
    same_form = {path: entry for path, entry in alike.items() if nfc(path) == nfc(name)}
    found = [entry for path, entry in same_form.items() if path not in taken]
    if found:
        is_one = all(replace(entry, path="") == replace(found[0], path="") for entry in found)
        return found[0] if is_one else Entry(path=name, problem=_TWICE)
    for is_form, paths in ((True, same_form), (False, alike)):
        for path in sorted(paths, key=lambda one: one in taken):
            return NearMiss(path, is_taken=path in taken, is_form=is_form)
    return None


_TWICE = "two names that look the same have entries (their accents are stored differently); keep one"


def _once(lists: Iterable[list[dict[str, Any]] | None]) -> list[dict[str, Any]] | None:
    found: dict[str, dict[str, Any]] | None = None
    for some in lists:
        if some is not None:
            found = found or {}
            found.update((json.dumps(one, sort_keys=True), one) for one in some)
    return None if found is None else list(found.values())
