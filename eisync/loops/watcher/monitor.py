"""Whether a watched folder is the one that we know, for whoever concludes something from what is not in it.

Whether a root is there, is the one it was, and is listened to.

A folder that is away takes nothing along: nothing is concluded from what is not in it. An unmounted mount point looks
like a folder that somebody has emptied, so the device is remembered: on another one, a folder in which none of the
files is that should be there is not the one that we know. Whoever has replaced the disk says so with a file.
"""

from collections.abc import Callable
from typing import Protocol

from eisync.core.lineage import NAME as YES_NAME
from eisync.core.model import Root, shown
from eisync.core.watch_health import Mode, WatchHealth, scan_pause_s
from eisync.loops.ports import Disks, Events, Files, Log, RootNotes


class Looking(Protocol):
    """Looks at folders and files without opening any."""

    def is_missing(self, root: str, path: str) -> bool: ...
    def why_offline(self, root: str) -> str | None: ...
    def device_of(self, root: str, path: str = "") -> int | None: ...


class WatchedFolders:
    """The watched folders as they are now. Remembers nothing."""

    def __init__(self, files: Looking, disks: Disks) -> None:
        self._files = files
        self._disks = disks

    def why_away(self, root_id: int, root: str) -> str | None:
        """Why nothing may be concluded from what is in the folder, as a sentence for a person; None: all is well."""
        offline = self._files.why_offline(root)
        if offline is not None:
            return offline
        known = self._disks.device(root_id)
        if known is None or self._files.device_of(root) == known:
            return None
        return (
            f"the folder {shown(root)} is on a different disk than before; mount the disk, and eisync continues by "
            "itself"
        )

    def is_missing(self, root: str, path: str) -> bool:
        """Whether there certainly is no such file in the folder."""
        return self._files.is_missing(root, path)


LOOK_EVERY_S = 5.0
LONGEST_LOOK_PAUSE_S = 60.0
BELIEVED = 200


class RootMonitor:
    """What is known of one root as a whole."""

    def __init__(
        self,
        root: Root,
        mode: Mode,
        *,
        events: Events,
        files: Files,
        disks: Disks,
        notes: RootNotes,
        log: Log,
        why_silent: Callable[[str], str | None],
    ) -> None:
        """`why_silent` tells why a folder's file system announces nothing, or None."""
        self.root = root
        self.mode = mode
        self.health = WatchHealth()
        self.offline_reason: str | None = None
        self.look_due_at = 0.0
        self._events = events
        self._files = files
        self._disks = disks
        self._notes = notes
        self._log = log
        self._why_silent = why_silent
        self.pause_s = LOOK_EVERY_S
        self._device = disks.device(root.id)

    def look(self, now: float) -> bool:
        """Look at the root, and see to it that it is listened to. Returns whether it is there."""
        reason = self.why_offline()
        if reason is not None:
            self._go_offline(reason, now)
            return False
        if self.offline_reason is not None:
            self._log.info("root.online", root=shown(self.root.path))
            self._notes.note_online(self.root.id)
        self.offline_reason = None
        self.pause_s = LOOK_EVERY_S
        self.look_due_at = now + LOOK_EVERY_S
        self._listen(now)
        return True

    @property
    def hears_closes(self) -> bool:
        """Whether it is announced now when a file of the root is closed. Safe to ask from any thread."""
        return self.health.since is not None and self._events.announces_closes

    def why_offline(self) -> str | None:
        """Why the root cannot be read or is not the one we know, as a sentence for a person; None when all is well."""
        path = self.root.path
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
        self._disks.note_device(self.root.id, device)
        return None

    def scan_pause_s(self, *, least_s: float, cost_s: float, jitter: float) -> float:
        """How long to wait for the next scan, after one that took `cost_s` of a core."""
        is_heard = self.health.since is not None
        return scan_pause_s(least_s=least_s, cost_s=cost_s, jitter=jitter, is_heard=is_heard)

    def scanned(self, missed: int, now: float) -> None:
        """A scan of the root ended, and found so many files that should have been announced."""
        before = self.health
        self.health = before.audited(missed, now)
        if missed:
            self._log.warning("root.events_missed", root=shown(self.root.path), files=missed)
        if self.health.since is None and before.since is not None:
            self._events.forget(self.root.id)  # it is listened to anew, or not any more
            self._tell(before.reason)
            self.look_due_at = now

    def _is_recognised(self) -> bool:
        path = self.root.path
        yes = self._files.look(path, YES_NAME)
        if yes is not None and yes.size == 0:  # in one that is not, eisync counts, on whichever disk
            return True
        believed = self._disks.believed(self.root.id, limit=BELIEVED)
        return not believed or any(self._files.look(path, place) is not None for place in believed)

    def _go_offline(self, reason: str, now: float) -> None:
        self._events.forget(self.root.id)
        if self.health.reason is None:
            self.health = WatchHealth(missed=self.health.missed)
        if reason != self.offline_reason:
            self._notes.note_offline(self.root.id, reason)
            self._log.error("root.offline", root=shown(self.root.path), reason=reason)
        self.offline_reason = reason
        self.look_due_at = now + self.pause_s
        self.pause_s = min(2.0 * self.pause_s, LONGEST_LOOK_PAUSE_S)

    def _listen(self, now: float) -> None:
        if self.mode is Mode.SCAN:
            return
        before = self.health
        silent = self._why_silent(self.root.path) if self.mode is Mode.AUTO else None
        if before.since is None and not before.is_to_try(now) and self.mode is Mode.AUTO:
            return
        if silent is not None:
            self.health = before.unable(silent, now)
        else:
            self._begin(before, now)
        self._tell(before.reason)

    def _begin(self, before: WatchHealth, now: float) -> None:
        reason = self._events.watch(self.root)
        if reason is not None:
            self.health = before.unable(reason, now)
        elif self._events.deaths(self.root.id) > before.deaths:
            self.health = before.died(now)
        elif before.since is None:
            self.health = before.begun(now)
        if self.health.reason is not None:
            self._events.forget(self.root.id)

    def _tell(self, reason_before: str | None) -> None:
        reason = self.health.reason
        if reason is not None and reason != reason_before:
            self._log.warning("root.polling", root=shown(self.root.path), reason=reason, again_at=self.health.again_at)
        if reason is None and reason_before is not None:
            self._log.info("root.watching", root=shown(self.root.path))
