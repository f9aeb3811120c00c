import dataclasses
from typing import Any

import pytest

from eisync.core.action_sentences import sentence
from eisync.core.actions import Progress
from eisync.core.clock_step import DAY_S, ClockSetting
from eisync.core.guard import RECENT_S, Guard
from eisync.core.lifecycle import State
from eisync.core.policy import OnRemoteDelete, Policy
from eisync.errors import UnansweredError

from .stage import INTERVAL_S, Stage
from .yard import Yard

SYNCED, TOMBSTONE, READY, GONE = State.SYNCED, State.TOMBSTONE, State.READY, State.GONE
TRASHES = Policy(on_remote_delete=OnRemoteDelete.TRASH)
PATHS = [f"{number:02}.csv" for number in range(20)]
TWO = Guard()  # of twenty


@pytest.fixture
def stage(yard: Yard) -> Stage:
    stage = Stage(yard, guard=TWO)
    stage.put(*PATHS)
    return stage


def delete_there(stage: Stage, *paths: str) -> dict[str, Any]:
    """Delete samples, and run two sweeps that do not find them."""
    for sample_id in stage.samples_of(*paths).values():
        del stage.cloud.samples[sample_id]
    stage.sweep(after_s=INTERVAL_S)
    return stage.sweep(after_s=INTERVAL_S)


def tombstoned(stage: Stage) -> list[str]:
    return sorted(path for path, state in stage.states.items() if state is TOMBSTONE)


def decide(stage: Stage, *, yes: bool) -> None:
    [plan] = stage.actions.plans()
    assert stage.actions.decide(plan.id, is_approved=yes, now=stage.clock.now) == plan.actions


def test_a_few_deletions_in_studio_become_tombstones(stage: Stage) -> None:
    assert 2 == delete_there(stage, *PATHS[:2])["tombstoned"]
    assert (PATHS[:2], []) == (tombstoned(stage), stage.actions.plans())


def test_many_tombstones_wait_for_approval(stage: Stage) -> None:
    report = delete_there(stage, *PATHS[:3])
    assert ([], 0, 3) == (tombstoned(stage), report["tombstoned"], report["waiting"])
    assert ("plan 1 waits for your approval: it would affect 3 of 20 files; at most 2 without your approval") in report[
        "details"
    ][-1]
    for _ in range(3):
        stage.sweep(after_s=INTERVAL_S)  # and go on waiting, under the same number
    [plan] = stage.actions.plans()
    assert ([], 1, 3, "tombstones") == (tombstoned(stage), plan.id, plan.actions, plan.about)
    stage.start()
    stage.sweep(after_s=INTERVAL_S)
    assert [1] == [plan.id for plan in stage.actions.plans()]


def test_approved_they_are_tombstones_and_nothing_is_sent(stage: Stage) -> None:
    delete_there(stage, *PATHS[:3])
    decide(stage, yes=True)
    report = stage.sweep()
    assert (PATHS[:3], 3, 3) == (tombstoned(stage), report["tombstoned"], report["done"])
    stage.scan()
    stage.send()
    assert 17 == len(stage.cloud.samples)


def test_rejected_they_are_sent_again(stage: Stage) -> None:
    delete_there(stage, *PATHS[:3])
    stage.yard.path(PATHS[2]).unlink()
    stage.scan()
    decide(stage, yes=False)
    for _ in range(2):
        stage.follow()
        stage.send()
    stage.sweep()
    assert (GONE, [], 19) == (stage.states[PATHS[2]], tombstoned(stage), len(stage.cloud.samples))
    assert {SYNCED} == {stage.states[path] for path in PATHS if path != PATHS[2]}
    assert [] == stage.actions.plans()


def test_samples_that_are_listed_again_need_no_approval(stage: Stage) -> None:
    before = dict(stage.cloud.samples)
    delete_there(stage, *PATHS)
    assert 20 == stage.actions.plans()[0].actions
    stage.cloud.samples = before
    stage.sweep(after_s=INTERVAL_S)
    assert ([], []) == (tombstoned(stage), stage.actions.plans())
    assert stage.actions.vanished(["main"]).files == 0


def test_a_sample_that_exists_when_the_plan_is_carried_out_makes_no_tombstone(stage: Stage) -> None:
    before = dict(stage.cloud.samples)
    delete_there(stage, *PATHS[:3])
    decide(stage, yes=True)
    stage.cloud.samples = before
    stage.ask(after_s=1.0)
    assert [] == tombstoned(stage)
    assert {Progress.DROPPED} == set(stage.progress())


def test_an_unlisted_sample_that_is_known_by_its_id_makes_no_tombstone(stage: Stage) -> None:
    known = dict(stage.cloud.samples)
    stage.cloud.is_there = known.__contains__  # type: ignore[method-assign, assignment]
    delete_there(stage, *PATHS[:9])
    assert ([], []) == (tombstoned(stage), stage.actions.plans())


def test_the_limits_of_an_hour_and_a_day_hold_for_spread_deletions(stage: Stage) -> None:
    for at in range(0, 20, 2):
        delete_there(stage, *PATHS[at : at + 2])
        stage.start()
    assert PATHS[:2] == tombstoned(stage)
    assert 18 == stage.actions.plans()[0].actions


