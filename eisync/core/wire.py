"""Build upload requests, and read the service's answers, without sending anything.

`envelope` turns a request into headers and parts. `read_reply` turns an answer into exactly one outcome for each file
that was sent. HTTP 200 is not success: every file has its own entry, by position. If the number of entries differs from
the number of files, each file is sent again alone; nothing is guessed (wire contract, section 1).
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from eisync.core.batching import Request
from eisync.core.formats.json_syntax import json_object
from eisync.core.labels.parts import LabelParts, unpacked
from eisync.core.model import LARGEST_ID, Item, extension_of, value
from eisync.core.retry import Fault, asked_s, header
from eisync.core.text import LONGEST_REASON, one_line

PART_NAME = "data"

BETWEEN = b"\r\n"

_ENCODE_URI_COMPONENT_KEEPS = "!~*'()"
# The whole sentence counts: that something else exists already (a label, a name) says nothing about these bytes.
_ALREADY_THERE = re.compile(
    r"an item with this hash already exists(?:\s*\(ids?:\s*(?P<ids>[\d,\s]+)\))?", re.IGNORECASE
)
# The words of services and proxies for a request with too many bytes or files.
_TOO_LARGE = re.compile(r"too (?:large|big|many (?:files|parts))|(?:at most|more than) \d+ files", re.IGNORECASE)

_CONTENT_TYPES = {
    ".cbor": "application/cbor",
    ".json": "application/json",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".mp4": "video/mp4",
    ".avi": "video/avi",
    ".parquet": "application/vnd.apache.parquet",
    ".labels": "application/json",
}


@value
class FilePart:
    """One file of the body: the bytes before it, and the item with the file."""

    preamble: bytes
    item: Item


@value
class Envelope:
    """A request that is ready to be sent, without the API key and the bytes of the files."""

    path: str
    headers: Mapping[str, str]
    parts: tuple[FilePart, ...]
    between: bytes  # after each file
    closing: bytes  # after the last one: the companion parts, and the end of the body

    @property
    def content_length(self) -> int:
        """The bytes of the whole body, by the facts of the items."""
        files = sum(len(part.preamble) + part.item.facts.size + len(self.between) for part in self.parts)
        return files + len(self.closing)


@value
class Reply:
    """A complete answer of the service."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@value
class Silence:
    """No usable answer came. `fault` says whether the request may have arrived, `is_timeout` whether time ran out.

    `is_too_large` says that an answer came but was too large, so that less must be asked for.
    """

    fault: Fault
    reason: str
    is_timeout: bool = False
    is_too_large: bool = False


@value
class UploadReply:
    """The answer to an upload, the content hashes of what was sent by item id, and how long it took.

    The time begins with the first byte of the body, and does not include waiting because of `max_rate`. `has_connected`
    says that the request opened its connection: the first bytes of a connection take longer.
    """

    reply: Reply | Silence
    sha256: Mapping[int, str]
    took_s: float = 0.0
    has_connected: bool = False


@value
class Stored:
    """The service stored the file."""

    sample_id: int
    project_id: int | None = None


@value
class Duplicate:
    """The service already has these bytes, as the samples `sample_ids` (empty when it does not list them)."""

    sample_ids: tuple[int, ...] = ()


@value
class Refused:
    """The service read this file and refused it. Trying again would not help."""

    reason: str


@value
class Failed:
    """No usable answer came; try again later. `asked_s` is how long the service asked us to wait."""

    fault: Fault
    reason: str
    asked_s: float = 0.0


@value
class Smaller:
    """The answer does not show the result of this file: send it again in a request of at most `cap` files.

    `is_doubtful` says that it may have been stored, `is_size` that the request was too large.
    """

    reason: str
    cap: int
    is_doubtful: bool = False
    is_size: bool = False


@value
class Barred:
    """The key or the project was refused. No file is the cause; the target waits for a person."""

    reason: str


Outcome = Stored | Duplicate | Refused | Failed | Smaller | Barred


