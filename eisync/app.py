"""Where the real parts meet: settings in, a running machine out. Nothing else builds one."""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from eisync._version import __version__
from eisync.adapters import clock, process
from eisync.adapters.client.body import Throttle, sha256_of
from eisync.adapters.client.server_time import ServiceTimes
from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.adapters.events.source import EventSource, NullEvents
from eisync.adapters.files import content, file_facts, folder_notes, removal, restore, sidecars, trash, writer_probe
from eisync.adapters.files.ignore_files import IgnoreFiles
from eisync.adapters.thread_pool import ThreadPool
from eisync.control.operations import Operations, Running
from eisync.control.server import ControlServer
from eisync.core import mounts
from eisync.core.ignore import IgnoreRules
from eisync.core.lifecycle import PENDING
from eisync.core.lineage import Stamp
from eisync.core.model import Root
from eisync.core.watch_health import Mode
from eisync.core.writers import Ask
from eisync.errors import ConfigurationError, EisyncError, StateDamagedError, StateError
from eisync.loops.actions.executor import ActionExecutor
from eisync.loops.actions.guard_ledger import GuardLedger
from eisync.loops.actions.identity_check import IdentityCheck
from eisync.loops.actions.planner import ActionPlanner
from eisync.loops.actions.undo import Undo
from eisync.loops.clock_monitor import ClockMonitor
from eisync.loops.lineage import Lineage
from eisync.loops.once import Once
from eisync.loops.ports import Log
from eisync.loops.reconciler.deletion_evidence import DeletionEvidence
from eisync.loops.reconciler.loop import Hands, Project, ReconcilerLoop
from eisync.loops.reconciler.tombstones import Tombstones
from eisync.loops.retention.loop import RetentionLoop
from eisync.loops.retention.status import Archives, RetentionStatus
from eisync.loops.retention.undo import RetentionUndo
from eisync.loops.supervisor import Charge, Pulse, Supervisor
from eisync.loops.uploader.loop import UploaderLoop
from eisync.loops.uploader.target_state import TargetQueue
from eisync.loops.watcher.context import Outside, Runtime, Stores, WatchedRoot
from eisync.loops.watcher.disks import DiskCheck
from eisync.loops.watcher.loop import WatcherLoop
from eisync.loops.watcher.monitor import WatchedFolders
from eisync.settings import Settings, Watch
from eisync.store.actions import ActionStore
from eisync.store.cleanup import Cleanup
from eisync.store.clock import ClockNotes
from eisync.store.database import open_database
from eisync.store.descriptions import Descriptions
from eisync.store.disks import Disks
from eisync.store.guard_facts import Absences
from eisync.store.index import Index
from eisync.store.lineages import Lineages
from eisync.store.mirror import Mirrored
from eisync.store.observations import record_of
from eisync.store.outbox import Outbox
from eisync.store.path_index import PathIndex
from eisync.store.retention import Removals
from eisync.store.sidecars import Sidecars
from eisync.store.state_folder import write_holder

HEARTBEAT_LIMIT_S = 60.0
CONTROL_ENDS_WITHIN_S = 5.0
USER_AGENT = f"eisync/{__version__}"


