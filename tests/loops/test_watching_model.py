"""Random histories in a real folder with real events: in the end the outbox agrees with the folder."""

import os
import shutil
import stat
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from eisync.adapters import clock
from eisync.adapters.client import body
from eisync.adapters.events.source import EventSource, NullEvents
from eisync.core.completeness import CompletenessPolicy
from eisync.core.lifecycle import Event, State
from eisync.core.model import Item
from eisync.core.outcome import Outcome
from eisync.errors import FileError, StateError
from tests.examples import examples
from tests.fakes import failing

from .yard import Yard

PATHS = ("a.csv", "b.csv", "day/a.csv", "day/deep/b.csv", "other/a.csv")
FOLDERS = ("day", "day/deep", "other", "new")
COME_TO_REST_WITHIN_S = 20.0


class Failing:
    """The real store, with one method that fails once."""

    def __init__(self, real: object, method: str) -> None:
        self._real = real
        setattr(self, method, failing(1, StateError("the disk is full"), getattr(real, method)))

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


class WatchingMachine(RuleBasedStateMachine):
    """A root, a place outside it, and a watcher that is killed now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="eisync-watching-"))
        self.yard = Yard(self.place)
        self.root = Path(self.yard.root.path)
        self.outside = self.place / "outside"
        self.outside.mkdir()
        self.bell = threading.Event()
        self.slow: dict[str, BinaryIO] = {}
        self.number = 0

    @initialize(listens=st.booleans(), paths=st.sets(st.sampled_from(PATHS)))
    def start(self, listens: bool, paths: set[str]) -> None:
        self.listens = listens
        for path in sorted(paths):
            self.create_or_overwrite(path)
        self.begin()
        self.come_to_rest()  # from here on, the first scan no longer helps the events

    def begin(self, **failing_parts: Any) -> None:
        self.events = EventSource(self.bell.set) if self.listens else NullEvents()
        self.events.start()
        policy = CompletenessPolicy(settle_s=0.0, patience_s=0.0)
        # Events find everything without a second scan.
        interval_s = 1e6 if self.listens else 0.05
        self.loop = self.yard.watcher(policy=policy, scan_interval_s=interval_s, events=self.events, **failing_parts)

    def place_of(self, path: str) -> Path:
        """Return where a writer writes: also through a link, unless it leads to a folder."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink() and not place.is_file():
            place.unlink()
        return place

    def tell_of_links(self) -> None:
        """The kernel reports the name under which a file was opened. If that name was renamed or removed before the
        check, only a scan finds the changes of the other names."""
        events = getattr(self, "events", None)
        for folder, _, names in os.walk(self.root):
            for place in (os.path.join(folder, name) for name in names):
                if isinstance(events, EventSource) and os.lstat(place).st_nlink > 1:
                    events.doubt(self.yard.root.id)
                    return

    def content(self) -> bytes:
        self.number += 1
        return b"%d" % self.number * (1 + self.number % 3)

    def teardown(self) -> None:
        for file in self.slow.values():
            file.close()
        if hasattr(self, "loop"):
            self.come_to_rest()
            self.events.stop()
        self.yard.close()
        shutil.rmtree(self.place)

    # --- writers ------------------------------------------------------------------------------------------------------

    @rule(path=st.sampled_from(PATHS))
    def create_or_overwrite(self, path: str) -> None:
        self.place_of(path).write_bytes(self.content())
        self.tell_of_links()

    @rule(path=st.sampled_from(PATHS))
    def write_slowly(self, path: str) -> None:
        file = self.slow.pop(path, None)
        if file is None:
            self.slow[path] = file = self.place_of(path).open("ab")
            file.write(self.content())
            file.flush()
        else:
            file.write(self.content())
            file.close()
        self.tell_of_links()

    @rule(path=st.sampled_from(PATHS))
    def replace(self, path: str) -> None:
        (self.root / "writing.tmp").write_bytes(self.content())
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / "writing.tmp").rename(self.root / path)

    @rule(one=st.sampled_from(PATHS), two=st.sampled_from(PATHS))
    def rename(self, one: str, two: str) -> None:
        if (self.root / one).exists():
            (self.root / two).parent.mkdir(parents=True, exist_ok=True)
            (self.root / one).rename(self.root / two)

    @rule(one=st.sampled_from(PATHS), two=st.sampled_from(PATHS))
    def swap(self, one: str, two: str) -> None:
        if one != two and (self.root / one).exists() and (self.root / two).exists():
            (self.root / one).rename(self.root / "swap.tmp")
            (self.root / two).rename(self.root / one)
            (self.root / "swap.tmp").rename(self.root / two)

    @rule(one=st.sampled_from(PATHS), two=st.sampled_from(PATHS))
    def link(self, one: str, two: str) -> None:
        if (self.root / one).exists() and not os.path.lexists(self.root / two):
            (self.root / two).parent.mkdir(parents=True, exist_ok=True)
            os.link(self.root / one, self.root / two)

    @rule(one=st.sampled_from((*PATHS, "..", "../outside")), two=st.sampled_from(PATHS))
    def link_by_name(self, one: str, two: str) -> None:
        (self.root / two).parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(self.root / two):
            (self.root / two).symlink_to(self.root / one)

    @rule(path=st.sampled_from(PATHS))
    def set_a_time_as_archives_do(self, path: str) -> None:
        if (self.root / path).is_file():
            os.utime(self.root / path, (1_000_000, 1_000_000))
            (self.root / path).open("ab").close()  # no event reports a changed mtime alone
            self.tell_of_links()

    @rule(path=st.sampled_from(PATHS))
    def delete(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    @rule(one=st.sampled_from(FOLDERS), two=st.sampled_from(FOLDERS))
    def move_folder(self, one: str, two: str) -> None:
        if (self.root / one).is_dir() and not (self.root / two).exists() and not two.startswith(one):
            (self.root / two).parent.mkdir(parents=True, exist_ok=True)
            (self.root / one).rename(self.root / two)

    @rule(folder=st.sampled_from(FOLDERS))
    def move_folder_out(self, folder: str) -> None:
        if (self.root / folder).is_dir():
            self.number += 1
            (self.root / folder).rename(self.outside / str(self.number))

    @rule(folder=st.sampled_from(FOLDERS))
    def move_folder_in(self, folder: str) -> None:
        waiting = sorted(self.outside.iterdir())
        if waiting and not (self.root / folder).exists():
            (self.root / folder).parent.mkdir(parents=True, exist_ok=True)
            waiting[0].rename(self.root / folder)

    @rule(folder=st.sampled_from(FOLDERS))
    def delete_folder(self, folder: str) -> None:
        shutil.rmtree(self.root / folder, ignore_errors=True)

    @rule()
    def make_the_root_anew(self) -> None:
        shutil.rmtree(self.root)
        self.root.mkdir()

    # --- the daemon ---------------------------------------------------------------------------------------------------

    @rule(ticks=st.integers(1, 4))
    def tick(self, ticks: int) -> None:
        for _ in range(ticks):
            self.step()

    def step(self) -> float:
        """Tick once. If the watcher dies in it, start a new one."""
        try:
            return float(self.loop.tick(clock.now()))
        except StateError:
            self.events.stop()
            self.begin()
            return 0.0

    @rule()
    def upload(self) -> None:
        now = clock.now()
        items = self.yard.outbox.claim("main", [self.yard.root.id], limit=99, claim=1, now=now)
        settled = [
            Outcome(item_id=item.id, events=(Event.STORED,), sample_ids=(item.id,), sha256=self.sha256_of(item))
            for item in items
        ]
        self.yard.outbox.settle(settled, claim=1, now=now)

    def sha256_of(self, item: Item) -> str:
        """Settle a sent file, as another version if it changed since."""
        with suppress(FileError):
            return body.sha256_of(item)
        return "0" * 64

    @rule(method=st.sampled_from(["enqueue", "mark_changed", "mark_gone", "known_at", "versions", "follow", "known"]))
    def be_killed(self, method: str) -> None:
        """Kill the watcher in the middle of a tick, before this method of the store works, if it is called."""
        on_outbox = hasattr(self.yard.outbox, method)
        real = self.yard.outbox if on_outbox else self.yard.places
        self.events.stop()
        self.begin(**{"outbox" if on_outbox else "paths": Failing(real, method)})
        self.step()

    # --- the expected result ----------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Tick as the daemon does, until the outbox agrees with the folder."""
        deadline = time.monotonic() + COME_TO_REST_WITHIN_S
        while (wrong := self.differences()) and time.monotonic() < deadline:
            self.bell.wait(min(self.step(), 0.02))
            self.bell.clear()
        assert {} == wrong

    def differences(self) -> dict[str, object]:
        there = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.root)
                status = os.lstat(self.root / path)
                if stat.S_ISLNK(status.st_mode):
                    continue
                there[path] = (status.st_size, status.st_mtime_ns, status.st_ino)
        wrong: dict[str, object] = {}
        for record in self.yard.index.records.files():
            path = str(record["path"])
            known = self.yard.outbox.known_at(self.yard.root.id, path)
            assert known is not None
            version = (known.facts.size, known.facts.mtime_ns, known.facts.inode)
            is_settled = known.state in (State.READY, State.SYNCED)
            if path in there and not (is_settled and version == there[path]):
                wrong[path] = (known, there[path])
            is_noted = known.state is State.GONE or "not there any more" in str(record["reason"])
            if path not in there and not is_noted:
                wrong[path] = (known, "it is not there")
            there.pop(path, None)
        return {**wrong, **there}


TestWatching = WatchingMachine.TestCase
TestWatching.settings = settings(
    max_examples=examples(25),
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
)


def test_a_file_that_takes_the_name_of_a_renamed_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its event comes first, while the name is still that of the renamed file."""
    monkeypatch.setattr(f"{__name__}.COME_TO_REST_WITHIN_S", 5.0)
    state = WatchingMachine()
    state.start(listens=True, paths={"a.csv", "day/a.csv"})
    state.link(one="a.csv", two="day/deep/b.csv")
    for _ in range(6):
        state.make_the_root_anew()
    state.create_or_overwrite(path="b.csv")
    state.link_by_name(one="b.csv", two="other/a.csv")
    state.upload()
    state.be_killed(method="follow")
    state.upload()
    state.swap(one="other/a.csv", two="b.csv")
    state.replace(path="b.csv")
    state.set_a_time_as_archives_do(path="b.csv")
    state.replace(path="day/deep/b.csv")
    state.replace(path="b.csv")
    state.teardown()
