import pytest

from eisync.core import class_balance as module
from eisync.core.class_balance import ClassBalance, ClassCount, Difference, FileClass, is_due

IDLE, WAVE = FileClass("idle", "training"), FileClass("wave", "testing")


def difference(here: str, there: str, files: int = 1, path: str = "a") -> Difference:
    return Difference(here, there, files, "/data", path)


def test_counts_add_up() -> None:
    balance = ClassBalance()
    balance.add([ClassCount(IDLE, 3, 1)], [difference("idle", "")])
    balance.add(
        [ClassCount(IDLE, 1, 1), ClassCount(WAVE, 0, 2)], [difference("idle", "", 4, "z"), difference("a", "b")]
    )
    assert {IDLE: ClassCount(IDLE, 4, 2), WAVE: ClassCount(WAVE, 0, 2)} == balance.classes
    assert {("idle", ""): difference("idle", "", 5), ("a", "b"): difference("a", "b")} == balance.differences
    assert (8, 0, 0) == (balance.files, balance.beyond, balance.more_differences)


def test_labels_in_two_forms_do_not_differ() -> None:
    balance = ClassBalance()
    balance.add([], [difference("t\u00fcr", "tu\u0308r")])
    assert {} == balance.differences


def test_both_tables_are_limited() -> None:
    balance = ClassBalance()
    balance.add(
        [ClassCount(FileClass(str(n), "split"), 1, 1) for n in range(module.MAX_CLASSES + 2)],
        [difference(str(n), "x", 3) for n in range(module.MAX_DIFFERENCES + 2)],
    )
    assert (module.MAX_CLASSES, 4) == (len(balance.classes), balance.beyond)
    assert (module.MAX_DIFFERENCES, 6) == (len(balance.differences), balance.more_differences)
    assert 2 * (module.MAX_CLASSES + 2) == balance.files


@pytest.mark.parametrize(
    ("files", "age_s", "expected"),
    [(0, 29.0, False), (0, 30.0, True), (0, -1.0, True), (1_000_000, 499.0, False), (1_000_000, 500.0, True)],
)
def test_it_is_counted_again_after_a_while(files: int, age_s: float, expected: bool) -> None:
    assert expected is is_due(ClassBalance(files=files), 1_000.0, now=1_000.0 + age_s)
