"""When a missing file counts as deleted, with real folders and databases: states go back in time and share roots."""

import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import file_facts, folder_notes
from eisync.core.lifecycle import Event
from eisync.core.lineage import NAME, Stamp
from eisync.core.outcome import Outcome
from eisync.core.policy import Trigger
from eisync.errors import FolderError
from eisync.loops.lineage import RETRY_S, Lineage, ThisProcess
from eisync.loops.watcher.monitor import WatchedFolders
from eisync.store.actions import ActionStore
from eisync.store.continuity import Lineages
from eisync.store.retention import Removals
from tests.fakes import Clock

from .yard import Yard, run

EPOCHS = itertools.count()


class Keeper:
    """One eisync with its own state folder, and the shared recordings."""

    def __init__(self, place: Path, recordings: Path, *, matters: bool = True, notes: Any = folder_notes) -> None:
        self.place = place
        self.recordings = recordings
        self.matters = matters
        self.notes = notes
        self.running: Mapping[str, bool | None] = {}
        self.start()

    def start(self) -> None:
        """Begin a process over the state folder."""
        self.yard = Yard(self.place)
        self.yard.index.register(["main"])
        (self.root,) = self.yard.outbox.register([(str(self.recordings), "main")])
        self.clock = Clock(self.yard.later)
        self.lineage = Lineage(
            {self.root: self.matters},
            process=ThisProcess(
                Stamp(
                    epoch="", host="lab", pid=7, process=self.place.name, state=str(self.place), since=self.clock.now
                ),
                is_running=lambda _, process: self.running.get(process, False),
                new_epoch=lambda: f"{self.place.name} {next(EPOCHS)}",
            ),
            records=Lineages(self.yard.database),
            notes=self.notes,
            why_away=WatchedFolders(file_facts, self.yard.places).why_away,
            clock=self.clock,
            log=self.yard.log,
        )
        self.watcher = self._watcher()

    def _watcher(self) -> Any:
        watched = self.yard.watched(self.root)
        return self.yard.watcher(watched, lineages=self.lineage)

    def stop(self) -> None:
        self.yard.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def scan(self) -> None:
        """Scan everything, and upload new files."""
        self.watcher = self._watcher()
        for _ in range(3):
            self.clock.now += 10.0
            run(self.watcher, self.clock.now)
        now = self.clock.now
        items = self.yard.outbox.claim("main", [self.root.id], limit=1000, claim=1, now=now)
        stored = [
            Outcome(item_id=item.id, events=(Event.STORED,), sample_ids=(item.id,), sha256=f"{item.path}")
            for item in items
        ]
        self.yard.outbox.settle(stored, claim=1, now=now)

    def sweep(self) -> None:
        """Complete a sweep of the service."""
        self.lineage.listed(self.lineage.unlisted("main"))

    def take(self, path: str) -> str | None:
        """Remove the file as the retention does. Return why it may not be removed."""
        known = self.yard.outbox.known_at(self.root.id, path)
        if known is None:
            return "unknown"
        records = Removals(self.yard.database)
        file = records.one(known.id)
        assert file is not None
        why = self.lineage.why_kept(self.root.id, path)
        if why is None:
            with self.yard.database.transaction() as connection:
                connection.execute("update file set removal = 'deleted' where id = ?", (file.id,))
            self.yard.path(path, self.root).unlink()
        return why

    def planned(self) -> set[str]:
        """Return the files whose samples would be deleted, because a person seems to have deleted them."""
        if self.lineage.why_doubted(self.root.id) is not None:
            return set()
        actions = ActionStore(self.yard.database)
        sides = actions.sides("main", Trigger.ABSENT, [self.root.id], after_id=0, limit=1000)
        return {side.path for side in sides}

    def write(self, *paths: str) -> None:
        for path in paths:
            self.yard.write(path, path.encode(), self.root)


@pytest.fixture
def keepers(tmp_path: Path) -> Iterator[list[Keeper]]:
    (tmp_path / "recordings").mkdir()
    made = [Keeper(tmp_path / name, tmp_path / "recordings") for name in ("one", "two")]
    yield made
    for keeper in made:
        keeper.stop()


@pytest.fixture
def one(keepers: list[Keeper]) -> Keeper:
    return keepers[0]


def settled(keeper: Keeper, *paths: str) -> None:
    keeper.write(*paths)
    keeper.scan()
    keeper.sweep()
    keeper.scan()
    assert set() == keeper.planned()


