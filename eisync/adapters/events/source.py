"""Collect watchdog's events as paths in a bounded set without duplicates.

Nothing here filters, hashes or raises. An exception in a handler would kill watchdog's dispatcher, and the service
would seem healthy without a watcher.

Scans find every file; events only make that faster. Whatever is lost here (the kernel's queue overflows, our own set is
full, an emitter dies) makes the root doubted, and a doubted root is scanned.
"""

import contextlib
import errno
import os
import queue
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, ObservedWatch

from eisync.core.model import Root
from eisync.core.watch_health import PendingPaths

MAX_WAITING_PATHS = 65_536

# The kernel itself filters the events. With the default mask, 20,000 files in 3.5 s overflowed its queue, and our own
# reads caused events. A new hard link is reported as a created file only; that adds nothing to the kernel's queue.
# On other systems no event reports a close. Every change is taken, and a file counts as complete when changes end.
_HAS_INOTIFY = sys.platform == "linux"
_LOSES_SILENTLY = sys.platform == "win32"
_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent if _HAS_INOTIFY else FileModifiedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]

_LIMITS = {
    errno.ENOSPC: ("max_user_watches", 524_288, "the system has no watch left for some of its folders"),
    errno.EMFILE: ("max_user_instances", 1_024, "the system has no listener left"),
}


