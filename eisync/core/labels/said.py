"""Name what the files that describe a file say of it, so that a change of theirs can be told from one of the rules."""

from collections.abc import Iterable, Mapping

from eisync.core.labels.entry import Entry
from eisync.core.labels.parts import PartKind

LABEL, CATEGORY = "label", "category"


def said_by(entries: Iterable[Entry], parts: Iterable[PartKind]) -> frozenset[str]:
    """Return the names of what the entries say, whatever the values. `parts` are the kinds that they give.

    >>> sorted(said_by([Entry(path="a.png", label="cat", metadata={"site": "1"})], [PartKind.BOXES]))
    ['boxes', 'label', 'metadata site']
    """
    said = {part_key(kind) for kind in parts}
    for entry in entries:
        if entry.label or entry.is_unlabeled:
            said.add(LABEL)
        if entry.category is not None:
            said.add(CATEGORY)
        if isinstance(entry.metadata, Mapping):
            said.update(map(metadata_key, entry.metadata))
    return frozenset(said)


def metadata_key(name: str) -> str:
    """Return the name of an entry of the metadata."""
    return f"metadata {name}"


def part_key(kind: PartKind) -> str:
    """Return the name of a part."""
    return kind.name.lower()
