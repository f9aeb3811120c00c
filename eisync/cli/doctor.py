"""`eisync doctor`: find out why it does not sync."""

from collections.abc import Iterator

import click

from eisync._version import __version__
from eisync.cli.options import common, key_file
from eisync.cli.output import say, say_json
from eisync.cli.progress import Progress
from eisync.core.doctor.finding import Finding, Verdict, conclusion, counts, exit_code


@click.command("doctor")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@key_file
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def command(
    dirs: tuple[str, ...], config: str | None, state_dir: str | None, api_key_file: str | None, as_json: bool
) -> int:
    """Check everything that uploads need, and say what to do about what is wrong: configuration, key, project, clock,
    names, connection, certificate, proxy, folders, rights, file events, disks, database, limits, the service's
    sandbox.

    Checks the folders DIR, or else those of the running eisync, or those of the configuration. Sends no file and
    changes nothing. Works with and without a running eisync. Each check is ok, a warning, a fault, or not checked with
    the reason. One that hangs is given up after some seconds and costs no other.

    \b
    Exit code 0   no fault; there may be warnings
              3   a fault needs a person
              77  a key is refused
              78  the configuration is wrong, or there is no key

    When several apply, the code is the highest.
    """
    from eisync.app.doctor.examination import Wanted, examine  # here, so that `--help` imports no network

    found, progress = [], Progress(prints=not as_json)
    for one in examine(Wanted(config=config, state_dir=state_dir, dirs=dirs, api_key_file=api_key_file)):
        found.append(one)
        progress.show(len(found), None, "checks made")
        if not as_json:
            say(*_lines(one))
    progress.end()
    if as_json:
        say_json(
            {
                "eisync": __version__,
                "exit_code": exit_code(found),
                "sentence": conclusion(found),
                "counts": counts(found),
                "checks": [_record(one) for one in found],
            },
            indent=2,
        )
    else:
        say("", conclusion(found))
    return exit_code(found)


_WIDTH = max(len(verdict.value) for verdict in Verdict)


def _lines(finding: Finding) -> Iterator[str]:
    about = f" {finding.about}" if finding.about else ""
    yield f"{finding.verdict.value:<{_WIDTH}}  {finding.check}{about}: {finding.sentence}"
    if finding.remedy:
        yield f"{'':<{_WIDTH}}    do: {finding.remedy}"


def _record(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "about": finding.about,
        "verdict": finding.verdict.value,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
    }
