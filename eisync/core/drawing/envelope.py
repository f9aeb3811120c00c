"""Keep the lowest and highest value of each column of a drawing while the values come, in bounded memory.

A drawing has at most `MAX_COLUMNS` columns. How many values a file has is mostly not known before its end. So each
column begins with one value, and whenever all columns are used, each two become one.
"""

import math
import sys
from array import array
from collections.abc import Iterable, Sequence

from eisync.core.model import value

MAX_COLUMNS = 1_000
MAX_TRACES = 8
"""Draw at most this many axes of a recording."""
LARGEST = 1e300
"""A number beyond this one counts as no number, so that no sum or difference of two becomes infinite."""

Numbers = Sequence[float]
_NOTHING = math.nan


@value
class Window:
    """The readings from `begins` to before `ends`, counted from 0."""

    begins: int = 0
    ends: int = sys.maxsize

    def of(self, readings: int) -> "Window":
        """Return the part of the window that so many readings fill."""
        return Window(min(self.begins, readings), min(self.ends, readings))


WHOLE = Window()


@value
class Trace:
    """The drawing of one axis: the lowest and highest value of each column. NaN: the column has no value."""

    name: str
    units: str
    lows: tuple[float, ...]
    highs: tuple[float, ...]

    @property
    def extent(self) -> tuple[float, float] | None:
        """The lowest and the highest value of all; None when there is none."""
        lows = [low for low in self.lows if low == low]
        return (min(lows), max(high for high in self.highs if high == high)) if lows else None


class Envelope:
    """Collect the values of some axes. `readings` are all that came; only those in the window are drawn."""

    def __init__(self, axes: int, window: Window = WHOLE) -> None:
        self.readings = 0
        self._window = window
        self.per_column = 1
        self._lows: list[list[float]] = [[] for _ in range(axes)]
        self._highs: list[list[float]] = [[] for _ in range(axes)]
        self._rest: list[list[float]] = [[] for _ in range(axes)]

    def add(self, values: Sequence[Numbers]) -> None:
        """Add the next values of every axis, the same number for each."""
        number = len(values[0])
        begins, ends = (max(0, at - self.readings) for at in (self._window.begins, self._window.ends))
        self.readings += number
        for rest, new in zip(self._rest, values, strict=True):
            rest.extend(new if not begins and number <= ends else new[begins:ends])
        while len(self._rest[0]) >= self.per_column:
            self._fold()

    @property
    def drawn(self) -> Window:
        """The readings that are drawn."""
        return self._window.of(self.readings)

    def _fold(self) -> None:
        """Turn as many values into columns as there is place for."""
        per, free = self.per_column, MAX_COLUMNS - len(self._lows[0])
        taken = min(free, len(self._rest[0]) // per) * per
        for axis, rest in enumerate(self._rest):
            for low, high in map(extent_of, _cut(rest[:taken], per)):
                self._lows[axis].append(low)
                self._highs[axis].append(high)
            del rest[:taken]
        if len(self._lows[0]) == MAX_COLUMNS:
            self._halve()

    def pair(self) -> None:
        """Make one column of each two values, unless that was done already."""
        if self.per_column == 1:
            self._halve()

    def _halve(self) -> None:
        self.per_column *= 2
        for axis in range(len(self._rest)):
            self._lows[axis] = [extent_of(pair)[0] for pair in _cut(self._lows[axis], 2)]
            self._highs[axis] = [extent_of(pair)[1] for pair in _cut(self._highs[axis], 2)]

    def traces(
        self, names: Sequence[str], units: Sequence[str], *, scale: float = 1.0, offset: float = 0.0
    ) -> tuple[Trace, ...]:
        """Return the drawing of the axes. The last column may be of fewer values.

        `offset` is added to every value, which is then multiplied by `scale`."""
        found = []
        for axis, rest in enumerate(self._rest):
            low, high = extent_of(rest) if rest else (0.0, 0.0)
            lows = [*self._lows[axis], *([low] if rest else [])]
            highs = [*self._highs[axis], *([high] if rest else [])]
            scaled = tuple((one + offset) * scale for one in lows), tuple((one + offset) * scale for one in highs)
            found.append(Trace(names[axis], units[axis], *scaled))
        return tuple(found)


def extent_of(values: Numbers) -> tuple[float, float]:
    """Return the lowest and highest number among the values, which are not none; NaN when no value is a number."""
    low, high = min(values), max(values)
    # A NaN among the values makes both results unreliable, but their sum finds it as well as infinity.
    if not math.isfinite(sum(values)) or low < -LARGEST or high > LARGEST:
        usable = [one for one in values if -LARGEST <= one <= LARGEST]
        return (min(usable), max(usable)) if usable else (_NOTHING, _NOTHING)
    return low, high


def numbers_of(cells: Iterable[object]) -> Numbers:
    """Return the values of one axis as numbers; NaN for null. Raises ValueError for what is no number."""
    cells = list(cells)
    try:
        return array("d", cells)  # type: ignore[arg-type]  # it refuses what is no number
    except (TypeError, OverflowError):
        return array("d", map(_number, cells))


def _number(cell: object) -> float:
    if cell is None:
        return _NOTHING
    if not isinstance(cell, int | float):
        raise ValueError("its values are not numbers")
    try:
        return float(cell)
    except OverflowError:
        return math.inf if cell > 0 else -math.inf


def _cut(values: list[float], length: int) -> Iterable[list[float]]:
    return (values[at : at + length] for at in range(0, len(values), length))
