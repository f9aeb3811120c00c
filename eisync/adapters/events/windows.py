"""Windows reports lost events by a read that holds none: ReadDirectoryChangesW succeeds with no bytes when its buffer
ran over (learn.microsoft.com, "ReadDirectoryChangesW function", Remarks). watchdog passes over it; here it is reported.
"""

import queue
from collections.abc import Callable
from typing import Any


def reporting(emitter: type[Any], on_overflow: Callable[[], None]) -> type[Any]:
    """Return the emitter class, with a reader whose empty reads are reported."""

    class Reporting(emitter):  # type: ignore[misc]  # the class is another one on every system
        def on_thread_start(self) -> None:
            super().on_thread_start()
            reader = getattr(self, "_reader", None)
            if reader is not None:  # the first empty read, which says that it has begun, is over
                reader._buf_queue = _Buffers(on_overflow)

    return Reporting


class _Buffers(queue.Queue[tuple[bytes, bool]]):
    """What was read and is not parsed yet."""

    def __init__(self, on_overflow: Callable[[], None]) -> None:
        super().__init__()
        self._on_overflow = on_overflow

    def put(self, item: tuple[bytes, bool], block: bool = True, timeout: float | None = None) -> None:
        """Pass it on, and say so when there is nothing in it."""
        if not item[0]:
            self._on_overflow()
        super().put(item, block, timeout)
