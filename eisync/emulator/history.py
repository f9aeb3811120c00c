"""Record the changes of samples in windows of time, list the versions of a dataset, and rebuild the samples of one.

The store reports every change within the transaction that makes it. A window has a fixed length. The first call after
its end closes it, with the end as its time. The record of a change has what is needed to undo it. To rebuild a version,
take the samples as they are now and undo all later changes.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eisync.emulator import history_statements as sql
from eisync.emulator.conditions import where
from eisync.emulator.model import Change, Page, Sample, SampleChange, Selection, Window
from eisync.emulator.rows import COLUMNS, sample_of

Row = dict[str, Any]  # a sample's row, by column
_HIDDEN = frozenset({"modified_ms", "updated_by"})  # recorded to undo an edit, but not shown as edited


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """The length of a window, the delay from its end until it is listed as a version, and the number of versions."""

    window_ms: int
    commit_ms: int
    max_versions: int = 1000  # of each project; the oldest are deleted


class History:
    """One for each store. Every method that changes something runs in its caller's transaction."""

    def __init__(self, database: sqlite3.Connection, options: HistoryOptions) -> None:
        self._database = database
        self._window_ms = options.window_ms
        self._commit_ms = options.commit_ms
        self._max_versions = options.max_versions
        self._unneeded: list[str] = []  # contents of samples that can no longer be restored
        self._shown: tuple[int, frozenset[str] | None] | None = None  # window and actions of the current snapshot
        database.execute(sql.MAKE_SNAPSHOT)
        database.execute(sql.INDEX_SNAPSHOT)

    # Recording changes

    def note(self, project_id: int, actor: str | None, now_ms: int) -> int:
        """Begin a change. Return the id of the window to record it in. Added samples need no further record."""
        self.close_due(project_id, now_ms)
        window = self._open(project_id)
        if window is None:
            window = self._new(project_id, "auto_save", now_ms)
        self._note_actor(window, actor)
        return window.id

    def note_edit(self, window_id: int, selection: Selection, column: str, expression: str, value: object) -> None:
        """Record that a column of the selected samples is about to be set to the result of an expression."""
        condition, values = where(selection)
        statement = sql.NOTE_EDIT.format(column=column, expression=expression, where=condition)
        self._database.execute(statement, values | {"window_id": window_id, "value": value})

    def note_delete(self, window_id: int, selection: Selection) -> None:
        """Record that the selected samples are about to be deleted."""
        condition, values = where(selection)
        columns = ", ".join(f"'{name}', {name}" for name in COLUMNS)
        statement = sql.NOTE_DELETE.format(columns=columns, where=condition)
        self._database.execute(statement, values | {"window_id": window_id})

    def note_change(self, window: Window, sample_id: int, action: str, old: object = None, new: object = None) -> None:
        """Record a change that a restore makes to one sample."""
        self._database.execute(
            sql.NOTE_CHANGE,
            {
                "project_id": window.project_id,
                "window_id": window.id,
                "sample_id": sample_id,
                "action": action,
                "old": None if old is None else json.dumps(old),
                "new": None if new is None else json.dumps(new),
            },
        )

    # Windows

    def close_due(self, project_id: int, now_ms: int) -> None:
        """Close the open window if its end has passed. The end is its closing time."""
        window = self._open(project_id)
        if window is not None and now_ms >= window.opened_ms + self._window_ms:
            self._close(window, window.kind, window.opened_ms + self._window_ms)

    def save(self, project_id: int, actor: str, now_ms: int) -> Window | None:
        """Close the open window as a manual version. None: an earlier manual version is still pending."""
        self.close_due(project_id, now_ms)
        if any(one.kind == "manual" for one in self.list_pending(project_id, now_ms)):
            return None
        window = self._open(project_id) or self._new(project_id, "manual", now_ms)
        self._note_actor(window, actor)
        self._close(window, "manual", now_ms)
        return window

    def begin_restore(self, project_id: int, version: Window, actor: str, now_ms: int) -> Window:
        """Open a window for the changes of a restore. Call `end_restore` to close it."""
        self.close_due(project_id, now_ms)
        window = self._open(project_id)
        if window is not None:
            self._close(window, window.kind, now_ms)
        window = self._new(project_id, "restore", now_ms, restored_from=version.version_id)
        self._note_actor(window, actor)
        return window

    def end_restore(self, window: Window, now_ms: int) -> None:
        self._close(window, "restore", now_ms)

    def list_pending(self, project_id: int, now_ms: int) -> list[Window]:
        """Return the windows that are not listed as versions yet."""
        return self._windows(sql.LIST_PENDING, project_id=project_id, until_ms=now_ms - self._commit_ms)

    def list_versions(
        self, project_id: int, now_ms: int, page: Page, *, search: str = "", kinds: Sequence[str] | None = None
    ) -> tuple[list[Window], int]:
        """Return a page of the versions, newest first, and their total number."""
        terms = ["project_id = :project_id", "closed_ms <= :until_ms"]
        values: dict[str, Any] = {"project_id": project_id, "until_ms": now_ms - self._commit_ms}
        if search:
            terms.append("instr(coalesce(description, ''), :search) > 0")
            values["search"] = search
        if kinds is not None:
            terms.append("kind in (select value from json_each(:kinds))")
            values["kinds"] = json.dumps(kinds)
        condition = " and ".join(terms)
        total = self._number(sql.COUNT_VERSIONS.format(where=condition), values)
        paging = {"limit": page.limit, "offset": page.offset}
        return self._windows(sql.LIST_VERSIONS.format(where=condition), **values, **paging), total

    def find_version(self, project_id: int, version_id: int, now_ms: int) -> Window | None:
        found = self._windows(
            sql.FIND_VERSION, project_id=project_id, version_id=version_id, until_ms=now_ms - self._commit_ms
        )
        return found[0] if found else None

    def describe(self, window: Window, description: str) -> None:
        self._database.execute(sql.DESCRIBE_VERSION, {"window_id": window.id, "description": description})

    def list_actors(self, window: Window) -> list[dict[str, Any]]:
        """Return who changed something in the window, in the form of `lastUpdatedBy`."""
        found = self._database.execute(sql.LIST_ACTORS, {"window_id": window.id})
        return [json.loads(row[0]) for row in found]

    def take_unneeded(self) -> list[str]:
        """Return the hashes of contents that may have become unneeded since the last call."""
        taken, self._unneeded = self._unneeded, []
        return taken

    # Samples as they were

    def list_changes(
        self, window: Window, selection: Selection, page: Page, actions: Collection[str] | None
    ) -> tuple[list[tuple[Sample, Change | None]], int]:
        """Return a page of a version's samples with their changes in it, newest first, and the total number.

        With `actions`, only samples with one of these changes are returned. A deleted sample is returned as it was
        before its deletion.
        """
        self._show(window, None if actions is None else frozenset(actions))
        condition, values = where(selection)
        total = self._number(sql.COUNT_SNAPSHOT.format(where=condition), values)
        paging = {"limit": page.limit, "offset": page.offset}
        rows = self._rows(sql.LIST_SNAPSHOT.format(where=condition), values | paging)
        samples = [sample_of(row) for row in rows]
        changes = self._changes(window, [one.id for one in samples])
        return [(one, changes.get(one.id)) for one in samples], total

    def list_of_sample(self, project_id: int, sample_id: int, limit: int) -> list[SampleChange]:
        """Return the newest changes of a sample, newest first."""
        asked = {"project_id": project_id, "sample_id": sample_id, "limit": limit}
        return [
            SampleChange(
                action=action,
                old=_shown_values(old) if action == "update" else {},
                new=_shown_values(new) if action == "update" else {},
                opened_ms=opened_ms,
                closed_ms=closed_ms,
                version_id=version_id,
            )
            for action, old, new, opened_ms, closed_ms, version_id in self._rows(sql.LIST_OF_SAMPLE, asked)
        ]

    def changed_since(self, window: Window) -> list[int]:
        """Return the ids of samples that existed before the window closed and have changed since."""
        asked = _asked(window, None)
        return [row[0] for row in self._database.execute(sql.LIST_CHANGED_LATER.format(wanted="true"), asked)]

    def row_now(self, project_id: int, sample_id: int) -> Row | None:
        rows = self._rows(sql.FIND_ROW, {"project_id": project_id, "sample_id": sample_id})
        return dict(zip(COLUMNS, rows[0], strict=True)) if rows else None

    def row_then(self, window: Window, sample_id: int) -> Row | None:
        """Return the row of a sample at the time when the window closed; None if the sample did not exist."""
        row = self.row_now(window.project_id, sample_id)
        asked = {"project_id": window.project_id, "sample_id": sample_id, "window_id": window.id}
        for action, old in self._rows(sql.LIST_LATER, asked):
            if action == "insert":
                row = None
            elif action == "delete":
                row = json.loads(old)
            elif row is not None:
                row |= json.loads(old)
        return row

    def drop_snapshot(self) -> None:
        """Forget the snapshot: a rollback may have undone it."""
        self._shown = None

    def _show(self, window: Window, actions: frozenset[str] | None) -> None:
        """Make the snapshot, unless it exists: the snapshot of a closed window never changes."""
        if self._shown == (window.id, actions):
            return
        self._shown = None
        asked = _asked(window, actions)
        by_id, by_sample = _wanted("id", actions), _wanted("sample_id", actions)
        self._database.execute(sql.CLEAR_SNAPSHOT)
        self._database.execute(sql.FILL_SNAPSHOT.format(wanted=by_id), asked)
        for (sample_id,) in self._rows(sql.LIST_CHANGED_LATER.format(wanted=by_sample), asked):
            self._add_to_snapshot(self.row_then(window, sample_id))
        if actions is not None:
            for (old,) in self._rows(sql.LIST_DELETED.format(wanted=by_sample), asked):
                self._add_to_snapshot(json.loads(old))
        self._shown = (window.id, actions)

    def _add_to_snapshot(self, row: Row | None) -> None:
        if row is not None:
            self._database.execute(sql.ADD_TO_SNAPSHOT.format(values=named_columns()), row)

    def _changes(self, window: Window, ids: Sequence[int]) -> dict[int, Change]:
        events: dict[int, list[tuple[str, Row, Row]]] = {
            one: [("insert", {}, {})] for one in ids if one >= window.first_sample
        }
        for sample_id, action, old, new in self._rows(
            sql.LIST_CHANGES, {"window_id": window.id, "ids": json.dumps(ids)}
        ):
            is_update = action == "update"
            values = (json.loads(old), json.loads(new)) if is_update else ({}, {})
            events.setdefault(sample_id, []).append((action, *values))
        return {sample_id: _merge(sample_id, of_sample) for sample_id, of_sample in events.items()}

    # The database

    def _open(self, project_id: int) -> Window | None:
        found = self._windows(sql.FIND_OPEN, project_id=project_id)
        return found[0] if found else None

    def _new(self, project_id: int, kind: str, now_ms: int, *, restored_from: int | None = None) -> Window:
        values = {"project_id": project_id, "kind": kind, "now_ms": now_ms, "restored_from": restored_from}
        return self._windows(sql.OPEN_WINDOW, **values)[0]

    def _close(self, window: Window, kind: str, closed_ms: int) -> None:
        of_window = {
            "window_id": window.id,
            "project_id": window.project_id,
            "first_sample": window.first_sample,
            "kind": kind,
            "closed_ms": closed_ms,
        }
        added = self._number(sql.COUNT_ADDED, of_window)
        end_sample = self._number(sql.NEXT_SAMPLE, {})
        self._database.execute(sql.CLOSE_WINDOW, of_window | {"added": added, "end_sample": end_sample})
        self._forget_oldest(window.project_id)

    def _forget_oldest(self, project_id: int) -> None:
        asked = {"project_id": project_id, "kept": self._max_versions}
        old = {"windows": json.dumps([one for (one,) in self._rows(sql.LIST_OLD_WINDOWS, asked)])}
        self._unneeded += [sha256 for (sha256,) in self._rows(sql.LIST_CONTENTS_OF, old)]
        for statement in sql.FORGET_WINDOWS:
            self._database.execute(statement, old)

    def _note_actor(self, window: Window, actor: str | None) -> None:
        if actor is not None:
            self._database.execute(sql.NOTE_ACTOR, {"window_id": window.id, "actor": actor})

    def _windows(self, statement: str, **values: object) -> list[Window]:
        return [Window(**row) for row in self._database.execute(statement, values).fetchall()]

    def _rows(self, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        cursor = self._database.cursor()
        cursor.row_factory = None
        return cursor.execute(statement, values).fetchall()

    def _number(self, statement: str, values: Mapping[str, object]) -> int:
        return int(self._database.execute(statement, values).fetchone()[0])


def forget(database: sqlite3.Connection) -> list[str]:
    """Delete the whole history. Return the hashes of contents that may have become unneeded."""
    kept = [row[0] for row in database.execute(sql.LIST_KEPT_CONTENTS)]
    for statement in sql.FORGET:
        database.execute(statement)
    return kept


def named_columns() -> str:
    """Return every column of a sample's row as a named parameter."""
    return ", ".join(f":{name}" for name in COLUMNS)


def _shown_values(values: str) -> Row:
    return {name: value for name, value in json.loads(values).items() if name not in _HIDDEN}


def _wanted(column: str, actions: Collection[str] | None) -> str:
    """Return the condition that selects samples by these actions. `column` has the sample's id."""
    if actions is None:
        return "true"
    return (sql.WANTED_OR_ADDED if "insert" in actions else sql.WANTED).format(id=column)


def _asked(window: Window, actions: Collection[str] | None) -> dict[str, object]:
    return {
        "project_id": window.project_id,
        "window_id": window.id,
        "first_sample": window.first_sample,
        "end_sample": window.end_sample,
        "actions": json.dumps(sorted(actions or ())),
    }


def _merge(sample_id: int, events: Sequence[tuple[str, Row, Row]]) -> Change:
    """Combine several changes of a sample: for each column its first old and its last new value."""
    old: Row = {}
    new: Row = {}
    for _, before, after in events:
        old = before | old
        new |= after
    return Change(
        sample_id=sample_id,
        actions=tuple(dict.fromkeys(action for action, _, _ in events)),
        old={name: value for name, value in old.items() if name not in _HIDDEN},
        new=new,
    )
