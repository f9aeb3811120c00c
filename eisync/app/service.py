"""Install, remove and look at the service that runs eisync for this user."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from eisync import paths
from eisync.adapters import machine, service_manager
from eisync.control import local_socket
from eisync.core.service.definition import Definition, Invocation
from eisync.core.service.kinds import Person, argv_of, definition_for
from eisync.errors import ConfigurationError, DaemonUnreachableError, EisyncError, StateBusyError
from eisync.settings import Settings, load
from eisync.store.state_folder import HOLDER_NAME

RUNS, NOT_RUNNING, NOT_INSTALLED = 0, 3, 4
"""How `eisync service status` ends."""

_KEY_REMEDY = (
    "A service sees no variable of this shell, and no key is written into its file. Put the key into a file that only "
    "you can read (chmod 600), and name it: --api-key-file FILE, or api_key_file of the target in the configuration"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRequest:
    """What a command line asks for. `platform` is that of `sys.platform`."""

    dirs: Sequence[str] = ()
    config: str | None = None
    state_dir: str | None = None
    key_file: str | None = None
    platform: str = sys.platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that could be installed or is. `installed`: the command line in its file; None: there is no such file.

    `is_foreign`: a file is in its place that eisync did not write.
    """

    definition: Definition
    installed: list[str] | None
    is_foreign: bool
    is_current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """What `eisync service status` shows. `since_at`: when the process began (Unix s)."""

    manager: str
    path: str
    is_installed: bool
    is_loaded: bool
    pid: int | None
    since_at: float | None
    config: str | None
    state_dir: str
    folders: list[str]
    sentence: str | None
    trouble: str | None
    exit_code: int
    next: str


def prepare(wanted: ServiceRequest) -> Service:
    """Return the service that would be installed, after every check that `install` needs. Change nothing.

    Raise ConfigurationError for a faulty configuration or a key that the service would not have, StateBusyError when
    something else runs on the state folder.
    """
    settings = _settings(wanted)
    service = look(wanted, _invocation(wanted, settings))
    if service.is_foreign:
        raise ConfigurationError(
            f"{service.definition.path} was not written by 'eisync service install', so it is left alone: move it away "
            "first, or keep using it"
        )
    _refuse_double(service, settings)
    return service


def install(service: Service) -> bool:
    """Write the file of a prepared service, and start it. Return False when it was installed and ran already.

    Raise EisyncError when the service manager refuses; then everything is as it was before.
    """
    definition = service.definition
    if service.is_current and service_manager.succeeds(definition.query):
        return False
    before = service_manager.read(definition.path)
    service_manager.write(definition.path, definition.content)
    try:
        service_manager.run(definition.load)
    except EisyncError as error:
        _restore(definition, before)
        kept = "The service is as it was before" if before is not None else "Nothing was installed"
        raise EisyncError(f"{error}. {kept}; its log may say why: {definition.log}") from error
    return True


def uninstall(wanted: ServiceRequest) -> Service:
    """Stop and remove what `install` wrote, and nothing else. Return what there was. Raise EisyncError."""
    service = look(wanted)
    if service.installed is not None:
        service_manager.run(service.definition.unload)
        service_manager.remove(service.definition.path)
        service_manager.run(service.definition.forget)
    return service


def status(wanted: ServiceRequest) -> ServiceStatus:
    """Return whether the service is installed and runs. Raise ConfigurationError."""
    service = look(wanted)
    definition, argv = service.definition, service.installed or []
    config = _value_of(argv, "--config") or wanted.config
    environ = paths.for_a_service() if argv else None
    folder = paths.state_dir(_value_of(argv, "--state-dir") or wanted.state_dir, config=config, environ=environ)
    answer, trouble = _asked(folder)
    daemon = (answer or {}).get("daemon") or {}
    is_loaded = bool(argv) and service_manager.succeeds(definition.query)
    pid, code = daemon.get("pid"), RUNS
    if not argv:
        code, what = NOT_INSTALLED, "eisync service install"
    elif pid is None or not is_loaded:
        code, what = NOT_RUNNING, f"{definition.start}; its log: {definition.log}"
    else:
        what = "eisync status"
    return ServiceStatus(
        manager=definition.manager,
        path=definition.path,
        is_installed=bool(argv),
        is_loaded=is_loaded,
        pid=pid,
        since_at=None if pid is None else _since(folder),
        config=config or paths.config_file(None, environ=environ),
        state_dir=folder,
        folders=[root["path"] for root in (answer or {}).get("roots", ())],
        sentence=(answer or {}).get("sentence"),
        trouble=f"{definition.path} was not written by 'eisync service install'" if service.is_foreign else trouble,
        exit_code=code,
        next=what,
    )


