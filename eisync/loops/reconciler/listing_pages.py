"""Read a listing page by page, newest first, and stop at the total that it reports.

A page may hold entries that cannot be read. An entry whose id is readable counts like any other. An entry without an id
lies between its neighbours. If it is the last of a page, it is also the first of the next page, and is counted once.
"""

from collections.abc import Iterator

from eisync.core import listing
from eisync.core.model import Page, RemoteSample, Unread, value
from eisync.errors import EisyncError
from eisync.loops.ports import PendingPage, ProjectService


@value
class ListingPage:
    """A checked page of the listing. `count` is how many of its entries the pages before it did not hold."""

    samples: tuple[RemoteSample, ...]
    total: int
    newest_added_at: float | None
    unread: tuple[Unread, ...]
    ids: tuple[int, ...]  # of all entries with a readable id
    count: int
    is_last: bool

    @property
    def unread_ids(self) -> frozenset[int]:
        """Return the ids of entries whose id is all that can be read."""
        return frozenset(one.sample_id for one in self.unread if one.sample_id is not None)

    @property
    def has_nameless(self) -> bool:
        """Return whether an entry has no readable id. Then no id of this page counts as missing: it may be that one."""
        return any(one.sample_id is None for one in self.unread)


def listing_pages(
    studio: ProjectService,
    page_size: int,
    *,
    before_id: int | None = None,
    from_id: int | None = None,
    listed: int = 0,
    total: int | None = None,
) -> Iterator[ListingPage]:
    """Yield the pages. Raises EisyncError when the listing repeats itself, or continues beyond its total.

    While the caller compares one page, the next two are already requested: at most three are in memory. A requested
    page that turns out not to be needed is dropped, together with any error that it would have raised.
    """
    is_last, has_mispredicted = False, False
    pending: PendingPage | None = None  # the next page
    prefetched: PendingPage | None = None  # the page after it, requested from a predicted id before `pending` is parsed
    while not is_last:
        page = _first(studio, page_size, before_id, from_id) if pending is None else pending.page()
        total = page.total if total is None else total
        checked = _listing_page(page, page_size, listed, total)
        _check(checked, before_id, listed, total)
        listed, is_last = listed + checked.count, checked.is_last
        before_id = min(checked.ids, default=0)
        if not is_last:
            predicted_id = pending.predicted_end_id() if pending is not None and prefetched is not None else None
            has_mispredicted = has_mispredicted or predicted_id not in (None, before_id)
            if prefetched is None or predicted_id != before_id:
                prefetched = studio.ahead(limit=page_size, before_id=before_id, from_id=from_id)
            pending = prefetched
            prefetched = pending.follow() if listed + page_size < total and not has_mispredicted else None
        del page
        yield checked
        del checked  # free its memory before the next page is built


def _first(studio: ProjectService, page_size: int, before_id: int | None, from_id: int | None) -> Page:
    # Most listings have one page, so nothing is prefetched yet.
    return studio.page(limit=page_size, before_id=before_id, from_id=from_id)


def _listing_page(page: Page, page_size: int, listed: int, total: int) -> ListingPage:
    entries = len(page.samples) + len(page.unread)
    ids = [one.id for one in page.samples]
    ids += [one.sample_id for one in page.unread if one.sample_id is not None]
    trailing = _trailing_nameless(page)
    # A short page need not be the last one: the service may return fewer samples than requested.
    is_all = listed + entries >= total and (entries < page_size or not ids)
    is_last = entries == 0 or is_all
    return ListingPage(
        samples=page.samples,
        total=page.total,
        newest_added_at=page.newest_added_at,
        unread=page.unread,
        ids=tuple(ids),
        count=entries if is_last else entries - trailing,
        is_last=is_last,
    )


def _trailing_nameless(page: Page) -> int:
    """Return how many entries without a readable id come after all others."""
    count = 0
    for one in reversed(page.unread):
        if one.sample_id is not None or one.after < len(page.samples):
            break
        count += 1
    return count


def _check(checked: ListingPage, before_id: int | None, listed: int, total: int) -> None:
    if before_id is not None and any(one >= before_id for one in checked.ids):
        raise EisyncError("the listing repeats the same samples; eisync asks again later")
    if not checked.ids and not checked.is_last:
        why = checked.unread[0].reason
        raise EisyncError(f"none of {len(checked.unread)} samples of the listing can be read ({why})")
    if not listing.may_be_listed(listed + checked.count, total=total):
        raise EisyncError(
            f"the listing says that it has {total} samples, but continues after {listed + checked.count}; eisync "
            "does not use it and asks again later"
        )
