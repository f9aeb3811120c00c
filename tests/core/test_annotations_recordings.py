"""What people mark in recordings with Audacity, Praat and ELAN is read as stretches in seconds."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations import audacity, elan, praat
from eisync.core.labels.entry import Entry, Stretch

Reader = Callable[[Iterable[str]], Iterator[Entry]]
Marks = list[tuple[str, float, float]]


def marks(read: Reader, text: str) -> Marks:
    """Return the label, the start and the end of each stretch. The text is read as a whole and in pieces."""
    [entry] = read([text])
    assert [entry] == list(read(iter(text)))
    assert entry.path == ""
    assert entry.problem is None
    return [(one.label, one.start_s, one.end_s) for one in entry.stretches or []]


def problem(read: Reader, text: str) -> str | None:
    [entry] = read([text])
    assert entry.stretches is None
    return entry.problem


def remark(read: Reader, text: str) -> str | None:
    [entry] = read([text])
    return entry.remark


# --- Audacity

TRACK = "0.500000\t1.250000\tdog\n\\\t200.000000\t900.000000\n2.000000\t2.000000\tpoint label\n"


def test_a_label_track_is_read() -> None:
    assert [("dog", 0.5, 1.25), ("point label", 2.0, 2.0)] == marks(audacity.entries, TRACK)
    [entry] = audacity.entries(["\n0,5\t1\ta  b"])
    assert Entry(path="", stretches=[Stretch("a b", 0.5, 1.0, "line 2")]) == entry


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.5\t1.25\tdog\n1.5\t2\t\n", "line 2: the label has no text"),
        ("0.5\t1.25\tdog\n1.5\tx\tcat\n", "line 2: a start and an end in seconds are expected, with tabs between them"),
        ("0.5\t1.25\tdog\n1.5\t2\ta\0\n", "line 2: it contains a NUL character"),
    ],
)
def test_a_bad_line_of_a_label_track_is_named(text: str, why: str) -> None:
    assert why == problem(audacity.entries, text)


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "it has no labels"), ("\\\t1\t2\n", "it has no labels"), ("a dog\n", "line 1: a start and an")],
)
def test_what_is_no_label_track_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(audacity.entries([text]))


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.txt", TRACK, True),
        ("Labels.TXT", "\ufeff0,5\t1,25\tdog", True),
        ("a.txt", "0\t5\tdog\n5\t7", True),
        ("a.txt", "0\t5\t7\n", False),
        ("a.txt", "0\t9.8\tidle\n10\t9.7\tidle\n", False),
        ("a.txt", "0\t5\t\n", False),
        ("a.txt", "", False),
        ("a.txt", "time\tx\ty\n0\t5\tdog\n", False),
        ("a.txt", "x" * 600_000, False),
        ("a.csv", TRACK, False),
    ],
)
def test_label_tracks_are_recognised(name: str, head: str, expected: bool) -> None:
    assert expected == audacity.recognises(name, head)


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=3, max_size=3), min_size=1, max_size=5))
def test_three_columns_of_readings_are_no_label_track(rows: list[list[float]]) -> None:
    assert not audacity.recognises("a.txt", "".join("\t".join(f"{one:.3f}" for one in row) + "\n" for row in rows))


# --- Praat

LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "Mary 1"
        xmin = 0
        xmax = 2.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1
            text = "a ""b"""
        intervals [2]:
            xmin = 1
            xmax = 1.5
            text = ""
        intervals [3]:
            xmin = 1.5
            xmax = 2.5
            text = "two
lines"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2.5
        points: size = 1
        points [1]:
            number = 1
            mark = "x"