def envelope(request: Request, *, boundary: str, allow_duplicates: bool) -> Envelope:
    """Return the multipart form of `request`. `boundary` must not occur in any file (random, 128 bits)."""
    headers = upload_headers(boundary, allow_duplicates=allow_duplicates)
    if not request.is_inferred:
        headers |= label_headers(request.label)
    if request.metadata:
        headers["x-metadata"] = json.dumps(dict(request.metadata), separators=(",", ":"))
    companions = LabelParts()
    for item in request.items:
        if item.companions is not None:
            companions.add(item.name, unpacked(item.companions))
    return Envelope(
        path=f"/api/{request.category.value}/files",
        headers=headers,
        parts=tuple(FilePart(preamble(item.name, boundary), item) for item in request.items),
        between=BETWEEN,
        closing=closing(companions, boundary),
    )


def upload_headers(boundary: str, *, allow_duplicates: bool) -> dict[str, str]:
    """Return the headers that every upload has, without the API key."""
    headers = {"content-type": f"multipart/form-data; boundary={boundary}", "x-upload-source": "eisync"}
    return headers if allow_duplicates else headers | {"x-disallow-duplicates": "1"}


def read_reply(reply: Reply | Silence, *, sent: int, now: float) -> Sequence[Outcome]:
    """Return one outcome for each of the `sent` files, in the order in which they were sent. Never raises."""
    if isinstance(reply, Silence):
        return [Failed(reply.fault, reply.reason)] * sent
    if reply.status == 200:
        return _read_answer(reply, sent)
    return [_whole(reply, sent, now)] * sent


def label_headers(label: str | None) -> dict[str, str]:
    """Return the headers with the label of every file of a request. None: assign none, and infer none."""
    # The official TypeScript and Rust clients percent-encode, so the service decodes. The CLI sends an empty x-label
    # together with x-no-label.
    if label is None:
        return {"x-label": "", "x-no-label": "1"}
    return {"x-label": quote(label, safe=_ENCODE_URI_COMPONENT_KEEPS)}


def preamble(name: str, boundary: str) -> bytes:
    """Return the bytes before the file that is sent as `name`. The extension of a companion part means JSON."""
    content_type = _CONTENT_TYPES.get(extension_of(name), "application/octet-stream")
    return (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{PART_NAME}"; filename="{_quoted(name)}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    ).encode()


def closing(companions: LabelParts, boundary: str) -> bytes:
    """Return the bytes after the last file: the parts that describe the files, and the end of the body."""
    parts = (preamble(name, boundary) + document + BETWEEN for name, document in companions.parts())
    return b"".join(parts) + f"--{boundary}--\r\n".encode("ascii")


def _quoted(name: str) -> str:
    # The same as in browsers: HTML standard, "multipart/form-data encoding algorithm".
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _read_answer(reply: Reply, sent: int) -> Sequence[Outcome]:
    answer = json_object(reply.body)
    if answer is None:
        reason = f"the answer is not the service's: {_excerpt(reply.body)!r}"
        return [Failed(Fault.UNANSWERED, reason)] * sent
    entries = answer.get("files")
    if not entries and answer.get("success") is False:
        return [_refusal(_error_of(answer) or "refused without a reason", sent)] * sent
    if not isinstance(entries, list):
        return [Failed(Fault.UNANSWERED, "the answer names no files")] * sent
    if len(entries) != sent:
        reason = f"the answer has {len(entries)} entries for {sent} files"
        # A single file that became several samples (CSV wizard) is stored, with all of their ids.
        return [_several(entries, reason)] if sent == 1 else [Smaller(reason, 1, is_doubtful=True)] * sent
    outcomes = [_entry(entry) for entry in entries]
    shared_id = _shared_id(outcomes)
    if shared_id is not None:
        # Two files cannot be one sample, so these entries do not belong to the files at their positions.
        return [Smaller(f"the answer names sample {shared_id} for several files", 1, is_doubtful=True)] * sent
    return outcomes


