"""How many examples a property or a model gets."""

import os

SHARE = float(os.environ.get("EXAMPLES_SHARE", "1"))


def examples(number: int) -> int:
    """Return how many examples this run tries: `.ci/run` half of the usual number, `make burst` many times it."""
    return max(1, round(number * SHARE))
