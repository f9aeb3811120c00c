"""How far a long call is, on stderr: rich's bar where rich is installed, a plain line otherwise."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

Progress = Callable[[int, int], None]
"""Called with how many are done, and of how many."""

Advance = Callable[[int], None]


@contextmanager
def counting(total: int, what: str, *, show: bool | None, progress: Progress | None) -> Iterator[Advance]:
    """A function to call with how many more are done, from any thread. `what` is shown to a person."""
    done = 0
    lock = threading.Lock()
    bar = _bar(total, what) if show else nullcontext(_draw_nothing)
    with bar as draw:

        def advance(number: int) -> None:
            nonlocal done
            with lock:
                done += number
                draw(done)
                if progress is not None:
                    progress(done, total)

        yield advance


def _draw_nothing(done: int) -> None:
    pass


def _bar(total: int, what: str) -> AbstractContextManager[Advance]:
    try:
        import rich.progress  # noqa: F401 (is it there?)
    except ImportError:
        return _line(total, what, sys.stderr)
    return _rich_bar(total, what)


@contextmanager
def _rich_bar(total: int, what: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def _line(total: int, what: str, stream: TextIO) -> Iterator[Advance]:
    """Rewritten in place on a terminal; elsewhere a line each tenth, so that a log stays short."""
    is_terminal = stream.isatty()
    shown_tenth = 0

    def draw(done: int) -> None:
        nonlocal shown_tenth
        tenth = 10 * done // total if total else 10
        if is_terminal or tenth > shown_tenth:
            shown_tenth = tenth
            text = f"{what}: {done} of {total} ({100 * done // total if total else 100} %)"
            print(text, end="\r" if is_terminal else "\n", file=stream, flush=True)

    yield draw
    if is_terminal:
        print(file=stream, flush=True)
