from hypothesis import given
from hypothesis import strategies as st

from eisync.core.batching import PageSize


def test_pages_that_were_never_too_large_keep_their_size() -> None:
    assert 1000 == PageSize().of(1000)


def test_a_page_that_was_too_large_is_halved_down_to_one() -> None:
    size = PageSize()
    asked = [1000]
    while asked[-1] > 1:
        asked.append(size.was_too_large(asked[-1]))
    assert [1000, 500, 250, 125, 62, 31, 15, 7, 3, 1] == asked
    assert (1, 1) == (size.was_too_large(1), size.of(1000))


def test_pages_that_are_full_enough_keep_their_size() -> None:
    size = PageSize()
    size.was_too_large(1000)
    for _ in range(100):
        size.was_read(500, 1000, 0.9)
    assert 500 == size.of(1000)


def test_after_one_huge_entry_pages_grow_to_the_wanted_size() -> None:
    size = PageSize()
    size.was_too_large(2)
    asked = [size.of(1000)]
    while asked[-1] < 1000:
        size.was_read(asked[-1], 1000, 0.01)
        asked.append(size.of(1000))
    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000] == asked


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 1.0)), max_size=50), st.integers(1, 1000))
def test_a_page_has_between_one_and_the_wanted_number_of_entries(news: list[tuple[bool, float]], wanted: int) -> None:
    size = PageSize()
    for is_too_large, fullness in news:
        asked = size.of(wanted)
        assert 1 <= asked <= wanted
        if is_too_large:
            size.was_too_large(asked)
        else:
            size.was_read(asked, wanted, fullness)
