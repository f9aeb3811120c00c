"""Build the loop of notifications, and the channels that the configuration names."""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from eisync import paths
from eisync.adapters import clock, process
from eisync.adapters.notification import Webhook, run_command, show_on_desktop
from eisync.app.loops import USER_AGENT
from eisync.errors import ConfigurationError
from eisync.loops.notifier import Deliver, NotifierLoop, NotifierOptions, Situation
from eisync.loops.ports import Log
from eisync.loops.supervisor import SupervisedLoop
from eisync.settings import Notify, Settings
from eisync.store.ledgers import Ledgers

LIMIT_S = 900.0
"""The age that the heartbeat of the loop may have: a webhook that sends single bytes may take ten times its limit."""


class Channels:
    """The ways in which notifications leave, by name."""

    def __init__(self, options: Notify) -> None:
        """Raises ConfigurationError when the address of the webhook cannot be read."""
        self.deliver: dict[str, Deliver] = {}
        environ = paths.unconfigured()  # with no key in it
        if options.command:
            self.deliver["command"] = partial(run_command, options.command, environ=environ, limit_s=options.timeout_s)
        try:
            url = options.webhook_url()
        except ValueError as error:
            raise ConfigurationError(f"notify.webhook_file: {error}") from None
        self._webhook = None if url is None else Webhook(url, user_agent=USER_AGENT, limit_s=options.timeout_s)
        if self._webhook is not None:
            self.deliver["webhook"] = self._webhook.deliver
        if options.desktop:
            self.deliver["desktop"] = partial(show_on_desktop, environ=environ, limit_s=options.timeout_s)

    def close(self) -> None:
        """Close connections. Safe to repeat."""
        if self._webhook is not None:
            self._webhook.close()


def notifier_options(options: Notify) -> NotifierOptions:
    """Return the options of the loop. Raises ConfigurationError when a channel cannot be used."""
    channels, host = Channels(options), process.host()
    return NotifierOptions(
        channels={name: _from_host(deliver, host) for name, deliver in channels.deliver.items()},
        patience=options.patience,
        stalled_s=options.stalled_s,
        close=channels.close,
    )


class Notifier:
    """The notifications of one process. Its loop also runs without channels: one may be turned on at any time."""

    def __init__(
        self, settings: Settings, status: Callable[[], Mapping[str, Any]], is_paused: Callable[[float], bool], log: Log
    ) -> None:
        """Raises ConfigurationError when a channel cannot be used."""
        self._bell = threading.Event()
        self._loop = NotifierLoop(
            notifier_options(settings.notify),
            Situation(status=status, is_paused=is_paused, second_of_day=clock.second_of_day, spent_s=clock.spent_s),
            Ledgers(str(settings.state.dir)),
            log=log,
        )

    def supervised(self) -> SupervisedLoop:
        """Return the loop for the supervisor."""
        return SupervisedLoop(self._loop, self._bell, LIMIT_S)

    def adjust(self, options: NotifierOptions) -> None:
        """Use these options from now on. Safe from any thread."""
        self._loop.adjust(options)
        self._bell.set()

    def close(self) -> None:
        """Close what the channels hold open. Safe to repeat."""
        self._loop.close()


def _from_host(deliver: Deliver, host: str) -> Deliver:
    """Say in each message which machine it is about: one webhook may serve many."""
    return lambda message: deliver({**message, "host": host})
