"""Convert what annotations say of a file into its own pixels and values."""

from collections.abc import Mapping
from dataclasses import replace

from eisync.core.annotations.pixels import boxes_in_pixels
from eisync.core.annotations.samples import structured_labels
from eisync.core.formats.sampling import Sampling
from eisync.core.labels.entry import Entry
from eisync.core.model import value


@value(kw_only=True)
class Measured:
    """What was found out about a file. `size`: the width and height of an image, in pixels. None: not known.

    `trouble`: why the sampling of a recording is not known.
    """

    size: tuple[int, int] | None = None
    sampling: Sampling | None = None
    trouble: str | None = None


def without_measures(entry: Entry, measured: Measured | None, names: Mapping[str, str] | None) -> Entry:
    """Return the entry with boxes in pixels and labels by index instead of its regions and stretches.

    `names`: those of the classes, if the entry gives classes by number. Raises ValueError, with a clause for a person,
    when a region or a stretch does not fit the file, or the file could not be measured.

    >>> without_measures(Entry(path="a.png", regions=[]), None, None).bounding_boxes
    []
    """
    boxes, labels = entry.bounding_boxes, entry.structured_labels
    if entry.regions is not None:
        boxes = _boxes(entry, measured, names) if entry.regions else []
    if entry.stretches:
        if measured is None or measured.sampling is None:
            why = None if measured is None else measured.trouble
            raise ValueError(f"where its parts lie in the recording is not known: {why or 'it cannot be read'}")
        found = measured.sampling
        labels = structured_labels(entry.stretches, values=found.values, interval_ms=found.interval_ms)
    return replace(entry, regions=None, stretches=None, bounding_boxes=boxes, structured_labels=labels)


def _boxes(entry: Entry, measured: Measured | None, names: Mapping[str, str] | None) -> list[dict[str, object]]:
    assert entry.regions is not None
    if measured is None or measured.size is None:
        raise ValueError("the size of the image could not be read, so its boxes are not known")
    return boxes_in_pixels(
        entry.regions,
        is_relative=entry.is_relative,
        said_size=entry.size,
        size=measured.size,
        names=names,
    )