def test_a_deletion_by_a_person_counts_also_after_a_restart(one: Keeper) -> None:
    settled(one, "a.csv", "b.csv", "c.csv")
    one.yard.path("a.csv", one.root).unlink()
    one.scan()
    assert {"a.csv"} == one.planned()
    one.stop()
    one.start()
    os.unlink(one.recordings / "b.csv")
    one.scan()
    assert {"a.csv", "b.csv"} == one.planned()


@pytest.mark.parametrize("loses", ["nothing", "the note"])
def test_files_missing_from_an_older_state_do_not_count_as_deleted(one: Keeper, tmp_path: Path, loses: str) -> None:
    settled(one, "a.csv", "b.csv", "c.csv")
    one.stop()
    shutil.copytree(one.place / "state", tmp_path / "snapshot")
    one.start()
    one.scan()
    assert None is one.take("a.csv")
    one.stop()
    shutil.rmtree(one.place / "state")
    shutil.copytree(tmp_path / "snapshot", one.place / "state")
    if loses == "the note":
        os.removexattr(one.recordings, "user.eisync.stamps")
    one.start()
    one.scan()
    assert "eisync removes nothing before" in str(one.take("b.csv"))
    assert set() == one.planned()
    one.sweep()
    assert (set(), None) == (one.planned(), one.lineage.why_doubted(one.root.id))
    # From here on it counts again.
    assert None is one.take("b.csv")
    os.unlink(one.recordings / "c.csv")
    one.scan()
    assert {"c.csv"} == one.planned()
    assert [] == one.lineage.sentences()[str(one.recordings)]


def test_a_doubt_outlives_a_kill(one: Keeper) -> None:
    settled(one, "a.csv", "b.csv")
    os.removexattr(one.recordings, "user.eisync.stamps")
    one.lineage.check(one.root.id)
    os.unlink(one.recordings / "a.csv")
    one.restart()
    assert "until everything has been checked again" in str(one.lineage.why_doubted(one.root.id))
    one.scan()
    one.sweep()
    assert (None, set()) == (one.lineage.why_doubted(one.root.id), one.planned())


def test_a_scan_that_began_before_the_doubt_ends_nothing(one: Keeper) -> None:
    settled(one, "a.csv", "b.csv")
    serial = one.lineage.unscanned(one.root.id)
    assert serial is None
    os.removexattr(one.recordings, "user.eisync.stamps")
    one.lineage.check(one.root.id)
    first = one.lineage.unscanned(one.root.id)
    assert first is not None
    sweeping = dict(one.lineage.unlisted("main"))
    os.removexattr(one.recordings, "user.eisync.stamps")  # and once more meanwhile
    one.lineage.scan_completed(one.root.id, first)
    one.lineage.listed(sweeping)
    assert one.lineage.unscanned(one.root.id) not in (None, first)
    assert one.lineage.unlisted("main")


def test_files_that_another_eisync_removed_do_not_count_as_deleted(keepers: list[Keeper]) -> None:
    one, two = keepers
    settled(one, "a.csv", "b.csv", "c.csv")
    settled(two)
    assert None is two.take("a.csv")
    assert set() == one.planned()
    one.scan()
    assert set() == one.planned()
    os.unlink(one.recordings / "b.csv")
    one.scan()
    assert {"b.csv"} == one.planned()
    assert None is two.take("c.csv")  # and an action that was decided before is not done now
    assert "another eisync removed files from the folder" in str(one.lineage.why_doubted(one.root.id))
    assert set() == one.planned()


def test_another_eisync_that_removes_nothing_causes_no_doubt(keepers: list[Keeper]) -> None:
    one, two = keepers
    settled(one, "a.csv", "b.csv")
    for _ in range(3):
        two.restart()
        two.scan()
    assert None is one.lineage.why_doubted(one.root.id)


@pytest.mark.parametrize(
    ("runs", "said"),
    [(True, "another eisync uses this folder, too"), (None, ("or worked in this folder")), (False, None)],
)
def test_other_processes_of_the_folder_are_reported(keepers: list[Keeper], runs: bool | None, said: str | None) -> None:
    one, two = keepers
    one.running = two.running = {"one": runs, "two": False}
    one.scan()
    two.scan()
    found = two.lineage.sentences()[str(two.recordings)]
    assert (said is not None) == bool(found)
    if said is not None:
        assert said in found[0]
        assert f"process 7 on lab, with the state folder {one.place}" in found[0]
    assert [] == one.lineage.sentences()[str(one.recordings)]


