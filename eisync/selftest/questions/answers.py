"""Checks of answers to uploads: entries, refusals, names, limits (wire contract, section 1)."""

import re
from collections.abc import Callable

from eisync.selftest.check import Check
from eisync.selftest.model import Answer, Mark, NoAnswerError
from eisync.selftest.probe import File, Probe

WRONG_KEY = "ei_" + "0" * 64
_FILLER_BYTES = 12 * 1024
_REQUEST_BYTES = 64 * 1024


def _wrong_key(probe: Probe) -> Answer:
    """Upload with a wrong key, which cannot store anything."""
    file = probe.json_file("wrong-key")
    reply = probe.client.post_form("/api/training/files", [file.part()], {}, key=WRONG_KEY)
    return Answer(f"HTTP {reply.status}: {reply.error}")


def _fields(probe: Probe) -> Answer:
    entry = probe.try_to_store(probe.json_file("fields"))
    missing = [name for name in ("success", "projectId", "sampleId", "fileName") if name not in entry.found]
    is_ours = entry.found.get("projectId") == probe.client.address.project_id
    return Answer("all" if not missing and is_ours else "not all", f"missing: {', '.join(missing) or 'none'}")


def _positions(probe: Probe) -> Answer:
    files = [probe.json_file("at.1"), File(probe.name("at.2.xyz"), b"no known type"), probe.json_file("at.3")]
    uploaded = probe.upload(*files)
    fates = ["stored" if entry.sample_id is not None else "refused" for entry in uploaded.entries]
    return Answer(f"HTTP {uploaded.reply.status}: {', '.join(fates)}")


def _all_fail(probe: Probe) -> Answer:
    uploaded = probe.upload(File(probe.name("fails.csv"), probe.contents.broken_csv()))
    reply = uploaded.reply
    said = None if reply.content is None else reply.content.get("success")
    return Answer(f"HTTP {reply.status}, success {said}, {len(uploaded.entries)} entries", reply.error)


def _companion_refused(name: str, document: object) -> Callable[[Probe], Answer]:
    """Send a companion with one file; return the error of the request or of an entry."""

    def ask(probe: Probe) -> Answer:
        uploaded = probe.upload(probe.json_file("beside"), companions={name: document})
        errors = [uploaded.reply.error, *(entry.error for entry in uploaded.entries)]
        return Answer(next(filter(None, errors), "nothing refused"))

    return ask


def _large_header(probe: Probe) -> Answer:
    filler = {"x-eisync-selftest": "a" * _FILLER_BYTES}
    uploaded = probe.upload(probe.json_file("header"), headers=filler)
    stored = any(entry.sample_id is not None for entry in uploaded.entries)
    return Answer("accepted" if stored else "refused", "" if stored else uploaded.reply.refusal)


def _large_request(probe: Probe) -> Answer:
    file = File(probe.name("large.csv"), probe.contents.long_csv(_REQUEST_BYTES))
    uploaded = probe.upload(file)
    stored = any(entry.sample_id is not None for entry in uploaded.entries)
    return Answer("accepted" if stored else "refused", f"{len(file.content):,} bytes; {uploaded.reply.error}".strip())


def _quoted_name(probe: Probe) -> Answer:
    file = File(probe.name('q"q.json'), probe.contents.json())
    found = str(probe.store(file)["filename"])
    wanted = {probe.name('q"q'): "decoded", probe.name("q%22q"): "as sent"}
    return Answer(wanted.get(found, "something else"), found)


def _stored_name(kind: str, extension: str) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        found = _stored(probe, kind, extension)
        return Answer("as described" if found else "another form", "" if found else _place(probe, kind))

    return ask


def _stored(probe: Probe, kind: str, extension: str) -> re.Match[str] | None:
    """Return the parts of the stored name: the id and the machine."""
    sent = re.escape(probe.original(kind).name)
    return re.fullmatch(rf"(?:.*/)?{sent}\.([0-9a-v]{{8}})\.([^.]+)\.{extension}", _place(probe, kind))


def _place(probe: Probe, kind: str) -> str:
    return str(probe.shared(kind)["coldstorageFilename"])


def _pod(probe: Probe) -> Answer:
    found = _stored(probe, "json", "json")
    return Answer(found[2] if found else "another form")


