"""`eisync run`: the daemon, in the foreground."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import click

from eisync.adapters.process import Notifier
from eisync.app.machine import App, build
from eisync.cli import OK
from eisync.cli.options import common, key_file
from eisync.cli.output import say
from eisync.errors import ConfigurationError, StateLostError
from eisync.log import configure
from eisync.loops.ports import Log
from eisync.loops.supervisor import Supervisor
from eisync.paths import notify_socket
from eisync.settings import Settings, load

BEAT_EVERY_S = 2.0
LOST_WITHIN_S = 1.0


@click.command("run")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@key_file
def command(dirs: tuple[str, ...], config: str | None, state_dir: str | None, api_key_file: str | None) -> None:
    """Watch folders and upload what is dropped into them, until SIGTERM or SIGINT.

    DIR arguments are enough when the project's key is in EI_API_KEY or in a file. The first signal lets running
    requests finish (upload.drain_timeout_s); a second one stops at once. Nothing is lost either way. SIGHUP reads the
    configuration again and applies upload.max_rate and upload.quiet_hours.
    """

    def read() -> Settings:
        return load(config=config, state_dir=state_dir, dirs=dirs, api_key_file=api_key_file)

    settings = read()
    log = configure(level=settings.log.level, style=settings.log.format)
    for warning in settings.warnings:
        log.warning("configuration.warned", reason=warning)
    stop, hurry, again = threading.Event(), threading.Event(), threading.Event()
    _on_signals(stop, hurry, again)
    app = build(settings, log=log)
    supervisor = app.start_daemon()
    say(_greeting(settings), err=True)
    notifier = Notifier(notify_socket())
    notifier.ready()
    _live(app, supervisor, stop, notifier, lambda: _adjust(app, again, read))
    lost = app.why_lost()
    if lost is not None and not stop.is_set():
        _end_lost(app, supervisor, lost)
    if not stop.is_set():
        _begin_anew(log)
    notifier.stopping()
    log.info("daemon.stopping", within_s=settings.upload.drain_timeout_s)
    is_clean = supervisor.stop(within_s=settings.upload.drain_timeout_s, give_up=hurry)
    log.info("daemon.stopped", clean=is_clean)
    _leave(app, is_clean=is_clean)


def _adjust(app: App, again: threading.Event, read: Callable[[], Settings]) -> None:
    if not again.is_set():
        return
    again.clear()
    try:
        app.adjust(read())
    except ConfigurationError as error:
        app.log.error("configuration.refused", reason=str(error))


def _live(
    app: App, supervisor: Supervisor, stop: threading.Event, notifier: Notifier, heed: Callable[[], object]
) -> None:
    """Tell the service manager that we live, as long as every loop does; until a signal, or a damaged or lost database.

    `heed` is called at every beat.
    """
    while not stop.wait(BEAT_EVERY_S):
        heed()
        if app.is_damaged or app.why_lost() is not None:
            return
        stale = [one for one in supervisor.health() if not one.is_fresh]
        if not stale:
            notifier.alive()
        else:
            notifier.status(f"the {stale[0].name} has not responded for {stale[0].age_s:.0f} s")


def _end_lost(app: App, supervisor: Supervisor, reason: str) -> NoReturn:
    """End at once: another eisync may hold the new folder already. What is under way is sent again, and refused there.

    Raises StateLostError where nothing holds this process.
    """
    app.log.error("state.lost", reason=reason)
    if not supervisor.stop(within_s=LOST_WITHIN_S, give_up=threading.Event()):
        say(f"eisync: {reason}", err=True)
        _leave(app, is_clean=False, code=StateLostError.exit_code)
    app.close(wait=False)
    raise StateLostError(reason)


def _begin_anew(log: Log) -> NoReturn:
    """The same command in the same process, from the start, which sets the damaged database aside.

    Nothing could be written down of what is under way; it is sent again, as after any other end.
    """
    log.error("daemon.restarting", reason="the database is damaged; eisync keeps a copy and rebuilds it")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell wanted


def _leave(app: App, *, is_clean: bool, code: int = OK) -> None:
    if is_clean:
        app.close()
        return
    # A request that does not end holds its thread, and the interpreter would wait for it. What was under way is
    # doubtful at the next start, which is safe; going now is what was asked for.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _on_signals(stop: threading.Event, hurry: threading.Event, again: threading.Event) -> None:
    def hear(_number: int, _frame: FrameType | None) -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hear)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda _number, _frame: again.set())


def _greeting(settings: Settings) -> str:
    folders = ", ".join(str(watch.path) for watch in settings.watches)
    return f"eisync watches {folders}; 'eisync status' shows where every file is. Ctrl-C ends it."
