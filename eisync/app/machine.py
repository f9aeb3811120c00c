"""One process of eisync: build it from the settings, start it, query it, close it."""

import functools
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from eisync.adapters import clock, process
from eisync.adapters.client.body import Throttle
from eisync.adapters.client.transport import ServiceTimes
from eisync.adapters.events.source import EventSource, NullEvents
from eisync.adapters.files import writer_probe
from eisync.adapters.process import ThreadPool
from eisync.app import loops, report, steering
from eisync.app.keys import Keys
from eisync.app.loop_options import described
from eisync.app.loops import Parts, asks_studio, refuse_remote, services_of
from eisync.app.notifier import Notifier
from eisync.app.numbers import ProcessNumbers
from eisync.app.page import PageServer, explain, page_services
from eisync.app.remote import RemoteUploads
from eisync.control.operations import Operations
from eisync.control.running import PAGE_STARTS, Running
from eisync.control.server import ControlServer
from eisync.core.flow_control import FIRST_REQUESTS
from eisync.core.lifecycle import PENDING
from eisync.core.pause import Hold, hold_of
from eisync.errors import EisyncError, StateDamagedError, StateError
from eisync.log import recent
from eisync.loops.clock_monitor import ClockMonitor
from eisync.loops.ports import Log
from eisync.loops.supervisor import LoopHealth, Loops, Once, SupervisedLoop, Supervisor
from eisync.loops.uploader.target_state import SendingRules
from eisync.settings import MAX_WORKERS, Settings
from eisync.store.actions import ActionStore
from eisync.store.continuity import ClockNotes
from eisync.store.database import open_database
from eisync.store.index import Index
from eisync.store.outbox import Outbox
from eisync.store.pauses import ALL
from eisync.store.state_folder import write_holder

HEARTBEAT_LIMIT_S = 60.0
CONTROL_ENDS_WITHIN_S = 5.0


