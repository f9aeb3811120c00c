"""What a pass works on: a project, what is remembered of it, and the report that the pass fills in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eisync.core import listing
from eisync.core.policy import Policy
from eisync.loops.lineage import Lineages, Trusting
from eisync.loops.ports import ProjectService
from eisync.store.cleanup import Cleanup
from eisync.store.index import Index
from eisync.store.mirror import Mirrored
from eisync.store.outbox import Outbox

MOST_DETAILS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciledProject:
    """One target as the reconciler sees it."""

    target: str
    studio: ProjectService
    interval_s: float
    page_size: int
    allow_duplicates: bool = False  # where they are, nothing that others sent is taken for a file of ours
    sweeps: bool = True  # without it only doubtful files are searched for
    sweep_interval_s: float = 6 * 3600.0
    policies: Mapping[int, Policy] = field(default_factory=dict)  # by root: what follows from what happens to its files


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerStore:
    """What is remembered of folders and projects."""

    index: Index
    mirrored: Mirrored
    outbox: Outbox
    cleanup: Cleanup | None = None  # None: nothing leaves the index
    lineages: Lineages = field(default_factory=Trusting)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetContext:
    """One target, as the actions on its folders and samples see it. `policies` are by root.

    `check_project` raises EisyncError when the key opens another project.
    """

    target: str
    studio: ProjectService
    policies: Mapping[int, Policy]
    interval_s: float
    check_project: Callable[[], None]


@dataclass(slots=True)
class PassReport:
    """What a pass found and did. `waiting` actions of `plan` are for a person to decide."""

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
        """Return the report as it stands now."""
        return replace(self, details=list(self.details))

    def actions_since(self, earlier: "PassReport") -> "PassReport":
        """Return what was done and undone since `earlier`, and nothing else."""
        return PassReport(
            done=self.done - earlier.done,
            undone=self.undone - earlier.undone,
            details=self.details[len(earlier.details) :],
        )

    def tell(self, sample_id: int, what: str) -> None:
        """Add a line about a sample, as long as a person can read them all."""
        self.note(f"sample {sample_id}: {what}")

    def note(self, what: str) -> None:
        """Add a line, as long as a person can read them all."""
        if len(self.details) < MOST_DETAILS:
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
                    report.tell(action.sample.id, change + action.by)
            case listing.MarkDiffering():
                report.contradicted += 1
                report.note(action.why)
            case listing.Return():
                report.returned += 1
                report.tell(action.sample.id, "counted as deleted, but is listed again")
            case listing.CountMissed():
                report.unlisted += 1
                report.tell(action.sample_id, "no longer listed")
