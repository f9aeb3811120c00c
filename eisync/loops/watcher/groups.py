"""Give the files of one root the category of their group (`core.labels.split`).

Files of a group that has no category yet wait. First the project is listed, so that the groups that another machine
sent are known. Then the first scan ends, so that all groups are there at once and the order in which they are found
does not matter. Where very many files wait, those are decided before the scan ends, to bound the memory.

A decision is stored before a file goes by it. It holds for all files to come, also in later processes.
"""

from collections import Counter
from collections.abc import Container
from dataclasses import replace

from eisync.core.labels.description import Description
from eisync.core.labels.split import CATEGORIES, Label, Placement, Split, assign, fixed_by, is_said
from eisync.core.model import Category, Root
from eisync.core.text import one_line
from eisync.loops.ports import Log
from eisync.store.split_groups import Count, SplitGroups

MAX_WAITING = 20_000
"""At most about this many files wait for the end of the first scan."""

SETTLE_S = 5.0
"""Decide on a new group after this time, even if more files of it are found all the time."""

RECOUNT_S = 2.0
RECOUNT_PAGE_S = 1.0
"""Count the files of all groups again for a new group if the project was listed since, after this time and not before
this time for each page that a count reads."""

IDLE_RECOUNT_S = 3600.0
"""Count them again after this time when no group waits, to see groups that straddle."""

SAID = "the category of one of its files is said"
IN_PROJECT = "the project has it there"

_MAX_KNOWN = 20_000


