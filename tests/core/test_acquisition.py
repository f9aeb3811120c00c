import contextlib
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.acquisition import UNSIGNED, Encoding, Recording, SensorAxis, encode, is_signed_with
from tests.examples import examples

KEY = "fed53116f20684c067774ebf9e7bcbdc"

# Real recordings exist beside the repository on some machines; those that we make exist on all.
REAL = Path(__file__).parents[3] / "shared" / "data"
REAL_FILES = sorted(path for path in REAL.rglob("*") if path.suffix in (".cbor", ".json"))

WAVE = Recording(
    device_type="TEST",
    interval_ms=10.5,
    sensors=(SensorAxis("accX", "m/s2"), SensorAxis("日本", "N/A")),
    values=((0.5, -1), (2, 3.25), (0.1, 1e300)),
    device_name="ac:87:a3:0a:2d:1b",
)
NAMELESS = Recording(device_type="TEST", interval_ms=1, sensors=(SensorAxis("audio", "wav"),), values=[[1], [2]])
EMPTY = Recording(device_type="TEST", interval_ms=1, sensors=(), values=())


def read(data: bytes, encoding: Encoding) -> Any:
    return cbor2.loads(data) if encoding is Encoding.CBOR else json.loads(data)


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("hmac_key", [KEY, None])
@pytest.mark.parametrize("recording", [WAVE, NAMELESS, EMPTY])
def test_a_recording_is_encoded_as_in_the_contract(
    recording: Recording, encoding: Encoding, hmac_key: str | None
) -> None:
    document = read(encode(recording, encoding, hmac_key=hmac_key), encoding)

    assert ["protected", "signature", "payload"] == list(document)
    assert {"ver": "v1", "alg": "HS256" if hmac_key else "none"} == document["protected"]
    name = {} if recording.device_name is None else {"device_name": recording.device_name}
    assert document["payload"] == {
        **name,
        "device_type": recording.device_type,
        "interval_ms": recording.interval_ms,
        "sensors": [{"name": sensor.name, "units": sensor.units} for sensor in recording.sensors],
        "values": [list(reading) for reading in recording.values],
    }


@pytest.mark.parametrize("encoding", Encoding)
def test_the_signature_covers_the_bytes_with_zeros_in_its_place(encoding: Encoding) -> None:
    data = encode(WAVE, encoding, hmac_key=KEY)

    signature = read(data, encoding)["signature"]
    [place] = [match.start() for match in re.finditer(signature.encode(), data)]
    blank = data[:place] + b"0" * 64 + data[place + 64 :]
    assert hmac.digest(KEY.encode(), blank, hashlib.sha256).hex() == signature


@pytest.mark.parametrize("encoding", Encoding)
def test_without_a_key_the_signature_is_64_zeros(encoding: Encoding) -> None:
    assert UNSIGNED == read(encode(WAVE, encoding), encoding)["signature"] == "0" * 64


@pytest.mark.parametrize("encoding", Encoding)
def test_an_empty_key_signs_too(encoding: Encoding) -> None:
    data = encode(WAVE, encoding, hmac_key="")

    assert "HS256" == read(data, encoding)["protected"]["alg"]
    assert is_signed_with(data, encoding, "")


@pytest.mark.parametrize("encoding", Encoding)
def test_the_time_of_issue_is_protected_when_it_is_given(encoding: Encoding) -> None:
    data = encode(WAVE, encoding, hmac_key=KEY, iat=1_564_128_599)

    assert 1_564_128_599 == read(data, encoding)["protected"]["iat"]
    assert is_signed_with(data, encoding, KEY)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
RECORDINGS = st.integers(1, 3).flatmap(
    lambda width: st.builds(
        Recording,
        device_type=st.text() | st.just(UNSIGNED),
        interval_ms=st.floats(0.001, 1e6),
        sensors=st.tuples(*[st.builds(SensorAxis, st.text(), st.sampled_from(["m/s2", "N/A"]))] * width),
        values=st.lists(st.tuples(*[NUMBERS] * width), max_size=4),
        device_name=st.none() | st.text() | st.just(UNSIGNED),
    )
)


