import pytest

from eisync.adapters import clock
from eisync.adapters.client.transport import ServiceTimes


def test_the_last_date_of_each_host_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    times = ServiceTimes()
    times.note("a", "Thu, 26 Nov 2026 10:00:00 GMT")
    times.note("a", "Thu, 26 Nov 2026 10:00:05 GMT")
    times.note("b", "Thu, 26 Nov 2026 11:00:00 GMT")
    times.service_times()
    assert [("a", 1795687205.0), ("b", 1795690800.0)] == [(one.host, one.date_at) for one in times.service_times()]
    [reading, _] = [one.reading for one in times.service_times()]
    assert (True, True) == (reading.now <= clock.now(), reading.steady <= clock.steady())


def test_the_times_farthest_behind_and_ahead_are_returned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times = ServiceTimes()
    for at in (50.0, 10.0, 90.0, 51.0):
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        monkeypatch.setattr(clock, "steady", lambda: 0.0)
        times.note("a", "Thu, 26 Nov 2026 10:00:00 GMT")
    assert [51.0, 10.0, 90.0] == [one.reading.now for one in times.service_times()]
    assert [51.0] == [one.reading.now for one in times.service_times()]


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Nov 2026 10:00:00 GMT", "Thu, 26 Nov 99999 10:00:00 GMT"])
def test_a_date_that_cannot_be_read_tells_nothing(date: str) -> None:
    times = ServiceTimes()
    times.note("a", date)
    times.note("b", None)
    assert [] == times.service_times()
