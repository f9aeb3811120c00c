from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.clock_step import (
    DAY_S,
    MARGIN_S,
    TRUST_TOLERANCE_S,
    ClockReading,
    ClockSetting,
    Judgement,
    KnownTime,
    ServiceTime,
    judge,
    span,
)
from tests.examples import examples

NOW = 1_000_000_000.0
KNOWN = KnownTime(seen_at=NOW - 100.0)


def service_time(ahead_s: float = 0.0, *, ago_s: float = 1.0, then_ahead_s: float | None = None) -> ServiceTime:
    """Return a service's time from `ago_s` ago, with the clock ahead now and then by the given amounts."""
    was_s = ahead_s if then_ahead_s is None else then_ahead_s
    date_at = NOW - ahead_s - ago_s
    return ServiceTime("studio.example.org", date_at, ClockReading(date_at + was_s, 500.0 - ago_s))


def at_start(remembered: KnownTime | None, *service_times: ServiceTime) -> Judgement:
    return judge(remembered, None, ClockReading(NOW, 500.0), service_times)


@pytest.mark.parametrize("remembered", [None, KNOWN, KnownTime(seen_at=NOW - 400 * DAY_S)])
def test_the_clock_is_in_doubt_until_a_service_reports_the_time(remembered: KnownTime | None) -> None:
    doubt = at_start(remembered).doubt
    assert doubt is not None
    assert "no service has reported the time since the start" in doubt
    judgement = at_start(remembered, service_time())
    assert (None, NOW, 0.0) == (judgement.doubt, judgement.remembered.seen_at, judgement.remembered.wrong_until)


@pytest.mark.parametrize(
    ("ahead_s", "doubt"),
    [
        (0.0, None),
        (TRUST_TOLERANCE_S, None),
        (-TRUST_TOLERANCE_S, None),
        (TRUST_TOLERANCE_S + 1.0, "5 minutes ahead of that of studio.example.org; set it"),
        (400 * DAY_S, "400 days ahead of that of studio.example.org; set it"),
        (-10 * DAY_S, "10 days behind that of studio.example.org; set it"),
        (-NOW, "11,574 days behind that of studio.example.org; set it"),
    ],
)
def test_a_clock_that_a_service_contradicts_is_in_doubt_with_a_remedy(ahead_s: float, doubt: str | None) -> None:
    judgement = at_start(KNOWN, service_time(ahead_s))
    assert (doubt is not None) == judgement.remembered.was_wrong
    assert (doubt is None) == (judgement.doubt is None)
    assert (doubt or "") in (judgement.doubt or "")


def test_one_service_that_disagrees_is_enough() -> None:
    assert at_start(KNOWN, service_time(), service_time(-400 * DAY_S)).doubt is not None


def test_after_a_wrong_clock_was_set_time_counts_from_then() -> None:
    wrong = judge(KNOWN, None, ClockReading(NOW - 10 * DAY_S, 499.0), [service_time(-10 * DAY_S)]).remembered
    right = judge(wrong, ClockReading(NOW - 10 * DAY_S, 499.0), ClockReading(NOW, 500.0), [service_time()])
    since = NOW + MARGIN_S
    assert (None, since, since) == (right.doubt, right.remembered.counts_from, right.remembered.wrong_until)
    assert right.remembered.recent_from <= NOW - 11 * DAY_S
    assert not right.remembered.was_wrong


def test_a_wrong_clock_is_remembered_after_a_restart() -> None:
    wrong = at_start(KNOWN, service_time(400 * DAY_S)).remembered
    assert wrong.was_wrong
    assert NOW + MARGIN_S == at_start(wrong, service_time()).remembered.wrong_until


def test_a_clock_that_goes_back_counts_from_then_even_if_a_service_agrees() -> None:
    judgement = at_start(KnownTime(seen_at=NOW + DAY_S), service_time())
    assert (None, NOW + MARGIN_S) == (judgement.doubt, judgement.remembered.wrong_until)
    doubt = at_start(KnownTime(seen_at=NOW + DAY_S)).doubt
    assert doubt is not None
    assert "says 24 hours less than when eisync ran last" in doubt


@pytest.mark.parametrize(("step_s", "is_set"), [(4.0, False), (60.0, True), (-60.0, True)])
def test_a_small_step_does_not_matter_for_days(step_s: float, is_set: bool) -> None:
    before = ClockReading(NOW - 10.0 - step_s, 490.0)
    judgement = judge(KNOWN, before, ClockReading(NOW, 500.0), [service_time(ago_s=100.0)])
    assert (None, 0.0) == (judgement.doubt, judgement.remembered.wrong_until)
    assert is_set == (judgement.remembered.counts_from == NOW + MARGIN_S)


def test_a_large_step_is_detected_without_another_answer() -> None:
    judgement = judge(
        KNOWN, ClockReading(NOW - 10 * DAY_S, 490.0), ClockReading(NOW, 500.0), [service_time(10 * DAY_S, ago_s=100.0)]
    )
    assert judgement.doubt is not None


