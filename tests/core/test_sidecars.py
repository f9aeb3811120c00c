import contextlib
import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.formats.json_stream import JsonStream, Unfinished
from eisync.core.labels.entry import Entry
from eisync.core.labels.sidecars import entries_of, read_entries, resume_entries

BOX = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
RANGE = {"startIndex": 0, "endIndex": 2, "label": "a"}


def cut(text: str) -> Iterator[str]:
    return (text[at : at + 65_536] for at in range(0, len(text), 65_536))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"path": "a.csv"}, Entry(path="a.csv")),
        ({"path": "testing/a.csv"}, Entry(path="testing/a.csv", category="testing")),
        ({"path": "testing/a.csv", "category": "training"}, Entry(path="testing/a.csv", category="training")),
        ({"path": "testing\\a.csv"}, Entry(path="testing/a.csv", category="testing")),
        ({"path": "a.csv", "label": {"type": "unlabeled"}}, Entry(path="a.csv", is_unlabeled=True)),
        ({"path": "a.csv", "label": {"type": "label", "label": "x"}}, Entry(path="a.csv", label="x")),
        ({"path": "a.csv", "label": {"type": "label", "label": 0}}, Entry(path="a.csv", label="0")),
        ({"path": "a.csv", "label": "x"}, Entry(path="a.csv", label="x")),
        ({"path": "a.csv", "label": None}, Entry(path="a.csv")),
        (
            {"path": "a.csv", "label": {"type": "multi-label", "labels": [RANGE]}},
            Entry(path="a.csv", structured_labels=[RANGE]),
        ),
        (
            {"path": "a.csv", "label": {"type": "keyvalue-labels", "labels": {"k": "v"}}},
            Entry(path="a.csv", label_map={"k": "v"}),
        ),
        (
            {"path": "a.csv", "label": {"type": "keyvalue-labels", "labels": ["calm", "up"]}},
            Entry(path="a.csv", label_map={"0": "calm", "1": "up"}),
        ),
        (
            {"path": "a.png", "boundingBoxes": [BOX], "metadata": {"k": "v"}},
            Entry(path="a.png", bounding_boxes=[BOX], metadata={"k": "v"}),
        ),
        ({"path": "a.png", "boundingBoxes": [], "metadata": None}, Entry(path="a.png")),
        ({"path": "a.1.csv", "name": "a"}, Entry(path="a.1.csv", name="a")),
        ({"path": "a.1.csv", "name": 7}, Entry(path="a.1.csv", name="7")),
        ({"path": "a.1.csv", "name": ""}, Entry(path="a.1.csv")),
        ({"path": "a.1.csv", "name": None}, Entry(path="a.1.csv")),
        ({"path": "a.1.csv", "name": ["a"]}, Entry(path="a.1.csv")),
        ({"path": "a.csv", "attachments": [{"path": "b"}, {"path": "c"}]}, Entry(path="a.csv", attachments=2)),
        ({"path": "a.csv", "attachments": {"b": {}}}, Entry(path="a.csv", attachments=1)),
        ({"path": "a.csv", "attachments": []}, Entry(path="a.csv")),
        ({"path": "./testing\\a.csv"}, Entry(path="testing/a.csv", category="testing")),
        ({"path": "./x//y/./../a.csv"}, Entry(path="x/a.csv")),
        ({"path": "a.csv", "category": "Training"}, Entry(path="a.csv", category="training")),
        ({"path": "a.csv", "category": "test"}, Entry(path="a.csv", category="testing")),
        ({"path": "a.csv", "category": "valid "}, Entry(path="a.csv", category="validation")),
        ({"path": "a.csv", "category": "other"}, Entry(path="a.csv", category="other")),
    ],
)
def test_an_entry_has_only_the_values_that_it_gives(entry: dict[str, object], expected: Entry) -> None:
    assert [expected] == read_entries(json.dumps({"files": [entry]}))


@pytest.mark.parametrize(
    "text",
    [
        '{"version":1,"files":[{"path":"a"},{"path":"b"}]}',
        '{"files":[{"path":"a"},{"path":"b"}]}',
        '{"__ndjson":true,"version":1}\n{"path":"a"}\n\n{"path":"b"}\n',
        '{"__ndjson":true,"files":[{"path":"a"}]}\n{"files":[{"path":"b"}]}\n',
    ],
)
def test_info_labels_is_read_in_every_form(text: str) -> None:
    assert ["a", "b"] == [entry.path for entry in read_entries(text)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "no list of files"),
        ("{}", "no list of files"),
        ('{"files": {}}', "no list of files"),
        ('{"files": [1]}', "no path"),
        ('{"files": [{"name": "a"}]}', "no path"),
        ('{"__ndjson":true}\n{"path":\n', "line 2"),
        ('{"__ndjson":true}\n{"name":"a"}\n', "line 2"),
        ('{"__ndjson":true}\n[1]\n', "line 2 of info.labels names no file"),
        ('{"__ndjson":true}\n7\n', "line 2 of info.labels names no file"),
        ('{"__ndjson":true}\n{"label":1e999,"name":' + "9" * 5_000 + "}", "line 2"),
        ('{"files": []} 7', "more follows in line 1"),
    ],
)
def test_an_invalid_info_labels_has_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_entries(text)


