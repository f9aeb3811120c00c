"""The options that every command has, and requests to the daemon, or to the database itself when no daemon runs."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from eisync import paths
from eisync.cli import PENDING
from eisync.errors import EisyncError

if TYPE_CHECKING:  # pydantic takes its time, and most commands need no settings
    from eisync.settings import Settings, Target

_Command = TypeVar("_Command", bound=Callable[..., Any])


def common(command: _Command) -> _Command:
    """Add `--config` and `--state-dir`."""
    command = click.option("--state-dir", metavar="DIR", help="The state folder.")(command)
    return click.option("--config", metavar="FILE", help="The configuration file (TOML).")(command)


def common_unused(command: _Command) -> _Command:
    """Accept the same options for a verb that needs neither, so that every command line may have them."""
    command = click.option("--state-dir", metavar="DIR", hidden=True, expose_value=False)(command)
    return click.option("--config", metavar="FILE", hidden=True, expose_value=False)(command)


def key_file(command: _Command) -> _Command:
    """Add `--api-key-file`. There is no option for the key itself: command lines are world-readable."""
    return click.option("--api-key-file", metavar="FILE", help="A file that holds the API key and nothing else.")(
        command
    )


def label_flags(command: _Command) -> _Command:
    """Add the options that say how files are labelled, and pass them on as `labels`."""

    @wraps(command)
    def wrapped(
        *arguments: Any,
        label: str | None,
        category: str | None,
        metadata: Sequence[str],
        annotations: str | None,
        **more: Any,
    ) -> Any:
        from eisync.settings.arguments import LabelFlags, metadata_of  # here, so that `--help` does not import it

        try:
            split = {name: more.pop(flag) for flag, name in _SPLIT_FLAGS.items()}
            labels = LabelFlags(
                label=label,
                category=category,
                metadata=metadata_of(metadata),
                annotations=annotations,
                split={name: value for name, value in split.items() if value is not None},
            )
        except ValueError as error:
            raise click.UsageError(f"--metadata: {error}") from None
        return command(*arguments, labels=labels, **more)

    labelled: Callable[..., Any] = wrapped
    for option in _label_options():
        labelled = option(labelled)
    return cast("_Command", labelled)


def _label_options() -> Sequence[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    return (
        click.option("--annotations", metavar="FORMAT", help="auto, none or a format, as `annotations` in [[watch]]."),
        click.option("--validation", type=float, metavar="PERCENT", help="How much of a split is for validation."),
        click.option("--testing", type=float, metavar="PERCENT", help="How much of a split is for testing."),
        click.option(
            "--split-by",
            metavar="NAME",
            help="Divide groups of files among training and testing, as `by` in [watch.split].",
        ),
        click.option(
            "--metadata",
            multiple=True,
            metavar="NAME=TEXT",
            help="Metadata for every file, as `metadata` in [[watch]]. Can be given several times.",
        ),
        click.option("--category", metavar="NAME", help="The category, as `category` in [[watch]]."),
        click.option("--label", metavar="TEXT", help="infer, folder, sdk, none or a label, as `label` in [[watch]]."),
    )


_SPLIT_FLAGS = {"split_by": "by", "testing": "testing", "validation": "validation"}


def target_of(settings: "Settings", name: str | None) -> "Target":
    """Return the target of that name, or the only one. Raises UsageError."""
    names = [target.name for target in settings.targets]
    if name is None and len(names) > 1:
        raise click.UsageError(f"there are several targets: name one with --target: {', '.join(names)}")
    if name is not None and name not in names:
        raise click.UsageError(f"there is no target {name!r}; there is {', '.join(names)}")
    return settings.target(name or names[0])


def ask(question: Mapping[str, Any], *, config: str | None, state_dir: str | None) -> Iterator[dict[str, Any]]:
    """Yield the answer, record by record: from the process that holds the state folder, or else from the database.

    Raises DaemonUnreachableError when a process holds the folder but does not answer.
    """
    folder = paths.state_dir(state_dir, config=config)
    answer = _answer_of_process(folder, question)
    if answer is not None:
        yield from answer
    elif os.path.exists(database := os.path.join(folder, "eisync.db")):
        if not os.access(database, os.R_OK):
            from eisync.control import local_socket
            from eisync.errors import ConfigurationError

            raise ConfigurationError(
                f"no daemon runs, and without one: {local_socket.why_refused(folder, by_group=False)}"
            )
        yield from _answer_from_database(folder, question)
    elif question["do"] == "status":
        yield {**_NOTHING, "sentence": f"Nothing to show yet: no folder was watched with the state folder {folder}."}


def _answer_of_process(folder: str, question: Mapping[str, Any]) -> Iterator[dict[str, Any]] | None:
    """Return the answer of the process that holds the state folder; None if there is none."""
    from eisync.control import local_socket  # here, so that `--help` imports neither
    from eisync.errors import DaemonUnreachableError

    answer = local_socket.ask(folder, question)
    if answer is None or question["do"] not in _READ_ONLY:
        return answer
    try:
        # The whole answer is received before its first record. If that fails, nothing was printed yet.
        first = next(answer, None)
    except DaemonUnreachableError:
        again = local_socket.ask(folder, question)
        if again is None:
            return None  # the process ended, as 'eisync once' does: now the database answers
        return again
    return answer if first is None else itertools.chain([first], answer)


_READ_ONLY = frozenset(
    {"status", "files", "classes", "watched", "known", "history", "plan", "actions", "action", "groups", "sent"}
)


_NOTHING: dict[str, Any] = {
    "exit_code": PENDING,
    "counts": {},
    "unreadable_folders": 0,
    "not_in_last_listing": 0,
    "reasons": [],
    "more_reasons": 0,
    "more_files": 0,
    "oldest_pending_s": None,
    "last_synced_s": None,
    "roots": [],
    "targets": [],
    "plans": [],
    "daemon": None,
}


def _answer_from_database(folder: str, question: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    from eisync.adapters import clock
    from eisync.control import local_socket
    from eisync.control.operations import Operations
    from eisync.errors import DaemonUnreachableError, StateBusyError
    from eisync.store.actions import ActionStore
    from eisync.store.database import open_database
    from eisync.store.index import Index
    from eisync.store.outbox import Outbox

    try:
        database, _ = open_database(folder, exclusive=False)
    except StateBusyError as error:
        # A starting daemon holds the folder a moment before it listens.
        answer = local_socket.ask(folder, question)
        if answer is None:
            raise DaemonUnreachableError(f"{error}, but its socket does not answer") from error
        yield from answer
        return
    try:
        yield from Operations(Outbox(database), Index(database), ActionStore(database), now=clock.now).answer(question)
    finally:
        with suppress(EisyncError):
            database.close()
