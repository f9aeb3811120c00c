"""Restore the samples of a dataset version: undo deletions and edits, and delete samples that were added later."""

import json
import sqlite3

from eisync.emulator import history_statements as history_sql
from eisync.emulator import statements as sql
from eisync.emulator.conditions import where
from eisync.emulator.counts import count_added
from eisync.emulator.history import History, Row, named_columns
from eisync.emulator.model import Selection, Window

_NOT_EDITED = frozenset({"modified_ms", "updated_by"})


def restore_samples(
    database: sqlite3.Connection, history: History, version: Window, window: Window, *, updated_by: str, now_ms: int
) -> bool:
    """Restore the samples. Return whether anything changed.

    The changes are recorded in `window`; changed samples get `updated_by` and `now_ms`. A sample that was deleted gets
    its old id again.
    """
    stamp = {"updated_by": updated_by, "modified_ms": now_ms}
    newer = Selection(project_id=version.project_id, min_id=version.end_sample)
    is_changed = _delete(database, history, window, newer)
    back: list[Row] = []
    for sample_id in history.changed_since(version):
        now, then = history.row_now(version.project_id, sample_id), history.row_then(version, sample_id)
        if then is None:
            is_changed |= _delete(database, history, window, Selection(project_id=version.project_id, ids=(sample_id,)))
        elif now is None:
            back.append(then | stamp)
        else:
            is_changed |= _revert(database, history, window, now, then, stamp)
    for row in back:
        database.execute(history_sql.RESTORE_SAMPLE.format(values=named_columns()), row)
        database.execute(history_sql.UNCOUNT_REMOVED, row)
        history.note_change(window, row["id"], "insert")
    count_added(database, version.project_id, back)
    return is_changed or bool(back)


def _delete(database: sqlite3.Connection, history: History, window: Window, selection: Selection) -> bool:
    history.note_delete(window.id, selection)
    condition, values = where(selection)
    gone = [row[0] for row in database.execute(sql.DELETE_SAMPLES.format(where=condition), values).fetchall()]
    of_project = [{"project_id": selection.project_id, "sha256": sha256} for sha256 in gone]
    database.executemany(sql.COUNT_REMOVED, of_project)
    return bool(gone)


def _revert(database: sqlite3.Connection, history: History, window: Window, now: Row, then: Row, stamp: Row) -> bool:
    changed = [name for name in then if name not in _NOT_EDITED and now[name] != then[name]]
    if not changed:
        return False
    history.note_change(
        window,
        now["id"],
        "update",
        old={name: now[name] for name in (*changed, *stamp)},
        new={name: then[name] for name in changed},
    )
    assignments = ", ".join(f"{name} = :{name}" for name in (*changed, *stamp))
    database.execute(history_sql.REVERT_SAMPLE.format(assignments=assignments), then | stamp)
    return True


def restored_by(version: Window, actor: dict[str, object], group_key: str) -> str:
    """Return `lastUpdatedBy` of samples that a restore changed."""
    return json.dumps(
        {
            "type": "datasetVersionRestore",
            "datasetVersionId": version.version_id,
            "groupKey": group_key,
            "actor": actor,
        }
    )