def test_a_machine_that_was_suspended_keeps_its_days() -> None:
    # Its steady clock stopped, too. Times from before no longer agree, but the next answer does.
    stopped = judge(
        KNOWN,
        ClockReading(NOW - DAY_S, 499.0),
        ClockReading(NOW, 500.0),
        [service_time(DAY_S, ago_s=100.0, then_ahead_s=0.0)],
    )
    assert stopped.doubt is not None
    again = judge(stopped.remembered, ClockReading(NOW, 500.0), ClockReading(NOW, 500.0), [service_time(ago_s=0.0)])
    assert (None, 0.0) == (again.doubt, again.remembered.wrong_until)


@pytest.mark.parametrize(("ago_s", "is_doubted"), [(DAY_S, False), (DAY_S + 1.0, True), (-1.0, True)])
def test_the_time_of_a_service_is_trusted_for_a_day(ago_s: float, is_doubted: bool) -> None:
    judgement = judge(KNOWN, None, ClockReading(NOW, 500.0), [service_time(ago_s=ago_s)])
    assert is_doubted == (judgement.doubt is not None)


@pytest.mark.parametrize(
    ("seconds", "text"), [(5.0, "5 seconds"), (119.0, "119 seconds"), (120.0, "2 minutes"), (7_200.0, "2 hours")]
)
def test_a_span_is_put_into_words(seconds: float, text: str) -> None:
    assert text == span(seconds)


@dataclass
class Machine:
    """A clock that is set at any moment, processes that start and end, and services with the right time."""

    true: float = NOW
    ahead_s: float = 0.0
    began_at: float = NOW - 500.0
    remembered: KnownTime | None = None
    before: ClockReading | None = None
    last: ServiceTime | None = None
    since_look: list[ServiceTime] = field(default_factory=list)
    stamps: list[tuple[float, float]] = field(default_factory=list)  # true time and recorded time

    def reading(self) -> ClockReading:
        return ClockReading(self.true + self.ahead_s, self.true - self.began_at)

    def upload(self) -> None:
        """Take an answer, and record it with the time."""
        self.last = ServiceTime("host", float(int(self.true)), self.reading())
        self.since_look.append(self.last)
        self.stamps.append((self.true, self.reading().now))

    def check(self) -> Judgement:
        reading = self.reading()

        def offset(telling: ServiceTime) -> float:
            return telling.reading.now - telling.reading.steady

        extremes = [min(self.since_look, key=offset), max(self.since_look, key=offset)] if self.since_look else []
        judgement = judge(self.remembered, self.before, reading, [*([self.last] if self.last else []), *extremes])
        self.before, self.remembered, self.since_look = reading, judgement.remembered, []
        return judgement

    def restart(self) -> None:
        self.check()
        self.began_at, self.before, self.last, self.since_look = self.true - 3.0, None, None, []


JUMPS = st.sampled_from([-400 * DAY_S, -10 * DAY_S, -3_600.0, -60.0, 0.0, 60.0, 3_600.0, 10 * DAY_S, 400 * DAY_S])
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.5, 30.0, 3_600.0, 5 * DAY_S])),
    st.tuples(st.just("set"), JUMPS),
    st.tuples(st.just("upload"), st.just(0.0)),
    st.tuples(st.just("check"), st.just(0.0)),
    st.tuples(st.just("restart"), st.just(0.0)),
)


@settings(max_examples=examples(500))
@given(first=JUMPS, steps=st.lists(STEPS, max_size=40))
def test_nothing_ever_counts_as_older_than_it_is(first: float, steps: list[tuple[str, float]]) -> None:
    machine = Machine(ahead_s=first)
    for what, value in [*steps, ("set", None), ("upload", 0.0), ("check", 0.0)]:
        match what:
            case "wait":
                machine.true += value or 0.0
            case "set":
                machine.ahead_s = value or 0.0
            case "upload":
                machine.upload()
            case "restart":
                machine.restart()
            case _:
                judgement = machine.check()
                if judgement.doubt is not None:
                    continue
                now, remembered = machine.reading().now, judgement.remembered
                for at, stamp in machine.stamps:
                    assert remembered.setting.age_s(stamp, now) <= machine.true - at + 2 * TRUST_TOLERANCE_S
                    assert remembered.setting_of_days.age_s(stamp, now) <= machine.true - at + 2 * TRUST_TOLERANCE_S
                    is_recent = machine.true - at < DAY_S - 2 * TRUST_TOLERANCE_S
                    assert not is_recent or stamp >= remembered.setting.since(DAY_S, now)
    assert machine.check().doubt is None


def test_days_and_hours_count_from_different_times_after_a_step() -> None:
    known = KnownTime(seen_at=NOW, counts_from=NOW - 60.0, wrong_until=NOW - 3600.0, recent_from=NOW - DAY_S)
    assert ClockSetting(counts_from=NOW - 60.0, recent_from=NOW - DAY_S) == known.setting
    assert ClockSetting(counts_from=NOW - 3600.0, recent_from=NOW - DAY_S) == known.setting_of_days
