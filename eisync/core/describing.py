"""From all that is said of a file to what is sent of it: label, category, metadata, boxes and the like.

What a sidecar says of this very file goes before what the configuration says of its folder. Pure.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from eisync.core.companions import Kind, packed
from eisync.core.items import Category
from eisync.core.labelling import Labelling
from eisync.core.sidecars import Entry
from eisync.core.values import value

LONGEST_LABEL = 16 * 1024
MOST_METADATA = 500
LONGEST_METADATA = 64 * 1024
"""Labels and metadata travel in headers: no server takes headers of this length (wire contract, section 1)."""

_CATEGORIES = {category.value: category for category in Category}


@value(kw_only=True)
class Description:
    """What is sent of a file beside its content. `companions` as `eisync.core.companions.packed` gives it."""

    label: str | None
    category: Category
    metadata: Mapping[str, str] = field(default_factory=dict)
    companions: str | None = None

    @property
    def weight(self) -> int:
        """How much there is to hold of it, in bytes of JSON at most."""
        texts = (self.label or "", *self.metadata, *self.metadata.values())
        return len(self.companions or "") + sum(map(_weight, texts))


def describe(path: str, labelling: Labelling, metadata: Mapping[str, str], entries: Iterable[Entry]) -> Description:
    """The file at `path`, relative to its root; of the `entries` that speak of it, later ones go before earlier ones.

    Raises ValueError, with one clause for a person, when what they say could not be sent.
    """
    label, category = labelling.of(path)
    about: dict[Kind, Any] = {}
    said = dict(metadata)
    for entry in entries:
        if entry.problem is not None:
            raise ValueError(entry.problem)
        if entry.is_unlabeled:
            label = None
        elif entry.label:
            label = _text(entry.label, "label")
            if _weight(label) > LONGEST_LABEL:
                raise ValueError(f"it gives a label of more than {LONGEST_LABEL:,} bytes, as it would be sent")
        if entry.category is not None:
            category = _category(entry.category)
        said |= _metadata(entry.metadata)
        for kind, found in (
            (Kind.BOXES, entry.bounding_boxes),
            (Kind.STRUCTURED, entry.structured_labels),
            (Kind.LABEL_MAP, entry.label_map),
        ):
            if found is not None:
                about[kind] = _listed(kind, found)
    return Description(label=label, category=category, metadata=said, companions=packed(about))


def _category(name: object) -> Category:
    if not isinstance(name, str) or name not in _CATEGORIES:
        raise ValueError(f"it gives the category {name!r}, and there are {', '.join(_CATEGORIES)}")
    return _CATEGORIES[name]


def _metadata(found: Any) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError("it gives metadata that are no object of names and texts")
    if len(found) > MOST_METADATA:
        raise ValueError(f"it gives more than {MOST_METADATA} metadata")
    said = {
        _text(name, "metadata"): _text(value if isinstance(value, str) else json.dumps(value), "metadata")
        for name, value in found.items()
    }
    if sum(map(_weight, [*said, *said.values()])) > LONGEST_METADATA:
        raise ValueError(f"it gives metadata of more than {LONGEST_METADATA:,} bytes, as they would be sent")
    return said


def _text(text: str, what: str) -> str:
    # JSON may hold half a character (a lone surrogate), which no header and no database takes.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"it gives a {what} with half a character in it") from None
    return text


def _weight(text: str) -> int:
    """How many bytes the text is at most, with escapes."""
    return len(text) if text.isascii() else 12 * len(text)


def _listed(kind: Kind, found: Any) -> Any:
    if kind is Kind.LABEL_MAP:
        return dict(found)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"it gives {kind.value[2]} that are no list of objects")
    return found
