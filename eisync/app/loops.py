"""Build each loop from the settings and from the parts that all loops share."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

from eisync._version import __version__
from eisync.adapters import clock, process
from eisync.adapters.client.body import sha256_of
from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.adapters.files import file_facts, folder_notes, removal, restore, trash
from eisync.app.keys import Keys
from eisync.app.loop_options import (
    consequences,
    reconciled_projects,
    retention_policies,
    sending_options,
    watched_roots,
)
from eisync.app.outside import outside_world
from eisync.app.remote import RemoteUploads
from eisync.core import mounts
from eisync.core.batching import Order
from eisync.core.lineage import Stamp
from eisync.core.model import Root, value
from eisync.core.writers import Ask
from eisync.errors import ConfigurationError
from eisync.loops.actions.executor import ActionExecutor
from eisync.loops.actions.planner import ActionPlanner, GuardLedger, Precautions
from eisync.loops.actions.undo import RetentionUndo, Undo
from eisync.loops.clock_monitor import ClockMonitor
from eisync.loops.lineage import Lineage, ThisProcess
from eisync.loops.ports import Log
from eisync.loops.reconciler.context import ReconcilerStore
from eisync.loops.reconciler.deletion_evidence import DeletionEvidence, FolderView
from eisync.loops.reconciler.loop import Actions, ReconcilerLoop
from eisync.loops.reconciler.tombstones import Tombstones
from eisync.loops.retention.loop import RetentionClock, RetentionLoop
from eisync.loops.retention.removal import Archives, FileRemover, IdentityCheck
from eisync.loops.retention.status import RetentionStatus
from eisync.loops.uploader.loop import UploaderLoop
from eisync.loops.uploader.target_state import SendingRules, TargetQueue, TimeAndChance, UploadStore, Workers
from eisync.loops.watcher.context import Events, Runtime, Stores
from eisync.loops.watcher.disks import DiskCheck
from eisync.loops.watcher.loop import WatcherLoop
from eisync.loops.watcher.monitor import WatchedFolders
from eisync.settings import Settings
from eisync.store.actions import ActionStore
from eisync.store.cleanup import Cleanup
from eisync.store.continuity import Lineages
from eisync.store.database import Database
from eisync.store.descriptions import Descriptions
from eisync.store.disks import Disks
from eisync.store.guard_facts import Absences
from eisync.store.index import Index
from eisync.store.mirror import Mirrored
from eisync.store.outbox import Outbox
from eisync.store.path_index import PathIndex
from eisync.store.retention import Removals
from eisync.store.sidecars import Sidecars

USER_AGENT = f"eisync/{__version__}"


def asks_studio(settings: Settings) -> bool:
    """Return whether requests to Studio are needed.

    If duplicates are allowed, only Studio can show whether a file arrived whose answer was lost.
    """
    return settings.reconcile.enabled or settings.upload.allow_duplicates


def service_of(
    settings: Settings,
    name: str,
    *,
    read_key: Callable[[], str] | None = None,
    spend: Callable[[int], float] = lambda _: 0.0,
    on_date: Callable[[str, str | None], None] = lambda _host, _date: None,
    probing: Callable[[], Ask | None] = lambda: None,
) -> ServiceClient:
    """Return the client for the target `name`.

    `read_key` is called for each request; without it, the key comes from where the settings say. `spend` is called
    before bytes are sent, and waits if needed. `on_date` receives the dates of the answers. `probing` returns the
    function that reports who writes a file.
    """
    return ServiceClient(
        endpoints_of(settings, name),
        read_key or settings.key_source(name).read,
        user_agent=USER_AGENT,
        spend=spend,
        on_date=on_date,
        probing=probing,
    )


def services_of(
    settings: Settings,
    keys: Keys,
    *,
    spend: Callable[[int], float],
    on_date: Callable[[str, str | None], None],
    probing: Callable[[], Ask | None],
) -> dict[str, ServiceClient]:
    """Return the clients of all targets, by name, with the keys that `keys` reads; the rest is as in `service_of`."""
    return {
        target.name: service_of(
            settings,
            target.name,
            read_key=partial(keys.read, target.name),
            spend=spend,
            on_date=on_date,
            probing=probing,
        )
        for target in settings.targets
    }


def endpoints_of(settings: Settings, name: str) -> Endpoints:
    """Return where the service of the target `name` is."""
    target, upload = settings.target(name), settings.upload
    return Endpoints(
        studio_url=target.studio_url,
        ingestion_url=target.ingestion_url,
        ca_file=None if target.ca_file is None else str(target.ca_file),
        trusts_system=target.trust == "system",
        connect_timeout_s=upload.connect_timeout_s,
        timeout_s=upload.timeout_s,
    )


def refuse_remote(folder: str) -> None:
    """Raise ConfigurationError for a state folder on a network file system."""
    file_system = mounts.type_of(os.path.realpath(folder), file_facts.mountinfo())
    if mounts.is_remote(file_system):
        raise ConfigurationError(
            f"the state folder {folder} is on a file system over a network ({file_system}), where a database can be "
            "damaged; choose a folder on a local disk with --state-dir"
        )


def has_weak_facts(folder: str) -> bool:
    """Return whether sizes and times prove little on the folder's file system."""
    return mounts.has_weak_facts(mounts.type_of(os.path.realpath(folder), file_facts.mountinfo()))


