"""List a project's samples, newest first, page by page; a page that is too large is asked for smaller."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Lock
from typing import TypeVar

from eisync.adapters.client.errors import MAX_PAGE_BYTES
from eisync.adapters.client.listing_page import Entries, NoListingError, first_id, read_full_page, read_page
from eisync.adapters.client.replies import Count, FullSample, ListedEntry, last_id, newest_added_at, sample_of
from eisync.adapters.client.studio import Studio, StudioAnswer
from eisync.adapters.process import ThreadPool, hand_over
from eisync.core.batching import PageSize
from eisync.core.dataset import FullPage
from eisync.core.model import Page, RemoteSample, Unread
from eisync.core.studio import MOST_LISTED
from eisync.errors import AnswerTooLargeError, UnansweredError

EVERYTHING: Mapping[str, object] = {"category": "all", "includeDisabled": "both"}
"""Select samples of every category, disabled ones included."""

_Row = TypeVar("_Row", ListedEntry, FullSample)
_Page = TypeVar("_Page", Page, FullPage)


class Listing:
    """The listing of one project. Safe to use from any thread."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = Lock()
        self._reader: ThreadPool | None = None  # the thread that reads ahead
        self._size, self._full_size = PageSize(), PageSize()

    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Page:
        """Samples of every category, disabled ones included, newest first, with an id below `before_id`.

        And not below `from_id`. `filename` is the service's filter: a substring. They may be fewer than `limit` where
        they are large. Raises KeyRefusedError, StudioError or TransitError.
        """
        return self._read_page(self._fetch_page(limit, before_id, from_id, filename))

    def ahead(self, *, limit: int, before_id: int | None = None, from_id: int | None = None) -> "ComingPage":
        """Ask for a page now, in a thread that `close` joins: `page` in two steps.

        An answer that no caller reads is forgotten. Where no thread can be started, it is asked for here.
        """
        with self._lock:
            if self._reader is None:
                self._reader = ThreadPool(max_workers=1, thread_name_prefix="eisync-listing")
            reader = self._reader

        def fetch(below: Callable[[], int | None]) -> tuple[_Fetched, int | None]:
            fetched = self._fetch_page(limit, below(), from_id, None)
            body = fetched.answer.body
            return fetched, first_id(body) if fetched.is_cut else last_id(body)

        def ask(below: Callable[[], int | None]) -> Future[tuple[_Fetched, int | None]]:
            return hand_over(reader, fetch, below)

        return ComingPage(ask, self._read_page, lambda: before_id)

    def full_page(
        self, *, limit: int, before_id: int | None = None, category: str = "all", labels: Sequence[str] = ()
    ) -> FullPage:
        """As `page`, with all that belongs to the samples; only of this category and these labels (empty: any)."""
        selection = {**EVERYTHING, "category": category, "maxId": before_id, "labels": labels or None}
        fetched = self._fetch(self._query(selection, limit, self._full_size), self._full_size)
        return self._read(fetched, FullPage, _Fetched.full_page, self._full_size)

    def listed(self, ids: Collection[int]) -> dict[int, RemoteSample]:
        """Those of these samples that exist now, by id: a page of the listing for as many as lie within one.

        Raises KeyRefusedError, StudioError or TransitError.
        """
        wanted = sorted(set(ids))
        found: dict[int, RemoteSample] = {}
        while wanted:
            low, high = wanted[0], wanted[-1] + 1
            page = self.page(limit=MOST_LISTED, before_id=high, from_id=low)
            if any(not low <= one.id < high for one in page.samples):
                raise UnansweredError("the listing holds samples that were not asked for")
            found.update((one.id, one) for one in page.samples)
            # A sample that is not on the page, and would be above its end, does not exist.
            end = min((one.id for one in page.samples), default=low)
            wanted = [sample_id for sample_id in wanted if sample_id < end]
        return {sample_id: found[sample_id] for sample_id in ids if sample_id in found}

    def count(self) -> int:
        """How many samples there are, disabled ones included. Raises KeyRefusedError, StudioError or TransitError."""
        return self._studio.ask(f"/api/{self._studio.project_id()}/raw-data/count", Count, EVERYTHING).count

    def close(self) -> None:
        """End the thread that reads ahead. Safe to repeat."""
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.shutdown(cancel_futures=True)  # waits for one answer, which has a limit

    def _fetch_page(self, limit: int, before_id: int | None, from_id: int | None, filename: str | None) -> "_Fetched":
        selection = {**EVERYTHING, "maxId": before_id, "minId": from_id, "filename": filename}
        return self._fetch(self._query(selection, limit, self._size), self._size)

    def _query(self, selection: Mapping[str, object], wanted: int, size: PageSize) -> "_Query":
        return _Query(f"/api/{self._studio.project_id()}/raw-data", selection, wanted, size.of(wanted))

    def _fetch(self, query: "_Query", size: PageSize) -> "_Fetched":
        """As many entries as are bearable. One that is not bearable alone comes cut."""
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
        """How many samples a listing has, whose page ended before it said so."""
        return self._studio.ask(query.path + "/count", Count, query.selection).count