'''
SHORT_HEAD = '"ooTextFile"\n"TextGrid"\n0\n2\n<exists>\n'


def tier(name: str, *intervals: str) -> str:
    return f'"IntervalTier" "{name}" 0 2 {len(intervals)}\n' + "".join(f"{one}\n" for one in intervals)


def test_a_long_text_grid_is_read() -> None:
    assert [('a "b"', 0.0, 1.0), ("two lines", 1.5, 2.5)] == marks(praat.entries, LONG)
    assert 'only the tier "Mary 1" is sent, not 1 other tier' == remark(praat.entries, LONG)


def test_a_short_text_grid_is_read() -> None:
    text = f'File type = {SHORT_HEAD}1 ! of "tiers\n' + tier("Mary", '0s 1e0s "a"', '1 2 "b"')
    assert [("a", 0.0, 1.0), ("b", 1.0, 2.0)] == marks(praat.entries, text)
    [entry] = praat.entries([text])
    assert ["line 8", "line 9"] == [one.where for one in entry.stretches or []]


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["phones", "words"], "0"), (["phones", "Classes"], "1"), (["label", "event"], "0"), (["empty", "words"], "1")],
)
def test_one_tier_counts(names: list[str], expected: str) -> None:
    texts = ["" if name == "empty" else str(at) for at, name in enumerate(names)]
    tiers = [tier(name, f'0 2 "{text}"') for name, text in zip(names, texts, strict=True)]
    assert [(expected, 0.0, 2.0)] == marks(praat.entries, f"{SHORT_HEAD}{len(names)}\n{''.join(tiers)}")


@pytest.mark.parametrize(
    ("tiers", "why"),
    [
        (tier("a", '0 2 ""'), "no part of the recording has a label yet"),
        ('"TextTier" "a" 0 2 0', "no part of the recording has a label yet"),
        (tier("a", '0 x "a"'), "line 8: a number is expected"),
        (tier("a", '0 1 "a"', '1 2 "a\n'), "line 9: a text is not closed by a quote"),
        ('"IntervalTier" "a" 0 2 5 0 1 "x"', "it ends after line 7, where a number is expected"),
        (tier("a", '0 1 "a\0"'), "line 8: it contains a NUL character"),
    ],
)
def test_a_bad_text_grid_says_why(tiers: str, why: str) -> None:
    assert why == problem(praat.entries, f"{SHORT_HEAD}1\n{tiers}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it ends after line 0, where a text is expected"),
        ('"ooTextFile" "PitchTier" 0 1', "it is not a TextGrid"),
        ("7", "line 1: a text is expected"),
        ('"ooTextFile" "TextGrid" 0 1 <absent>', "it has no tiers"),
        (f'{SHORT_HEAD}1 "Sound" "x"', "line 6: a tier is neither IntervalTier nor TextTier"),
        (f"{SHORT_HEAD}0", "it has no labels"),
        (f'{SHORT_HEAD}1 "' + "\n" * 10**5, "line 6: a text is not closed by a quote"),
    ],
)
def test_what_is_no_text_grid_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        list(praat.entries([text]))
    assert why == str(caught.value)


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.TextGrid", LONG, True),
        ("a.txt", "\ufeff" + SHORT_HEAD, True),
        ("a.textgrid", 'File type = "ooTextFile"\n"TextGrid"', True),
        ("a.TextGrid", 'File type = "ooTextFile"\nObject class = "Sound"', False),
        ("a.wav", LONG, False),
    ],
)
def test_text_grids_are_recognised(name: str, head: str, expected: bool) -> None:
    assert expected == praat.recognises(name, head)


@pytest.mark.parametrize("count", [1_001, 999])
def test_tiers_are_bounded(count: int) -> None:
    text = f"{SHORT_HEAD}{count}\n" + "".join(tier(f"t{at}", '0 2 "a"') for at in range(count))
    expected = "it has more than 1,000 tiers" if count > 1_000 else None
    [entry] = praat.entries([text])
    assert expected == entry.problem


def test_labels_are_bounded() -> None:
    lines = (f"{at}\t{at + 1}\tdog\n" for at in range(10**9))
    [entry] = audacity.entries(lines)
    assert "it has more than 20,000 labels" == entry.problem


# --- ELAN

PLAIN = "speech\tMary\t00:00:00.780\t0.78\t780\t00:00:01.340\t1.34\t1340\t00:00:00.560\t0.56\t560\tso you go\n"
NAMES = "Begin Time - hh:mm:ss.ms\tEnd Time - hh:mm:ss.ms\tDuration - ss.msec"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PLAIN, [("so you go", 0.78, 1.34)]),
        ('"#file:///C:/a.eaf"\n"#file:///a.wav -- offset: 0"\n\n' + PLAIN, [("so you go", 0.78, 1.34)]),
        ("speech\t\t00:01:00.780\t00:01:01.340\tso\n", [("so", 60.78, 61.34)]),
        ("speech\t\t0.78\t1.34\t0.56\tso\n", [("so", 0.78, 1.34)]),
        ("speech\t\t780\t1340\t560\t7\n", [("7", 0.78, 1.34)]),
        ("00:00:00.5\t00:00:01.5\t5\n", [("5", 0.5, 1.5)]),
        ("t\t00:00:00:12\t0.5\t00:00:01:12\t1.5\tdog\n", [("dog", 0.5, 1.5)]),
        (f"\ufeffTier\t{NAMES}\tText\na\t00:00:01.000\t00:00:02.500\t1.5\tdog\n", [("dog", 1.0, 2.5)]),
        (f"{NAMES}\ta\n00:00:01.000\t00:00:02.500\t1.5\tdog\n00:00:03.0\t00:00:04.0\t1\t\n", [("dog", 1.0, 2.5)]),
        ("Tier\tBegin Time - msec\tDuration - msec\tNote\tText\na\t1000\t1500\t\tdog\n", [("dog", 1.0, 2.5)]),
        (
            "Temps de départ - ss.msec\ttemps de fin - ss.msec\tDurée - ss.msec\tParticipant\tmots\n"
            "1.0\t2,5\t1.5\tM\tdog\n",
            [("dog", 1.0, 2.5)],
        ),
        (
            "Begin Time - hh:mm:ss:ff\tBegin Time - msec\tEnd Time - msec\tx\n00:00:01:00\t1000\t2500\tdog",
            [("dog", 1.0, 2.5)],
        ),
    ],
)
def test_an_export_of_elan_is_read(text: str, expected: Marks) -> None:
    assert expected == marks(elan.entries, text)


def test_one_tier_of_elan_counts() -> None:
    rows = "words\t\t0.5\t1.5\t1.0\tso\nEvents\t\t0.25\t0.75\t0.5\tdog\n"
    assert [("dog", 0.25, 0.75)] == marks(elan.entries, rows)
    assert 'only the tier "Events" is sent, not 1 other tier' == remark(elan.entries, rows)
    columns = "Begin Time - msec\tEnd Time - msec\twords\tlabel\n500\t1500\tso\t\n250\t750\tgo\tdog\n"
    assert [("dog", 0.25, 0.75)] == marks(elan.entries, columns)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("speech\tdog", "line 2: a tier, a begin, an end and a text are expected, with tabs between them"),
        ("speech\t\t0.78\t1.34\t0.99\tso", "line 2: a tier, a begin"),
        ("speech\t\t2.78\t1.34\tso", "line 2: a tier, a begin"),
        ("speech\t\t0.78\t1340\tso", "line 2: a tier, a begin"),
        ("speech\t\t00:00:00:01\t00:00:00:02\tso", "line 2: a tier, a begin"),
        ("speech\t\t0.5\tso", "line 2: a tier, a begin"),
        ("speech\t\t0.78\t1.34\ta\0", "line 2: it contains a NUL character"),
    ],
)
def test_a_bad_row_of_elan_is_named(row: str, why: str) -> None:
    assert (problem(elan.entries, PLAIN + row) or "").startswith(why)


@pytest.mark.parametrize("row", ["1000\tx\tdog", "1000", "\t2000\tdog"])
def test_a_bad_time_of_elan_is_named(row: str) -> None:
    text = f"Begin Time - msec\tEnd Time - msec\twords\n0\t500\tso\n{row}\n"
    assert "line 3: the begin and the end cannot be read as msec" == problem(elan.entries, text)


@pytest.mark.parametrize("text", ["dog\n", "Begin Time - msec\twords\n0\tso\n", "0.5\t1.5\n"])
def test_what_is_no_export_of_elan_says_why(text: str) -> None:
    with pytest.raises(ValueError, match="line 1: a tier, a begin, an end and a text are expected"):
        list(elan.entries([text]))


def test_names_alone_are_no_labels() -> None:
    with pytest.raises(ValueError, match="it has no labels"):
        list(elan.entries([f"{NAMES}\ttext\n"]))


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.txt", PLAIN, True),
        ("a.tsv", f"{NAMES}\twords\n", True),
        ("a.txt", '"#file:///a.wav -- offset: 0"\n\n' + PLAIN, True),
        ("a.txt", "speech\t\t00:01:00.780\t00:01:01.340\tso\n", True),
        ("a.txt", "00:00:00.5\t00:00:01.5\t5\n", True),
        ("a.txt", f"{NAMES}\n", False),
        ("a.txt", PLAIN + PLAIN[:60], True),
        ("a.txt", "speech\t\t0.78\t1.34\t0.56\tso\n", False),
        ("a.txt", PLAIN + "dog\n", False),
        ("a.txt", "", False),
        ("a.txt", "x" * 600_000, False),
        ("a.txt", TRACK, False),
        ("a.wav", PLAIN, False),
    ],
)
def test_exports_of_elan_are_recognised(name: str, head: str, expected: bool) -> None:
    assert expected == elan.recognises(name, head)


# --- all


READERS: list[tuple[Reader, Callable[[str, str], bool]]] = [
    (audacity.entries, audacity.recognises),
    (praat.entries, praat.recognises),
    (elan.entries, elan.recognises),
]


@given(
    st.sampled_from(READERS),
    st.sampled_from(["", "0.5\t1\tdog\n", SHORT_HEAD + "1 ", LONG[:300], PLAIN, f"{NAMES}\ta\n"]),
    st.text('0123456789.,:\t\n"-!<> abTier\0\ud800\r', max_size=80),
)
def test_noise_raises_nothing_but_value_errors(
    reader: tuple[Reader, Callable[[str, str], bool]], begins: str, noise: str
) -> None:
    read, recognises = reader
    recognises("a.txt", begins + noise)
    with contextlib.suppress(ValueError):
        for entry in read([begins + noise]):
            assert (entry.problem is None) == (entry.stretches is not None)
