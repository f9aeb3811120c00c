"""`eisync selftest`: ask a live project what the wire contract says, or try the promises on this machine."""

import itertools
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from eisync._version import __version__
from eisync.adapters import clock
from eisync.adapters.client.service import transport_to
from eisync.app.loops import USER_AGENT, endpoints_of, service_of
from eisync.cli import OK, PENDING, QUARANTINED, UNEXPECTED
from eisync.cli.options import common, key_file, target_of
from eisync.cli.output import is_yes, say, say_json
from eisync.cli.progress import Progress
from eisync.errors import ConfigurationError, KeyRefusedError, StudioError, UnansweredError
from eisync.paths import absolute
from eisync.selftest import journal
from eisync.selftest.checks import CHECKS
from eisync.selftest.client import Address, Client
from eisync.selftest.contents import Contents
from eisync.selftest.journal import Journal
from eisync.selftest.model import SilenceError, StoppedError
from eisync.selftest.probe import Probe
from eisync.selftest.report import Report, removal_lines
from eisync.selftest.run import Run, clear, not_asked
from eisync.selftest.torture.account import Figures
from eisync.selftest.torture.trials import Asked, torture
from eisync.settings import Settings, load

_TOKEN_BYTES = 6
_ABOUT_SAMPLES = 100
_ABOUT_MINUTES = 5


@click.command("selftest")
@click.option("--target", "target_name", metavar="NAME", help="The target to ask, when the configuration has several.")
@click.option("--yes", is_flag=True, help="Do not ask before samples are uploaded: for scripts.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object, for a bug report.")
@click.option("--torture", "folder", metavar="DIR", help="Try eisync's promises on the disk of this folder instead.")
@click.option(
    "--files", type=click.IntRange(10, 100_000), default=300, show_default=True, help="With --torture: how many files."
)
@click.option(
    "--kills",
    type=click.IntRange(1, 10_000),
    default=12,
    show_default=True,
    help="With --torture: how often the daemon is killed.",
)
@click.option("--seed", type=click.IntRange(0), metavar="N", help="With --torture: the same moments and faults again.")
@common
@key_file
def command(
    target_name: str | None,
    yes: bool,
    as_json: bool,
    folder: str | None,
    files: int,
    kills: int,
    seed: int | None,
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
) -> int:
    """Ask a live project what eisync relies on, and remove everything again.

    About 100 tiny samples with a label and names of their own are uploaded, asked about and removed, in about five
    minutes. No other sample is changed or deleted. Ctrl-C ends the questions and removes what was uploaded; what a
    killed run left is removed by the next one. The key must be allowed to delete.

    With --torture, no project is asked: eisync runs against an emulator in a folder made below DIR, is killed again and
    again, loses answers and, where a small disk may be mounted, room. The figures are printed, and the folder removed.

    \b
    Exit code 0   nothing contradicts the contract, and every sample was removed; every promise was kept
              1   the project contradicts the contract, or a promise was broken: please report it, with --json
              3   a sample could not be removed: what to do is printed
              4   it ended early: run it again
             73   the folder of --torture cannot be used
             77   the key is refused
    """
    if folder is not None:
        if target_name is not None or yes:
            raise click.UsageError("--torture asks no project: leave out --target and --yes")
        seed = secrets.randbits(31) if seed is None else seed
        return _torture(Asked(folder=absolute(folder), files=files, kills=kills, seed=seed), as_json=as_json)
    settings = load(config=config, state_dir=state_dir, api_key_file=api_key_file, need_watch=False)
    return _ask_project(settings, target_of(settings, target_name).name, yes=yes, as_json=as_json)


def _ask_project(settings: Settings, target: str, *, yes: bool, as_json: bool) -> int:
    stop, hurry = _on_signals()
    with _connected(settings, target, stop) as project:
        _agree(project, yes=yes)
        state = str(settings.state.dir)
        is_cleared = _clear_leftovers(project, state, hurry)
        report = _ask(project, state, hurry)
    say_json(report.record()) if as_json else say(*report.lines())
    if not report.removal.is_complete or not is_cleared:
        return QUARANTINED
    if report.reason:
        return PENDING
    return UNEXPECTED if report.has_contradictions else OK


@dataclass(frozen=True, slots=True)
class _Project:
    """The project that is asked."""

    client: Client
    name: str
    stop: threading.Event

    def probe(self, kept: Journal) -> Probe:
        """Return what the run of this journal asks with."""
        contents = Contents(secrets.randbits(32))
        return Probe(self.client, kept, contents, wait=self.stop.wait, monotonic=clock.monotonic)


