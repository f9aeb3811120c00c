"""watchdog's events as paths in a bounded, coalescing set. No filtering, no hashing, and nothing here ever raises:
an exception in a handler would kill watchdog's dispatcher and leave a dead watcher under a green service.

The rescan is the product, the watcher an accelerator: whatever is lost here (the kernel's queue overflows, our own set
is full, an emitter dies) makes the root doubted, and a doubted root is scanned.
"""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from eisync.core.items import Root

MAX_WAITING_PATHS = 65_536

# Narrowed in the kernel: with the default mask, 20,000 files in 3.5 s overflowed its queue, and our own reads woke us.
# A file that is moved in from outside, or linked, is told of as created only; that costs the kernel's queue nothing.
# Elsewhere there are no close events, so everything is listened to.
_EVENTS: list[type[FileSystemEvent]] | None = (
    [
        FileClosedEvent,
        FileCreatedEvent,
        FileMovedEvent,
        FileDeletedEvent,
        DirCreatedEvent,
        DirMovedEvent,
        DirDeletedEvent,
    ]
    if sys.platform == "linux"
    else None
)

_OVERFLOW_LOGGERS = ("watchdog.observers.inotify", "watchdog.observers.inotify_c")


@dataclass(slots=True)
class Seen:
    """What was announced for one root since it was last asked for, by path relative to the root.

    `folders` appeared or moved as a whole: events for what is in them may not come. `is_doubted`: events were lost.
    """

    files: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)  # of these, the ones closed by their writers, or renamed into place
    folders: set[str] = field(default_factory=set)
    is_doubted: bool = False


class Watcher:
    """Watches roots and remembers what was announced until somebody takes it."""

    def __init__(self, on_event: Callable[[], None], *, max_waiting: int = MAX_WAITING_PATHS) -> None:
        """`on_event` is called from watchdog's thread; it must only wake somebody."""
        self._on_event = on_event
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._seen: dict[int, Seen] = {}
        self._watches: dict[int, tuple[ObservedWatch, tuple[int, int]]] = {}
        self._observer: BaseObserver | None = None
        self._overflow = _OverflowListener(self._doubt_all)

    def start(self) -> None:
        """Begin to listen. Roots are added by `watch`."""
        for name in _OVERFLOW_LOGGERS:
            logging.getLogger(name).addHandler(self._overflow)
        with contextlib.suppress(OSError):  # a machine may have no inotify left; `watch` tries again and says so
            self._living_observer()

    def watch(self, root: Root) -> str | None:
        """Listen to a root, from now on; safe to repeat, and it renews what has died.

        Returns why there can be no events from it, or None. A root that was not listened to until now is doubted.
        """
        try:
            observer = self._living_observer()
            status = os.stat(root.path)
            identity = (status.st_dev, status.st_ino)
            if self._is_alive(root.id, identity):
                return None
            self._unschedule(root.id)
            handler = _Handler(root, self._file_seen, self._folder_seen)
            watch = observer.schedule(handler, root.path, recursive=True, event_filter=_EVENTS)
        except OSError as error:
            self._unschedule(root.id)
            return f"no events from it ({error.strerror or error}); it is scanned instead"
        self._watches[root.id] = (watch, identity)
        self.doubt(root.id)
        return None

    def take(self, root_id: int) -> Seen:
        """What was announced since the last call."""
        with self._lock:
            return self._seen.pop(root_id, Seen())

    def doubt(self, root_id: int) -> None:
        """Events of this root may have been lost."""
        with self._lock:
            self._of(root_id).is_doubted = True
        self._on_event()

    def stop(self) -> None:
        """Stop listening and wait for the threads. Safe to repeat."""
        for name in _OVERFLOW_LOGGERS:
            logging.getLogger(name).removeHandler(self._overflow)
        self._drop_observer()

    def _living_observer(self) -> BaseObserver:
        """The observer, renewed when one of its threads has died. Raises OSError when there can be none."""
        observer = self._observer
        # On Linux one more thread reads the kernel's queue; the observer outlives it and would be deaf.
        if observer is not None and observer.is_alive() and getattr(observer, "_inotify_fd", observer).is_alive():
            return observer
        self._drop_observer()
        observer = Observer()
        observer.daemon = True
        observer.start()
        self._observer = observer
        return observer

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
        if watch is not None and self._observer is not None:
            with contextlib.suppress(KeyError, OSError):
                self._observer.unschedule(watch)

    def _file_seen(self, root_id: int, path: str, is_closed: bool = False) -> None:
        with self._lock:
            seen = self._of(root_id)
            if len(seen.files) < self._max_waiting:
                seen.files.add(path)
                if is_closed:
                    seen.closed.add(path)
            else:
                seen.is_doubted = True
        self._on_event()

    def _folder_seen(self, root_id: int, path: str) -> None:
        with self._lock:
            seen = self._of(root_id)
            if len(seen.folders) < self._max_waiting:
                seen.folders.add(path)
            else:
                seen.is_doubted = True
        self._on_event()

    def _doubt_all(self) -> None:
        for root_id in list(self._watches):
            self.doubt(root_id)

    def _of(self, root_id: int) -> Seen:
        return self._seen.setdefault(root_id, Seen())


class Deaf:
    """Listens to nothing: for one pass that scans."""

    def start(self) -> None:
        """Nothing to start."""

    def watch(self, root: Root) -> str | None:
        """No events, and no reason to tell anybody."""

    def take(self, root_id: int) -> Seen:
        """Nothing was announced."""
        return Seen()

    def stop(self) -> None:
        """Nothing to stop."""


class _Handler(FileSystemEventHandler):
    """Turns one root's events into paths relative to it."""

    def __init__(
        self, root: Root, file_seen: Callable[[int, str, bool], None], folder_seen: Callable[[int, str], None]
    ) -> None:
        self._root_id = root.id
        self._prefix = root.path.rstrip(os.sep) + os.sep
        self._file_seen = file_seen
        self._folder_seen = folder_seen

    def dispatch(self, event: FileSystemEvent) -> None:
        is_closed = isinstance(event, FileClosedEvent | FileMovedEvent)
        for place in self._places(event):
            if event.is_directory:
                self._folder_seen(self._root_id, place)
            else:
                self._file_seen(self._root_id, place, is_closed)

    def _places(self, event: FileSystemEvent) -> Iterable[str]:
        for raw in (event.src_path, event.dest_path):
            place = os.fsdecode(raw) if raw else ""
            if place.startswith(self._prefix):
                yield place[len(self._prefix) :].replace(os.sep, "/")


class _OverflowListener(logging.Handler):
    """watchdog tells of a lost event in its log only."""

    def __init__(self, on_overflow: Callable[[], None]) -> None:
        super().__init__(level=logging.WARNING)
        self._on_overflow = on_overflow

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in str(record.msg).lower():
            self._on_overflow()