def _shared_id(outcomes: Sequence[Outcome]) -> int | None:
    """Return the id of a sample that is the answer for several files; None when there is none."""
    ids = Counter(outcome.sample_id for outcome in outcomes if isinstance(outcome, Stored))
    return next((sample_id for sample_id, files in ids.items() if files > 1), None)


def _several(entries: Sequence[Any], reason: str) -> Outcome:
    ids: dict[int, None] = {}
    is_clear = bool(entries)
    for outcome in map(_entry, entries):
        match outcome:
            case Refused():
                return outcome
            case Stored(sample_id=sample_id):
                ids[sample_id] = None
            case Duplicate(sample_ids=sample_ids):
                ids.update(dict.fromkeys(sample_ids))
            case _:
                is_clear = False
    return Duplicate(tuple(ids)) if is_clear else Failed(Fault.UNANSWERED, reason)


def _entry(entry: Any) -> Outcome:
    if not isinstance(entry, dict):
        return Failed(Fault.UNANSWERED, "an entry of the answer is not an object")
    if entry.get("success") is True:
        sample_id = _id_of(entry.get("sampleId"))
        if sample_id is not None:
            return Stored(sample_id, _id_of(entry.get("projectId")))
        return Failed(Fault.UNANSWERED, "the answer says that it is stored but gives no sample id")
    if entry.get("success") is not False:
        return Failed(Fault.UNANSWERED, "an entry of the answer says neither stored nor refused")
    error = _error_of(entry) or "refused without a reason"
    return _duplicate(error) or Refused(error)


def _duplicate(error: str) -> Duplicate | None:
    """Return the duplicate that `error` reports; None when it reports something else."""
    known = _ALREADY_THERE.search(error)
    if known is None:
        return None
    digits = re.findall(r"\d+", known["ids"] or "")
    ids = (_id_of(int(text)) for text in digits if len(text) <= len(str(LARGEST_ID)))
    return Duplicate(tuple(sample_id for sample_id in ids if sample_id is not None))


def _id_of(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value <= LARGEST_ID else None


def _whole(reply: Reply, sent: int, now: float) -> Outcome:
    """Return the outcome of every file of the request for an answer other than 200."""
    error = _error_of(json_object(reply.body) or {}) or _excerpt(reply.body)
    reason = f"HTTP {reply.status}: {error}" if error else f"HTTP {reply.status}"
    match reply.status:
        case 401 | 403:
            return Barred(reason)
        case 429 | 503:
            return Failed(Fault.THROTTLED, reason, asked_s(reply.headers, now))
        case 404 | 407 | 408:
            # This comes from something between us and the service. Either it is repaired, or a person reads the reason.
            return Failed(Fault.UNREACHABLE, reason, asked_s(reply.headers, now))
        case status if 300 <= status < 400:
            place = one_line(header(reply.headers, "location") or "nowhere")
            return Failed(
                Fault.UNREACHABLE,
                (f"HTTP {status}: redirected to {place}; not followed, because that would hand over the key"),
            )
        case status if 400 <= status < 500:
            return _refusal(reason, sent)
        case _:
            return Failed(Fault.UNANSWERED, reason, asked_s(reply.headers, now))


def _refusal(reason: str, sent: int) -> Outcome:
    # One file of the refused request is the cause, and the answer does not say which: halve until it is alone.
    if "invalid api key" in reason.lower():
        return Barred(reason)
    if sent > 1:
        return Smaller(reason, sent // 2, is_size=reason.startswith("HTTP 413") or bool(_TOO_LARGE.search(reason)))
    return _duplicate(reason) or Refused(reason)


def _error_of(answer: Mapping[str, Any]) -> str | None:
    error = answer.get("error")
    return one_line(error) if isinstance(error, str) and error.strip() else None


def _excerpt(body: bytes) -> str:
    return one_line(body[: 4 * LONGEST_REASON].decode("utf-8", "replace"))
