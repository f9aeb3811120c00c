"""A list of files is read in every form that people keep it; what cannot be used says why, and costs no other file."""

import contextlib
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.encoding import encoding_of
from eisync.core.annotations.manifest import entries, recognises
from eisync.core.labels.entry import Entry
from eisync.core.labels.mentions import joined

CAT, DOG = ("a.wav", "cat"), ("b.wav", "dog")

EXCEL = 'Datei-Nr;File Name;Label;metadata.Ort\r\n1;Tür 1.wav;öffnen;"Büro; 1. Stock"\r\n2;b.wav;zu;\r\n'.encode(
    "cp1252"
)
POWERSHELL = "file,label\r\ntrain\\a.wav,cat\r\n".encode("utf-16")
KAGGLE = b"id,filename,class,split\n0,a.wav,cat,train\n1,b.wav,dog,test\n"
HUGGING_FACE = b"file_name,label\n0001.png,0\n0002.png,1\n"


def read(raw: bytes) -> list[Entry]:
    return list(entries([raw.decode(encoding_of(raw))]))


def pairs(text: str) -> list[tuple[str, str | None]]:
    return [(one.path, one.label) for one in entries([text]) if one.problem is None]


def problems(text: str) -> list[tuple[str, str | None]]:
    return [(one.path, one.problem) for one in entries([text]) if one.problem is not None]


def test_excel_in_german_is_read() -> None:
    remark = "columns that are not sent: Datei-Nr; name one metadata.NAME to send it"
    assert [
        Entry(path="Tür 1.wav", label="öffnen", metadata={"Ort": "Büro; 1. Stock"}, remark=remark, where="line 2"),
        Entry(path="b.wav", label="zu", remark=remark, where="line 3"),
    ] == read(EXCEL)


def test_powershell_is_read() -> None:
    assert [Entry(path="train/a.wav", label="cat", where="line 2")] == read(POWERSHELL)


def test_kaggle_is_read() -> None:
    assert [("a.wav", "cat", "training"), ("b.wav", "dog", "testing")] == [
        (one.path, one.label, one.category) for one in read(KAGGLE)
    ]


def test_hugging_face_is_read() -> None:
    assert [("0001.png", "0"), ("0002.png", "1")] == [(one.path, one.label) for one in read(HUGGING_FACE)]


@pytest.mark.parametrize(
    "text",
    [
        "file,label\na.wav,cat\nb.wav,dog",
        "\ufefffile,label\na.wav,cat\nb.wav,dog\n",
        "FILE_NAME;Class\r\na.wav;cat\r\nb.wav;dog\r\n",
        "file path\tlabel\na.wav\tcat\nb.wav\tdog\n",
        "path|label\na.wav|cat\nb.wav|dog\n",
        "x,x,x;file;label\n1;a.wav;cat\n2;b.wav;dog\n",
        'sep=;\n"path";"label"\n"a.wav";"cat"\n"b.wav";"dog"\n',
        "# a list\n\nname,label\n# more\n\na.wav,cat\n,\n#\nb.wav,dog\n",
        "file,label\na.wav,cat\nfile,label\nb.wav,dog\n",
        "label,name,image\ncat,Tom,a.wav\ndog,Rex,b.wav\n",
        'file, label\n./a.wav, cat\nb.wav,"dog"\n',
        'note,file,label\n"x, y",a.wav,cat\n"two\nlines",b.wav,dog\n',
        "file,label,\na.wav,cat,\nb.wav,dog,,\n",
        "filename, cat, dog\na.wav, 1, 0\n\nb.wav, 0, 1\n",
        "file,label,a;b;c;d\na.wav,cat,\nb.wav,dog,\n",
        '{"file": "a.wav", "label": "cat"}\n\n{"file": "b.wav", "label": "dog"}',
        '[{"file": "a.wav", "label": "cat"},\n {"label": "dog", "File-Name": "b.wav"}]',
        '\ufeff [ {"path": "a.wav", "class": "cat"}, {"path": "b.wav", "class": "dog"} ] ',
    ],
)
def test_a_list_is_read_in_every_form(text: str) -> None:
    assert [CAT, DOG] == pairs(text)
    assert [] == problems(text)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"file": "a", "label": "x"}, {"label": "x"}),
        ({"file": "a", "label": 3}, {"label": "3"}),
        ({"file": "a", "label": True}, {"label": "true"}),
        ({"file": "a", "label": None, "split": "Test"}, {"category": "testing"}),
        ({"file": "a", "label": "", "usage": "split"}, {"category": "split"}),
        ({"file": "a", "metadata": {"site": "b ", "n": 1, "e": ""}}, {"metadata": {"site": "b", "n": 1}}),
        ({"file": "a", "metadata": None, "metadata.Site": "b"}, {"metadata": {"Site": "b"}}),
        ({"file": "a", "metadata": ""}, {}),
        (
            {"file": "a", "label": "x", "metadata.": "b"},
            {"label": "x", "remark": "columns that are not sent: metadata.; "},
        ),
        (
            {"file": "a", "label": "x", **dict.fromkeys("bcdefg")},
            {"label": "x", "remark": "columns that are not sent: b, c, d, e, f and 1 more; "},
        ),
    ],
)
def test_a_row_says_what_it_gives(row: dict[str, Any], expected: dict[str, Any]) -> None:
    if "remark" in expected:
        expected["remark"] += "name one metadata.NAME to send it"
    assert [Entry(path="a", where="line 1", **expected)] == list(entries([json.dumps(row)]))


