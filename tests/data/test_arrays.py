"""Arrays and lists become acquisition JSON."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from eisync.data.arrays import numpy_timeseries_to_sample, upload_numpy
from eisync.data.sample_type import Sensor
from eisync.emulator.server import RunningEmulator
from tests.emulator.wire import Client

AXES = [Sensor("accX", "m/s2"), Sensor("accY", "m/s2")]
READINGS = [[0.1, -2.0], [3.5, 4.25]]


def payload(values: Any, sensors: Any = AXES, rate_ms: Any = 10) -> dict[str, Any]:
    sample = numpy_timeseries_to_sample(values, sensors, rate_ms)
    assert isinstance(sample.data, str)
    document: dict[str, Any] = json.loads(sample.data)
    assert list(document) == ["protected", "payload", "signature"]
    found: dict[str, Any] = document["payload"]
    return found


def test_the_text_is_to_the_byte_what_the_official_module_writes() -> None:
    sample = numpy_timeseries_to_sample([[1, 2.5]], AXES, 10)
    assert (
        '{"protected": {"ver": "v1", "alg": "none", "iat": null}, "payload": {"device_type": "EDGE_IMPULSE_PYTHON_SDK",'
        ' "sensors": [{"name": "accX", "units": "m/s2"}, {"name": "accY", "units": "m/s2"}], "values": [[1, 2.5]], '
        '"interval_ms": 10, "device_name": null}, "signature": null}'
    ) == sample.data


def test_a_sample_has_a_new_name_and_no_label() -> None:
    first, second = (numpy_timeseries_to_sample(READINGS, AXES, 10) for _ in range(2))
    assert first.filename is not None
    assert first.filename.endswith(".json")
    assert first.filename != second.filename
    assert (None, "split", None) == (first.label, first.category, first.metadata)


@pytest.mark.parametrize(
    "values",
    [
        READINGS,
        tuple(tuple(reading) for reading in READINGS),
        np.array(READINGS),
        [np.array(reading) for reading in READINGS],
        [[np.float64(value) for value in reading] for reading in READINGS],
    ],
    ids=["lists", "tuples", "array", "list of arrays", "numpy numbers"],
)
def test_arrays_and_lists_of_any_make_will_do(values: Any) -> None:
    """The official module cannot write an array as JSON here."""
    assert READINGS == payload(values)["values"]


def test_whole_numbers_stay_whole() -> None:
    assert "[[1, 2]]" == json.dumps(payload(np.array([[1, 2]], dtype="int16"))["values"])


def test_one_sensor_may_have_a_flat_series() -> None:
    assert [1.5, 2.5] == payload(np.array([1.5, 2.5]), AXES[:1])["values"]


@dataclass
class ForeignSensor:
    """As the official module's own class."""

    name: str
    units: str


@pytest.mark.parametrize("sensor", [{"name": "accX", "units": "g"}, ForeignSensor("accX", "g"), Sensor("accX", "g")])
def test_a_sensor_is_what_has_a_name_and_units(sensor: Any) -> None:
    assert [{"name": "accX", "units": "g"}] == payload([[1]], [sensor])["sensors"]


@pytest.mark.parametrize(
    ("given", "written"), [(10, "10"), (62.5, "62.5"), (np.int64(10), "10"), (np.float32(0.5), "0.5")]
)
def test_the_rate_may_be_of_numpy_and_a_fraction(given: Any, written: str) -> None:
    assert written == json.dumps(payload(READINGS, rate_ms=given)["interval_ms"])


