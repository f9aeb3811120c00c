"""Files are copied, moved, touched, restored, rewritten, remounted or reconfigured, and samples deleted, at random.

Each complete content arrives once, no deleted content is ever stored again, and no file is sent that only moved.
"""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from eisync.core.lifecycle import State
from eisync.core.model import Root
from tests.conftest import list_sample
from tests.examples import examples

from .circuit import Circuit

PATHS = ("a.csv", "b.csv", "day/a.csv", "day/deep/b.csv", "other/a.csv")
SIZE = 24
"""Return contents of one size, so that only the content differs."""


def copy_anew(source: str, goal: str) -> None:
    """Copy the file with its mtime, over another file of that name. In the snapshot it may be a link to it."""
    Path(goal).unlink(missing_ok=True)
    shutil.copy2(source, goal)


class ContentMachine(RuleBasedStateMachine):
    """A folder, a snapshot of it outside, and a project."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="eisync-content-"))
        self.circuit = Circuit(self.place)
        self.snapshot = self.place / "snapshot"
        self.number = 0
        self.deleted: set[bytes] = set()
        self.stored: list[bytes] = []
        self.moves = 0
        """How often files moved since the last scan. Of a file that moved twice, no known fact may be left."""

    def teardown(self) -> None:
        self.come_to_rest()
        self.circuit.close()
        shutil.rmtree(self.place)

    @property
    def root(self) -> Path:
        return Path(self.circuit.roots[0].path)

    def content(self) -> bytes:
        self.number += 1
        return b"%d " % self.number + b"x" * (SIZE - len(b"%d " % self.number))

    def files(self) -> dict[str, bytes]:
        """Return the content of the folder."""
        return {
            os.path.relpath(os.path.join(folder, name), self.root): Path(folder, name).read_bytes()
            for folder, _, names in os.walk(self.root)
            for name in names
        }

    @initialize(paths=st.sets(st.sampled_from(PATHS), min_size=1))
    def start(self, paths: set[str]) -> None:
        for path in sorted(paths):
            self.write(path)
        self.come_to_rest()

    # --- new contents: each is scanned before the next one can take its place ----------------------------------------

    @rule(path=st.sampled_from(PATHS))
    def write(self, path: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(self.content())
        self.come_to_rest(is_new=True)

    @rule(path=st.sampled_from(PATHS), whole_seconds=st.booleans())
    def rewrite_with_its_time(self, path: str, whole_seconds: bool) -> None:
        if (self.root / path).is_file():
            before = (self.root / path).stat()
            with (self.root / path).open("r+b") as file:
                file.write(self.content())
            mtime_ns = before.st_mtime_ns // 10**9 * 10**9 if whole_seconds else before.st_mtime_ns
            os.utime(self.root / path, ns=(0, mtime_ns))
            self.come_to_rest(is_new=True)

    # --- changes that keep the content -------------------------------------------------------------------------------

    @rule(path=st.sampled_from(PATHS))
    def touch(self, path: str) -> None:
        if (self.root / path).is_file():
            self.moves += 1
            os.utime(self.root / path)

    @rule(path=st.sampled_from(PATHS), mode=st.sampled_from([0o600, 0o640, 0o644]))
    def give_other_rights(self, path: str, mode: int) -> None:
        if (self.root / path).is_file():
            self.moves += 1
            (self.root / path).chmod(mode)

    @rule(one=st.sampled_from(PATHS), two=st.sampled_from(PATHS))
    def rename(self, one: str, two: str) -> None:
        if (self.root / one).is_file() and not (self.root / two).exists():
            (self.root / two).parent.mkdir(parents=True, exist_ok=True)
            self.moves += 1
            (self.root / one).rename(self.root / two)

    @rule(one=st.sampled_from(PATHS), two=st.sampled_from(PATHS))
    def swap(self, one: str, two: str) -> None:
        if one != two and (self.root / one).is_file() and (self.root / two).is_file():
            self.moves += 1
            (self.root / one).rename(self.root / "swap.tmp")
            (self.root / two).rename(self.root / one)
            (self.root / "swap.tmp").rename(self.root / two)

    @rule()
    def snapshot_by_links(self) -> None:
        self.moves += 1
        shutil.rmtree(self.snapshot, ignore_errors=True)
        shutil.copytree(self.root, self.snapshot, copy_function=os.link)

    @rule()
    def snapshot_by_copies(self) -> None:
        shutil.rmtree(self.snapshot, ignore_errors=True)
        shutil.copytree(self.root, self.snapshot)

    @rule(over=st.booleans())
    def restore(self, over: bool) -> None:
        """Replace every file by a copy with the same mtime."""
        self.moves += 1
        for path in self.files():
            place = self.root / path
            shutil.copy2(place, self.place / "copy")
            if over:
                place.write_bytes((self.place / "copy").read_bytes())
                os.utime(place, ns=(0, (self.place / "copy").stat().st_mtime_ns))
            else:
                (self.place / "copy").rename(place)

    @rule()
    def remount(self) -> None:
        self.moves += 1
        self.circuit.number_inodes_anew()

    @rule(name=st.sampled_from(["one", "two", "three"]))
    def configure_another_path(self, name: str) -> None:
        if not (self.place / name).exists():
            self.moves += 1
            self.root.rename(self.place / name)
            self.circuit.roots = [self.add_root(name)]

    def add_root(self, name: str) -> Root:
        return self.circuit.yard.add_root(name)

    # --- changes that may restore an older content -------------------------------------------------------------------

    @rule()
    def restore_the_snapshot(self) -> None:
        if self.snapshot.exists():
            shutil.copytree(self.snapshot, self.root, copy_function=copy_anew, dirs_exist_ok=True)
            self.come_to_rest(may_be_old=True)

    @rule(one=st.sampled_from(PATHS), two=st.sampled_from(PATHS), keeps_time=st.booleans())
    def copy(self, one: str, two: str, keeps_time: bool) -> None:
        if one != two and (self.root / one).is_file():
            (self.root / two).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copy2 if keeps_time else shutil.copyfile)(self.root / one, self.root / two)
            self.come_to_rest(may_be_old=True)

    @rule(path=st.sampled_from(PATHS))
    def remove(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    @rule(which=st.integers(0, 99))
    def delete_a_sample(self, which: int) -> None:
        """Delete a sample of a current file or of an earlier version as a person does in Studio, and notice it."""
        self.come_to_rest()
        circuit = self.circuit
        if not circuit.cloud.samples:
            return
        number = sorted(circuit.cloud.samples)[which % len(circuit.cloud.samples)]
        circuit.cloud.samples.pop(number)
        for _ in range(2):
            circuit.sweep()
        list_sample(circuit.yard.database, number)
        circuit.yard.index.make_tombstones("main", number, now=circuit.now)
        self.deleted.add(circuit.cloud.contents[number])
        self.come_to_rest()

    # --- the expected result -----------------------------------------------------------------------------------------

    @rule()
    def come_to_rest(self, *, is_new: bool = False, may_be_old: bool = False) -> None:
        """Scan and send. Then the project has every content of the folder except the deleted ones."""
        cloud = self.circuit.cloud
        before = len(cloud.attempts)
        self.circuit.settle()
        sent = sum(len(names) for names in cloud.attempts[before:])
        stored = [cloud.contents[number] for number in cloud.samples]
        assert len(stored) == len(set(stored))
        assert set() == self.deleted & set(stored)
        assert set() == set(self.files().values()) - self.deleted - set(stored)
        # A copy beside its original is sent and refused. So may be a file that disappeared and came back.
        assert may_be_old or self.moves + is_new > 1 or sent <= is_new
        self.moves = 0
        there = {path: content for path, content in self.files().items() if path != "swap.tmp"}
        known = {
            path: state
            for path in there
            if (state := self.circuit.yard.outbox.known_at(self.circuit.roots[0].id, path)) is not None
        }
        assert there.keys() == known.keys()
        for path, content in there.items():
            expected = State.TOMBSTONE if content in self.deleted else State.SYNCED
            assert expected is known[path].state, path


TestContent = ContentMachine.TestCase
TestContent.settings = settings(
    max_examples=examples(25),
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
)
