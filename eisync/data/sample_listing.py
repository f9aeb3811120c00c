"""List the samples of a project, newest first.

Several ranges of ids are listed at the same time. Each page ends below the lowest id of the page before. Paging by
offset would skip samples while others are deleted, and repeat samples while others are uploaded. Source: the wire
contract, sections 2 and 3.
"""

import operator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from eisync.adapters.process import hand_over
from eisync.core.batching import PageSize
from eisync.core.listing import may_be_listed
from eisync.core.studio import MOST_LISTED
from eisync.data.client import LARGEST_ANSWER_BYTES, Access, TooLargeException
from eisync.exceptions import UnsuccessfulRequestException

_MOST_BYTES = 16 * 1024 * 1024  # a page that is larger is requested again with fewer samples

Remote = dict[str, Any]
"""A sample as Studio lists it."""


@dataclass(frozen=True, slots=True)
class SampleListing:
    """Lists the samples that a query selects."""

    query: dict[str, object]
    access: Access
    size: PageSize = field(default_factory=PageSize)

    def whole(self, workers: int) -> list[Remote]:
        """Return all of them, newest first. After the first page, ranges of ids are listed at the same time."""
        first, stated = self._page(None, None)
        total = len(first) + 1 if stated is None else stated
        if len(first) >= total or not first:
            return first
        stretches = stretches_below(first[0]["id"], first[-1]["id"], len(first), total, workers)
        with ThreadPoolExecutor(len(stretches), thread_name_prefix="list") as pool:
            walks = [hand_over(pool, self._walk, stretch) for stretch in stretches]
            return first + [sample for walk in walks for sample in walk.result()]

    def _walk(self, stretch: tuple[int | None, int]) -> list[Remote]:
        from_id, below_id = stretch
        found: list[Remote] = []
        promised: int | None = None
        while True:
            page, stated = self._page(from_id, below_id)
            promised = stated if promised is None else promised
            found += page
            if promised is not None and not may_be_listed(len(found), total=promised):
                raise UnsuccessfulRequestException(
                    f"the listing says that it has {promised} samples, but continues after {len(found)}"
                )
            if not page or (stated is not None and len(page) >= stated):
                return found
            last = page[-1]["id"]
            if last >= below_id:
                raise UnsuccessfulRequestException("the listing does not advance: maxId was not obeyed")
            below_id = last

    def _answer(self, from_id: int | None, below_id: int | None) -> dict[str, Any]:
        """Request a page with as many samples as stay within the size limit, at least one."""
        path = f"/api/{self.access.project_id()}/raw-data"
        limit = self.size.of(MOST_LISTED)
        while True:
            query = self.query | {"limit": limit, "minId": from_id, "maxId": below_id}
            most = _MOST_BYTES if limit > 1 else LARGEST_ANSWER_BYTES
            try:
                return self.access.request("GET", path, query=query, max_answer_bytes=most)
            except TooLargeException:
                if limit == 1:
                    raise
            limit = self.size.was_too_large(limit)

    def _page(self, from_id: int | None, below_id: int | None) -> tuple[list[Remote], int | None]:
        """Return a page, newest first, and the number of samples in the whole range, if the service reports it."""
        answer = self._answer(from_id, below_id)
        page = sorted(answer["samples"], key=operator.itemgetter("id"), reverse=True)
        return page, answer.get("totalCount")


def stretches_below(newest: int, oldest: int, count: int, total: int, workers: int) -> list[tuple[int | None, int]]:
    """Divide the ids below `oldest` into ranges (from, below), newest first. The last range has no lower end.

    The first page held `count` of `total` samples, with ids from `newest` down to `oldest`. The ranges assume that the
    other ids are as dense. A wrong guess costs only time: every id below `oldest` is in exactly one range.

    >>> stretches_below(300, 201, 100, 300, 2)
    [(101, 201), (None, 101)]
    """
    parts = max(1, min(workers, -(-(total - count) // count)))
    width = max(1, (newest - oldest + 1) * (total - count) // (count * parts))
    ends = [oldest - width * number for number in range(parts)]
    ends = [end for end in ends if end > 0] or [oldest]
    return [*((lower, upper) for upper, lower in pairwise(ends)), (None, ends[-1])]
