"""Run checks side by side. One that fails or hangs costs no other."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from eisync.adapters import clock
from eisync.adapters.process import apart
from eisync.core.doctor.finding import Finding, Verdict, not_checked
from eisync.core.text import one_line
from eisync.errors import EisyncError

_T = TypeVar("_T")


class Job:
    """Checks that are made one after the other, in a thread of their own that begins at once."""

    def __init__(
        self,
        check: str,
        about: str,
        make: Callable[[], Iterable[Finding]],
        *,
        within_s: float,
        hung: Finding | None = None,
    ) -> None:
        """`make` yields the findings. `hung` is the finding when they are not complete in time."""
        self._found: list[Finding] = []
        self._check, self._about, self._make = check, about, make
        self._within_s = within_s
        self._ends_at = clock.monotonic() + within_s
        self._hung = hung or not_checked(check, f"it was not done within {within_s:.0f} s", about=about)
        self._work = apart(self._run)

    def findings(self) -> Iterator[Finding]:
        """Yield what was found, waiting for the rest of the time at most."""
        error: BaseException | None
        try:
            error = self._work.exception(timeout=max(0.0, self._ends_at - clock.monotonic()))
        except TimeoutError:
            yield from [*self._found, self._hung]
            return
        yield from self._found
        if error is not None:
            yield not_checked(self._check, _why(error), about=self._about)

    def is_fine(self) -> bool:
        """Wait, and return whether everything was checked without a fault."""
        found = list(self.findings())
        return (
            self._work.done()
            and self._work.exception() is None
            and not any(one.verdict is Verdict.FAULT for one in found)
        )

    def _run(self) -> None:
        for one in self._make():
            self._found.append(one)


def waited(work: Future[_T], within_s: float) -> _T | None:
    """Return the result of other work; None when it is not there in time, or failed."""
    try:
        return None if work.exception(timeout=within_s) is not None else work.result()
    except TimeoutError:
        return None


def _why(error: BaseException) -> str:
    if isinstance(error, EisyncError):
        return one_line(str(error))
    if isinstance(error, OSError):
        return one_line(error.strerror or str(error))
    return f"the check failed, which is a fault of eisync: please report {type(error).__name__}: {one_line(str(error))}"