class GroupSplits:
    """The groups of one root. Not safe to use from several threads."""

    def __init__(
        self,
        root: Root,
        split: Split,
        groups: SplitGroups,
        observed: Container[str],
        *,
        is_compared: bool,
        log: Log,
    ) -> None:
        """`observed` has the files under observation. `is_compared`: the project is listed by this process."""
        self._root = root
        self._split = split
        self._groups = groups
        self._observed = observed
        self._is_compared = is_compared
        self._log = log
        self._known: dict[str, Category] = {}
        self._noted: set[tuple[str, Category]] = set()  # said categories that are stored
        self._said: set[tuple[str, Category]] = set()  # and those that are not yet
        self._waiting: dict[str, tuple[str, Label]] = {}  # by path
        self._passed: set[str] = set()  # those of them that entered the outbox without a category
        self._due_again: set[str] = set()  # and those whose groups have one now
        self._waiting_since = 0.0
        self._waited = 0  # how many waited at the last step
        self.started_at: float | None = None
        """Since when the process runs (Unix s), at first since the first step. An earlier listing is not trusted."""
        self._has_scanned = False
        self._is_ready = False  # whether the next step can decide
        self._count: Count | None = None  # under way
        self._pages = 0
        self._totals: Counter[tuple[Label, Category]] | None = None
        self._counted_at = 0.0
        self._counted_listing: float | None = None
        self.trouble: str | None = None
        """Why the project cannot be listed, while files wait for that."""

    @property
    def wants_listing(self) -> bool:
        """Return whether files wait until the project is listed."""
        return bool(self._waiting) and not self._is_listed()

    @property
    def is_busy(self) -> bool:
        """Return whether the next step has work to do at once."""
        return bool(self._said) or self._count is not None or (bool(self._waiting) and self._is_ready)

    def next_at(self, now: float) -> float:
        """Return when there is work to do again (Unix s)."""
        return now + (1.0 if self._waiting else IDLE_RECOUNT_S)

    def scanned(self, now: float) -> None:
        """Record that a scan of the root ended."""
        if not self._has_scanned:
            self._waiting_since = now  # the last files that it found are not checked yet
        self._has_scanned = True
        self._forget_missing()

    def place(self, path: str, found: Description, now: float) -> Description | str:
        """Return the description with the category of the group; while there is none yet, why, for a person."""
        key, found = self._split.grouped(path, found)
        if key is None:
            return found
        if is_said(found.category):
            if (key, found.category) not in self._noted:
                self._said.add((key, found.category))
            return found
        if found.category is not Category.SPLIT:
            return found
        category = self._category_of(key)
        if category is not None:
            return replace(found, category=category)
        if not self._waiting:
            self._waiting_since = now
        self._waiting[path] = (key, found.label)
        return self._why_waiting(key)

    def pass_by(self, path: str) -> None:
        """Record that the file was entered without waiting, as truncated and renamed files are."""
        if path in self._waiting:
            self._passed.add(path)

    def take_passed(self) -> set[str]:
        """Return the files that did not wait and whose groups have a category now."""
        found, self._due_again = self._due_again, set()
        return found

    def step(self, now: float) -> set[str]:
        """Continue to count, or decide on the groups that wait. Return the files whose groups have a category now."""
        self.started_at = now if self.started_at is None else min(self.started_at, now)
        self._store_said(now)
        is_listed = self._is_listed()
        is_new = self._waited != len(self._waiting) and 0.0 <= now - self._waiting_since < SETTLE_S
        self._waited = len(self._waiting)
        self._is_ready = is_listed and (self._has_scanned or self._waited >= MAX_WAITING)
        if self._count is not None:
            self._count_on(self._count, now)
        elif is_listed and self._must_count(now):
            self._count, self._pages = self._groups.begin_count(self._root.target, self._split.name), 0
        elif self._waiting and self._is_ready and not is_new:
            return self._decide(now)
        return set()

    def _category_of(self, key: str) -> Category | None:
        if (category := self._known.get(key)) is None:
            facts = self._groups.find(self._root.target, self._split.name, [key]).get(key)
            if facts is not None and (category := facts.category) is not None:
                self._remember(key, category)
        return category

    def _remember(self, key: str, category: Category) -> None:
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[key] = category

    def _is_listed(self) -> bool:
        """Return whether the project was listed since the start, or never will be."""
        if not self._is_compared:
            return True
        listed_at, self.trouble = self._groups.listed_at(self._root.target)
        return listed_at is not None and self.started_at is not None and listed_at >= self.started_at

    def _why_waiting(self, key: str) -> str:
        group = f"its group {one_line(key)}"
        if self._is_listed():
            return f"{group} has no category yet: eisync decides once it has seen the other groups of the folder"
        why = f"waits for the first listing of the project, because {group} may already be there"
        if self.trouble is None:
            return why
        return f"{why}; the project cannot be listed: {self.trouble}. reconcile.enabled = false decides without it"

    def _store_said(self, now: float) -> None:
        """Store the categories that are said of files: they fix those of their groups."""
        if not self._said:
            return
        for category in CATEGORIES:
            keys = [key for key, one in self._said if one is category]
            if keys:
                said = dict.fromkeys(keys, Placement(category, SAID))
                self._groups.decide(self._root.target, self._split.name, said, now=now)
        if len(self._noted) >= _MAX_KNOWN:
            self._noted.clear()
        self._noted |= self._said
        self._said.clear()

    def _must_count(self, now: float) -> bool:
        if self._totals is None:
            return True
        age_s = now - self._counted_at
        if age_s < 0.0 or age_s >= IDLE_RECOUNT_S:
            return True
        is_newer = self._groups.listed_at(self._root.target)[0] != self._counted_listing
        return bool(self._waiting) and is_newer and age_s >= max(RECOUNT_S, RECOUNT_PAGE_S * self._pages)

    def _count_on(self, count: Count, now: float) -> None:
        self._groups.count_on(count)
        self._pages += 1
        if count.is_done:
            self._count, self._totals, self._counted_at = None, count.totals, now
            self._counted_listing = self._groups.listed_at(self._root.target)[0]

    def _forget_missing(self) -> None:
        there, passed = self._observed, self._passed
        self._waiting = {path: one for path, one in self._waiting.items() if path in there or path in passed}

    def _decide(self, now: float) -> set[str]:
        self._forget_missing()
        target, name, totals = self._root.target, self._split.name, self._totals or Counter()
        files: dict[str, Counter[Label]] = {}
        for key, label in self._waiting.values():
            files.setdefault(key, Counter())[label] += 1
        known = self._groups.find(target, name, files)
        placed = {
            key: Placement(category, facts.why or IN_PROJECT)
            for key, facts in known.items()
            if (category := facts.category or fixed_by(facts.seen)) is not None
        }
        for key, one in placed.items():
            for label, number in files[key].items():
                totals[label, one.category] += number
        found = assign({key: counts for key, counts in files.items() if key not in placed}, totals, self._split)
        for key, one in found.items():
            for label, number in files[key].items():
                totals[label, one.category] += number
        self._groups.decide(target, name, {**placed, **found}, now=now)
        for key, one in {**placed, **found}.items():
            self._remember(key, one.category)
        self._totals = totals
        self._log.info("split.decided", root=self._root.path, groups=len(files), files=len(self._waiting))
        paths = set(self._waiting)
        self._due_again |= paths & self._passed
        self._waiting, self._waited, self._passed = {}, 0, set()
        return paths
