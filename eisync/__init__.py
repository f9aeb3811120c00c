"""eisync: drop a file into a folder, and it is in your Edge Impulse project.

The module globals are those of the official SDK: read from the environment once, at import, and free to be assigned.
Importing this package costs nothing else.
"""

import os

from eisync._version import __version__

API_KEY: str | None = os.environ.get("EI_API_KEY")
API_ENDPOINT: str = os.environ.get("EI_API_ENDPOINT", "https://studio.edgeimpulse.com/v1")
INGESTION_ENDPOINT: str = os.environ.get("EI_INGESTION_ENDPOINT", "https://ingestion.edgeimpulse.com")

__all__ = ["API_ENDPOINT", "API_KEY", "INGESTION_ENDPOINT", "__version__"]
