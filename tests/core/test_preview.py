"""What a preview counts, and that a folder of any size and any labels cannot fill the memory."""

from typing import Any

import pytest

from eisync.core import file_status
from eisync.core import preview as module
from eisync.core.model import Category
from eisync.core.preview import PreviewCounts, PreviewedFile, Verdict


def file(path: str, label: str | None = "wave", **more: Any) -> PreviewedFile:
    fields: dict[str, Any] = {"verdict": Verdict.GOES, "reason": "", "category": Category.TRAINING, **more}
    return PreviewedFile(path=path, label=label, **fields)


def counted(*files: PreviewedFile) -> PreviewCounts:
    counts = PreviewCounts()
    for one in files:
        counts.add(one)
    return counts


def rows(counts: PreviewCounts) -> list[tuple[str | None, bool, dict[str, int], int]]:
    return [(row.label, row.has_parts, dict(row.categories), row.files) for row in counts.rows()]


def test_files_are_counted_by_label_and_category() -> None:
    counts = counted(
        file("a.csv", "snake"),
        file("wave.1.csv"),
        file("wave.2.csv", category=Category.TESTING),
        file("b.csv", None, verdict=Verdict.WAITS),
        file("c.png", "IMG_1", boxes=2, has_parts=True),
    )
    assert [
        ("wave", False, {"training": 1, "testing": 1}, 2),
        (None, False, {"training": 1}, 1),
        (None, True, {"training": 1}, 1),
        ("snake", False, {"training": 1}, 1),
    ] == rows(counts)


@pytest.mark.parametrize(
    ("verdict", "category"),
    [
        (Verdict.QUARANTINED, Category.TRAINING),
        (Verdict.LEFT_OUT, None),
        (Verdict.UNREADABLE, None),
        (Verdict.WAITS, None),
    ],
)
def test_a_file_that_does_not_go_or_is_not_described_has_no_label(verdict: Verdict, category: Category | None) -> None:
    counts = counted(file("a.csv", verdict=verdict, category=category))
    assert ([], {verdict: 1}) == (rows(counts), dict(counts.verdicts))


def test_labels_that_are_too_many_or_too_long_are_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LABELS", 2)
    labels = ["x" * 1_000, "a", "b", "c", "a"]
    counts = counted(*(file(f"{number}.csv", label) for number, label in enumerate(labels)))
    assert [("a", False, {"training": 2}, 2), ("b", False, {"training": 1}, 1)] == rows(counts)
    assert 2 == counts.others


def test_labels_are_warned_of_but_not_those_of_files_with_boxes() -> None:
    counters = [file(f"IMG_{number:04}.png", f"IMG_{number:04}") for number in range(3)]
    assert ["counters"] == [one.pattern.value for one in counted(*counters).warnings()]
    boxed = [file(one.path, one.label, boxes=1, has_parts=True) for one in counters]
    assert [] == counted(*boxed).warnings()


@pytest.mark.parametrize(
    ("verdicts", "exit_code"),
    [
        ([], 0),
        ([Verdict.GOES, Verdict.LEFT_OUT], 0),
        ([Verdict.GOES, Verdict.QUARANTINED], 3),
        ([Verdict.UNREADABLE], 3),
        ([Verdict.WAITS], 4),
        ([Verdict.WAITS, Verdict.QUARANTINED], 4),
    ],
)
def test_the_exit_code_is_that_of_an_upload(verdicts: list[Verdict], exit_code: int) -> None:
    counts = counted(*(file("a.csv", verdict=verdict) for verdict in verdicts))
    assert exit_code == file_status.exit_code(counts.as_status())
