"""List a project's samples, newest first, page by page. Request fewer samples when a page is too large."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from threading import Lock
from typing import TypeVar

from eisync.adapters.client.errors import MAX_PAGE_BYTES
from eisync.adapters.client.listing_page import Entries, NoListingError, first_id, read_full_page, read_page
from eisync.adapters.client.replies import Count, FullSample, ListedEntry, last_id, newest_added_at, sample_of
from eisync.adapters.client.studio import Studio, StudioAnswer
from eisync.adapters.process import ThreadPool, hand_over
from eisync.core.batching import PageSize
from eisync.core.dataset import FullPage
from eisync.core.model import Page, RemoteSample, Unread, value
from eisync.core.studio import MOST_LISTED
from eisync.errors import AnswerTooLargeError, UnansweredError

EVERYTHING: Mapping[str, object] = {"category": "all", "includeDisabled": "both"}
"""Select samples of every category, disabled ones included."""

_T = TypeVar("_T")
_Row = TypeVar("_Row", ListedEntry, FullSample)
_Page = TypeVar("_Page", Page, FullPage)


class Listing:
    """List the samples of one project. Safe to use from any thread."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = Lock()
        self._reader: ThreadPool | None = None  # the thread that reads ahead
        self._size, self._full_size = PageSize(), PageSize()

    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Page:
        """Return samples of every category, including disabled ones, newest first, with from_id <= id < before_id.

        `filename` is the service's filter, a substring. A page of large samples may have fewer than `limit`. Raise
        KeyRefusedError, StudioError or TransitError.
        """
        return self._read_page(self._fetch_page(limit, before_id, from_id, filename))

    def ahead(self, *, limit: int, before_id: int | None = None, from_id: int | None = None) -> "ComingPage":
        """Request a page now, in a thread that `close` joins, to read it later: `page` in two steps.

        An answer that is never read is dropped. If no thread can be started, the request is made in this one.
        """
        reader = self._second_thread()

        def fetch(below: Callable[[], int | None]) -> tuple[_Fetched, int | None]:
            fetched = self._fetch_page(limit, below(), from_id, None)
            body = fetched.answer.body
            return fetched, first_id(body) if fetched.is_cut else last_id(body)

        def ask(below: Callable[[], int | None]) -> Future[tuple[_Fetched, int | None]]:
            return hand_over(reader, fetch, below)

        return ComingPage(ask, self._read_page, lambda: before_id)

    def beside(self, ask: Callable[[], _T]) -> Callable[[], _T]:
        """Call `ask` now, in the thread that reads ahead. Return the function that waits for its result or its error.

        The result may be left unused. If no thread can be started, `ask` is called in this one.
        """
        return hand_over(self._second_thread(), ask).result

    def full_page(
        self, *, limit: int, before_id: int | None = None, category: str = "all", labels: Sequence[str] = ()
    ) -> FullPage:
        """Return a page as `page` does, with all data of the samples; of this category and these labels (none: any)."""
        selection = {**EVERYTHING, "category": category, "maxId": before_id, "labels": labels or None}
        fetched = self._fetch(self._query(selection, limit, self._full_size), self._full_size)
        return self._read(fetched, FullPage, _Fetched.full_page, self._full_size)

    def listed(self, ids: Collection[int]) -> dict[int, RemoteSample]:
        """Return those of these samples that exist now, by id. One page of the listing covers all ids in its range.

        Raise KeyRefusedError, StudioError or TransitError.
        """
        wanted = sorted(set(ids))
        found: dict[int, RemoteSample] = {}
        while wanted:
            low, high = wanted[0], wanted[-1] + 1
            page = self.page(limit=MOST_LISTED, before_id=high, from_id=low)
            if any(not low <= one.id < high for one in page.samples):
                raise UnansweredError("the listing holds samples that were not asked for")
            found.update((one.id, one) for one in page.samples)
            # A sample that is not on the page, although its id is not below the last one on it, does not exist.
            end = min((one.id for one in page.samples), default=low)
            wanted = [sample_id for sample_id in wanted if sample_id < end]
        return {sample_id: found[sample_id] for sample_id in ids if sample_id in found}

    def count(self) -> int:
        """Count the samples, including disabled ones. Raise KeyRefusedError, StudioError or TransitError."""
        return self._studio.ask(f"/api/{self._studio.project_id()}/raw-data/count", Count, EVERYTHING).count

    def close(self) -> None:
        """End the thread that reads ahead. Safe to repeat."""
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.shutdown(cancel_futures=True)  # waits for at most one answer, which has a time limit

    def _second_thread(self) -> ThreadPool:
        with self._lock:
            if self._reader is None:
                self._reader = ThreadPool(max_workers=1, thread_name_prefix="eisync-listing")
            return self._reader

    def _fetch_page(self, limit: int, before_id: int | None, from_id: int | None, filename: str | None) -> "_Fetched":
        selection = {**EVERYTHING, "maxId": before_id, "minId": from_id, "filename": filename}
        return self._fetch(self._query(selection, limit, self._size), self._size)

    def _query(self, selection: Mapping[str, object], wanted: int, size: PageSize) -> "_Query":
        return _Query(f"/api/{self._studio.project_id()}/raw-data", selection, wanted, size.of(wanted))

    def _fetch(self, query: "_Query", size: PageSize) -> "_Fetched":
        """Fetch as many entries as the size limit allows. A single entry that is too large comes truncated."""
        while True:
            parameters = {**query.selection, "limit": query.limit, "excludeSensors": True}
            try:
                return _Fetched(self._studio.fetch(query.path, parameters, MAX_PAGE_BYTES), query)
            except AnswerTooLargeError as error:
                if query.limit == 1:
                    url = self._studio.url + query.path
                    return _Fetched(StudioAnswer(url, 200, {}, bytearray(error.begun)), query, is_cut=True)
            query = replace(query, limit=size.was_too_large(query.limit))

    def _read_page(self, fetched: "_Fetched") -> Page:
        return self._read(fetched, Page, _Fetched.page, self._size)

    def _read(
        self,
        fetched: "_Fetched",
        kind: type[_Page],
        read: "Callable[[_Fetched], tuple[_Page, float]]",
        size: PageSize,
    ) -> _Page:
        while True:
            query = fetched.query
            if fetched.is_cut:
                return kind((), self._total_of(query), unread=(fetched.cut_entry(),))
            try:
                page, fullness = read(fetched)
            except AnswerTooLargeError:
                if query.limit == 1:
                    raise
            else:
                size.was_read(query.limit, query.wanted, fullness)
                return page
            fetched = self._fetch(replace(query, limit=size.was_too_large(query.limit)), size)

    def _total_of(self, query: "_Query") -> int:
        """Return the total of a listing whose page was truncated before it said so."""
        return self._studio.ask(query.path + "/count", Count, query.selection).count


