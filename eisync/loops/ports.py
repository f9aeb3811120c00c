"""What the loops need of the world, named for the need. The real parts stand in `store` and `adapters`."""

from collections.abc import Collection, Iterator
from typing import Protocol

from eisync.core.model import Page, RemoteSample
from eisync.core.wire import Envelope, UploadReply


class Loop(Protocol):
    """One of the steps. `tick` does one bounded piece of work."""

    name: str

    def tick(self, now: float) -> float:
        """Work, and return the seconds until the next tick is wanted (0: at once)."""

    def stop(self, now: float) -> None:
        """Begin nothing new. Safe to repeat; ticks go on until `is_done`."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is under way that should end before the process does."""


class Uploads(Protocol):
    """A target's ingestion service. Raises FileError or ConfigurationError; then nothing was stored."""

    def upload(self, envelope: Envelope) -> UploadReply: ...
    def project_id(self) -> int: ...
    def forget_project(self) -> None: ...


class Coming(Protocol):
    """A page that was asked for. `page` waits for it, and raises what came instead.

    `next_before_id` waits too, and is quick: it guesses the id below which the next page goes on, if it can. It may
    be wrong. `follow` asks for that next page as soon as this one is there.
    """

    def follow(self) -> "Coming": ...
    def next_before_id(self) -> int | None: ...
    def page(self) -> Page: ...


class ProjectService(Protocol):
    """A target's samples. Raises KeyRefusedError, StudioError or TransitError.

    `ahead` asks for a page and does not wait for it.
    """

    def project_id(self) -> int: ...
    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Page: ...
    def ahead(self, *, limit: int, before_id: int | None = None, from_id: int | None = None) -> Coming: ...
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
    """Takes requests for passes over the projects. Safe to use from any thread."""

    def ask_pass(self, *, sweeps: bool = False, pretends: bool = False) -> int: ...
    def report(self, ticket: int) -> list[dict[str, object]] | None: ...


MOST_TOLD = 16
"""Of more files than these that enter or arrive at once, a line says how many, and each has its own at debug: where
thousands a second arrive, journals drop lines, and among them those of a file that was refused."""


class Log(Protocol):
    """structlog's bound logger, as far as the loops use it."""

    def debug(self, event: str, **fields: object) -> object: ...
    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...
    def error(self, event: str, **fields: object) -> object: ...
    def exception(self, event: str, **fields: object) -> object: ...
