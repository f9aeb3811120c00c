"""Translate the settings into the options of each loop: when it is built, and when the configuration is read again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eisync.adapters import process
from eisync.adapters.files.ignore_files import IgnoreFiles
from eisync.core.ignore import IgnoreRules
from eisync.core.model import Root
from eisync.core.policy import Policy, Retention
from eisync.core.watch_health import Mode
from eisync.errors import ConfigurationError
from eisync.loops.ports import ProjectService
from eisync.loops.reconciler.context import ReconciledProject
from eisync.loops.uploader.target_state import SendingOptions
from eisync.loops.watcher.context import WatchedRoot
from eisync.settings import Settings, Watch


def described(watch: Watch) -> dict[str, Any]:
    """Return the options of a watched folder as plain values, from which `Watch` can be built again."""
    return {**watch.model_dump(), "path": str(watch.path)}


def watched_of(watch: Watch, root: Root, mode: Mode | None = None) -> WatchedRoot:
    """Return the folder in the form that the watcher needs; `mode` overrides its own. Raises ConfigurationError."""
    try:
        eligibility = IgnoreRules(watch.ignore, rules_in=IgnoreFiles(root.path), only=watch.only)
    except ValueError as error:
        raise ConfigurationError(
            f"the ignore patterns of {watch.path} are not valid gitignore patterns: {error}"
        ) from error
    return WatchedRoot(
        root=root,
        eligibility=eligibility,
        labelling=watch.label_rules,
        policy=watch.completeness,
        metadata={"host": process.host(), **watch.metadata} if watch.metadata_host else watch.metadata,
        scan_interval_s=watch.scan_interval_s,
        mode=mode or watch.mode,
        on_change=watch.on_change,
        updates_renamed=watch.on_rename == "update",
        annotations=watch.annotations,
        requires_annotation=watch.require_annotation,
        manifest=watch.manifest_place,
        split=None if watch.split is None else watch.split.as_split,
    )


def watched_roots(settings: Settings, roots: Sequence[Root], *, listens: bool) -> list[WatchedRoot]:
    """Return all folders, in their order. With `listens` False they are only scanned. Raises ConfigurationError."""
    return [
        replace(watched_of(watch, root, None if listens else Mode.SCAN), is_compared=settings.reconcile.enabled)
        for watch, root in zip(settings.watches, roots, strict=True)
    ]


_AFTER_UPLOAD = ("on_local_delete", "on_remote_delete", "after_upload", "grace_s", "min_free", "trash_days")


def is_watched_alike(one: Watch, other: Watch) -> bool:
    """Return whether two versions of a folder's options are the same for the watcher."""
    return one.model_copy(update={name: getattr(other, name) for name in _AFTER_UPLOAD}) == other


def sending_options(settings: Settings) -> SendingOptions:
    """Return the options of the uploader. Without a listing, which shows the labels, the service infers none."""
    upload = settings.upload
    return SendingOptions(
        limits=upload.limits,
        policy=upload.retry_policy,
        workers=upload.workers,
        infers_labels=upload.infer_labels and settings.reconcile.enabled,
    )


def reconciled_projects(
    settings: Settings, roots: Sequence[Root], services: Mapping[str, ProjectService]
) -> list[ReconciledProject]:
    """Return all projects in the form that the reconciler needs. `services` are by target."""
    reconcile = settings.reconcile
    return [
        ReconciledProject(
            target=target.name,
            studio=services[target.name],
            interval_s=reconcile.interval_s,
            page_size=reconcile.page_size,
            sweeps=reconcile.enabled,
            allow_duplicates=settings.upload.allow_duplicates,
            sweep_interval_s=reconcile.sweep_interval_s,
            policies=_policies(settings, roots, target.name),
        )
        for target in settings.targets
    ]


def _policies(settings: Settings, roots: Sequence[Root], target: str) -> dict[int, Policy]:
    pairs = zip(settings.watches, roots, strict=True)
    return {root.id: watch.policy for watch, root in pairs if root.target == target}


def retention_policies(settings: Settings, roots: Sequence[Root]) -> dict[int, Retention]:
    """Return what happens to the files of each folder after their upload, by the id of its root."""
    return {root.id: watch.retention for watch, root in zip(settings.watches, roots, strict=True)}


def consequences(settings: Settings, roots: Sequence[Root]) -> dict[Root, bool]:
    """Return, by folder, whether a file that is missing there or removed has consequences."""
    return {root: watch.is_destructive for watch, root in zip(settings.watches, roots, strict=True)}
