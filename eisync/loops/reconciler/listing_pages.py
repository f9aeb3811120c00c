"""Walk a listing page by page, newest first, and no further than it says it is long.

A page may hold entries that cannot be read. Those with an id are places like the others. One without an id lies between
its neighbours; after the last of a page it comes again as the first of the next one, and is not counted twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from eisync.core import listing
from eisync.core.model import Page, RemoteSample, Unread
from eisync.errors import EisyncError
from eisync.loops.ports import Coming, ProjectService


@dataclass(frozen=True, slots=True)
class Stretch:
    """A page of the listing. `count` is how many samples it holds that the pages before did not."""

    samples: tuple[RemoteSample, ...]
    total: int
    newest_added_at: float | None
    unread: tuple[Unread, ...]
    ids: tuple[int, ...]  # of all whose id can be read
    count: int
    is_last: bool

    @property
    def unread_ids(self) -> frozenset[int]:
        """Return the ids of entries that cannot be read beyond their id."""
        return frozenset(one.sample_id for one in self.unread if one.sample_id is not None)

    @property
    def has_nameless(self) -> bool:
        """Return whether an entry has no readable id: then no id of this page is known to be missing."""
        return any(one.sample_id is None for one in self.unread)


def listing_pages(
    studio: ProjectService,
    page_size: int,
    *,
    before_id: int | None = None,
    from_id: int | None = None,
    listed: int = 0,
    total: int | None = None,
) -> Iterator[Stretch]:
    """Yield the pages. Raises EisyncError when the listing does not move, or goes on beyond its end.

    While one page is compared, the next one is on its way, and the one below it: at most three are held. One that is
    not wanted any more is dropped, with whatever it would have raised.
    """
    is_last, is_misled = False, False
    coming: Coming | None = None
    following: Coming | None = None  # the one below it, asked for when its end is known and before it is read
    while not is_last:
        page = _first(studio, page_size, before_id, from_id) if coming is None else coming.page()
        total = page.total if total is None else total
        stretch = _stretch(page, page_size, listed, total)
        _check(stretch, before_id, listed, total)
        listed, is_last = listed + stretch.count, stretch.is_last
        before_id = min(stretch.ids, default=0)
        if not is_last:
            seen_id = coming.next_before_id() if coming is not None and following is not None else None
            is_misled = is_misled or seen_id not in (None, before_id)
            if following is None or seen_id != before_id:
                following = studio.ahead(limit=page_size, before_id=before_id, from_id=from_id)
            coming = following
            following = coming.follow() if listed + page_size < total and not is_misled else None
        del page
        yield stretch
        del stretch  # it is let go before the next one is made


def _first(studio: ProjectService, page_size: int, before_id: int | None, from_id: int | None) -> Page:
    # Mostly there is no other, and none is asked for ahead.
    return studio.page(limit=page_size, before_id=before_id, from_id=from_id)


def _stretch(page: Page, page_size: int, listed: int, total: int) -> Stretch:
    entries = len(page.samples) + len(page.unread)
    ids = [one.id for one in page.samples]
    ids += [one.sample_id for one in page.unread if one.sample_id is not None]
    below = _nameless_below(page)
    # A short page is not the last one: the service may give fewer than it was asked for.
    is_all = listed + entries >= total and (entries < page_size or not ids)
    is_last = entries == 0 or is_all
    return Stretch(
        samples=page.samples,
        total=page.total,
        newest_added_at=page.newest_added_at,
        unread=page.unread,
        ids=tuple(ids),
        count=entries if is_last else entries - below,
        is_last=is_last,
    )


def _nameless_below(page: Page) -> int:
    """Return how many entries without a readable id come after all others."""
    count = 0
    for one in reversed(page.unread):
        if one.sample_id is not None or one.after < len(page.samples):
            break
        count += 1
    return count


def _check(stretch: Stretch, before_id: int | None, listed: int, total: int) -> None:
    if before_id is not None and any(one >= before_id for one in stretch.ids):
        raise EisyncError("the listing repeats the same samples; eisync asks again later")
    if not stretch.ids and not stretch.is_last:
        why = stretch.unread[0].reason
        raise EisyncError(f"none of {len(stretch.unread)} samples of the listing can be read ({why})")
    if not listing.may_be_listed(listed + stretch.count, total=total):
        raise EisyncError(
            f"the listing says that it has {total} samples, but continues after {listed + stretch.count}; eisync "
            "does not use it and asks again later"
        )
