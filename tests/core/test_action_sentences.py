"""What an action does, in words."""

import json

import pytest

from eisync.core.action_sentences import change, sentence
from eisync.core.actions import Action, ActionKind, Cause

BOXES = [{"label": "cat", "x": 1, "y": 2, "width": 3, "height": 4}]
RANGES = [{"label": "a", "startIndex": 0, "endIndex": 3}]


def action(kind: ActionKind, was: str | None = None, to: str | None = None) -> Action:
    return Action(
        kind=kind,
        cause=Cause.DESCRIPTION_CHANGE,
        file_id=1,
        root="/data/",
        path="a.png",
        reason="because",
        since_at=0.0,
        sample_id=None if kind is ActionKind.TOMBSTONE else 7,
        was=was,
        to=to,
    )


@pytest.mark.parametrize(
    ("one", "words", "changed"),
    [
        (
            action(ActionKind.RELABEL_SAMPLE, "000", "wave"),
            "relabel sample 7 of /data/a.png from '000' to 'wave': because",
            "label 000 -> wave",
        ),
        (
            action(ActionKind.RELABEL_SAMPLE, "", "x" * 50),
            f"relabel sample 7 of /data/a.png from '' to '{'x' * 50}': because",
            f"label nothing -> {'x' * 39}…",
        ),
        (
            action(ActionKind.MOVE_SAMPLE, "training", "testing"),
            "move sample 7 of /data/a.png to testing, which is in training: because",
            "category training -> testing",
        ),
        (
            action(
                ActionKind.EDIT_METADATA, json.dumps({"site": "1", "kept": "x"}), json.dumps({"new": "2", "kept": "x"})
            ),
            "change the metadata of sample 7 of /data/a.png (new: nothing -> 2, site: 1 -> nothing): because",
            "metadata new, site",
        ),
        (
            action(ActionKind.EDIT_METADATA, None, json.dumps(dict.fromkeys("abcde", "1"))),
            "change the metadata of sample 7 of /data/a.png (a: nothing -> 1, b: nothing -> 1, c: nothing -> 1 and 2 "
            "more): because",
            "metadata a, b, c and 2 more",
        ),
        (
            action(ActionKind.EDIT_METADATA, json.dumps({"a": "1"})),
            "change the metadata of sample 7 of /data/a.png (a: 1 -> nothing): because",
            "metadata a",
        ),
        (
            action(ActionKind.EDIT_BOXES, "[]", json.dumps(BOXES)),
            "change the boxes of sample 7 of /data/a.png from no boxes to 1 box: because",
            "boxes",
        ),
        (
            action(ActionKind.EDIT_BOXES, json.dumps(BOXES), json.dumps(BOXES)),
            "change the boxes of sample 7 of /data/a.png to other ones (1 box): because",
            "boxes",
        ),
        (
            action(ActionKind.EDIT_STRUCTURED, json.dumps(RANGES), json.dumps(RANGES * 2)),
            "change the labels by range of sample 7 of /data/a.png from 1 range to 2 ranges: because",
            "labels by range",
        ),
        (
            action(ActionKind.EDIT_LABEL_MAP, None, '{"a": "b"}'),
            "change the label map of sample 7 of /data/a.png from no labels to 1 label: because",
            "label map",
        ),
    ],
)
def test_an_edit_in_words(one: Action, words: str, changed: str) -> None:
    assert (words, changed) == (sentence(one), change(one))


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (None, "never send /data/a.png again automatically: because"),
        ("trash_file", "move /data/a.png to the trash: because"),
        ("delete_file", "delete /data/a.png: because"),
    ],
)
def test_a_tombstone_is_told_by_what_happens_to_the_file(to: str | None, words: str) -> None:
    assert words == sentence(action(ActionKind.TOMBSTONE, to=to))
