"""What people mark in recordings with Label Studio is read from both of its exports."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.label_studio_series import entries, recognises
from eisync.core.annotations.stretches import MAX_STRETCHES
from eisync.core.labels.entry import Entry, Stretch

MILLISECONDS = "the times of its series are read as milliseconds, as the column timestamp has them"
NOT_SENT = "only stretches with labels are sent, not the other answers about them"
BARK = {
    "original_length": 98.7,
    "value": {"start": 0.5, "end": 1.25, "channel": 0, "labels": ["bark"]},
    "type": "labels",
}
RUN = {"value": {"start": 100, "end": 350.5, "instant": False, "timeserieslabels": ["Run"]}, "type": "timeserieslabels"}
CHOICE = {"value": {"choices": ["calm"]}, "type": "choices"}
TEXT = {"value": {"start": 0.5, "end": 1.25, "text": ["hello"]}, "type": "textarea"}
SOUND = "/data/upload/1/1a2b3c4d-dog.wav"


def task(*results: Any, **data: Any) -> dict[str, Any]:
    return {"id": 1, "annotations": [{"id": 2, "result": list(results)}], "data": data or {"audio": SOUND}}


def read(*tasks: Any) -> list[Entry]:
    return list(entries(iter(json.dumps(tasks))))


def one(*tasks: Any) -> Entry:
    [entry] = read(*tasks)
    return entry


def test_regions_of_audio_are_read() -> None:
    assert Entry(
        path="1a2b3c4d-dog.wav", stretches=[Stretch("bark", 0.5, 1.25, "region 1")], where="task number 1"
    ) == one(task(BARK))


def test_regions_of_a_series_are_read() -> None:
    entry = one(task(RUN, csv="s3://bucket/day%201/run.csv?versionId=7"))
    assert ("run.csv", [Stretch("Run", 0.1, 0.3505, "region 1")], MILLISECONDS) == (
        entry.path,
        entry.stretches,
        entry.remark,
    )


def test_an_instant_is_a_point() -> None:
    value = {"start": 100, "end": None, "instant": True, "timeserieslabels": ["Peak"]}
    assert [Stretch("Peak", 0.1, 0.1, "region 1")] == one(task({"value": value}, csv="run.csv")).stretches


def test_json_min_is_read() -> None:
    found = one({"audio": SOUND, "id": 1, "label": [BARK["value"]], "annotator": 1, "annotation_id": 2})
    assert ("1a2b3c4d-dog.wav", [Stretch("bark", 0.5, 1.25, "region 1")]) == (found.path, found.stretches)
    found = one({"csv": "/data/local-files/?d=walks/a.csv", "label": [RUN["value"]]})
    assert ("a.csv", [Stretch("Run", 0.1, 0.3505, "region 1")]) == (found.path, found.stretches)


@pytest.mark.parametrize(
    ("found", "label"),
    [
        (task(CHOICE), "calm"),
        ({"audio": SOUND, "choice": "calm"}, "calm"),
        ({"audio": SOUND, "choice": {"choices": ["calm"]}}, "calm"),
    ],
)
def test_a_choice_is_the_label_of_the_recording(found: dict[str, Any], label: str) -> None:
    assert (label, None) == (one(found).label, one(found).stretches)


def test_what_is_not_sent_is_said() -> None:
    entry = one(task(BARK, CHOICE, TEXT, TEXT, 7, {"value": 7}))
    assert entry.label is None
    assert (
        f"{NOT_SENT}; the choice for the whole recording is not sent, because its stretches have labels" == entry.remark
    )


@pytest.mark.parametrize(
    ("found", "path"),
    [
        ({"audio": "https://example.org/a/b.mp3#t=1"}, "b.mp3"),
        ({"audio": "C:\\sounds\\b.wav"}, "b.wav"),
        ({"user": "Tom", "image": "a.png", "ts": "b.csv"}, "b.csv"),
        ({"n": 7, "long": "x" * 5000 + ".wav", "a": "b%ED%A0%80.wav"}, "b\ufffd\ufffd\ufffd.wav"),
    ],
)
def test_the_recording_is_the_last_part_of_an_address(found: dict[str, Any], path: str) -> None:
    assert path == one(task(BARK, **found)).path


def test_the_upload_names_the_recording_when_the_data_does_not() -> None:
    assert "1a-b.csv" == one({**task(RUN, series={"time": [1]}), "file_upload": "1a-b.csv"}).path


@pytest.mark.parametrize(
    "found",
    [
        task(BARK, image="a.png"),
        {"data": {"audio": SOUND}, "annotations": []},
        {"data": {"audio": SOUND}, "annotations": 7},
        {"data": {"audio": SOUND}, "annotations": [7, {"was_cancelled": True, "result": [BARK]}, {"result": 7}]},
        {"data": 7, "completions": [{"result": [BARK]}]},
        {"audio": SOUND, "id": 1},
    ],
)
def test_other_tasks_say_nothing(found: dict[str, Any]) -> None:
    assert [] == read(found)


def test_a_recording_may_have_no_region() -> None:
    assert [] == one(task()).stretches
    assert [] == one({"audio": SOUND, "annotation_id": 3}).stretches


def test_the_newest_annotation_counts() -> None:
    other = {"value": {"start": 0.5, "end": 1.25, "labels": ["meow"]}}
    annotations = [
        {"result": [BARK], "updated_at": "2026-01-02"},
        {"result": [other], "created_at": "2026-01-03"},
        {"result": [BARK], "updated_at": "2026-01-04", "was_cancelled": True},
    ]
    entry = one({"data": {"audio": SOUND}, "annotations": annotations})
    assert ["meow"] == [stretch.label for stretch in entry.stretches or []]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"start": 0, "end": 1, "labels": ["a", "b"]}, "region 2 has 2 labels, and a stretch has one"),
        ({"start": 0, "end": 1, "labels": []}, "region 2 has no label, and a stretch has one"),
        ({"start": 0, "end": 1, "labels": "a"}, "region 2 has no label, and a stretch has one"),
        ({"start": 0, "labels": ["a"]}, "region 2 is not given by a start and an end"),
        ({"start": True, "end": 1, "labels": ["a"]}, "region 2 is not given by a start and an end"),
        ({"start": 0, "end": 10**400, "labels": ["a"]}, "it contains a number of more than 64 bits"),
        (
            {"start": "2026-01-01", "end": "2026-01-02", "timeserieslabels": ["a"]},
            "region 2 is given by dates; label the",
        ),
        ({"choices": ["a", "b"]}, "it has 2 choices, and a sample has one label"),
        ({"start": 0, "end": 1, "labels": ["\ud800"]}, "it contains half a character"),
    ],
)
def test_a_bad_region_costs_only_its_recording(value: dict[str, Any], why: str) -> None:
    bad, good = read(task(BARK, {"value": value}), task(BARK, audio="b.wav"))
    assert "1a2b3c4d-dog.wav" == bad.path
    assert (bad.problem or "").startswith(f"task number 1: {why}")
    assert ("b.wav", None) == (good.path, good.problem)


def test_a_large_task_costs_only_its_recording() -> None:
    [first, second, third] = read(
        task(*[7] * (MAX_STRETCHES + 1)),
        {"data": {"audio": SOUND}, "annotations": [[]] * 30_000},
        task(BARK),
    )
    assert ("1a2b3c4d-dog.wav", "task number 1: it has more than 20,000 regions") == (first.path, first.problem)
    why = "task number 2: its annotations: it is made of more than 25,000 values"
    assert ("1a2b3c4d-dog.wav", why) == (second.path, second.problem)
    assert third.problem is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is not a JSON list"),
        ("{}", "it is not a JSON list"),
        ("[7]", "task number 1 is not an object"),
        ("[{}] 7", "more follows in line 1"),
        ("[{}", "and found the end"),
    ],
)
def test_what_is_no_export_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(entries([text]))


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.json", json.dumps([task(BARK)]), True),
        ("a.JSON", json.dumps([task(RUN, csv="a.csv")])[:150], True),
        ("a.json", json.dumps([{"audio": SOUND, "label": [BARK["value"]], "annotation_id": 1}]), True),
        ("a.json", json.dumps([task(CHOICE)]), True),
        ("a.json", json.dumps([task(CHOICE, image="a.png")]), False),
        ("a.json", json.dumps([task({"value": {"start": 1, "end": 2, "labels": ["x"]}}, text="a text")]), False),
        ("a.json", json.dumps(task(BARK)), False),
        ("a.json", '[{"audio": "a.wav", "labels": 1}]', False),
        ("a.jsonl", json.dumps([task(BARK)]), False),
    ],
)
def test_exports_of_recordings_are_recognised(name: str, head: str, expected: bool) -> None:
    assert expected == recognises(name, head)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["", "a", SOUND]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "annotations",
                    "result",
                    "value",
                    "start",
                    "end",
                    "labels",
                    "timeserieslabels",
                    "choices",
                    "audio",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(VALUES, st.integers(0, 400))
def test_noise_raises_nothing_but_value_errors(noise: Any, length: int) -> None:
    for text in (json.dumps(noise), json.dumps([noise]), json.dumps([task(noise)])[:length]):
        recognises("a.json", text)
        with contextlib.suppress(ValueError):
            list(entries([text]))
