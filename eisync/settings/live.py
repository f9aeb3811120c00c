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
from eisync.settings.watch import Watch

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
    tables["keys"] = {name: _key_of(source, after.keys.get(name)) for name, source in before.keys.items()}
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
            why = RESTART.get(table, {}).get(option) or self._why_waits(new, option)
            if why is None:
                applied[option] = found
                self.applied[prefix + option] = plain_option(option, found)
            else:
                self.waiting[prefix + option] = why
        return old.model_copy(update=applied)

    def _why_waits(self, new: Table, option: str) -> str | None:
        """Return why an option that is live waits for another one that waits; None if it does not."""
        if not isinstance(new, Watch):
            return None
        if not self._before.reconcile.enabled and option in dict(effects_of(new)):
            return _NOT_COMPARED
        archive = new.after_upload.archive
        if option == "after_upload" and archive is not None and _touches(archive, self._before.watches):
            return _IS_WATCHED
        return None


def _key_of(before: KeySource, after: KeySource | None) -> KeySource:
    return before if after is None or after.is_same(before) else after


def _touches(archive: str, watches: Iterable[Watch]) -> bool:
    real = str(Path(archive).resolve())
    roots = [str(watch.path.resolve()) for watch in watches]
    return any(real == root or contains(root, real) or contains(real, root) for root in roots)


def restart_reasons() -> Iterator[tuple[str, str, str]]:
    """Yield every option that waits for a restart, as its table, its name and the reason."""
    for table, options in RESTART.items():
        for option, why in options.items():
            yield table, option, why
