"""A root with all that is said of it, and what may be told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eisync.core.eligible import Eligibility
from eisync.core.items import Root
from eisync.core.labelling import Labelling
from eisync.core.settle import SettlePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A root and what the configuration says of it."""

    root: Root
    eligibility: Eligibility
    labelling: Labelling
    policy: SettlePolicy
    metadata: Mapping[str, str] = field(default_factory=dict)
    scan_interval_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Observed:
    """A file that is not complete yet, and why."""

    root: str
    path: str
    size: int
    reason: str
