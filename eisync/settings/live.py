"""Tell which options a running daemon applies when it reads its configuration again, and why the others wait.

`LIVE` and `RESTART` together name every option of every table: a test holds them against the models.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from eisync.core.model import value
from eisync.settings.effects import effects_of
from eisync.settings.keys import KeySource
from eisync.settings.models import Settings
from eisync.settings.public import plain_option
from eisync.settings.roots import contains
from eisync.settings.table import Table
from eisync.settings.watch import Target, Watch

LIVE: Mapping[str, Sequence[str]] = {
    "target": ("api_key_file", "api_key", "ca_file", "trust"),
    "watch": (
        "label",
        "category",
        "ignore",
        "ready",
        "settle_s",
        "patience_s",
        "scan_interval_s",
        "mode",
        "on_change",
        "on_rename",
        "on_local_delete",
        "on_remote_delete",
        "after_upload",
        "grace_s",
        "min_free",
        "trash_days",
        "metadata",
        "metadata_host",
        "annotations",
        "require_annotation",
        "manifest",
        "rule",
        "split",
    ),
    "upload": (
        "workers",
        "batch_files",
        "batch_bytes",
        "order",
        "max_rate",
        "quiet_hours",
        "timeout_s",
        "connect_timeout_s",
        "infer_labels",
        "retry_base_s",
        "retry_cap_s",
        "drain_timeout_s",
    ),
    "reconcile": (
        "interval_s",
        "sweep_interval_s",
        "page_size",
        "guard_count",
        "guard_percent",
        "guard_day_factor",
    ),
    "web": ("enabled", "address", "port", "password_hash", "hosts", "trusted_proxy", "user_header"),
    "notify": (
        "command",
        "webhook",
        "webhook_file",
        "desktop",
        "after_s",
        "calm_s",
        "interval_s",
        "stalled_s",
        "digest",
        "timeout_s",
    ),
    "log": ("level", "format"),
}
"""The options that `eisync config reload` and SIGHUP apply, by table. Those of a table inside another go with it."""

_OTHER_SERVICE = "what is under way to one address must not be taken for stored at another"

RESTART: Mapping[str, Mapping[str, str]] = {
    "target": {
        "name": "by its name eisync knows, from the start on, which project a folder belongs to",
        "studio_url": _OTHER_SERVICE,
        "ingestion_url": _OTHER_SERVICE,
    },
    "watch": {
        "path": "at the start eisync makes sure that nothing else uses a folder before it draws conclusions from it",
        "target": "files that are on their way to one project must arrive there before the folder gets another one",
    },
    "upload": {
        "allow_duplicates": "a file whose answer was lost must be decided by the rule that it was sent under",
        "scheduler": "a worker may still be sending what another one would send again",
    },
    "state": {
        "dir": "the state folder is held from the start to the end, so that no second eisync uses it",
        "group": "who may connect is a property of the socket, which is made at the start",
    },
    "reconcile": {
        "enabled": "whether the project is listed decides at the start what may be deleted, and which labels can be "
        "checked",
    },
}
"""Why each other option waits for a restart, as a clause for a person, by table."""

_ADDED = {"target": "a target is opened at the start", "watch": RESTART["watch"]["path"]}
_NOT_COMPARED = "it needs reconcile.enabled, which waits"
_IS_WATCHED = "this archive is a watched folder, or lies in one or around one, until the restart"
_WITH_ARCHIVE = "it is meant for the archive of after_upload, which waits"
_OTHER_TARGET = "it is meant for the target that the folder gets at the restart"
_OTHER_ADDRESS = "it is meant for the address of the target, which waits"

_ADDRESSES = ("studio_url", "ingestion_url")
_OF_ADDRESS = ("api_key_file", "api_key", "ca_file", "trust")
_OF_ARCHIVE = ("grace_s", "min_free")
"""Options that say which files `after_upload` takes, and when."""


@value(kw_only=True)
class Changes:
    """What a configuration that was read again changes: options with their new values, and those that wait, with why.

    Secrets are not in it: of one that changed, only that it is set.
    """

    settings: Settings
    applied: Mapping[str, object]
    waiting: Mapping[str, str]


def changes(before: Settings, after: Settings) -> Changes:
    """Compare two configurations. `settings` of the result are those of before with the options that apply now."""
    found = _Comparison(before)
    tables: dict[str, object] = {}
    for table in ("upload", "reconcile", "state", "web", "notify", "log"):
        tables[table] = found.merged(table, f"{table}.", getattr(before, table), getattr(after, table))
    tables["targets"] = found.rows("target", {one.name: one for one in before.targets}, after.targets, "name")
    tables["watches"] = found.rows("watch", {str(one.path): one for one in before.watches}, after.watches, "path")
    tables["keys"] = dict(_keys(before, after))
    return Changes(settings=before.model_copy(update=tables), applied=found.applied, waiting=found.waiting)


class _Comparison:
    """Gathers what applies and what waits."""

    def __init__(self, before: Settings) -> None:
        self._before = before
        self.applied: dict[str, object] = {}
        self.waiting: dict[str, str] = {}

    def rows(self, table: str, before: Mapping[str, Table], after: Sequence[Table], named_by: str) -> tuple[Table, ...]:
        """Return the tables of before, in their order, with the options that apply now."""
        new = {str(getattr(one, named_by)): one for one in after}
        for name in dict.fromkeys([*before, *new]):
            if name not in before or name not in new:
                self.waiting[f"{table} {name} ({'added' if name in new else 'removed'})"] = _ADDED[table]
        return tuple(
            self.merged(table, f"{table} {name}: ", one, new[name]) if name in new else one
            for name, one in before.items()
        )

    def merged(self, table: str, prefix: str, old: Table, new: Table) -> Table:
        """Return the table of before with the options that apply now."""
        applied: dict[str, object] = {}
        for option in type(old).model_fields:
            found = getattr(new, option)
            if found == getattr(old, option):
                continue
            why = RESTART.get(table, {}).get(option) or self._why_waits(old, new, option)
            if why is None:
                applied[option] = found
                self.applied[prefix + option] = plain_option(option, found)
            else:
                self.waiting[prefix + option] = why
        return old.model_copy(update=applied)

    def _why_waits(self, old: Table, new: Table, option: str) -> str | None:
        """Return why an option that is live waits for another one that waits; None if it does not.

        Half of a change can destroy what the whole of it would keep.
        """
        if isinstance(old, Target) and isinstance(new, Target):
            return _OTHER_ADDRESS if option in _OF_ADDRESS and _has_moved(old, new) else None
        if not isinstance(old, Watch) or not isinstance(new, Watch):
            return None
        has_effect = option in dict(effects_of(new))
        takes = has_effect or (option == "grace_s" and new.grace_s < old.grace_s)
        if has_effect and not self._before.reconcile.enabled:
            return _NOT_COMPARED
        if takes and new.target != old.target:
            return _OTHER_TARGET
        archive = new.after_upload.archive
        if not takes or archive is None or not _touches(archive, self._before.watches):
            return None
        return _IS_WATCHED if option == "after_upload" else _WITH_ARCHIVE if option in _OF_ARCHIVE else None


def _keys(before: Settings, after: Settings) -> Iterator[tuple[str, KeySource]]:
    """Yield where the key of each target comes from now. A key is never sent to an address that it is not for."""
    new = {target.name: target for target in after.targets}
    for target in before.targets:
        source, found = before.keys.get(target.name), after.keys.get(target.name)
        if source is None:
            continue
        stays = found is None or found.is_same(source) or _has_moved(target, new[target.name])
        yield target.name, source if stays or found is None else found


def _has_moved(old: Target, new: Target) -> bool:
    return any(getattr(old, address) != getattr(new, address) for address in _ADDRESSES)


def _touches(archive: str, watches: Iterable[Watch]) -> bool:
    real = str(Path(archive).resolve())
    roots = [str(watch.path.resolve()) for watch in watches]
    return any(real == root or contains(root, real) or contains(real, root) for root in roots)


def restart_reasons() -> Iterator[tuple[str, str, str]]:
    """Yield every option that waits for a restart, as its table, its name and the reason."""
    for table, options in RESTART.items():
        for option, why in options.items():
            yield table, option, why