@contextmanager
def _connected(settings: Settings, name: str, stop: threading.Event) -> Iterator[_Project]:
    """Connect to the project of the target, and check its key. Raises KeyRefusedError, StudioError or TransitError."""
    service = service_of(settings, name)
    try:
        project_id = service.project_id()
    finally:
        service.close()
    endpoints = endpoints_of(settings, name)
    transport = transport_to(endpoints, user_agent=USER_AGENT)
    address = Address(
        studio_url=endpoints.studio_url,
        ingestion_url=endpoints.ingestion_url,
        project_id=project_id,
        timeout_s=(endpoints.connect_timeout_s, endpoints.timeout_s),
    )
    client = Client(transport, address, settings.key_source(name).read, is_stopped=stop.is_set)
    try:
        yield _Project(client, _name_of(client), stop)
    except SilenceError as error:
        raise UnansweredError(str(error)) from None
    except StoppedError:
        raise click.Abort from None
    finally:
        transport.close()


def _name_of(client: Client) -> str:
    """Return the name of the project. Raises KeyRefusedError where the key's role cannot remove samples."""
    info = client.studio("GET", "/api/projects/api-key-info")
    role = None if info.content is None else info.content.get("role")
    if role not in (None, "admin"):
        raise KeyRefusedError(
            f"the key has the role {role}; a self-test removes what it uploads, which takes an admin key. "
            "Nothing was sent"
        )
    shown = client.studio("GET", f"/api/{client.address.project_id}")
    if not shown.is_success or shown.content is None:
        raise StudioError(f"the project cannot be read: {shown.refusal}", status=shown.status)
    return str(shown.content["project"]["name"])


def _agree(project: _Project, *, yes: bool) -> None:
    """Raise Abort for a no, UsageError where there is no terminal to ask in."""
    address = project.client.address
    say(
        f"Project {address.project_id} ({project.name}) at {address.studio_url}:",
        f"about {_ABOUT_SAMPLES} tiny samples labelled {journal.RUN_PREFIX}… are uploaded, asked about and removed, "
        f"in about {_ABOUT_MINUTES} minutes.",
        "No other sample is changed or deleted.",
        err=True,
    )
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("a self-test uploads into the project: run it in a terminal, or agree with --yes")
    if not is_yes("Go on?"):
        raise click.Abort


def _clear_leftovers(project: _Project, folder: str, hurry: threading.Event) -> bool:
    """Remove what killed runs left in this project. Returns whether nothing is left of them."""
    address = project.client.address
    is_cleared = True
    for kept in journal.leftovers(folder):
        try:
            record = kept.record
            if (record.studio_url, record.project_id) != (address.studio_url, address.project_id):
                say(f"An earlier self-test left samples in project {record.project_id}: run it there again.", err=True)
                continue
            removal, _ = clear(project.probe(kept), kept, hurry)
            project.client.is_stopped = project.stop.is_set
            is_cleared &= removal.is_complete
            say(f"An earlier self-test was killed ({record.token}):", *removal_lines(removal), err=True)
        finally:
            kept.close()
    return is_cleared


def _ask(project: _Project, folder: str, hurry: threading.Event) -> Report:
    began = clock.monotonic()
    address = project.client.address
    token = f"{journal.RUN_PREFIX}{secrets.token_hex(_TOKEN_BYTES)}"
    kept = journal.begin(folder, token, studio_url=address.studio_url, project_id=address.project_id)
    run = Run(project.probe(kept), kept, hurry)
    try:
        with Progress(at_once=True) as progress:
            run.conduct(CHECKS, tell=lambda done: progress.show(done, len(CHECKS), "checks"))
    finally:
        kept.close()
    return Report(
        version=__version__,
        results=not_asked(CHECKS, run.results, run.reason),
        removal=run.removal,
        reason=run.reason,
        requests=project.client.requests,
        seconds=clock.monotonic() - began,
    )


def _torture(asked: Asked, *, as_json: bool) -> int:
    try:
        from eisync.emulator.server import running_emulator
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"the trial needs {error.name}: pip install 'eisync[emulator]'") from error
    stop, _ = _on_signals()
    if not as_json:
        say(f"seed {asked.seed}, in a folder of its own below {asked.folder}")
    told = itertools.count(1)

    def tell(one: Figures) -> None:
        progress.show(next(told), None, "steps")
        if not as_json:
            say(one.line())

    with Progress(prints=not as_json) as progress:
        outcome = torture(asked, running_emulator, wait=stop.wait, tell=tell)
    if as_json:
        say_json(outcome.record())
    elif outcome.place:
        say(f"The logs stay in {outcome.place}. Please report this with --seed {asked.seed}.")
    if outcome.is_broken:
        return UNEXPECTED
    return PENDING if outcome.is_stopped else OK


def _on_signals() -> tuple[threading.Event, threading.Event]:
    """Return an event that the first signal sets, and one that the next signal sets."""
    stop, hurry = threading.Event(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: (hurry if stop.is_set() else stop).set())
    return stop, hurry
