"""Store projects, keys, samples, and the part of the ledger that must be exact.

It is one SQLite database, in memory or in a folder, with large contents as files beside it. Every method is one
transaction; what it has returned survives a SIGKILL. Only the server's event loop calls it, with one connection.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from eisync.emulator import statements as sql
from eisync.emulator.blobs import Blobs, MemoryBlobs, StoredBlobs
from eisync.emulator.conditions import where
from eisync.emulator.counts import count_added, count_each, count_samples, skip
from eisync.emulator.device_store import DeviceStore
from eisync.emulator.history import History, HistoryOptions, forget
from eisync.emulator.model import (
    Actor,
    Duplicate,
    Key,
    NewSample,
    Page,
    Person,
    Project,
    Role,
    Sample,
    Selection,
    Stored,
    Window,
)
from eisync.emulator.restoring import restore_samples, restored_by
from eisync.emulator.rows import EDITABLE, key_of, project_of, row_of, sample_of
from eisync.emulator.spool import Body

_OWNER = "emulator"


class StoreError(Exception):
    """The folder cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """The figures that the store keeps for the ledger."""

    tallies: Mapping[str, int]
    stored: int
    stored_by_hash: Mapping[str, int]


class Store:
    """Open it with `open_store`, and call `close` at the end."""

    def __init__(
        self, database: sqlite3.Connection, blobs: Blobs, keeping: HistoryOptions | None = None, *, signs: str = "all"
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._signs = signs
        self.devices = DeviceStore(database)
        database.row_factory = sqlite3.Row
        with self._transaction() as execute:
            done = execute("pragma user_version").fetchone()[0]
            for version, script in enumerate(sql.MIGRATIONS[done:], done + 1):
                for statement in sql.statements_of(script):
                    execute(statement)
                execute(f"pragma user_version = {version}")
        self.history = History(database, keeping) if keeping else None
        if keeping is None:
            self._forget_history()

    @property
    def spool_folder(self) -> str:
        return self._blobs.spool_folder

    def close(self) -> None:
        self._database.close()
        self._blobs.close()

    # Projects and keys

    def list_projects(self) -> list[Project]:
        return [project_of(row) for row in self._database.execute(sql.LIST_PROJECTS)]

    def project(self, project_id: int) -> Project:
        """Return a project that exists, such as that of a key."""
        return project_of(self._database.execute(sql.FIND_PROJECT, {"project_id": project_id}).fetchone())

    def find_project(self, project_id: int) -> Project | None:
        row = self._database.execute(sql.FIND_PROJECT, {"project_id": project_id}).fetchone()
        return None if row is None else project_of(row)

    def add_project(self, name: str, *, hmac_key: str, now_ms: int) -> Project:
        with self._transaction() as execute:
            row = execute(
                sql.ADD_PROJECT, {"name": name, "owner": _OWNER, "hmac_key": hmac_key, "now_ms": now_ms}
            ).fetchone()
            return project_of(row)

    def update_project(
        self, project_id: int, *, name: str | None = None, has_validation: bool | None = None, split: str | None = None
    ) -> None:
        """Change settings of a project. None leaves a setting unchanged."""
        values = {"project_id": project_id, "name": name, "has_validation": has_validation, "split": split}
        with self._transaction() as execute:
            execute(sql.UPDATE_PROJECT, values)

    def list_keys(self, project_id: int) -> list[Key]:
        return [key_of(row) for row in self._database.execute(sql.LIST_KEYS, {"project_id": project_id})]

    def find_key(self, key: str) -> Key | None:
        row = self._database.execute(sql.FIND_KEY, {"key": key}).fetchone()
        return None if row is None else key_of(row)

    def find_person(self, token: str) -> Person | None:
        row = self._database.execute(sql.FIND_PERSON, {"token": token}).fetchone()
        return None if row is None else Person(**row)

    def list_people(self) -> list[Person]:
        return [Person(**row) for row in self._database.execute(sql.LIST_PEOPLE)]

    def log_in(self, username: str, token: str) -> Person:
        """Return the person with this name. A new person gets `token`."""
        with self._transaction() as execute:
            return Person(**execute(sql.LOG_IN, {"username": username, "token": token}).fetchone())

    def add_key(self, project_id: int, key: str, role: Role) -> Key:
        """Add a key to a project. Raises ValueError if the key exists."""
        try:
            with self._transaction() as execute:
                values = {"project_id": project_id, "key": key, "role": role.value}
                return key_of(execute(sql.ADD_KEY, values).fetchone())
        except sqlite3.IntegrityError as error:
            raise ValueError("This key exists already.") from error

    # Samples

    def commit(
        self,
        project_id: int,
        samples: Sequence[tuple[NewSample, Body]],
        *,
        refuse_duplicates: bool,
        now_ms: int,
        actor: Actor | None = None,
    ) -> list[Stored | Duplicate]:
        """Store the samples of one request in one transaction. Return one result for each, in the same order."""
        answers: list[Stored | Duplicate] = []
        signature = self._signature(actor, is_upload=True)
        rows: list[dict[str, Any]] = []
        fresh: dict[str, int] = {}  # content -> the first sample in this request that has it
        with self._transaction() as execute:
            next_id = int(execute(sql.NEXT_ID).fetchone()[0])
            for sample, body in samples:
                of_content = {"sha256": sample.sha256, "project_id": project_id}
                if refuse_duplicates:
                    found = [row[0] for row in execute(sql.FIND_CONTENT, of_content)]
                    found += [fresh[sample.sha256]] if sample.sha256 in fresh else []
                    if found:
                        answers.append(Duplicate(tuple(found)))
                        continue
                self._blobs.put(sample.sha256, body)
                sample_id = next_id + len(rows)
                fresh.setdefault(sample.sha256, sample_id)
                rows.append(row_of(sample) | of_content | {"id": sample_id, "now_ms": now_ms, "updated_by": signature})
                answers.append(Stored(sample_id))
            if rows and self.history is not None:
                self.history.note(project_id, _written(actor), now_ms)
            self._database.executemany(sql.ADD_SAMPLE, rows)
            count_added(self._database, project_id, rows)
            for name, by in (("commits", int(bool(rows))), ("duplicates_refused", len(answers) - len(rows))):
                if by:
                    execute(sql.ADD_TO_TALLY, {"project_id": project_id, "name": name, "by": by})
            if rows:
                execute(sql.TOUCH_PROJECT, {"project_id": project_id, "now_ms": now_ms})
            self.devices.note_uploads(project_id, (sample.facts for sample, _ in samples), now_ms=now_ms)
        return answers

    def list_samples(self, selection: Selection, page: Page) -> list[Sample]:
        """Return a page of samples, newest first unless the page says otherwise. Oldest first, the offset must be 0."""
        selection, offset = (selection, page.offset) if page.shuffled else skip(self._database, selection, page.offset)
        condition, values = where(selection)
        order = "random()" if page.shuffled else "id asc" if page.oldest_first else "id desc"
        statement = sql.LIST_SAMPLES.format(where=condition, order=order)
        cursor = self._database.cursor()
        cursor.row_factory = None  # plain tuples: for a page of a thousand rows, sqlite3.Row is slower
        values |= {"limit": page.limit, "offset": offset}
        return [sample_of(row) for row in cursor.execute(statement, values).fetchall()]

    def count_samples(self, selection: Selection) -> int:
        return count_samples(self._database, selection)

    def count_by_label(self, project_id: int, largest: int | None = None) -> list[tuple[str, str, int]]:
        """(label, category, samples), sorted; only of the `largest` labels, if that is a number."""
        statement = sql.COUNT_BY_LABEL if largest is None else sql.COUNT_LARGEST_LABELS
        asked = {"project_id": project_id, "limit": largest}
        return [tuple(row) for row in self._database.execute(statement, asked)]

    def open_content(self, sha256: str) -> BinaryIO:
        return self._blobs.open(sha256)

    def delete(self, selection: Selection, *, now_ms: int, actor: Actor | None = None) -> int:
        """Delete the selected samples and return their number."""
        condition, values = where(selection)
        with self._transaction() as execute:
            if self.history is not None and count_each(self._database, selection):
                window_id = self.history.note(selection.project_id, _written(actor), now_ms)
                self.history.note_delete(window_id, selection)
            hashes = [row[0] for row in execute(sql.DELETE_SAMPLES.format(where=condition), values).fetchall()]
            if hashes:
                gone = ({"project_id": selection.project_id, "sha256": sha256} for sha256 in hashes)
                self._database.executemany(sql.COUNT_REMOVED, gone)
                execute(sql.TOUCH_PROJECT, {"project_id": selection.project_id, "now_ms": now_ms})
        unneeded = [] if self.history is None else self.history.take_unneeded()
        self._discard([*hashes, *unneeded])
        return len(hashes)

    def _signature(self, actor: Actor | None, *, is_upload: bool = False) -> str | None:
        """Return what is stored as the sample's last updater."""
        is_signed = self._signs == "all" or (self._signs == "edits" and not is_upload)
        return _written(actor) if is_signed else None

    def _discard(self, hashes: Iterable[str]) -> None:
        """Delete unneeded contents, after their samples: if it does not happen, they do no harm."""
        with self._transaction() as execute:
            for sha256 in set(hashes):
                if execute(sql.IS_NEEDED, {"sha256": sha256}).fetchone() is None:
                    self._blobs.discard(sha256)

    def edit(
        self,
        selection: Selection,
        column: str,
        value: object,
        *,
        now_ms: int,
        actor: Actor | None = None,
        expression: str = ":value",
    ) -> int:
        """Set one column of the selected samples, and return their number.

        `value` is a text, a boolean, None, or stored as JSON. `expression` is SQL; it may use the column's old value.
        """
        if column not in EDITABLE:
            raise ValueError(f"{column} cannot be edited")
        condition, values = where(selection)
        stored = value if isinstance(value, str | bool | None) else json.dumps(value)
        with self._transaction() as execute:
            if self.history is not None and count_each(self._database, selection):
                window_id = self.history.note(selection.project_id, _written(actor), now_ms)
                self.history.note_edit(window_id, selection, column, expression, stored)
            cursor = execute(
                sql.EDIT_SAMPLES.format(column=column, expression=expression, where=condition),
                values | {"value": stored, "now_ms": now_ms, "updated_by": self._signature(actor)},
            )
            if cursor.rowcount:
                execute(sql.TOUCH_PROJECT, {"project_id": selection.project_id, "now_ms": now_ms})
            return int(cursor.rowcount)

    # Dataset versions

    def restore(self, version: Window, actor: Actor, *, group_key: str, now_ms: int) -> None:
        """Restore the project's samples to their state at the end of a version. Requires a history."""
        assert self.history is not None
        project_id = version.project_id
        with self._transaction() as execute:
            window = self.history.begin_restore(project_id, version, json.dumps(actor.as_json()), now_ms)
            updated_by = restored_by(version, actor.as_json(), group_key)
            if restore_samples(self._database, self.history, version, window, updated_by=updated_by, now_ms=now_ms):
                execute(sql.TOUCH_PROJECT, {"project_id": project_id, "now_ms": now_ms})
            self.history.end_restore(window, now_ms)

    @contextmanager
    def reading_history(self, project_id: int, now_ms: int) -> Iterator[History]:
        """Open a transaction on the history, in which nothing may be awaited. Requires a history."""
        assert self.history is not None
        try:
            with self._transaction():
                self.history.close_due(project_id, now_ms)
                yield self.history
        except BaseException:
            self.history.drop_snapshot()
            raise
        self._discard(self.history.take_unneeded())

    def _forget_history(self) -> None:
        """Delete an old history: changes are not recorded now, so it would be incomplete."""
        with self._transaction():
            kept = forget(self._database)
        self._discard(kept)

    def account(self, project_id: int | None) -> Account:
        """Return the figures for the ledger, of one project or of all."""
        of_project = {"project_id": project_id}
        return Account(
            tallies=dict(self._pairs(sql.READ_TALLY, of_project)),
            stored=int(self._database.execute(sql.COUNT_ALL, of_project).fetchone()[0]),
            stored_by_hash=dict(self._pairs(sql.READ_EVER_STORED, of_project)),
        )

    def _pairs(self, statement: str, values: Mapping[str, object]) -> list[tuple[str, int]]:
        return [tuple(row) for row in self._database.execute(statement, values)]

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        self._database.execute("begin immediate")
        try:
            yield self._database.execute
        except BaseException:
            self._database.execute("rollback")
            raise
        self._database.execute("commit")


def open_store(folder: str | None, keeping: HistoryOptions | None = None, *, signs: str = "all") -> Store:
    """Open a store in memory, or in `folder`, which is made if it does not exist. Raises StoreError.

    Without `keeping`, no history of changes is recorded, and an existing one is deleted. `signs` says which samples
    record who updated them last: "all", only after "edits", or "none".
    """
    if folder is None:
        return Store(sqlite3.connect(":memory:", isolation_level=None), MemoryBlobs(), keeping, signs=signs)
    try:
        os.makedirs(folder, exist_ok=True)
        database = sqlite3.connect(os.path.join(folder, "emulator.db"), isolation_level=None, timeout=0.5)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The data folder {folder!r} cannot be used: {error}.") from error
    try:
        # Exclusive: two emulators must not use the same folder.
        database.execute("pragma locking_mode = exclusive")
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")
        # Uploads change pages all over the index of hashes. A rare checkpoint writes each page once for many uploads,
        # and the cache (in KiB) keeps the pages in memory.
        database.execute("pragma wal_autocheckpoint = 8000")
        database.execute("pragma cache_size = -16000")
        database.execute("begin immediate")  # take the lock now, before the spool of another emulator could be emptied
        database.execute("commit")
        return Store(database, StoredBlobs(database, folder), keeping, signs=signs)
    except (OSError, sqlite3.Error) as error:
        database.close()
        raise StoreError(f"The data folder {folder!r} cannot be used: {error}.") from error


def _written(actor: Actor | None) -> str | None:
    return None if actor is None else json.dumps(actor.as_json())
