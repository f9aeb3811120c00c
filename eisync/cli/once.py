"""`eisync once`: run one pass over everything, for scripts and timers."""

import signal
import sys
import threading
from collections.abc import Iterable
from types import FrameType

import click

from eisync.adapters import clock
from eisync.app.loop_options import watched_of
from eisync.app.machine import App, build
from eisync.cli.options import common, key_file, label_flags
from eisync.cli.output import say
from eisync.cli.pause import sentences as pause_sentences
from eisync.cli.progress import Progress
from eisync.control.overview import label_trouble, overview
from eisync.control.pausing import pauses
from eisync.core.file_status import UNREADABLE, ObservedEntry
from eisync.core.lifecycle import PENDING as PENDING_STATES
from eisync.core.lifecycle import State
from eisync.core.model import Root, shown
from eisync.errors import ForeignProjectError, KeyRefusedError
from eisync.log import configure
from eisync.loops.ports import Log
from eisync.paths import is_journal
from eisync.settings import LabelFlags, Settings, load

SHOWN_REASONS = 10


@click.command("once")
@click.argument("places", nargs=-1, metavar="[DIR|FILE]...")
@common
@key_file
@label_flags
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Send through the workers of this Dask scheduler, such as tcp://10.0.0.5:8786 (`scheduler` in [upload]).",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="How many seconds to wait while nothing arrives, for files that are being written or tried again.",
)
@click.option("--quiet", is_flag=True, help="Show no progress, and log errors only.")
def command(
    places: tuple[str, ...],
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
    labels: LabelFlags,
    scheduler: str | None,
    timeout_s: float,
    quiet: bool,
) -> int:
    """Scan the folders, upload everything that is due, compare with the project once, and end.

    A FILE is uploaded alone, as a file of the watched folder that it is in, or else of the folder around it.

    While it runs, 'eisync status', 'ls', 'explain', 'history' and 'retry' answer through it.

    \b
    Exit code 0   every file is in Edge Impulse (or was deleted there by a person)
              3   a person must act: files are quarantined, or files or folders cannot be read
                  ('eisync status' says why, and what to do next);
                  the project was emptied, or a plan waits for approval: see 'eisync plan';
                  or the project is not the one that the files were sent to
              4   some files are still waiting, incomplete or open for writing, were not in the
                  last listing, or are on a disk that is missing: run it again
             69   the Dask scheduler does not answer
             77   the key is refused

    When both 3 and 4 apply, the code is 4, unless nothing continues before a person acts.
    """
    settings = load(
        config=config,
        state_dir=state_dir,
        dirs=places,
        takes_files=True,
        labels=labels,
        scheduler=scheduler,
        api_key_file=api_key_file,
    )
    _refuse_left_out(settings)
    # A person at a terminal gets a progress bar, and every problem at the end. Everything else gets the log.
    is_watched = sys.stderr.isatty() and not quiet
    level = "none" if is_watched else "error" if quiet else settings.log.level
    log = configure(level=level, style=settings.log.format, is_journal=is_journal(2))
    for warning in settings.warnings:
        say(f"warning: {warning}", err=True)
    return _run(settings, log, timeout_s=timeout_s, is_watched=is_watched, is_quiet=quiet)


def _run(settings: Settings, log: Log, *, timeout_s: float, is_watched: bool, is_quiet: bool) -> int:
    """Run the pass, and return the exit code."""
    stop = threading.Event()
    _on_signals(stop)
    app = build(settings, log=log, listen=False, verb="once")
    try:
        _refuse_others(app)
        app.answer_meanwhile()
        # Off a terminal, stderr is a log, in which each line is an event.
        tell = None if is_watched else lambda line: log.info("once.progress", progress=line)
        bar = Progress(is_quiet=is_quiet, at_once=True, tell=tell)
        progress = _Progress(app, bar, is_watched=is_watched, patience_s=timeout_s)
        app.once(progress.show).run(patience_s=timeout_s, is_stopped=stop.is_set)
        progress.end()
        return _conclude(app)
    finally:
        app.close(wait=not stop.is_set())


def _refuse_left_out(settings: Settings) -> None:
    """Raise UsageError for a file that was named but that a rule leaves out: it would not be uploaded."""
    for watch in settings.watches:
        root = Root(id=0, path=str(watch.path), target=watch.target)
        for name in sorted(watch.only or ()):
            why = watched_of(watch, root).eligibility.why_left_out(name)
            if why is not None:
                raise click.UsageError(f"{watch.path}/{name} is not uploaded: {why}")


def _refuse_others(app: App) -> None:
    """Raise UsageError when other files than those that were named wait to be sent: they would be sent too."""
    only = {str(watch.path): watch.only for watch in app.settings.watches if watch.only is not None}
    for state in PENDING_STATES if only else ():
        for record in app.index.records.files(state):
            names = only.get(str(record["root"]))
            if names is not None and record["path"] not in names:
                raise click.UsageError(
                    f"another file of {record['root']} waits to be sent ({record['path']}): name it too, or upload the "
                    f"folder with 'eisync once {record['root']}'"
                )


def _conclude(app: App) -> int:
    now = clock.now()
    taken = overview(app.index, app.actions, [target.name for target in app.settings.targets], roots=app.root_ids)
    say(taken.sentence(now=now))
    _explain(app, now)
    comparing = app.watcher.comparing()
    if comparing:
        say(f"{comparing:,} files were touched since their upload and are not compared with it yet", err=True)
    refusals = app.uploader.refusals()
    if refusals:
        raise KeyRefusedError("\n".join(f"target {name}: {reason}" for name, reason in refusals.items()))
    key_refused = [error for error in app.troubles().values() if isinstance(error, KeyRefusedError)]
    if key_refused and not app.has_uploaded:
        raise key_refused[0]
    # Only a person knows what happened to such a project. Running again does not help.
    is_blocked = any(isinstance(error, ForeignProjectError) for error in app.troubles().values())
    return taken.exit_code(is_blocked=is_blocked, is_held_up=bool(app.watcher.offline()))


def _explain(app: App, now: float) -> None:
    """Print to stderr what is not in the project, and why."""
    for sentence in app.watcher.offline():
        say(sentence, err=True)
    for root, sentences in app.lineage.sentences().items():
        for sentence in sentences:
            say(f"{root}: {sentence}", err=True)
    observed = app.watcher.observed(now)
    _list(UNREADABLE, (f"{_place(entry)}: {entry.reason}" for entry in observed if entry.state == UNREADABLE))
    settling = (entry for entry in observed if entry.state != UNREADABLE)
    _list(State.SETTLING.value, (f"{_place(entry)}: not complete yet: {entry.reason}" for entry in settling))
    roots = {str(watch.path) for watch in app.settings.watches}
    for state in (State.QUARANTINED, State.READY, State.DOUBTFUL, State.TOMBSTONE):
        records = (record for record in app.index.records.files(state) if record["root"] in roots)
        _list(state.value, (f"{one['root']}/{one['path']}: {state.value}: {one['reason']!s}" for one in records))
    for folder in app.retention.report():
        if folder["waits_for"]:
            say(f"{folder['root']}: no room is made: {folder['waits_for']}", err=True)
    say(*pause_sentences(pauses(app.index, now)), err=True)
    if app.times.is_wrong and (doubt := app.times.why_doubt()) is not None:
        say(f"nothing that waits for a time is done: {doubt}", err=True)
    trouble = label_trouble(app.index)
    for watch, root_id in zip(app.settings.watches, app.root_ids, strict=True):
        say(*(f"{watch.path}: labels: {one['sentence']}" for one in trouble.get(root_id, ())), err=True)
    for target, error in app.troubles().items():
        say(f"target {target}: not compared with the service: {error}", err=True)


def _list(state: str, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines):
        if number == SHOWN_REASONS:
            say(f"… 'eisync ls --state {state}' lists them all, 'eisync status' groups them by reason", err=True)
            break
        say(line, err=True)


def _place(entry: ObservedEntry) -> str:
    return f"{entry.root}/{entry.path}" if entry.path else entry.root


class _Progress:
    """Shows the progress to a person at a terminal, or logs it each minute and once what the pass waits for."""

    def __init__(self, app: App, progress: Progress, *, is_watched: bool, patience_s: float) -> None:
        """`patience_s`: how long the pass waits while nothing arrives."""
        self._app = app
        self._progress = progress
        self._patience_s = patience_s
        self._is_logged = is_watched

    def show(self) -> None:
        self._app.beat()
        self._app.refuse_lost()
        self._log_once()
        if not self._progress.is_due():
            return
        counts = self._app.index.records.report(self._app.root_ids)
        waiting = sum(counts.get(state, 0) for state in PENDING_STATES) + len(self._app.watcher.unsettled(clock.now()))
        done = sum(counts.values()) - sum(counts.get(state, 0) for state in PENDING_STATES)
        stored_bytes = self._app.uploader.counters.stored_bytes
        self._progress.show(done, done + waiting, "files", size=stored_bytes or None)

    def end(self) -> None:
        self._progress.end()

    def _log_once(self) -> None:
        """Without a bar: log once what the pass waits for when nothing else is left to do, and for how long."""
        if self._is_logged or not self._app.watcher.has_scanned or not self._app.uploader.is_idle:
            return
        now = clock.now()
        unsettled = self._app.watcher.unsettled(now)
        pending = self._app.pending()
        if not unsettled and not pending:
            return
        self._is_logged = True
        first = {"path": shown(unsettled[0].path), "reason": unsettled[0].reason} if unsettled else {}
        self._app.log.info("once.waiting", files=len(unsettled) + pending, at_most_s=round(self._patience_s), **first)


def _on_signals(stop: threading.Event) -> None:
    def handle_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle_signal)
