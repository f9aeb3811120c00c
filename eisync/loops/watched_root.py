"""A root with all that is said of it, and what may be told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eisync.core.completeness import CompletenessPolicy
from eisync.core.ignore import IgnoreRules
from eisync.core.labels.path_rules import PathRules
from eisync.core.lifecycle import State
from eisync.core.model import Root
from eisync.core.policy import OnChange
from eisync.core.watch_health import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRoot:
    """A root and what the configuration says of it."""

    root: Root
    eligibility: IgnoreRules
    labelling: PathRules
    policy: CompletenessPolicy
    metadata: Mapping[str, str] = field(default_factory=dict)
    scan_interval_s: float = 60.0
    mode: Mode = Mode.AUTO
    on_change: OnChange = OnChange.ADD
    updates_renamed: bool = True  # what is at the service follows a rename


@dataclass(frozen=True, slots=True)
class Observed:
    """A file that is not complete yet, or a file or folder that cannot be read (`state`), and why."""

    root: str
    path: str
    size: int
    reason: str
    state: str = State.SETTLING.value
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Attention:
    """How a root is watched. `reason` says why it is scanned instead of listened to; None: it is, or was to be.

    `trouble` says why nothing is found in it at the moment, through a fault of ours; None: all is well. `writers` says
    how it is known who writes its files; None: that was not asked yet.
    """

    root: str
    mode: Mode
    is_heard: bool
    reason: str | None
    missed: int
    scan_every_s: float
    comparing: int = 0
    trouble: str | None = None
    writers: str | None = None
