"""Checks of what the service reads from files: hashes, intervals, signatures (wire contract, sections 1 and 2)."""

import json
from collections.abc import Callable
from typing import Any

from eisync.core.redaction import KEYS
from eisync.selftest.check import Check
from eisync.selftest.contents import INTERVAL_MS, VALUES
from eisync.selftest.model import Answer, Mark, NoAnswerError, Sample
from eisync.selftest.probe import File, Probe

_KINDS = ("csv", "json", "cbor", "wav", "png")


def _hash(kind: str) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        shown, sent = str(probe.shared(kind)["sha256Hash"]), probe.original(kind).sha256
        return Answer("SHA-256 of the file" if shown == sent else "another hash", f"{shown[:16]}…")

    return ask


def _raw(kind: str) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        path = f"/api/{probe.client.address.project_id}/raw-data/{probe.shared(kind)['id']}/raw"
        reply = probe.client.studio("GET", path, is_file=True)
        if reply.status != 200:
            return Answer("refused", reply.refusal)
        is_same = reply.body == probe.original(kind).content
        return Answer("as sent" if is_same else "other bytes", f"{len(reply.body):,} bytes")

    return ask


def _chart(kind: str) -> Callable[[Probe], Answer]:
    return lambda probe: Answer(str(probe.shared(kind)["chartType"]))


def _sensors(kind: str) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        return Answer(", ".join(f"{one['name']} {one['units']}" for one in probe.shared(kind)["sensors"]))

    return ask


def _made(name: str, make: Callable[[Probe], bytes], read: Callable[[Sample], Any]) -> Callable[[Probe], Answer]:
    """Upload the bytes of `make` as a file of this name; `read` returns the answer from its sample."""
    return lambda probe: Answer(str(read(probe.store(File(probe.name(name), make(probe))))))


def _refusal(name: str, make: Callable[[Probe], bytes]) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        entry = probe.try_to_store(File(probe.name(name), make(probe)))
        return Answer("accepted" if entry.sample_id is not None else "refused", entry.error)

    return ask


def _broken_csv(probe: Probe) -> Answer:
    entry = probe.try_to_store(File(probe.name("broken.csv"), probe.contents.broken_csv()))
    if entry.sample_id is not None:
        return Answer("accepted")
    is_known = entry.error.startswith(("Could not parse this CSV file", "Unknown error"))
    return Answer("refused as described" if is_known else "refused", entry.error)


def _words(name: str, make: Callable[[Probe], bytes]) -> Callable[[Probe], Answer]:
    """Return the error text of the refusal."""

    def ask(probe: Probe) -> Answer:
        entry = probe.try_to_store(File(probe.name(name), make(probe)))
        return Answer("accepted" if entry.sample_id is not None else entry.error)

    return ask


def _unknown_number(probe: Probe) -> bytes:
    """Return a time series whose second reading is null."""
    document: dict[str, Any] = json.loads(probe.contents.json())
    document["payload"]["values"][1] = [None]
    return json.dumps(document).encode()


def _interval(sample: Sample) -> float:
    return float(sample["originalIntervalMs"])


def _signed(probe: Probe) -> Answer:
    path = f"/api/{probe.client.address.project_id}/devkeys/hmac"
    reply = probe.client.studio("GET", path)
    key = reply.content.get("hmacKey") if reply.content is not None else None
    if not isinstance(key, str) or not key:
        raise NoAnswerError("the project shows no HMAC key")
    KEYS.learn(key)  # hide it in everything that is printed
    sample = probe.store(File(probe.name("signed.json"), probe.contents.signed(key)))
    return _validity(sample)


def _signature(**changes: Any) -> Callable[[Probe], Answer]:
    return lambda probe: _validity(probe.store(probe.json_file("signature", **changes)))


def _validity(sample: Sample) -> Answer:
    return Answer("stored, valid" if sample["signatureValidate"] else "stored, not valid")


_HS256 = {"ver": "v1", "alg": "HS256"}