def why_silent(folder: str) -> str | None:
    """Return why the folder's file system reports no events; None if it does."""
    return mounts.why_silent(os.path.realpath(folder), file_facts.mountinfo())


@value(kw_only=True)
class Parts:
    """The parts that the loops of one process share. `wakes`: by name of a loop, a function that asks for its tick.

    `roots` belong to the folders in the settings, in the same order.
    """

    settings: Settings
    log: Log
    database: Database
    outbox: Outbox
    index: Index
    actions: ActionStore
    roots: Sequence[Root]
    services: Mapping[str, ServiceClient]
    keys: Keys
    wakes: Mapping[str, Callable[[], None]]
    times: ClockMonitor
    lineage: Lineage


def lineage(settings: Settings, roots: Sequence[Root], database: Database, log: Log) -> Lineage:
    """Return the lineage: the counts that are stored in the watched folders."""
    pid = os.getpid()
    stamp = Stamp(
        epoch="",
        host=process.host(),
        pid=pid,
        process=process.identity(pid),
        state=os.path.realpath(settings.state.dir),
        since=clock.now(),
    )
    return Lineage(
        consequences(settings, roots),
        process=ThisProcess(stamp, is_running=process.is_running, new_epoch=clock.epoch),
        records=Lineages(database),
        notes=folder_notes,
        why_away=WatchedFolders(file_facts, PathIndex(database)).why_away,
        clock=clock.now,
        log=log,
    )


def watcher_loop(
    parts: Parts, events: Events, probing: Callable[[], Ask], order: Callable[[], Order], *, listens: bool
) -> WatcherLoop:
    """Return the watcher of all folders. With `listens` False it uses no events, and only scans."""
    return WatcherLoop(
        watched_roots(parts.settings, parts.roots, listens=listens),
        Stores(
            outbox=parts.outbox,
            index=parts.index,
            paths=PathIndex(parts.database),
            disks=Disks(parts.database),
            sidecars=Sidecars(parts.database),
            descriptions=Descriptions(parts.database),
        ),
        outside_world(probing),
        events=events,
        lineages=parts.lineage,
        runtime=Runtime(
            on_labelled=parts.wakes["uploader"],
            jitter=clock.jitter,
            spent_s=clock.spent_s,
            by_age=lambda: order() is Order.NEWEST,
        ),
        log=parts.log,
    )


