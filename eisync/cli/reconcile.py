"""`eisync reconcile`: compare with the service now, and print the differences.

The running daemon makes the pass, or this process when no daemon runs. While `eisync once` runs, the pass waits until
it has ended.
"""

import threading
from collections.abc import Sequence
from typing import Any

import click

from eisync import paths
from eisync.cli import OK
from eisync.cli.options import common, key_file
from eisync.cli.output import say, say_json
from eisync.cli.progress import Progress

ASK_EVERY_S = 0.2


def run_pass(
    *,
    sweep: bool = False,
    dry_run: bool = False,
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
) -> list[dict[str, Any]]:
    """Compare with the service now, and carry out the decisions. Return the findings, one record for each target.

    Raises ConfigurationError when reconciliation is off.
    """
    pass_request = {"sweep": sweep, "dry_run": dry_run}
    folder = paths.state_dir(state_dir, config=config)
    return _ask_daemon(folder, pass_request) or _run_here(pass_request, config, state_dir, api_key_file)


def _ask_daemon(folder: str, pass_request: dict[str, bool]) -> list[dict[str, Any]] | None:
    from eisync.control import local_socket  # here, so that `--help` does not import it

    answer = local_socket.ask(folder, {"do": "reconcile", **pass_request})
    if answer is None:
        return None
    [ticket] = answer
    pause = threading.Event()
    with Progress() as progress:
        while (answer := local_socket.ask(folder, {"do": "reconciled", **ticket})) is not None:
            [report] = answer
            if report["targets"] is not None:
                found: list[dict[str, Any]] = report["targets"]
                return found
            _show(progress, report.get("listing"))
            pause.wait(ASK_EVERY_S)  # ask again until the pass is done or the daemon ends
    return None


def _show(progress: Progress, listing: Sequence[int] | None) -> None:
    if listing is None:
        progress.show_wait("Comparing and carrying out")
    else:
        listed, total = listing
        progress.show(listed, total, "samples listed")


def _run_here(
    pass_request: dict[str, bool], config: str | None, state_dir: str | None, api_key_file: str | None
) -> list[dict[str, Any]]:
    from eisync.adapters import clock
    from eisync.app.machine import build
    from eisync.errors import ConfigurationError
    from eisync.log import configure
    from eisync.settings import load

    settings = load(config=config, state_dir=state_dir, api_key_file=api_key_file, need_watch=False)
    app = build(settings, log=configure(level="none", style=settings.log.format), listen=False, verb="reconcile")
    try:
        app.answer_meanwhile()
        if app.reconciler is None:
            raise ConfigurationError("reconcile.enabled is false; nothing is compared")
        ticket = app.reconciler.ask_pass(sweeps=pass_request["sweep"], dry_run=pass_request["dry_run"])
        with Progress() as progress:
            while (report := app.reconciler.report(ticket)) is None:
                app.reconciler.tick(clock.now())
                app.beat()
                if progress.is_due():
                    _show(progress, app.index.records.listing())
        return report
    finally:
        app.close()


SHOWN_DETAILS = 20


@click.command("reconcile")
@click.option("--sweep", is_flag=True, help="List all samples, even when only new ones seem to have changed.")
@click.option("--dry-run", is_flag=True, help="Compare and show what would be done, without changing anything.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per target.")
@common
@key_file
def command(
    sweep: bool, dry_run: bool, as_json: bool, config: str | None, state_dir: str | None, api_key_file: str | None
) -> int:
    """Compare with the project now, and do what the folders' settings ask for.

    A running daemon does this; without one, this command does. A file becomes a tombstone when two complete listings do
    not have its samples and the service confirms that each is gone. Nothing is deleted, here or in the project, unless
    a setting says so, and only a little at once: 'eisync plan' shows what waits for your approval.
    """
    found = run_pass(sweep=sweep, dry_run=dry_run, config=config, state_dir=state_dir, api_key_file=api_key_file)
    for target in found:
        say_json(target) if as_json else say(*_lines(target, dry_run))
    return next((target["exit_code"] for target in found if target["exit_code"]), OK)


def _lines(target: dict[str, Any], dry_run: bool) -> list[str]:
    name = target["target"]
    if target["trouble"]:
        return [f"target {name}: not compared with the service: {target['trouble']}"]
    how = f"all samples were listed ({target['why']})" if target["swept"] else "new samples were listed"
    would = "would be " if dry_run else ""
    counts = {
        f"{would}learned": target["learned"],
        "edited in the project": target["changed"],
        "no longer listed": target["unlisted"],
        "listed again": target["returned"],
        f"{would}adopted": target["adopted"],
        "files with deleted samples": target["tombstoned"],
        f"{would}done by the folders' settings": target["done"],
        "undone": target["undone"],
        "would wait for your approval" if dry_run else "waiting for your approval": target["waiting"],
    }
    changes = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number) or "nothing changed"
    lines = [f"target {name}: {how}, {target['listed']:,} samples: {changes}"]
    lines += [f"  {detail}" for detail in target["details"][:SHOWN_DETAILS]]
    if len(target["details"]) > SHOWN_DETAILS:
        lines.append("  … '--json' lists the rest")
    return lines
