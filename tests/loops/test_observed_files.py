from eisync.loops.watcher.observed_files import DueQueue


def taken(due_queue: DueQueue, now: float) -> list[str]:
    return list(due_queue.take_due(now))


def test_what_is_due_comes_in_the_order_of_its_instants() -> None:
    due_queue = DueQueue()
    for path, at in (("c", 3.0), ("a", 1.0), ("b", 2.0), ("d", 4.0)):
        due_queue.add(path, at)
    assert ["a", "b", "c"] == taken(due_queue, 3.0)
    assert 4.0 == due_queue.next_at()


def test_the_earliest_instant_that_was_asked_for_counts() -> None:
    due_queue = DueQueue()
    for at in (600.0, 2.0, 5.0):
        due_queue.add("a", at)
    assert 2.0 == due_queue.next_at()
    assert ["a"] == taken(due_queue, 1000.0)
    assert None is due_queue.next_at()


def test_what_was_taken_may_be_put_back() -> None:
    due_queue = DueQueue()
    due_queue.add("a", 1.0)
    assert ["a"] == taken(due_queue, 1.0)
    due_queue.add("a", 9.0)
    assert [] == taken(due_queue, 8.0)
    assert 9.0 == due_queue.next_at()


def test_what_was_not_taken_stays() -> None:
    due_queue = DueQueue()
    for path in ("a", "b", "c"):
        due_queue.add(path, 1.0)
    assert "a" == next(due_queue.take_due(1.0))
    assert 2 == len(due_queue)
    assert ["b", "c"] == taken(due_queue, 1.0)


def test_a_file_that_is_checked_all_day_has_one_entry() -> None:
    due_queue = DueQueue()
    for second in range(100_000):
        due_queue.add("log.csv", 2.0 + second)
    assert 1 == len(due_queue)
    assert 1 == len(due_queue._heap)
