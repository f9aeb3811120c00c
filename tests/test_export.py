import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.dataset import Dataset
from eisync.core.dataset import FullPage, WholeSample
from eisync.core.model import Unread
from eisync.errors import KeyRefusedError, StudioError, UnansweredError, UnreachableError
from eisync.export import ATTEMPTS, PAGE_SAMPLES, WORKERS, ExportReport, Selection, described, export

ALL = Selection()


def sample(number: int, label: str | None = "wave", category: str = "training") -> WholeSample:
    return WholeSample(id=number, name=f"a.{number}", category=category, label=label, sent_as=f"a.{number}.csv")


@dataclass
class Shelf:
    """A service that holds `held` and does what it is told."""

    held: list[WholeSample]
    on_page: Callable[[int], None] = lambda _: None  # told the number of the page, from 1
    on_raw: Callable[[int], None] = lambda _: None
    pages: int = 0
    raws: list[int] = field(default_factory=list)

    def full_page(
        self, *, limit: int, before_id: int | None = None, category: str = "all", labels: Sequence[str] = ()
    ) -> FullPage:
        self.pages += 1
        self.on_page(self.pages)
        newest = sorted(self.held, key=lambda one: -one.id)
        found = [one for one in newest if before_id is None or one.id < before_id]
        return FullPage(tuple(found[:limit]), len(found))

    def raw(self, sample_id: int) -> Iterator[bytes]:
        self.raws.append(sample_id)
        self.on_raw(sample_id)
        yield f"timestamp,x\n0,{sample_id}\n".encode()


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Dataset]:
    dataset = Dataset(str(tmp_path / "pulled"), described(1, ALL))
    yield dataset
    dataset.close()


def run(shelf: Shelf, dataset: Dataset, selection: Selection = ALL) -> ExportReport:
    return export(shelf, dataset, selection, pause=lambda _: None)


def account(dataset: Dataset) -> set[str]:
    return {
        entry["path"].rpartition("/")[2]
        for entry in json.loads((Path(dataset.folder) / "info.labels").read_text())["files"]
    }


def names(numbers: Sequence[int]) -> set[str]:
    return {f"a.{number}.csv" for number in numbers}


def test_every_page_is_walked_and_every_sample_fetched_once(dataset: Dataset) -> None:
    numbers = range(1, 2 * PAGE_SAMPLES + 2)
    shelf = Shelf([sample(number) for number in numbers])
    pulled = run(shelf, dataset)
    assert (len(numbers), len(numbers), None) == (pulled.here, pulled.fetched, pulled.stopped)
    assert list(numbers) == sorted(shelf.raws)
    assert names(numbers) == account(dataset)
    again = run(shelf, dataset)
    assert (len(numbers), 0, len(numbers)) == (again.here, again.fetched, len(shelf.raws))


def test_samples_that_come_and_go_meanwhile_cost_nothing(dataset: Dataset) -> None:
    numbers = range(1, 2 * PAGE_SAMPLES + 1)
    shelf = Shelf([sample(number) for number in numbers])

    def others(page: int) -> None:
        if page == 2:
            shelf.held.append(sample(9_999))
            shelf.held.remove(sample(numbers[-1]))

    shelf.on_page = others
    assert len(numbers) == run(shelf, dataset).fetched
    assert names(numbers) == account(dataset)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (ALL, {1, 2, 3, 4}),
        (Selection(category="testing"), {2}),
        (Selection(labels=("wave",)), {1, 2}),
        (Selection(labels=("wave",), category="training"), {1}),
        (Selection(labels=("",)), {3}),
        (Selection(labels=("", "wave")), {1, 2, 3}),
        (Selection(labels=("wav",)), set()),
        (Selection(labels=("still",)), {4}),
    ],
)
def test_the_filters_of_the_service_are_not_believed(selection: Selection, expected: set[int]) -> None:
    ranges = WholeSample(id=4, name="r", category="training", label="r", structured_labels=[{"label": "still"}])
    held = [sample(1), sample(2, category="testing"), sample(3, label=None), ranges]
    assert expected == {one.id for one in held if selection.takes(one)}


@pytest.mark.parametrize(
    ("unread", "told"),
    [(Unread(2, "odd"), [(2, "odd")]), (Unread(None, "odd"), [(0, "odd")])],
)
def test_an_entry_that_cannot_be_read_is_told_and_costs_no_other(
    dataset: Dataset, unread: Unread, told: list[tuple[int, str]]
) -> None:
    class Odd(Shelf):
        def full_page(self, **query: Any) -> FullPage:
            page = super().full_page(**query)
            return replace(page, samples=tuple(one for one in page.samples if one.id != 2), unread=(unread,))

    shelf = Odd([sample(1), sample(2), sample(3)])
    pages = iter([shelf.full_page, super(Odd, shelf).full_page])
    shelf.full_page = lambda **query: next(pages)(**query)  # type: ignore[method-assign]
    pulled = run(shelf, dataset)
    assert told == [(one.sample_id, one.reason) for one in pulled.failures]
    assert names([1, 3]) == account(dataset)


