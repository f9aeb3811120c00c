from eisync.loops.agenda import Agenda


def taken(agenda: Agenda, now: float) -> list[str]:
    return list(agenda.take_due(now))


def test_what_is_due_comes_in_the_order_of_its_instants() -> None:
    agenda = Agenda()
    for path, at in (("c", 3.0), ("a", 1.0), ("b", 2.0), ("d", 4.0)):
        agenda.add(path, at)
    assert ["a", "b", "c"] == taken(agenda, 3.0)
    assert 4.0 == agenda.next_at()


def test_the_earliest_instant_that_was_asked_for_counts() -> None:
    agenda = Agenda()
    for at in (600.0, 2.0, 5.0):
        agenda.add("a", at)
    assert 2.0 == agenda.next_at()
    assert ["a"] == taken(agenda, 1000.0)
    assert None is agenda.next_at()


def test_what_was_taken_may_be_put_back() -> None:
    agenda = Agenda()
    agenda.add("a", 1.0)
    assert ["a"] == taken(agenda, 1.0)
    agenda.add("a", 9.0)
    assert [] == taken(agenda, 8.0)
    assert 9.0 == agenda.next_at()


def test_what_nobody_took_stays() -> None:
    agenda = Agenda()
    for path in ("a", "b", "c"):
        agenda.add(path, 1.0)
    assert "a" == next(agenda.take_due(1.0))
    assert 2 == len(agenda)
    assert ["b", "c"] == taken(agenda, 1.0)


def test_a_file_that_is_looked_at_all_day_has_one_entry() -> None:
    agenda = Agenda()
    for second in range(100_000):
        agenda.add("log.csv", 2.0 + second)
    assert 1 == len(agenda)
    assert 1 == len(agenda._heap)
