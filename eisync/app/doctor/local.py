"""Check this machine, the state folder, the process that uploads, and the watched folders."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eisync._version import __version__
from eisync.adapters import clock, machine, process
from eisync.adapters.files import file_facts, writer_probe
from eisync.adapters.process import apart
from eisync.app.doctor.jobs import Job, waited
from eisync.app.extras import how_to_add
from eisync.control import local_socket
from eisync.control.operations import Operations
from eisync.core import mounts
from eisync.core.doctor import folders, state
from eisync.core.doctor import machine as rules
from eisync.core.doctor.finding import Finding, not_checked
from eisync.core.doctor.folders import Content
from eisync.core.policy import After, MinFree, OnChange, OnRemoteDelete
from eisync.core.watch_health import Mode
from eisync.core.writers import Writers
from eisync.errors import DaemonUnreachableError, EisyncError, StateBusyError
from eisync.settings import Settings, Watch
from eisync.settings.models import Upload
from eisync.store import inspection
from eisync.store.actions import ActionStore
from eisync.store.database import Database
from eisync.store.index import Index
from eisync.store.inspection import Inspected
from eisync.store.outbox import Outbox

STATE_S = 20.0
FOLDER_S = 12.0
MACHINE_S = 10.0

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the index and a running process say. Without a process, `inspected` has what the database says.

    `status` is the record of `eisync status`, `watched` the folders of a running process. `is_new`: there is no
    database yet. `why_silent`: the process does not answer. `why_unknown`: why there is no status.
    """

    status: Record | None = None
    watched: Sequence[Record] = ()
    inspected: Inspected[Record] | None = None
    is_new: bool = False
    why_silent: str | None = None
    why_unknown: str = "nothing was watched with this state folder yet"

    @property
    def live(self) -> Record | None:
        """What only the running process knows; None when none runs."""
        return (self.status or {}).get("daemon")

    @property
    def pid(self) -> int:
        """The process that uploads, or this one where none runs or it is on another machine or in another container."""
        live = self.live or {}
        its, known = live.get("pid"), str(live.get("process", ""))
        if not isinstance(its, int):
            return os.getpid()
        # A service with ProcSubset=pid cannot identify itself. Its socket is on this machine, and so is its process.
        is_it = process.is_running(its, known) if known else machine.is_eisync(its)
        return its if is_it else os.getpid()


def known_of(folder: str) -> Known:
    """Ask the process that holds the state folder, or else the database. Raise nothing that is expected."""
    try:
        answer = local_socket.ask(folder, {"do": "status"})
        if answer is not None:
            status = next(answer, None)
            watched = next(local_socket.ask(folder, {"do": "watched"}) or iter(()), {"roots": ()})
            return Known(status=status, watched=watched["roots"])
        inspected = inspection.inspect(folder, _status_of, monotonic=clock.monotonic)
    except DaemonUnreachableError as error:
        return Known(why_silent=str(error), why_unknown="the process that holds it does not answer")
    except StateBusyError as error:
        return Known(why_silent=f"{error}, and does not answer", why_unknown="another process holds the database")
    except EisyncError as error:
        return Known(why_unknown=str(error))
    if inspected is None:
        return Known(is_new=True)
    return Known(status=inspected.read, inspected=inspected, why_unknown=inspected.why)


def _status_of(database: Database) -> Record:
    return next(
        Operations(Outbox(database), Index(database), ActionStore(database), now=clock.now).answer({"do": "status"})
    )