@pytest.mark.parametrize(
    ("values", "sensors", "rate_ms", "words"),
    [
        ([[1, 2, 3]], AXES, 10, "reading 0 has 3 values for 2 sensors"),
        ([[1, 2], [3]], AXES, 10, "reading 1 has 1 values for 2 sensors"),
        (np.zeros((2, 3, 2)), AXES, 10, "reading 0 has 3 values for 2 sensors"),
        ([[1, float("nan")]], AXES, 10, "reading 0 must hold finite numbers but holds [1, nan]"),
        ([[1, 2], [float("inf"), 2]], AXES, 10, "reading 1 must hold finite numbers but holds [inf, 2]"),
        ([[1, None]], AXES, 10, "reading 0 must hold finite numbers but holds [1, None]"),
        ([["a", "b"]], AXES, 10, "reading 0 must hold finite numbers but holds ['a', 'b']"),
        ([[1, 2j]], AXES, 10, "but holds [1, 2j]"),
        (7, AXES, 10, "a time series must be an array or a list, not int"),
        ("12", AXES, 10, "a time series must be an array or a list, not str"),
        (READINGS, ["accX", "accY"], 10, "a sensor must have a name and units; 'accX' does not"),
        (READINGS, [{"name": "accX"}, {"name": "accY"}], 10, "a sensor must have a name and units"),
        (READINGS, AXES, -1, "sample_rate_ms must be a number of milliseconds, not -1"),
        (READINGS, AXES, float("nan"), "sample_rate_ms must be a number of milliseconds, not nan"),
        (READINGS, AXES, "10", "sample_rate_ms must be a number of milliseconds, not '10'"),
    ],
)
def test_what_is_no_time_series_is_named(values: Any, sensors: Any, rate_ms: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        numpy_timeseries_to_sample(values, sensors, rate_ms)


# Uploading


@pytest.mark.parametrize("make", [list, np.array], ids=["lists", "array"])
def test_every_series_is_stored_with_its_label(service: RunningEmulator, make: Callable[[Any], Any]) -> None:
    data = [READINGS, [[5.0, 6.0], [7.0, 8.0]]]
    response = upload_numpy(make(data), ["up", "down"], AXES, 100, metadata={"site": "desk"}, category="testing")
    assert response.success
    assert ["up", "down"] == [one.sample.label for one in response.successes]
    stranger = Client(service)
    for entry, values, label in zip(response.successes, data, ("up", "down"), strict=True):
        assert entry.sample_id is not None
        assert entry.sample_id == entry.sample.sample_id
        stored = stranger.sample(entry.sample_id)
        assert values == stored["payload"]["values"]
        shown = stored["sample"]
        assert (label, "testing", {"site": "desk"}, 100) == (
            shown["label"],
            shown["category"],
            shown["metadata"],
            shown["intervalMs"],
        )


def test_labels_of_numpy_and_the_label_0_are_labels(service: RunningEmulator) -> None:
    """The official module drops the label 0, and the service infers one of the random name."""
    labels: Any = np.array([0, 1])
    upload_numpy([[[1, 2]], [[3, 4]]], labels, AXES, 100)
    assert ["0", "1"] == sorted(sample["label"] for sample in Client(service).listed())


def test_metadata_of_numpy_is_text(service: RunningEmulator) -> None:
    """The official module fails to write it as JSON."""
    metadata = {"run": np.int64(7), "gain": np.float32(0.5), "note": None}
    assert upload_numpy([[[1, 2]]], ["a"], AXES, 100, metadata=metadata).success
    assert {"run": "7", "gain": "0.5"} == Client(service).listed()[0]["metadata"]
    assert [np.int64, np.float32, type(None)] == [type(value) for value in metadata.values()]


def test_no_series_are_no_requests(service: RunningEmulator) -> None:
    assert upload_numpy([], [], AXES, 100).success
    assert 0 == service.ledger()["requests"]


@pytest.mark.parametrize(
    ("data", "labels", "words"),
    [
        ([READINGS], ["a", "b"], r"Labels length \(2\) must be equal to the number of samples given \(1\)"),
        ([READINGS], [], r"Labels length \(0\) must be equal to the number of samples given \(1\)"),
        ([[[1, 2, 3]]], ["a"], r"Number of sensors \(2\) doesn't match the number of axes in the data \(3\)"),
        ([READINGS, [[1, float("nan")]]], ["a", "b"], "sample 1: reading 0 must hold finite numbers"),
        ([READINGS, [[1, 2], [3]]], ["a", "b"], "sample 1: reading 1 has 1 values for 2 sensors"),
    ],
)
def test_lengths_that_do_not_match_are_named_before_anything_is_sent(
    service: RunningEmulator, data: Any, labels: list[str], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        upload_numpy(data, labels, AXES, 100)
    assert 0 == service.ledger()["requests"]


def test_the_key_may_be_handed_over(service: RunningEmulator) -> None:
    other = Client(service, key=service.add_project(name="other")["keys"][0]["key"])
    upload_numpy([READINGS], ["a"], AXES, 100, api_key=other.key, timeout_sec=20)
    assert [] == Client(service).listed()
    assert 1 == service.ledger()["stored"]