@pytest.mark.parametrize(
    ("row", "path", "why"),
    [
        ("a.wav,cat,x", "a.wav", 'it has 3 cells below 2 columns; put a text with "," into quotes'),
        ("a.wav;cat", "a.wav;cat", 'it has only 1 of 2 cells, separated by ","'),
        (",cat", "", "it names no file"),
        ("/data/a.wav,cat", "/data/a.wav", "it gives its file from the root of a disk; give it from the folder of"),
        ("C:\\a.wav,cat", "C:/a.wav", "it gives its file from the root of a disk"),
        ("a\0.wav,cat", "a\ufffd.wav", "it contains a NUL character"),
        ("a\ud800.wav,cat", "a\ufffd.wav", "it contains half a character"),
    ],
)
def test_a_bad_row_of_a_table_costs_no_other(row: str, path: str, why: str) -> None:
    text = f"file,label\na.wav,cat\n{row}\nb.wav,dog\n"
    assert [CAT, DOG] == pairs(text)
    [(found, problem)] = problems(text)
    assert path == found
    assert (problem or "").startswith(f"line 3: {why}")


@pytest.mark.parametrize(
    ("row", "path", "why"),
    [
        ("{", "", "Expecting property name"),
        ("7", "", "it is not an object"),
        (json.dumps([[]] * 30_000), "", "it is made of more than 25,000 values"),
        ('{"file": "c"} 8', "", "more follows its object"),
        ('{"file": "c", "label": "x"} 8', "", "more follows its object"),
        ('{"file": "c"}', "", 'it needs a column "file" and one of "label", "category" and "metadata.NAME"; its co'),
        ('{"file": "c", "label": ["x"]}', "c", "its label is not a text"),
        ('{"file": ["c"], "label": "x"}', "", "it names no file"),
        ('{"file": "c\\nd", "label": "x"}', "c\nd", "the name of its file has a line break"),
        ('{"file": "c", "label": "\\ud800"}', "c", "it contains half a character"),
        ('{"file": "c", "metadata": "x"}', "c", "its metadata is not an object; use one column metadata.NAME"),
        ('{"file": "c", "bbox": [1, 2]}', "", "it has boxes (bbox), which a list of files cannot give"),
        ('{"file": "c", "label": 1, "File": "d"}', "", 'two of its columns are called "file"'),
        ('{"file": "c", "split": "cat"}', "c", '"cat" is no category; write training, testing or validation, or call'),
        ('{"file": "c", "label": NaN}', "", "its label: NaN is not a number in JSON"),
        (f'{{"file": "c", "label": "x", "a": {[[]] * 30_000}}}', "", "more follows"),
    ],
)
def test_a_bad_row_of_json_costs_no_other(row: str, path: str, why: str) -> None:
    if why == "more follows":
        row, path, why = row.replace('"a"', '"path"'), "", "its path: it is made of more than 25,000 values"
    text = f'{{"file": "a.wav", "label": "cat"}}\n{row}\n{{"file": "b.wav", "label": "dog"}}'
    assert [CAT, DOG] == pairs(text)
    [(found, problem)] = problems(text)
    assert path == found
    assert (problem or "").partition("line 2: ")[2].startswith(why)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("c.jpg,0,0", "none of the classes is 1"),
        ("c.jpg,1,1", "cat and dog are both 1, and a sample has one label"),
        ("c.jpg,1,2", "a class of it is neither 0 nor 1"),
        ("c.jpg,1", "a class of it is neither 0 nor 1"),
        (",1,0", "it names no file"),
    ],
)
def test_classes_in_columns_give_one_label(row: str, why: str) -> None:
    text = f"filename,cat,dog\na.wav,1,0\n{row}\nb.wav,0.0,1.0\n"
    assert [CAT, DOG] == pairs(text)
    assert [f"line 3: {why}"] == [problem for _, problem in problems(text)]


