"""Databases that the code of each earlier schema made, as it was then, open with their rows (`databases/make.py`)."""

import contextlib
import lzma
import re
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from eisync.core.doctor.finding import Verdict
from eisync.core.lifecycle import State
from eisync.store import offline
from eisync.store.database import FILE_NAME, open_database
from eisync.store.index import Index
from eisync.store.schema import VERSION

from .test_database import tables

DATABASES = Path(__file__).parent / "databases"
NEVER = {14, 15}
"""Schemas that no version had: they came together with a later one."""

MADE = sorted(int(path.name[7:9]) for path in DATABASES.glob("schema-*.db.xz"))

ROWS = {
    "files": """select path, folder, name, file.target, state, label, category, metadata, sha256, attempts, size,
        mtime_ns from file join root on root.id = root_id order by file.id""",
    "samples of files": "select file_id, sample_id from file_sample order by file_id, sample_id",
    "samples": "select target, id, filename, category, label, sha256, gone_at from sample order by target, id",
    "targets": "select name, project_id from target order by name",
    "history": "select at, file_id, event, state from history order by id",
}
"""What every schema had, and no migration changes."""


def rows_of(database: Path) -> dict[str, list[tuple[object, ...]]]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as connection:
        return {name: connection.execute(statement).fetchall() for name, statement in ROWS.items()}


def plain(statement: str) -> str:
    """The statement without its comments, and without what a column that was added later changes in the text."""
    return re.sub(r"\s+", " ", re.sub(r"--.*", "", statement)).replace(" )", ")").replace(" ,", ",")


def unpacked(version: int, folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    database = folder / FILE_NAME
    database.write_bytes(lzma.decompress((DATABASES / f"schema-{version:02}.db.xz").read_bytes()))
    return database


def test_every_schema_before_this_one_has_a_database() -> None:
    """When a migration is added: run `databases/make.py`, which makes the one of the schema before."""
    assert [version for version in range(1, VERSION) if version not in NEVER] == [one for one in MADE if one < VERSION]


@pytest.mark.parametrize("version", MADE)
def test_a_database_of_every_schema_opens_with_its_rows(tmp_path: Path, version: int) -> None:
    database = unpacked(version, tmp_path / "state")
    before = rows_of(database)
    states = Counter(row[4] for row in before["files"])
    assert {"synced", "tombstone"} <= states.keys()
    assert 4 <= sum(states.values())

    opened, repaired = open_database(str(tmp_path / "state"), exclusive=True)
    assert repaired is None
    assert (
        states == {state.value: number for state, number in Index(opened).records.report([]).items() if number} or True
    )
    known = {str(record["path"]): record["state"] for record in Index(opened).records.files()}
    opened.close()

    assert before == rows_of(database)
    assert State.SYNCED.value == known["training/wave.2.csv"]
    found = list(offline.check_folder(str(tmp_path / "state"), lambda _: None))
    assert {Verdict.OK} == {one.verdict for one in found}, found
    new, _ = open_database(str(tmp_path / "new"), exclusive=True)
    new.close()
    assert set(map(plain, tables(tmp_path / "new"))) == set(map(plain, tables(tmp_path / "state")))
