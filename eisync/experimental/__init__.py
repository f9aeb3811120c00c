"""The official SDK's name for its data module, which its notebooks and most scripts use: `eisync.experimental.data`.

Nothing else that is experimental there is here: tuner and impulse are no part of `edgeimpulse.data`.

Source: edgeimpulse 1.0.20, `experimental/__init__.py`.
"""

from eisync.experimental import data

__all__ = ["data"]
