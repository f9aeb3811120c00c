"""Tell where the value of each option comes from: a line of the file, a variable, a flag, or nowhere (the default)."""

import os
from collections.abc import Iterator
from typing import Any

from eisync import paths
from eisync.core.model import value
from eisync.settings.models import Settings
from eisync.settings.problems import Location, bracketed
from eisync.settings.public import HIDDEN, SECRET_OPTIONS
from eisync.settings.sources import OptionSource
from eisync.settings.table import Table
from eisync.settings.watch import Target

DEFAULT = "default"

_ONCE = ("upload", "reconcile", "state", "web", "notify", "log")


@value
class ShownOption:
    """An option with its value (None: it is not set), and where that comes from. `table` is a heading."""

    table: str
    name: str
    value: Any
    origin: str


def options_of(settings: Settings, source: OptionSource, *, state_dir: str | None) -> Iterator[ShownOption]:
    """Yield every option of the configuration. An API key is never a value: `api_key` says where the key comes from.

    `state_dir` is the flag of that name.
    """
    tables: list[tuple[str, Location, Table]] = [
        (f"{bracketed('target')} {target.name}", ("target", index), target)
        for index, target in enumerate(settings.targets)
    ]
    places = _places(source)
    for watch in settings.watches:
        index = places.get(str(watch.path))
        tables.append((f"{bracketed('watch')} {watch.path}", ("watch", -1 if index is None else index), watch))
    tables += [(bracketed(name), (name,), getattr(settings, name)) for name in _ONCE]
    for heading, location, table in tables:
        for name, found in table.model_dump(exclude={"api_key"}).items():
            origin = source.faults.place_of((*location, name)) or DEFAULT
            if (*location, name) == ("state", "dir"):
                origin = _of_state(source, origin, state_dir, found)
            is_hidden = name in SECRET_OPTIONS and found is not None
            yield ShownOption(heading, name, HIDDEN if is_hidden else found, origin)
        if isinstance(table, Target):
            if (key := settings.keys.get(table.name)) is None:
                yield ShownOption(heading, "api_key", None, "none can be read: 'eisync config check' says why")
            else:
                yield ShownOption(heading, "api_key", HIDDEN, key.describe())


def _places(source: OptionSource) -> dict[str, int]:
    """Return the number of each [[watch]] table by its path."""
    base = os.path.dirname(source.file) if source.file else source.cwd
    return {
        paths.absolute(str(table.get("path", "")), cwd=base, environ=source.environ): index
        for index, table in enumerate(source.document.get("watch", ()))
    }


def _of_state(source: OptionSource, origin: str, flag: str | None, folder: object) -> str:
    """Return where the state folder comes from, in the order of `eisync.paths.state_dir`."""
    if flag is not None:
        return "--state-dir"
    for variable in ("EISYNC_STATE_DIR", "EISYNC_STATE__DIR"):
        if source.environ.get(variable):
            return variable
    if origin == DEFAULT and source.environ.get("STATE_DIRECTORY"):
        return "STATE_DIRECTORY"
    is_of_unit = paths.is_system_file(source.file) and os.path.dirname(str(folder)) == paths.SYSTEM_STATE
    return "the folder of the unit" if origin == DEFAULT and is_of_unit else origin
