"""What the emulator keeps: projects, keys, samples, and the part of the ledger that must be exact.

One SQLite database, in memory or in a folder, and the bytes beside it. Every method is one transaction; after a SIGKILL
everything is there whose method had returned. One thread, one connection: the server's event loop is the only caller.
"""

import functools
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, BinaryIO

from eisync.emulator import statements as sql
from eisync.emulator.blobs import Blobs, MemoryBlobs, StoredBlobs
from eisync.emulator.device_store import DeviceStore
from eisync.emulator.model import (
    Duplicate,
    Facts,
    Key,
    NewSample,
    Page,
    Project,
    Role,
    Sample,
    Selection,
    Sensor,
    Stored,
)
from eisync.emulator.spool import Body

_OWNER = "emulator"
_FACTS = tuple(field.name for field in fields(Facts))
_COLUMNS = frozenset(
    {"category", "label", "filename", "is_disabled", "metadata", "boxes", "structured_labels"}  # what may be edited
)


class StoreError(Exception):
    """The folder cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the store knows for the ledger."""

    tallies: Mapping[str, int]
    stored: int
    stored_by_hash: Mapping[str, int]


class Store:
    """Open with `open_store`; `close` in the end."""

    def __init__(self, database: sqlite3.Connection, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self.devices = DeviceStore(database)
        database.row_factory = sqlite3.Row
        with self._transaction() as execute:
            done = execute("pragma user_version").fetchone()[0]
            for version, script in enumerate(sql.MIGRATIONS[done:], done + 1):
                for statement in sql.statements_of(script):
                    execute(statement)
                execute(f"pragma user_version = {version}")

    @property
    def spool_folder(self) -> str:
        return self._blobs.spool_folder

    def close(self) -> None:
        self._database.close()
        self._blobs.close()

    # Projects and keys

    def list_projects(self) -> list[Project]:
        return [Project(**row) for row in self._database.execute(sql.LIST_PROJECTS)]

    def project(self, project_id: int) -> Project:
        """One that exists: keys point nowhere else."""
        return Project(**self._database.execute(sql.FIND_PROJECT, {"project_id": project_id}).fetchone())

    def add_project(self, name: str, *, hmac_key: str, now_ms: int) -> Project:
        with self._transaction() as execute:
            row = execute(
                sql.ADD_PROJECT, {"name": name, "owner": _OWNER, "hmac_key": hmac_key, "now_ms": now_ms}
            ).fetchone()
            return Project(**row)

    def list_keys(self, project_id: int) -> list[Key]:
        return [_key(row) for row in self._database.execute(sql.LIST_KEYS, {"project_id": project_id})]

    def find_key(self, key: str) -> Key | None:
        row = self._database.execute(sql.FIND_KEY, {"key": key}).fetchone()
        return None if row is None else _key(row)

    def add_key(self, project_id: int, key: str, role: Role) -> Key:
        """Raises ValueError when the key exists."""
        try:
            with self._transaction() as execute:
                return _key(execute(sql.ADD_KEY, {"project_id": project_id, "key": key, "role": role.value}).fetchone())
        except sqlite3.IntegrityError as error:
            raise ValueError("This key exists already.") from error

    # Samples

    def commit(
        self, project_id: int, samples: Sequence[tuple[NewSample, Body]], *, refuse_duplicates: bool, now_ms: int
    ) -> list[Stored | Duplicate]:
        """Store what one request brought, all of it or, if killed, nothing. One answer for each, in the same order."""
        answers: list[Stored | Duplicate] = []
        rows: list[dict[str, Any]] = []
        fresh: dict[str, int] = {}  # content of this request -> its first sample
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
                rows.append(_row_of(sample) | of_content | {"id": sample_id, "now_ms": now_ms})
                answers.append(Stored(sample_id))
            self._database.executemany(sql.ADD_SAMPLE, rows)
            self._count_added(project_id, rows)
            for name, by in (("commits", int(bool(rows))), ("duplicates_refused", len(answers) - len(rows))):
                if by:
                    execute(sql.ADD_TO_TALLY, {"project_id": project_id, "name": name, "by": by})
            if rows:
                execute(sql.TOUCH_PROJECT, {"project_id": project_id, "now_ms": now_ms})
            facts = (sample.facts for sample, _ in samples)
            senders = {(one.device_name, one.device_type) for one in facts if one.device_name}
            self.devices.note_uploads(project_id, senders, now_ms=now_ms)
        return answers

    def _count_added(self, project_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
        labels = Counter((row["label"], row["category"]) for row in rows)
        blocks = Counter((row["id"] >> sql.BLOCK_BITS, row["category"]) for row in rows)
        for statement, name, counted in ((sql.COUNT_LABEL, "label", labels), (sql.COUNT_BLOCK, "block", blocks)):
            self._database.executemany(
                statement,
                [
                    {"project_id": project_id, name: value, "category": category, "by": samples}
                    for (value, category), samples in counted.items()
                ],
            )

    def list_samples(self, selection: Selection, page: Page) -> list[Sample]:
        """Newest first, unless the page is shuffled."""
        selection, offset = (selection, page.offset) if page.shuffled else self._skip(selection, page.offset)
        condition, values = sql.where(selection)
        statement = sql.LIST_SHUFFLED if page.shuffled else sql.LIST_SAMPLES
        cursor = self._database.cursor()
        cursor.row_factory = None  # a page is a thousand rows of seventeen columns, and a Row gives each one by one
        cursor.execute(statement.format(where=condition), values | {"limit": page.limit, "offset": offset})
        return [_sample(row) for row in cursor.fetchall()]

    def count_samples(self, selection: Selection) -> int:
        if _counts_by_block(selection):
            return sum(samples for _, samples in self._blocks(selection))
        return self._count(selection)

    def _count(self, selection: Selection) -> int:
        condition, values = sql.where(selection)
        return int(self._database.execute(sql.COUNT_SAMPLES.format(where=condition), values).fetchone()[0])

    def _blocks(self, selection: Selection) -> Iterator[tuple[int, int]]:
        """(first id, samples of the selection) of each block of ids, newest first, without a walk over the samples."""
        low = 0 if selection.min_id is None else selection.min_id
        high = sys.maxsize if selection.max_id is None else selection.max_id
        asked = {"project_id": selection.project_id, "category": selection.category}
        for block, samples in self._pairs(sql.COUNT_BY_BLOCK, asked):
            first, end = int(block) << sql.BLOCK_BITS, (int(block) + 1) << sql.BLOCK_BITS
            if low <= first and end <= high:
                yield first, samples
            elif low < end and first < high:  # one of the two at the edges
                yield first, self._count(replace(selection, min_id=max(first, low), max_id=min(end, high)))

    def _skip(self, selection: Selection, offset: int) -> tuple[Selection, int]:
        """The same page with a smaller offset: whole blocks are left behind by their counts."""
        if offset < 1 << sql.BLOCK_BITS or not _counts_by_block(selection):
            return selection, offset
        for first, samples in self._blocks(selection):
            if offset < samples:
                break
            offset -= samples
            selection = replace(selection, max_id=first)
        return selection, offset

    def count_by_label(self, project_id: int) -> list[tuple[str, str, int]]:
        """(label, category, samples), sorted."""
        return [tuple(row) for row in self._database.execute(sql.COUNT_BY_LABEL, {"project_id": project_id})]

    def list_hashes(self, selection: Selection) -> list[tuple[int, str]]:
        """(id, sha256) of every sample selected."""
        condition, values = sql.where(selection)
        return [tuple(row) for row in self._database.execute(sql.LIST_HASHES.format(where=condition), values)]

    def open_content(self, sha256: str) -> BinaryIO:
        return self._blobs.open(sha256)

    def delete(self, selection: Selection, *, now_ms: int) -> int:
        """How many there were."""
        condition, values = sql.where(selection)
        with self._transaction() as execute:
            hashes = [row[0] for row in execute(sql.DELETE_SAMPLES.format(where=condition), values).fetchall()]
            if hashes:
                gone = ({"project_id": selection.project_id, "sha256": sha256} for sha256 in hashes)
                self._database.executemany(sql.COUNT_REMOVED, gone)
                execute(sql.TOUCH_PROJECT, {"project_id": selection.project_id, "now_ms": now_ms})
        with self._transaction() as execute:  # after the samples are gone: bytes without a sample do no harm
            for sha256 in set(hashes):
                if execute(sql.IS_NEEDED, {"sha256": sha256}).fetchone() is None:
                    self._blobs.discard(sha256)
        return len(hashes)

    def edit(self, selection: Selection, column: str, value: object, *, now_ms: int) -> int:
        """Set one column of every sample selected, to text, a truth value, or something JSON holds. How many."""
        if column not in _COLUMNS:
            raise ValueError(f"{column} cannot be edited")
        condition, values = sql.where(selection)
        stored = value if isinstance(value, str | bool | None) else json.dumps(value)
        with self._transaction() as execute:
            cursor = execute(
                sql.EDIT_SAMPLES.format(column=column, where=condition), values | {"value": stored, "now_ms": now_ms}
            )
            if cursor.rowcount:
                execute(sql.TOUCH_PROJECT, {"project_id": selection.project_id, "now_ms": now_ms})
            return int(cursor.rowcount)

    def account(self, project_id: int | None) -> Account:
        """The exact figures, of one project or of all."""
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


def open_store(folder: str | None) -> Store:
    """In memory, or in `folder`, which is made when it is missing. Raises StoreError."""
    if folder is None:
        return Store(sqlite3.connect(":memory:", isolation_level=None), MemoryBlobs())
    try:
        os.makedirs(folder, exist_ok=True)
        database = sqlite3.connect(os.path.join(folder, "emulator.db"), isolation_level=None, timeout=0.5)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The data folder {folder!r} cannot be used: {error}.") from error
    try:
        # Exclusive: two emulators on one folder would each believe their own counts.
        database.execute("pragma locking_mode = exclusive")
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")
        # Hashes land all over their index: a page is written once for many uploads, and is found in memory (in KiB).
        database.execute("pragma wal_autocheckpoint = 8000")
        database.execute("pragma cache_size = -16000")
        database.execute("begin immediate")  # takes the lock, before the other emulator's spool could be swept
        database.execute("commit")
        return Store(database, StoredBlobs(database, folder))
    except (OSError, sqlite3.Error) as error:
        database.close()
        raise StoreError(f"The data folder {folder!r} cannot be used: {error}.") from error


def _counts_by_block(selection: Selection) -> bool:
    """Whether it narrows by project, category and id alone."""
    rest = replace(selection, category=None, min_id=None, max_id=None, ignores_case=False)
    return rest == Selection(project_id=selection.project_id)


def _key(row: sqlite3.Row) -> Key:
    return Key(row["id"], row["project_id"], row["key"], Role(row["role"]))


def _row_of(sample: NewSample) -> dict[str, object]:
    return {
        "category": sample.category,
        "label": sample.label,
        "filename": sample.filename,
        "stored_name": sample.stored_name,
        "sha256": sample.sha256,
        "size_bytes": sample.size_bytes,
        "facts": _write_facts(sample.facts),
        "metadata": _optional_json(sample.metadata),
        "boxes": json.dumps(sample.boxes) if sample.boxes else "[]",
        "structured_labels": _optional_json(sample.structured_labels),
        "label_map": _optional_json(sample.label_map),
        "attachments": json.dumps(sample.attachments) if sample.attachments else "[]",
    }


@functools.lru_cache(maxsize=4096)  # the recordings of one device mostly say the same of themselves
def _write_facts(facts: Facts) -> str:
    # dataclasses.asdict copies deeply, which was a sixth of an upload's time.
    content = {name: getattr(facts, name) for name in _FACTS}
    content["sensors"] = [(sensor.name, sensor.units) for sensor in facts.sensors]
    return json.dumps(content)


@functools.lru_cache(maxsize=4096)
def _read_facts(raw: str) -> Facts:
    content = json.loads(raw)
    content["sensors"] = tuple(Sensor(name, units) for name, units in content["sensors"])
    content["image_size"] = None if content["image_size"] is None else tuple(content["image_size"])
    return Facts(**content)


def _optional_json(value: object) -> str | None:
    return None if value is None else json.dumps(value)


@functools.lru_cache(maxsize=256)
def _read_metadata(raw: str) -> Mapping[str, str]:
    metadata: Mapping[str, str] = json.loads(raw)
    return metadata


def _sample(row: Sequence[Any]) -> Sample:
    # In the order of the table's columns: by name, each is searched for.
    (
        identity,
        project_id,
        category,
        label,
        filename,
        stored_name,
        sha256,
        size_bytes,
        added_ms,
        modified_ms,
        is_disabled,
        facts,
        metadata,
        boxes,
        structured,
        label_map,
        attachments,
    ) = row
    return Sample(
        id=identity,
        project_id=project_id,
        category=category,
        label=label,
        filename=filename,
        stored_name=stored_name,
        sha256=sha256,
        size_bytes=size_bytes,
        added_ms=added_ms,
        modified_ms=modified_ms,
        is_disabled=bool(is_disabled),
        facts=_read_facts(facts),
        metadata=None if metadata is None else _read_metadata(metadata),
        boxes=() if boxes == "[]" else tuple(json.loads(boxes)),
        structured_labels=None if structured is None else tuple(json.loads(structured)),
        label_map=None if label_map is None else json.loads(label_map),
        attachments=() if attachments == "[]" else tuple(json.loads(attachments)),
    )
