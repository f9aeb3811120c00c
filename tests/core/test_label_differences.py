from dataclasses import replace

import pytest

from eisync.core.labels.description import label_differences
from eisync.core.model import Category, RemoteSample

SAME = RemoteSample(id=1, filename="wave.01", category="training", label="wave")


@pytest.mark.parametrize(
    ("label", "category", "samples", "clauses"),
    [
        ("wave", Category.TRAINING, [], []),
        ("wave", Category.TRAINING, [SAME], []),
        ("wave", Category.SPLIT, [replace(SAME, category="testing")], []),
        ("wave", Category.TRAINING, [replace(SAME, category="testing")], ["in testing there, training here"]),
        ("wave", Category.SPLIT, [replace(SAME, label="idle")], ["labelled 'idle' there, 'wave' here"]),
        ("wave", Category.SPLIT, [replace(SAME, label="")], ["labelled nothing there, 'wave' here"]),
        (None, Category.SPLIT, [replace(SAME, label="")], []),
        (None, Category.SPLIT, [SAME], ["labelled 'wave' there, nothing here"]),
        ("wave", Category.SPLIT, [replace(SAME, filename="x")], ["named 'x' there"]),
        (
            "wave",
            Category.SPLIT,
            [replace(SAME, is_disabled=True, has_processing_error=True), replace(SAME, id=2, is_disabled=True)],
            ["disabled there", "could not be processed there"],
        ),
    ],
)
def test_each_difference_is_reported_once(
    label: str | None, category: Category, samples: list[RemoteSample], clauses: list[str]
) -> None:
    assert clauses == label_differences("deep/wave.01.csv", label, category, samples)


def test_a_name_that_is_not_utf_8_is_compared_as_it_was_sent() -> None:
    sample = replace(SAME, filename="caf\ufffd.1")
    assert [] == label_differences("caf\udce9.1.csv", "wave", Category.SPLIT, [sample])


def test_another_unicode_form_is_no_difference() -> None:
    sample = RemoteSample(id=1, filename="tu\u0308r.1", category="training", label="tu\u0308r")
    assert [] == label_differences("t\u00fcr.1.csv", "t\u00fcr", Category.SPLIT, [sample])