def uploader_loop(parts: Parts, pool: Executor, rules: SendingRules, remote: RemoteUploads) -> UploaderLoop:
    """Return the uploader of all targets."""
    options = sending_options(parts.settings)
    targets = [
        TargetQueue(
            target=target.name,
            roots=tuple(root.id for root in parts.roots if root.target == target.name),
            service=parts.services[target.name],
            limits=options.limits,
            policy=options.policy,
            allow_duplicates=parts.settings.upload.allow_duplicates,
            key_token=partial(parts.keys.token, target.name),
            remote=remote.of(target.name),
        )
        for target in parts.settings.targets
    ]
    return UploaderLoop(
        targets,
        store=UploadStore(parts.outbox, parts.index),
        workers=Workers(pool, options.workers, wake=parts.wakes["uploader"], log=parts.log, uploads=remote.executor),
        hash_of=sha256_of,
        rules=replace(rules, infers_labels=options.infers_labels),
        chance=TimeAndChance(monotonic=clock.monotonic, jitter=clock.jitter, boundary=clock.boundary),
        log=parts.log,
    )


def reconciler_loop(parts: Parts, watcher: WatcherLoop) -> ReconcilerLoop:
    """Return the reconciler of all projects."""
    return ReconcilerLoop(
        reconciled_projects(parts.settings, parts.roots, parts.services),
        ReconcilerStore(
            index=parts.index,
            mirrored=Mirrored(parts.database),
            outbox=parts.outbox,
            cleanup=Cleanup(parts.database),
            lineages=parts.lineage,
        ),
        sha256_of_file=sha256_of,
        clock=clock.now,
        log=parts.log,
        wake=parts.wakes["reconciler"],
        actions=_actions(parts, watcher),
    )


def _actions(parts: Parts, watcher: WatcherLoop) -> Actions:
    store, log = parts.actions, parts.log
    folders = WatchedFolders(file_facts, PathIndex(parts.database))
    precautions = Precautions(
        evidence=_deletion_evidence(parts, watcher),
        guarding=GuardLedger(store, parts.settings.reconcile.guard, parts.times),
        folders=folders,
        lineages=parts.lineage,
    )
    retained = RetentionUndo(
        Removals(parts.database), from_archive=restore.from_archive, from_pieces=restore.from_pieces
    )
    return Actions(
        planner=ActionPlanner(store, precautions, clock=clock.now, log=log),
        executor=ActionExecutor(store, trash, precautions, clock=clock.now, log=log),
        undo=Undo(store, trash, folders, file_facts.facts_at, retained, clock=clock.now, log=log),
        tombstones=Tombstones(store, parts.index, precautions.guarding, clock=clock.now, log=log),
        guarding=precautions.guarding,
    )


def _deletion_evidence(parts: Parts, watcher: WatcherLoop) -> DeletionEvidence:
    check = DiskCheck(Disks(parts.database), file_facts)
    return DeletionEvidence(
        Absences(parts.database),
        Mirrored(parts.database),
        FolderView(
            stat=file_facts.facts_at,
            observed=lambda: watcher.ever_unsettled(clock.now()),
            why_away=lambda side: check.why_away(side.root_id, side.root, side.path, side.id),
        ),
        sha256_of_file=sha256_of,
        clock=clock.now,
        log=parts.log,
    )


def retention_loop(parts: Parts) -> RetentionLoop:
    """Return the retention of all folders."""
    removals = Removals(parts.database)
    remover = FileRemover(
        removals,
        parts.actions,
        removal,
        identity_check=IdentityCheck(parts.services, removals, clock=clock.now),
        lineages=parts.lineage,
        archives=Archives(removals, folder_notes, new_marker=clock.epoch),
        log=parts.log,
    )
    policies = retention_policies(parts.settings, parts.roots)
    return RetentionLoop(
        [RetentionStatus(root, policies[root.id]) for root in parts.roots],
        remover,
        removals,
        removal,
        clock=RetentionClock(parts.times, clock.monotonic),
        spent_s=clock.spent_s,
        log=parts.log,
    )
