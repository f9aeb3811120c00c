"""Make the small files of a self-test: valid files of several formats, each with unique bytes.

Because the bytes are unique, no check creates a duplicate for another, and the content proves at the end that a sample
is from this run. Pure: `salt` makes the files of two runs different. Source: wire contract, sections 1 and 2.
"""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from eisync.core.acquisition import Encoding, Recording, SensorAxis, encode
from eisync.core.example_files import png, wav

VALUES = 4
"""Readings in each time series."""
INTERVAL_MS = 10
TIMES_MS = tuple(INTERVAL_MS * index for index in range(VALUES))

_DEVICE_TYPE = "EISYNC_SELFTEST"
_AXES = (SensorAxis("accX", "m/s2"),)


class Contents:
    """Makes files. Two calls never give the same bytes."""

    def __init__(self, salt: int) -> None:
        """`salt` is a random number from 0 to 2**32 - 1 for each run."""
        self._salt = salt
        self._numbers = itertools.count(1)

    def json(self, **changes: Any) -> bytes:
        """Return an unsigned acquisition file as JSON. `changes` replace top-level fields, such as `signature`."""
        document: dict[str, Any] = json.loads(encode(self._recording(), Encoding.JSON))
        return json.dumps(document | changes).encode()

    def cbor(self) -> bytes:
        """Return an unsigned acquisition file as CBOR."""
        return encode(self._recording(), Encoding.CBOR)

    def signed(self, hmac_key: str) -> bytes:
        """Return an acquisition file as JSON that is signed with `hmac_key`."""
        return encode(self._recording(), Encoding.JSON, hmac_key=hmac_key)

    def csv(self, times_ms: Sequence[float] = TIMES_MS) -> bytes:
        """Return a CSV with a reading at each of `times_ms`."""
        readings = self._readings(len(times_ms))
        rows = (f"{at},{value}" for at, value in zip(times_ms, readings, strict=True))
        return ("\n".join(("timestamp,accX", *rows)) + "\n").encode()

    def csv_without_time(self, rows: int = 1) -> bytes:
        """Return a CSV with `rows` readings and no timestamps."""
        return ("\n".join(("accX", *map(str, self._readings(rows)))) + "\n").encode()

    def long_csv(self, size_bytes: int) -> bytes:
        """Return a CSV of at least `size_bytes`."""
        return self.csv(tuple(INTERVAL_MS * index for index in range(size_bytes // 8)))

    def broken_csv(self) -> bytes:
        """Return a CSV whose second row has too few columns."""
        return self.csv()[:-1] + b"\n50\n"

    def wav(self) -> bytes:
        """Return a WAV of a few frames."""
        high, low = divmod(self._salt, 2**16)
        number = next(self._numbers)
        return wav([high - 2**15, low - 2**15, number % 2**15, *range(29)], rate_hz=16_000)

    def png(self) -> bytes:
        """Return an image of 32 by 32 pixels."""
        number = next(self._numbers)
        red, green, blue = (self._salt >> 16) & 255, (self._salt >> 8) & 255, self._salt & 255
        return png(32, lambda x, y: (red, green, blue) if (x + y) % 2 else (x * 8, number % 256, number // 256 % 256))

    def _recording(self) -> Recording:
        return Recording(
            device_type=_DEVICE_TYPE,
            interval_ms=INTERVAL_MS,
            sensors=_AXES,
            values=[[reading] for reading in self._readings()],
        )

    def _readings(self, count: int = VALUES) -> list[float]:
        """Return `count` numbers. The first is unique among all calls and runs."""
        return [self._salt * 2**16 + next(self._numbers), *range(count - 1)]