def machine_jobs(here: str, folder: str | None, known: "Future[Known]", upload: Upload, count: int) -> Iterator[Job]:
    """Yield the checks of versions, users, limits. `here` is this user, `count` how many folders are watched."""

    def about_versions() -> Iterator[Finding]:
        sqlite, oldest = inspection.sqlite_version()
        yield rules.old_sqlite(sqlite, oldest) if oldest else rules.versions(__version__, machine.versions(sqlite))
        missing = machine.missing_extras()
        yield rules.extras(missing, how_to_add(*missing) if missing else "")

    def about_user() -> Iterator[Finding]:
        found = waited(known, STATE_S) or Known()
        there = machine.user_name(machine.user_of(found.pid)) if found.pid != os.getpid() else None
        owner = machine.user_name(inspection.owner_of(folder)) if folder else None
        yield rules.user(here, there, owner)

    def about_limits() -> Iterator[Finding]:
        found = waited(known, STATE_S) or Known()
        yield from rules.limits(machine.limits_of(found.pid), workers=upload.workers, folders=count)

    yield Job("versions", "", about_versions, within_s=MACHINE_S)
    yield Job("user", "", about_user, within_s=STATE_S)
    yield Job("limits", "", about_limits, within_s=STATE_S)


def state_jobs(folder: str, known: "Future[Known]") -> Iterator[Job]:
    """Yield the checks of the state folder, the database, the running process, and all files."""

    def about_folder() -> Iterator[Finding]:
        kind = mounts.type_of(os.path.realpath(folder), file_facts.mountinfo())
        yield state.state_folder(
            folder,
            inspection.why_unusable(folder),
            file_system=kind,
            is_remote=mounts.is_remote(kind),
            exists=os.path.isdir(folder),
        )
        yield rules.disk(folder, machine.disk_of(_nearest(folder)), is_state=True)

    def about_state() -> Iterator[Finding]:
        found = known.result()
        yield from _database(folder, found)
        if found.why_silent is not None:
            yield state.silent_daemon(found.why_silent)
        elif found.status is None and found.inspected is None and not found.is_new:
            yield not_checked("daemon", found.why_unknown)
        else:
            yield state.daemon(found.status, __version__)
        if found.status is None:
            yield state.no_status(found.why_unknown)
        else:
            yield from state.sending(found.status)
            yield from state.files(found.status)

    yield Job("state folder", folder, about_folder, within_s=MACHINE_S)
    yield Job("database", "", about_state, within_s=STATE_S)


def _database(folder: str, found: Known) -> Iterator[Finding]:
    if found.inspected is not None:
        yield from state.database(found.inspected.facts)
    elif found.live is not None:
        yield state.database_in_use(int(found.live["pid"]))
    elif found.is_new:
        yield state.no_database(folder)
    else:
        yield not_checked("database", found.why_unknown)


