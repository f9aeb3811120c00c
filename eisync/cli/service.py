"""`eisync service`: have the service manager of this system run eisync for this user."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from eisync.adapters import clock
from eisync.cli import OK
from eisync.cli.options import common, key_file
from eisync.cli.output import complain, say, say_json
from eisync.errors import ConfigurationError

if TYPE_CHECKING:  # it imports what asks the network
    from eisync.app.service import ServiceStatus


@click.group("service")
def command() -> None:
    """Have this system run eisync for you: a unit of your own systemd (Linux), a launchd agent (macOS), or a scheduled
    task (Windows).

    It starts when you log in, and again if it fails. For a gateway, use the unit of the system instead.
    """


@command.command("install")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@key_file
@click.option("--dry-run", is_flag=True, help="Print what would be written and run, and do nothing.")
def install(
    dirs: tuple[str, ...], config: str | None, state_dir: str | None, api_key_file: str | None, dry_run: bool
) -> None:
    """Install and start the service: 'eisync run' with the folders DIR, or those of the configuration.

    Checks first that the service will find the configuration, the folders and a key: it sees no variable of this shell,
    so EI_API_KEY is not enough, and no key is written into its file. Run it again after a change of DIR or FILE. If the
    service manager refuses, nothing is left half installed.

    \b
    Exit code 0   it is installed and started
              1   the service manager refuses; the message says why
              75  something else runs on the state folder
              78  the configuration is wrong, or the service would have no key
    """
    from eisync.app import service as services  # here, so that `--help` imports no network

    request = services.ServiceRequest(dirs=dirs, config=config, state_dir=state_dir, key_file=api_key_file)
    prepared = services.prepare(request)
    definition = prepared.definition
    if dry_run:
        say(f"{definition.path} would be:", "")
        encoding = "utf-16" if definition.content.startswith(b"\xff\xfe") else "utf-8"
        say(*definition.content.decode(encoding).rstrip("\n").split("\n"), "", "Then these would be run:")
        say(*(f"  {' '.join(one.argv)}" for one in definition.load))
        return
    if services.install(prepared):
        say(f"Wrote {definition.path}, and started it ({definition.manager}).")
    else:
        say(f"{definition.path} is installed already, and {definition.manager} runs it.")
    say(*definition.notes, f"Its log: {definition.log}", "Next: eisync service status")


@command.command("uninstall")
@common
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and do nothing.")
def uninstall(config: str | None, state_dir: str | None, dry_run: bool) -> None:
    """Stop the service and remove what 'eisync service install' wrote. Recordings, configuration, key and state stay.

    \b
    Exit code 0   it is removed, or there was none
              1   the service manager refuses; the message says why
    """
    from eisync.app import service as services  # here, so that `--help` imports no network

    request = services.ServiceRequest(config=config, state_dir=state_dir)
    found = services.look(request) if dry_run else services.uninstall(request)
    path = found.definition.path
    if found.is_foreign:
        say(f"{path} was not written by 'eisync service install', so it is left alone.")
    elif found.installed is None:
        say("No service is installed.")
    elif dry_run:
        say(f"{path} would be removed, after:", *(f"  {' '.join(one.argv)}" for one in found.definition.unload))
    else:
        say(
            f"Stopped the service, and removed {path}.",
            "Recordings, configuration, key and state stay: 'eisync service install' goes on from there.",
        )


@command.command("status")
@common
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def status(config: str | None, state_dir: str | None, as_json: bool) -> int:
    """Show whether the service is installed and runs, since when, with which configuration and folders.

    \b
    Exit code 0   it runs
              3   it is installed and does not run
              4   it is not installed
    """
    from eisync.app import service as services  # here, so that `--help` imports no network

    found = services.status(services.ServiceRequest(config=config, state_dir=state_dir))
    say_json(asdict(found), indent=2) if as_json else say(*_lines(found))
    return found.exit_code


def _lines(found: "ServiceStatus") -> Iterator[str]:
    is_it = "is installed" if found.is_installed else "is not installed"
    yield f"The service {is_it} ({found.manager}: {found.path})."
    if found.trouble is not None:
        yield f"  {found.trouble}"
    if found.pid is not None:
        since = "" if found.since_at is None else f" since {clock.as_text(found.since_at)}"
        yield f"  runs            as process {found.pid}{since}"
    elif found.is_installed:
        yield f"  runs            no{'; the service manager says that it does' if found.is_loaded else ''}"
    yield f"  configuration   {found.config or 'none'}"
    yield f"  state folder    {found.state_dir}"
    yield from (f"  watches         {folder}" for folder in found.folders)
    if found.sentence is not None:
        yield f"  files           {found.sentence}"
    yield f"Next: {found.next}"


@command.command("run", hidden=True)
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@key_file
@click.option("--log-file", metavar="FILE", required=True, help="Where to write what is printed.")
@click.pass_context
def run(
    context: click.Context,
    dirs: tuple[str, ...],
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
    log_file: str,
) -> int:
    """Run as launchd and the Task Scheduler start it: as 'eisync run', with a log in FILE. Both start eisync again when
    it ends with an error, so it ends with 0 where a person must correct the configuration first.
    """
    from eisync.adapters.log_file import LogFile
    from eisync.cli import run as daemon

    sys.stdout = sys.stderr = LogFile(log_file)
    try:
        context.invoke(daemon.command, dirs=dirs, config=config, state_dir=state_dir, api_key_file=api_key_file)
    except ConfigurationError as error:
        complain(*error.faults, "eisync ended: correct this, then start the service again.")
    return OK
