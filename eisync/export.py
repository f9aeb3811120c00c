"""Export a project's samples into a folder: list them, fetch the missing ones, and write their labels.

The listing is read newest first; each page continues below the last id of the page before. A few samples are fetched
at a time, and none is held in memory as a whole. A sample that fails is reported and does not affect the others. A
failed request is repeated. When no request succeeds any more, the rest is left for the next run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, Protocol, TypeVar

from eisync.adapters import clock
from eisync.adapters.dataset import Dataset, LabelsWriter
from eisync.adapters.dataset_labels import LabelsReport
from eisync.adapters.process import ThreadPool, hand_over
from eisync.core.dataset import FullPage, WholeSample, file_name, info_labels_entry
from eisync.core.dataset_layout import DatasetFormat
from eisync.core.model import Unread
from eisync.core.retry import RetryPolicy
from eisync.errors import StudioError, TransitError, UnansweredError

WORKERS = 8  # more than cores, because they mostly wait for the network and the disk
PAGE_SAMPLES = 200  # even with thousands of boxes or ranges for each sample, the page does not become too large
ATTEMPTS = 5
PATIENCE = RetryPolicy(base_s=0.5, cap_s=15.0)
LARGEST_BYTES = 4 * 1024**3
"""Refuse a larger download, because it is no sample: the service accepts 100 MB, and 2 GiB of CSV."""

_UNREAD = "an entry of the listing"

_Answer = TypeVar("_Answer")


class Catalogue(Protocol):
    """The project that samples are read from."""

    def full_page(
        self, *, limit: int, before_id: int | None = None, category: str = "all", labels: Sequence[str] = ()
    ) -> FullPage: ...
    def raw(self, sample_id: int) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Select samples of one category, or of all (None), with one of these labels, or any (none given).

    An empty label selects samples without a label.
    """

    category: str | None = None
    labels: tuple[str, ...] = ()

    def takes(self, sample: WholeSample) -> bool:
        """Return whether the sample is selected. The service is asked to filter, but its filters are not relied on."""
        if self.category not in (None, sample.category):
            return False
        found = {sample.label or "", *(str(one.get("label")) for one in sample.structured_labels)}
        return not self.labels or not found.isdisjoint(self.labels)


@dataclass(frozen=True, slots=True)
class Failure:
    """A sample that could not be fetched. `is_final`: it was refused, so another run would not help."""

    sample_id: int
    name: str
    reason: str
    is_final: bool


@dataclass(slots=True)
class ExportReport:
    """The result of a run. `stopped` says why the rest was left for another run; None: nothing was left."""

    total: int = 0  # as the first page of the listing says
    here: int = 0  # listed samples whose file is in the folder, fetched now or before
    fetched: int = 0
    fetched_bytes: int = 0
    disabled: int = 0  # those of `here` that are disabled
    withdrawn: int = 0  # files of earlier runs whose samples are not listed any more
    failures: list[Failure] = field(default_factory=list)
    labels: LabelsReport | None = None  # what the label files describe, in another format than `ei`
    stopped: str | None = None


def export(
    catalogue: Catalogue,
    dataset: Dataset,
    selection: Selection,
    *,
    progress: Callable[[ExportReport], None] = lambda _: None,
    pause: Callable[[float], object] | None = None,
) -> ExportReport:
    """Fetch the selected samples into `dataset`. Replace the labels once the whole listing was read.

    `pause` waits for a number of seconds between attempts. Raise KeyRefusedError or FolderError, after which nothing
    more can be fetched, and StudioError when the samples cannot be listed.
    """
    stop = Event()
    run = _Run(catalogue, dataset, selection, progress, pause or stop.wait, stop)
    try:
        with dataset.labels_writer() as labels:
            pulled = run.whole(labels)
        pulled.labels = dataset.labels_report
        return pulled
    finally:
        stop.set()
        run.pool.shutdown(wait=True, cancel_futures=True)


