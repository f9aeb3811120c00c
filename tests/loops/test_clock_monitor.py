from typing import Any

import pytest

from eisync.core.clock_step import DAY_S, ClockReading, KnownTime, ServiceTime
from eisync.errors import StateError
from eisync.loops.clock_monitor import STORE_EVERY_S, ClockMonitor
from eisync.store.continuity import ClockNotes

from .yard import Yard


class Machine:
    """A machine: its clock, a service with the right time, and processes over one database."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.true, self.ahead_s = 1_000_000_000.0, 0.0
        self.tellings: list[ServiceTime] = []
        self.start()

    def start(self) -> None:
        self.tellings.clear()
        self.keeper = ClockMonitor(
            ClockNotes(self.yard.database),
            lambda: self.tellings,
            clock=lambda: self.true + self.ahead_s,
            steady=lambda: self.true - 5.0,
            log=self.yard.log,
        )

    def answer(self) -> None:
        self.tellings = [ServiceTime("host", self.true, ClockReading(self.true + self.ahead_s, self.true - 5.0))]

    def remembered(self) -> Any:
        return ClockNotes(self.yard.database).remembered()


@pytest.fixture
def machine(yard: Yard) -> Machine:
    return Machine(yard)


def test_nothing_is_trusted_before_a_service_has_answered(machine: Machine) -> None:
    assert "no service has reported the time" in str(machine.keeper.why_doubt())
    assert not machine.keeper.is_wrong
    machine.answer()
    assert machine.keeper.why_doubt() is None
    assert ["clock.trusted"] == [event for event in machine.yard.log.events() if event.startswith("clock")]


def test_a_wrong_clock_is_logged_once_and_known_after_a_restart(machine: Machine) -> None:
    machine.ahead_s = 400 * DAY_S
    assert machine.keeper.why_doubt() is not None
    machine.answer()
    for _ in range(3):
        assert "400 days ahead of that of host" in str(machine.keeper.why_doubt())
    machine.start()
    assert machine.remembered().was_wrong
    machine.ahead_s = 0.0
    machine.answer()
    assert machine.keeper.why_doubt() is None
    setting = machine.keeper.setting_of_days()
    assert 0.0 <= setting.counts_from - machine.true <= 60.0
    assert setting.age_s(machine.true - DAY_S, machine.true) <= 0.0
    assert machine.keeper.setting().age_s(machine.true + 400 * DAY_S, machine.true) <= 0.0
    machine.start()
    assert setting == machine.keeper.setting_of_days()
    assert ["clock.doubted"] == [event for event in machine.yard.log.events() if event == "clock.doubted"]


def test_the_time_is_stored_only_now_and_then(machine: Machine) -> None:
    machine.answer()
    machine.keeper.why_doubt()
    first = machine.remembered().seen_at
    machine.true += STORE_EVERY_S - 1.0
    machine.keeper.why_doubt()
    assert first == machine.remembered().seen_at
    machine.true += 1.0
    machine.keeper.why_doubt()
    assert machine.true == machine.remembered().seen_at


def test_the_clock_is_judged_even_if_the_state_cannot_be_written(machine: Machine) -> None:
    class Full(ClockNotes):
        def remember(self, remembered: KnownTime) -> None:
            raise StateError("the disk is full")

    machine.answer()
    keeper = ClockMonitor(
        Full(machine.yard.database),
        lambda: machine.tellings,
        clock=lambda: machine.true,
        steady=lambda: machine.true - 5.0,
        log=machine.yard.log,
    )
    assert keeper.why_doubt() is None


def test_a_state_without_a_time_has_none(machine: Machine) -> None:
    assert machine.remembered() is None
