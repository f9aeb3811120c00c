"""Count files by state, in the same terms for every command, and build the record of `eisync status`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from eisync.control.pausing import is_paused, pauses
from eisync.core import file_status, summary
from eisync.core.action_sentences import sentence
from eisync.core.actions import StoredAction
from eisync.core.file_status import FileCounts, FileTotal, StatusFinding, grouped, next_step
from eisync.core.labels.split import straddles
from eisync.core.labels.warnings import label_warnings
from eisync.core.lifecycle import State
from eisync.core.model import value
from eisync.errors import ConfigurationError, EisyncError
from eisync.store.actions import ActionStore
from eisync.store.guard_facts import NOT_LISTED
from eisync.store.index import Index, RootFacts, TargetFacts
from eisync.store.plans import Plan
from eisync.store.split_groups import GroupFacts

Record = dict[str, Any]

MAX_PAGE = 1_000
"""Limit of the actions in one page of a plan."""

MAX_STRADDLING = 5
"""Show at most this many groups that are in several categories."""

_WITH_REASON = (State.SETTLING, State.READY, State.SENDING, State.DOUBTFUL, State.QUARANTINED)


@value
class Overview:
    """The counts of all files. `emptied`: by target, what happened to its whole project. `foreign`: targets whose
    project is not the one that their files were sent to. `plans`: how many wait for a person. `folders`: the files of
    each watched folder, by the id of its root and the name of their state."""

    census: FileCounts
    last_synced_at: float | None
    oldest_pending_at: float | None
    emptied: Mapping[str, str]
    foreign: tuple[str, ...]
    plans: int
    folders: Mapping[int, Mapping[str, FileTotal]]

    def sentence(self, *, now: float) -> str:
        """Return the first sentence of the status."""
        return summary.sentence(
            self.census,
            last_synced_at=self.last_synced_at,
            now=now,
            emptied=self.emptied.values(),
            foreign=self.foreign,
        )

    def headline(self, *, now: float) -> str:
        """Return the same without the age of the last upload, so that it changes only with the files."""
        return replace(self, last_synced_at=None).sentence(now=now)

    def exit_code(self, *, is_blocked: bool = False, is_held_up: bool = False) -> int:
        """Return the exit code of the command; see `file_status.exit_code`."""
        is_blocked = is_blocked or bool(self.emptied)
        return file_status.exit_code(self.census, is_blocked=is_blocked, is_held_up=is_held_up, asks=bool(self.plans))


def overview(
    index: Index, actions: ActionStore, targets: Iterable[str], *, roots: Iterable[int] | None = None
) -> Overview:
    """Count the files of these targets: those in `roots`, or all."""
    names = list(targets)
    roots = None if roots is None else set(roots)
    counts = index.records.counts()
    observed = index.observations.found(roots)
    folders = {
        root: file_status.count(counts.by_root.get(root, {}), observed.sightings.get(root, ()))
        for root in counts.by_root.keys() | observed.sightings.keys()
        if roots is None or root in roots
    }
    by_state, unreadable = file_status.files_by_state(folders.values())
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
        folders=folders,
    )


def status_record(
    index: Index, actions: ActionStore, live: Record | None, waiting: Iterable[StatusFinding], *, now: float
) -> Record:
    """Return everything that `eisync status` shows. Its `exit_code` is the exit code of the command.

    `live` is the report of the running process; None when none runs. `waiting`: what complete files wait for.
    """
    targets, roots = index.targets(), index.roots()
    names = [target.name for target in targets]
    taken = overview(index, actions, names)
    paused = pauses(index, now)
    return {
        "sentence": taken.sentence(now=now),
        "headline": taken.headline(now=now),
        "exit_code": taken.exit_code(
            is_blocked=any(target.paused_reason for target in targets) or bool(live and live.get("lost")),
            is_held_up=any(root.offline_reason or root.away for root in roots) or _is_held_up(live),
        ),
        "counts": taken.census.counts(),
        "unreadable_folders": taken.census.folders,
        "not_in_last_listing": taken.census.unlisted,
        **_reasons(index, actions, taken.census, names, waiting, paused=paused, is_running=live is not None),
        "oldest_pending_s": _age_s(taken.oldest_pending_at, now),
        "last_synced_s": _age_s(taken.last_synced_at, now),
        "roots": _roots(roots, taken, label_trouble(index), live or {}, now),
        "targets": [{**_target(target, now), "straddling": _straddling(index, target.name)} for target in targets],
        "emptied": dict(taken.emptied),
        "plans": [plan_record(plan) for plan in actions.plans()],
        "paused": paused,
        "daemon": live,
    }


def label_trouble(index: Index) -> dict[int, list[Record]]:
    """Return what is surely wrong with the labels of the latest files, by the id of their folder."""
    return {
        root_id: [
            {"pattern": one.pattern.value, "labels": one.labels, "files": one.files, "sentence": one.sentence}
            for one in label_warnings(counts)
        ]
        for root_id, counts in index.labels.latest().items()
    }


def group_record(group: GroupFacts) -> Record:
    """Return a group of files that go together, as plain values."""
    return {
        "what": "group",
        "key": group.key,
        "category": None if group.category is None else group.category.value,
        "why": group.why,
        "seen": [category.value for category in group.seen],
    }


def plan_record(plan: Plan) -> Record:
    """Return a plan that waits for a person, as plain values."""
    return {
        "plan": plan.id,
        "target": plan.target,
        "about": plan.about,
        "why": plan.why,
        "made_at": plan.made_at,
        "actions": plan.actions,
    }


def plan_page(actions: ActionStore, question: Mapping[str, Any]) -> Iterator[Record]:
    """Yield the waiting plan `plan`, and `limit` of its actions after the action `after`. Raises EisyncError."""
    number, after, limit = (question.get(name) for name in ("plan", "after", "limit"))
    if type(number) is not int or type(after) is not int or type(limit) is not int or not 0 < limit <= MAX_PAGE:
        raise ConfigurationError(f"ask for 1 to {MAX_PAGE:,} actions of a plan")
    plan = next((plan for plan in actions.plans() if plan.id == number), None)
    if plan is None:
        raise EisyncError(f"plan {number} does not wait any more: it was decided, or a later pass withdrew it")
    yield {"what": "plan", **plan_record(plan)}
    yield from map(action_record, actions.of_plan(number, after_id=after, limit=limit))


def action_record(written: StoredAction) -> Record:
    """Return an action in its current state, as plain values."""
    action = written.action
    return {
        "what": "action",
        "action": written.id,
        "plan": written.plan_id,
        "state": written.progress.value,
        "kind": action.kind.value,
        "cause": action.cause.value,
        "root": action.root,
        "path": action.path,
        "sample_id": action.sample_id,
        "was": action.was,
        "to": action.to,
        "reason": action.reason,
        "sentence": sentence(action),
        "outcome": written.outcome,
        "lies_at": written.lies_at,
        "made_at": written.made_at,
        "done_at": written.done_at,
    }


def _reasons(
    index: Index,
    actions: ActionStore,
    census: FileCounts,
    targets: Iterable[str],
    waiting: Iterable[StatusFinding],
    *,
    paused: Record,
    is_running: bool,
) -> Record:
    """Return why files are not in the project, in groups with what to do next, and how many are not shown."""
    found = [*index.observations.reasons(state for state in _WITH_REASON if state is not State.READY), *waiting]
    if census.unlisted and (path := actions.an_unlisted(targets)) is not None:
        found.append(StatusFinding(State.SYNCED.value, NOT_LISTED, census.unlisted, path))
    shown = grouped(found)
    every = sum(census.by_state.get(state, 0) for state in _WITH_REASON)
    every += census.unreadable + census.folders + census.unlisted
    without_reason = max(0, every - sum(one.files for one in found))
    groups = [
        {
            "state": group.state,
            "files": group.files,
            "reason": group.reason,
            "is_varied": group.is_varied,
            "is_folder": group.is_folder,
            "example": group.path,
            "next": next_step(group, is_running=is_running, is_paused=is_paused(paused, group.path)),
        }
        for group in shown.groups
    ]
    return {"reasons": groups, "more_reasons": shown.more_groups, "more_files": shown.more_files + without_reason}


def _roots(
    roots: Iterable[RootFacts], taken: Overview, trouble: Mapping[int, list[Record]], live: Record, now: float
) -> list[Record]:
    watching = {one["root"]: one for one in live.get("watching", [])}
    retention = {one["root"]: one for one in live.get("retention", [])}
    return [
        {
            "id": root.id,
            "path": root.path,
            "target": root.target,
            "offline": root.offline_reason,
            "away": list(root.away),
            "scanned_s": _age_s(root.scanned_at, now),
            "counts": {state: total.files for state, total in _in_order(taken.folders.get(root.id, {}))},
            "bytes": {state: total.bytes for state, total in _in_order(taken.folders.get(root.id, {}))},
            "settling": root.settling,
            "comparing": root.comparing,
            "left_out": dict(root.left_out),
            "remarks": [{"kind": one.kind, "files": one.files, "example": one.example} for one in root.remarks],
            "label_warnings": trouble.get(root.id, []),
            "watching": watching.get(root.path),
            "retention": retention.get(root.path),
        }
        for root in roots
    ]


def _in_order(totals: Mapping[str, FileTotal]) -> list[tuple[str, FileTotal]]:
    """Return the totals in the order of `State`; what cannot be read comes last."""
    names = [*(state.value for state in State), file_status.UNREADABLE]
    return [(name, totals[name]) for name in names if name in totals]


def _target(target: TargetFacts, now: float) -> Record:
    return {
        "name": target.name,
        "project_id": target.project_id,
        "paused": target.paused_reason,
        "listed_s": _age_s(target.listed_at, now),
        "listing_trouble": target.listing_trouble,
        "inference_trouble": target.inference_trouble,
    }


def _straddling(index: Index, target: str) -> list[str]:
    """Return a sentence for each of some groups of files that are in several categories."""
    found = index.groups.straddling(target, limit=MAX_STRADDLING)
    return [straddles(group.key, group.seen) for group in found]


def _age_s(at: float | None, now: float) -> float | None:
    return None if at is None else round(max(0.0, now - at), 1)


def _is_held_up(live: Record | None) -> bool:
    """Return whether a part of the running process fails and is tried again."""
    if live is None:
        return False
    is_failing = any(loop["trouble"] or not loop["is_fresh"] for loop in live["loops"])
    return is_failing or any(one.get("trouble") for one in live.get("watching", ()))
