"""No content that existed only here is ever lost: it is in a folder, in its trash or archive, or in the project.

The whole machine as `app` builds it, over real files and a real database, through random histories: people who write,
move and delete files and samples; a service that lies about ids, names, hashes, bytes and what it stored, or is reset;
a clock that is wrong at the start and jumps; a state folder that is restored from an older copy; and another eisync
with its own state folder on the same files. Content may disappear only if a person deleted its last copy, in the folder
or in the project.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eisync.app.machine import App, build
from eisync.core.model import Page, RemoteSample
from eisync.core.wire import Envelope, UploadReply
from eisync.errors import EisyncError
from eisync.settings import load
from tests.conftest import row
from tests.empty_state import make_state
from tests.examples import examples
from tests.fakes import Cloud, Notebook, reply_of

pytestmark = pytest.mark.timeout(600)  # many examples, each with real files: how long depends on who else is busy

NAMES = ("a.csv", "b.csv", "day/c.csv", "day/d.csv")
DAY_S = 86_400.0
PASSES = 3
LIES = ("nothing stored", "others' ids", "no hash", "bytes cut short", "half is hidden", "hash of something else")


class Liar(Cloud):
    """A service that keeps what it receives, and now and then reports something else."""

    def __init__(self) -> None:
        super().__init__()
        self.lie: str | None = None
        self.tell_time: Callable[[], None] = lambda: None  # with every answer
        for sample_id in range(1, 9):
            self.add_theirs(sample_id)

    def _asked(self) -> None:
        super()._asked()
        self.tell_time()

    def upload(self, envelope: Envelope) -> UploadReply:
        self.tell_time()
        if self.lie not in ("nothing stored", "others' ids"):
            return super().upload(envelope)
        before, last_id = dict(self.samples), self._last_id
        sent = super().upload(envelope)
        self.samples, self._last_id = before, last_id
        # The ids of samples that never existed, or that other people stored.
        ids = [last_id + 1000 + number for number, _ in enumerate(envelope.parts)]
        if self.lie == "others' ids":
            ids = [*sorted(self.theirs()), *ids]
        entries = [
            {"success": True, "projectId": 7, "sampleId": sample_id, "fileName": part.item.path}
            for sample_id, part in zip(ids, envelope.parts, strict=False)
        ]
        return UploadReply(reply_of({"success": True, "files": entries}), sent.sha256)

    def theirs(self) -> list[int]:
        """Store samples of other people."""
        return [one.id for one in self.samples.values() if one.filename.startswith("theirs")]

    def add_theirs(self, sample_id: int) -> None:
        body = f"theirs {sample_id} {len(self.uploads)}".encode()
        self._last_id, last_id = sample_id - 1, max(self._last_id, sample_id)
        self.add(f"theirs.{sample_id}.csv", hashlib.sha256(body).hexdigest())
        self.contents[sample_id], self._last_id = body, last_id

    def shown(self, sample: RemoteSample) -> RemoteSample:
        match self.lie:
            case "no hash":
                return replace(sample, sha256=None)
            case "hash of something else":
                return replace(sample, sha256=hashlib.sha256(str(sample.id).encode()).hexdigest())
            case _:
                return sample

    def page(self, **query: Any) -> Page:
        page = super().page(**query)
        found = [self.shown(one) for one in page.samples]
        if self.lie == "half is hidden":
            return Page(tuple(found[::2]), len(found[::2]))
        return Page(tuple(found), page.total)

    def listed(self, ids: Collection[int]) -> dict[int, RemoteSample]:
        return {sample_id: self.shown(one) for sample_id, one in super().listed(ids).items()}

    def raw(self, sample_id: int) -> Iterator[bytes]:
        for piece in super().raw(sample_id):
            yield piece[:-1] if self.lie == "bytes cut short" else piece

    def sha256_of(self, sample_id: int) -> str:
        return hashlib.sha256(b"".join(self.raw(sample_id))).hexdigest()

    def close(self) -> None: ...

    # --- events on the service

    def begin_anew(self, is_filled: bool) -> None:
        """Reset the ids, so that they belong to samples of other people."""
        numbers, self.samples, self.contents, self._last_id = sorted(self.samples), {}, {}, 100
        for number in numbers if is_filled else ():
            self.add_theirs(number)

    def holds(self) -> set[str]:
        """Return the hashes of the contents that the service really has."""
        return {hashlib.sha256(self.contents[one]).hexdigest() for one in self.samples if one in self.contents}


class Daemon:
    """One eisync: its state folder, and its policy for the folder."""

    def __init__(self, world: "Histories", name: str, watch: str) -> None:
        self.world, self.watch = world, watch
        self.state = world.place / name
        make_state(self.state)
        self.app: App | None = None

    def start(self) -> bool:
        """Start it. Return False if it may not run: another one holds the state folder."""
        world = self.world
        (world.place / "eisync.toml").write_text(
            f'[[watch]]\npath = "{world.root}"\nsettle_s = 0.1\npatience_s = 0.1\n{self.watch}\n'
            "[reconcile]\nguard_percent = 60.0\n"
        )
        environ = {"HOME": str(world.place), "EI_API_KEY": "ei_" + "0" * 64}
        settings = load(environ=environ, cwd=str(world.place), state_dir=str(self.state))

        def service_of(*_: object, on_date: Callable[[str, str | None], None], **__: object) -> Liar:
            world.cloud.tell_time = lambda: on_date("service", formatdate(world.now, usegmt=True))
            return world.cloud

        clock, service = "eisync.adapters.clock.now", "eisync.app.loops.service_of"
        with mock.patch(clock, new=world.clock), mock.patch(service, new=service_of):
            try:
                self.app = build(settings, log=Notebook(), listen=False)
            except EisyncError:
                return False
        return True

    def stop(self) -> None:
        if self.app is not None:
            self.app.close()
        self.app = None

    def work(self) -> None:
        """Run whole passes, as many as actions need to be proposed, confirmed and done."""
        for _ in range(PASSES):
            self.world.now += 400.0
            self.stop()
            if not self.start():
                return
            assert self.app is not None
            clock = mock.patch("eisync.adapters.clock.now", new=self.world.clock)
            with clock, mock.patch("eisync.loops.supervisor.LONGEST_WAIT_S", 0.01):
                once = self.app.once(lambda: None)
                once.run(patience_s=30.0, is_stopped=lambda: False)


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="eisync-only-copy-"))
        self.root, self.archive = self.place / "recordings", self.place / "archive"
        self.root.mkdir()
        self.archive.mkdir()
        self.cloud = Liar()
        self.now = os.stat(self.place).st_ctime + 3600.0
        self.wrong_by_s = 0.0
        self.contents: dict[str, bytes] = {}  # everything that must exist somewhere, by hash
        self.taken_away: set[str] = set()  # by eisync, because the project has it
        self.versions = 0
        self.snapshots = 0

    @initialize(
        after_upload=st.sampled_from(["keep", "delete", "archive"]), on_change=st.sampled_from(["add", "replace"])
    )
    def begin(self, after_upload: str, on_change: str) -> None:
        after = f"archive:{self.archive}" if after_upload == "archive" else after_upload
        options = [f'after_upload = "{after}"', f'on_change = "{on_change}"', "grace_s = 0.0"]
        options += ['on_local_delete = "delete"', 'on_remote_delete = "trash"']
        self.first = Daemon(self, "first", "\n".join(options))
        self.other = Daemon(self, "other", 'on_local_delete = "delete"\non_remote_delete = "trash"')
        assert self.first.start()

    def teardown(self) -> None:
        for daemon in (getattr(self, "first", None), getattr(self, "other", None)):
            if daemon is not None:
                daemon.stop()
        shutil.rmtree(self.place)

    def clock(self) -> float:
        """Return the time of this machine's clock; each read takes a while."""
        self.now += 0.25
        return self.now + self.wrong_by_s

    # --- where contents are

    def here(self) -> set[str]:
        """Return the contents in the folder, its trash and the archive, under any name."""
        found = (path for place in (self.root, self.archive) for path in place.rglob("*") if path.is_file())
        return {hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def recordings(self) -> list[Path]:
        found = (path for path in self.root.rglob("*.csv") if path.is_file())
        return sorted(path for path in found if ".eisync-trash" not in path.parts and not path.name.startswith(".e"))

    def recorded(self) -> set[str]:
        """Return the contents in the folder, outside the trash."""
        return {hashlib.sha256(path.read_bytes()).hexdigest() for path in self.recordings()}

    def let_go(self) -> None:
        """Record that a person has just removed or replaced something: what is missing now, the person removed."""
        there = self.here() | self.cloud.holds()
        self.contents = {digest: body for digest, body in self.contents.items() if digest in there}
        self.taken_away &= self.cloud.holds()

    @invariant()
    def nothing_is_nowhere(self) -> None:
        there = self.here() | self.cloud.holds()
        lost = [body for digest, body in self.contents.items() if digest not in there]
        assert [] == lost

    @invariant()
    def what_eisync_took_away_here_stays_in_the_project(self) -> None:
        """Check that no file that any eisync removed counts as deleted by a person."""
        assert set() == self.taken_away - self.cloud.holds()

    # --- actions of people

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1), keeps_time=st.booleans(), works=st.booleans())
    def record(self, names: set[str], keeps_time: bool, works: bool) -> None:
        """Write new recordings, with the size and perhaps the mtime of those that they replace."""
        for name in sorted(names):
            self.versions += 1
            body = row(10_000 + self.versions)
            path = self.root / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(body)
            if keeps_time:
                os.utime(path, (1_600_000_000, 1_600_000_000))
            self.contents[hashlib.sha256(body).hexdigest()] = body
        self.let_go()
        self.works(works)

    @precondition(lambda self: self.recordings())
    @rule(data=st.data(), works=st.booleans())
    def delete_file(self, data: st.DataObject, works: bool) -> None:
        data.draw(st.sampled_from(self.recordings())).unlink()
        self.let_go()
        self.works(works)

    @precondition(lambda self: self.recordings())
    @rule(data=st.data(), is_copied=st.booleans(), works=st.booleans())
    def move_file(self, data: st.DataObject, is_copied: bool, works: bool) -> None:
        """Move a file by a rename, or by copy and removal."""
        path = data.draw(st.sampled_from(self.recordings()))
        to = self.root / "sorted" / f"{self.versions}.{path.name}"
        to.parent.mkdir(exist_ok=True)
        if is_copied:
            shutil.copy2(path, to)
            path.unlink()
        else:
            path.rename(to)
        self.let_go()  # it may have been renamed over another one
        self.works(works)

    @precondition(lambda self: self.cloud.samples)
    @rule(data=st.data(), works=st.booleans())
    def delete_samples(self, data: st.DataObject, works: bool) -> None:
        for sample_id in data.draw(st.sets(st.sampled_from(sorted(self.cloud.samples)), min_size=1)):
            del self.cloud.samples[sample_id]
        self.let_go()
        self.works(works)

    # --- lies

    @rule(lie=st.none() | st.sampled_from(LIES), works=st.booleans())
    def tell_lies(self, lie: str | None, works: bool) -> None:
        self.cloud.lie = lie
        self.works(works)

    @rule(is_filled=st.booleans(), works=st.booleans())
    def begin_the_service_anew(self, is_filled: bool, works: bool) -> None:
        self.cloud.begin_anew(is_filled)
        self.let_go()  # by whoever did that
        self.works(works)

    @rule(days=st.sampled_from([-400.0, -10.0, 0.0, 40.0, 400.0]), is_restarted=st.booleans(), works=st.booleans())
    def set_the_clock(self, days: float, is_restarted: bool, works: bool) -> None:
        if is_restarted:
            self.first.stop()
        self.wrong_by_s = days * DAY_S
        if is_restarted:
            self.first.start()
        self.works(works)

    @rule()
    def keep_a_snapshot(self) -> None:
        self.first.stop()
        self.snapshots += 1
        shutil.copytree(self.first.state, self.place / f"snapshot-{self.snapshots}")
        self.first.start()

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data(), works=st.booleans())
    def restore_a_snapshot(self, data: st.DataObject, works: bool) -> None:
        number = data.draw(st.integers(1, self.snapshots))
        self.first.stop()
        shutil.rmtree(self.first.state)
        shutil.copytree(self.place / f"snapshot-{number}", self.first.state)
        self.first.start()
        self.works(works)

    # --- what eisync does

    def works(self, works: bool, daemon: Daemon | None = None) -> None:
        """Run one eisync. Files that are missing afterwards, it removed."""
        daemon = daemon or self.first
        if not works or daemon.app is None:
            return
        before, held = self.recorded(), self.cloud.holds()
        daemon.work()
        after = self.recorded()
        self.taken_away = (self.taken_away | (before - after) & held) - after

    @rule()
    def work(self) -> None:
        self.works(True)

    @rule(is_alone=st.booleans(), works=st.booleans())
    def the_other_one_works(self, is_alone: bool, works: bool) -> None:
        """Run the other eisync while the first one runs: it may not start, or not destroy anything."""
        if is_alone:
            self.first.stop()
        self.other.start()
        self.works(True, self.other)
        self.other.stop()
        if is_alone:
            self.first.start()
        self.works(works)


Histories.TestCase.settings = settings(
    max_examples=examples(25),
    stateful_step_count=14,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestNoContentIsEverNowhere = Histories.TestCase