class App:
    """Everything one process has. `close` gives it all back, whatever state it is in."""

    def __init__(self, settings: Settings, log: Log, *, listen: bool, verb: str) -> None:
        """`listen` False scans only; `verb` is the command that has it built. Raises StateBusyError, StateError,
        ConfigurationError."""
        self.settings = settings
        self.log = log
        self.verb = verb
        folder = str(settings.state.dir)
        _refuse_remote(folder)
        self._database, repaired = open_database(folder, exclusive=True)
        try:
            self._assemble(folder, repaired, listen=listen)
        except BaseException:
            self._database.close()  # whoever builds the next one must find the folder free
            raise

    def _assemble(self, folder: str, repaired: str | None, *, listen: bool) -> None:
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
        self._pool = ThreadPool(settings.upload.workers, thread_name_prefix="eisync-upload")
        self._throttle = Throttle(settings.upload.max_rate or None)
        self._quiet_hours = settings.upload.quiet_hours
        spend, times = self._throttle.spend, ServiceTimes()
        self._writer_probe = writer_probe.WriterProbe()
        self.times = ClockMonitor(
            ClockNotes(self._database), times.tellings, clock=clock.now, steady=clock.steady, log=self.log
        )
        self._services = {
            target.name: service_of(
                settings, target.name, spend=spend, on_date=times.note, probing=self._writer_probe.asking
            )
            for target in settings.targets
        }
        self._listens = listen
        self._events = EventSource(self.bells["watcher"].set) if listen else NullEvents()
        self._register()
        self.lineage = self._lineage_of_roots()
        self.watcher = self._watcher_loop()
        self.uploader = self._uploader_loop()
        self.reconciler = self._reconciler_loop() if _asks_studio(settings) else None
        self.retention = self._retention_loop()
        self.supervisor: Supervisor | None = None
        self._control: ControlServer | None = None
        self._beat_at: float | None = None

    def start_daemon(self) -> Supervisor:
        """Listen to the folders and to the command line, and run every loop."""
        self._events.start()
        self.outbox.on_work(self.bells["uploader"].set)
        control = self._control_server()
        patience_s = self.settings.upload.timeout_s + self.settings.upload.connect_timeout_s
        charges = [
            Charge(self.watcher, self.bells["watcher"], HEARTBEAT_LIMIT_S),
            Charge(self.uploader, self.bells["uploader"], HEARTBEAT_LIMIT_S),
            # It reads whole files, and may copy one to a slow disk.
            Charge(self.retention, self.bells["retention"], 5 * HEARTBEAT_LIMIT_S),
            Charge(control, self.bells["control"], 2 * HEARTBEAT_LIMIT_S),
        ]
        if self.reconciler is not None:
            # Its ticks wait for answers.
            charges.append(Charge(self.reconciler, self.bells["reconciler"], HEARTBEAT_LIMIT_S + 3 * patience_s))
        self.supervisor = Supervisor(charges, now=clock.now, monotonic=clock.monotonic, log=self.log)
        self.supervisor.start()
        return self.supervisor

    def answer_meanwhile(self) -> None:
        """Answer the command line while the calling thread works. Where that cannot be, the work goes on without."""
        self.outbox.on_work(self.bells["uploader"].set)
        self.beat()
        try:
            charge = Charge(self._control_server(), self.bells["control"], 2 * HEARTBEAT_LIMIT_S)
            self.supervisor = Supervisor([charge], now=clock.now, monotonic=clock.monotonic, log=self.log)
            self.supervisor.start()
        except EisyncError as error:
            self.supervisor = None
            self.log.warning("control.unavailable", reason=str(error))

    def beat(self) -> None:
        """The calling thread, which works without a loop of its own, is alive."""
        self._beat_at = clock.monotonic()

    def once(self, progress: Callable[[], None]) -> Once:
        """One pass over everything, for the calling thread to run."""
        return Once(
            self.watcher,
            self.uploader,
            self.reconciler,
            self.retention,
            pending=self.pending,
            now=clock.now,
            bell=self.bells["uploader"],
            progress=progress,
        )

    def troubles(self) -> dict[str, EisyncError]:
        """Why targets could not be compared with the service, by name."""
        return self.reconciler.troubles() if self.reconciler is not None else {}

    @property
    def has_uploaded(self) -> bool:
        """Whether the service took a file in this run: then its key is a good one."""
        return self.uploader.has_uploaded

    def pending(self) -> int:
        """How many files of the watched folders wait to be sent, or are being sent."""
        report = self.index.records.report(self._root_ids)
        return sum(report.get(state, 0) for state in PENDING)

    @property
    def root_ids(self) -> tuple[int, ...]:
        """The watched folders of this run."""
        return self._root_ids

    def live(self) -> dict[str, Any]:
        """What only the running process knows."""
        pulses = self._pulses()
        return {
            "pid": os.getpid(),
            "verb": self.verb,
            "version": __version__,
            "held": self.uploader.holds(clock.now()),
            "lost": self.why_lost(),
            "clock": self.times.why_doubt(),
            "watching": [
                {
                    "root": seen.root,
                    "mode": seen.mode.value,
                    "uses_events": seen.uses_events,
                    "reason": seen.reason,
                    "missed": seen.missed,
                    "comparing": seen.comparing,
                    "scan_every_s": round(seen.scan_every_s, 1),
                    "trouble": seen.trouble,
                    "writers": seen.writers,
                }
                for seen in self.watcher.status()
            ],
            "lineage": self.lineage.said(),
            "retention": self.retention.report(),
            "loops": [
                {
                    "name": pulse.name,
                    "age_s": round(pulse.age_s, 1),
                    "is_fresh": pulse.is_fresh,
                    "trouble": pulse.trouble,
                }
                for pulse in pulses
            ],
        }

    def observed(self) -> list[dict[str, Any]]:
        """What is not complete or cannot be read, as records of `eisync ls`: of folders that were not looked through
        yet, and of those that are not watched, what was noted last."""
        now = {(seen.root, seen.path): record_of(seen) for seen in self.watcher.observed(clock.now())}
        noted = self.index.observations.records()
        return self._merged(now, noted)

    def observed_at(self, root: str, paths: Sequence[str]) -> list[dict[str, Any]]:
        """What of that is at `paths` of a root."""
        now = {(seen.root, seen.path): record_of(seen) for seen in self.watcher.observed_at(root, paths, clock.now())}
        if root in self.watcher.scanned():
            return list(now.values())
        return self._merged(now, self.index.observations.records_at(root, paths))

    def _merged(self, now: dict[tuple[str, str], dict[str, Any]], noted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        scanned = self.watcher.scanned()
        before = {(one["root"], one["path"]): one for one in noted if one["root"] not in scanned}
        return list({**before, **now}.values())

    @property
    def is_damaged(self) -> bool:
        """Whether the database turned out to be damaged; a machine that is built anew sets it aside."""
        return self._database.is_suspect

    def why_lost(self) -> str | None:
        """Why the state folder is not the one that was opened, as a sentence; None when it is."""
        return self._database.why_lost()

    def refuse_lost(self) -> None:
        """Raise StateLostError when the state folder is not the one that was opened."""
        self._database.refuse_lost()

    def watched(self) -> list[dict[str, Any]]:
        """The watched folders with their options, as plain values."""
        return [described(watch) for watch in self.settings.watches]

    def adjust(self, settings: Settings) -> None:
        """Take over what may change while it runs: `max_rate` and `quiet_hours`. The rest waits for a start."""
        upload, before = settings.upload, self.settings.upload
        self._throttle.set_rate(upload.max_rate or None)
        self._quiet_hours = upload.quiet_hours
        self.bells["uploader"].set()
        self.log.info("configuration.read", max_rate=upload.max_rate, quiet_hours=str(upload.quiet_hours))
        changing = {"max_rate": upload.max_rate, "quiet_hours": upload.quiet_hours}
        self.settings = self.settings.model_copy(update={"upload": before.model_copy(update=changing)})
        fixed = ("targets", "watches", "state", "upload", "reconcile", "log")
        waiting = [name for name in fixed if getattr(settings, name) != getattr(self.settings, name)]
        if waiting:
            self.log.warning("configuration.waits", tables=waiting, reason="these changes need a start of eisync")

    def close(self, *, wait: bool = True) -> None:
        """Give everything back. `wait` False leaves requests under way to their fate: they are doubtful, and safe."""
        self._events.stop()
        self._pool.shutdown(wait=wait, cancel_futures=True)
        for service in self._services.values():
            service.close()
        # Whoever asks is answered until the database can be asked instead.
        if self._control is not None:
            self._control.hang_up()
            if self._beat_at is not None and self.supervisor is not None:
                self.supervisor.stop(within_s=CONTROL_ENDS_WITHIN_S, give_up=threading.Event())
            self._control.close()
        self._database.close()

    def _control_server(self) -> ControlServer:
        """Raises StateError where nobody can be answered."""
        operations = Operations(
            self.outbox,
            self.index,
            self.actions,
            now=clock.now,
            running=Running(
                live=self.live,
                note=lambda: self.watcher.note(clock.now()),
                observed=self.observed,
                observed_at=self.observed_at,
                watched=self.watched,
                passes=self.reconciler,
            ),
        )
        folder = str(self.settings.state.dir)
        try:
            self._control = ControlServer(folder, operations, log=self.log)
        except OSError as error:  # it was removed since it was opened, or nothing can be written into it
            self.refuse_lost()
            raise StateError(
                f"eisync cannot answer commands through the state folder {folder}: {error.strerror}"
            ) from error
        return self._control

    def _pulses(self) -> list[Pulse]:
        """How the loops fare, and the thread that works without one."""
        pulses = self.supervisor.pulses() if self.supervisor is not None else []
        if self._beat_at is None:
            return pulses
        patience_s = self.settings.upload.timeout_s + self.settings.upload.connect_timeout_s
        limit_s = 5 * HEARTBEAT_LIMIT_S + 3 * patience_s  # one turn may wait for answers, or copy a file to a slow disk
        return [*pulses, Pulse("pass", clock.monotonic() - self._beat_at, limit_s, None)]

    def _register(self) -> None:
        settings = self.settings
        self.index.register(target.name for target in settings.targets)
        self._roots = self.outbox.register([(str(watch.path), watch.target) for watch in settings.watches])
        self._root_ids = tuple(root.id for root in self._roots)
        under_way = self.outbox.recover(duplicates_allowed=settings.upload.allow_duplicates, now=clock.now())
        if under_way:
            self.log.warning("outbox.recovered", files=under_way, reason="they were being sent when eisync stopped")

    def _lineage_of_roots(self) -> Lineage:
        pid = os.getpid()
        return Lineage(
            {root: watch.is_destructive for watch, root in zip(self.settings.watches, self._roots, strict=True)},
            me=Stamp(
                epoch="",
                host=process.host(),
                pid=pid,
                process=process.identity(pid),
                state=os.path.realpath(self.settings.state.dir),
                since=clock.now(),
            ),
            records=Lineages(self._database),
            notes=folder_notes,
            is_running=process.is_running,
            why_away=WatchedFolders(file_facts, PathIndex(self._database)).why_away,
            new_epoch=clock.epoch,
            clock=clock.now,
            log=self.log,
        )

    def _watcher_loop(self) -> WatcherLoop:
        watched = [
            watched_of(watch, root, watch.mode if self._listens else Mode.SCAN)
            for watch, root in zip(self.settings.watches, self._roots, strict=True)
        ]
        return WatcherLoop(
            watched,
            Stores(
                outbox=self.outbox,
                index=self.index,
                paths=PathIndex(self._database),
                disks=Disks(self._database),
                sidecars=Sidecars(self._database),
                descriptions=Descriptions(self._database),
            ),
            Outside(
                files=file_facts,
                mounts=file_facts,
                contents=content,
                ask_writers=self._writer_probe.asking,
                read_sidecar=sidecars.Reading,
                annotation_of=sidecars.annotation_at,
                is_same=removal.is_same,
            ),
            events=self._events,
            lineages=self.lineage,
            runtime=Runtime(on_labelled=self.bells["uploader"].set, jitter=clock.jitter, spent_s=clock.spent_s),
            log=self.log,
        )

    def _uploader_loop(self) -> UploaderLoop:
        upload = self.settings.upload
        lanes = [
            TargetQueue(
                target=target.name,
                roots=tuple(root.id for root in self._roots if root.target == target.name),
                service=self._services[target.name],
                limits=upload.limits,
                policy=upload.retry_policy,
                allow_duplicates=upload.allow_duplicates,
                key_token=self.settings.key_source(target.name).token,
            )
            for target in self.settings.targets
        ]
        return UploaderLoop(
            lanes,
            queue=self.outbox,
            notes=self.index,
            pool=self._pool,
            workers=upload.workers,
            order=upload.order,
            unlabelled=self.watcher.unlabelled,
            hash_of=sha256_of,
            quiet_s=lambda _: self._quiet_hours.quiet_s(clock.second_of_day()),
            monotonic=clock.monotonic,
            jitter=clock.jitter,
            boundary=clock.boundary,
            wake=self.bells["uploader"].set,
            log=self.log,
        )

    def _reconciler_loop(self) -> ReconcilerLoop:
        reconcile = self.settings.reconcile
        projects = [
            Project(
                target=target.name,
                studio=self._services[target.name],
                interval_s=reconcile.interval_s,
                page_size=reconcile.page_size,
                sweeps=reconcile.enabled,
                allow_duplicates=self.settings.upload.allow_duplicates,
                sweep_interval_s=reconcile.sweep_interval_s,
                policies={
                    root.id: watch.policy
                    for watch, root in zip(self.settings.watches, self._roots, strict=True)
                    if root.target == target.name
                },
            )
            for target in self.settings.targets
        ]
        return ReconcilerLoop(
            projects,
            beliefs=self.index,
            mirrored=Mirrored(self._database),
            unidentified=self.index,
            doubts=self.outbox,
            sha256_of_file=sha256_of,
            clock=clock.now,
            log=self.log,
            wake=self.bells["reconciler"].set,
            hands=self._hands(),
            forgets=Cleanup(self._database),
            lineages=self.lineage,
        )

    def _hands(self) -> Hands:
        actions, folders = self.actions, WatchedFolders(file_facts, PathIndex(self._database))
        guard = self.settings.reconcile.guard
        guarding = GuardLedger(actions, guard, self.times)
        retained = RetentionUndo(Removals(self._database), restore)
        evidence = self._deletion_evidence()
        return Hands(
            decider=ActionPlanner(
                actions,
                actions,
                evidence,
                guard=guard,
                clock=clock.now,
                log=self.log,
                times=self.times,
                lineages=self.lineage,
            ),
            actor=ActionExecutor(
                actions,
                trash,
                folders,
                evidence,
                clock=clock.now,
                log=self.log,
                guarding=guarding,
                lineages=self.lineage,
            ),
            undo=Undo(actions, trash, folders, file_facts.facts_at, retained, clock=clock.now, log=self.log),
            tombstones=Tombstones(actions, self.index, guard=guard, clock=clock.now, log=self.log, times=self.times),
        )

    def _deletion_evidence(self) -> DeletionEvidence:
        check = DiskCheck(Disks(self._database), file_facts)
        return DeletionEvidence(
            Absences(self._database),
            Mirrored(self._database).adopt,
            sha256_of_file=sha256_of,
            look=file_facts.facts_at,
            observed=lambda: self.watcher.unsettled(clock.now()),
            why_away=lambda side: check.why_away(side.root_id, side.root, side.path, side.id),
            clock=clock.now,
            log=self.log,
        )

    def _retention_loop(self) -> RetentionLoop:
        records = Removals(self._database)
        return RetentionLoop(
            [
                RetentionStatus(root, watch.retention)
                for watch, root in zip(self.settings.watches, self._roots, strict=True)
            ],
            records=records,
            intents=records,
            outcomes=self.actions,
            hands=removal,
            disks=removal,
            identity_check=IdentityCheck(self._services, records, clock=clock.now),
            log=self.log,
            monotonic=clock.monotonic,
            spent_s=clock.spent_s,
            times=self.times,
            lineages=self.lineage,
            archives=Archives(records, folder_notes, new_marker=clock.epoch),
        )


def build(settings: Settings, *, log: Log, listen: bool = True, verb: str = "run") -> App:
    """The machine that `settings` describe, built in the main thread. Raises StateBusyError, StateError,
    ConfigurationError."""
    process.collect_rarely()
    writer_probe.ignore_lease_breaks()
    try:
        return App(settings, log, listen=listen, verb=verb)
    except StateDamagedError:
        # The damage lies deeper than what opening reads. It is noted now: the second opening sets the database aside.
        return App(settings, log, listen=listen, verb=verb)


def _asks_studio(settings: Settings) -> bool:
    # Where duplicates are allowed, only a look at the service tells whether a file arrived whose answer was lost.
    return settings.reconcile.enabled or settings.upload.allow_duplicates


def service_of(
    settings: Settings,
    name: str,
    *,
    spend: Callable[[int], float] = lambda _: 0.0,
    on_date: Callable[[str, str | None], None] = lambda _host, _date: None,
    probing: Callable[[], Ask | None] = lambda: None,
) -> ServiceClient:
    """The service of the target `name`, for whoever needs nothing else. `spend` is asked before bytes are sent;
    `on_date` gets the time that its answers state; `probing` gives what tells who writes a file.
    """
    target, upload = settings.target(name), settings.upload
    return ServiceClient(
        Endpoints(
            studio_url=target.studio_url,
            ingestion_url=target.ingestion_url,
            ca_file=None if target.ca_file is None else str(target.ca_file),
            trusts_system=target.trust == "system",
            connect_timeout_s=upload.connect_timeout_s,
            timeout_s=upload.timeout_s,
        ),
        settings.key_source(name).read,
        user_agent=USER_AGENT,
        spend=spend,
        on_date=on_date,
        probing=probing,
    )


def _refuse_remote(folder: str) -> None:
    file_system = mounts.type_of(os.path.realpath(folder), file_facts.mountinfo())
    if mounts.is_remote(file_system):
        raise ConfigurationError(
            f"the state folder {folder} is on a file system over a network ({file_system}), where a database can be "
            "damaged; choose a folder on a local disk with --state-dir"
        )


def described(watch: Watch) -> dict[str, Any]:
    """A folder's options as plain values, of which `Watch` can be made again."""
    return {**watch.model_dump(), "path": str(watch.path)}


def watched_of(watch: Watch, root: Root, mode: Mode | None = None) -> WatchedRoot:
    """The folder as the watcher takes it; `mode` goes before what it says itself. Raises ConfigurationError."""
    try:
        eligibility = IgnoreRules(watch.ignore, rules_in=IgnoreFiles(root.path))
    except ValueError as error:
        raise ConfigurationError(
            f"the ignore patterns of {watch.path} are not valid gitignore patterns: {error}"
        ) from error
    return WatchedRoot(
        root=root,
        eligibility=eligibility,
        labelling=watch.path_rules,
        policy=watch.completeness,
        metadata=watch.metadata,
        scan_interval_s=watch.scan_interval_s,
        mode=mode or watch.mode,
        on_change=watch.on_change,
        updates_renamed=watch.on_rename == "update",
    )