CHECKS = (
    *(
        Check(
            f"hash.{kind}",
            Mark.LIVE if kind == "png" else Mark.OPEN,
            f"sha256Hash of a {kind} file is the SHA-256 of its bytes.",
            f"one {kind} file",
            _hash(kind),
            ("SHA-256 of the file",) if kind == "png" else (),
        )
        for kind in _KINDS
    ),
    *(
        Check(
            f"raw.{kind}",
            Mark.LIVE,
            f"/raw returns a {kind} file as it was uploaded.",
            f"one {kind} file",
            _raw(kind),
            ("as sent",),
        )
        for kind in _KINDS
    ),
    Check("chart.csv", Mark.CODE, "The chart type of a CSV is chart.", "one CSV file", _chart("csv"), ("chart",)),
    Check("chart.png", Mark.CODE, "The chart type of a PNG is image.", "one PNG file", _chart("png"), ("image",)),
    Check(
        "sensors.wav",
        Mark.CODE,
        "The sensor of a WAV has the name audio and the unit wav.",
        "one WAV file",
        _sensors("wav"),
        ("audio wav",),
    ),
    Check(
        "sensors.png",
        Mark.CODE,
        "The sensor of an image has the name image and the unit rgba.",
        "one PNG file",
        _sensors("png"),
        ("image rgba",),
    ),
    Check(
        "sensors.csv",
        Mark.LIVE,
        "The unit of a CSV's sensors is N/A.",
        "one CSV file",
        _sensors("csv"),
        ("accX N/A",),
    ),
    Check(
        "csv.device-type",
        Mark.LIVE,
        "The device type of a CSV is EDGE_IMPULSE_UPLOADER.",
        "one CSV file",
        lambda probe: Answer(str(probe.shared("csv")["deviceType"])),
        ("EDGE_IMPULSE_UPLOADER",),
    ),
    Check(
        "csv.interval",
        Mark.DOCUMENTED,
        "The timestamps of a CSV are milliseconds.",
        f"one CSV with a reading every {INTERVAL_MS} ms",
        lambda probe: Answer(f"{_interval(probe.shared('csv')):g} ms"),
        (f"{INTERVAL_MS} ms",),
    ),
    Check(
        "csv.one-reading",
        Mark.CODE,
        "A CSV of one reading without a timestamp has an interval of 1000 ms.",
        "one CSV of one row without a timestamp",
        _made("single.csv", lambda probe: probe.contents.csv_without_time(), lambda one: f"{_interval(one):g} ms"),
        ("1000 ms",),
    ),
    Check(
        "csv.one-reading-with-time",
        Mark.CODE,
        "A CSV of one reading with a timestamp has an interval of 1000 ms, too.",
        "one CSV of one row with a timestamp",
        _made("single-time.csv", lambda probe: probe.contents.csv((0,)), lambda one: f"{_interval(one):g} ms"),
        ("1000 ms",),
    ),
    Check(
        "csv.one-reading-chart",
        Mark.OPEN,
        "The chart type of a single reading: chart or table.",
        "one CSV of one row without a timestamp",
        _made("chart.csv", lambda probe: probe.contents.csv_without_time(), lambda one: one["chartType"]),
    ),
    Check(
        "csv.rows-without-time",
        Mark.DOCUMENTED,
        "A CSV of several rows without timestamps is refused.",
        "one CSV of two rows without a timestamp",
        _refusal("rows.csv", lambda probe: probe.contents.csv_without_time(2)),
        ("refused",),
    ),
    Check(
        "csv.uneven",
        Mark.OPEN,
        "Whether timestamps with different intervals are refused.",
        "one CSV with readings at 0, 10, 25 and 30 ms",
        _refusal("uneven.csv", lambda probe: probe.contents.csv((0, 10, 25, 30))),
    ),
    Check(
        "csv.broken",
        Mark.LIVE,
        "A CSV that cannot be read is refused with 'Could not parse this CSV file…' or 'Unknown error…'.",
        "one CSV whose last row has too few columns",
        _broken_csv,
        ("refused as described",),
    ),
    Check(
        "csv.txt",
        Mark.CODE,
        "A TXT is read as CSV.",
        "one CSV named .txt",
        _made("table.txt", lambda probe: probe.contents.csv(), lambda one: f"{one['valuesCount']} readings"),
        (f"{VALUES} readings",),
    ),
    Check(
        "type.unknown",
        Mark.LIVE,
        "A file of an unknown extension is refused with 'Invalid mimetype'.",
        "one file named .xyz",
        _words("unknown.xyz", lambda _: b"no known type"),
        ("Invalid mimetype",),
    ),
    Check(
        "type.empty",
        Mark.OPEN,
        "What happens to an empty file.",
        "one JSON file of no bytes",
        _words("empty.json", lambda _: b""),
    ),
    Check(
        "type.broken-wav",
        Mark.OPEN,
        "What happens to a WAV whose header cannot be read.",
        "one WAV file that is cut after 20 bytes",
        _refusal("cut.wav", lambda probe: probe.contents.wav()[:20]),
    ),
    Check(
        "csv.only-numbers",
        Mark.OPEN,
        "What happens to a CSV whose first line has numbers.",
        "one CSV of two lines of numbers",
        _refusal("numbers.csv", lambda probe: b"1,2\n" + probe.contents.csv_without_time()[5:-1] + b",7\n"),
    ),
    Check(
        "values.null",
        Mark.OPEN,
        "What happens to a reading that is null.",
        "one JSON file whose second reading is null",
        _refusal("null.json", _unknown_number),
    ),
    Check(
        "type.extension-decides",
        Mark.INFERRED,
        "The extension, in upper or lower case, names the format; the content type of the part does not matter.",
        "one JSON file named .JSON, with the content type multipart/form-data",
        _made("case.JSON", lambda probe: probe.contents.json(), lambda one: f"{one['valuesCount']} readings"),
        (f"{VALUES} readings",),
    ),
    Check(
        "signature.right",
        Mark.DOCUMENTED,
        "A file that is signed with the project's HMAC key is marked as valid.",
        "one signed JSON file",
        _signed,
        ("stored, valid",),
    ),
    Check(
        "signature.wrong",
        Mark.DOCUMENTED,
        "A file with a wrong signature is stored and marked, not refused.",
        "one JSON file with 64 times 'a' as signature",
        _signature(protected=_HS256, signature="a" * 64),
        ("stored, not valid",),
    ),
    Check(
        "signature.none",
        Mark.OPEN,
        "Whether an unsigned file (alg none, 64 zeros) counts as valid.",
        "one unsigned JSON file",
        _signature(),
    ),
    Check(
        "signature.null",
        Mark.RUN,
        "signature may be null, as the official SDK sends it.",
        "one JSON file with null as signature",
        lambda probe: Answer(_signature(signature=None)(probe).text.partition(",")[0]),
        ("stored",),
    ),
    Check(
        "signature.zero",
        Mark.DOCUMENTED,
        "signature may be the number 0, as the official tutorial sends it.",
        "one JSON file with 0 as signature",
        lambda probe: Answer(_signature(signature=0)(probe).text.partition(",")[0]),
        ("stored",),
    ),
)
