"""A database that was truncated, or overwritten with noise, is set aside with a clear message and rebuilt.

The project has what was stored before. A rebuilt outbox sends all of it again, and the service's duplicate check
confirms it: no file is stored twice.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eisync.core.lifecycle import State
from eisync.emulator.server import RunningEmulator
from eisync.errors import StateError
from eisync.store.database import FILE_NAME
from tests.conftest import row, sha256

from .rig import Rig, rig

SYNCED, WAITING = 120, 40
TENTHS = range(10)
NOISE = bytes(range(7, 256)) * 20


@dataclass
class Past:
    """A machine with much finished work, and some left when it ended."""

    machine: Rig
    state: Path
    contents: dict[str, bytes]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory, emulator: RunningEmulator) -> Iterator[Past]:
    place = tmp_path_factory.mktemp("past")
    contents = {f"shake.{number:03}.csv": row(number) for number in range(SYNCED + WAITING)}
    with rig(place, emulator) as machine:
        for name in list(contents)[:SYNCED]:
            machine.write(name, contents[name])
        machine.scan()
        machine.drain()
        machine.compare()
        for name in list(contents)[SYNCED:]:
            machine.write(name, contents[name])
        machine.scan()
        assert WAITING == machine.pending()
        machine.app.close()
        shutil.copytree(machine.state, place / "sound")
        yield Past(machine, place / "sound", contents)
        machine.start()


def truncate(database: Path, tenth: int) -> None:
    os.truncate(database, database.stat().st_size * tenth // 10)


def scribble(database: Path, tenth: int) -> None:
    with database.open("r+b") as stream:
        stream.seek(database.stat().st_size * tenth // 10)
        stream.write(NOISE)


@pytest.mark.parametrize("tenth", TENTHS)
@pytest.mark.parametrize("damage", [truncate, scribble], ids=["truncated", "noise"])
def test_a_damaged_database_is_set_aside_and_no_file_is_stored_twice(
    past: Past, damage: Callable[[Path, int], None], tenth: int
) -> None:
    machine, contents = past.machine, past.contents
    shutil.rmtree(machine.state)
    shutil.copytree(past.state, machine.state)
    damage(machine.state / FILE_NAME, tenth)
    machine.log.lines.clear()

    messages: list[str] = []
    for _ in range(2):  # found at opening, or in use and then at the next opening
        try:
            machine.start()
            try:
                machine.scan()
                machine.drain()
                machine.compare()
                states = machine.states()
            finally:
                machine.close()
            break
        except StateError as error:
            messages.append(str(error))

    messages += [str(line.fields["reason"]) for line in machine.log.lines if line.event == "database.set_aside"]
    assert messages, "the damage went unnoticed"
    assert all("damaged" in sentence for sentence in messages)
    assert [f"{FILE_NAME}.damaged-1"] == [path.name for path in machine.state.glob("*.damaged-?")]
    assert dict.fromkeys(contents, State.SYNCED) == states
    assert {sha256(content): 1 for content in contents.values()} == machine.stored()
