import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.batching import TRIAL_FILES, Inference, Limits, requests_of
from eisync.core.labels.inferred import infers
from eisync.core.model import Item, RemoteSample
from eisync.core.studio import is_edited_by_others

from .test_batching import item


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("idle.01.wav", "idle", True),
        ("idle.wav", "idle", True),
        ("idle", "idle", True),
        ("up-down_2 x.csv", "up-down_2 x", True),
        ("0132a06d_nohash_0.wav", "0132a06d_nohash_0", True),
        ("-.wav", "-", True),
        ("idle~1.wav", "idle", True),
        ("idle+noise.wav", "idle", True),
        ("idle.01.wav", "wave", False),
        ("idle.01.wav", None, False),
        ("idle.01.wav", "", False),
        (".01.wav", "", False),
        ("idle.01.wav", "idle.01", False),  # the rule ends at the dot
        ("idle_01.wav", "idle", False),  # and not before it
        ("idle 01.wav", "idle", False),
        ("idle .wav", "idle ", False),  # it is not said whether spaces are trimmed
        (" idle.wav", " idle", False),
        ("idle\u00a001.wav", "idle", False),  # nor which characters are spaces
        ("idle\t.wav", "idle", False),
        ("idlé.wav", "idl", False),
        ("idlé.wav", "idlé", False),
        ("左.wav", "左", False),
    ],
)
def test_only_what_the_service_certainly_infers_is_predicted(name: str, label: str | None, expected: bool) -> None:
    assert expected is infers(name, label)


@given(st.text("ab1_-. +\u00a0é\t\n", max_size=8), st.text("ab1_-. ", max_size=5))
def test_a_prediction_holds_however_the_open_questions_are_answered(name: str, label: str) -> None:
    if not infers(name, label):
        return
    for space in (r" ", r"\s", r"\s\ufeff"):
        found = re.match(rf"[a-zA-Z0-9{space}\-_]+", name)
        assert found is not None
        assert {label} == {found.group(), found.group().strip()}


WAVE, IDLE, OTHER = ({"label": label, "path": f"{label}.{{}}.csv"} for label in ("wave", "idle", "other"))


def of(identity: int, kind: dict[str, str], **more: object) -> Item:
    return item(identity, **{**kind, "path": kind["path"].format(identity), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "inference", "items", "limits", "expected"),
    [
        ("off", Inference.OFF, [of(1, WAVE), of(2, IDLE)], Limits(), [([1], False), ([2], False)]),
        ("two labels", Inference.ON, [of(1, WAVE), of(2, IDLE)], Limits(), [([1, 2], True)]),
        ("one label", Inference.ON, [of(1, WAVE), of(2, WAVE)], Limits(), [([1, 2], False)]),
        (
            "a name that says nothing of it",
            Inference.ON,
            [of(1, WAVE), of(2, IDLE), item(3, label="wave"), item(4, label=None)],
            Limits(),
            [([1, 2], True), ([3], False), ([4], False)],
        ),
        (
            "what else is a header",
            Inference.ON,
            [of(1, WAVE), of(2, IDLE, metadata=(("a", "b"),)), of(3, IDLE), of(4, WAVE, target="other")],
            Limits(),
            [([1, 3], True), ([2], False), ([4], False)],
        ),
        (
            "boxes keep their label",
            Inference.ON,
            [of(1, WAVE), of(2, IDLE), of(3, OTHER, companions="{}")],
            Limits(),
            [([1, 2], True), ([3], False)],
        ),
        ("full ones", Inference.ON, [of(1, WAVE), of(2, IDLE), of(3, OTHER)], Limits(files=2),
         [([1, 2], True), ([3], True)]),
        (
            "a trial of one each",
            Inference.TRIAL,
            [of(1, WAVE), of(2, WAVE), of(3, IDLE), of(4, IDLE)],
            Limits(),
            [([1, 3], True), ([2], False), ([4], False)],
        ),
        ("no trial with one label", Inference.TRIAL, [of(1, WAVE), of(2, WAVE)], Limits(), [([1, 2], False)]),
        (
            "one trial",
            Inference.TRIAL,
            [of(1, WAVE), of(2, IDLE), of(3, WAVE, target="other"), of(4, IDLE, target="other")],
            Limits(),
            [([1, 2], True), ([3], False), ([4], False)],
        ),
        ("a trial of few files", Inference.TRIAL, [of(1, WAVE), of(2, IDLE), of(3, OTHER)], Limits(files=2),
         [([1, 2], True), ([3], False)]),
        (
            "a trial of few bytes",
            Inference.TRIAL,
            [of(1, WAVE, size=4), of(2, IDLE, size=4), of(3, OTHER, size=4)],
            Limits(bytes=8),
            [([1, 2], True), ([3], False)],
        ),
        (
            "a trial below the cap of its files",
            Inference.TRIAL,
            [of(1, WAVE, batch_cap=1), of(2, IDLE, batch_cap=1)],
            Limits(),
            [([1], True), ([2], False)],
        ),
    ],
)  # fmt: skip
def test_files_of_different_labels_share_a_request(
    case: str, inference: Inference, items: list[Item], limits: Limits, expected: list[tuple[list[int], bool]]
) -> None:
    requests = requests_of(items, limits, inference)

    assert expected == [([one.id for one in request.items], request.is_inferred) for request in requests]
    assert all(request.label is None for request in requests if request.is_inferred)


def test_a_trial_is_small() -> None:
    items = [item(number, label=f"l{number}", path=f"l{number}.csv") for number in range(100)]

    requests = requests_of(items, Limits(files=1000), Inference.TRIAL)

    assert [TRIAL_FILES] == [len(request.items) for request in requests if request.is_inferred]


@pytest.mark.parametrize(
    ("updated_by", "own_key", "expected"),
    [
        (None, 7, False),
        ("projectApiKey 7", 7, False),
        ("projectApiKey 8", 7, True),
        ("projectApiKey 8", None, True),
        ("user 5", 7, True),
    ],
)
def test_an_edit_of_another_is_none_of_ours(updated_by: str | None, own_key: int | None, expected: bool) -> None:
    sample = RemoteSample(id=1, filename="a", category="training", label="idle", updated_by=updated_by)
    assert expected is is_edited_by_others(sample, own_key)
