"""Name the options of a watched folder that can delete, move or replace something, with the values that do not."""

from collections.abc import Iterator, Mapping

from eisync.settings.watch import Watch

_HARMLESS: Mapping[str, tuple[object, ...]] = {
    "on_change": ("add", "ignore"),
    "on_local_delete": ("keep",),
    "on_remote_delete": ("keep",),
    "after_upload": ("keep",),
    "min_free": (0,),
}


def effects_of(watch: Watch) -> Iterator[tuple[str, object]]:
    """Yield the options of the folder that delete, move or replace something, with their values as in the file."""
    values = watch.model_dump(include=set(_HARMLESS))
    for name, harmless in _HARMLESS.items():
        if values[name] not in harmless:
            yield name, values[name]
