import json
from typing import Any

import pytest

from eisync.core import notifications
from eisync.core.notifications import FORGET_S, Ledger, Notification, NotificationKind, Patience, unpacked
from eisync.core.problems import Problem, ProblemKind

NOW = 1_000_000.0
STUCK = Problem(kind=ProblemKind.STUCK, sentence="7 files need you.")
FOLDER = Problem(kind=ProblemKind.FOLDER, about="/data", sentence="/data: it is away.")
REFUSED = Problem(kind=ProblemKind.REFUSED, about="main", sentence="Nothing is sent to main.")
PATIENCE = Patience(after_s=60.0, calm_s=600.0, interval_s=300.0)
STATUS = {"sentence": "All 3 files are in Edge Impulse.", "counts": {"synced": 3}}


class Person:
    """What a person is told on one channel, by a clock that the test moves."""

    def __init__(self, patience: Patience = PATIENCE, ledger: Ledger | None = None) -> None:
        self.patience = patience
        self.now = NOW
        self.ledger = notifications.begun(ledger or Ledger(), now=NOW)
        self.told: list[tuple[float, str, list[str], list[str]]] = []
        self.is_reachable = True
        self.tries = 0

    def look(self, *found: Problem) -> None:
        self.ledger = notifications.observe(self.ledger, found, now=self.now)
        due = notifications.due(self.ledger, self.patience, now=self.now, second_of_day=self.now % 86_400)
        if due is None:
            return
        self.tries += 1
        if not self.is_reachable:
            self.ledger = notifications.failed(self.ledger, now=self.now)
            return
        self.ledger = notifications.told(self.ledger, due, now=self.now)
        new, ended = ([one.kind.value for one in some] for some in (due.new, due.ended))
        self.told.append((self.now - NOW, due.kind.value, new, ended))

    def live(self, for_s: float, *found: Problem, every_s: float = 15.0) -> None:
        """Look at this for a while."""
        for _ in range(int(for_s / every_s)):
            self.now += every_s
            self.look(*found)

    @property
    def kinds(self) -> list[str]:
        return [kind for _, kind, _, _ in self.told]


def test_a_problem_is_told_once_and_so_is_its_end() -> None:
    person = Person()
    person.live(7200, STUCK)
    person.live(7200)
    assert [(75.0, "problem", ["stuck"], []), (7815.0, "recovery", [], ["stuck"])] == person.told


def test_a_storm_of_ten_thousand_failures_is_one_problem_and_one_recovery() -> None:
    person = Person()
    for number in range(10_000):
        person.now += 1.0
        person.look(Problem(kind=ProblemKind.STUCK, sentence=f"{number + 1:,} files need you."))
    person.live(3600)
    assert ["problem", "recovery"] == person.kinds


def test_a_short_problem_is_never_told() -> None:
    person = Person()
    for _ in range(100):
        person.live(45, FOLDER)
        person.live(45)
    assert [] == person.told


@pytest.mark.parametrize("half_s", [120.0, 300.0, 900.0, 1800.0])
def test_what_comes_and_goes_for_a_day_is_told_seldom(half_s: float) -> None:
    person = Person()
    for _ in range(int(86_400 / half_s / 2)):
        person.live(half_s, FOLDER)
        person.live(half_s)
    person.live(6 * 3600)
    assert "problem" == person.kinds[0]
    assert "recovery" == person.kinds[-1]
    assert len(person.told) <= 10


def test_after_a_quiet_day_a_problem_counts_as_new() -> None:
    person = Person()
    for _ in range(20):
        person.live(300, FOLDER)
        person.live(300)
    person.live(6 * 3600)
    person.live(FORGET_S)
    person.told.clear()
    begun_at = person.now - NOW
    person.live(120, FOLDER)
    assert [begun_at + 75.0] == [at for at, *_ in person.told]


def test_notifications_keep_a_distance_and_are_told_together() -> None:
    person = Person()
    person.live(90, STUCK)
    person.live(600, STUCK, FOLDER, REFUSED)
    assert [(75.0, "problem", ["stuck"], []), (375.0, "problem", ["refused", "folder"], [])] == person.told


def test_an_end_and_a_new_problem_are_one_notification() -> None:
    person = Person()
    person.live(90, STUCK)
    person.live(540)
    person.live(150, FOLDER)
    assert [(75.0, "problem", ["stuck"], []), (705.0, "problem", ["folder"], ["stuck"])] == person.told