class Refusing:
    """A folder in which nothing can be stored."""

    error: FolderError | None = FolderError("the folder may not be written (Read-only file system)")
    is_full = False

    def read(self, folder: str) -> dict[str, Stamp]:
        return folder_notes.read(folder)

    def change(self, folder: str, write: Any, **more: Any) -> bool:
        if self.error is not None:
            raise self.error
        return False if self.is_full else folder_notes.change(folder, write, **more)

    def around(self, root: str, path: str) -> list[str]:
        return folder_notes.around(root, path)


@pytest.mark.parametrize("matters", [True, False])
def test_nothing_is_removed_from_a_folder_that_is_not_writable(tmp_path: Path, matters: bool) -> None:
    (tmp_path / "recordings").mkdir()
    refusing = Refusing()
    keeper = Keeper(tmp_path / "one", tmp_path / "recordings", matters=matters, notes=refusing)
    keeper.write("a.csv", "b.csv")
    keeper.scan()
    assert "Read-only file system" in str(keeper.take("a.csv"))
    os.unlink(keeper.recordings / "b.csv")
    keeper.scan()
    assert set() == keeper.planned()
    said = keeper.lineage.sentences()[str(keeper.recordings)]
    assert matters == any("until then eisync removes nothing from it" in sentence for sentence in said)
    refusing.error = None
    keeper.clock.now += RETRY_S
    keeper.lineage.check(keeper.root.id)
    assert [] == [line for line in keeper.lineage.sentences()[str(keeper.recordings)] if "Read-only" in line]
    keeper.stop()


def test_nothing_is_written_into_an_unmounted_mount_point(one: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(one, "a.csv", "b.csv")
    one.recordings.rename(one.place / "disk")
    one.recordings.mkdir()
    monkeypatch.setattr(one.lineage, "_why_away", lambda *_: "the folder is on another disk than it was")
    one.lineage.check(one.root.id)
    assert "another disk" in str(one.lineage.why_doubted(one.root.id))
    assert "another disk" in str(one.take("a.csv"))
    assert ({}, []) == (folder_notes.read(str(one.recordings)), list(one.recordings.iterdir()))
    monkeypatch.undo()
    one.recordings.rmdir()
    (one.place / "disk").rename(one.recordings)
    assert (None, None) == (one.lineage.why_doubted(one.root.id), one.lineage.unscanned(one.root.id))


def test_room_is_made_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    full = Refusing()
    full.error, full.is_full = None, True
    keeper = Keeper(tmp_path / "one", tmp_path / "recordings", notes=full)
    keeper.write("a.csv", "b.csv", "c.csv")
    keeper.scan()
    assert None is keeper.take("a.csv")
    full.is_full = False
    assert None is keeper.take("b.csv")
    assert None is keeper.lineage.why_doubted(keeper.root.id)
    [stamp] = folder_notes.read(str(keeper.recordings)).values()
    assert 2 == stamp.taken
    keeper.stop()


def test_a_folder_whose_count_could_not_be_written_is_not_taken_for_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    notes = Refusing()
    notes.error = None
    keeper = Keeper(tmp_path / "one", tmp_path / "recordings", notes=notes)
    keeper.write("a.csv", "b.csv", "c.csv")
    keeper.scan()
    notes.error = FolderError("the lock was not had in time")
    for _ in range(4):
        assert "in time" in str(keeper.take("a.csv"))
    notes.error = None
    assert None is keeper.take("a.csv")
    assert None is keeper.lineage.why_doubted(keeper.root.id)
    keeper.stop()


def test_a_person_may_delete_the_stamp_without_harm(one: Keeper) -> None:
    settled(one, "a.csv", "b.csv")
    os.removexattr(one.recordings, "user.eisync.stamps")
    one.scan()
    one.sweep()
    os.unlink(one.recordings / "a.csv")
    one.scan()
    assert {"a.csv"} == one.planned()


def test_a_confirmation_file_is_not_taken_for_a_stamp(one: Keeper) -> None:
    settled(one, "a.csv", "b.csv")
    (one.recordings / NAME).touch()
    one.restart()
    one.scan()
    assert None is one.lineage.why_doubted(one.root.id)
    assert b"" == (one.recordings / NAME).read_bytes()


def test_a_file_that_is_back_is_as_it_was(keepers: list[Keeper]) -> None:
    one, two = keepers
    settled(one, "a.csv", "b.csv")
    settled(two)
    os.link(one.recordings / "a.csv", one.place / "aside")
    assert None is two.take("a.csv")
    one.scan()
    os.rename(one.place / "aside", one.recordings / "a.csv")
    one.scan()
    os.unlink(one.recordings / "a.csv")  # now a person does it
    one.scan()
    assert {"a.csv"} == one.planned()
