"""Make every check of `eisync doctor`, in the order in which they are shown."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eisync import paths
from eisync.adapters import machine
from eisync.adapters.client.transport import ServiceTimes
from eisync.adapters.files import writer_probe
from eisync.adapters.process import apart
from eisync.app.doctor.jobs import Job, waited
from eisync.app.doctor.local import STATE_S, Folders, Known, folders_of, known_of, machine_jobs, state_jobs
from eisync.app.doctor.remote import Remote
from eisync.core.doctor import configuration
from eisync.core.doctor.finding import Finding, not_checked
from eisync.errors import ConfigurationError
from eisync.settings import Settings, Upload, load

READ_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a command line asks for."""

    config: str | None
    state_dir: str | None
    dirs: Sequence[str]
    api_key_file: str | None


def examine(wanted: Wanted) -> Iterator[Finding]:
    """Yield the findings of all checks, which run side by side. Call it in the main thread. Change and upload nothing.

    Missing folders and keys are no faults of the configuration here: they have checks of their own.
    """
    writer_probe.ignore_lease_breaks()
    settings, faults = _in_time(wanted)
    folder = waited(apart(lambda: _state_folder(wanted, settings)), READ_S)
    known = apart(lambda: Known(why_unknown="there is no state folder") if folder is None else known_of(folder))
    remote = None
    if settings is not None:
        # It waits for nothing that the others do, so it begins first.
        remote = Remote(
            settings=settings,
            api_key_file=wanted.api_key_file,
            known=lambda: waited(known, STATE_S) or Known(why_unknown="the state folder does not answer"),
            times=ServiceTimes(),
        )
    network = [] if remote is None else list(remote.jobs())
    here = machine.user_name(machine.user_of(os.getpid())) or "this user"
    state = [] if folder is None else list(state_jobs(folder, known))
    found = waited(known, STATE_S) or Known(why_unknown="the state folder does not answer")
    watches = folders_of(settings, found, are_named=bool(wanted.dirs))
    upload = Upload() if settings is None else settings.upload
    first = list(machine_jobs(here, folder, known, upload, len(watches)))
    watched = list(Folders(watches=watches, known=found, state=folder, probe=writer_probe.WriterProbe()).jobs())
    yield from _found(first[:1])
    yield from faults
    yield from _found([*first[1:], *state, *watched, *network])
    if remote is None:
        yield not_checked("connection", "the configuration must be corrected first: it says where the service is")


def _found(jobs: Sequence[Job]) -> Iterator[Finding]:
    for job in jobs:
        yield from job.findings()


def _in_time(wanted: Wanted) -> tuple[Settings | None, list[Finding]]:
    """Return the settings and what is wrong with them. Reading them looks at files and folders, which may hang."""
    try:
        return apart(lambda: _settings(wanted)).result(timeout=READ_S)
    except TimeoutError:
        return None, [configuration.silent(READ_S)]


def _settings(wanted: Wanted) -> tuple[Settings | None, list[Finding]]:
    try:
        settings = load(
            config=wanted.config,
            state_dir=wanted.state_dir,
            dirs=wanted.dirs,
            api_key_file=wanted.api_key_file,
            need_watch=False,
            need_key=False,
        )
    except ConfigurationError as error:
        return None, list(configuration.faulty(error.faults))
    file = None if settings.config_file is None else str(settings.config_file)
    found = configuration.usable(file, settings.warnings, targets=len(settings.targets), folders=len(settings.watches))
    return settings, list(found)


def _state_folder(wanted: Wanted, settings: Settings | None) -> str | None:
    """Return the state folder, also when another part of the configuration is faulty; None when it is not known."""
    if settings is not None:
        return str(settings.state.dir)
    try:
        return paths.state_dir(wanted.state_dir, config=wanted.config)
    except ConfigurationError:
        return None