class App:
    """All parts of one process. `close` releases them, in any state."""

    def __init__(self, settings: Settings, log: Log, *, listen: bool, verb: str) -> None:
        """With `listen` False, scan only. `verb` is the command that runs. Raises StateBusyError, StateError,
        ConfigurationError."""
        self.settings = settings
        self.log = log
        self.verb = verb
        self.listens = listen
        folder = str(settings.state.dir)
        refuse_remote(folder)
        self._database, repaired = open_database(folder, exclusive=True)
        try:
            self._assemble(folder, repaired)
        except BaseException:
            self._database.close()  # release the state folder for the next process
            raise

    def _assemble(self, folder: str, repaired: str | None) -> None:
        settings = self.settings
        write_holder(folder, pid=os.getpid(), verb=self.verb)
        if self._database.mended is not None:
            self.log.warning("state.mended", reason=self._database.mended)
        if repaired is not None:
            self.log.error("database.set_aside", reason=repaired)
        self.outbox = Outbox(self._database)
        self.index = Index(self._database)
        self.actions = ActionStore(self._database)
        self.bells = {name: threading.Event() for name in ("watcher", "uploader", "reconciler", "retention", "control")}
        self._pool = ThreadPool(MAX_WORKERS, thread_name_prefix="eisync-upload")
        self.throttle = Throttle(settings.upload.max_rate or None)
        self.keys = Keys(settings)
        self._longest_wait_s = settings.upload.longest_wait_s
        times = ServiceTimes()
        self._writer_probe = writer_probe.WriterProbe()
        self.times = ClockMonitor(
            ClockNotes(self._database), times.service_times, clock=clock.now, steady=clock.steady, log=self.log
        )
        self.services = services_of(
            settings, self.keys, spend=self.throttle.spend, on_date=times.note, probing=self._writer_probe.asking
        )
        self._events = EventSource(self.bells["watcher"].set) if self.listens else NullEvents()
        self._register()
        parts = self._parts()
        self.lineage = parts.lineage
        rules = self._sending_rules()
        self.watcher = loops.watcher_loop(
            parts, self._events, self._writer_probe.asking, rules.order, listens=self.listens
        )
        self._remote = RemoteUploads(lambda: self.settings, self.services)
        self.uploader = loops.uploader_loop(parts, self._pool, rules, self._remote)
        self.reconciler = loops.reconciler_loop(parts, self.watcher) if asks_studio(settings) else None
        self.retention = loops.retention_loop(parts)
        self.notifier: Notifier | None = None
        self.supervisor: Supervisor | None = None
        self._control: ControlServer | None = None
        self.page: PageServer | None = None
        self._beat_at: float | None = None
        self._reload: Callable[[], dict[str, Any]] | None = None

    def _sending_rules(self) -> SendingRules:
        return SendingRules(
            order=lambda: self.settings.upload.order,
            withheld=lambda now: self.watcher.unlabelled() | self.index.pauses.now(now).keys(),
            hold=self._hold,
        )

    def _hold(self, now: float) -> Hold | None:
        return hold_of(self.index.pauses.now(now).get(ALL), self.settings.upload.quiet_hours, clock.second_of_day())

    def _is_paused(self, now: float) -> bool:
        """Return whether files wait on purpose, of all folders or of some."""
        return self._hold(now) is not None or bool(self.index.pauses.now(now))

    def start_daemon(
        self, reload: Callable[[], dict[str, Any]] | None = None, others: Sequence[SupervisedLoop] = ()
    ) -> Supervisor:
        """Begin to receive file events, accept requests of the command line, and run every loop, and `others`.

        `reload` reads the configuration again when a command asks for it.
        """
        self._reload = reload
        self._events.start()
        self.outbox.on_work(self.bells["uploader"].set)
        control = self._control_server()
        supervised = [
            SupervisedLoop(self.watcher, self.bells["watcher"], HEARTBEAT_LIMIT_S),
            SupervisedLoop(self.uploader, self.bells["uploader"], HEARTBEAT_LIMIT_S),
            # The retention reads whole files, and may copy one to a slow disk.
            SupervisedLoop(self.retention, self.bells["retention"], 5 * HEARTBEAT_LIMIT_S),
            SupervisedLoop(control, self.bells["control"], 2 * HEARTBEAT_LIMIT_S),
            *others,
        ]
        if self.reconciler is not None:
            bell = self.bells["reconciler"]
            supervised.append(SupervisedLoop(self.reconciler, bell, HEARTBEAT_LIMIT_S, self._awaits_s))
        self.notifier = Notifier(self.settings, self.operations.status, self._is_paused, self.log)
        supervised.append(self.notifier.supervised())
        self.supervisor = Supervisor(supervised, now=clock.now, monotonic=clock.monotonic, log=self.log)
        self.supervisor.start()
        self.serve_page()
        return self.supervisor

    def serve_page(self) -> None:
        """Serve the page as the settings say, in place of the one that is served."""
        if self.page is not None:
            self.page.close()
        folder, more = str(self.settings.state.dir), page_services(self.settings)
        self.page = PageServer(self.settings.web, self.operations, folder=folder, log=self.log, more=more)

    def answer_meanwhile(self) -> None:
        """Answer the command line while the calling thread works. If that is not possible, log it and continue."""
        self.outbox.on_work(self.bells["uploader"].set)
        self.beat()
        try:
            supervised = SupervisedLoop(self._control_server(), self.bells["control"], 2 * HEARTBEAT_LIMIT_S)
            self.supervisor = Supervisor([supervised], now=clock.now, monotonic=clock.monotonic, log=self.log)
            self.supervisor.start()
        except EisyncError as error:
            self.supervisor = None
            self.log.warning("control.unavailable", reason=str(error))

    def beat(self) -> None:
        """Record that the calling thread, which has no loop of its own, is alive."""
        self._beat_at = clock.monotonic()

    def once(self, progress: Callable[[], None]) -> Once:
        """Return one pass over everything, for the calling thread to run."""
        return Once(
            Loops(self.watcher, self.uploader, self.reconciler, self.retention),
            pending=self.pending,
            now=clock.now,
            bell=self.bells["uploader"],
            progress=progress,
            connect=self._connect_ahead,
            sent_bytes=lambda: self.throttle.passed_bytes + self._remote.worked_s,
        )

    def _connect_ahead(self) -> None:
        """Open the first connections for uploads while the folders are scanned, and leave a worker for other work."""
        for service in self.services.values() if self._remote.executor is None else ():
            for _ in range(min(FIRST_REQUESTS, self.settings.upload.workers - 1)):
                with suppress(RuntimeError):  # no thread can be started now
                    self._pool.submit(service.connect)

    def troubles(self) -> dict[str, EisyncError]:
        """Return why targets could not be compared with the service, by name."""
        return self.reconciler.troubles() if self.reconciler is not None else {}

    @property
    def has_uploaded(self) -> bool:
        """Return whether the service accepted a file in this run: then the key is valid."""
        return self.uploader.has_uploaded

    def pending(self) -> int:
        """Return how many files of the watched folders wait to be sent, or are being sent. Paused ones do not count."""
        paused = self.index.pauses.now(clock.now())
        report = self.index.records.report([] if ALL in paused else set(self.root_ids) - paused.keys())
        return sum(report.get(state, 0) for state in PENDING)

    @property
    def root_ids(self) -> tuple[int, ...]:
        """Return the ids of the watched folders of this run."""
        return tuple(root.id for root in self.roots)

    def live(self) -> dict[str, Any]:
        """Return what only the running process knows."""
        return report.of_process(self, self._health())

    @property
    def is_damaged(self) -> bool:
        """Return whether the database turned out to be damaged. The next `build` sets it aside."""
        return self._database.is_suspect

    def why_lost(self) -> str | None:
        """Return why the state folder is not the one that was opened, as a sentence; None if it is."""
        return self._database.why_lost()

    def refuse_lost(self) -> None:
        """Raise StateLostError when the state folder is not the one that was opened."""
        self._database.refuse_lost()

    def watched(self) -> list[dict[str, Any]]:
        """Return the watched folders with their options, as plain values."""
        return [described(watch) for watch in self.settings.watches]

    def wait_for_answers(self) -> None:
        """Let a heartbeat be as old as the settings need it. Requests under way keep their longer time."""
        self._longest_wait_s = max(self._longest_wait_s, self.settings.upload.longest_wait_s)

    def _awaits_s(self) -> float:
        """Return how long one turn may wait for answers (s): it sends a few requests."""
        return 3 * self._longest_wait_s

    def close(self, *, wait: bool = True) -> None:
        """Release everything. With `wait` False, do not wait for requests under way: their files become doubtful."""
        self._events.stop()
        if self.page is not None:
            self.page.close()
        if self.notifier is not None:
            self.notifier.close()
        self._pool.shutdown(wait=wait, cancel_futures=True)
        self._remote.close(wait=wait)
        for service in self.services.values():
            service.close()
        # Answer requests until the end: once the database is closed, commands can open it themselves.
        if self._control is not None:
            self._control.hang_up()
            if self._beat_at is not None and self.supervisor is not None:
                self.supervisor.stop(within_s=CONTROL_ENDS_WITHIN_S, give_up=threading.Event())
            self._control.close()
        self._database.close()

    def _parts(self) -> Parts:
        return Parts(
            settings=self.settings,
            log=self.log,
            database=self._database,
            outbox=self.outbox,
            index=self.index,
            actions=self.actions,
            roots=self.roots,
            services=self.services,
            keys=self.keys,
            wakes={name: bell.set for name, bell in self.bells.items()},
            times=self.times,
            lineage=loops.lineage(self.settings, self.roots, self._database, self.log),
        )

    @functools.cached_property
    def numbers(self) -> ProcessNumbers:
        return ProcessNumbers(self.settings, self.uploader.counters, overflows=lambda: self._events.overflows)

    @functools.cached_property
    def operations(self) -> Operations:
        """The requests that this process answers, for the command line and for the page."""
        observed = report.Observed(self.watcher, self.index)
        return Operations(
            self.outbox,
            self.index,
            self.actions,
            now=clock.now,
            running=Running(
                live=self.live,
                note=lambda: self.watcher.note(clock.now()),
                observed=observed.all,
                observed_at=observed.at,
                watched=self.watched,
                passes=self.reconciler,
                reload=self._reload,
                scan=lambda roots: steering.scan(self.watcher, self.bells["watcher"].set, roots),
                recheck=lambda: steering.recheck(self.settings, self.uploader, self.bells["uploader"].set),
                page=lambda valid_s: self.page.record(valid_s) if self.page is not None else PAGE_STARTS,
                explain=lambda root, path: explain(self.operations, root, path),
                counted=self.numbers.counted,
                hour=self.numbers.hour,
                log=lambda: {"lines": recent()},
            ),
        )

    def _control_server(self) -> ControlServer:
        """Return the server for requests of the command line. Raises StateError when it cannot listen."""
        folder = str(self.settings.state.dir)
        try:
            self._control = ControlServer(folder, self.operations, log=self.log, group=self.settings.state.group)
        except OSError as error:  # the folder was removed since it was opened, or is not writable
            self.refuse_lost()
            raise StateError(
                f"eisync cannot answer commands through the state folder {folder}: {error.strerror}"
            ) from error
        return self._control

    def _health(self) -> list[LoopHealth]:
        """Return the health of the loops, and of a thread that works without one."""
        health = self.supervisor.health() if self.supervisor is not None else []
        if self._beat_at is None:
            return health
        # One turn may wait for answers, or copy a file to a slow disk.
        limit_s = 5 * HEARTBEAT_LIMIT_S + self._awaits_s()
        return [*health, LoopHealth("pass", clock.monotonic() - self._beat_at, limit_s, None)]

    def _register(self) -> None:
        settings = self.settings
        self.index.register(target.name for target in settings.targets)
        watched = [(str(watch.path), watch.target) for watch in settings.watches]
        self.roots = tuple(self.outbox.register(watched))
        under_way = self.outbox.recover(duplicates_allowed=settings.upload.allow_duplicates, now=clock.now())
        if under_way:
            self.log.warning("outbox.recovered", files=under_way, reason="they were being sent when eisync stopped")


def build(settings: Settings, *, log: Log, listen: bool = True, verb: str = "run") -> App:
    """Build the process that `settings` describe. Call it in the main thread. Raises StateBusyError, StateError,
    ConfigurationError."""
    process.collect_rarely()
    writer_probe.ignore_lease_breaks()
    try:
        return App(settings, log, listen=listen, verb=verb)
    except StateDamagedError:
        # Opening did not read the damaged part. Now the damage is recorded: the second opening sets the database aside.
        return App(settings, log, listen=listen, verb=verb)
