"""Upload files for the checks, and read and change their samples. Each upload is recorded in the journal first.

Every file name and every label begins with `token`, the unique name of the run. A check that needs another label, or
none, still has the token in the file name, so that its samples are found at the end.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eisync.core.studio import MOST_LISTED
from eisync.selftest.client import JSON, Client, Part, ServiceReply
from eisync.selftest.contents import Contents
from eisync.selftest.journal import Journal
from eisync.selftest.model import NoAnswerError, Sample, UploadRefusedError

_UNDECIDED_TYPE = "multipart/form-data"  # the official SDK sends this type for every part; the extension decides


@dataclass(frozen=True, slots=True)
class File:
    """One file to upload."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()

    def part(self) -> Part:
        """Return the file as a part of a form."""
        return Part(self.content, self.name, _UNDECIDED_TYPE)


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of one file in an answer: the id of a sample, or an error."""

    sample_id: int | None
    error: str
    found: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The answer to an upload."""

    reply: ServiceReply
    entries: tuple[Entry, ...]


class Probe:
    """One run in one project."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        contents: Contents,
        *,
        wait: Callable[[float], object],
        monotonic: Callable[[], float],
    ) -> None:
        """`wait` pauses for some seconds, or less if the run is stopped; `monotonic` is a clock in seconds."""
        self.client = client
        self.contents = contents
        self.token = journal.record.token
        self.wait = wait
        self.monotonic = monotonic
        self._journal = journal
        self._shared: dict[str, list[tuple[File, Sample]]] = {}

    # --- uploads

    def name(self, rest: str) -> str:
        """Return a file name of this run."""
        return f"{self.token}.{rest}"

    def upload(
        self,
        *files: File,
        category: str = "training",
        headers: Mapping[str, str] | None = None,
        companions: Mapping[str, object] | None = None,
        extra: Sequence[Part] = (),
    ) -> Uploaded:
        """Send the files in one request. Their label is the name of the run unless `headers` has `x-label`.

        `companions` are documents by part name; `extra` are other parts. Raises SilenceError, StoppedError and
        StateError.
        """
        parts = [file.part() for file in files] + list(extra)
        parts += [Part(json.dumps(said).encode(), name, JSON) for name, said in (companions or {}).items()]
        wanted = {"x-label": self.token} | dict(headers or {})
        hashes = [hashlib.sha256(part.content).hexdigest() for part in (*[file.part() for file in files], *extra)]
        self._journal.sending(hashes)
        reply = self.client.post_form(f"/api/{category}/files", parts, wanted)
        entries = _entries(reply)
        self._journal.answered(hashes, [entry.sample_id for entry in entries if entry.sample_id is not None])
        return Uploaded(reply, entries)

    def post_data(self, file: File, headers: Mapping[str, str], *, parts: Sequence[Part] | None = None) -> ServiceReply:
        """Send one file to the legacy route: as the body, or in a form of `parts`. Raises as `upload` does."""
        hashes = [file.sha256, *(hashlib.sha256(part.content).hexdigest() for part in parts or ())]
        self._journal.sending(hashes)
        wanted = {"x-label": self.token} | dict(headers)
        if parts is None:
            reply = self.client.post("/api/training/data", file.content, wanted)
        else:
            reply = self.client.post_form("/api/training/data", parts, wanted)
        if reply.status != 200:
            self._journal.answered(hashes, ())  # this route returns no ids: stored samples are found by their names
        return reply

    def store(self, file: File, **options: Any) -> Sample:
        """Upload one file and return its sample. Raises UploadRefusedError and the errors of `upload`."""
        [sample] = self.store_all(file, **options)
        return sample

    def store_all(self, *files: File, **options: Any) -> list[Sample]:
        """Upload several files in one request, and return their samples. Raises the same errors as `store`."""
        uploaded = self.upload(*files, **options)
        found = []
        for entry in _first(uploaded, len(files)):
            if entry.sample_id is None:
                raise UploadRefusedError(entry.error)
            found.append(self.sample(entry.sample_id))
        return found

    def try_to_store(self, file: File, **options: Any) -> Entry:
        """Upload one file and return its entry. Raises UploadRefusedError if the whole request is refused."""
        [entry] = _first(self.upload(file, **options), 1)
        return entry

    def json_file(self, rest: str, **changes: Any) -> File:
        """Return a time series as JSON."""
        return File(self.name(f"{rest}.json"), self.contents.json(**changes))

    def shared_all(self, key: str, make: Callable[[], Sequence[File]], **options: Any) -> list[tuple[File, Sample]]:
        """Return files that several checks use and none changes, with their samples. Each `key` is uploaded once."""
        if key not in self._shared:
            files = make()
            self._shared[key] = list(zip(files, self.store_all(*files, **options), strict=True))
        return self._shared[key]

    def shared(self, kind: str) -> Sample:
        """Return the sample of this kind (csv, json, cbor, wav or png) that no check changes."""
        return self._plain(kind)[1]

    def original(self, kind: str) -> File:
        """Return the file of `shared(kind)`."""
        return self._plain(kind)[0]

    def _plain(self, kind: str) -> tuple[File, Sample]:
        def make() -> list[File]:
            return [File(self.name(f"plain.01.{kind}"), getattr(self.contents, kind)())]

        [found] = self.shared_all(kind, make)
        return found

    # --- samples

    def sample(self, sample_id: int) -> Sample:
        """Return one sample from Studio. Raises NoAnswerError if there is none, SilenceError, StoppedError."""
        reply = self.client.raw_data("GET", f"/{sample_id}")
        if not reply.is_success or reply.content is None:
            raise NoAnswerError(f"Studio does not show sample {sample_id}: {reply.refusal}")
        sample: Sample = reply.content["sample"]
        return sample

    def change(self, method: str, path: str, body: Mapping[str, object] | None = None) -> ServiceReply:
        """Change a sample of this run. `path` is below `raw-data` and begins with its id. Raises as `sample` does."""
        return self.client.raw_data(method, path, body=body)

    def find(self, **query: object) -> list[Sample]:
        """Return the samples of this run in a listing with these filters, newest first. Raises NoAnswerError.

        The listing is also limited to the file names of this run, unless `filename` is given.
        """
        asked = {"category": "all", "filename": self.token, "includeDisabled": "both", "limit": MOST_LISTED} | query
        reply = self.client.raw_data("GET", "", asked)
        if not reply.is_success or reply.content is None:
            raise NoAnswerError(reply.refusal)
        return [one for one in reply.content["samples"] if self.token in str(one["filename"])]

    def count(self, **query: object) -> int:
        """Return how many samples of the project match these filters. Raises NoAnswerError."""
        reply = self.client.raw_data("GET", "/count", query)
        if not reply.is_success or reply.content is None:
            raise NoAnswerError(reply.refusal)
        return int(reply.content["count"])


def _first(uploaded: Uploaded, count: int) -> tuple[Entry, ...]:
    if len(uploaded.entries) != count:
        if not uploaded.reply.is_success:
            raise UploadRefusedError(uploaded.reply.refusal)
        raise NoAnswerError(f"the answer has {len(uploaded.entries)} entries for {count} files")
    return uploaded.entries


def _entries(reply: ServiceReply) -> tuple[Entry, ...]:
    """Return the entries of the files; none if the answer has an unexpected form."""
    listed = reply.content.get("files") if reply.content is not None else None
    if not isinstance(listed, list):
        return ()
    return tuple(_entry(one) for one in listed if isinstance(one, dict))


def _entry(found: Mapping[str, Any]) -> Entry:
    sample_id = found.get("sampleId") if found.get("success") is True else None
    is_id = isinstance(sample_id, int) and not isinstance(sample_id, bool)
    return Entry(sample_id if is_id else None, str(found.get("error") or ""), found)