def test_a_list_of_classes_without_rows_says_nothing() -> None:
    assert [] == list(entries(["filename,cat,dog\n"]))
    assert [] == list(entries(["[]"]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("# nothing\n", "it has no header"),
        ("time,x\n1,2\n", '"metadata.NAME"; its columns are: time, x'),
        ("file,x\na.wav,7\n", "its columns are: file, x"),
        ("file\na.wav\n", "its columns are: file"),
        ("file,label,Label\na,b,c\n", 'two of its columns are called "label"'),
        ("file,label;label\na,b\n", "its columns are: file, label;label"),
        ("file,label,ymin,xmin\na,b,1,2\n", "it has boxes (xmin, ymin)"),
        ("file,label,x,y,width,height\n", "it has boxes (height, width, x, y)"),
        ('file,label\n"a.wav,cat\nb.wav,dog\n', "line 2 opens a quote that is not closed"),
        ('file,label\n"a.wav,cat\n"b.wav",dog\n', "line 2 opens a quote that is not closed in this line"),
        ('file,label\na.wav,"cat\nb.wav,dog"\n', "line 2 opens a quote that is not closed in this line"),
        ("file,label\na.wav," + "x" * 200_000, "line 2 opens a quote that is not closed, or has a cell that is too"),
        ("file,label," + "x" * 200_000, "its header cannot be read"),
        ("file,label\n" + "x" * 600_000, "line 2 has more than 524,288 characters"),
        ("[1]", "its first element is not an object"),
        ("{", "line 1 cannot be used: Expecting property name"),
        ('{"a": 1}', "line 1 cannot be used: it needs a column"),
        ('[{"file": "a", "label": "b"}', "',' or ']' expected in line 1, and found the end"),
        ('[{"file": "a", "label": "b"}] 1', "more follows in line 1"),
    ],
)
def test_what_is_no_list_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        list(entries([text]))
    assert why in str(caught.value)


def test_endless_blanks_are_no_list() -> None:
    with pytest.raises(ValueError, match="it begins with more than a million blanks"):
        list(entries(" " * 2**19 for _ in range(10**6)))


@pytest.mark.parametrize("name", ["manifest", "labels", "Label", "metadata", "train", "train_labels", "labels-test"])
def test_lists_with_usual_names_are_recognised(name: str) -> None:
    assert recognises(f"{name}.csv", "file,label\na.wav,cat\n")


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("labels.csv", "file;label\na.wav;cat\n", True),
        ("labels.csv", "\ufefffile\tlabel\n", True),
        ("labels.csv", "file,label\na", True),  # cut
        ("labels.csv", "file,label\n1", True),  # cut, too
        ("labels.csv", "label,file\ncat,a", True),
        ("_classes.csv", "filename, cat, dog\na.jpg, 1, 0\n", True),
        ("_classes.csv", "filename, cat, dog\n7, 1, 0\n", False),
        ("_classes.csv", "filename, cat, dog\n", False),
        ("_classes.csv", "cat, dog\n0,1\n", False),
        ("metadata.jsonl", '{"file_name": "a.png", "label": 1}\n{"file', True),
        ("manifest.json", '[{"file": "a.png", "category": "train"}, {', True),
        ("manifest.json", '[{"file": "a.png", "cat', False),
        ("manifest.json", "[]", False),
        ("manifest.json", "[7]", False),
        ("manifest.json", '{"protected": {}, "payload": {}}', False),
        ("metadata.jsonl", '{"file_name": "a", "label": 1}', False),
        ("other.csv", "file,label\na.wav,cat\n", False),
        ("labels.csv.gz", "file,label\na.wav,cat\n", False),
        ("labels.csv", "time,label\n0.1,cat\n", False),
        ("labels.csv", "name,label\n0.5e3,cat\n", False),
        ("labels.csv", "name,label\nwalking,1\n", False),
        ("labels.csv", "file,label\na.wav,cat\n0.5,dog\n", False),
        ("train.csv", "timestamp,x,y\n0,1,2\n", False),
        ("train.csv", "path,category\n1.5,2\n", False),
        ("annotations.csv", "filename,X1,Y1,class\na.png,1,2,cat\n", False),
        ("_classes.csv", "filename,left,right\na.png,1,0\n", True),
        ("labels.csv", "", False),
        ("labels.txt", "cat\ndog\n", False),
    ],
)
def test_only_lists_of_files_are_recognised(name: str, head: str, expected: bool) -> None:
    assert expected == recognises(name, head)


