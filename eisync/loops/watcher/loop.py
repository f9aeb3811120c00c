"""Watch folders: take events, scan, wait until files are complete, label them, enter them in the outbox.

Files under observation are in memory only; a scan at the start finds them again. Every root first begins to report
events, and is then scanned: at the start, when events may be lost, and every `scan_interval_s` or less often, so that
scans use little processor time. One tick walks a bounded part of a root and enters a bounded number of files, so that
the first files are sent before the rest is found. If a tick fails in the middle, for example on a full disk, its root
is scanned again. If the clock jumps, all roots are.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence

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
    """Watches all roots. `tick` never takes longer than a bounded piece of a scan."""

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
        """`lineages` records the scans of each root."""
        runtime, lineages = runtime or Runtime(), lineages or NullLineage()
        self._outbox = stores.outbox
        self._stored = stores.index.observations
        self._clock_step = ClockStepDetector()
        self._events = events

        def watcher_of(watched: WatchedRoot) -> RootWatcher:
            root = RootState(watched, stores, outside, events, runtime, log)
            return RootWatcher(root, stores, outside, events, lineages, runtime, log)

        self._watcher_of = watcher_of
        self._watchers = [self._watcher_of(watched) for watched in roots]
        self._adjustments: deque[WatchedRoot] = deque()
        self._started_at = float("inf")  # Unix s

    def adjust(self, roots: Iterable[WatchedRoot]) -> None:
        """Begin anew with these roots, as after a start, with the next tick: each has another configuration now.

        The scan that follows finds all of their files again. Safe from any thread.
        """
        self._adjustments.extend(roots)

    @property
    def _roots(self) -> list[RootState]:
        return [watcher.state for watcher in self._watchers]

    def tick(self, now: float) -> float:
        """Take events, walk a part of each root that is due, enter complete files in the outbox."""
        self._started_at = min(self._started_at, now)
        while self._adjustments:
            self._begin_anew(self._adjustments[0], now)
            self._adjustments.popleft()  # only now: if the store fails, the next tick tries again
        if not 0.0 <= self._clock_step.step_s(now) <= JUMP_S:  # the clock was set, or the machine slept
            for root in self._roots:
                root.scans.doubt()
        number = len(self._watchers)
        return min((watcher.tick(now, roots=number) for watcher in self._watchers), default=CHECK_EVERY_S)

    def stop(self, now: float) -> None:
        """Store what is under observation, so that commands can show it before the next start."""
        for root in self._roots:
            root.write_last(now)

    def _begin_anew(self, watched: WatchedRoot, now: float) -> None:
        """Replace the parts of the root. Other threads see those of before or the new ones."""
        after = []
        for watcher in self._watchers:
            if watcher.state.root.id == watched.root.id:
                watcher.state.write_last(now)
                self._events.forget(watched.root.id)
                watcher = self._watcher_of(watched)
                if watcher.state.splits is not None:
                    watcher.state.splits.started_at = self._started_at  # what was listed since then is known
            after.append(watcher)
        self._watchers = after

    @property
    def is_done(self) -> bool:
        """Return True always: no work under way could be lost."""
        return True

    @property
    def has_scanned(self) -> bool:
        """Return whether every root was scanned completely since the start and all of its files are checked. A root
        that cannot be read counts as scanned."""
        return all(root.has_scanned for root in self._roots)

    @property
    def is_walking(self) -> bool:
        """Return whether a root that can be read was not walked through yet since the start."""
        return any(not (root.scans.has_scanned or root.is_paused) for root in self._roots)

    def comparing(self) -> int:
        """Count the sent files that were touched and wait for a comparison with what was sent. Safe from any thread."""
        return sum(len(root.checks) for root in self._roots)

    def unsettled(self, now: float) -> list[ObservedEntry]:
        """List the files that are not complete. Safe from any thread."""
        return _unsettled(self._roots, now)

    def ever_unsettled(self, now: float) -> list[ObservedEntry]:
        """List the same, and of roots that are not scanned since they began, what was stored last.

        Before a scan ends, a file that is there and not complete may not be found yet. Safe from any thread.
        """
        roots = self._roots
        unscanned = {root.root.path for root in roots if not root.scans.has_scanned}  # before the files are listed
        stored = self._stored.entries() if unscanned else []
        return [*_unsettled(roots, now), *(entry for entry in stored if entry.root in unscanned)]

    def observed(self, now: float) -> list[ObservedEntry]:
        """List the files that are not complete, and files and folders that cannot be read. Safe from any thread."""
        return [entry for root in self._roots for entry in root.observations.entries(now)]

    def observed_at(self, root: str, paths: Sequence[str], now: float) -> list[ObservedEntry]:
        """List the same for `paths` of one root only; `root` is its path. Safe from any thread."""
        ours = [one.observations for one in self._roots if one.root.path == root]
        return [entry for one in ours for entry in (*one.unreadable_at(paths), *one.incomplete_at(paths, now))]

    def scanned(self) -> set[str]:
        """Return the paths of the roots that were scanned since the start: what is observed there is complete."""
        return {root.root.path for root in self._roots if root.scans.has_scanned}

    def note(self, now: float) -> None:
        """Store what may have changed since the last time, for a command that asks now. Safe from any thread."""
        for root in self._roots:
            if root.notes.has_changed:
                root.write_notes(now)
                root.notes.note_change()  # another thread may have changed it meanwhile

    def scan_now(self, roots: Collection[str] | None) -> list[str]:
        """Scan these roots, or all, in the next ticks. Return their paths. Safe from any thread."""
        chosen = [root for root in self._roots if roots is None or root.root.path in roots]
        for root in chosen:
            root.scans.doubt()
        return [root.root.path for root in chosen]

    def check_observed(self) -> None:
        """Check every file under observation in the next ticks, for a pass without events."""
        for root in self._roots:
            root.reported.add(root.observed.paths())

    def stuck(self) -> int | None:
        """Count the known files that wait until a person corrects a sidecar; None while other files are observed."""
        number = 0
        for root in self._roots:
            if root.renames.waiting or root.is_comparing:
                return None
            if root.labels.is_busy and not root.monitor.offline_reason:
                return None  # sidecars are being read
            for path in root.observed.paths():
                why = root.labels.why_unclear(path)
                if why is None or not why.needs_person:
                    return None
                known = self._outbox.known_at(root.root.id, path)
                number += known is not None and known.state is State.SETTLING
        return number

    @property
    def wants_listing(self) -> bool:
        """Return whether files wait until their project is listed."""
        return any(root.splits is not None and root.splits.wants_listing for root in self._roots)

    def unlabelled(self) -> set[int]:
        """Return the ids of roots whose waiting files are not all described yet. Safe from any thread."""
        anew = {watched.root.id for watched in tuple(self._adjustments)}  # before the roots, which take these up
        unclear = (root for root in self._roots if not root.labels.is_through and not root.monitor.offline_reason)
        return anew | {root.root.id for root in unclear}

    def offline(self) -> list[str]:
        """Return why roots, or disks in them, cannot be read or processed: a sentence for each."""
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
        """Return how every root is watched. Safe from any thread."""
        return [root.status() for root in self._roots]


def _unsettled(roots: Iterable[RootState], now: float) -> list[ObservedEntry]:
    found = [(root.observations, root.observations.incomplete_paths()) for root in roots]
    return [entry for observations, paths in found for entry in observations.incomplete_at(paths, now)]