def folders_of(settings: Settings | None, known: Known, *, are_named: bool) -> list[Watch]:
    """Return the folders to check: those of the command line, of the running process, of the configuration, or those
    that were watched before."""
    if settings is not None and are_named:
        return list(settings.watches)
    if known.watched:
        records = [{name: value for name, value in one.items() if name != "scanned_at"} for one in known.watched]
        return [Watch(**{**one, "path": Path(one["path"])}) for one in records]
    if settings is not None and settings.watches:
        return list(settings.watches)
    roots = (known.status or {}).get("roots", ())
    return [Watch(path=Path(one["path"]), target=one["target"]) for one in roots]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """The checks of the watched folders. `state` is the state folder, whose disk is checked already."""

    watches: Sequence[Watch]
    known: Known
    state: str | None
    probe: writer_probe.WriterProbe

    def jobs(self) -> Iterator[Job]:
        """Yield the checks of each folder, then those of all together."""
        counted = {str(watch.path): apart(_counting(str(watch.path))) for watch in self.watches}
        if not self.watches:
            is_known = self.known.status is not None or self.known.is_new
            why = None if is_known else self.known.why_unknown
            yield Job("folder", "", lambda: iter((folders.none_named(why),)), within_s=MACHINE_S)
            return
        for watch in self.watches:
            path = str(watch.path)
            yield Job(
                "folder",
                path,
                self._folder(watch, counted[path]),
                within_s=FOLDER_S,
                hung=folders.silent(path, FOLDER_S),
            )
        yield Job("file events", "", lambda: self._events(counted), within_s=FOLDER_S + MACHINE_S)
        yield Job("sandbox", "", self._sandbox, within_s=MACHINE_S)

    def _folder(self, watch: Watch, counted: "Future[Content]") -> Callable[[], Iterator[Finding]]:
        path = str(watch.path)

        def make() -> Iterator[Finding]:
            offline = file_facts.why_offline(path)
            if offline is not None:
                yield folders.missing(path, offline)
                return
            yield folders.content(path, counted.result())
            watching = self._watching(path)
            silent = file_facts.file_system_of(path).why_silent
            yield folders.events(
                path, mode=watch.mode, why_silent=silent, watching=watching, scan_s=watch.scan_interval_s
            )
            yield folders.writers(path, self._writers(path))
            yield folders.rights(
                path,
                needs_writing=needs_writing(watch),
                is_writable=machine.is_writable(path),
                is_read_only=machine.is_read_only(path),
            )
            if watch.min_free != MinFree() or not self._is_on_disk_of_state(path):
                disk = machine.disk_of(path)
                yield rules.disk(path, disk, min_free=watch.retention.min_free.of(disk.total) if disk else 0)

        return make

    def _watching(self, path: str) -> dict[str, Any] | None:
        return next((one for one in (self.known.live or {}).get("watching", ()) if one["root"] == path), None)

    def _writers(self, path: str) -> Writers | None:
        name = machine.a_file_in(path)
        if name is None:
            return None
        descriptor = file_facts.open_inside(path, name.replace(os.sep, "/"))
        try:
            return self.probe.asking()(descriptor, path, name, is_last=True)
        finally:
            os.close(descriptor)

    def _is_on_disk_of_state(self, path: str) -> bool:
        return self.state is not None and file_facts.device_of(path) == file_facts.device_of(_nearest(self.state))

    def _events(self, counted: Mapping[str, "Future[Content]"]) -> Iterator[Finding]:
        wanted = [counted[str(watch.path)] for watch in self.watches if watch.mode is not Mode.SCAN]
        found = [one for one in (waited(work, FOLDER_S) for work in wanted) if one is not None]
        user = machine.user_of(self.known.pid)
        yield rules.events(
            None if user is None else machine.events_of(user),
            folders=sum(one.folders for one in found),
            is_counted=len(found) == len(wanted) and all(one.is_complete for one in found),
            is_running=any(one["uses_events"] for one in (self.known.live or {}).get("watching", ())),
        )

    def _sandbox(self) -> Iterator[Finding]:
        pid = self.known.pid
        if self.known.live is not None and pid == os.getpid():
            yield not_checked("sandbox", "the running eisync is on another machine or in another container")
            return
        unit = machine.unit_of(pid)
        if self.known.live is None and unit is None:
            yield not_checked("sandbox", "nothing runs that could be in one: run this again while the service runs")
            return
        wanted = {str(watch.path): needs_writing(watch) for watch in self.watches if os.path.isdir(watch.path)}
        if self.state is not None and os.path.isdir(self.state):
            wanted[self.state] = "the state"
        places = [machine.place_for(pid, path, needs) for path, needs in wanted.items()]
        if None in places:
            yield not_checked("sandbox", "you may not look into the running eisync: run this as its user, or as root")
            return
        yield from rules.sandbox([one for one in places if one], unit, is_running=pid != os.getpid())


def needs_writing(watch: Watch) -> str:
    """Return the options of the folder that need to write in it, for a person; empty when none does."""
    options = {
        "after_upload": watch.after_upload.after is not After.KEEP,
        "min_free": watch.min_free != MinFree(),
        "on_remote_delete": watch.on_remote_delete is not OnRemoteDelete.KEEP,
        "on_local_delete": watch.on_local_delete == "delete",
        "on_change": watch.on_change is OnChange.REPLACE,
    }
    return ", ".join(name for name, needs in options.items() if needs)


def _counting(path: str) -> Callable[[], Content]:
    return lambda: machine.content_of(path)


def _nearest(folder: str) -> str:
    """Return the folder, or the nearest one above it that exists."""
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder
