"""What the options of the configuration mean to the parts of the machine."""

import os
from collections.abc import Callable
from typing import Any

from eisync._version import __version__
from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.adapters.files import file_facts
from eisync.adapters.files.ignore_files import IgnoreFiles
from eisync.core import mounts
from eisync.core.ignore import IgnoreRules
from eisync.core.model import Root
from eisync.core.watch_health import Mode
from eisync.core.writers import Ask
from eisync.errors import ConfigurationError
from eisync.loops.watcher.context import WatchedRoot
from eisync.settings import Settings, Watch

USER_AGENT = f"eisync/{__version__}"


def asks_studio(settings: Settings) -> bool:
    """Return whether Studio is needed.

    Where duplicates are allowed, only the service can tell whether a file arrived whose answer was lost.
    """
    return settings.reconcile.enabled or settings.upload.allow_duplicates


def service_of(
    settings: Settings,
    name: str,
    *,
    spend: Callable[[int], float] = lambda _: 0.0,
    on_date: Callable[[str, str | None], None] = lambda _host, _date: None,
    probing: Callable[[], Ask | None] = lambda: None,
) -> ServiceClient:
    """Return the service of the target `name`. `spend` is asked before bytes are sent.

    `on_date` gets the time that its answers state; `probing` returns what tells who writes a file.
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


def refuse_remote(folder: str) -> None:
    """Raise ConfigurationError for a state folder over a network."""
    file_system = mounts.type_of(os.path.realpath(folder), file_facts.mountinfo())
    if mounts.is_remote(file_system):
        raise ConfigurationError(
            f"the state folder {folder} is on a file system over a network ({file_system}), where a database can be "
            "damaged; choose a folder on a local disk with --state-dir"
        )


def has_weak_facts(folder: str) -> bool:
    """Return whether size and times of files say little on the folder's file system."""
    return mounts.has_weak_facts(mounts.type_of(os.path.realpath(folder), file_facts.mountinfo()))


def why_silent(folder: str) -> str | None:
    """Return why the folder's file system reports no events; None: it does."""
    return mounts.why_silent(os.path.realpath(folder), file_facts.mountinfo())


def described(watch: Watch) -> dict[str, Any]:
    """Return a folder's options as plain values, from which `Watch` can be made again."""
    return {**watch.model_dump(), "path": str(watch.path)}


def watched_of(watch: Watch, root: Root, mode: Mode | None = None) -> WatchedRoot:
    """Return the folder as the watcher takes it; `mode` overrides its own. Raises ConfigurationError."""
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