@given(
    st.sampled_from(["labels.csv", "train.csv", "test.txt", "metadata.csv", "_classes.csv"]),
    st.lists(
        st.sampled_from(["timestamp", "x", "accX", "name", "label", "class", "path", "set"]), min_size=1, unique=True
    ),
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=4),
    st.sampled_from([",", ";", "\t"]),
)
def test_a_table_of_readings_is_never_taken_for_a_list(
    name: str, header: list[str], row: list[float], mark: str
) -> None:
    rows = (mark.join(f"{number}" for _ in header) for number in row)
    assert not recognises(name, "\n".join([mark.join(header), *rows, ""]))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([Entry(path="a", label="x")], Entry(path="a", label="x")),
        ([Entry(path="a", label="x"), Entry(path="a", label="x")], Entry(path="a", label="x")),
        (
            [Entry(path="a", label="x", where="line 2"), Entry(path="a", category="testing", metadata={"k": 1})],
            Entry(path="a", label="x", category="testing", metadata={"k": 1}, where="line 2"),
        ),
        (
            [Entry(path="a", metadata={"k": 1}, remark="r"), Entry(path="a", label="x", metadata={"k": 1, "m": 2})],
            Entry(path="a", label="x", metadata={"k": 1, "m": 2}, remark="r"),
        ),
        (
            [Entry(path="a", label="x", where="line 2"), Entry(path="a", label="ü", where="line 9")],
            Entry(path="a", problem='line 2 gives the label "x", and line 9 gives "ü"', where="line 2"),
        ),
        (
            [Entry(path="a", category="testing"), Entry(path="a", category="training")],
            Entry(path="a", problem='one entry gives the category "testing", and one entry gives "training"'),
        ),
        (
            [Entry(path="a", metadata={"k": 1}), Entry(path="a", metadata={"k": 2}, where="line 3")],
            Entry(path="a", problem="one entry gives the metadata k 1, and line 3 gives 2"),
        ),
        ([Entry(path="a"), Entry(path="a", problem="p"), Entry(path="a", label="x")], Entry(path="a", problem="p")),
    ],
)
def test_entries_of_one_path_agree_or_name_both_places(found: list[Entry], expected: Entry) -> None:
    assert expected == joined(found)


NOISE = st.text('file,label;\t"\n\r#sep={}[]:\\/a.1\0\ud800ä ', max_size=80)
BEGINNINGS = st.sampled_from(
    ["", "file,label\n", "path;class\n", "filename,cat\n", "[", "{", '[{"file":"a","label":"b"},']
)


@given(BEGINNINGS, NOISE, st.integers(1, 9))
def test_noise_raises_nothing_but_value_errors(begins: str, noise: str, cut: int) -> None:
    text = begins + noise
    pieces = [text[at : at + cut] for at in range(0, len(text), cut)]
    whole: list[Entry] | None = None
    with contextlib.suppress(ValueError):
        whole = list(entries([text]))
    in_pieces: list[Entry] | None = None
    with contextlib.suppress(ValueError):
        in_pieces = list(entries(pieces))
    assert whole == in_pieces
    for name in ("labels.csv", "manifest.json", "metadata.jsonl"):
        recognises(name, text)


NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="#/\\"), min_size=1, max_size=9)


@given(st.lists(st.tuples(NAMES, NAMES), max_size=9), st.sampled_from(",;\t|"))
def test_what_csv_writes_is_read_back(rows: list[tuple[str, str]], mark: str) -> None:
    quoted = [mark.join('"' + cell.replace('"', '""') + '"' for cell in (f"{name}.wav", label)) for name, label in rows]
    found = pairs("\n".join([f"file{mark}label", *quoted]))
    assert [(f"{name}.wav", label) for name, label in rows] == found


def test_memory_does_not_grow_with_the_list() -> None:
    def rows() -> Iterator[str]:
        yield "file,label,metadata.site\n"
        for at in range(20_000):
            yield f"{at}.wav,cat,b\n"

    def objects() -> Iterator[str]:
        yield "["
        for at in range(4_000):
            yield f'{{"file":"{at}.wav","label":"cat","k{at % 90}":1}},\n'
        yield '{"file":"z","label":"cat"}]'

    for pieces, count in ((rows(), 20_000), (objects(), 4_001)):
        tracemalloc.start()
        assert count == sum(1 for one in entries(pieces) if one.problem is None)
        assert tracemalloc.get_traced_memory()[1] < 600_000
        tracemalloc.stop()
