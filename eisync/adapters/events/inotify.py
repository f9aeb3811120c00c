"""watchdog's inotify observer, without its blind spots and without its second queue.

watchdog walks folders by recursion where Python does: a thousand in one another are too many for it. Here they are
walked without. watchdog tells of an overflow in its log only, and of the watch limit not at all where a folder below
the root is concerned. Here both are reported. Events go from the emitter straight to the handler: the queue between
them has no bound, and the thread that empties it adds a switch to every file.
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
    """The thread that reads the kernel's queue."""

    def __init__(self, on_overflow: Callable[[], None], on_exhausted: Callable[[bytes], None]) -> None:
        """`on_exhausted` is called with the folder for which no watch was left. Raises OSError without inotify."""
        super().__init__()
        self.daemon = True
        self._on_overflow = on_overflow
        self._on_exhausted = on_exhausted
        # A folder that was moved out is still listened to when it is moved in again. That is no news to anybody.
        warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)

    def handle_event(self, event: InotifyEvent) -> None:
        """Tell of lost events, and let watchdog see to the rest: where it stumbles, events are lost, and no thread."""
        if event.is_queue_overflow:
            self._on_overflow()
        try:
            super().handle_event(event)
        except (KeyError, OSError, RecursionError):  # its books and the folders differ for a moment
            self._on_overflow()

    def add_callback(self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId) -> WatchDescriptor:
        """Tell when the limit of watches is reached; watchdog goes on without this one."""
        try:
            return super().add_callback(path, mask, callback, id_)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._on_exhausted(path)
            raise


class Observer(BaseObserver):
    """Hands every event to `deliver`, in the emitter's thread."""

    def __init__(self, reader: Reader, deliver: Callable[[ObservedWatch, FileSystemEvent], None]) -> None:
        self.reader = reader
        super().__init__(_Emitter, inotify_fd=reader, deliver=deliver)

    def on_thread_start(self) -> None:
        """The reader lives as long as the observer does."""
        self.reader.start()
        super().on_thread_start()

    def on_thread_stop(self) -> None:
        """First those that need the reader, then the reader."""
        super().on_thread_stop()
        self.reader.stop()
        self.reader.join()


class _Group(InotifyWatchGroup):
    """The watches of one root, however deep it is."""

    def _activate(self) -> None:
        try:
            super()._activate()
        except BaseException:
            with contextlib.suppress(OSError):  # no list has the group: what it holds would stay for ever
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
            # What is not watched by now has an event of its own to come, which sees to it.
            if (descriptor := self._active_callbacks_by_path.get(place)) is not None:
                events += [InotifyEvent(descriptor, is_folder, 0, os.path.basename(one)) for one in folders]
                events += [InotifyEvent(descriptor, InotifyConstants.IN_CREATE, 0, one) for one in files]
        return events


def _walk(top: bytes) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """Yield every folder from `top` down: its place, the places of the folders in it, the names of all else.

    Links are not followed, and what cannot be read is passed over.
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
    """Listens to one root. A full emitter tells a file that was moved in from one that was only made."""

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
        """Begin to listen. Without a thread no watch is kept: raises RuntimeError then."""
        try:
            super().start()
        except RuntimeError:
            self.on_thread_stop()
            raise

    def on_thread_start(self) -> None:
        """Add a watch for every folder. Raises OSError where the root cannot be listened to."""
        self._inotify = _Group(
            self._inotify_fd,
            os.fsencode(self.watch.path),
            is_recursive=self.watch.is_recursive,
            event_mask=self.get_event_mask_from_filter(),
            follow_symlink=self.watch.follow_symlink,
        )

    def build_and_queue_event(self, event: GroupedInotifyEvent, *, full_events: bool = True) -> None:
        """Deliver what happened, and of a folder that came what is in it, as far as watchdog can walk it.

        The watcher walks a folder that is reported.
        """
        with contextlib.suppress(RecursionError):
            super().build_and_queue_event(event, full_events=full_events)

    def on_thread_stop(self) -> None:
        """Give every watch back, also where watchdog's books and the folders differ: it would give up at the first."""
        group = self._inotify
        while True:
            try:
                super().on_thread_stop()
            except KeyError:
                self._inotify = group  # the one it stumbled over is out of its books; again, for the others
            else:
                return

    def queue_event(self, event: FileSystemEvent) -> None:
        """Deliver the event, if it is wanted."""
        if self._wanted is None or isinstance(event, self._wanted):
            self._deliver(self.watch, event)
