"""Stand-ins for the outside, in one place. `tests/loops/test_fakes.py` holds them to what the real parts promise."""

import json
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from eisync.adapters.client.body import Body
from eisync.core.change_feed import ChangePage, SampleChange, VersionList
from eisync.core.clock_step import ClockSetting
from eisync.core.dataset import WholeSample
from eisync.core.labels.parts import PartKind
from eisync.core.model import Page, RemoteSample, Root, sent_name
from eisync.core.studio import stored_name
from eisync.core.watch_health import PendingPaths
from eisync.core.wire import Envelope, Reply, Silence, UploadReply
from eisync.emulator.names import infer_label
from eisync.errors import EisyncError, StudioError, UnansweredError
from tests.canary import hear


class Clock:
    """An instant that moves when it is told to."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class RightClock:
    """A clock monitor whose clock is never in doubt and was never set."""

    def why_doubt(self) -> str | None:
        return None

    def setting(self) -> ClockSetting:
        return ClockSetting()

    setting_of_days = setting


RIGHT: Any = RightClock()


@dataclass(frozen=True)
class Line:
    level: str
    event: str
    fields: Mapping[str, Any]


class Notebook:
    """A log that is read instead of written."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def debug(self, event: str, **fields: object) -> None:
        self._note("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._note("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._note("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._note("error", event, fields)

    def exception(self, event: str, **fields: object) -> None:
        hear("a traceback in the log", traceback.format_exc())
        self._note("exception", event, fields)

    def _note(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        hear("the log", event, fields)
        self.lines.append(Line(level, event, fields))

    def events(self) -> list[str]:
        return [line.event for line in self.lines]


class FakeEvents:
    """Events that a test speaks into."""

    reports_closes = True

    def __init__(self) -> None:
        self.pending: dict[int, PendingPaths] = {}
        self.watched: list[int] = []
        self.why_silent: str | None = None
        self.died = 0

    def of(self, root_id: int) -> PendingPaths:
        return self.pending.setdefault(root_id, PendingPaths())

    def watch(self, root: Root) -> str | None:
        if self.why_silent is None and root.id not in self.watched:
            self.watched.append(root.id)
            self.of(root.id).is_doubted = True
        return self.why_silent

    def deaths(self, root_id: int) -> int:
        return self.died if root_id in self.watched else 0

    def forget(self, root_id: int) -> None:
        self.died = 0
        if root_id in self.watched:
            self.watched.remove(root_id)

    def take(self, root_id: int) -> PendingPaths:
        return self.pending.pop(root_id, PendingPaths())


_T = TypeVar("_T")


class Bench(Executor):
    """An executor whose work lies still until somebody runs it."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self, number: int | None = None) -> int:
        """Run so many pieces of work, oldest first; all that lie there when no number is given. Returns how many."""
        pieces = len(self.waiting) if number is None else number
        for _ in range(pieces):
            future, work = self.waiting.popleft()
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - as a real executor does
                future.set_exception(error)
            else:
                future.set_result(result)
        return pieces


Answer = Callable[[Envelope, list[str]], "Reply | Silence | None"]


class Waited:
    """A page that was asked for ahead: at once, as the real one does in the best case. What it raises is kept."""

    def __init__(self, ask: Callable[[int | None], Page], before_id: int | None, seen: Callable[[int], int | None]):
        self._ask = ask
        self._seen = seen
        self.result: Future[Page] = Future()
        try:
            self.result.set_result(ask(before_id))
        except EisyncError as error:
            self.result.set_exception(error)

    def follow(self) -> "Waited":
        end = self.predicted_end_id()
        if end is not None:
            return Waited(self._ask, end, self._seen)
        return Waited(self._nothing, None, self._seen)

    def _nothing(self, _: int | None) -> Page:
        raise UnansweredError("the end of the previous page is missing")

    def predicted_end_id(self) -> int | None:
        if self.result.exception() is not None or not self.result.result().samples:
            return None
        return self._seen(self.result.result().samples[-1].id)

    def page(self) -> Page:
        return self.result.result()


class Cloud:
    """Ingestion service and Studio of one project, in memory. It reads the files as the real client does.

    `answers` are tried first, one for each upload; an answer of None leaves it to the cloud. `always` is tried next.
    """

    def __init__(self, project: int = 7) -> None:
        self.project = project
        self.samples: dict[int, RemoteSample] = {}
        self.added_at: dict[int, float] = {}  # of the samples of which the service says it
        self.contents: dict[int, bytes] = {}
        self.parts: dict[int, dict[PartKind, Any]] = {}  # boxes, labels by range and label maps
        self.edits: list[tuple[str, int]] = []  # what was changed in Studio, and which sample
        self.uploads: list[list[str]] = []  # the names in each request that was sent
        self.attempts: list[list[str]] = []  # and of those that a file broke off, too
        self.answers: deque[Answer] = deque()
        self.always: Answer | None = None
        self.trouble: BaseException | None = None  # raised by whatever is asked of Studio
        self.upload_trouble: BaseException | None = None
        self.questions = 0
        self.changed_at: float | None = None  # None: this service does not tell
        self.versions: VersionList | None = None  # None: this service has no dataset versions
        self.changes_of: dict[int, list[SampleChange]] = {}  # by version
        self.feed_answer: ChangePage | EisyncError | None = None  # in place of the changes of any version
        self.refuses_duplicates = True
        self.infer: Callable[[str], str | None] = lambda name: infer_label(name, rule="documented", otherwise="")
        self.most_a_page = 1000
        self.seen: Callable[[int], int | None] = lambda last_id: last_id  # where a look at a page sees its end
        self._last_id = 100
        self._is_known = False

    # --- ingestion

    def connect(self) -> None:
        """It is in this process."""

    def upload(self, envelope: Envelope) -> UploadReply:
        names = [sent_name(part.item.path) for part in envelope.parts]
        self.attempts.append(names)
        if self.upload_trouble is not None:
            raise self.upload_trouble
        body = Body(envelope)
        for _ in body:
            pass
        hashes = [body.sha256[part.item.id] for part in envelope.parts]
        self.uploads.append(names)
        answer = self.answers.popleft() if self.answers else self.always
        reply = answer(envelope, hashes) if answer is not None else None
        return UploadReply(self.store(envelope, hashes) if reply is None else reply, body.sha256)

    def store(self, envelope: Envelope, hashes: list[str]) -> Reply:
        """Take the files as the service does, and say so."""
        entries = []
        for part, sha256 in zip(envelope.parts, hashes, strict=True):
            label = self._label_of(envelope, part.item.name)
            entries.append(self._entry(part.item.path, sha256, label))
            if entries[-1]["success"]:
                self.contents[entries[-1]["sampleId"]] = Path(part.item.root, part.item.path).read_bytes()
        return reply_of({"success": True, "files": entries})

    def add(
        self,
        path: str,
        sha256: str,
        *,
        listed_hash: bool = True,
        label: str | None = "idle",
        category: str = "training",
    ) -> int:
        """A sample that is simply there."""
        self._last_id += 1
        name = sent_name(path)
        self.samples[self._last_id] = RemoteSample(
            id=self._last_id,
            filename=stored_name(name),
            category="training" if category == "split" else category,
            label=label,
            sha256=sha256,
            original_name=name if listed_hash else None,
        )
        return self._last_id

    def _label_of(self, envelope: Envelope, name: str) -> str | None:
        if "x-label" not in envelope.headers:
            return self.infer(name)
        return None if "x-no-label" in envelope.headers else unquote(envelope.headers["x-label"])

    def _entry(self, path: str, sha256: str, label: str | None) -> dict[str, Any]:
        there = [sample.id for sample in self.samples.values() if sample.sha256 == sha256]
        if there and self.refuses_duplicates:
            ids = ", ".join(map(str, there))
            return {"success": False, "error": f"An item with this hash already exists (ids: {ids})"}
        return {
            "success": True,
            "projectId": self.project,
            "sampleId": self.add(path, sha256, label=label),
            "fileName": path,
        }

    # --- Studio

    def project_id(self) -> int:
        if not self._is_known:
            self._asked()
            self._is_known = True
        return self.project

    def forget_project(self) -> None:
        self._is_known = False

    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Page:
        self._asked()
        found = [
            sample
            for _, sample in sorted(self.samples.items(), reverse=True)
            if (before_id is None or sample.id < before_id)
            and (from_id is None or sample.id >= from_id)
            and (filename is None or filename in sample.filename)
        ]
        samples = tuple(found[: min(limit, self.most_a_page)])
        return Page(samples, len(found), self.added_at.get(samples[0].id) if samples else None)

    def ahead(self, *, limit: int, before_id: int | None = None, from_id: int | None = None) -> Waited:
        return Waited(lambda below: self.page(limit=limit, before_id=below, from_id=from_id), before_id, self.seen)

    def beside(self, ask: Callable[[], _T]) -> Callable[[], _T]:
        done: Future[_T] = Future()
        try:
            done.set_result(ask())
        except EisyncError as error:
            done.set_exception(error)
        return done.result

    def key_id(self) -> int | None:
        return 1

    def dataset_versions(self) -> VersionList | None:
        self._asked()
        return self.versions

    def changes(self, version_id: int, *, limit: int, offset: int) -> ChangePage:
        self._asked()
        if isinstance(self.feed_answer, EisyncError):
            raise self.feed_answer
        if self.feed_answer is not None:
            return self.feed_answer
        found = self.changes_of[version_id]
        return ChangePage(tuple(found[offset : offset + limit]), len(found))

    def listed(self, ids: Collection[int]) -> dict[int, RemoteSample]:
        self._asked()
        return {sample_id: self.samples[sample_id] for sample_id in ids if sample_id in self.samples}

    def count(self) -> int:
        self._asked()
        return len(self.samples)

    def modified_at(self) -> float | None:
        self._asked()
        return self.changed_at

    def is_there(self, sample_id: int) -> bool:
        self._asked()
        return sample_id in self.samples

    def sha256_of(self, sample_id: int) -> str:
        self._asked()
        return self._sample(sample_id).sha256 or ""

    def raw(self, sample_id: int) -> Iterator[bytes]:
        self._asked()
        self._sample(sample_id)
        yield self.contents.get(sample_id, b"")

    def delete(self, sample_id: int) -> bool:
        self._edits("delete", sample_id)
        return self.samples.pop(sample_id, None) is not None

    def rename(self, sample_id: int, name: str) -> None:
        self._edits("rename", sample_id, filename=name)

    def relabel(self, sample_id: int, label: str) -> None:
        self._edits("relabel", sample_id, label=label)

    def move(self, sample_id: int, category: str) -> None:
        self._edits("move", sample_id, category=category)

    def whole(self, sample_id: int) -> WholeSample | None:
        self._asked()
        if (sample := self.samples.get(sample_id)) is None:
            return None
        parts = self.parts.get(sample_id, {})
        return WholeSample(
            id=sample_id,
            name=sample.filename,
            category=sample.category,
            label=sample.label,
            boxes=parts.get(PartKind.BOXES, ()),
            structured_labels=parts.get(PartKind.STRUCTURED, ()),
            label_map=parts.get(PartKind.LABEL_MAP),
            metadata=dict(sample.metadata),
        )

    def set_metadata(self, sample_id: int, metadata: Mapping[str, str]) -> None:
        self._edits("metadata", sample_id, metadata=tuple(sorted(metadata.items())))

    def set_part(self, sample_id: int, kind: PartKind, part: Any) -> None:
        self._edits(kind.name.lower(), sample_id)
        self._sample(sample_id)
        self.parts.setdefault(sample_id, {})[kind] = part

    def _edits(self, verb: str, sample_id: int, **values: Any) -> None:
        self._asked()
        self.edits.append((verb, sample_id))
        if values:
            self.samples[sample_id] = replace(self._sample(sample_id), **values)

    def _sample(self, sample_id: int) -> RemoteSample:
        if sample_id not in self.samples:
            raise StudioError(f"No sample found with ID {sample_id}", status=200)
        return self.samples[sample_id]

    def _asked(self) -> None:
        self.questions += 1
        if self.trouble is not None:
            raise self.trouble


def reply_of(document: object, status: int = 200, **headers: str) -> Reply:
    """An answer of the service."""
    return Reply(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(document).encode()
    )


def refusing(status: int, error: str = "no", **headers: str) -> Answer:
    """An answer that refuses the whole request."""
    return lambda envelope, hashes: reply_of({"success": False, "error": error}, status, **headers)


def failing(times: int, error: BaseException, then: Callable[..., Any]) -> Callable[..., Any]:
    """`then`, but for the first `times` calls, which raise `error`."""
    left: Iterator[int] = iter(range(times))

    def call(*args: Any, **kwargs: Any) -> Any:
        if next(left, None) is not None:
            raise error
        return then(*args, **kwargs)

    return call
