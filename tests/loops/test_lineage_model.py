"""Two states, their snapshots and persons change one folder: a file that eisync removed never counts as deleted."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.examples import examples

from .test_lineage import Keeper

WHICH = st.sampled_from([0, 1])


class SharedFolder(RuleBasedStateMachine):
    """Two state folders over one folder of recordings. No path is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="eisync-lineage-"))
        self.recordings = self.place / "recordings"
        self.recordings.mkdir()
        self.keepers = [Keeper(self.place / name, self.recordings) for name in ("one", "two")]
        self.number = 0
        self.taken: set[str] = set()
        self.by_persons: set[str] = set()
        for keeper in self.keepers:
            self.record(3)
            keeper.scan()

    def there(self) -> list[str]:
        return sorted(path.name for path in self.recordings.iterdir())

    @rule(number=st.integers(1, 3))
    def record(self, number: int) -> None:
        for _ in range(number):
            self.number += 1
            (self.recordings / f"wave.{self.number}.csv").write_bytes(str(self.number).encode())

    @precondition(lambda self: self.there())
    @rule(data=st.data())
    def a_person_deletes(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.there()))
        self.by_persons.add(path)
        (self.recordings / path).unlink()

    @precondition(lambda self: self.there())
    @rule(which=WHICH, data=st.data())
    def one_takes(self, which: int, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.there()))
        if self.keepers[which].take(path) is None:
            self.taken.add(path)

    @rule(which=WHICH)
    def one_scans(self, which: int) -> None:
        self.keepers[which].scan()

    @rule(which=WHICH)
    def one_lists_everything(self, which: int) -> None:
        self.keepers[which].sweep()

    @rule(which=WHICH)
    def one_starts_anew(self, which: int) -> None:
        self.keepers[which].restart()

    @rule(which=WHICH)
    def a_snapshot_is_made(self, which: int) -> None:
        keeper = self.keepers[which]
        keeper.stop()
        shutil.rmtree(self.place / f"snapshot-{which}", ignore_errors=True)
        shutil.copytree(keeper.place / "state", self.place / f"snapshot-{which}")
        keeper.start()

    @rule(which=WHICH)
    def it_goes_back_in_time(self, which: int) -> None:
        snapshot, keeper = self.place / f"snapshot-{which}", self.keepers[which]
        if not snapshot.is_dir():
            return
        keeper.stop()
        shutil.rmtree(keeper.place / "state")
        shutil.copytree(snapshot, keeper.place / "state")
        keeper.start()

    @precondition(lambda self: self.there())
    @rule(which=WHICH, data=st.data(), scans=st.booleans())
    def what_it_just_did_is_lost(self, which: int, data: st.DataObject, scans: bool) -> None:
        self.a_snapshot_is_made(which)
        if scans:
            self.keepers[which].scan()
        self.one_takes(which, data)
        self.it_goes_back_in_time(which)
        self.keepers[which].scan()

    @rule()
    def the_note_is_lost(self) -> None:
        with suppress(OSError):
            os.removexattr(self.recordings, "user.eisync.stamps")

    @invariant()
    def nothing_that_was_taken_is_a_wish(self) -> None:
        for keeper in getattr(self, "keepers", []):
            assert not keeper.planned() & self.taken

    def teardown(self) -> None:
        # Once everything was scanned, the doubt ends: deletions of a person count again.
        self.record(1)
        for keeper in self.keepers:
            for _ in range(2):
                keeper.scan()
                keeper.sweep()
        last = f"wave.{self.number}.csv"
        (self.recordings / last).unlink()
        for keeper in self.keepers:
            keeper.scan()
            assert last in keeper.planned()
            assert not keeper.planned() & self.taken
            keeper.stop()
        shutil.rmtree(self.place)


TestSharedFolder = SharedFolder.TestCase
TestSharedFolder.settings = settings(
    max_examples=examples(25), stateful_step_count=25, suppress_health_check=list(HealthCheck)
)