class EventSource:
    """Watch roots, and keep the reported paths until they are taken."""

    reports_closes = _HAS_INOTIFY

    def __init__(self, on_event: Callable[[], None], *, max_waiting: int = MAX_WAITING_PATHS) -> None:
        """Call `on_event` for each event, from watchdog's thread. It must only wake a thread."""
        self._on_event = on_event
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._pending: dict[int, PendingPaths] = {}
        self._watches: dict[int, tuple[ObservedWatch, tuple[int, int]]] = {}
        self._handlers: dict[str, _Handler] = {}
        self._deaths: Counter[int] = Counter()
        self._exhausted: set[int] = set()
        self._observer: BaseObserver | None = None
        self.overflows = 0  # how often events were lost because a queue was full

    def start(self) -> None:
        """Start taking events. `watch` adds roots."""
        with (
            contextlib.suppress(OSError, RecursionError),
            _threads(),
        ):  # the machine may have no inotify left; `watch` tries again and returns the reason
            self._living_observer()

    def watch(self, root: Root) -> str | None:
        """Take events of a root from now on. Safe to repeat; a repeated call replaces a watch that has died.

        Return why there can be no events from it; None when there can. A root that was not watched until now is
        doubted.
        """
        try:
            with _threads():
                observer = self._living_observer()
                status = os.stat(root.path)
                identity = (status.st_dev, status.st_ino)
                if not self._is_alive(root.id, identity):
                    self._schedule(observer, root, identity)
        except (OSError, RecursionError) as error:
            self._unschedule(root.id)
            return _why_no_events(error)
        if root.id in self._exhausted:
            return _why_no_events(OSError(errno.ENOSPC, ""))
        return None

    def deaths(self, root_id: int) -> int:
        """Return how often the watch of the root has died by itself since the last `forget`."""
        return self._deaths[root_id]

    def forget(self, root_id: int) -> None:
        """Take no events of the root until `watch` is called again. Safe to repeat."""
        self._unschedule(root_id)
        self._deaths.pop(root_id, None)

    def take(self, root_id: int) -> PendingPaths:
        """Return and clear the paths that were reported since the last call."""
        with self._lock:
            return self._pending.pop(root_id, PendingPaths())

    def doubt(self, root_id: int) -> None:
        """Note that events of this root may have been lost."""
        with self._lock:
            self._of(root_id).is_doubted = True
        self._on_event()

    def stop(self) -> None:
        """Stop taking events and wait for the threads. Safe to repeat."""
        self._drop_observer()

    def _living_observer(self) -> BaseObserver:
        """Return the observer. Replace it when one of its threads has died. Raise OSError when there can be none."""
        observer = self._observer
        # On Linux another thread reads the kernel's queue. Without it the observer would live on and get no events.
        if observer is not None and observer.is_alive() and getattr(observer, "reader", observer).is_alive():
            return observer
        self._deaths.update(list(self._watches))
        self._drop_observer()
        observer = self._new_observer()
        observer.daemon = True
        try:
            observer.start()
        except RuntimeError:
            with contextlib.suppress(RuntimeError):
                observer.stop()  # release its inotify instance, of which the kernel allows only a few
            raise
        self._observer = observer
        return observer

    def _new_observer(self) -> BaseObserver:
        if _HAS_INOTIFY:
            from eisync.adapters.events.inotify import Observer, Reader

            return Observer(Reader(self._note_overflow, self._is_exhausted), self._deliver)
        from watchdog.observers import Observer as SystemObserver

        observer = SystemObserver()
        if _LOSES_SILENTLY:
            observer._emitter_class = _reporting(observer._emitter_class, self._note_overflow)
        return observer

    def _schedule(self, observer: BaseObserver, root: Root, identity: tuple[int, int]) -> None:
        if self._watches.get(root.id, (None, None))[1] == identity:
            self._deaths[root.id] += 1
        self._unschedule(root.id)
        handler = self._handlers[root.path] = _Handler(root, self._report_file, self._report_folder)
        watch = observer.schedule(handler, root.path, recursive=True, event_filter=_EVENTS)
        self._watches[root.id] = (watch, identity)
        self.doubt(root.id)

    def _deliver(self, watch: ObservedWatch, event: FileSystemEvent) -> None:
        handler = self._handlers.get(str(watch.path))
        if handler is not None:
            handler.dispatch(event)

    def _is_exhausted(self, folder: bytes) -> None:
        place = os.fsdecode(folder)
        for handler in list(self._handlers.values()):
            if handler.contains(place):
                self._exhausted.add(handler.root_id)

    def _drop_observer(self) -> None:
        observer, self._observer = self._observer, None
        self._watches.clear()
        if observer is not None:
            observer.stop()
            observer.join(timeout=10.0)

    def _is_alive(self, root_id: int, identity: tuple[int, int]) -> bool:
        if root_id not in self._watches or self._observer is None:
            return False
        watch, watched_identity = self._watches[root_id]
        alive = any(emitter.watch == watch and emitter.is_alive() for emitter in self._observer.emitters.copy())
        return alive and watched_identity == identity

    def _unschedule(self, root_id: int) -> None:
        watch, _ = self._watches.pop(root_id, (None, None))
        self._exhausted.discard(root_id)
        if watch is not None and self._observer is not None:
            with contextlib.suppress(KeyError, OSError):
                self._observer.unschedule(watch)

    def _report_file(self, root_id: int, path: str, is_closed: bool = False) -> None:
        with self._lock:
            pending = self._of(root_id)
            if self._has_added(pending, pending.files, path) and is_closed:
                pending.closed.add(path)
        self._on_event()

    def _report_folder(self, root_id: int, path: str) -> None:
        with self._lock:
            pending = self._of(root_id)
            self._has_added(pending, pending.folders, path)
        self._on_event()

    def _has_added(self, pending: PendingPaths, paths: set[str], path: str) -> bool:
        """Add the path, if there is room. Otherwise count an overflow, once until the root is scanned."""
        if len(paths) < self._max_waiting:
            paths.add(path)
            return True
        self.overflows += not pending.is_doubted
        pending.is_doubted = True
        return False

    def _note_overflow(self) -> None:
        """Note that the system lost events, of any root."""
        self.overflows += 1
        for root_id in list(self._watches):
            self.doubt(root_id)

    def _of(self, root_id: int) -> PendingPaths:
        return self._pending.setdefault(root_id, PendingPaths())


