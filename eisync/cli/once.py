"""`eisync once`: one pass over everything, for scripts and timers."""

import signal
import sys
import threading
from types import FrameType

import click

from eisync.adapters import clock
from eisync.app import App, build
from eisync.cli import OK, PENDING, QUARANTINED
from eisync.cli.options import common, key_file
from eisync.cli.output import say
from eisync.cli.progress import Bar
from eisync.core import report
from eisync.core.items import shown
from eisync.core.lifecycle import PENDING as PENDING_STATES
from eisync.core.lifecycle import State
from eisync.errors import ForeignProjectError, KeyRefusedError
from eisync.log import configure
from eisync.loops.watched import Observed
from eisync.settings import load

SHOWN_REASONS = 10


@click.command("once")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@key_file
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="How many seconds to wait for files that are still written, or are to be tried again.",
)
@click.option("--quiet", is_flag=True, help="No progress and no log below errors.")
def command(
    dirs: tuple[str, ...],
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
    timeout_s: float,
    quiet: bool,
) -> int:
    """Scan the folders, upload all that is due, compare with the service once, and end.

    \b
    Exit code 0   every file is in Edge Impulse (or was deleted there by a person)
              3   some files are quarantined: 'eisync ls --state quarantined' says why; or
                  the project was emptied, or many samples vanished: 'eisync plan' asks;
                  or the project is not the one that the files were sent to
              4   some are still pending: run it again
             77   the key is refused
    """
    settings = load(config=config, state_dir=state_dir, dirs=dirs, api_key_file=api_key_file)
    # Progress is for a person at a terminal, who is told of every trouble at the end; the log is for everybody else.
    is_watched = sys.stderr.isatty() and not quiet
    level = "none" if is_watched else "error" if quiet else settings.log.level
    log = configure(level=level, style=settings.log.format)
    for warning in settings.warnings:
        say(f"warning: {warning}", err=True)
    stop = threading.Event()
    _on_signals(stop)
    app = build(settings, log=log, listen=False)
    try:
        give_up_at = clock.now() + timeout_s
        progress = _Progress(app, is_shown=is_watched, until=give_up_at)
        app.once(progress.show).run(give_up_at=give_up_at, is_stopped=stop.is_set)
        progress.end()
        return _conclude(app)
    finally:
        app.close(wait=not stop.is_set())


def _conclude(app: App) -> int:
    now = clock.now()
    counts = app.index.tally(app.root_ids)
    unsettled = app.watcher.unsettled(now)
    # Some are known to the index only: the comparison with the service has just found that they must go again.
    shown = {**counts, State.SETTLING: max(len(unsettled), counts.get(State.SETTLING, 0))}
    last_synced_at = app.index.counts().last_synced_at
    vanished = app.acts.vanished(target.name for target in app.settings.targets)
    sentence = report.sentence(
        shown,
        last_synced_at=last_synced_at,
        now=now,
        vanished=vanished.files,
        emptied=vanished.emptied.values(),
        unconfirmed=app.index.unconfirmed(target.name for target in app.settings.targets),
    )
    say(sentence)
    _explain(app, unsettled)
    comparing = app.watcher.comparing()
    if comparing:
        say(f"{comparing:,} files were touched since their upload, and are not compared with it yet", err=True)
    refusals = app.drainer.refusals()
    if refusals:
        raise KeyRefusedError("\n".join(f"target {name}: {reason}" for name, reason in refusals.items()))
    key_refused = [error for error in app.troubles().values() if isinstance(error, KeyRefusedError)]
    if key_refused and not app.has_uploaded:
        raise key_refused[0]
    if vanished.emptied or any(isinstance(error, ForeignProjectError) for error in app.troubles().values()):
        return QUARANTINED  # only a person can say what happened to the project, and running again does not help
    if app.watcher.offline() or comparing or any(shown.get(state) for state in PENDING_STATES):
        return PENDING
    return QUARANTINED if counts.get(State.QUARANTINED) or vanished.files else OK


def _explain(app: App, unsettled: list[Observed]) -> None:
    """On stderr: what is not in the project, and why."""
    for sentence in app.watcher.offline():
        say(sentence, err=True)
    for root, sentences in app.lineage.said().items():
        for sentence in sentences:
            say(f"{root}: {sentence}", err=True)
    for seen in unsettled[:SHOWN_REASONS]:
        say(f"{seen.root}/{seen.path}: not complete yet: {seen.reason}", err=True)
    roots = {str(watch.path) for watch in app.settings.watches}
    for state in (State.QUARANTINED, State.READY, State.DOUBTFUL, State.TOMBSTONE):
        records = (record for record in app.index.files(state) if record["root"] in roots)
        for number, record in enumerate(records):
            if number == SHOWN_REASONS:
                say(f"… 'eisync ls --state {state.value}' lists them all", err=True)
                break
            path = f"{record['root']}/{record['path']}"
            say(f"{path}: {state.value}: {record['reason']!s}", err=True)
    for folder in app.retention.report():
        if folder["waits_for"]:
            say(f"{folder['root']}: no room is made: {folder['waits_for']}", err=True)
    if app.times.is_wrong and (doubt := app.times.why_doubt()) is not None:
        say(f"nothing that waits by time is done: {doubt}", err=True)
    for target, error in app.troubles().items():
        say(f"target {target}: not compared with the service: {error}", err=True)


class _Progress:
    """How far it is, for a person who looks."""

    def __init__(self, app: App, *, is_shown: bool, until: float) -> None:
        """`until` (Unix s) it waits at most."""
        self._app = app
        self._bar = Bar(is_shown=is_shown)
        self._until = until
        self._is_said = is_shown

    def show(self) -> None:
        self._app.refuse_lost()
        self._say_once()
        if not self._bar.is_due():
            return
        counts = self._app.index.tally(self._app.root_ids)
        waiting = sum(counts.get(state, 0) for state in PENDING_STATES) + len(self._app.watcher.unsettled(clock.now()))
        done = sum(counts.values()) - sum(counts.get(state, 0) for state in PENDING_STATES)
        self._bar.draw(done, done + waiting, "files")

    def end(self) -> None:
        self._bar.end()

    def _say_once(self) -> None:
        """Where nobody sees a bar: what it waits for when nothing else is left to do, and how long."""
        if self._is_said or not self._app.watcher.has_scanned or not self._app.drainer.is_idle:
            return
        now = clock.now()
        unsettled = self._app.watcher.unsettled(now)
        pending = self._app.pending()
        if not unsettled and not pending:
            return
        self._is_said = True
        first = {"path": shown(unsettled[0].path), "reason": unsettled[0].reason} if unsettled else {}
        at_most_s = round(max(0.0, self._until - now))
        self._app.log.info("once.waiting", files=len(unsettled) + pending, at_most_s=at_most_s, **first)


def _on_signals(stop: threading.Event) -> None:
    def hear(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hear)