def test_a_delivery_that_fails_is_tried_again_ever_more_rarely_and_tells_what_is_true_then() -> None:
    person = Person()
    person.is_reachable = False
    person.live(6 * 3600, STUCK)
    assert 5 <= person.tries <= 14
    person.is_reachable = True
    person.live(3600, FOLDER)
    assert [("problem", ["folder"], [])] == [told[1:] for told in person.told]


def test_a_restart_repeats_nothing_and_forgets_no_problem() -> None:
    person = Person()
    person.live(300, STUCK, FOLDER)
    stored = json.loads(json.dumps(notifications.packed(person.ledger)))
    second = Person(ledger=unpacked(stored))
    second.now = person.now
    second.live(3600, STUCK)
    assert [("recovery", [], ["folder"])] == [told[1:] for told in second.told]


def test_what_was_not_told_is_not_stored() -> None:
    person = Person()
    person.live(45, STUCK)
    assert [] == notifications.packed(person.ledger)["followed"]


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        "x",
        {},
        {"followed": 3},
        {"followed": [{}], "sent_at": None, "digest_at": None},
        {"followed": [{"kind": "unknown"}]},
        {"followed": [], "sent_at": "soon", "digest_at": None},
    ],
)
def test_a_damaged_file_is_an_empty_ledger(stored: Any) -> None:
    assert Ledger() == unpacked(stored)


def test_a_clock_that_is_set_back_delays_nothing_for_longer_than_its_span() -> None:
    person = Person()
    person.live(90, STUCK)
    person.now -= 86_400.0
    person.live(90, STUCK, FOLDER)
    assert ["problem", "problem"] == person.kinds
    person.now -= 86_400.0
    person.live(900, STUCK)
    assert ["problem", "problem", "recovery"] == person.kinds


@pytest.mark.parametrize(
    ("digest_hour", "days", "expected"),
    [(None, 3, 0), (8, 3, 3), (0, 2, 2)],
)
def test_a_digest_comes_once_a_day(digest_hour: int | None, days: int, expected: int) -> None:
    at = None if digest_hour is None else digest_hour * 3600.0
    person = Person(Patience(digest_at=at))
    person.live(days * 86_400, every_s=60.0)
    assert ["digest"] * expected == person.kinds
    assert all(((NOW + since_s) % 86_400) - (at or 0.0) < 61.0 for since_s, *_ in person.told)


def test_the_first_digest_waits_for_its_time_and_a_missed_one_is_made_up_for() -> None:
    hour = (NOW % 86_400) / 3600
    person = Person(Patience(digest_at=(hour - 1.0) * 3600.0))
    person.live(3600, every_s=60.0)
    assert [] == person.told
    person.now += 2 * 86_400.0  # the machine was off
    person.live(60, every_s=60.0)
    assert ["digest"] == person.kinds


def test_sentences() -> None:
    told = Notification(kind=NotificationKind.PROBLEM, new=(STUCK, FOLDER), ended=(REFUSED,))
    assert "7 files need you. /data: it is away. Over: Nothing is sent to main." == notifications.sentence(told, "All.")
    many = Notification(kind=NotificationKind.PROBLEM, new=(STUCK,) * 5)
    assert notifications.sentence(many, "All.").endswith("7 files need you. And 2 more.")
    ended = Notification(kind=NotificationKind.RECOVERY, ended=(STUCK,))
    assert "Over: 7 files need you. All." == notifications.sentence(ended, "All.")
    digest = Notification(kind=NotificationKind.DIGEST, open=(STUCK,))
    assert "Still: 7 files need you. All." == notifications.sentence(digest, "All.")
    test = Notification(kind=NotificationKind.TEST)
    assert "This is a test of eisync's notifications. All." == notifications.sentence(test, "All.")


def test_a_message_is_plain_values() -> None:
    message = notifications.message(Notification(kind=NotificationKind.PROBLEM, new=(FOLDER,), open=(STUCK,)), STATUS)
    assert message == json.loads(json.dumps(message))
    assert ("eisync: /data: it is away.", "problem") == (message["text"], message["kind"])
    folder = {"kind": "folder", "about": "/data", "sentence": "/data: it is away.", "next": "eisync status"}
    assert ([folder], [], ["stuck"]) == (
        message["problems"],
        message["recovered"],
        [one["kind"] for one in message["open"]],
    )
    assert (STATUS["sentence"], STATUS["counts"]) == (message["status"], message["counts"])
