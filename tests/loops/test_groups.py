"""Files of one group get one category: after the listing and the scan, for good, and whatever the order."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisync.core.ignore import IgnoreRules
from eisync.core.labels.path_rules import PathRules
from eisync.core.labels.rules import LabelRules, Rule
from eisync.core.labels.split import Split
from eisync.core.lifecycle import State
from eisync.core.listing import Learn
from eisync.core.model import Category, RemoteSample
from eisync.loops.watcher import groups as module
from eisync.store.descriptions import Descriptions
from eisync.store.mirror import Mirrored
from tests.examples import examples

from .yard import Yard, run

PATTERN = Split(by=r"(?P<group>s\d+)_", testing=20)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    yard.close()


def fill(yard: Yard, *groups: int, files: int = 2, label: str = "walk") -> None:
    for group in groups:
        for number in range(files):
            yard.write(f"{label}.s{group:02d}_{number}.csv", f"{group} {number}".encode())


def categories(yard: Yard) -> dict[str, set[str]]:
    """Return the categories of each group, of the files in the outbox."""
    found: dict[str, set[str]] = {}
    for path, record in yard.records().items():
        if record["state"] != State.SETTLING.value:
            found.setdefault(path.partition("_")[0].rpartition(".")[2], set()).add(record["category"])
    return found


def metadata(yard: Yard, path: str) -> dict[str, str]:
    """Return the metadata that is sent with the file."""
    (found,) = Descriptions(yard.database).at(yard.root.id, [path])
    return dict(found.description.metadata)


def listed(yard: Yard, *samples: tuple[int, str, str], at: float) -> None:
    """The project is listed: id, group, category."""
    remote = [
        RemoteSample(id=identity, filename="x", category=category, label="walk", metadata=(("group", key),))
        for identity, key, category in samples
    ]
    mirrored = Mirrored(yard.database)
    mirrored.apply("main", [Learn(one) for one in remote], generation=None, now=at)
    progress = mirrored.begin_sweep("main", modified_at=None, now=at)
    mirrored.finish_sweep("main", progress, now=at)


def reasons(loop: Any, now: float) -> set[str]:
    return {one.reason for one in loop.unsettled(now)}


def test_groups_go_together_and_a_fifth_is_for_testing(yard: Yard) -> None:
    fill(yard, *range(10))
    run(yard.watcher(split=PATTERN), yard.later)
    assert {("training",): 8, ("testing",): 2} == Counter(tuple(one) for one in categories(yard).values())
    assert {"group": "s03"} == metadata(yard, "walk.s03_0.csv")


def test_a_decision_holds_for_later_files_and_later_processes(yard: Yard) -> None:
    fill(yard, *range(10))
    run(yard.watcher(split=PATTERN), yard.later)
    before = categories(yard)
    for number in range(10):
        yard.write(f"run.s{number:02d}_9.csv", b"later %d" % number)
    run(yard.watcher(split=PATTERN), yard.later + 60.0)
    assert 30 == len(yard.states())
    assert before == categories(yard)


def test_a_late_group_joins_the_category_that_is_short(yard: Yard) -> None:
    fill(yard, *range(10))
    loop = yard.watcher(split=PATTERN)
    run(loop, yard.later)
    training = [key for key, one in categories(yard).items() if one == {"training"}]
    fill(yard, *(int(key[1:]) for key in training), files=12, label="run")
    yard.fake_events.of(1).folders.add("")
    run(loop, yard.later + 5000.0)  # the next count sees how many files there are
    fill(yard, 77, files=4, label="run")
    yard.fake_events.of(1).folders.add("")
    run(loop, yard.later + 9000.0)
    assert {"testing"} == categories(yard)["s77"]


def test_files_wait_for_the_first_listing_of_the_project(yard: Yard) -> None:
    fill(yard, 1, 2)
    loop = yard.watcher(split=PATTERN, is_compared=True)
    run(loop, yard.later)
    assert {} == categories(yard)
    assert loop.wants_listing
    assert any("waits for the first listing of the project, because its group s01" in one for one in reasons(loop, 0.0))
    assert loop.stuck() is None

    listed(yard, (70, "s01", "testing"), (71, "s09", "training"), at=yard.later + 1.0)
    run(loop, yard.later + 2.0)
    assert {"s01": {"testing"}, "s02": {"training"}} == categories(yard)
    assert not loop.wants_listing


def test_a_listing_of_before_the_start_is_not_enough(yard: Yard) -> None:
    fill(yard, 1)
    listed(yard, at=yard.later - 1.0)
    loop = yard.watcher(split=PATTERN, is_compared=True)
    run(loop, yard.later)
    assert {} == categories(yard)


def test_a_project_that_cannot_be_listed_needs_a_person(yard: Yard) -> None:
    fill(yard, 1)
    yard.index.note_trouble("main", "the key may not list samples")
    loop = yard.watcher(split=PATTERN, is_compared=True)
    run(loop, yard.later)
    run(loop, yard.later + 61.0)
    (reason,) = reasons(loop, yard.later)
    expected = "the project cannot be listed: the key may not list samples. reconcile.enabled = false decides without"
    assert expected in reason.replace("decides without it", "decides without")
    assert 0 == loop.stuck()


def test_what_is_said_of_a_file_wins_and_fixes_its_group(yard: Yard) -> None:
    yard.write("test/walk.s01_0.csv", b"0")
    yard.write("walk.s01_1.csv", b"1")
    yard.write("anomaly/walk.s02_0.csv", b"2")
    yard.write("walk.s02_1.csv", b"3")
    fill(yard, *range(3, 10))
    run(yard.watcher(split=PATTERN), yard.later)
    assert {"testing"} == categories(yard)["s01"]
    assert {"anomaly", "training"} == categories(yard)["s02"], "anomalies are apart from the others"
    (facts,) = yard.index.groups.find("main", "group", ["s01"]).values()
    assert module.SAID == facts.why


def test_a_group_of_which_two_categories_are_said_straddles_and_is_noted(yard: Yard) -> None:
    yard.write("test/walk.s01_0.csv", b"0")
    yard.write("train/walk.s01_1.csv", b"1")
    yard.write("walk.s01_2.csv", b"2")
    run(yard.watcher(split=PATTERN), yard.later)
    assert {"testing", "training"} == categories(yard)["s01"]
    assert ["s01"] == [one.key for one in yard.index.groups.straddling("main", limit=9)]
    assert "training" == yard.record("walk.s01_2.csv")["category"]


def test_files_without_a_group_do_not_wait(yard: Yard) -> None:
    yard.write("walk.csv")
    run(yard.watcher(split=PATTERN, is_compared=True), yard.later)
    assert {"walk.csv": State.READY} == yard.states()
    assert "split" == yard.record("walk.csv")["category"]


@pytest.mark.parametrize(
    ("split", "key"), [(Split(by="subject", testing=20), "s01"), (Split(by="folder", testing=20), "gym")]
)
def test_a_group_by_metadata_or_by_folder(yard: Yard, split: Split, key: str) -> None:
    yard.write("gym/s01 walk.csv", b"1")
    rules = LabelRules(PathRules("folder"), (Rule(pattern=r"(?P<subject>s\d+) "),))
    run(yard.watcher(split=split, labelling=rules), yard.later)
    assert "training" == yard.record("gym/s01 walk.csv")["category"]
    assert [key] == [one.key for one in yard.index.groups.every("main", split.name, limit=9)]


def test_waiting_files_are_divided_when_a_split_is_configured(yard: Yard) -> None:
    fill(yard, *range(10))
    run(yard.watcher(), yard.later)
    assert {("split",)} == {tuple(one) for one in categories(yard).values()}
    run(yard.watcher(split=PATTERN), yard.later + 60.0)
    assert {("training",): 8, ("testing",): 2} == Counter(tuple(one) for one in categories(yard).values())
    assert {State.READY} == set(yard.states().values())


def test_a_truncated_file_gets_the_category_of_its_group_later(yard: Yard) -> None:
    yard.write("walk.s01_0.wav", b"RIFF\x00\x10\x00\x00WAVE")
    loop = yard.watcher(split=PATTERN)
    run(loop, yard.later + 1000.0)
    assert {"walk.s01_0.wav": State.QUARANTINED} == yard.states()
    run(loop, yard.later + 1002.0)
    assert "training" == yard.record("walk.s01_0.wav")["category"]
    assert {"group": "s01"} == metadata(yard, "walk.s01_0.wav")


def test_a_truncated_file_gets_its_category_also_in_the_next_process(yard: Yard) -> None:
    yard.write("walk.s01_0.wav", b"RIFF\x00\x10\x00\x00WAVE")
    run(yard.watcher(split=PATTERN, is_compared=True), yard.later + 1000.0)
    assert "split" == yard.record("walk.s01_0.wav")["category"]
    loop = yard.watcher(split=PATTERN, is_compared=True)
    run(loop, yard.later + 2000.0)
    listed(yard, (7, "s01", "testing"), at=yard.later + 2001.0)
    run(loop, yard.later + 2002.0)
    run(loop, yard.later + 2004.0)
    assert "testing" == yard.record("walk.s01_0.wav")["category"]
    assert {"walk.s01_0.wav": State.QUARANTINED} == yard.states()


def test_a_group_that_another_machine_sent_meanwhile_stays_where_it_is(yard: Yard) -> None:
    fill(yard, *range(10))
    loop = yard.watcher(split=PATTERN)
    run(loop, yard.later)
    listed(yard, (70, "s44", "testing"), (71, "s45", "training"), at=yard.later + 50.0)
    fill(yard, 44, 45)
    yard.fake_events.of(1).folders.add("")
    run(loop, yard.later + 61.0)
    assert [{"testing"}, {"training"}] == [categories(yard)[key] for key in ("s44", "s45")]


def test_the_files_that_wait_are_bounded(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    fill(yard, *range(10))
    loop = yard.watcher(split=PATTERN, eligibility=IgnoreRules())
    run(loop, yard.later)
    assert 10 == len(categories(yard))
    assert {1} == {len(one) for one in categories(yard).values()}


def test_what_is_known_in_memory_is_bounded(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_KNOWN", 2)
    fill(yard, *range(6))
    for number in range(6):
        yard.write(f"test/walk.s9{number}_0.csv", b"said %d" % number)
    loop = yard.watcher(split=PATTERN)
    run(loop, yard.later)
    fill(yard, *range(6), label="run")
    yard.fake_events.of(1).folders.add("")
    run(loop, yard.later + 100.0)
    assert {1} == {len(one) for one in categories(yard).values()}


def test_a_file_that_disappears_does_not_decide(yard: Yard) -> None:
    fill(yard, 1, 2)
    loop = yard.watcher(split=PATTERN, is_compared=True)
    run(loop, yard.later)
    yard.path("walk.s01_0.csv").unlink()
    yard.path("walk.s01_1.csv").unlink()
    run(loop, yard.later + 120.0)
    listed(yard, at=yard.later + 121.0)
    run(loop, yard.later + 122.0)
    assert {"s02": {"training"}} == categories(yard)
    assert {} == yard.index.groups.find("main", "group", ["s01"])


@settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), max_size=12), min_size=1, max_size=4),
    st.randoms(),
)
def test_no_group_straddles_whatever_arrives_when(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, int]]], dice: random.Random
) -> None:
    yard = Yard(tmp_path_factory.mktemp("yard"))
    try:
        now, loop, before = yard.later, None, dict[str, set[str]]()
        for batch in batches:
            for group, number in batch:
                yard.write(f"walk.s{group:02d}_{number}.csv", f"{group} {number}".encode())
            if loop is None or dice.random() < 0.5:
                loop = yard.watcher(split=PATTERN)  # another process
            else:
                yard.fake_events.of(1).folders.add("")
            now += dice.choice([100.0, 5000.0])
            run(loop, now)
            found = categories(yard)
            assert all(
                len(one) == 1 and one <= {Category.TRAINING.value, Category.TESTING.value} for one in found.values()
            )
            assert before.items() <= found.items()
            before = found
    finally:
        yard.close()
