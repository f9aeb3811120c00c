"""Read the configuration again while eisync runs: for SIGHUP, and for `eisync config reload`."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from eisync.app.adjustment import Adjustment
from eisync.errors import ConfigurationError
from eisync.log import Style, Threshold
from eisync.settings import Settings
from eisync.settings.live import changes

if TYPE_CHECKING:
    from eisync.app.machine import App


class Reloading:
    """Reads and applies. Safe to use from any thread."""

    def __init__(self, app: "App", read: Callable[[], Settings], threshold: Threshold, style: Style) -> None:
        """`threshold` and `style` are those of the log."""
        self._app = app
        self._read = read
        self._threshold = threshold
        self._style = style
        self._lock = threading.Lock()

    def reload(self) -> dict[str, Any]:
        """Apply what may change while eisync runs. Return what was applied, and what waits for a restart, with why.

        Raises ConfigurationError, and changes nothing, for a configuration that has faults.
        """
        with self._lock:
            app = self._app
            try:
                after = self._read()
                found = changes(app.settings, after)
                adjustment = Adjustment(app, found.settings)
            except ConfigurationError as error:
                app.log.error("configuration.refused", reason=str(error))
                raise
            adjustment.apply()
            self._threshold.set(found.settings.log.level)
            self._style.set(found.settings.log.format)
            app.log.info("configuration.read", applied=dict(found.applied))
            if found.waiting:
                reason = "; ".join(dict.fromkeys(found.waiting.values()))
                app.log.warning("configuration.waits", options=list(found.waiting), reason=reason)
            for option, by in after.overruled.items():
                app.log.warning("configuration.overruled", option=option, by=by)
            return {
                "applied": dict(found.applied),
                "waiting": [{"option": option, "reason": why} for option, why in found.waiting.items()],
                "overruled": [{"option": option, "by": by} for option, by in after.overruled.items()],
                "warnings": [*after.warnings, *self._page_warning(found.settings)],
            }

    def _page_warning(self, settings: Settings) -> Iterator[str]:
        page = self._app.page
        if settings.web.enabled and page is not None and page.why_off is not None:
            yield page.why_off
