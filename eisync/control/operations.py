"""Answer requests about the files, in the running daemon or from the database itself: the answers are the same.

Every operation takes and returns plain JSON values, so that they can pass through a socket unchanged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from eisync.control import steering
from eisync.control.class_balance import ClassBalanceCounter
from eisync.control.explanation import lines_of
from eisync.control.files import files, merged
from eisync.control.groups import groups_of
from eisync.control.numbers import faults, hanging, numbers_record
from eisync.control.overview import Record, action_record, plan_page, plan_record, status_record
from eisync.control.pausing import pause_or_resume
from eisync.control.relabelling import relabel, sent_files
from eisync.control.running import Running
from eisync.control.upkeep import upkeep
from eisync.control.waiting import Waiting
from eisync.core.file_status import UNREADABLE, prefers_row
from eisync.core.model import shown
from eisync.errors import ConfigurationError, DaemonUnreachableError, EisyncError, StateError
from eisync.store.actions import ActionStore
from eisync.store.index import Index
from eisync.store.outbox import Outbox

MAX_LINES = 10_000
"""Limit of the lines of history in one answer."""

MAX_OPEN_ACTIONS = 1_000
"""Limit of the reported actions of one target that are allowed and not done yet."""

_UNKNOWN: Record = {
    "label": None,
    "category": "",
    "sample_ids": [],
    "sha256": None,
    "companions": None,
    "sent_as": None,
}


class Operations:
    """Answers requests."""

    def __init__(
        self,
        outbox: Outbox,
        index: Index,
        actions: ActionStore,
        *,
        now: Callable[[], float],
        running: Running | None = None,
    ) -> None:
        self._outbox = outbox
        self._index = index
        self._actions = actions
        self.now = now
        self._running = running or Running()
        self._passes = self._running.passes
        self._classes = ClassBalanceCounter(index) if self._running.live else ClassBalanceCounter(index, stretches=None)
        self._observed = self._running.observed or index.observations.records
        self._observed_at = self._running.observed_at or index.observations.records_at
        self._plain: Mapping[str, Callable[[], Record]] = {  # the questions that have no more than a name
            "status": self.status,
            "watched": self.watched,
            "health": self.health,
            "alive": self.alive,
            "live": self.live,
            "numbers": self.numbers,
            "shape": index.shape.read,
            "log": self._running.log,
        }

    def answer(self, question: Mapping[str, Any]) -> Iterator[Record]:
        """Yield the records that answer `question`. Raises EisyncError if it cannot be answered."""
        match question.get("do"):
            case "status" | "watched" | "health" | "alive" | "live" | "numbers" | "shape" | "log" as name:
                yield self._plain[name]()
            case "files":
                yield from self._waiting().told(files(self._index, self._observed(), question))
            case "classes":
                yield from self._classes.answer(self.now())
            case "known":
                yield from self._waiting().told(self.known(question.get("root"), question.get("paths")))
            case "reconcile":
                yield self.reconcile(sweeps=bool(question.get("sweep")), dry_run=bool(question.get("dry_run")))
            case "reconciled":
                yield self.reconciled(question.get("ticket"))
            case "retry" | "scan" | "recheck" | "queue" | "page":
                yield steering.answer(self._index, self._outbox, self._running, question, self.now())
            case "history":
                yield from self.history(question.get("path"), question.get("limit"))
            case "plan":
                yield from self.plan(question)
            case "decide":
                yield self.decide(question.get("plan"), is_approved=bool(question.get("approve")))
            case "actions":
                yield from self.actions(question.get("limit"))
            case "action":
                yield self.action(question.get("action"))
            case "undo":
                yield self.undo(question.get("action"))
            case "groups":
                yield from groups_of(self._index, question)
            case "sent":
                yield from sent_files(self._index, question)
            case "relabel":
                yield from relabel(self._actions, question, self.now())
            case "pause" | "resume":
                yield pause_or_resume(self._index, self._outbox, question, self.now())
            case "reload":
                yield self.reload()
            case "copy" | "space" | "shrink":
                yield upkeep(self._index, question)
            case "explain":
                yield from self.explain(question.get("root"), question.get("path"))
            case other:
                raise ConfigurationError(f"this eisync cannot answer {other!r}; is the daemon a different version?")

    def close(self) -> None:
        """End what is done for a command and not within its request. Safe to repeat."""
        self._index.upkeep.copier.close()

    def status(self) -> Record:
        """Return everything that `eisync status` shows. Its `exit_code` is the exit code of the command."""
        self._note()
        report = self._running.report()
        return status_record(self._index, self._actions, report, self._waiting().findings(), now=self.now())

    def _waiting(self) -> Waiting:
        return Waiting(self._index, self._outbox, self._running.report, now=self.now())

    def watched(self) -> Record:
        """Return the folders that the daemon watches, with their options and last scans (none without a daemon).

        `known` has every folder with known files, and its target.
        """
        known = self._index.roots()
        scanned_at = {root.path: root.scanned_at for root in known}
        roots = [{**root, "scanned_at": scanned_at.get(root["path"])} for root in self._running.watched()]
        return {
            "is_live": self._running.live is not None,
            "roots": roots,
            "known": [{"path": root.path, "target": root.target, "beyond": root.beyond} for root in known],
        }

    def known(self, root: object, paths: object) -> Iterator[Record]:
        """Yield records, with facts, of the files at these paths of a root.

        The cost depends on the number of paths, not on how many other files there are.
        """
        if not isinstance(root, str) or not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise ConfigurationError("the question names no root and no paths")
        observed = {record["path"]: record for record in self._observed_at(root, paths)}
        left = dict.fromkeys(paths)
        for record in self._index.records.files_at(root, paths):
            left.pop(str(record["path"]), None)
            entry = observed.pop(str(record["path"]), None)
            is_observed = entry is not None and not prefers_row(str(record["state"]))
            # An observation is about the current version of the file, which may not be the one in the row.
            yield {**merged(record, entry), "facts": None} if is_observed else record
        for record in observed.values():
            left.pop(record["path"], None)
            yield {**record, "facts": None, "companions": None, "sent_as": None}
        yield from self._in_closed_folders(root, left)

    def _in_closed_folders(self, root: str, paths: Iterable[str]) -> Iterator[Record]:
        """Yield records of unknown files below a folder that eisync may not read, although the client may."""
        closed = self._index.observations.folders(root)
        for path in paths if closed else ():
            folder = next((place for place in _above(path) if place in closed), None)
            if folder is not None:
                reason = f"{closed[folder]} for eisync: {shown(folder) or root}"
                yield {"path": path, "root": root, "state": UNREADABLE, "reason": reason, "facts": None} | _UNKNOWN

    def reconcile(self, *, sweeps: bool, dry_run: bool) -> Record:
        """Request a pass. Return the ticket with which `reconciled` returns its result."""
        if self._passes is None:
            raise ConfigurationError("nothing is compared: reconcile.enabled is false, or no daemon runs")
        return {"ticket": self._passes.ask_pass(sweeps=sweeps, dry_run=dry_run)}

    def reconciled(self, ticket: object) -> Record:
        """Return what the pass found. `targets` is None while it runs; then `listing` says how many samples of how many
        are listed, if they all are."""
        if self._passes is None or type(ticket) is not int:
            raise ConfigurationError("no pass has that ticket; request one")
        found = self._passes.report(ticket)
        return {"targets": found} if found is not None else {"targets": None, "listing": self._index.records.listing()}

    def reload(self) -> Record:
        """Have the process read its configuration again. Raises ConfigurationError for one that has faults."""
        if self._running.live is None:
            raise DaemonUnreachableError("no daemon runs on this state folder; the next start reads the configuration")
        if self._running.reload is None:
            raise EisyncError("'eisync once' reads its configuration when it starts, and not again")
        return self._running.reload()

    def history(self, path: object, limit: object) -> Iterator[Record]:
        """Yield the history of the file at `path` (absolute), or the last `limit` lines of all files, oldest first.

        Raises EisyncError for an unknown file.
        """
        if path is None:
            if not isinstance(limit, int) or not 0 < limit <= MAX_LINES:
                raise ConfigurationError(f"ask for 1 to {MAX_LINES:,} lines of history")
            yield from reversed(self._index.records.history(limit=limit))
            return
        if not isinstance(path, str):
            raise ConfigurationError("the file whose history is asked for is not a path")
        found = self._index.records.ids_of(path)
        if not found:
            raise EisyncError(f"{shown(path)} is not known; 'eisync ls' lists the files that are")
        for identity in found:
            yield from reversed(self._index.records.history(identity))

    # --- actions -----------------------------------------------------------------------------------------------

    def plan(self, question: Mapping[str, Any]) -> Iterator[Record]:
        """Yield each plan that waits for a person, followed by its actions, then the allowed actions not done yet.

        With `plan`, yield only that plan and a page of its actions: `limit` of them, after the action `after`.
        """
        if "plan" in question:
            yield from plan_page(self._actions, question)
            return
        for plan in self._actions.plans():
            yield {"what": "plan", **plan_record(plan)}
            after_id = 0
            while actions := self._actions.of_plan(plan.id, after_id=after_id):
                yield from map(action_record, actions)
                after_id = actions[-1].id
        for target in self._index.targets():
            for is_retention in (False, True):
                open_actions = self._actions.to_do(target.name, is_retention=is_retention, limit=MAX_OPEN_ACTIONS)
                yield from map(action_record, open_actions)

    def decide(self, plan_id: object, *, is_approved: bool) -> Record:
        """Store a person's decision on a plan; the next pass carries it out. Raises EisyncError if none waits."""
        plan = next((plan for plan in self._actions.plans() if plan.id == plan_id), None)
        number = self._actions.decide(_number(plan_id, "plan"), is_approved=is_approved, now=self.now())
        if number is None or plan is None:
            waiting = ", ".join(str(plan.id) for plan in self._actions.plans()) or "none"
            raise EisyncError(f"plan {plan_id} is not waiting; waiting: {waiting}")
        return {
            "plan": plan_id,
            "target": plan.target,
            "about": plan.about,
            "is_approved": is_approved,
            "actions": number,
        }

    def actions(self, limit: object) -> Iterator[Record]:
        """Yield the latest actions that were done, the last one first."""
        if not isinstance(limit, int) or not 0 < limit <= MAX_LINES:
            raise ConfigurationError(f"ask for 1 to {MAX_LINES:,} actions")
        yield from map(action_record, self._actions.latest(limit=limit))

    def action(self, action_id: object) -> Record:
        """Return an action in its current state. Raises EisyncError for an unknown one."""
        written = self._actions.find(_number(action_id, "action"))
        if written is None:
            raise EisyncError(f"action {action_id} is not known; 'eisync undo' lists what was done")
        return action_record(written)

    def undo(self, action_id: object) -> Record:
        """Have the next pass undo the action. Raises EisyncError for an action that was not done."""
        found = self.action(action_id)
        if not self._actions.ask_undo(found["action"]) and found["state"] != "undoing":
            raise EisyncError(f"action {action_id} is {found['state']}; there is nothing to undo")
        return self.action(action_id)

    def explain(self, root: object, path: object) -> Iterator[Record]:
        """Yield why the file at a path of a root is where it is; nothing where no process watches that root."""
        if not isinstance(root, str) or not isinstance(path, str):
            raise ConfigurationError("the question names no file")
        found = self._running.explain(root, path)
        if found is not None:
            yield {**found, "lines": [list(line) for line in lines_of(found)]}

    def health(self) -> Record:
        """Return whether every loop is alive, every folder is processed and the database accepts a write."""
        found = faults(self._running.report())
        return {"is_healthy": self._index.is_writable() and not found, "faults": found}

    def alive(self) -> Record:
        """Return whether every loop is alive, and nothing that a restart would not mend."""
        found = hanging(self._running.report())
        return {"is_healthy": not found, "faults": found}

    def live(self) -> Record:
        """Return the report of the running process. Raises EisyncError when none runs."""
        found = self._running.report()
        if found is None:
            raise EisyncError("no daemon runs; start one with 'eisync run'")
        return found

    def numbers(self) -> Record:
        """Return the numbers of the running process, for monitoring. Raises EisyncError when none runs."""
        self._note()
        return numbers_record(self._index, self._actions, self._running.report(), self._running.counted, now=self.now())

    def _note(self) -> None:
        with suppress(StateError):  # for example on a full disk: count what was stored before, and report the disk
            self._running.note()


def _above(path: str) -> Iterator[str]:
    """Yield the folders above a path, the deepest first, the root last."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _number(given: object, what: str) -> int:
    if type(given) is not int:
        raise ConfigurationError(f"the {what} is not a number")
    return given
