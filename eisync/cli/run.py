"""`eisync run`: run the daemon in the foreground."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import click

from eisync.adapters.clock import spent_s
from eisync.adapters.process import Notifier
from eisync.app.machine import App, build
from eisync.app.reloading import Reloading
from eisync.cli import OK
from eisync.cli.options import common, key_file, label_flags
from eisync.cli.output import say
from eisync.control.steering import LONGEST_LINK_S
from eisync.errors import ConfigurationError, StateLostError
from eisync.log import Style, Threshold, configure
from eisync.loops.ports import Log
from eisync.loops.status_line import StatusLine
from eisync.loops.supervisor import SupervisedLoop, Supervisor
from eisync.paths import is_journal, notify_socket
from eisync.settings import LabelFlags, Settings, load
from eisync.web.hero import hero_of

BEAT_EVERY_S = 2.0
LOST_WITHIN_S = 1.0
STATUS_LIMIT_S = 600.0
"""The age that the heartbeat of the status line may have: on a slow disk with many files, a look takes long."""


@click.command("run")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@key_file
@label_flags
def command(
    dirs: tuple[str, ...],
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
    labels: LabelFlags,
) -> None:
    """Watch folders and upload what is dropped into them, until SIGTERM or SIGINT.

    DIR arguments are enough when the project's key is in EI_API_KEY or in a file. The first signal lets running
    requests finish (upload.drain_timeout_s); a second one stops at once. Nothing is lost either way. SIGHUP reads the
    configuration again, as 'eisync config reload' does.
    """

    def read() -> Settings:
        return load(config=config, state_dir=state_dir, dirs=dirs, labels=labels, api_key_file=api_key_file)

    settings = read()
    threshold, style = Threshold(settings.log.level), Style(settings.log.format)
    log = configure(level=threshold, style=style, is_journal=is_journal(2))
    for warning in settings.warnings:
        log.warning("configuration.warned", reason=warning)
    stop, stop_now, reload = threading.Event(), threading.Event(), threading.Event()
    _on_signals(stop, stop_now, reload)
    app = build(settings, log=log)
    reloading = Reloading(app, read, threshold, style)
    notifier = Notifier(notify_socket())
    status_line = StatusLine(lambda: hero_of(app.operations.status()).sentence, spent_s=spent_s)
    shown = [SupervisedLoop(status_line, threading.Event(), STATUS_LIMIT_S)] if notifier.is_heard else []
    supervisor = app.start_daemon(reloading.reload, shown)
    say(*_greeting(app), err=True)
    notifier.ready()

    def on_beat() -> None:
        _reload(reloading, reload)
        if all(one.is_fresh for one in supervisor.health()):
            notifier.status(status_line.sentence or "")

    _watch_health(app, supervisor, stop, notifier, on_beat)
    lost = app.why_lost()
    if lost is not None and not stop.is_set():
        _end_lost(app, supervisor, lost)
    if not stop.is_set():
        _restart(log)
    notifier.stopping()
    within_s = app.settings.upload.drain_timeout_s
    log.info("daemon.stopping", within_s=within_s)
    is_clean = supervisor.stop(within_s=within_s, give_up=stop_now)
    log.info("daemon.stopped", clean=is_clean)
    _end(app, is_clean=is_clean)


def _reload(reloading: Reloading, is_asked: threading.Event) -> None:
    if is_asked.is_set():
        is_asked.clear()
        with suppress(ConfigurationError):  # the log has it
            reloading.reload()


def _watch_health(
    app: App, supervisor: Supervisor, stop: threading.Event, notifier: Notifier, on_beat: Callable[[], object]
) -> None:
    """Notify the service manager while every loop is alive. Return on a signal, or for a damaged or lost database.

    `on_beat` is called every BEAT_EVERY_S.
    """
    while not stop.wait(BEAT_EVERY_S):
        on_beat()
        if app.is_damaged or app.why_lost() is not None:
            return
        stale = [one for one in supervisor.health() if not one.is_fresh]
        if not stale:
            notifier.alive()
        else:
            notifier.status(f"the {stale[0].name} has not responded for {stale[0].age_s:.0f} s")


def _end_lost(app: App, supervisor: Supervisor, reason: str) -> NoReturn:
    """End at once: another eisync may hold the new state folder already.

    Files under way are sent again, and the service refuses them as duplicates. Raises StateLostError if all loops end
    in time; otherwise the process exits here.
    """
    app.log.error("state.lost", reason=reason)
    if not supervisor.stop(within_s=LOST_WITHIN_S, give_up=threading.Event()):
        say(f"eisync: {reason}", err=True)
        _end(app, is_clean=False, code=StateLostError.exit_code)
    app.close(wait=False)
    raise StateLostError(reason)


def _restart(log: Log) -> NoReturn:
    """Run the same command again in the same process. Its start sets the damaged database aside.

    The results of requests under way cannot be stored. Their files are sent again, as after any other end.
    """
    log.error("daemon.restarting", reason="the database is damaged; eisync keeps a copy and rebuilds it")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell wanted


def _end(app: App, *, is_clean: bool, code: int = OK) -> None:
    if is_clean:
        app.close()
        return
    # A request that does not end blocks its thread, and the interpreter would wait for it. Exit without waiting, as the
    # user asked for. Files under way are doubtful at the next start, which is safe.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _on_signals(stop: threading.Event, stop_now: threading.Event, reload: threading.Event) -> None:
    def handle_signal(_number: int, _frame: FrameType | None) -> None:
        (stop_now if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle_signal)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda _number, _frame: reload.set())


def _greeting(app: App) -> Iterator[str]:
    folders = ", ".join(str(watch.path) for watch in app.settings.watches)
    yield f"eisync watches {folders}; 'eisync status' shows where every file is. Ctrl-C ends it."
    if app.page is None or app.page.why_off is not None:
        return
    if sys.stderr.isatty():
        yield f"Its page, for this user only; the link holds for a day: {app.page.record(LONGEST_LINK_S)['link']}"
    else:  # a journal is read by others
        yield f"Its page is {app.page.url}; 'eisync ui' opens it."
