"""Give every part of a running process its new options, after the configuration was read again.

Each loop is handed one frozen value, which it takes up between two ticks: no request, claim or scan sees half of it.
"""

from typing import TYPE_CHECKING

from eisync.adapters.client.service import trusted_by
from eisync.app.loop_options import (
    consequences,
    is_watched_alike,
    reconciled_projects,
    retention_policies,
    sending_options,
    watched_roots,
)
from eisync.app.loops import endpoints_of
from eisync.app.notifier import notifier_options
from eisync.loops.watcher.context import WatchedRoot
from eisync.settings import Settings

if TYPE_CHECKING:
    from eisync.app.machine import App


class Adjustment:
    """The options that other settings lead to. To make them may fail, and changes nothing; `apply` does not fail."""

    def __init__(self, app: "App", settings: Settings) -> None:
        """`settings` differ from those in force in options of `settings.live.LIVE` only. Raises ConfigurationError."""
        before = app.settings
        self._app = app
        self._settings = settings
        self._roots = self._changed_roots()
        self._trusted = {target.name: trusted_by(endpoints_of(settings, target.name)) for target in settings.targets}
        # Also without a change of an option: the address of the webhook is in a file of its own.
        is_told = before.notify.is_on or settings.notify.is_on
        self._notifier = notifier_options(settings.notify) if app.notifier is not None and is_told else None

    def apply(self) -> None:
        """Use the settings from now on. The loops do from their next tick on, which comes at once."""
        app, settings, before = self._app, self._settings, self._app.settings
        app.settings = settings
        app.throttle.set_rate(settings.upload.max_rate or None)
        app.keys.use(settings.keys)
        app.wait_for_answers()
        for name, service in app.services.items():
            timeout_s = (settings.upload.connect_timeout_s, settings.upload.timeout_s)
            service.adjust(timeout_s=timeout_s, trusted=self._trusted[name])
        app.lineage.adjust(consequences(settings, app.roots))
        app.watcher.adjust(self._roots)
        app.uploader.adjust(sending_options(settings), releases_claims=bool(self._roots))
        if app.reconciler is not None:
            projects = reconciled_projects(settings, app.roots, app.services)
            app.reconciler.adjust(projects, settings.reconcile.guard)
        app.retention.adjust(retention_policies(settings, app.roots))
        if app.notifier is not None and self._notifier is not None:
            app.notifier.adjust(self._notifier)
        app.numbers.use(settings)
        for bell in app.bells.values():
            bell.set()
        if app.page is not None and settings.web != before.web:
            app.serve_page()

    def _changed_roots(self) -> list[WatchedRoot]:
        app, settings = self._app, self._settings
        return [
            watched
            for before, after, watched in zip(
                app.settings.watches,
                settings.watches,
                watched_roots(settings, app.roots, listens=app.listens),
                strict=True,
            )
            if not is_watched_alike(before, after)
        ]
