"""Read the configuration again while eisync runs: for SIGHUP, and for `eisync config reload`."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from eisync.errors import ConfigurationError
from eisync.log import Threshold
from eisync.settings import Settings
from eisync.settings.live import changes

if TYPE_CHECKING:
    from eisync.app.machine import App

WAITS = "these changes need a start of eisync"


class Reloading:
    """Reads and applies. Safe to use from any thread."""

    def __init__(self, app: "App", read: Callable[[], Settings], log_threshold: Threshold) -> None:
        self._app = app
        self._read = read
        self._log_threshold = log_threshold
        self._lock = threading.Lock()

    def reload(self) -> dict[str, Any]:
        """Apply what may change while eisync runs. Return what was applied, and what waits for a restart.

        Raises ConfigurationError, and changes nothing, for a configuration that has faults.
        """
        with self._lock:
            try:
                after = self._read()
            except ConfigurationError as error:
                self._app.log.error("configuration.refused", reason=str(error))
                raise
            found = changes(self._app.settings, after)
            self._app.adjust(found.settings)
            self._log_threshold.set(found.settings.log.level)
            self._app.log.info("configuration.read", applied=dict(found.applied))
            if found.waiting:
                self._app.log.warning("configuration.waits", options=list(found.waiting), reason=WAITS)
        return {"applied": dict(found.applied), "waiting": list(found.waiting), "warnings": list(after.warnings)}
