"""What is asked before anything is done to folders or project: the guard, and whether a file is really missing.

The same ledger is asked when something is decided and when it is carried out; an action that was allowed hours ago and
could not be done is held back then, if others were done meanwhile.
"""

from dataclasses import dataclass

from eisync.core.clock_step import DAY_S
from eisync.core.guard import Guard, Ledger
from eisync.core.model import shown
from eisync.loops.clock_monitor import ClockMonitor
from eisync.loops.lineage import Lineages
from eisync.loops.reconciler.context import TargetContext
from eisync.loops.reconciler.deletion_evidence import DeletionEvidence
from eisync.loops.watcher.monitor import WatchedFolders
from eisync.store.actions import ActionStore


class GuardLedger:
    """The guard and what it counts. Files that become tombstones are counted apart from what is done to them."""

    def __init__(self, actions: ActionStore, guard: Guard, times: ClockMonitor) -> None:
        self._actions = actions
        self._guard = guard
        self._times = times

    def why_doubt(self) -> str | None:
        """Return why no time window can be trusted, because the clock is in doubt; None: it is right."""
        return self._times.why_doubt()

    def ledger(
        self, context: TargetContext, now: float, *, tombstones: bool = False, counts_due: bool = True
    ) -> Ledger:
        """Return the ledger of the target's folders. `tombstones`: it counts files that become those, and nothing else.

        `counts_due` False: actions that are due are not counted, because each is asked for as it is carried out.
        """
        setting = self._times.setting()
        touches = self._actions.touches(context.target, since=setting.since(DAY_S, now), tombstones=tombstones)
        census = self._actions.census(context.target)
        roots = census if tombstones else context.policies  # those of folders that are not watched any more vanish too
        return Ledger(
            self._guard,
            (touch for touch in touches if counts_due or touch.at is not None),
            {root_id: census.get(root_id, (0, 0))[0] for root_id in roots},
            now=now,
            setting=setting,
            names={root_id: shown(path) for root_id, path in self._actions.places().items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Precautions:
    """What may speak against an action: the evidence, the guard, the folder, and who else works in it."""

    evidence: DeletionEvidence
    guarding: GuardLedger
    folders: WatchedFolders
    lineages: Lineages
