"""`eisync notify`: try whether notifications arrive."""

import click

from eisync.cli.options import ask, common
from eisync.cli.output import say
from eisync.errors import ConfigurationError, EisyncError


@click.command("notify")
@common
def command(config: str | None, state_dir: str | None) -> int:
    """Send a test notification on every channel of [notify], and say what became of each.

    Works with and without a running eisync, and changes nothing there.

    \b
    Exit code 0   every channel took it
              1   a channel failed; the message says why
              78  the configuration is wrong, or names no channel
    """
    from eisync.app.notifier import Channels  # here, so that `--help` imports no network
    from eisync.core.notifications import Notification, NotificationKind, message
    from eisync.settings import load

    settings = load(config=config, state_dir=state_dir, need_watch=False, need_key=False)
    if not settings.notify.is_on:
        raise ConfigurationError("there is no channel to notify: set command, webhook_file or desktop in [notify]")
    (status,) = ask({"do": "status"}, config=config, state_dir=state_dir)
    channels = Channels(settings.notify)
    failed = 0
    try:
        for name, deliver in channels.deliver.items():
            try:
                deliver(message(Notification(kind=NotificationKind.TEST), status))
            except EisyncError as error:
                failed += 1
                say(f"{name}: {error}", err=True)
            else:
                say(f"{name}: sent")
    finally:
        channels.close()
    return 1 if failed else 0
