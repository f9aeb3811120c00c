"""Tell which options may change while eisync runs, and which of those that changed wait for a restart."""

from collections.abc import Iterator, Mapping, Sequence

from eisync.core.model import value
from eisync.settings.fields import written
from eisync.settings.models import Settings
from eisync.settings.table import Table

LIVE: Mapping[str, Sequence[str]] = {
    "upload": ("order", "max_rate", "quiet_hours", "drain_timeout_s"),
    "reconcile": ("interval_s", "sweep_interval_s", "page_size"),
    "log": ("level",),
}
"""The options that `eisync config reload` and SIGHUP apply, by table. `eisync.app.reloading` applies each of them."""

_TABLES = ("upload", "reconcile", "state", "web", "notify", "log")


@value(kw_only=True)
class Changes:
    """What a configuration that was read again changes: options with their new values, and options that wait."""

    settings: Settings
    applied: Mapping[str, object]
    waiting: tuple[str, ...]


def changes(before: Settings, after: Settings) -> Changes:
    """Compare two configurations. `settings` of the result are those of before with the options that apply now."""
    applied: dict[str, object] = {}
    tables = {}
    for table, options in LIVE.items():
        old, new = getattr(before, table), getattr(after, table)
        changed = {option: getattr(new, option) for option in options if getattr(new, option) != getattr(old, option)}
        applied |= {f"{table}.{option}": written(found) for option, found in changed.items()}
        tables[table] = old.model_copy(update=changed)
    settings = before.model_copy(update=tables)
    return Changes(settings=settings, applied=applied, waiting=tuple(_different(settings, after)))


def _different(before: Settings, after: Settings) -> Iterator[str]:
    for table in _TABLES:
        yield from _options(f"{table}.", getattr(before, table), getattr(after, table))
    yield from _rows("target", {one.name: one for one in before.targets}, {one.name: one for one in after.targets})
    yield from _rows(
        "watch", {str(one.path): one for one in before.watches}, {str(one.path): one for one in after.watches}
    )


def _rows(what: str, before: Mapping[str, Table], after: Mapping[str, Table]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        if name not in before or name not in after:
            yield f"{what} {name} ({'added' if name in after else 'removed'})"
        else:
            yield from _options(f"{what} {name}: ", before[name], after[name])


def _options(prefix: str, before: Table, after: Table) -> Iterator[str]:
    """Yield the names of the options that differ. Their values are not shown: one may be an API key."""
    for option in type(before).model_fields:
        if getattr(before, option) != getattr(after, option):
            yield f"{prefix}{option}"