class NullEvents:
    """Report no events, for a single pass that only scans."""

    reports_closes = False
    overflows = 0

    def start(self) -> None:
        """Do nothing."""

    def watch(self, root: Root) -> str | None:
        """Return None, as if events were available."""

    def deaths(self, root_id: int) -> int:
        """Return 0: there is no watch that could die."""
        return 0

    def forget(self, root_id: int) -> None:
        """Do nothing."""

    def take(self, root_id: int) -> PendingPaths:
        """Return an empty report."""
        return PendingPaths()

    def stop(self) -> None:
        """Do nothing."""


class _Handler(FileSystemEventHandler):
    """Turn the events of one root into paths relative to it."""

    def __init__(
        self, root: Root, report_file: Callable[[int, str, bool], None], report_folder: Callable[[int, str], None]
    ) -> None:
        self.root_id = root.id
        self._prefix = root.path.rstrip(os.sep) + os.sep
        self._report_file = report_file
        self._report_folder = report_folder

    def contains(self, place: str) -> bool:
        """Return whether the path is the root or below it."""
        return (place + os.sep).startswith(self._prefix)

    def dispatch(self, event: FileSystemEvent) -> None:
        is_closed = isinstance(event, FileClosedEvent | FileMovedEvent) or _is_linked_in(event)
        for place in self._places(event):
            if event.is_directory:
                self._report_folder(self.root_id, place)
            else:
                self._report_file(self.root_id, place, is_closed)

    def _places(self, event: FileSystemEvent) -> Iterable[str]:
        for raw in (event.src_path, event.dest_path):
            place = os.fsdecode(raw) if raw else ""
            if place.startswith(self._prefix):
                yield place[len(self._prefix) :].replace(os.sep, "/")


def _is_linked_in(event: FileSystemEvent) -> bool:
    """Return whether the created file is a new hard link: it was complete before, and no event reports a close."""
    if not _HAS_INOTIFY or not isinstance(event, FileCreatedEvent):
        return False
    try:
        return os.lstat(event.src_path).st_nlink > 1
    except (OSError, ValueError):
        return False  # it is gone again


@contextlib.contextmanager
def _threads() -> Iterator[None]:
    """Raise OSError when a thread cannot be started, as for every other problem that prevents events."""
    try:
        yield
    except RecursionError:
        raise
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, f"no thread can be started for them: {error}") from error


def _why_no_events(error: OSError | RecursionError) -> str:
    """Return why there are no events, with the command that fixes it if there is one."""
    if isinstance(error, RecursionError):
        return "it gives no events (its folders are nested too deeply)"
    if error.errno not in _LIMITS:
        return f"it gives no events ({error.strerror or error})"
    name, enough, what = _LIMITS[error.errno]
    return f"{what}: 'sudo sysctl fs.inotify.{name}={enough}' raises the limit"


def _reporting(emitter: type[Any], on_overflow: Callable[[], None]) -> type[Any]:
    """Return the emitter class of Windows, with a reader that reports empty reads, because these mean lost events.

    ReadDirectoryChangesW succeeds with no bytes when its buffer overflowed (learn.microsoft.com, "ReadDirectoryChangesW
    function", Remarks), and watchdog ignores that.
    """

    class Reporting(emitter):  # type: ignore[misc]  # the base class differs between systems
        def on_thread_start(self) -> None:
            super().on_thread_start()
            reader = getattr(self, "_reader", None)
            if reader is not None:  # the first empty read only says that the reader has begun; it is over
                reader._buf_queue = _Buffers(on_overflow)

    return Reporting


class _Buffers(queue.Queue[tuple[bytes, bool]]):
    """Queue the buffers that were read and are not parsed yet."""

    def __init__(self, on_overflow: Callable[[], None]) -> None:
        super().__init__()
        self._on_overflow = on_overflow

    def put(self, item: tuple[bytes, bool], block: bool = True, timeout: float | None = None) -> None:
        """Queue the buffer. Report an overflow when it is empty."""
        if not item[0]:
            self._on_overflow()
        super().put(item, block, timeout)
