import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.emulator.model import Refused
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.tabular import Table, read_table


def read(text: str | bytes, **switches: Any) -> Table | Refused:
    raw = text.encode() if isinstance(text, str) else text
    return read_table(io.BytesIO(raw), EmulatorSettings(**switches), keep_rows=True)


@pytest.mark.parametrize(
    ("text", "names", "interval_ms", "rows"),
    [
        ("timestamp,a,b\n0,1,2\n10,3,4\n", ["a", "b"], 10.0, [[1, 2], [3, 4]]),
        ("Timestamp,a\r\n5,1\r\n5.5,2", ["a"], 0.5, [[1], [2]]),
        ("timestamp;a\n0;1,5\n10;2,5\n", ["a"], 10.0, [[1.5], [2.5]]),
        ("timestamp\ta\n0\t-1e3\n10\t2\n", ["a"], 10.0, [[-1000], [2]]),
        ("\ufefftimestamp,a\n0,1\n10,2\n\n", ["a"], 10.0, [[1], [2]]),
        ("timestamp,a\n0,1\n", ["a"], 1000.0, [[1]]),
        ("timestamp,a\n500,1\n", ["a"], 1000.0, [[1]]),
        ("a,b\n1,2", ["a", "b"], 1000.0, [[1, 2]]),
        ('"timestamp","a"\n"0","1"\n"20","2"\n', ["a"], 20.0, [[1], [2]]),
    ],
)
def test_a_time_series_or_a_single_row_is_taken(
    text: str, names: list[str], interval_ms: float, rows: list[list[float]]
) -> None:
    table = read(text)
    assert isinstance(table, Table)
    assert [sensor.name for sensor in table.facts.sensors] == names
    assert (table.facts.interval_ms, table.facts.values_count, table.rows) == (interval_ms, len(rows), rows)
    assert {sensor.units for sensor in table.facts.sensors} == {"N/A"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "a,b\n",
        "a,b\n1,2\n3,4\n",
        "1,2\n3,4\n",
        "timestamp\n0\n",
        "timestamp,a\n0,1\n0,2\n",
        "timestamp,a\n10,1\n0,2\n",
        "timestamp,a\n0,1,2\n",
        "timestamp,a\n0,x\n",
        "timestamp,a\n-1e308,1\n1e308,2\n",
        "timestamp,a\n0,nan\n",
        "timestamp,a\n0,\n",
        "timestamp,,a\n0,1,2\n",
        "a\n" + "1" * 300_000,
        b"a,b\n\xff\xfe,2\n",
        b"a\0b,c\n1,2",
        "a," * 20_000 + "z\n1",
    ],
)
def test_what_is_neither_is_refused_with_the_words_of_the_service(text: str | bytes) -> None:
    found = read(text)
    if text == b"a\0b,c\n1,2":  # older versions of the csv module read it
        return
    assert isinstance(found, Refused)
    assert found.error.startswith("Could not parse this CSV file")


@pytest.mark.parametrize(("constant_interval", "kind"), [(False, Table), (True, Refused)])
def test_a_changing_interval_is_refused_only_when_the_switch_says_so(constant_interval: bool, kind: type) -> None:
    assert isinstance(read("timestamp,a\n0,1\n10,2\n25,3\n", csv_constant_interval=constant_interval), kind)


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ("timestamp,,a\n0,1,2\n10,3,4\n", ["", "a"]),
        ("1,2\n3,4\n", ["1", "2"]),
        (b"a\xff,b\n1,2\n", ["a\ufffd", "b"]),
    ],
)
def test_an_odd_csv_is_refused_only_while_the_switch_says_so(raw: str | bytes, names: list[str]) -> None:
    assert isinstance(read(raw), Refused)
    table = read(raw, refuse_odd_csv=False)
    assert isinstance(table, Table)
    assert names == [sensor.name for sensor in table.facts.sensors]


@pytest.mark.parametrize("limit", [{"max_sensors": 2}, {"max_name_chars": 3}, {"max_line_chars": 6}])
def test_what_a_csv_may_hold_is_bounded_by_settings(limit: dict[str, int]) -> None:
    raw = "wide,b,c\n1,2,3\n"
    assert isinstance(read(raw), Table)
    assert isinstance(read(raw, **limit), Refused)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_reading_raise(raw: bytes) -> None:
    read(raw)