def test_actions_on_files_and_tombstones_are_counted_separately(yard: Yard) -> None:
    stage = Stage(yard, dataclasses.replace(TRASHES, deletes_samples=True), guard=TWO)
    stage.put(*PATHS)
    delete_there(stage, *PATHS[:2])
    assert PATHS[:2] == stage.trashed()
    assert ([], 2) == (stage.actions.plans(), len(stage.all_acts()))


def test_each_folder_has_its_own_share(yard: Yard) -> None:
    stage = Stage(yard, guard=Guard())
    stage.put(*(f"{number:03}.csv" for number in range(100)))
    small = yard.outbox.register([(yard.root.path, "main"), ("/data/small", "main")])[1]
    with yard.database.transaction() as connection:
        connection.execute("update file set root_id = ? where name < cast('010' as blob)", (small.id,))
    stage.policies[small.id] = Policy()
    stage.rebuild()
    rows = yard.database._connection.execute("select sample_id from file_sample order by file_id limit 2").fetchall()
    for row in rows:
        del stage.cloud.samples[row["sample_id"]]
    for _ in range(2):
        report = stage.sweep(after_s=INTERVAL_S)
    assert "it would affect 2 of 10 files in /data/small; at most 1 without your approval" in report["details"][-1]


def test_an_emptied_project_is_reported_as_such(stage: Stage) -> None:
    report = delete_there(stage, *PATHS)
    assert report["details"][-1].startswith(
        "plan 1 waits for your approval: it would affect 20 of 20 files; at most 2 without your approval; "
    )
    assert "the project is empty now; it held 20 samples of these files" in report["details"][-1]
    vanished = stage.actions.vanished(["main"])
    assert (20, {"main": ("the project is empty now; it held 20 samples of these files")}) == (
        vanished.files,
        vanished.emptied,
    )
    decide(stage, yes=True)
    stage.sweep()
    assert {} == stage.actions.vanished(["main"]).emptied


def test_an_emptied_project_is_reported_after_the_first_listing(stage: Stage) -> None:
    stage.cloud.samples.clear()
    stage.sweep(after_s=INTERVAL_S)
    assert {"main": ("the project is empty now; it held 20 samples of these files")} == stage.actions.vanished(
        ["main"]
    ).emptied


def test_approving_tombstones_approves_the_actions_that_follow(yard: Yard) -> None:
    stage = Stage(yard, TRASHES, guard=TWO)
    stage.put(*PATHS)
    delete_there(stage, *PATHS[:5])
    [plan] = stage.actions.plans()
    reported = sentence(stage.actions.of_plan(plan.id)[0].action)
    assert f"move {stage.yard.path(PATHS[0])} to the trash: its sample was deleted in the project" == reported
    decide(stage, yes=True)
    report = stage.sweep()
    assert (PATHS[:5], 5, []) == (stage.trashed(), report["done"], stage.actions.plans())
    # And nothing else.
    delete_there(stage, *PATHS[5:8])
    assert PATHS[:5] == stage.trashed()


def test_a_network_failure_leaves_approved_actions_to_the_next_pass(stage: Stage) -> None:
    delete_there(stage, *PATHS[:3])
    decide(stage, yes=True)
    is_there = stage.cloud.is_there

    def broken(sample_id: int) -> bool:
        raise UnansweredError("no answer came")

    stage.cloud.is_there = broken  # type: ignore[method-assign]
    stage.ask()
    assert ([], "no answer came") == (tombstoned(stage), stage.trouble)
    stage.cloud.is_there = is_there  # type: ignore[method-assign]
    stage.sweep()
    assert PATHS[:3] == tombstoned(stage)


def test_approved_actions_are_not_proposed_again_before_they_are_done(stage: Stage) -> None:
    delete_there(stage, *PATHS[:3])
    decide(stage, yes=True)
    stage.sweep(after_s=INTERVAL_S)  # a whole sweep, and the actions behind it
    assert ([], {Progress.DONE}) == (stage.actions.plans(), set(stage.progress()))
    assert {1} == {written.plan_id for written in stage.all_acts()}


class Doubtful:
    """A clock in doubt."""

    def why_doubt(self) -> str | None:
        return "the clock is wrong"

    def setting(self) -> ClockSetting:
        return ClockSetting()

    setting_of_days = setting


def test_no_window_of_the_guard_runs_on_a_clock_in_doubt(stage: Stage) -> None:
    stage.times = Doubtful()
    stage.rebuild()
    report = delete_there(stage, PATHS[0])
    assert [] == tombstoned(stage)
    assert any("the clock is wrong" in line for line in report["details"])


@pytest.mark.parametrize(("after_s", "is_over"), [(RECENT_S - 700.0, False), (RECENT_S + 10.0, True)])
def test_after_an_hour_a_few_more_tombstones_are_allowed(stage: Stage, after_s: float, is_over: bool) -> None:
    delete_there(stage, *PATHS[:2])
    stage.clock.now += after_s
    delete_there(stage, PATHS[2])
    assert is_over == (PATHS[:3] == tombstoned(stage))


def test_a_day_allows_three_times_the_limit_of_an_hour(stage: Stage) -> None:
    for at in range(0, 10, 2):
        stage.clock.now += RECENT_S + 10.0
        delete_there(stage, *PATHS[at : at + 2])
    assert PATHS[:6] == tombstoned(stage)
    stage.clock.now += DAY_S
    stage.actions.decide(stage.actions.plans()[0].id, is_approved=False, now=stage.clock.now)
