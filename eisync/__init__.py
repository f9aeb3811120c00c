"""eisync: drop a file into a folder, and it is in your Edge Impulse project.

The module globals are those of the official SDK: read from the environment once, at import, and free to be assigned.
`data`, `exceptions`, `experimental` and `util` are loaded when they are asked for; importing this package costs nothing
else.
"""

import os
from types import ModuleType

from eisync._version import __version__

API_KEY: str | None = os.environ.get("EI_API_KEY")
API_ENDPOINT: str = os.environ.get("EI_API_ENDPOINT", "https://studio.edgeimpulse.com/v1")
INGESTION_ENDPOINT: str = os.environ.get("EI_INGESTION_ENDPOINT", "https://ingestion.edgeimpulse.com")

__all__ = ["API_ENDPOINT", "API_KEY", "INGESTION_ENDPOINT", "__version__"]

_MODULES = ("data", "exceptions", "experimental", "util")


def __getattr__(name: str) -> ModuleType:
    """Load what `import eisync as ei` promises: `ei.data`, `ei.exceptions`, `ei.util`, `ei.experimental.data`."""
    if name not in _MODULES:
        raise AttributeError(
            f"module 'eisync' has no attribute {name!r}; of the official SDK, eisync replaces only the data functions"
        )
    import importlib

    return importlib.import_module(f"eisync.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
