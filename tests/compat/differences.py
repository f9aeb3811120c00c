"""Where we differ from the official SDK on purpose: case -> why. The docs show this table; a test keeps it true.

A case that is listed here must differ; one that is not must not.
"""

DIFFERENCES: dict[str, str] = {}
