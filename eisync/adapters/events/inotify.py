"""Adapt watchdog's inotify observer: report lost events and missing watches, walk deep trees, avoid its second queue.

watchdog walks folders recursively, and fails at a thousand nested folders. Here they are walked in a loop. watchdog
reports an overflow of the kernel's queue in its log only. It does not report the watch limit at all for a folder below
the root. Here both are reported. Events go directly from the emitter to the handler: watchdog's queue between them is
unbounded, and the thread that empties it adds a thread switch to every file.
"""

import contextlib
import errno
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from watchdog.events import FileSystemEvent
from watchdog.observers.api import BaseObserver, EventQueue, ObservedWatch
from watchdog.observers.inotify import InotifyFullEmitter, InotifyWatchGroup
from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)
from watchdog.observers.inotify_move_event_grouper import GroupedInotifyEvent


class Reader(InotifyFD):
    """Read the kernel's queue in a thread."""

    def __init__(self, on_overflow: Callable[[], None], on_exhausted: Callable[[bytes], None]) -> None:
        """Open inotify; call `on_exhausted` with each folder that gets no watch. Raise OSError without inotify."""
        super().__init__()
        self.daemon = True
        self._on_overflow = on_overflow
        self._on_exhausted = on_exhausted
        # A folder that was moved out and in again still has its watch. The warning about that is of no use.
        warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)

    def handle_event(self, event: InotifyEvent) -> None:
        """Report lost events, and pass the others to watchdog. A failure there loses events, but not the thread."""
        if event.is_queue_overflow:
            self._on_overflow()
        try:
            super().handle_event(event)
        except (KeyError, OSError, RecursionError):  # its records and the folders differ for a moment
            self._on_overflow()

    def add_callback(self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId) -> WatchDescriptor:
        """Add a watch. Report when the limit of watches is reached; watchdog continues without this watch."""
        try:
            return super().add_callback(path, mask, callback, id_)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._on_exhausted(path)
            raise


class Observer(BaseObserver):
    """Pass every event to `deliver`, in the emitter's thread."""

    def __init__(self, reader: Reader, deliver: Callable[[ObservedWatch, FileSystemEvent], None]) -> None:
        self.reader = reader
        super().__init__(_Emitter, inotify_fd=reader, deliver=deliver)

    def on_thread_start(self) -> None:
        """Start the reader, which runs as long as the observer."""
        self.reader.start()
        super().on_thread_start()

    def on_thread_stop(self) -> None:
        """Stop the emitters, which need the reader, then the reader."""
        super().on_thread_stop()
        self.reader.stop()
        self.reader.join()


class _Group(InotifyWatchGroup):
    """Hold the watches of one root, at any depth."""

    def _activate(self) -> None:
        try:
            super()._activate()
        except BaseException:
            with contextlib.suppress(OSError):  # no list contains the group yet: its watches would never be removed
                self._remove_callbacks(list(self._active_callbacks_by_watch))
            raise

    def _add_all_callbacks(self, path: bytes) -> None:
        self._add_callback(path)
        if self.is_recursive:
            for _, folders, _ in _walk(path):
                for folder in folders:
                    self._add_callback(folder)

    def _recursive_simulate(self, src_path: bytes) -> list[InotifyEvent]:
        is_folder = Mask(InotifyConstants.IN_CREATE | InotifyConstants.IN_ISDIR)
        events = []
        for place, folders, files in _walk(src_path):
            # A folder that has no watch yet will be added by its own event, which is still to come.
            if (descriptor := self._active_callbacks_by_path.get(place)) is not None:
                events += [InotifyEvent(descriptor, is_folder, 0, os.path.basename(one)) for one in folders]
                events += [InotifyEvent(descriptor, InotifyConstants.IN_CREATE, 0, one) for one in files]
        return events


def _walk(top: bytes) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """Yield every folder from `top` down: its path, the paths of the folders in it, the names of all other entries.

    Links are not followed. Folders that cannot be read are skipped.
    """
    waiting = [top]
    while waiting:
        place = waiting.pop()
        folders: list[bytes] = []
        files: list[bytes] = []
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    files.append(entry.name)
        yield place, folders, files
        waiting += folders


class _Emitter(InotifyFullEmitter):
    """Watch one root. A full emitter distinguishes a file that was moved in from one that was created."""

    def __init__(
        self,
        event_queue: EventQueue,
        watch: ObservedWatch,
        *,
        deliver: Callable[[ObservedWatch, FileSystemEvent], None],
        event_filter: list[type[FileSystemEvent]] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(event_queue, watch, event_filter=event_filter, **more)
        self.daemon = True
        self._deliver = deliver
        self._wanted = None if event_filter is None else tuple(event_filter)

    def start(self) -> None:
        """Start the thread. Raise RuntimeError when there is none; then no watch is kept."""
        try:
            super().start()
        except RuntimeError:
            self.on_thread_stop()
            raise

    def on_thread_start(self) -> None:
        """Add a watch for every folder. Raise OSError when the root cannot be watched."""
        self._inotify = _Group(
            self._inotify_fd,
            os.fsencode(self.watch.path),
            is_recursive=self.watch.is_recursive,
            event_mask=self.get_event_mask_from_filter(),
            follow_symlink=self.watch.follow_symlink,
        )

    def build_and_queue_event(self, event: GroupedInotifyEvent, *, full_events: bool = True) -> None:
        """Deliver the event. For a new folder, also deliver its content, as far as watchdog can walk it.

        The watcher itself walks a folder that is reported.
        """
        with contextlib.suppress(RecursionError):
            super().build_and_queue_event(event, full_events=full_events)

    def on_thread_stop(self) -> None:
        """Remove every watch, even if watchdog's records and the folders differ, where watchdog stops at the first."""
        group = self._inotify
        while True:
            try:
                super().on_thread_stop()
            except KeyError:
                self._inotify = group  # the watch that failed is off its records; try again for the others
            else:
                return

    def queue_event(self, event: FileSystemEvent) -> None:
        """Deliver the event if it passes the filter."""
        if self._wanted is None or isinstance(event, self._wanted):
            self._deliver(self.watch, event)
