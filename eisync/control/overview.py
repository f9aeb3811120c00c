"""Take stock of all files, or of those of some folders: the same counts and words for every command."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eisync.core import file_status, summary
from eisync.core.file_status import FileCounts
from eisync.store.actions import ActionStore
from eisync.store.index import Index


@dataclass(frozen=True, slots=True)
class Overview:
    """What is where. `emptied` says by target what happened to its whole project; the projects of the targets `foreign`
    are not the ones that their files were sent to; `plans` wait for a person's yes."""

    census: FileCounts
    last_synced_at: float | None
    oldest_pending_at: float | None
    emptied: Mapping[str, str]
    foreign: tuple[str, ...]
    plans: int

    def sentence(self, *, now: float) -> str:
        """What a person is told first."""
        return summary.sentence(
            self.census,
            last_synced_at=self.last_synced_at,
            now=now,
            emptied=self.emptied.values(),
            foreign=self.foreign,
        )

    def exit_code(self, *, is_blocked: bool = False, is_held_up: bool = False) -> int:
        """What the command ends with; see `census.exit_code`."""
        is_blocked = is_blocked or bool(self.emptied)
        return file_status.exit_code(self.census, is_blocked=is_blocked, is_held_up=is_held_up, asks=bool(self.plans))


def overview(
    index: Index, actions: ActionStore, targets: Iterable[str], *, roots: Iterable[int] | None = None
) -> Overview:
    """Count the files of these targets: those in these roots, or all."""
    names = list(targets)
    roots = None if roots is None else list(roots)
    counts = index.records.counts()
    rows = counts.by_state if roots is None else index.records.report(roots)
    observed = index.observations.found(roots)
    by_state, unreadable = file_status.count(rows, observed.sightings)
    vanished = actions.vanished(names)
    unconfirmed = index.unconfirmed(names)
    return Overview(
        census=FileCounts(
            by_state=by_state,
            unreadable=unreadable,
            folders=observed.folders,
            unlisted=vanished.unlisted,
            vanished=vanished.files,
            unconfirmed=sum(unconfirmed.values()),
            comparing=observed.comparing,
        ),
        last_synced_at=counts.last_synced_at,
        oldest_pending_at=counts.oldest_pending_at,
        emptied=vanished.emptied,
        foreign=tuple(unconfirmed),
        plans=sum(plan.target in names for plan in actions.plans()),
    )
