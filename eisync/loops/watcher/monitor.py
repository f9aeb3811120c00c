"""Decide whether a watched folder is accessible, is the known one, and reports events.

Nothing is concluded from files that are missing in a folder that is away. An unmounted mount point resembles a folder
that a person has emptied, so the device number is stored: a folder on another device that holds none of the expected
files is not the known one. A person who has replaced the disk confirms it with an empty file.
"""

from eisync.core.lineage import NAME as YES_NAME
from eisync.core.model import shown
from eisync.core.watch_health import Mode, WatchHealth, scan_pause_s
from eisync.loops.ports import Log
from eisync.loops.watcher.context import Events, Files, Outside, Stores, WatchedRoot
from eisync.store.path_index import PathIndex


class WatchedFolders:
    """Checks watched folders immediately before an action. Keeps no state."""

    def __init__(self, files: Files, paths: PathIndex) -> None:
        self._files = files
        self._paths = paths

    def why_away(self, root_id: int, root: str) -> str | None:
        """Return why the content of the folder proves nothing now, for a person; None if it does."""
        offline = self._files.why_offline(root)
        if offline is not None:
            return offline
        known = self._paths.device(root_id)
        if known is None or self._files.device_of(root) == known:
            return None
        return (
            f"the folder {shown(root)} is on a different disk than before; mount the disk, and eisync continues by "
            "itself"
        )

    def is_missing(self, root: str, path: str) -> bool:
        """Return whether the file is certainly missing from the folder."""
        return self._files.is_missing(root, path)


CHECK_EVERY_S = 5.0
LONGEST_CHECK_PAUSE_S = 60.0
MAX_EXPECTED = 200


class RootMonitor:
    """Monitors one root as a whole: is it accessible, and does it report events?"""

    def __init__(self, watched: WatchedRoot, stores: Stores, outside: Outside, events: Events, log: Log) -> None:
        self._root = watched.root
        self._mode = watched.mode
        self._paths = stores.paths
        self._notes = stores.index
        self._files = outside.files
        self._mounts = outside.mounts
        self._events = events
        self._log = log
        self._health = WatchHealth()
        self._offline_reason: str | None = None
        self._due_at = 0.0
        self._pause_s = CHECK_EVERY_S
        self._device = stores.paths.device(watched.root.id)

    @property
    def health(self) -> WatchHealth:
        """Return how well the events of the root work. Safe from any thread."""
        return self._health

    @property
    def offline_reason(self) -> str | None:
        """Return why the root was not accessible at the last check; None if it was. Safe from any thread."""
        return self._offline_reason

    @property
    def reports_closes(self) -> bool:
        """Return whether events report at present when a file of the root is closed. Safe from any thread."""
        return self._health.since is not None and self._events.reports_closes

    def next_at(self, now: float) -> float:
        """Return when the next check is due (Unix s). A clock that is set back does not delay it."""
        self._due_at = min(self._due_at, now + self._pause_s)
        return self._due_at

    def check(self, now: float) -> bool:
        """Check the root, and make it report events. Return whether it is accessible."""
        reason = self.why_offline()
        if reason is not None:
            self._go_offline(reason, now)
            return False
        if self._offline_reason is not None:
            self._log.info("root.online", root=shown(self._root.path))
            self._notes.note_online(self._root.id)
        self._offline_reason = None
        self._pause_s = CHECK_EVERY_S
        self._due_at = now + CHECK_EVERY_S
        self._use_events(now)
        return True

    def why_offline(self) -> str | None:
        """Return why the root cannot be read or is not the known one, for a person; None if neither is so."""
        path = self._root.path
        reason = self._files.why_offline(path)
        if reason is not None:
            return reason
        device = self._files.device_of(path)
        if device is None:
            return f"the folder {path} disappeared during a scan; watching resumes by itself when it is back"
        if device == self._device:
            return None
        if self._device is not None and not self._is_recognised():
            return (
                f"the folder {path} is on a different disk than before and holds none of its files: mount the "
                "disk, and watching resumes by itself. If this is the new disk, create an empty file named "
                f"{YES_NAME} in it"
            )
        self._device = device
        self._paths.note_device(self._root.id, device)
        return None

    def scan_pause_s(self, *, least_s: float, cost_s: float, jitter: float) -> float:
        """Return how long to wait for the next scan (s), after one that used `cost_s` of processor time."""
        uses_events = self._health.since is not None
        return scan_pause_s(least_s=least_s, cost_s=cost_s, jitter=jitter, uses_events=uses_events)

    def note_scan(self, missed: int, now: float) -> None:
        """Record that a scan ended, and how many files it found that an event should have reported."""
        before = self._health
        self._health = before.audited(missed, now)
        if missed:
            self._log.warning("root.events_missed", root=shown(self._root.path), files=missed)
        if self._health.since is None and before.since is not None:
            self._events.forget(self._root.id)  # the next check decides whether to use events again
            self._log_change(before.reason)
            self._due_at = now

    def _is_recognised(self) -> bool:
        path = self._root.path
        yes = self._files.facts_at(path, YES_NAME)
        if yes is not None and yes.size == 0:  # a person creates it empty; with content it is a count of eisync
            return True
        expected = self._paths.expected(self._root.id, limit=MAX_EXPECTED)
        return not expected or any(self._files.facts_at(path, place) is not None for place in expected)

    def _go_offline(self, reason: str, now: float) -> None:
        self._events.forget(self._root.id)
        if self._health.reason is None:
            self._health = WatchHealth(missed=self._health.missed)
        if reason != self._offline_reason:
            self._notes.note_offline(self._root.id, reason)
            self._log.error("root.offline", root=shown(self._root.path), reason=reason)
        self._offline_reason = reason
        self._due_at = now + self._pause_s
        self._pause_s = min(2.0 * self._pause_s, LONGEST_CHECK_PAUSE_S)

    def _use_events(self, now: float) -> None:
        if self._mode is Mode.SCAN:
            return
        before = self._health
        silent = self._mounts.file_system_of(self._root.path).why_silent if self._mode is Mode.AUTO else None
        if before.since is None and not before.is_to_try(now) and self._mode is Mode.AUTO:
            return
        if silent is not None:
            self._health = before.unable(silent, now)
        else:
            self._begin(before, now)
        self._log_change(before.reason)

    def _begin(self, before: WatchHealth, now: float) -> None:
        reason = self._events.watch(self._root)
        if reason is not None:
            self._health = before.unable(reason, now)
        elif self._events.deaths(self._root.id) > before.deaths:
            self._health = before.died(now)
        elif before.since is None:
            self._health = before.begun(now)
        if self._health.reason is not None:
            self._events.forget(self._root.id)

    def _log_change(self, reason_before: str | None) -> None:
        reason = self._health.reason
        if reason is not None and reason != reason_before:
            again_at = self._health.again_at
            self._log.warning("root.polling", root=shown(self._root.path), reason=reason, again_at=again_at)
        if reason is None and reason_before is not None:
            self._log.info("root.watching", root=shown(self._root.path))