def _shown_name(probe: Probe) -> Answer:
    wanted, found = probe.original("csv").name.removesuffix(".csv"), probe.shared("csv")["filename"]
    return Answer("without its last extension" if wanted == found else "something else", str(found))


def _latency(probe: Probe) -> Answer:
    sample_id = probe.try_to_store(probe.json_file("latency")).sample_id
    if sample_id is None:
        raise NoAnswerError("the upload was refused")
    began = probe.monotonic()
    while probe.monotonic() - began < 30.0:
        if any(one["id"] == sample_id for one in probe.find()):
            took_s = probe.monotonic() - began
            return Answer("at once" if took_s < 2.0 else "later", f"after {took_s:.1f} s")
        probe.wait(0.5)
    return Answer("not within 30 s")


CHECKS = (
    Check(
        "key.wrong",
        Mark.DOCUMENTED,
        "A wrong key is answered with 401 and 'Invalid API key'.",
        "an upload with a key of zeros",
        _wrong_key,
        ("HTTP 401: Invalid API key",),
    ),
    Check(
        "answer.fields",
        Mark.LIVE,
        "A stored file is answered with success, projectId, sampleId and fileName.",
        "one JSON file",
        _fields,
        ("all",),
    ),
    Check(
        "answer.positions",
        Mark.LIVE,
        "The answer has one entry for each file, in order; HTTP 200 is not success.",
        "three files, the second of an unknown type",
        _positions,
        ("HTTP 200: stored, refused, stored",),
    ),
    Check("answer.all-fail", Mark.OPEN, "The answer when every file fails.", "one broken CSV alone", _all_fail),
    Check(
        "answer.latency",
        Mark.OPEN,
        "How long after the answer a sample is listed.",
        "one JSON file, then the listing until the sample is in it",
        _latency,
    ),
    Check(
        "companion.info-labels",
        Mark.LIVE,
        "info.labels as a part is refused with 'Invalid mimetype'.",
        "one JSON file and a part info.labels",
        _companion_refused("info.labels", {"version": 1, "files": []}),
        ("Invalid mimetype",),
    ),
    Check(
        "companion.type",
        Mark.LIVE,
        "A companion of a wrong type is refused with 'Invalid type'.",
        "one JSON file and a part structured_labels.labels of another type",
        _companion_refused("structured_labels.labels", {"version": 1, "type": "other", "structuredLabels": {}}),
        ("Invalid type",),
    ),
    Check(
        "companion.version",
        Mark.LIVE,
        "A companion of a wrong version is refused with 'Invalid version'.",
        "one JSON file and a part structured_labels.labels of version 99",
        _companion_refused(
            "structured_labels.labels", {"version": 99, "type": "structured-labels", "structuredLabels": {}}
        ),
        ("Invalid version",),
    ),
    Check(
        "limit.header",
        Mark.INFERRED,
        "A request may have 12 KB of headers.",
        "one JSON file with an unknown header of 12 KB",
        _large_header,
        ("accepted",),
    ),
    Check(
        "limit.request",
        Mark.OPEN,
        "Whether a request may be larger than 64 KiB.",
        "one CSV of more than 64 KiB",
        _large_request,
    ),
    Check(
        "name.quoted",
        Mark.INFERRED,
        "%22 in a file name of a form stands for a double quote, as browsers write it.",
        "one JSON file with a double quote in its name",
        _quoted_name,
        ("decoded",),
    ),
    Check(
        "name.shown",
        Mark.LIVE,
        "Studio shows the name that was sent, without its last extension.",
        "one CSV file",
        _shown_name,
        ("without its last extension",),
    ),
    *(
        Check(
            f"name.stored-{kind}",
            Mark.INFERRED,
            f"A {kind} file is stored as NAME.ID8.POD.{extension}.",
            f"one {kind} file",
            _stored_name(kind, extension),
            ("as described",),
        )
        for kind, extension in (("csv", "json"), ("json", "json"), ("cbor", "cbor"), ("wav", "wav"), ("png", "jpg"))
    ),
    Check(
        "name.pod",
        Mark.OPEN,
        "The machine's name, as a part of stored names.",
        "one JSON file",
        _pod,
    ),
)
