"""Uploads that an executor of other machines runs: what is lost on the way is no fault of the target."""

from typing import Any

import pytest

from eisync.core.lifecycle import State
from eisync.core.wire import Envelope, UploadReply
from eisync.errors import FileGoneError, UnansweredError, UnreachableError
from eisync.loops.uploader.target_state import THREADLESS_S, Remote
from tests.fakes import Bench, Cloud

from .test_uploader import Drain, Threadless, names, target_queue
from .yard import Yard


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def remote(cloud: Cloud) -> Remote:
    def work_of(envelope: Envelope) -> "Sent":
        return Sent(cloud, envelope)

    return work_of


class Sent:
    """The upload of an envelope, as another machine does it."""

    def __init__(self, cloud: Cloud, envelope: Envelope) -> None:
        self.cloud = cloud
        self.envelope = envelope

    def __call__(self) -> UploadReply:
        return self.cloud.upload(self.envelope)


def cluster_of(yard: Yard, cloud: Cloud, machines: Bench, **more: Any) -> Drain:
    drain = Drain(yard, target_queue(cloud, remote=remote(cloud), **more))
    drain.loop._workers._uploads = machines
    return drain


def test_only_uploads_go_to_the_other_machines(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(3))
    machines = Bench()
    drain = cluster_of(yard, cloud, machines)
    drain.run()
    assert 1 == len(machines.waiting)
    assert {State.SENDING} == set(yard.states().values())
    machines.run()
    drain.run()
    assert {State.SYNCED} == set(yard.states().values())
    assert [names(3)] == cloud.uploads


@pytest.mark.parametrize(
    ("error", "allows_duplicates", "state"),
    [
        (UnreachableError("the worker w cannot send"), False, State.READY),
        (UnreachableError("the worker w cannot send"), True, State.READY),
        (UnansweredError("the worker w was lost"), False, State.READY),  # the service refuses what it has
        (UnansweredError("the worker w was lost"), True, State.DOUBTFUL),  # only the listing can tell
    ],
)
def test_what_a_lost_worker_had_is_doubtful_unless_it_certainly_sent_nothing(
    yard: Yard, cloud: Cloud, error: Exception, allows_duplicates: bool, state: State
) -> None:
    yard.fill("a.csv", "b.csv")
    machines = Bench()
    drain = cluster_of(yard, cloud, machines, allow_duplicates=allows_duplicates)
    drain.jitter = 0.5
    drain.run()
    cloud.upload_trouble = error
    machines.run()
    drain.run()
    assert {"a.csv": state, "b.csv": state} == yard.states()
    assert [str(error), 1] == [yard.record("a.csv")[name] for name in ("reason", "attempts")]
    assert "worker.lost" in yard.log.events()
    assert {} == drain.loop.holds(drain.now)  # the target is not the cause


def test_lost_files_are_sent_again_by_another_worker(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(3))
    machines = Bench()
    drain = cluster_of(yard, cloud, machines)
    drain.run()
    cloud.upload_trouble = UnansweredError("the worker w was lost")
    machines.run()
    cloud.upload_trouble = None
    drain.run()
    drain.run(after_s=10.0)
    machines.run()
    drain.run()
    assert {State.SYNCED} == set(yard.states().values())
    assert names(3) == sorted(name for request in cloud.uploads for name in request)


def test_a_file_that_is_gone_everywhere_is_gone(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    machines = Bench()
    drain = cluster_of(yard, cloud, machines)
    drain.run()
    [future] = [future for future, _ in machines.waiting]
    future.set_exception(FileGoneError("the file is gone", item_id=1))
    drain.run()
    assert {"a.csv": State.GONE} == yard.states()


def test_without_a_worker_files_wait_with_the_reason_of_the_cluster(yard: Yard, cloud: Cloud) -> None:
    class Away(Threadless):
        def submit(self, fn: object, /, *args: object, **kwargs: object) -> object:  # type: ignore[override]
            if not self.free:
                raise RuntimeError("the Dask scheduler has no worker")
            return Bench.submit(self, fn, *args, **kwargs)  # type: ignore[arg-type]

    yard.fill(*names(3))
    machines = Away()
    drain = cluster_of(yard, cloud, machines)
    drain.run()
    assert {State.READY} == set(yard.states().values())
    assert {"main": "the Dask scheduler has no worker"} == drain.loop.holds(drain.now)
    machines.free = 1
    drain.run(after_s=THREADLESS_S)
    machines.run()
    drain.run()
    assert {State.SYNCED} == set(yard.states().values())
    assert {} == drain.loop.holds(drain.now)
