"""Draw the spectrogram of a sound: its frequencies over time, in decibels below the loudest one.

At most `COLUMNS` windows are read and transformed, whatever the length of the sound. The Fourier transform is
Stockham's, whose steps are operations on whole lists; one transform serves two windows of real numbers. So plain Python
is fast enough, and no package for numbers is needed.

Source: C. Van Loan, "Computational Frameworks for the Fast Fourier Transform", 1992, section 1.7 (Stockham) and 4.3
(real data).
"""

import cmath
import functools
import math
from collections.abc import Generator, Sequence

from eisync.core.drawing.png import Colour, png
from eisync.core.drawing.raw_samples import RawLayout, channels_of
from eisync.core.drawing.reading import Enough
from eisync.core.formats.probe import Read

COLUMNS = 500
WINDOW = 512
DECIBELS = 80.0
"""What is this much quieter than the loudest frequency is drawn as silence."""

_SILENCE = 1e-12
# From dark to light, so that it reads without colour, too.
_STOPS: tuple[Colour, ...] = ((8, 8, 24), (60, 20, 110), (150, 40, 110), (230, 90, 60), (250, 190, 80), (255, 255, 220))


def spectrogram(layout: RawLayout) -> Generator[Read, bytes, bytes | None]:
    """Return the PNG of the first channel: a column for each window, the highest frequency at the top.

    None: the sound is shorter than a window, or nothing could be read.
    """
    frames = layout.frames - WINDOW
    if frames < 0:
        return None
    columns = min(COLUMNS, 1 + frames // (WINDOW // 4))
    frame = layout.frame_bytes
    powers: list[list[float]] = []
    before: list[float] | None = None
    try:
        for column in range(columns):
            first = frames * column // max(1, columns - 1)
            content = yield Read(layout.begins_at + first * frame, WINDOW * frame)
            samples = _windowed(channels_of(content, layout, 1)[0], layout)
            if before is None:
                before = samples
            else:
                powers += _powers(before, samples)
                before = None
    except Enough:
        pass
    if before is not None:
        powers.append(_powers(before, before)[0])
    return _picture(powers) if powers else None


def _windowed(samples: Sequence[float], layout: RawLayout) -> list[float]:
    """Return the samples under a Hann window; 0 for what is no number."""
    limit = 1e30
    usable = [(one + layout.offset) * layout.scale for one in samples]
    return [one * by if -limit < one < limit else 0.0 for one, by in zip(usable, _hann(), strict=True)]


@functools.cache
def _hann() -> tuple[float, ...]:
    return tuple(0.5 - 0.5 * math.cos(2 * math.pi * at / WINDOW) for at in range(WINDOW))


@functools.cache
def _twiddles(length: int) -> tuple[complex, ...]:
    return tuple(cmath.exp(-2j * math.pi * at / length) for at in range(length // 2))


def transform(values: Sequence[complex]) -> list[complex]:
    """Return the discrete Fourier transform. The number of values is a power of two."""
    found = list(values)
    total = len(found)
    length, stride = total, 1
    while length > 1:
        half = total // 2
        # Each of the `length // 2` pairs of this step is for `stride` transforms that lie side by side.
        left, right = found[:half], found[half:]
        factors = _spread(length, stride)
        sums = [a + b for a, b in zip(left, right, strict=True)]
        differences = [(a - b) * by for a, b, by in zip(left, right, factors, strict=True)]
        found = []
        for at in range(0, half, stride):
            found += sums[at : at + stride]
            found += differences[at : at + stride]
        length, stride = length // 2, stride * 2
    return found


@functools.cache
def _spread(length: int, stride: int) -> tuple[complex, ...]:
    """Return the factors of a step, each as often as there are transforms side by side."""
    return tuple(factor for factor in _twiddles(length) for _ in range(stride))


def _powers(first: list[float], second: list[float]) -> list[list[float]]:
    """Return the power of each frequency, from the lowest to the highest, of two windows."""
    both = transform([complex(a, b) for a, b in zip(first, second, strict=True)])
    half = len(both) // 2
    # The transform of real numbers is its own mirror, so the two can be told apart.
    mirrored = [both[0], *both[: half - 1 : -1]][:half]
    pairs = list(zip(both[:half], mirrored, strict=True))
    return [
        [(abs(a + b.conjugate()) / 2) ** 2 for a, b in pairs],
        [(abs(a - b.conjugate()) / 2) ** 2 for a, b in pairs],
    ]


def _picture(powers: Sequence[Sequence[float]]) -> bytes:
    loudest = max(max(column) for column in powers)
    if loudest < _SILENCE:
        loudest = 1.0
    by = 255 / DECIBELS
    columns = [
        bytes(
            int(max(0.0, 255 + by * 10 * math.log10(power / loudest))) if power > loudest * 1e-9 else 0
            for power in column
        )
        for column in powers
    ]
    height = len(columns[0])
    rows = (bytes(column[row] for column in columns) for row in range(height - 1, -1, -1))
    return png(len(columns), rows, palette())


@functools.cache
def palette() -> tuple[Colour, ...]:
    """Return 256 colours, from that of silence to that of the loudest."""
    steps = len(_STOPS) - 1
    found = []
    for index in range(256):
        at, part = divmod(index * steps / 255, 1)
        low, high = _STOPS[int(at)], _STOPS[min(steps, int(at) + 1)]
        red, green, blue = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
        found.append((red, green, blue))
    return tuple(found)
