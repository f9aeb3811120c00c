"""watchdog's inotify observer, without its blind spots and without its second queue.

watchdog tells of an overflow in its log only, and of the watch limit not at all where a folder below the root is
concerned. Here both are told. Events go from the emitter straight to whoever wants them: the queue between them has no
bound, and the thread that empties it adds a switch to every file.
"""

import errno
import warnings
from collections.abc import Callable
from typing import Any

from watchdog.events import FileSystemEvent
from watchdog.observers.api import BaseObserver, EventQueue, ObservedWatch
from watchdog.observers.inotify import InotifyFullEmitter
from watchdog.observers.inotify_c import CallbackId, InotifyEvent, InotifyFD, Mask, WatchCallback, WatchDescriptor


class Reader(InotifyFD):
    """The thread that reads the kernel's queue."""

    def __init__(self, on_overflow: Callable[[], None], on_exhausted: Callable[[bytes], None]) -> None:
        """`on_exhausted` is told the folder for which no watch was left. Raises OSError when there is no inotify."""
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
        except (KeyError, OSError):  # its books and the folders differ for a moment
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
        """Deliver the event, if somebody wants to know."""
        if self._wanted is None or isinstance(event, self._wanted):
            self._deliver(self.watch, event)
