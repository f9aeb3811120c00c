"""Whatever comes in: never a 5xx, never much memory, and the next request is served."""

import itertools
import json
import resource
import struct

import cbor2
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisync.emulator.server import RunningEmulator
from tests.examples import examples

from .test_server import subprocess_emulator
from .wire import Client, acquisition, connect, csv, form, raw_upload, read_all, wav


def send(url: str, raw: bytes) -> bytes:
    """What comes back until the server closes; empty when it resets."""
    with connect(url) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(1)
            return read_all(connection)
        except OSError:  # reset, in one of its disguises
            return b""


def answer_of(url: str, raw: bytes) -> bytes:
    """As `send`, for a sender that waits for its answer before it goes."""
    with connect(url) as connection:
        connection.sendall(raw)
        return read_all(connection)


def alive(emulator: RunningEmulator) -> bool:
    client = Client(emulator)
    with client.session:
        return client.upload([("a.csv", csv(1))])[0]["success"] is True


@pytest.mark.parametrize(
    "raw",
    [
        b"\0" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/training/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/training/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1" + b"0" * 40 + b"\r\n\r\n",
        b"POST /api/training/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /api/%FF%00/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_broken_http_is_no_reason_to_fall(emulator: RunningEmulator, raw: bytes) -> None:
    for url in (emulator.ingestion_url, emulator.studio_url):
        assert not send(url, raw).startswith(b"HTTP/1.1 5")
    assert alive(emulator)


def test_headers_beyond_the_limit_are_431(client: Client) -> None:
    headers: dict[str, str | bytes] = {f"x-{number}": "y" * 1000 for number in range(20)}
    response = client.post_form([("a.csv", csv(1))], headers=headers)
    assert (response.status_code, response.json()["success"]) == (431, False)


def test_two_gigabytes_that_never_come_cost_nothing(emulator: RunningEmulator) -> None:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    body = form([("a.csv", csv(1))])[:-20]
    send(emulator.ingestion_url, raw_upload(emulator.key, body, content_length=2 * 1024**3))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 50_000
    assert emulator.ledger()["stored"] == 0
    assert alive(emulator)


def peak_mb(pid: int) -> float:
    """The largest resident set that a process ever had, as the kernel tells it."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def bomb(name: str) -> bytes:
    """A file of five million bytes that would be gigabytes of objects."""
    return {
        "arrays in arrays.cbor": b"\x81" * 5_000_000,
        "an array of arrays.cbor": b"\x9a\x00\x4c\x4b\x3b" + b"\x80" * 4_999_995,
        "maps.cbor": b"\xa1\x00" * 2_500_000,
        "tags.cbor": b"\xc6" * 5_000_000,
        "a length without bytes.cbor": b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff" + b"x" * 1000,
        "arrays in arrays.json": b"[" * 5_000_000,
        "an array of arrays.json": b"[" + b"[]," * 1_600_000 + b"[]]",
        "one line.csv": b"timestamp,a\n" + b"1" * 5_000_000,
    }[name]


BOMBS = (
    "arrays in arrays.cbor",
    "an array of arrays.cbor",
    "maps.cbor",
    "tags.cbor",
    "a length without bytes.cbor",
    "arrays in arrays.json",
    "an array of arrays.json",
    "one line.csv",
)


@pytest.mark.slow
def test_whatever_comes_the_memory_of_the_process_stays_bounded() -> None:
    """In a process of its own: the high-water mark of this one belongs to every test before."""
    with subprocess_emulator() as (process, ready):
        url, key = ready["ingestion_url"], ready["key"]
        quiet_mb = peak_mb(process.pid)
        assert answer_of(url, raw_upload(key, b"x" * 1000, content_length=2 * 1024**3)).startswith(b"HTTP/1.1 400")
        for heads in (b"X: y\r\n" * 10_000, b"X-Long: " + b"y" * 5_000_000 + b"\r\n"):
            # Whether the answer is seen before the reset is the network's luck.
            assert send(url, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + heads + b"\r\n")[:12] in (
                b"",
                b"HTTP/1.0 400",
                b"HTTP/1.1 400",
            )
        streamed = requests.post(
            f"{url}/api/training/files",
            data=itertools.chain(
                [form([("a.mp4", b"")])[:-16]], (b"\0" * 1024**2 for _ in range(110)), [b"\r\n--frontier--"]
            ),
            headers={"x-api-key": key, "Content-Type": "multipart/form-data; boundary=frontier"},
            timeout=60,
        )
        assert streamed.json()["files"][0]["error"].startswith("This file is too large")
        assert peak_mb(process.pid) - quiet_mb < 30
        for name in BOMBS:
            entry = json.loads(answer_of(url, raw_upload(key, form([(name, bomb(name))]))).partition(b"\r\n\r\n")[2])[
                "files"
            ][0]
            assert (name, entry["success"]) == (name, False)
        assert peak_mb(process.pid) - quiet_mb < 160


def test_cbor_that_ends_too_soon_is_refused_wherever_it_ends(client: Client) -> None:
    whole = cbor2.dumps(acquisition())
    files = [(f"{at}.cbor", whole[:at]) for at in range(len(whole))]
    entries = client.upload([*files, ("whole.cbor", whole)])
    assert [entry["success"] for entry in entries] == [False] * len(files) + [True]
    assert all(entry.keys() == {"success", "error"} and entry["error"] for entry in entries[:-1])


def test_a_wav_whose_header_lies_is_refused_or_read_as_far_as_it_goes(client: Client) -> None:
    whole = wav(range(100))
    lies = [
        whole[:at] + lie + whole[at + len(lie) :]
        for at in range(0, 44, 2)
        for lie in (b"\0\0", b"\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\xff")
    ]
    for entry in client.upload([(f"{number}.wav", lie) for number, lie in enumerate(lies)]):
        if entry["success"]:
            sample = client.sample(entry["sampleId"])
            assert len(sample["payload"]["values"]) == sample["sample"]["valuesCount"] <= 200


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.cbor", b"\x9a\x7f\xff\xff\xff" + b"\x80" * 5_000_000),
        ("a.cbor", b"\x81" * 5_000_000),
        ("a.json", b"[" * 5_000_000),
        ("a.json", b"[" + b"[]," * 1_000_000 + b"[]]"),
        ("a.csv", b"timestamp,a\n" + b"1" * 5_000_000),
        ("a.csv", b'timestamp,a\n"' + b"\n" * 1_000_000),
        ("a.wav", b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff" + b"x" * 1000),
        ("a.jpg", b"\xff\xd8" + b"\xff\xe0\x00\x02" * 100_000),
    ],
)
def test_a_file_that_lies_or_swells_is_one_refused_file(client: Client, name: str, body: bytes) -> None:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bad, good = client.upload([(name, body), ("good.csv", csv(1))])
    assert (bad["success"], good["success"]) == (False, True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 300_000


def test_a_wav_that_promises_four_gigabytes_holds_what_is_there(client: Client) -> None:
    (sample_id,) = client.store(("a.wav", wav(data_length=2**32 - 1)))
    assert client.sample(sample_id)["sample"]["valuesCount"] == 3


def test_an_acquisition_file_too_large_to_be_read_is_stored_as_it_is(client: Client) -> None:
    values = b"[1]," * 2_200_000
    raw = b'{"payload":{"values":[' + values + b"[1]]}}"
    (sample_id,) = client.store(("large.json", raw))
    sample = client.sample(sample_id)
    assert (sample["sample"]["valuesCount"], sample["payload"]["values"]) == (0, [])
    assert client.send("GET", f"/raw-data/{sample_id}/raw").content == raw


def test_a_studio_body_that_is_too_large_is_refused(client: Client) -> None:
    (sample_id,) = client.store(("a.csv", csv(1)))
    answer = client.send("POST", f"/raw-data/{sample_id}/rename", data=json.dumps({"name": "x" * 5_000_000}))
    assert answer.json()["success"] is False


@given(
    name=st.text(max_size=20),
    value=st.one_of(
        st.text(max_size=30), st.sampled_from(["null", "[]", "{}", "-1", "1e9", "9" * 25, "[[1]]", "\udcff"])
    ),
    path=st.sampled_from(["/raw-data", "/raw-data/count", "/raw-data/1", "/raw-data/1/wav", "/last-modification"]),
    filtered=st.sampled_from(["labels", "ids", "minId", "maxId", "limit", "offset", "metadata", "minDate", "search"]),
)
@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_makes_studio_fail(client: Client, name: str, value: str, path: str, filtered: str) -> None:
    raw = value.encode("utf-8", "surrogateescape" if value == "\udcff" else "replace")
    query = {"category": b"all", filtered: raw, name.encode("utf-8", "replace"): raw}
    assert client.send("GET", path, params=query).status_code in (200, 400, 404)


@given(
    name=st.binary(max_size=30), body=st.binary(max_size=60), extension=st.sampled_from(["csv", "cbor", "json", "wav"])
)
@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_makes_ingestion_fail(client: Client, name: bytes, body: bytes, extension: str) -> None:
    disposition = b'form-data; name="data"; filename="' + name + b"." + extension.encode() + b'"'
    raw = b"--frontier\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + body + b"\r\n--frontier--"
    url = f"{client.emulator.ingestion_url}/api/training/files"
    headers = client.headers({"Content-Type": "multipart/form-data; boundary=frontier"})
    response = client.session.post(url, data=raw, headers=headers, timeout=20)
    assert response.status_code in (200, 400)
    assert response.json()["success"] is (response.status_code == 200)


@given(raw=st.binary(max_size=80))
@settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_makes_the_control_routes_fail(client: Client, raw: bytes) -> None:
    base = client.emulator.studio_url.removesuffix("/v1")
    for path in ("faults", "projects"):
        assert client.session.post(f"{base}/emulator/{path}", data=raw, timeout=20).status_code in (200, 400)


def test_a_png_header_may_claim_any_size(client: Client) -> None:
    lying = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 2**32 - 1, 2**32 - 1) + b"\x08\x02\0\0\0"
    assert client.upload([("a.png", lying)])[0]["success"] is False
