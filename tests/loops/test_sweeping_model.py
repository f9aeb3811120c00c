"""People, other tools, the network and crashes change a project: when it is quiet, index and project agree."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eisync.core.lifecycle import State
from eisync.core.model import Page, RemoteSample
from eisync.errors import StudioError, UnansweredError
from eisync.store.mirror import Mirrored
from tests.examples import examples
from tests.fakes import Cloud

from .test_reconciler import Sweep, project, synced
from .yard import Yard

PAGE = 3


class Moody(Cloud):
    """A service that fails, or lists too few samples, once in so many pages."""

    def __init__(self) -> None:
        super().__init__()
        self.changed_at = 1.0
        self.failures: dict[int, str] = {}
        self.pages = 0
        self.listed_ids: set[int] = set()

    def page(self, *, filename: str | None = None, **more: Any) -> Page:
        self.pages += 1
        failure = self.failures.pop(self.pages, None)
        if failure == "silent":
            raise UnansweredError("no answer")
        if failure == "refused":
            raise StudioError("not now", status=200)
        page = super().page(filename=filename, **more)
        if failure == "empty":
            return Page((), page.total)
        self.listed_ids |= {sample.id for sample in page.samples}
        return page


class Project(RuleBasedStateMachine):
    """Files that arrived, samples of others, and a reconciler that is killed now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.yard = Yard(self.place)
        self.cloud = Moody()
        self.files: dict[str, int] = {}
        self.deleted: dict[int, RemoteSample] = {}
        self.ever_unlisted: set[int] = set()  # deleted at least once before any listing showed them
        self.sweep = self.started()

    def teardown(self) -> None:
        self.quiet()
        self.yard.close()
        shutil.rmtree(self.place)

    def started(self) -> Sweep:
        sweep = Sweep(self.yard, project(self.cloud, page_size=PAGE))
        sweep.clock = self.sweep.clock if hasattr(self, "sweep") else sweep.clock
        sweep.loop._clock = sweep.clock
        return sweep

    def touch(self) -> None:
        self.cloud.changed_at = (self.cloud.changed_at or 0.0) + 1.0

    @rule()
    def upload(self) -> None:
        path = f"{len(self.files)}.csv"
        self.yard.later = max(self.yard.later, self.sweep.clock.now)
        self.files |= synced(self.yard, self.cloud, path)
        self.touch()

    @rule()
    def others_upload(self) -> None:
        self.cloud.add(f"other.{len(self.cloud.samples)}.csv", "f" * 64)
        self.touch()

    @precondition(lambda self: self.cloud.samples)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        for sample_id in data.draw(st.sets(st.sampled_from(sorted(self.cloud.samples)), min_size=1)):
            self.deleted[sample_id] = self.cloud.samples.pop(sample_id)
            if sample_id not in self.cloud.listed_ids:
                self.ever_unlisted.add(sample_id)
        self.touch()

    @precondition(lambda self: self.deleted)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        sample_id = data.draw(st.sampled_from(sorted(self.deleted)))
        self.cloud.samples[sample_id] = self.deleted.pop(sample_id)
        self.touch()

    @precondition(lambda self: self.cloud.samples)
    @rule(data=st.data(), label=st.sampled_from(["x", "y", None]), is_disabled=st.booleans())
    def edit(self, data: st.DataObject, label: str | None, is_disabled: bool) -> None:
        sample_id = data.draw(st.sampled_from(sorted(self.cloud.samples)))
        sample = self.cloud.samples[sample_id]
        category = "testing" if is_disabled else "training"
        self.cloud.samples[sample_id] = replace(sample, label=label, is_disabled=is_disabled, category=category)
        self.touch()

    @rule(after=st.integers(1, 6), failure=st.sampled_from(["silent", "refused", "empty"]))
    def go_wrong(self, after: int, failure: str) -> None:
        self.cloud.failures[self.cloud.pages + after] = failure

    @rule(ticks=st.integers(1, 8))
    def tick(self, ticks: int) -> None:
        self.sweep.clock.now += 300.0
        for _ in range(ticks):
            self.sweep.loop.tick(self.sweep.clock.now)

    @rule()
    def run(self) -> None:
        self.sweep.run(after_s=300.0)

    @rule()
    def die(self) -> None:
        self.sweep = self.started()

    @invariant()
    def nothing_is_a_tombstone_that_was_never_deleted(self) -> None:
        tombstoned = {path for path, state in self.yard.states().items() if state is State.TOMBSTONE}
        ever = self.__dict__.setdefault("ever", set())
        ever |= {path for path, sample_id in self.files.items() if sample_id in self.deleted}
        assert tombstoned <= ever

    def possible(self, sample_id: int) -> set[State]:
        """Return the allowed states of the file. One that did not seem to arrive waits, or was sent again."""
        if sample_id in self.ever_unlisted:
            return {State.SETTLING, State.SYNCED, State.TOMBSTONE}
        return {State.SYNCED if sample_id in self.cloud.samples else State.TOMBSTONE}

    def quiet(self) -> None:
        self.cloud.failures.clear()
        for _ in range(6):
            self.sweep.run(after_s=300.0)
        for path, state in self.yard.states().items():
            assert state in self.possible(self.files[path]), path
        known = Mirrored(self.yard.database).slice(
            "main", low=0, high=1 << 62, generation=None, began_at=0.0, limit=10_000
        )
        assert self.cloud.samples == {one.sample.id: one.sample for one in known.indexed if not one.is_gone}
        questions = self.cloud.questions
        self.sweep.run(after_s=300.0)
        assert 2 == self.cloud.questions - questions


TestProject = Project.TestCase
TestProject.settings = settings(max_examples=examples(60), stateful_step_count=30)
