from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eisync.core.notifications import Patience
from eisync.errors import NotificationError, StateError
from eisync.loops.notifier import NotifierLoop, NotifierOptions, Situation
from eisync.store.ledgers import Ledgers
from tests.core.test_problems import STATUS
from tests.fakes import Notebook

NOW = 1_000_000.0
PLAN = {**STATUS, "sentence": "All is well.", "plans": [{"actions": 3}]}
WELL = {**STATUS, "sentence": "All is well."}


class Desk:
    """A notifier with two channels, over a folder that outlives it."""

    def __init__(self, folder: Path) -> None:
        self.status: Mapping[str, Any] = WELL
        self.now = NOW
        self.folder = folder
        self.said: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.spent_s = self.cost_s = 0.0
        self.log = Notebook()
        self.start()

    def start(self) -> None:
        self.loop = NotifierLoop(
            self.options("command", "webhook"),
            Situation(
                status=self.look,
                is_paused=lambda _: False,
                second_of_day=lambda: 0.0,
                spent_s=lambda: self.spent_s,
            ),
            Ledgers(str(self.folder)),
            log=self.log,
        )

    def options(self, *names: str, **patience: float) -> NotifierOptions:
        channels = {name: partial(self.deliver, name) for name in names}
        return NotifierOptions(channels=channels, patience=Patience(**patience), stalled_s=3600.0)

    def look(self) -> Mapping[str, Any]:
        self.spent_s += self.cost_s
        return self.status

    def deliver(self, name: str, message: Mapping[str, Any]) -> None:
        if name in self.broken:
            raise NotificationError("no route")
        self.said.append((name, message["kind"]))

    def live(self, for_s: float) -> None:
        end = self.now + for_s
        while self.now < end:
            self.now += self.loop.tick(self.now)


def test_each_channel_is_told_once_and_a_restart_repeats_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.live(300)
    desk.status = PLAN
    desk.live(3600)
    desk.start()
    desk.live(3600)
    assert [("command", "problem"), ("webhook", "problem")] == desk.said
    desk.status = WELL
    desk.live(3600)
    assert [("command", "recovery"), ("webhook", "recovery")] == desk.said[2:]
    assert 0o600 == (tmp_path / "notifications.json").stat().st_mode & 0o777


def test_a_channel_that_fails_is_logged_and_does_not_concern_the_other(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.broken = {"webhook"}
    desk.status = PLAN
    desk.live(1800)
    assert [("command", "problem")] == desk.said
    failures = [line for line in desk.log.lines if line.event == "notification.failed"]
    assert {"webhook"} == {line.fields["channel"] for line in failures}
    desk.broken = set()
    desk.live(3600)
    assert [("command", "problem"), ("webhook", "problem")] == desk.said


def test_a_full_disk_keeps_nothing_from_being_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "missing")
    desk.status = PLAN
    desk.live(600)
    assert [("command", "problem"), ("webhook", "problem")] == desk.said
    assert "notification.not_noted" in desk.log.events()


def test_a_stopped_notifier_tells_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.status = PLAN
    desk.loop.stop(desk.now)
    desk.live(600)
    assert [] == desk.said
    assert desk.loop.is_done


def test_a_damaged_file_is_as_none(tmp_path: Path) -> None:
    for content in (b"", b"{", b"[]", b"\xff", b"[" * 100_000):
        (tmp_path / "notifications.json").write_bytes(content)
        assert {} == Ledgers(str(tmp_path)).read()


def test_what_cannot_be_written_has_a_reason(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="No such file or directory"):
        Ledgers(str(tmp_path / "missing")).write({})


def test_channels_come_and_go_while_it_runs_and_nothing_is_repeated(tmp_path: Path) -> None:
    desk, closed = Desk(tmp_path), list[str]()
    desk.status = PLAN
    desk.live(300)
    assert [("command", "problem"), ("webhook", "problem")] == desk.said
    desk.loop.adjust(desk.options())
    desk.live(600)
    desk.status = WELL
    desk.live(3600)
    assert 2 == len(desk.said)  # nobody was told
    desk.loop.adjust(replace(desk.options("webhook", "desktop"), close=lambda: closed.append("these")))
    desk.live(3600)
    assert [("webhook", "recovery")] == desk.said[2:]
    desk.status = PLAN
    desk.live(3600)
    assert [("desktop", "problem"), ("webhook", "problem")] == sorted(desk.said[3:])
    assert [] == closed
    desk.loop.adjust(desk.options("desktop"))
    desk.live(60)
    assert ["these"] == closed


@pytest.mark.parametrize(("cost_s", "wait_s"), [(0.0, 15.0), (0.01, 15.0), (0.05, 50.0)])
def test_looking_takes_at_most_a_thousandth_of_a_core(tmp_path: Path, cost_s: float, wait_s: float) -> None:
    desk = Desk(tmp_path)
    desk.cost_s = cost_s
    assert wait_s == pytest.approx(desk.loop.tick(NOW))
