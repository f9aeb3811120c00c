"""Read a label track of Audacity: a text with the start, the end and the label of a stretch in each line.

The times are seconds, with a decimal comma where the system has one. A label at a point has the same start and end. A
line that begins with a backslash has the frequencies of the label above it, and is passed over.

Source: the Audacity manual, "Importing and Exporting Labels".
"""

import itertools
import re
from collections.abc import Iterable, Iterator

from eisync.core.annotations.numbers import number
from eisync.core.annotations.rows import lines
from eisync.core.annotations.stretches import checked_label, described
from eisync.core.labels.entry import Entry, Stretch

_LINE = re.compile(r"\s*([0-9]+(?:[.,][0-9]+)?)\t([0-9]+(?:[.,][0-9]+)?)\t(.*)")
_FREQUENCIES = "\\"
_CHECKED_LINES = 20


def recognises(name: str, head: str) -> bool:
    r"""Return whether the file is a label track. Three columns of numbers are never one, because they are readings.

    Nor is a text in which something ends before it begins.

    >>> recognises("a.txt", "0.5\t1.25\tdog\n"), recognises("a.txt", "0.5\t1.25\t7.5\n")
    (True, False)
    """
    if not name.lower().endswith(".txt"):
        return False
    try:
        rows = [line for line in lines([head.removeprefix("\ufeff")]) if line.strip() and line[0] != _FREQUENCIES]
    except ValueError:
        return False
    if len(rows) > 1 and not head.endswith(("\n", "\r")):
        rows.pop()  # it may be cut
    found = [_LINE.fullmatch(row) for row in itertools.islice(rows, _CHECKED_LINES)]
    marks = [(number(one[1]), number(one[2]), one[3].strip()) for one in found if one is not None]
    if len(marks) < len(found) or any((start or 0) > (end or 0) for start, end, _ in marks):
        return False
    return any(label and number(label) is None for _, _, label in marks)


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield one entry with the stretches, and an empty path: the track is about one recording.

    Raises ValueError when the first line is no label.
    """
    yield described(("", stretch) for stretch in _stretches(pieces))


def _stretches(pieces: Iterable[str]) -> Iterator[Stretch]:
    for count, line in enumerate(lines(pieces), 1):
        text = line.removeprefix("\ufeff")
        if not text.strip() or text.startswith(_FREQUENCIES):
            continue
        where = f"line {count}"
        start, _, rest = text.partition("\t")
        end, _, label = rest.partition("\t")
        times = number(start.strip()), number(end.strip())
        if times[0] is None or times[1] is None:
            raise ValueError(f"{where}: a start and an end in seconds are expected, with tabs between them")
        yield Stretch(checked_label(label, where), times[0], times[1], where)
