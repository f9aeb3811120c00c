"""Make the loops of a running process act now, because a person asks for it. Safe from any thread."""

from collections.abc import Callable, Sequence

from eisync.loops.uploader.loop import UploaderLoop
from eisync.loops.watcher.loop import WatcherLoop
from eisync.settings import Settings


def scan(watcher: WatcherLoop, wake: Callable[[], object], roots: Sequence[str] | None) -> list[str]:
    """Scan these watched folders, or all. Return which."""
    scanned = watcher.scan_now(roots)
    wake()
    return scanned


def recheck(settings: Settings, uploader: UploaderLoop, wake: Callable[[], object]) -> list[str]:
    """Try the targets again that refused their key. Return which."""
    refused = sorted(uploader.refusals())
    for name in refused:
        settings.key_source(name).doubt()
    wake()
    return refused
