"""Bring a project's samples into a folder: list, fetch what is not there, and write down what they are.

The listing is walked newest first, each page below the last id of the one before. A few samples are on their way at a
time, and none of them stands in memory whole. A sample that fails is reported and costs no other. A failed request is
repeated; when no request succeeds any more, the rest is left for the next run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, Protocol, TypeVar

from eisync.adapters import clock
from eisync.adapters.dataset import Dataset, LabelsWriter
from eisync.adapters.process import ThreadPool, hand_over
from eisync.core.dataset import FullPage, WholeSample, file_name, info_labels_entry
from eisync.core.model import Unread
from eisync.core.retry import RetryPolicy
from eisync.errors import StudioError, TransitError, UnansweredError

WORKERS = 8  # they wait for the network and the disk, not for a processor
PAGE_SAMPLES = 200  # with thousands of boxes or ranges each, a page is still an answer of bearable size
ATTEMPTS = 5
PATIENCE = RetryPolicy(base_s=0.5, cap_s=15.0)
LARGEST_BYTES = 4 * 1024**3
"""What is larger is no sample: the service takes 100 MB, and 2 GiB of CSV."""

_UNREAD = "an entry of the listing"

_Answer = TypeVar("_Answer")


class Catalogue(Protocol):
    """Where samples are."""

    def full_page(
        self, *, limit: int, before_id: int | None = None, category: str = "all", labels: Sequence[str] = ()
    ) -> FullPage: ...
    def raw(self, sample_id: int) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which samples: of one category, or all of them; with one of these labels, or any. An empty label: unlabeled."""

    category: str | None = None
    labels: tuple[str, ...] = ()

    def takes(self, sample: WholeSample) -> bool:
        """The service's filters are asked and not believed."""
        if self.category not in (None, sample.category):
            return False
        said = {sample.label or "", *(str(one.get("label")) for one in sample.structured_labels)}
        return not self.labels or not said.isdisjoint(self.labels)


@dataclass(frozen=True, slots=True)
class Failure:
    """A sample that did not come. `is_final`: the service said no, another run would not help."""

    sample_id: int
    name: str
    reason: str
    is_final: bool


@dataclass(slots=True)
class ExportReport:
    """What came of it. `stopped` says why the rest was left; None: nothing was."""

    total: int = 0  # as the first page of the listing says
    here: int = 0  # of the samples listed, whose file is there: fetched now or before
    fetched: int = 0
    fetched_bytes: int = 0
    disabled: int = 0  # of those that are here
    withdrawn: int = 0  # files of earlier runs whose samples are not listed any more
    failures: list[Failure] = field(default_factory=list)
    stopped: str | None = None


def export(
    catalogue: Catalogue,
    dataset: Dataset,
    selection: Selection,
    *,
    progress: Callable[[ExportReport], None] = lambda _: None,
    pause: Callable[[float], object] | None = None,
) -> ExportReport:
    """Bring what `selection` takes into `dataset`; `info.labels` is written anew when the whole listing was walked.

    `pause` waits for so many seconds, between attempts. Raises KeyRefusedError and FolderError, after which nothing can
    come, and StudioError when the samples cannot be listed.
    """
    stop = Event()
    run = _Run(catalogue, dataset, selection, progress, pause or stop.wait, stop)
    try:
        with dataset.account() as account:
            return run.whole(account)
    finally:
        stop.set()
        run.pool.shutdown(wait=True, cancel_futures=True)


class _StopAsked(Exception):
    """The run ends; what is under way need not."""