class ComingPage:
    """A page that was asked for, in a thread that asks for one after the other.

    Only its bytes are held until `page` reads them, once.
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
        """Ask for the page below it as soon as its bytes are there, before they are read; see `predicted_end_id`."""
        # The reading thread asks, in its next turn: the caller keeps Python to itself while it reads a page, and no
        # request would leave meanwhile.
        return ComingPage(self._ask, self._read, self._end)

    def _end(self) -> int:
        end_id = self.predicted_end_id()
        if end_id is None:
            raise UnansweredError("the end of the previous page is missing")
        return end_id

    def predicted_end_id(self) -> int | None:
        """Wait for the bytes, and guess without reading them from which id the next page goes on; None: no guess."""
        return self._fetched.result()[1] if self._fetched.exception() is None else None

    def page(self) -> Page:
        """Raises whatever `Listing.page` would."""
        fetched, _ = self._fetched.result()
        return self._read(fetched)


@dataclass(frozen=True, slots=True)
class _Query:
    """Which page of a listing, and how many entries of it at most."""

    path: str
    selection: Mapping[str, object]
    wanted: int
    limit: int


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A page as it came, not read yet. `is_cut`: it is one entry, and too large."""

    answer: StudioAnswer
    query: _Query
    is_cut: bool = False

    def page(self) -> tuple[Page, float]:
        """The page, and how much of what is bearable it holds. Raises as `StudioAnswer.content`, and
        AnswerTooLargeError.
        """
        body = self.answer.body
        fullness = len(body) / MAX_PAGE_BYTES
        entries = self._entries(read_page)
        body.clear()  # a page is held once, and two more are on their way
        samples = tuple(map(sample_of, entries.read))
        page = Page(samples, entries.total, newest_added_at(entries.read), tuple(entries.unread))
        return page, max(fullness, entries.fullness)

    def full_page(self) -> tuple[FullPage, float]:
        """The same, with all that belongs to the samples."""
        fullness = len(self.answer.body) / MAX_PAGE_BYTES
        entries = self._entries(read_full_page)
        page = FullPage(tuple(one.as_whole() for one in entries.read), entries.total, unread=tuple(entries.unread))
        return page, max(fullness, entries.fullness)

    def cut_entry(self) -> Unread:
        """The entry that is too large. Raises UnansweredError where not even its id can be read."""
        body = self.answer.body
        sample_id = first_id(body)
        if sample_id is None:
            raise UnansweredError(
                f"the answer of {self.answer.url} is too large for one sample and does not begin with its id"
            )
        return Unread(sample_id, f"its entry is larger than {len(body) // 1024**2} MiB")

    def _entries(self, read: Callable[[bytearray, int], Entries[_Row]]) -> Entries[_Row]:
        if self.answer.status != 200:
            self.answer.content()  # raises what it means
        try:
            return read(self.answer.body, self.query.limit)
        except NoListingError as error:
            self.answer.content()
            raise self.answer.not_understood(error) from None


_Ask = Callable[[Callable[[], int | None]], "Future[tuple[_Fetched, int | None]]"]
