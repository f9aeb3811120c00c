"""Show the groups that a split keeps together, with their categories, in `eisync preview`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from eisync.cli.options import ask
from eisync.core.labels.group_tally import GroupTally
from eisync.core.labels.split import Label, Split, fixed_by, straddles
from eisync.core.model import Category
from eisync.core.preview import PreviewedFile, Verdict
from eisync.core.text import amount, printable
from eisync.errors import EisyncError
from eisync.settings import Watch

SHOWN_GROUPS = 50
"""The table has at most this many groups, those with the most files."""

SHOWN_WARNINGS = 10
"""At most this many groups that straddle are named, here and in the project."""

_LONGEST = 40
_COUNTED = (Verdict.GOES, Verdict.WAITS)


class PreviewedGroups:
    """The groups of one folder."""

    def __init__(self, watch: Watch, split: Split) -> None:
        self._watch = watch
        self._split = split
        self._tally = GroupTally(split)
        self._in_project: list[str] = []  # sentences about groups that straddle there
        self._unknown: str | None = None  # why the project is not known

    def decide(self, files: Iterable[PreviewedFile], *, config: str | None, state_dir: str | None) -> None:
        """Find the category of each group, from all files and from what the state folder knows, if there is one."""
        for file in files:
            if file.category is not None and file.verdict in _COUNTED:
                self._tally.add(file.group, file.label, file.category)
        decided: dict[str, Category] = {}
        totals: dict[tuple[Label, Category], int] = {}
        self._unknown = "there is no state folder that knows it"
        question = {"do": "groups", "target": self._watch.target, "name": self._split.name}
        try:
            for record in ask(question, config=config, state_dir=state_dir):
                self._note(record, decided, totals)
        except EisyncError as error:
            self._unknown = str(error)
        self._tally.decide(decided, totals)

    def _note(
        self, record: dict[str, Any], decided: dict[str, Category], totals: dict[tuple[Label, Category], int]
    ) -> None:
        if record["what"] == "project":
            self._unknown = None if record["listed_at"] is not None else "it was not listed yet"
        elif record["what"] == "total":
            totals[record["label"], Category(record["category"])] = record["files"]
        else:
            seen = [Category(name) for name in record["seen"]]
            category = fixed_by(seen) if record["category"] is None else Category(record["category"])
            if category is not None:
                decided[record["key"]] = category
            if len(seen) > 1:
                self._in_project.append(straddles(record["key"], seen))

    def placed(self, file: PreviewedFile) -> PreviewedFile:
        """Return the file with the category of its group."""
        if file.category is None:
            return file
        return replace(file, category=self._tally.category_of(file.group, file.category))

    def record(self) -> dict[str, Any]:
        """Return the groups as plain values, for the summary of the folder."""
        rows = list(self._tally.rows())
        return {
            "groups": [
                {
                    "group": row.key,
                    "category": row.placement.category.value,
                    "why": row.placement.why,
                    "files": row.files,
                    "categories": dict(row.categories),
                    "straddles": row.warning is not None,
                }
                for row in rows
            ],
            "without_group_files": self._tally.without,
            "other_groups_files": self._tally.beyond,
            "project_unknown": self._unknown,
            "project_straddling": self._in_project,
        }

    def lines(self) -> Iterator[str]:
        """Yield the warnings and the table, for a person."""
        rows = list(self._tally.rows())
        yield ""
        yield from self._warnings([row.warning for row in rows if row.warning is not None])
        if not rows:
            yield f"  no file has a group by {self._split.by!r}: the split does nothing"
            return
        shown = list(islice(rows, SHOWN_GROUPS))
        names = [_short(row.key) for row in shown]
        width = max(len("group"), *map(len, names))
        yield f"  {'group':<{width}}  {'category':<10}  {'files':>10}"
        for name, row in zip(names, shown, strict=True):
            yield f"  {name:<{width}}  {row.placement.category.value:<10}  {row.files:>10,}  {row.placement.why}"
        if rows[SHOWN_GROUPS:]:
            yield f"  and {amount(len(rows) - SHOWN_GROUPS, 'more group')}: --json lists them"

    def _warnings(self, here: list[str]) -> Iterator[str]:
        yield from (f"  split: {sentence}" for sentence in here[:SHOWN_WARNINGS])
        yield from (f"  split, in the project: {sentence}" for sentence in self._in_project[:SHOWN_WARNINGS])
        hidden = len(here[SHOWN_WARNINGS:]) + len(self._in_project[SHOWN_WARNINGS:])
        if hidden:
            yield f"  split: {amount(hidden, 'more group')} straddle: --json lists them"
        if self._tally.without:
            files = amount(self._tally.without, "file")
            yield f"  split: {files} in no group by {self._split.by!r}: the service decides"
        if self._tally.beyond:
            yield f"  split: {amount(self._tally.beyond, 'file')} in further groups, which are not counted here"
        if self._unknown is not None:
            yield f"  split: the project was not asked which groups it has: {self._unknown}"


def _short(key: str) -> str:
    text = printable(key)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