def test_what_fails_on_its_way_is_tried_again(dataset: Dataset) -> None:
    failing = {1: 2, 2: ATTEMPTS}

    def on_raw(number: int) -> None:
        failing[number] = failing.get(number, 0) - 1
        if failing[number] >= 0:
            raise UnreachableError("no way")

    pulled = run(Shelf([sample(1), sample(2), sample(3)], on_raw=on_raw), dataset)
    assert (2, [(2, False)]) == (pulled.here, [(one.sample_id, one.is_final) for one in pulled.failures])
    assert names([1, 3]) == account(dataset)


@pytest.mark.parametrize(("asked_s", "least_s", "most_s"), [(0.0, 0.0, 0.5), (7.0, 7.0, 7.0), (9_999.0, 60.0, 60.0)])
def test_a_pause_that_the_service_asks_for_is_made(
    dataset: Dataset, asked_s: float, least_s: float, most_s: float
) -> None:
    def on_raw(_: int) -> None:
        if not pauses:
            raise UnansweredError("HTTP 429", asked_s=asked_s)

    pauses: list[float] = []
    assert 1 == export(Shelf([sample(1)], on_raw=on_raw), dataset, ALL, pause=pauses.append).here
    [pause_s] = pauses
    assert least_s <= pause_s <= most_s


def test_what_the_service_refuses_is_not_tried_again(dataset: Dataset) -> None:
    def on_raw(number: int) -> None:
        if number == 2:
            raise StudioError("No sample found with ID 2", status=200)

    shelf = Shelf([sample(1), sample(2), sample(3)], on_raw=on_raw)
    pulled = run(shelf, dataset)
    assert [(2, "a.2.csv", "No sample found with ID 2", True)] == [
        (one.sample_id, one.name, one.reason, one.is_final) for one in pulled.failures
    ]
    assert [1, 2, 3] == sorted(shelf.raws)
    assert names([1, 3]) == account(dataset)


def test_a_listing_that_ends_early_changes_no_account(dataset: Dataset) -> None:
    numbers = range(1, PAGE_SAMPLES + 10)
    assert 1 == run(Shelf([sample(5)]), dataset).here

    def on_page(page: int) -> None:
        if page > 1:
            raise UnreachableError("no way")

    pulled = run(Shelf([sample(number) for number in numbers], on_page=on_page), dataset)
    assert ("no way", PAGE_SAMPLES) == (pulled.stopped, pulled.fetched)
    assert names([5]) == account(dataset)
    assert len(numbers) == run(Shelf([sample(number) for number in numbers]), dataset).here
    assert names(numbers) == account(dataset)


def test_when_nothing_comes_through_the_rest_is_left_for_the_next_run(dataset: Dataset) -> None:
    def on_raw(_: int) -> None:
        raise UnreachableError("no way")

    shelf = Shelf([sample(number) for number in range(1, 101)], on_raw=on_raw)
    pulled = run(shelf, dataset)
    assert ("no way", 0) == (pulled.stopped, pulled.here)
    assert len(shelf.raws) < 5 * WORKERS * ATTEMPTS


def test_a_listing_that_does_not_advance_ends(dataset: Dataset) -> None:
    class Stubborn(Shelf):
        def full_page(
            self, *, limit: int, before_id: int | None = None, category: str = "all", labels: Sequence[str] = ()
        ) -> FullPage:
            return super().full_page(limit=limit)

    pulled = run(Stubborn([sample(1), sample(2)]), dataset)
    assert (2, "the listing does not advance: maxId was not obeyed") == (pulled.here, pulled.stopped)


def test_a_refused_key_ends_it_all(dataset: Dataset) -> None:
    def on_raw(number: int) -> None:
        if number == 50:
            raise KeyRefusedError("give another one")

    shelf = Shelf([sample(number) for number in range(1, 101)], on_raw=on_raw)
    with pytest.raises(KeyRefusedError):
        run(shelf, dataset)
    assert not (Path(dataset.folder) / "info.labels").exists()
    assert len(shelf.raws) < 100


def test_few_samples_are_on_their_way_at_a_time(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    looked_for: list[int] = []
    before_any_came: list[int] = []

    def has(sample_id: int) -> bool:
        looked_for.append(sample_id)
        return Dataset.has(dataset, sample_id)

    def look(_: ExportReport) -> None:
        if not go_on.is_set():
            before_any_came.append(len(looked_for))
        if len(before_any_came) == 4:
            go_on.set()

    monkeypatch.setattr(dataset, "has", has)

    def wait(_: int) -> None:
        go_on.wait(60)

    shelf = Shelf([sample(number) for number in range(1, 101)], on_raw=wait)
    assert 100 == export(shelf, dataset, ALL, progress=look, pause=lambda _: None).here
    assert [2 * WORKERS] * 4 == before_any_came