@dataclass(slots=True)
class _Run:
    catalogue: Catalogue
    dataset: Dataset
    selection: Selection
    progress: Callable[[ExportReport], None]
    pause: Callable[[float], object]
    stop: Event
    pulled: ExportReport = field(default_factory=ExportReport)
    under_way: dict[Future[int], WholeSample] = field(default_factory=dict)
    silences: int = 0  # samples in a row that found no way
    pool: ThreadPool = field(default_factory=lambda: ThreadPool(WORKERS, thread_name_prefix="pull"))

    def whole(self, account: LabelsWriter) -> ExportReport:
        pulled = self.pulled
        try:
            for sample in self.samples():
                if self.dataset.has(sample.id):
                    self.arrived(sample, account)
                    continue
                self.under_way[hand_over(self.pool, self.fetch, sample)] = sample
                while len(self.under_way) >= 2 * WORKERS:
                    self.settle(account)
                if self.silences >= 2 * WORKERS:
                    pulled.stopped = pulled.failures[-1].reason
                    break
        except TransitError as error:
            pulled.stopped = str(error)
        while self.under_way:
            self.settle(account)
        if pulled.stopped is None:
            failed = sum(failure.sample_id in self.dataset.ids() for failure in pulled.failures)
            pulled.withdrawn = len(self.dataset.ids()) - pulled.here - failed
            account.keep()
        return pulled

    def samples(self) -> Iterator[WholeSample]:
        """All that the selection takes, newest first, none twice."""
        before_id: int | None = None
        while True:
            page = self.patiently(partial(self.page, before_id))
            if before_id is None:
                self.pulled.total = page.total
            found = [sample for sample in page.samples if before_id is None or sample.id < before_id]
            ids = [sample.id for sample in found]
            ids += [one.sample_id for one in page.unread if one.sample_id is not None]
            self.left_out(page.unread, before_id)
            if page.samples and not found:
                raise UnansweredError("the listing does not advance: maxId was not obeyed")
            if not ids and page.total > len(page.unread):
                raise UnansweredError(
                    "no sample of the page can be read, so eisync cannot tell where the next page begins"
                )
            if not ids:
                return
            yield from (sample for sample in found if self.selection.takes(sample))
            before_id = min(ids)

    def left_out(self, unread: Sequence[Unread], before_id: int | None) -> None:
        """Say which samples cannot be read. One without an id may come again with the next page, and is said once."""
        reported = {(one.sample_id, one.reason) for one in self.pulled.failures if one.name == _UNREAD}
        for one in unread:
            if one.sample_id is None or before_id is None or one.sample_id < before_id:
                failure = Failure(one.sample_id or 0, _UNREAD, one.reason, is_final=True)
                if (failure.sample_id, failure.reason) not in reported:
                    self.pulled.failures.append(failure)

    def page(self, before_id: int | None) -> FullPage:
        # An empty label is no word of the service's filter.
        labels = self.selection.labels if all(self.selection.labels) else ()
        category = self.selection.category or "all"
        return self.catalogue.full_page(limit=PAGE_SAMPLES, before_id=before_id, category=category, labels=labels)

    def fetch(self, sample: WholeSample) -> int:
        """On a worker: how many bytes came."""
        return self.patiently(
            lambda: self.dataset.store(sample.id, sample.category, file_name(sample), self.pieces(sample.id))
        )

    def pieces(self, sample_id: int) -> Iterator[bytes]:
        left = LARGEST_BYTES
        for piece in self.catalogue.raw(sample_id):
            if self.stop.is_set():
                raise _StopAsked
            left -= len(piece)
            if left < 0:
                raise StudioError(
                    (f"more than {LARGEST_BYTES // 1024**3} GiB arrived; no sample is that large"), status=200
                )
            yield piece

    def patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        attempt = 1
        while True:
            try:
                return ask()
            except TransitError as error:
                if attempt == ATTEMPTS or self.stop.is_set():
                    raise
                asked_s = error.asked_s
            self.pause(PATIENCE.pause_s(attempt=attempt, jitter=clock.jitter(), asked_s=asked_s))
            attempt += 1

    def settle(self, account: LabelsWriter) -> None:
        """Wait until one at least has come, and write down what did."""
        done, _ = wait(self.under_way, timeout=0.2, return_when=FIRST_COMPLETED)
        for future in done:
            sample = self.under_way.pop(future)
            try:
                size = future.result()
            except TransitError as error:
                self.silences += 1
                self.failed(sample, str(error), is_final=False)
            except StudioError as error:
                self.failed(sample, str(error), is_final=True)
            except OSError as error:  # not of the folder: that is a FolderError, and the end
                self.failed(sample, f"its file cannot be written ({error.strerror or error})", is_final=True)
            else:
                self.silences = 0
                self.pulled.fetched += 1
                self.pulled.fetched_bytes += size
                self.arrived(sample, account)
        self.progress(self.pulled)

    def arrived(self, sample: WholeSample, account: LabelsWriter) -> None:
        self.pulled.here += 1
        self.pulled.disabled += sample.is_disabled
        account.add(info_labels_entry(sample, self.dataset.place_of(sample.id)))

    def failed(self, sample: WholeSample, reason: str, *, is_final: bool) -> None:
        self.pulled.failures.append(Failure(sample.id, file_name(sample), reason, is_final))


def described(project_id: int, selection: Selection) -> Mapping[str, Any]:
    """What a folder is for."""
    return {"project": project_id, "category": selection.category, "labels": sorted(selection.labels)}
