"""The protocols that the loops need, each beside a fake in the tests. `adapters` has the real implementations."""

from collections.abc import Collection, Iterator
from typing import Protocol

from eisync.core.model import Page, RemoteSample
from eisync.core.wire import Envelope, UploadReply


class Loop(Protocol):
    """One loop of the daemon. `tick` does one bounded piece of work."""

    name: str

    def tick(self, now: float) -> float:
        """Do one piece of work. Return the seconds until the next tick is wanted (0: at once)."""

    def stop(self, now: float) -> None:
        """Begin nothing new. Safe to repeat. The supervisor continues to call `tick` until `is_done`."""

    @property
    def is_done(self) -> bool:
        """Return whether no work is under way that must end before the process does."""


class Uploads(Protocol):
    """The ingestion service of a target. Raises FileError or ConfigurationError; then nothing was stored."""

    def upload(self, envelope: Envelope) -> UploadReply: ...
    def project_id(self) -> int: ...
    def forget_project(self) -> None: ...


class PendingPage(Protocol):
    """A requested page. `page` waits for it, parses it, and raises the error of the request.

    `predicted_end_id` waits too, but does not parse the page: it guesses the id below which the next page begins, or
    returns None. The guess may be wrong. `follow` requests that next page as soon as this one has arrived.
    """

    def follow(self) -> "PendingPage": ...
    def predicted_end_id(self) -> int | None: ...
    def page(self) -> Page: ...


class ProjectService(Protocol):
    """The samples of a target's project. Raises KeyRefusedError, StudioError or TransitError.

    `ahead` requests a page and does not wait for it.
    """

    def project_id(self) -> int: ...
    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Page: ...
    def ahead(self, *, limit: int, before_id: int | None = None, from_id: int | None = None) -> PendingPage: ...
    def count(self) -> int: ...
    def modified_at(self) -> float | None: ...
    def listed(self, ids: Collection[int]) -> dict[int, RemoteSample]: ...
    def is_there(self, sample_id: int) -> bool: ...
    def sha256_of(self, sample_id: int) -> str: ...
    def raw(self, sample_id: int) -> Iterator[bytes]: ...
    def delete(self, sample_id: int) -> bool: ...
    def rename(self, sample_id: int, name: str) -> None: ...
    def relabel(self, sample_id: int, label: str) -> None: ...
    def move(self, sample_id: int, category: str) -> None: ...


class Passes(Protocol):
    """Accepts requests for passes over the projects. Safe to use from any thread."""

    def ask_pass(self, *, sweeps: bool = False, dry_run: bool = False) -> int: ...
    def report(self, ticket: int) -> list[dict[str, object]] | None: ...


MAX_LOG_LINES = 16
"""If more files than these enter or arrive at once, one line says how many, and each file has its line at debug.

Where thousands arrive in a second, journals drop lines, and one of these could be the line of a refused file."""


class Log(Protocol):
    """The part of structlog's bound logger that the loops use."""

    def debug(self, event: str, **fields: object) -> object: ...
    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...
    def error(self, event: str, **fields: object) -> object: ...
    def exception(self, event: str, **fields: object) -> object: ...
