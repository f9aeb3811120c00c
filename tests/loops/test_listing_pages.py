"""A listing is read to its total and no further, and an unreadable entry does not count as missing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from eisync.core.model import Page, RemoteSample, Unread
from eisync.errors import EisyncError
from eisync.loops.reconciler.listing_pages import listing_pages
from tests.fakes import Cloud, Waited

from .stage import Stage
from .yard import Yard

NAMELESS = Unread(None, "its id is not what a sample has")


class OddCloud(Cloud):
    """A listing where only the id of samples in `odd` can be read, and not even that of samples in `nameless`."""

    def __init__(self) -> None:
        super().__init__()
        self.odd: set[int] = set()
        self.nameless: set[int] = set()
        self.lie: Callable[[Page], Page] = lambda page: page

    def page(self, **query: Any) -> Page:
        return self.lie(self._spoilt(super().page(**query)))

    def ahead(self, *, limit: int, before_id: int | None = None, from_id: int | None = None) -> Waited:
        return Waited(lambda below: self.page(limit=limit, before_id=below, from_id=from_id), before_id, lambda _: None)

    def _spoilt(self, page: Page) -> Page:
        read: list[RemoteSample] = []
        unread: list[Unread] = []
        for sample in page.samples:
            if sample.id in self.odd | self.nameless:
                sample_id = sample.id if sample.id in self.odd else None
                unread.append(Unread(sample_id, "its label is not what a sample has", after=len(read)))
            else:
                read.append(sample)
        return replace(page, samples=tuple(read), unread=tuple(unread))


def filled(samples: int) -> OddCloud:
    cloud = OddCloud()
    for number in range(samples):
        cloud.add(f"wave.{number:02}.csv", f"{number:064}")
    return cloud


@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 10, 1000])
@pytest.mark.parametrize("nameless", [[], [1], [5], [10], [4, 5, 6], [1, 2], [9, 10]])
def test_every_sample_is_counted_once_whatever_can_be_read(page_size: int, nameless: list[int]) -> None:
    cloud = filled(10)
    cloud.nameless = {100 + place for place in nameless}
    is_hopeless = any(
        {100 + place for place in range(first, first + page_size)} <= cloud.nameless for first in range(2, 11)
    )
    if is_hopeless and page_size < 10:
        return  # it is unknown where the next page begins: see below
    pages = list(listing_pages(cloud, page_size))
    assert [True] == [page.is_last for page in pages if page.is_last]
    assert sorted({*range(101, 111)} - cloud.nameless, reverse=True) == [one for page in pages for one in page.ids]
    assert 10 == sum(page.count for page in pages)


def test_an_unreadable_page_ends_the_listing_with_a_reason() -> None:
    cloud = filled(10)
    cloud.nameless = {110, 109}
    with pytest.raises(EisyncError, match="none of 2 samples of the listing can be read"):
        list(listing_pages(cloud, 2))


@pytest.mark.parametrize("page_size", [10, 100, 1000])
def test_an_endless_listing_is_refused(page_size: int) -> None:
    cloud = filled(3000)
    cloud.lie = lambda page: replace(page, total=10)
    taken: list[Any] = []
    with pytest.raises(EisyncError, match="says that it has 10 samples, but continues after"):
        taken.extend(listing_pages(cloud, page_size))
    assert sum(page.count for page in taken) <= 100


@pytest.mark.parametrize("is_nameless", [False, True])
def test_an_unreadable_sample_does_not_count_as_deleted(yard: Yard, is_nameless: bool) -> None:
    stage = Stage(yard, cloud=OddCloud())
    cloud: Any = stage.cloud
    yard.fill("a.csv", "b.csv", "c.csv")
    stage.send()
    stage.sweep()
    first, second, third = sorted(cloud.samples)
    (cloud.nameless if is_nameless else cloud.odd).add(second)
    cloud.is_there = lambda _: False  # only the listing proves it
    for _ in range(4):
        stage.sweep()
    assert {"synced"} == {state.value for state in yard.states().values()}
    trouble = yard.index.targets()[0].listing_trouble
    assert trouble is not None
    assert "1 samples of the listing cannot be read" in trouble

    del cloud.samples[first]
    for _ in range(4):
        stage.sweep()
    expected = 1 if not is_nameless else 0  # the others are known, unless the unreadable one could be any of them
    assert expected == sum(state.value == "tombstone" for state in yard.states().values())

    cloud.odd.clear()
    cloud.nameless.clear()
    for _ in range(4):
        stage.sweep()
    assert None is yard.index.targets()[0].listing_trouble
    assert third in cloud.samples
