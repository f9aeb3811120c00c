"""A file with a name in info.labels has this name at the service, whatever happens to the machine."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from eisync.core.lifecycle import State
from eisync.emulator.server import RunningEmulator
from eisync.loops.reconciler.identification import DOUBT_S
from tests.conftest import row

from .rig import Rig, rig

FILES = 4
ACCOUNT = "info.labels"


@pytest.fixture
def machine(tmp_path: Path, emulator: RunningEmulator) -> Iterator[Callable[..., Rig]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(rig(tmp_path, emulator, **options))


def long_name(number: int) -> str:
    return f"training/idle.{number}.csv.4ooensbh.ingestion-7f9566b7b4-rjrqz.csv"


def account(*entries: tuple[str, str]) -> bytes:
    said = [{"path": path, "name": name, "label": {"type": "label", "label": "still"}} for path, name in entries]
    return json.dumps({"version": 1, "files": said}).encode()


def filled(one: Rig) -> dict[str, bytes]:
    one.write(ACCOUNT, account(*((long_name(number), f"idle.{number}") for number in range(FILES))))
    contents = {name: one.write(name) for name in map(long_name, range(FILES))}
    one.scan()
    return contents


def names(one: Rig) -> list[str]:
    """Return the names of the samples, as the service lists them."""
    return sorted(one.sample(path)["filename"] for path in one.files())


EXPECTED = [f"idle.{number}" for number in range(FILES)]


@pytest.mark.parametrize("batch_files", [1, FILES])
def test_the_name_in_info_labels_is_sent(machine: Callable[..., Rig], batch_files: int) -> None:
    one = machine(options={"batch_files": batch_files})
    contents = filled(one)
    one.drain()
    one.judge(contents)
    assert EXPECTED == names(one)
    one.compare()
    assert [[], [], [], []] == [record["there"] for record in one.files().values()]


@pytest.mark.parametrize("fault", ["withhold", "reset_after", "truncate"])
@pytest.mark.parametrize("crashes", [False, True])
def test_a_doubtful_file_is_searched_by_that_name(machine: Callable[..., Rig], fault: str, crashes: bool) -> None:
    one = machine(options={"allow_duplicates": True})
    contents = filled(one)
    one.faults({"kind": fault})
    if crashes:
        one.crash_under_way()
    else:
        one.round()
    assert {State.DOUBTFUL} == set(one.states().values())
    one.faults()
    one.now += DOUBT_S
    one.compare()
    one.drain()
    one.judge(contents)
    assert EXPECTED == names(one)


def test_files_in_a_request_may_be_given_one_name(machine: Callable[..., Rig]) -> None:
    one = machine(options={"allow_duplicates": True})
    one.write(ACCOUNT, account(("a.csv", "same"), ("b.csv", "same")))
    contents = {name: one.write(name, row(number)) for number, name in enumerate(("a.csv", "b.csv"))}
    one.scan()
    one.faults({"kind": "withhold"})
    one.round()
    one.faults()
    one.now += DOUBT_S
    one.compare()
    one.drain()
    one.judge(contents)
    assert ["same", "same"] == names(one)
