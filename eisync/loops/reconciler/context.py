"""One target's business between folders and project, as those who decide on it and those who do it are handed it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eisync.core.policy import Policy
from eisync.loops.ports import Editor


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetContext:
    """`policies` by the root they are for. `check_project` raises EisyncError when the key opens another project."""

    target: str
    studio: Editor
    policies: Mapping[int, Policy]
    interval_s: float
    check_project: Callable[[], None]
