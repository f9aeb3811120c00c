"""Questions about sent files that are described in another way now."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.control.operations import Operations
from eisync.errors import ConfigurationError
from eisync.store.actions import ActionStore
from tests.conftest import list_sample
from tests.store.shelf import NOW, Shelf

DESCRIBED: dict[str, Any] = {
    "label": "idle",
    "category": "testing",
    "metadata": {"site": "2"},
    "companions": None,
    "remarks": {},
}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "state")
    yield shelf
    shelf.close()


def ask(shelf: Shelf, **question: Any) -> list[dict[str, Any]]:
    operations = Operations(shelf.outbox, shelf.index, ActionStore(shelf.database), now=lambda: NOW + 5)
    return list(operations.answer(question))


def sent(shelf: Shelf, path: str = "a.csv", sample_id: int = 70) -> int:
    """A file at the service, whose sample was listed as it was sent."""
    identity = shelf.sync(path, sample_id, sha256=path)
    list_sample(shelf.database, sample_id)
    with shelf.database.transaction() as connection:
        connection.execute(
            "update sample set label = 'wave', category = 'training', sha256 = ?, original_name = ? where id = ?",
            (path, path, sample_id),
        )
    return identity


def wanted(shelf: Shelf, identity: int) -> bool:
    side = ActionStore(shelf.database).side(identity)
    assert side is not None
    return side.wanted is not None


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_edits_are_told_and_recorded_unless_it_is_a_dry_run(shelf: Shelf, dry_run: bool) -> None:
    identity = sent(shelf)
    *edits, files = ask(shelf, do="relabel", files=[{"file": identity, **DESCRIBED}], dry_run=dry_run)
    assert {"what": "files", "files": 1} == files
    assert ["relabel_sample", "move_sample", "edit_metadata"] == [one["kind"] for one in edits]
    assert {
        "what": "edit",
        "kind": "relabel_sample",
        "root": "/data",
        "path": "a.csv",
        "sample_id": 70,
        "was": "wave",
        "to": "idle",
        "is_disputed": False,
        "change": "label wave -> idle",
        "sentence": "relabel sample 70 of /data/a.csv from 'wave' to 'idle': 'eisync relabel' describes its file so "
        "now",
    } == edits[0]
    assert wanted(shelf, identity) != dry_run


def test_a_file_that_is_described_as_it_was_sent_has_no_edits(shelf: Shelf) -> None:
    identity = sent(shelf)
    as_sent: dict[str, Any] = {**DESCRIBED, "label": "wave", "category": "split", "metadata": {}}
    question = {"do": "relabel", "files": [{"file": identity, **as_sent}, {"file": 999, **DESCRIBED}]}
    assert [{"what": "files", "files": 0}] == ask(shelf, **question)
    assert not wanted(shelf, identity)


def test_sent_files_are_listed_page_by_page(shelf: Shelf) -> None:
    ids = [sent(shelf, path, 70 + number) for number, path in enumerate(["a.csv", "b/c.csv"])]
    page = {"do": "sent", "root": "/data", "folder": "", "after": "", "limit": 1}
    assert [{"file": ids[0], "path": "a.csv"}] == ask(shelf, **page)
    assert [{"file": ids[1], "path": "b/c.csv"}] == ask(shelf, **{**page, "after": "a.csv"})
    assert [{"file": ids[1], "path": "b/c.csv"}] == ask(shelf, **{**page, "folder": "b"})
    assert [] == ask(shelf, **{**page, "root": "/other"})


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"do": "sent"}, "names no root"),
        ({"do": "sent", "root": "/data", "folder": "", "after": "", "limit": 0}, "ask for 1 to 10,000 files"),
        ({"do": "relabel"}, "names no files"),
        ({"do": "relabel", "files": [1]}, "has no id or no description"),
        ({"do": "relabel", "files": [{"file": 1, **DESCRIBED, "label": 7}]}, "has no id or no description"),
        ({"do": "relabel", "files": [{"file": 1, **DESCRIBED, "category": "x"}]}, "there is no category 'x'"),
    ],
)
def test_questions_that_cannot_be_answered(shelf: Shelf, question: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        ask(shelf, **question)