class _StoppedError(Exception):
    """The run has ended, so this download is abandoned."""


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
    unreachable: int = 0  # samples in a row whose requests got no usable answer
    pool: ThreadPool = field(default_factory=lambda: ThreadPool(WORKERS, thread_name_prefix="pull"))

    def whole(self, labels: LabelsWriter) -> ExportReport:
        pulled = self.pulled
        try:
            for sample in self.samples():
                if self.dataset.has(sample.id):
                    self.arrived(sample, labels)
                    continue
                self.under_way[hand_over(self.pool, self.fetch, sample)] = sample
                while len(self.under_way) >= 2 * WORKERS:
                    self.settle(labels)
                if self.unreachable >= 2 * WORKERS:
                    pulled.stopped = pulled.failures[-1].reason
                    break
        except TransitError as error:
            pulled.stopped = str(error)
        while self.under_way:
            self.settle(labels)
        if pulled.stopped is None:
            failed = sum(failure.sample_id in self.dataset.ids() for failure in pulled.failures)
            pulled.withdrawn = len(self.dataset.ids()) - pulled.here - failed
            labels.keep()
        return pulled

    def samples(self) -> Iterator[WholeSample]:
        """Yield every selected sample once, newest first."""
        before_id: int | None = None
        while True:
            page = self.with_retries(partial(self.page, before_id))
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
        """Report the samples that cannot be read. One without an id may be on two pages; it is reported once."""
        reported = {(one.sample_id, one.reason) for one in self.pulled.failures if one.name == _UNREAD}
        for one in unread:
            if one.sample_id is None or before_id is None or one.sample_id < before_id:
                failure = Failure(one.sample_id or 0, _UNREAD, one.reason, is_final=True)
                if (failure.sample_id, failure.reason) not in reported:
                    self.pulled.failures.append(failure)

    def page(self, before_id: int | None) -> FullPage:
        # The service's filter has no word for samples without a label.
        labels = self.selection.labels if all(self.selection.labels) else ()
        category = self.selection.category or "all"
        return self.catalogue.full_page(limit=PAGE_SAMPLES, before_id=before_id, category=category, labels=labels)

    def fetch(self, sample: WholeSample) -> int:
        """Fetch one sample, on a worker. Return its size in bytes."""
        return self.with_retries(
            lambda: self.dataset.store(sample.id, sample.category, file_name(sample), self.pieces(sample.id))
        )

    def pieces(self, sample_id: int) -> Iterator[bytes]:
        left = LARGEST_BYTES
        for piece in self.catalogue.raw(sample_id):
            if self.stop.is_set():
                raise _StoppedError
            left -= len(piece)
            if left < 0:
                raise StudioError(
                    (f"more than {LARGEST_BYTES // 1024**3} GiB arrived; no sample is that large"), status=200
                )
            yield piece

    def with_retries(self, ask: Callable[[], _Answer]) -> _Answer:
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

    def settle(self, labels: LabelsWriter) -> None:
        """Wait until at least one download has ended, and record those that have."""
        done, _ = wait(self.under_way, timeout=0.2, return_when=FIRST_COMPLETED)
        for future in done:
            sample = self.under_way.pop(future)
            try:
                size = future.result()
            except TransitError as error:
                self.unreachable += 1
                self.failed(sample, str(error), is_final=False)
            except StudioError as error:
                self.failed(sample, str(error), is_final=True)
            except OSError as error:  # one file only; a problem of the folder is a FolderError, which ends the run
                self.failed(sample, f"its file cannot be written ({error.strerror or error})", is_final=True)
            else:
                self.unreachable = 0
                self.pulled.fetched += 1
                self.pulled.fetched_bytes += size
                self.arrived(sample, labels)
        self.progress(self.pulled)

    def arrived(self, sample: WholeSample, labels: LabelsWriter) -> None:
        self.pulled.here += 1
        self.pulled.disabled += sample.is_disabled
        labels.add(info_labels_entry(sample, self.dataset.place_of(sample.id)))

    def failed(self, sample: WholeSample, reason: str, *, is_final: bool) -> None:
        self.pulled.failures.append(Failure(sample.id, file_name(sample), reason, is_final))


def described(project_id: int, selection: Selection, form: DatasetFormat = DatasetFormat.EI) -> Mapping[str, Any]:
    """Return the description of a selection that is stored with its folder. The format `ei` is not named."""
    named = {} if form is DatasetFormat.EI else {"format": form.value}
    return {"project": project_id, "category": selection.category, "labels": sorted(selection.labels), **named}
