"""Convert stretches of a recording, which are in seconds, into structured labels, which are in indexes of its values.

The service wants ranges from the first value to the last, without a hole, and both ends of a range belong to it. It
merges equal neighbours itself; so does this module, so that what is compared with the service later is the same.

Sources: the wire contract, sections 1 and "Second measurement" (structured labels); Edge Impulse's documentation,
"Multi-label" ("The entire data sample needs to have a label, you cannot leave parts unlabeled").
"""

import math
from collections.abc import Sequence
from typing import Any

from eisync.core.labels.entry import Stretch
from eisync.core.model import value

UNLABELED = "unlabeled"
"""The label of what lies between stretches.

Studio has no range without a label, and its documentation names none for this. `unlabeled` is what Studio and its
exports call a sample without a label. It becomes a class like any other: someone who wants `noise` there passes that.
"""

_TOLERANCE = 0.5  # of one value: what rounding alone can move


@value
class _Range:
    """A range of values, from `start` up to `end`, and where the stretch really ends (in values)."""

    start: int
    end: int
    exact_end: float
    stretch: Stretch


def structured_labels(
    stretches: Sequence[Stretch], *, values: int, interval_ms: float, gap_label: str = UNLABELED
) -> list[dict[str, Any]]:
    """Return `[{"startIndex", "endIndex", "label"}]` for a recording of `values` values, one each `interval_ms`.

    Borders are rounded to the nearest value. A stretch may end up to one value behind the recording, as programs round
    its length. Raises ValueError, with the place, for one that is a point, lies outside, or overlaps another.

    >>> structured_labels([Stretch("a", 0.5, 1.0, "line 1")], values=10, interval_ms=100)[1]
    {'startIndex': 5, 'endIndex': 9, 'label': 'a'}
    """
    if values < 1 or not 0 < interval_ms < math.inf:
        raise ValueError("the recording has no values at a constant interval")
    labels: list[dict[str, Any]] = []
    before: _Range | None = None
    for stretch in sorted(stretches, key=lambda one: (one.start_s, one.end_s)):
        found = _range(stretch, values, 1000 / interval_ms, before)
        _append(labels, found.start - 1, gap_label)
        _append(labels, found.end - 1, stretch.label)
        before = found
    _append(labels, values - 1, gap_label)
    return labels


def _range(stretch: Stretch, values: int, per_s: float, before: _Range | None) -> _Range:
    where = stretch.where
    if not (math.isfinite(stretch.start_s) and math.isfinite(stretch.end_s)):
        raise ValueError(f"{where}: its times are no numbers")
    if stretch.end_s == stretch.start_s:
        raise ValueError(f"{where}: it marks the point {stretch.start_s:g} s; give it a start and an end")
    if stretch.end_s < stretch.start_s:
        raise ValueError(f"{where}: it ends at {stretch.end_s:g} s, before it begins at {stretch.start_s:g} s")
    exact_start, exact_end = stretch.start_s * per_s, stretch.end_s * per_s
    start, end = _rounded(exact_start), min(_rounded(exact_end), values + 2)
    if start < 0:
        raise ValueError(f"{where}: it begins at {stretch.start_s:g} s, before the recording")
    if start >= values or end > values + 1:
        raise ValueError(f"{where}: it ends at {stretch.end_s:g} s, but the recording has {values / per_s:g} s")
    if before is not None:
        if before.exact_end - exact_start >= _TOLERANCE:
            raise ValueError(f"{where}: it overlaps {before.stretch.where}, and a value has one label")
        if abs(before.exact_end - exact_start) < _TOLERANCE:
            start = before.end
    end = min(end, values)
    if end <= start:
        raise ValueError(f"{where}: it is shorter than one value of the recording ({1000 / per_s:g} ms)")
    return _Range(start, end, exact_end, stretch)


def _rounded(place: float) -> int:
    return math.floor(place + 0.5)


def _append(labels: list[dict[str, Any]], end: int, label: str) -> None:
    """Append a range up to `end`, which belongs to it. It begins where the last one ends; an empty one is left out."""
    start = labels[-1]["endIndex"] + 1 if labels else 0
    if end < start:
        return
    if labels and labels[-1]["label"] == label:
        labels[-1]["endIndex"] = end
    else:
        labels.append({"startIndex": start, "endIndex": end, "label": label})