class ComingPage:
    """A page that was requested, in a thread that sends one request after the other.

    It holds only bytes until `page` parses them, once.
    """

    def __init__(
        self,
        ask: "_Ask",
        read: "Callable[[_Fetched], Page]",
        before_id: Callable[[], int | None],
    ) -> None:
        self._ask = ask
        self._read = read
        self._fetched = ask(before_id)

    def follow(self) -> "ComingPage":
        """Request the page below it as soon as its bytes are there, before they are parsed; see `predicted_end_id`."""
        # The reading thread sends the request, in its next turn. The caller holds the interpreter while it parses a
        # page, so no request would be sent meanwhile.
        return ComingPage(self._ask, self._read, self._end)

    def _end(self) -> int:
        end_id = self.predicted_end_id()
        if end_id is None:
            raise UnansweredError("the end of the previous page is missing")
        return end_id

    def predicted_end_id(self) -> int | None:
        """Wait for the bytes, and guess the id below which the next page continues, without parsing; None: no guess."""
        return self._fetched.result()[1] if self._fetched.exception() is None else None

    def page(self) -> Page:
        """Return the page. Raise whatever `Listing.page` would."""
        fetched, _ = self._fetched.result()
        return self._read(fetched)


@value
class _Query:
    """A page of a listing, and the largest number of its entries."""

    path: str
    selection: Mapping[str, object]
    wanted: int
    limit: int


@value
class _Fetched:
    """A page that is not parsed yet. `is_cut`: it is one entry, which is too large."""

    answer: StudioAnswer
    query: _Query
    is_cut: bool = False

    def page(self) -> tuple[Page, float]:
        """Return the page, and how full it is (1.0: the size limit). Raise as `StudioAnswer.content`, and
        AnswerTooLargeError.
        """
        body = self.answer.body
        fullness = len(body) / MAX_PAGE_BYTES
        entries = self._entries(read_page)
        body.clear()  # free the bytes now: two more pages are on their way
        samples = tuple(map(sample_of, entries.read))
        page = Page(samples, entries.total, newest_added_at(entries.read), tuple(entries.unread))
        return page, max(fullness, entries.fullness)

    def full_page(self) -> tuple[FullPage, float]:
        """Return the same, with all data of the samples."""
        fullness = len(self.answer.body) / MAX_PAGE_BYTES
        entries = self._entries(read_full_page)
        page = FullPage(tuple(one.as_whole() for one in entries.read), entries.total, unread=tuple(entries.unread))
        return page, max(fullness, entries.fullness)

    def cut_entry(self) -> Unread:
        """Return the entry that is too large. Raise UnansweredError when not even its id can be read."""
        body = self.answer.body
        sample_id = first_id(body)
        if sample_id is None:
            raise UnansweredError(
                f"the answer of {self.answer.url} is too large for one sample and does not begin with its id"
            )
        return Unread(sample_id, f"its entry is larger than {len(body) // 1024**2} MiB")

    def _entries(self, read: Callable[[bytearray, int], Entries[_Row]]) -> Entries[_Row]:
        if self.answer.status != 200:
            self.answer.content()  # raises the error that the answer stands for, if any
        try:
            return read(self.answer.body, self.query.limit)
        except NoListingError as error:
            self.answer.content()
            raise self.answer.not_understood(error) from None


_Ask = Callable[[Callable[[], int | None]], "Future[tuple[_Fetched, int | None]]"]
