"""From what happens in the folders to what waits in the outbox: take events and scan, wait, label, enqueue.

Everything that is under observation is in memory only; a scan at the start finds it again. Every root reports events
first and is scanned then: at the start, when it is doubted, and every `scan_interval_s` or less often, so that scans
take little of a core. One tick walks a bounded part of one, and enters a bounded number of files: what is found is on
its way before the rest is searched for. A tick that fails in the middle, as on a full disk, makes its root doubted too,
and so does a clock that jumps.
"""

from collections.abc import Sequence

from eisync.core import absence
from eisync.core.clock_step import JUMP_S, ClockStepDetector
from eisync.core.file_status import ObservedEntry
from eisync.core.lifecycle import State
from eisync.loops.lineage import Lineages, NullLineage
from eisync.loops.ports import Log
from eisync.loops.watcher.context import Events, Outside, RootStatus, Runtime, Stores, WatchedRoot
from eisync.loops.watcher.monitor import CHECK_EVERY_S
from eisync.loops.watcher.root import RootState
from eisync.loops.watcher.root_watcher import RootWatcher


class WatcherLoop:
    """The intake. `tick` never takes longer than a bounded piece of a scan."""

    name = "watcher"

    def __init__(
        self,
        roots: Sequence[WatchedRoot],
        stores: Stores,
        outside: Outside,
        *,
        events: Events,
        log: Log,
        lineages: Lineages | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        """`lineages` notes what was scanned."""
        runtime, lineages = runtime or Runtime(), lineages or NullLineage()
        self._outbox = stores.outbox
        self._clock_step = ClockStepDetector()
        self._roots = [RootState(watched, stores, outside, events, runtime, log) for watched in roots]
        self._watchers = [RootWatcher(root, stores, outside, events, lineages, runtime, log) for root in self._roots]

    def tick(self, now: float) -> float:
        """Take what was reported, walk a part of what is due for a scan, enqueue what is complete."""
        if not 0.0 <= self._clock_step.step_s(now) <= JUMP_S:  # the clock was set, or the machine slept
            for root in self._roots:
                root.scans.doubt()
        number = len(self._watchers)
        return min((watcher.tick(now, roots=number) for watcher in self._watchers), default=CHECK_EVERY_S)

    def stop(self, now: float) -> None:
        """Write down what is under observation, for those who ask before the next start finds it again."""
        for root in self._roots:
            root.not_samples.note(now, is_last=True)
            root.write_notes(now)

    @property
    def is_done(self) -> bool:
        """Whether nothing is under way that could be lost: always."""
        return True

    @property
    def has_scanned(self) -> bool:
        """Whether every root was scanned completely since the start, and all that was found there is checked, or
        cannot be read."""
        return all(root.has_scanned for root in self._roots)

    def comparing(self) -> int:
        """Count the files at the service that were touched, and are compared with what was sent. Safe to ask from any
        thread."""
        return sum(len(root.checks) for root in self._roots)

    def unsettled(self, now: float) -> list[ObservedEntry]:
        """List the files that are not complete. Safe to ask from any thread."""
        found = [(root.observations, root.observations.incomplete_paths()) for root in self._roots]
        return [entry for observations, paths in found for entry in observations.incomplete_at(paths, now)]

    def observed(self, now: float) -> list[ObservedEntry]:
        """List them, and the files and folders that cannot be read. Safe to ask from any thread."""
        return [entry for root in self._roots for entry in root.observations.entries(now)]

    def observed_at(self, root: str, paths: Sequence[str], now: float) -> list[ObservedEntry]:
        """List those of them that are at `paths` of the root at that path. Safe to ask from any thread."""
        ours = [one.observations for one in self._roots if one.root.path == root]
        return [entry for one in ours for entry in (*one.unreadable_at(paths), *one.incomplete_at(paths, now))]

    def scanned(self) -> set[str]:
        """Return the paths of the roots that were scanned since the start: what is observed of them is all there is."""
        return {root.root.path for root in self._roots if root.scans.has_scanned}

    def note(self, now: float) -> None:
        """Write down what may have changed since the last note, for those who ask now. Safe to ask from any thread."""
        for root in self._roots:
            if root.notes.has_changed:
                root.write_notes(now)
                root.notes.note_change()  # it may have changed again meanwhile

    def check_observed(self) -> None:
        """Check every file under observation with the next ticks, for a pass that no event reaches."""
        for root in self._roots:
            root.reported.add(root.observed.paths())

    def stuck(self) -> int | None:
        """Count the known files that wait for a person to mend a sidecar; None while others are under observation."""
        number = 0
        for root in self._roots:
            if root.renames.waiting or root.is_comparing:
                return None
            if root.labels.is_busy and not root.monitor.offline_reason:
                return None  # what is said of the files is being read
            for path in root.observed.paths():
                why = root.labels.why_unclear(path)
                if why is None or not why.needs_person:
                    return None
                known = self._outbox.known_at(root.root.id, path)
                number += known is not None and known.state is State.SETTLING
        return number

    def unlabelled(self) -> set[int]:
        """Return the roots of which it is not known yet how what waits is to be sent. Safe to ask from any thread."""
        return {root.root.id for root in self._roots if not root.labels.is_through and not root.monitor.offline_reason}

    def offline(self) -> list[str]:
        """Say why roots, or disks in them, cannot be read or worked on, a sentence each."""
        return [
            reason
            for root in self._roots
            for reason in (
                root.monitor.offline_reason or root.setback.reason,
                *(absence.sentence(away, root.root.path) for away in root.disks.aways),
            )
            if reason
        ]

    def status(self) -> list[RootStatus]:
        """Say how every root is watched. Safe to ask from any thread."""
        return [root.status() for root in self._roots]
