"""Walk the listing of samples, newest first, several stretches of ids at a time.

Each page is asked for below the last id of the one before: a page by offset would skip samples while others delete, and
repeat them while others upload.
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

_MOST_BYTES = 16 * 1024 * 1024  # a page that is larger is asked for smaller

Remote = dict[str, Any]
"""A sample as Studio lists it."""


@dataclass(frozen=True, slots=True)
class SampleListing:
    """The samples that a query selects."""

    query: dict[str, object]
    access: Access
    size: PageSize = field(default_factory=PageSize)

    def whole(self, workers: int) -> list[Remote]:
        """All of them, newest first. After the first page, stretches of ids are walked at the same time."""
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
        """A page of as many samples as are bearable; one at least, however large it is."""
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
        """A page, newest first, and how many the stretch holds, where the service says so."""
        answer = self._answer(from_id, below_id)
        page = sorted(answer["samples"], key=operator.itemgetter("id"), reverse=True)
        return page, answer.get("totalCount")


def stretches_below(newest: int, oldest: int, count: int, total: int, workers: int) -> list[tuple[int | None, int]]:
    """Parts of the ids below `oldest`, newest first, as (from, below); the last one has no lower end.

    The first page held `count` of `total` samples, from `newest` to `oldest`; where the others lie is guessed from how
    thick they are there. A wrong guess costs time and nothing else: every id below `oldest` is in one part.

    >>> stretches_below(300, 201, 100, 300, 2)
    [(101, 201), (None, 101)]
    """
    parts = max(1, min(workers, -(-(total - count) // count)))
    width = max(1, (newest - oldest + 1) * (total - count) // (count * parts))
    ends = [oldest - width * number for number in range(parts)]
    ends = [end for end in ends if end > 0] or [oldest]
    return [*((lower, upper) for upper, lower in pairwise(ends)), (None, ends[-1])]
