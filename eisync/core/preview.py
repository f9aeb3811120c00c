"""Count what a preview found: by verdict, and by label and category. The memory is bounded.

A preview says what would happen to each file of a folder if it was uploaded now.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import Enum

from eisync.core.file_status import FileCounts
from eisync.core.labels.warnings import LabelCount, LabelWarning, label_warnings
from eisync.core.lifecycle import State
from eisync.core.model import Category, shown, value

MAX_LABELS = 10_000
"""Count at most this many different labels of a folder one by one. Files with further labels are only counted."""

_LONGEST_LABEL = 200


class Verdict(Enum):
    """What would happen to a file."""

    GOES = "goes"  # it is sent
    WAITS = "waits"  # it is sent later: it is not complete, or its description is not
    QUARANTINED = "quarantined"  # a person must repair it
    LEFT_OUT = "left out"  # it is no sample, or a rule leaves it out
    UNREADABLE = "unreadable"  # a folder that cannot be read


@value(kw_only=True)
class PreviewedFile:
    """One file, its verdict and the reason.

    `path` is relative to the root. The other values are those that are sent with it. `label` None: it has none. They
    are unknown (`category` None) for a file that is left out, and while its sidecars cannot be used. `boxes` is the
    number of its bounding boxes. `is_complete` is None when its format cannot tell, or it was not read. `remarks` are
    sentences about sidecar data that is not sent. `group` is the key of the group that a split keeps together.
    """

    path: str
    verdict: Verdict
    reason: str
    label: str | None = None
    category: Category | None = None
    name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    boxes: int = 0
    has_parts: bool = False
    is_complete: bool | None = None
    remarks: tuple[str, ...] = ()
    group: str | None = None


@value
class LabelRow:
    """The files of one label by category. `label` None: files without a label, or (`has_parts`) with bounding boxes or
    labels by range, whose own label is not used.
    """

    label: str | None
    has_parts: bool
    categories: Mapping[str, int]

    @property
    def files(self) -> int:
        return sum(self.categories.values())


class PreviewCounts:
    """The counts of one folder. `others`: files with labels that are too many or too long to count one by one."""

    def __init__(self) -> None:
        self.verdicts: Counter[Verdict] = Counter()
        self.others = 0
        self._rows: dict[tuple[str | None, bool], Counter[str]] = {}
        self._named: Counter[str] = Counter()

    def add(self, file: PreviewedFile) -> None:
        """Count the file."""
        self.verdicts[file.verdict] += 1
        if file.category is None or file.verdict not in (Verdict.GOES, Verdict.WAITS):
            return
        key = (None if file.has_parts else file.label, file.has_parts)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= MAX_LABELS or len(file.label or "") > _LONGEST_LABEL:
                self.others += 1
                return
            row = self._rows[key] = Counter()
        row[file.category.value] += 1
        if key[0] is not None and shown(file.path.rpartition("/")[2]).startswith(key[0]):
            self._named[key[0]] += 1

    def rows(self) -> Iterator[LabelRow]:
        """Yield the labels, those with the most files first."""
        for label, has_parts in sorted(self._rows, key=lambda key: (-self._rows[key].total(), key[0] or "", key[1])):
            yield LabelRow(label, has_parts, self._rows[label, has_parts])

    def warnings(self) -> list[LabelWarning]:
        """Return what is surely wrong with the labels."""
        return label_warnings(
            {
                label: LabelCount(row.total(), self._named[label])
                for (label, _), row in self._rows.items()
                if label is not None
            }
        )

    def as_status(self) -> FileCounts:
        """Return the counts as those of files that were uploaded, for the exit code."""
        return FileCounts(
            by_state={
                State.SYNCED: self.verdicts[Verdict.GOES],
                State.SETTLING: self.verdicts[Verdict.WAITS],
                State.QUARANTINED: self.verdicts[Verdict.QUARANTINED],
            },
            folders=self.verdicts[Verdict.UNREADABLE],
        )