@settings(database=None)
@given(RECORDINGS, st.sampled_from(Encoding), st.text(), st.text())
def test_a_signed_recording_is_verified_only_with_its_key(
    recording: Recording, encoding: Encoding, key: str, other_key: str
) -> None:
    data = encode(recording, encoding, hmac_key=key)

    assert is_signed_with(data, encoding, key)
    # HMAC pads a short key with zero bytes.
    assert is_signed_with(data, encoding, other_key) is (key.rstrip("\0") == other_key.rstrip("\0"))


@pytest.mark.parametrize("encoding", Encoding)
def test_a_changed_value_breaks_the_signature(encoding: Encoding) -> None:
    data = encode(WAVE, encoding, hmac_key=KEY)

    assert not is_signed_with(data.replace(b"accX", b"accY"), encoding, KEY)
    assert not is_signed_with(encode(WAVE, encoding), encoding, KEY)


@pytest.mark.parametrize("signature", [None, 5, "abc", "é" * 64])
def test_an_invalid_signature_is_not_verified(signature: Any) -> None:
    document = json.dumps({"signature": signature, "payload": {}}).encode()

    assert not is_signed_with(document, Encoding.JSON, KEY)


@pytest.mark.parametrize(
    ("data", "encoding", "fault"),
    [
        (b"", Encoding.JSON, "this is not JSON"),
        (b"{", Encoding.JSON, "this is not JSON"),
        (b"\xff", Encoding.JSON, "this is not JSON"),
        (b"[" * 100_000, Encoding.JSON, "this is not JSON"),
        (b"[]", Encoding.JSON, "it is no map"),
        (b"", Encoding.CBOR, "this is not CBOR"),
        (b"\xa1", Encoding.CBOR, "this is not CBOR"),
        (b"\x81" * 100_000, Encoding.CBOR, "this is not CBOR"),
        (b"\x05", Encoding.CBOR, "it is no map"),
    ],
)
def test_a_file_that_is_no_acquisition_is_a_value_error(data: bytes, encoding: Encoding, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        is_signed_with(data, encoding, KEY)


@settings(database=None, max_examples=examples(300))
@given(st.binary(max_size=40), st.sampled_from(Encoding))
def test_random_bytes_are_no_signed_file(data: bytes, encoding: Encoding) -> None:
    with contextlib.suppress(ValueError):  # the error says what it is not
        assert not is_signed_with(data, encoding, KEY)


def test_a_reading_has_one_number_a_sensor() -> None:
    with pytest.raises(ValueError, match="reading 1 has 1 values for 2 sensors"):
        Recording(device_type="T", interval_ms=1, sensors=WAVE.sensors, values=[[1, 2], [3]])


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_represent_is_refused(number: float) -> None:
    recording = Recording(device_type="T", interval_ms=1, sensors=(SensorAxis("a", "N/A"),), values=[[number]])

    with pytest.raises(ValueError, match="JSON"):
        encode(recording, Encoding.JSON)


def recording_of(document: Any) -> Recording:
    payload = document["payload"]
    return Recording(
        device_type=payload["device_type"],
        interval_ms=payload["interval_ms"],
        sensors=tuple(SensorAxis(sensor["name"], sensor["units"]) for sensor in payload["sensors"]),
        values=payload["values"],
        device_name=payload.get("device_name"),
    )


def made_files() -> list[tuple[str, bytes]]:
    return [(f"made.{encoding.value}", encode(WAVE, encoding, hmac_key="x")) for encoding in Encoding]


FILES = made_files() + [(str(path.relative_to(REAL)), path.read_bytes()) for path in REAL_FILES]


@pytest.mark.parametrize(("name", "data"), FILES, ids=[name for name, _ in FILES])
def test_a_real_recording_is_encoded_unchanged(name: str, data: bytes) -> None:
    encoding = Encoding(name.rpartition(".")[2])
    document = read(data, encoding)

    again = encode(recording_of(document), encoding, hmac_key=KEY)

    assert document["payload"] == read(again, encoding)["payload"]
    assert is_signed_with(again, encoding, KEY)
    assert not is_signed_with(data, encoding, KEY)  # it was signed with another key
