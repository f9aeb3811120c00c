"""What a pass works on: a project, the store that records its state, and the report that the pass fills in."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eisync.core import listing
from eisync.core.actions import PARTS, ActionKind
from eisync.core.model import value
from eisync.core.policy import Policy
from eisync.loops.lineage import Lineages, NullLineage
from eisync.loops.ports import ProjectService
from eisync.store.cleanup import Cleanup
from eisync.store.index import Index
from eisync.store.mirror import Mirrored
from eisync.store.outbox import Outbox

MAX_DETAILS = 1000


@value(kw_only=True)
class ReconciledProject:
    """The settings of one target that the reconciler needs."""

    target: str
    studio: ProjectService
    interval_s: float
    page_size: int
    allow_duplicates: bool = False  # if allowed, samples that others uploaded are never adopted
    sweeps: bool = True  # False: only search for doubtful files, never list the project
    sweep_interval_s: float = 6 * 3600.0
    policies: Mapping[int, Policy] = field(default_factory=dict)  # by root id: what a deletion or change leads to


@value(kw_only=True)
class ReconcilerStore:
    """The parts of the database that the reconciler reads and writes."""

    index: Index
    mirrored: Mirrored
    outbox: Outbox
    cleanup: Cleanup | None = None  # None: no row is ever removed from the index
    lineages: Lineages = field(default_factory=NullLineage)


@value(kw_only=True)
class TargetContext:
    """One target, with what actions on its files and samples need. `policies` are by root id.

    `check_project` raises EisyncError when the key opens another project.
    """

    target: str
    studio: ProjectService
    policies: Mapping[int, Policy]
    interval_s: float
    check_project: Callable[[], None]

    def edit(self, kind: ActionKind, sample_id: int, value: str) -> None:
        """Change the sample. Raises KeyRefusedError, StudioError or TransitError. Safe to repeat."""
        match kind:
            case ActionKind.RENAME_SAMPLE:
                self.studio.rename(sample_id, value)
            case ActionKind.RELABEL_SAMPLE:
                self.studio.relabel(sample_id, value)
            case ActionKind.MOVE_SAMPLE:
                self.studio.move(sample_id, value)
            case ActionKind.EDIT_METADATA:
                self.studio.set_metadata(sample_id, json.loads(value))
            case kind if kind in PARTS:
                self.studio.set_part(sample_id, PARTS[kind], json.loads(value))


@dataclass(slots=True)
class PassReport:
    """What a pass found and did. The `waiting` actions of `plan` need a person's decision."""

    swept: bool = False
    why: str | None = None
    listed: int = 0
    learned: int = 0
    changed: int = 0
    contradicted: int = 0
    returned: int = 0
    unlisted: int = 0
    tombstoned: int = 0
    adopted: int = 0
    done: int = 0
    undone: int = 0
    waiting: int = 0
    unread: int = 0
    unread_reason: str | None = None
    plan: int | None = None
    details: list[str] = field(default_factory=list)

    def copy(self) -> "PassReport":
        """Return a copy of the report as it is now."""
        return replace(self, details=list(self.details))

    def actions_since(self, earlier: "PassReport") -> "PassReport":
        """Return a report with only what was done and undone since `earlier`."""
        return PassReport(
            done=self.done - earlier.done,
            undone=self.undone - earlier.undone,
            details=self.details[len(earlier.details) :],
        )

    def note_sample(self, sample_id: int, what: str) -> None:
        """Add a line about a sample, unless the report has MAX_DETAILS lines already."""
        self.note(f"sample {sample_id}: {what}")

    def note(self, what: str) -> None:
        """Add a line, unless the report has MAX_DETAILS lines already: a person does not read more."""
        if len(self.details) < MAX_DETAILS:
            self.details.append(what)


def count_changes(actions: Sequence[listing.IndexChange], listed: int, report: PassReport) -> None:
    """Add to the report what follows from a slice of the listing of `listed` samples."""
    report.listed += listed
    for action in actions:
        match action:
            case listing.Learn():
                report.learned += 1
            case listing.KeepListed():
                report.changed += bool(action.changes)
                for change in action.changes:
                    report.note_sample(action.sample.id, change + action.by)
            case listing.MarkDiffering():
                report.contradicted += 1
                report.note(action.why)
            case listing.Return():
                report.returned += 1
                report.note_sample(action.sample.id, "counted as deleted, but is listed again")
            case listing.CountMissed():
                report.unlisted += 1
                report.note_sample(action.sample_id, "no longer listed")
