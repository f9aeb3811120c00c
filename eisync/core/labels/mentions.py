"""Decide which entries of a sidecar describe a file: by its exact name first, then by the same name in another form.

Names that differ in letter case are different names. But if such an entry is the only one, it is reported, because it
most likely means this file. An image may have one entry for each of its boxes; then all these boxes count.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from eisync.core.labels.entry import Entry, Region, Stretch
from eisync.core.labels.sidecars import BESIDE
from eisync.core.model import value
from eisync.core.text import nfc

_Part = TypeVar("_Part", Region, Stretch)

MAX_JOINED = 4_000
"""The most boxes or ranges that are combined for one file."""


@value
class NearMiss:
    """The sidecar does not mention the file, but mentions a very similar name.

    `is_taken` says that another file has that name. `is_form` says that the names differ only in Unicode form.
    """

    mentioned: str
    is_taken: bool = False
    is_form: bool = False

    def sentence(self, place: str, name: str) -> str:
        """Return the sentence about the file `name`, which is relative to the folder of the sidecar at `place`.

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


def combines_entries(sidecar_name: str) -> bool:
    """Return whether a sidecar of this name combines all entries for one path. In `info.labels` the last one counts.

    >>> combines_entries("bounding_boxes.labels"), combines_entries("info.labels")
    (True, False)
    """
    return sidecar_name in BESIDE


def combined(entries: Sequence[Entry]) -> Entry | None:
    """Combine the entries for one path into one, with every box and range once. Return None when there are none."""
    if len(entries) < 2:
        return entries[0] if entries else None
    problem = next((entry.problem for entry in entries if entry.problem is not None), None)
    boxes = _unique(entry.bounding_boxes for entry in entries)
    ranges = _unique(entry.structured_labels for entry in entries)
    regions = _each_once(entry.regions for entry in entries)
    stretches = _each_once(entry.stretches for entry in entries)
    if problem is None and max(len(some or ()) for some in (boxes, ranges, regions, stretches)) > MAX_JOINED:
        problem = f"its entries give more than {MAX_JOINED:,} boxes or ranges"
    if problem is None and len({entry.more for entry in entries if entry.more is not None}) > 1:
        problem = "two images in it have this name; give each its folder there"
    found = joined(entries)
    problem = problem or found.problem
    if problem is not None:
        return Entry(path=entries[-1].path, problem=problem)
    return replace(
        found,
        bounding_boxes=boxes,
        structured_labels=ranges,
        regions=regions,
        stretches=stretches,
        size=next((entry.size for entry in entries if entry.size is not None), None),
        more=next((entry.more for entry in entries if entry.more is not None), None),
    )


def with_more(entry: Entry, more: Entry) -> Entry:
    """Return the entry with the regions of another one, to which it refers."""
    if more.problem is not None:
        return replace(entry, problem=more.problem)
    return replace(
        entry, regions=[*(entry.regions or ()), *(more.regions or ())], remark=entry.remark or more.remark, more=None
    )


def with_boxes(entry: Entry, boxes: list[Region]) -> Entry:
    """Return the entry with these boxes of its image added."""
    if len(boxes) > MAX_JOINED:
        return replace(entry, problem=f"it gives more than {MAX_JOINED:,} boxes")
    return replace(entry, regions=[*(entry.regions or ()), *boxes], more=None)


def joined(entries: Sequence[Entry]) -> Entry:
    """Return the label, category and metadata that the entries of one path give together.

    These are those of the first one, with what the others add.

    If two of them disagree, the result has a problem that names both places.
    """
    found = entries[0]
    for other in entries[1:]:
        if found.problem is not None:
            return found
        found = other if other.problem is not None else _both(found, other)
    return found


def _both(one: Entry, other: Entry) -> Entry:
    for what in ("label", "category", "size"):
        if None not in (getattr(one, what), getattr(other, what)) and getattr(one, what) != getattr(other, what):
            return _dispute(one, other, what, getattr(one, what), getattr(other, what))
    metadata, more = one.metadata or {}, other.metadata or {}
    for name in metadata.keys() & more.keys():
        if metadata[name] != more[name]:
            return _dispute(one, other, f"metadata {name}", metadata[name], more[name])
    return replace(
        one,
        label=one.label if one.label is not None else other.label,
        category=one.category or other.category,
        metadata={**metadata, **more} or None,
        remark=one.remark or other.remark,
    )


def _dispute(one: Entry, other: Entry, what: str, first: Any, second: Any) -> Entry:
    says = [json.dumps(each, ensure_ascii=False)[:100] for each in (first, second)]
    places = [each.where or "one entry" for each in (one, other)]
    why = f"{places[0]} gives the {what} {says[0]}, and {places[1]} gives {says[1]}"
    return Entry(path=one.path, problem=why, where=one.where)


def collected(sidecar_name: str, entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the entries of a sidecar of this name, one for each path."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if combines_entries(sidecar_name):
            found.setdefault(entry.path, []).append(entry)
        else:
            found[entry.path] = [entry]
    together = {path: combined(some) for path, some in found.items()}
    return {path: entry for path, entry in together.items() if entry is not None}


def near(name: str, alike: Mapping[str, Entry], taken: Collection[str]) -> Entry | NearMiss | None:
    """Return the entry for the file `name` when the sidecar has none for exactly that name, or a near miss.

    `alike` are its entries for names that differ only in Unicode form or letter case. `taken` are those of these names
    that other files have. When two entries for the same name differ, neither can be used: the entry that is returned
    has a problem.
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


def _unique(lists: Iterable[list[dict[str, Any]] | None]) -> list[dict[str, Any]] | None:
    found: dict[str, dict[str, Any]] | None = None
    for some in lists:
        if some is not None:
            found = found or {}
            found.update((json.dumps(one, sort_keys=True), one) for one in some)
    return None if found is None else list(found.values())


def _each_once(lists: Iterable[list[_Part] | None]) -> list[_Part] | None:
    """Return the regions or stretches of all lists. Two that differ only in where they stand are one."""
    found: dict[tuple[object, ...], _Part] | None = None
    for some in lists:
        if some is not None:
            found = found or {}
            for one in some:
                found.setdefault(one[:-1], one)
    return None if found is None else list(found.values())
