"""Find out how this eisync was installed, from what the installers write down.

Sources: PEP 610 (direct_url.json); pipx, `pipx_metadata.json`; uv, `uv-receipt.toml`; deploy/debian/build.
"""

import json
import os
import sys
from importlib import metadata, util
from urllib.parse import unquote, urlsplit

from eisync.core.extras import InstallRecord, Way

DEBIAN_PREFIX = "/opt/eisync"
_DEBIAN_LIST = "/var/lib/dpkg/info/eisync.list"


def install_record() -> InstallRecord:
    """Return how the eisync that runs was installed."""
    source, is_editable = _source()
    return InstallRecord(way=_way(sys.prefix, is_editable), source=source, python=sys.executable)


def _way(prefix: str, is_editable: bool) -> Way:
    if prefix == DEBIAN_PREFIX and os.path.exists(_DEBIAN_LIST):
        return Way.DEBIAN
    for name, way in {"pipx_metadata.json": Way.PIPX, "uv-receipt.toml": Way.UV}.items():
        if os.path.exists(os.path.join(prefix, name)):
            return way
    if util.find_spec("pip") is None:
        return Way.OTHER
    return Way.EDITABLE if is_editable else Way.PIP


def _source() -> tuple[str | None, bool]:
    """Return the clone or the wheel that eisync came from, if it is still there, and whether eisync runs in it."""
    try:
        text = metadata.distribution("eisync").read_text("direct_url.json")
        found = json.loads(text or "{}")
        parts = urlsplit(found.get("url", ""))
    except (metadata.PackageNotFoundError, OSError, ValueError):
        return None, False
    path = unquote(parts.path)
    is_there = parts.scheme == "file" and os.path.exists(path)
    return path if is_there else None, bool(found.get("dir_info", {}).get("editable"))