def _settings(wanted: ServiceRequest) -> Settings:
    """Return the settings that the service will have, with keys that can be read. Raise ConfigurationError."""
    config = paths.config_file(wanted.config)
    if paths.is_system_file(config):
        raise ConfigurationError(
            f"{config} is the configuration of the system's own unit: 'systemctl enable --now eisync' runs it. For a "
            "service of your own, write ~/.config/eisync/eisync.toml"
        )
    try:
        settings = load(
            config=config,
            state_dir=_state_dir(wanted, config),
            dirs=[paths.absolute(folder) for folder in wanted.dirs],
            api_key_file=_absolute(wanted.key_file),
            environ=paths.for_a_service(),
        )
        for target in settings.targets:
            settings.key_source(target.name).read()
    except ConfigurationError as error:
        lacks_key = any("no API key" in fault for fault in error.faults)
        raise ConfigurationError(*error.faults, *([_KEY_REMEDY] if lacks_key else [])) from error
    return settings


def _invocation(wanted: ServiceRequest, settings: Settings) -> Invocation:
    config = None if settings.config_file is None else str(settings.config_file)
    found = paths.state_dir(None, config=config, environ=paths.for_a_service())
    folder = str(settings.state.dir)
    return Invocation(
        python=_interpreter(wanted.platform),
        dirs=tuple(paths.absolute(place) for place in wanted.dirs),
        config=config,
        state_dir=None if folder == found else folder,
        key_file=_absolute(wanted.key_file),
    )


def _interpreter(platform: str) -> str:
    """Return this interpreter; on Windows the one that opens no window."""
    folder, name = os.path.split(sys.executable)
    windowless = os.path.join(folder, name.lower().replace("python.exe", "pythonw.exe"))
    return windowless if platform == "win32" and os.path.exists(windowless) else sys.executable


def _state_dir(wanted: ServiceRequest, config: str | None) -> str:
    return paths.state_dir(wanted.state_dir, config=config)


def _absolute(path: str | None) -> str | None:
    return None if path is None else paths.absolute(path)


def look(wanted: ServiceRequest, invocation: Invocation | None = None) -> Service:
    """Return the service of this user, and what is in its place now. Raise ConfigurationError, FolderError."""
    name, home, config_home = paths.service_home(wanted.platform)
    person = Person(name=name, uid=getattr(os, "getuid", int)(), home=home, config_home=config_home)
    definition = definition_for(wanted.platform, invocation or Invocation(python=sys.executable), person)
    if definition is None:
        raise ConfigurationError(
            f"eisync knows no service manager of {wanted.platform}: have yours run 'eisync run', and start it again "
            "unless it ended with 78"
        )
    content = service_manager.read(definition.path)
    installed = None if content is None else argv_of(definition, content)
    return Service(
        definition=definition,
        installed=installed,
        is_foreign=content is not None and installed is None,
        is_current=content == definition.content,
    )


def _refuse_double(service: Service, settings: Settings) -> None:
    """Raise StateBusyError when another process or a unit of the system has the state folder."""
    folder = str(settings.state.dir)
    answer, trouble = _asked(folder)
    if trouble is not None:
        raise StateBusyError(f"the state folder {folder} is in use: {trouble}")
    daemon = (answer or {}).get("daemon")
    if daemon is None or (service.installed is not None and service_manager.succeeds(service.definition.query)):
        return
    unit = machine.unit_of(daemon["pid"])
    who = f"the unit {unit}" if unit is not None and unit.startswith("eisync") else "'eisync run' elsewhere"
    raise StateBusyError(
        f"process {daemon['pid']} watches with the state folder {folder} already ({who}): stop it first, or name "
        "another --state-dir"
    )


def _asked(folder: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return the status that the process of the state folder answers, or why it does not answer; None for none."""
    try:
        answer = local_socket.ask(folder, {"do": "status"})
        return (None, None) if answer is None else (next(answer, None), None)
    except (DaemonUnreachableError, ConfigurationError) as error:
        return None, str(error)


def _since(folder: str) -> float | None:
    """Return when the process that holds the state folder began: it wrote a note then."""
    with suppress(OSError):
        return os.stat(os.path.join(folder, HOLDER_NAME)).st_mtime
    return None


def _value_of(argv: Sequence[str], option: str) -> str | None:
    return argv[argv.index(option) + 1] if option in argv[:-1] else None


def _restore(definition: Definition, before: bytes | None) -> None:
    with suppress(EisyncError):
        if before is None:
            with suppress(EisyncError):  # it refused already
                service_manager.run(definition.unload)
            service_manager.remove(definition.path)
            service_manager.run(definition.forget)
        else:
            service_manager.write(definition.path, before)
            service_manager.run(definition.load)
