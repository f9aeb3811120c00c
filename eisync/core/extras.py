"""Decide how to add an extra of eisync, by the way in which eisync was installed."""

import shlex
from collections.abc import Iterable
from enum import Enum

from eisync.core.model import value


class Way(Enum):
    """How eisync was installed."""

    PIP = "pip"
    EDITABLE = "editable"  # by pip, too, and it follows a clone
    PIPX = "pipx"
    UV = "uv"  # as a tool of uv
    DEBIAN = "debian"
    OTHER = "other"  # an image, an environment without pip, a folder on Python's path


@value(kw_only=True)
class InstallRecord:
    """How this eisync was installed. `source`: the clone or the wheel that it came from; None: it is not there now."""

    way: Way
    source: str | None
    python: str


def how_to_add(extras: Iterable[str], found: InstallRecord) -> str:
    """Return what a person can do to get the extras: a command where there is one."""
    names = ",".join(extras)
    if found.way is Way.DEBIAN:
        return f"the Debian package has no [{names}]: install eisync with pipx, uv or pip beside it"
    if found.source is None or found.way is Way.OTHER:
        return f"install eisync again, from its clone or its wheel, as eisync[{names}]"
    # pipx and uv make a new environment, and then the other extras would be gone. `dask` is the one that `all` lacks.
    every = "all,dask" if "dask" in extras else "all"
    if found.way is Way.PIPX:
        return f"pipx install --force {shlex.quote(f'{found.source}[{every}]')}"
    if found.way is Way.UV:
        return f"uv tool install --force {shlex.quote(f'{found.source}[{every}]')}"
    editable = "--editable " if found.way is Way.EDITABLE else ""
    return f"{shlex.quote(found.python)} -m pip install {editable}{shlex.quote(f'{found.source}[{names}]')}"