# --- entries that cannot be used affect no other entry

BAD = {
    '"\\ud800"': "half a character",
    '["\\udfff"]': "half a character",
    '{"\\ud83d": 1}': "half a character",
    '"a\\u0000b"': "NUL",
    "1e999": "too large",
    "-1e999": "too large",
    "9223372036854775808": "more than 64 bits",
    "-9223372036854775809": "more than 64 bits",
    "9" * 5_000: "thousands of digits",
    "NaN": "NaN is not a number",
    "[Infinity]": "Infinity is not a number",
    "[" * 100 + "]" * 100: "nested deeper than 64",
    "[" * 20_000 + "]" * 20_000: "nested too deeply",
    "[" + "[]," * 30_000 + "0]": "made of more than 25,000 values",
    json.dumps("x" * 600_000): "more than 524,288 characters",
}
FORMS = {
    "a list": '{"files": [%s, {"path": "b.csv", "label": "good"}]}',
    "lines": '{"__ndjson": true}\n%s\n{"path": "b.csv", "label": "good"}\n',
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("member", ["label", "category", "metadata", "boundingBoxes"])
@pytest.mark.parametrize("value", BAD, ids=lambda value: value[:20])
def test_an_unusable_entry_of_info_labels_affects_no_other_entry(form: str, member: str, value: str) -> None:
    bad, good = read_entries(FORMS[form] % f'{{"path": "a.csv", "{member}": {value}, "more": {value}}}')
    assert ("a.csv", True) == (bad.path, BAD[value] in str(bad.problem))
    assert Entry(path="b.csv", label="good") == good


@pytest.mark.parametrize("form", FORMS)
def test_the_usable_part_of_a_large_entry_is_used(form: str) -> None:
    boxes = [BOX] * 4_000
    junk = "x" * 600_000  # an unknown member
    text = json.dumps({"junk": junk, "path": "a.csv", "boundingBoxes": boxes}).replace("\n", "")
    assert [Entry(path="a.csv", bounding_boxes=boxes), Entry(path="b.csv", label="good")] == read_entries(
        FORMS[form] % text
    )


@pytest.mark.parametrize("name", ["bounding_boxes.labels", "structured_labels.labels"])
@pytest.mark.parametrize("value", BAD, ids=lambda value: value[:20])
def test_an_unusable_entry_of_a_sidecar_affects_no_other_entry(name: str, value: str) -> None:
    key = "boundingBoxes" if name.startswith("bounding") else "structuredLabels"
    text = f'{{"{key}": {{"a.png": [{{"label": {value}}}], "b.png": []}}, "version": {value}}}'
    bad, good = entries_of(name, [text])
    assert ("a.png", True) == (bad.path, BAD[value] in str(bad.problem))
    assert ("b.png", None) == (good.path, good.problem)


@pytest.mark.parametrize("half", ["\\ud800", "\\udc80", "\\udfff\\ud800"])
def test_half_a_character_in_a_path_is_a_problem_of_the_file_it_may_mean(half: str) -> None:
    entries = read_entries(f'{{"files": [{{"path": "a{half}.csv"}}, {{"path": "b.csv"}}]}}')
    beside = entries_of("bounding_boxes.labels", [f'{{"boundingBoxes": {{"a{half}.csv": [], "b.csv": []}}}}'])
    for bad, good in (entries, beside):
        assert ("a" + "\ufffd" * half.count("u") + ".csv", True) == (bad.path, "half a character" in str(bad.problem))
        assert ("b.csv", None) == (good.path, good.problem)


@pytest.mark.parametrize("name", ["info.labels", "bounding_boxes.labels"])
def test_unknown_members_are_not_kept_in_memory(name: str) -> None:
    key, rest = ("files", "[]") if name == "info.labels" else ("boundingBoxes", "{}")

    def with_members(number: int) -> str:
        junk = ",".join(f'"a{one}": {one}' for one in range(number))
        return f'{{{junk},"{key}":{rest}}}'

    assert [] == list(entries_of(name, cut(with_members(1_000))))
    text = with_members(50_000)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more than 1,000 members that do not describe a file"):
            list(entries_of(name, cut(text)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


ENTRIES = st.lists(
    st.fixed_dictionaries({"path": st.text(min_size=1, max_size=5)}, optional={"label": st.text(max_size=4)}),
    max_size=8,
)


@given(entries=ENTRIES, form=st.sampled_from(["lines", "list", "beside"]), data=st.data())
def test_a_cut_sidecar_continues_from_its_last_entry_with_the_same_result(
    entries: list[dict[str, str]], form: str, data: st.DataObject
) -> None:
    name = "bounding_boxes.labels" if form == "beside" else "info.labels"
    if form == "lines":
        text = '{"__ndjson": true}\n' + "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in entries)
    elif form == "list":
        text = json.dumps({"version": 1, "files": entries, "more": [1]}, ensure_ascii=False, indent=1)
    else:
        text = json.dumps({"type": "bounding-box-labels", "boundingBoxes": {one["path"]: [] for one in entries}})
    whole = list(entries_of(name, [text]))
    end = data.draw(st.integers(0, len(text)))
    pieces = JsonStream([text[:end]])
    found: list[Entry] = []
    with contextlib.suppress(Unfinished):  # no other error may come
        for entry in resume_entries(name, pieces):
            found.append(entry)
    checkpoint = pieces.checkpoint()
    if checkpoint is None:
        assert [] == found
        return
    rest = text.encode()[checkpoint.offset :].decode()
    assert whole == found + list(resume_entries(name, JsonStream([rest], checkpoint)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "it has no boundingBoxes"),
        ("7", "it has no boundingBoxes"),
        ("{}", "it has no boundingBoxes"),
        ('{"type": "bounding-box-labels"}', "it has no boundingBoxes"),
        ('{"boundingBoxes": []}', "it has no boundingBoxes"),
        ('{"boundingBoxes": 7}', "it has no boundingBoxes"),
        ('{"type": "structured-labels", "boundingBoxes": {"a.png": []}}', "its type is not bounding-box-labels"),
        ('{"boundingBoxes": {"a.png": []}, "type": null}', "its type is not bounding-box-labels"),
        ('{"boundingBoxes": {}}\n\n{}', "more follows in line 3"),
    ],
)
def test_an_invalid_sidecar_has_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(entries_of("bounding_boxes.labels", [text]))


@pytest.mark.parametrize("value", ["{}", "7", '"nut"', "[1]", "[[]]", "null"])
@pytest.mark.parametrize("name", ["bounding_boxes.labels", "structured_labels.labels"])
def test_an_entry_of_a_sidecar_must_be_a_list_of_objects(name: str, value: str) -> None:
    key = "boundingBoxes" if name.startswith("bounding") else "structuredLabels"
    (entry,) = entries_of(name, [f'{{"{key}": {{"a.png": {value}}}}}'])
    assert Entry(path="a.png", problem="it is not a list of objects") == entry


def test_entries_of_a_sidecar_in_two_parts_all_count() -> None:
    text = '{"boundingBoxes": {"a.png": []}, "boundingBoxes": {"b.png": []}}'
    assert ["a.png", "b.png"] == [entry.path for entry in entries_of("bounding_boxes.labels", [text])]


@pytest.mark.parametrize("head", ['{"type": "bounding-box-labels", ', "{"])
def test_reading_a_sidecar_continues_after_its_last_entry(head: str) -> None:
    text = head + '"boundingBoxes": {"a.png": [], "b.png": []}}'
    pieces = JsonStream([text])
    first = next(resume_entries("bounding_boxes.labels", pieces))
    checkpoint = pieces.checkpoint()
    assert checkpoint is not None
    rest = list(
        resume_entries("bounding_boxes.labels", JsonStream([text.encode()[checkpoint.offset :].decode()], checkpoint))
    )
    assert ["a.png", "b.png"] == [entry.path for entry in (first, *rest)]


def test_reading_a_list_of_files_continues_after_its_last_entry() -> None:
    text = '{"version": 1, "files": [{"path": "a.csv"}, {"path": "ü.csv"}], "more": [1]}'
    pieces = JsonStream([text[:50]])
    found = []
    with contextlib.suppress(Unfinished):
        for entry in resume_entries("info.labels", pieces):
            found.append(entry)
    checkpoint = pieces.checkpoint()
    assert checkpoint is not None
    rest = resume_entries("info.labels", JsonStream([text.encode()[checkpoint.offset :].decode()], checkpoint))
    assert ([Entry(path="a.csv")], [Entry(path="ü.csv")]) == (found, list(rest))


def test_a_sidecar_of_the_wrong_type_has_no_checkpoint() -> None:
    pieces = JsonStream(['{"type": "other", "boundingBoxes": {"a.png": [], "b.png": []}}'])
    next(resume_entries("bounding_boxes.labels", pieces))
    assert pieces.checkpoint() is None


def test_a_second_header_of_json_lines_is_ignored() -> None:
    text = '{"__ndjson": true}\n{"path": "a.csv"}\n{"__ndjson": true}\n{"files": [{"path": "b.csv"}]}\n'
    assert [Entry(path="a.csv"), Entry(path="b.csv")] == read_entries(text)
