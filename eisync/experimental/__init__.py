"""The official SDK's older name for its data module, which its notebooks and most scripts use.

`eisync.experimental.data` and `eisync.experimental.util` are here, tuner and impulse are not: they are no part of
`edgeimpulse.data`.

Source: edgeimpulse 1.0.20, `experimental/__init__.py`.
"""

from eisync.experimental import data, util

__all__ = ["data", "util"]
