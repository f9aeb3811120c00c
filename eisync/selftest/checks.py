"""All checks, in the order in which they are run."""

from eisync.selftest.check import Check
from eisync.selftest.questions import (
    answers,
    companions,
    duplicates,
    edits,
    formats,
    labels,
    listings,
    project,
    routes,
)

CHECKS: tuple[Check, ...] = (
    *project.CHECKS,
    *answers.CHECKS,
    *routes.CHECKS,
    *labels.CHECKS,
    *duplicates.CHECKS,
    *formats.CHECKS,
    *companions.CHECKS,
    *listings.CHECKS,
    *edits.CHECKS,
)
