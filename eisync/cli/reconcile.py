"""`eisync reconcile`: compare with the service now, and say what was found."""

import json
import threading
from typing import Any

import click

from eisync import places
from eisync.cli import OK
from eisync.cli.options import common, key_file, printable

ASK_EVERY_S = 0.2
SHOWN_DETAILS = 20


@click.command("reconcile")
@click.option("--sweep", is_flag=True, help="List everything, though nothing says that more than new samples changed.")
@click.option("--dry-run", is_flag=True, help="Compare, and write nothing down.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object a target.")
@common
@key_file
def command(
    sweep: bool, dry_run: bool, as_json: bool, config: str | None, state_dir: str | None, api_key_file: str | None
) -> int:
    """Compare the index with what the service lists, now.

    A running daemon does it; without one this command does. Nothing is deleted, here or there: a file whose samples
    were deleted becomes a tombstone after two complete sweeps and a question for each sample.
    """
    folder = places.state_dir(state_dir, config=config)
    wish = {"sweep": sweep, "dry_run": dry_run}
    found = _ask_daemon(folder, wish) or _do(wish, config, state_dir, api_key_file)
    for target in found:
        click.echo(json.dumps(target) if as_json else "\n".join(_lines(target, dry_run)))
    return next((target["exit_code"] for target in found if target["exit_code"]), OK)


def _ask_daemon(folder: str, wish: dict[str, bool]) -> list[dict[str, Any]] | None:
    from eisync.control import door  # here, so that `--help` does not import it

    answer = door.ask(folder, {"do": "reconcile", **wish})
    if answer is None:
        return None
    [ticket] = answer
    pause = threading.Event()
    while (answer := door.ask(folder, {"do": "reconciled", **ticket})) is not None:
        [report] = answer
        if report["targets"] is not None:
            found: list[dict[str, Any]] = report["targets"]
            return found
        pause.wait(ASK_EVERY_S)  # until it is done, or the daemon ends
    return None


def _do(
    wish: dict[str, bool], config: str | None, state_dir: str | None, api_key_file: str | None
) -> list[dict[str, Any]]:
    from eisync.adapters import clock
    from eisync.app import build
    from eisync.errors import ConfigurationError
    from eisync.log import configure
    from eisync.settings import load

    settings = load(config=config, state_dir=state_dir, api_key_file=api_key_file, need_watch=False)
    app = build(settings, log=configure(level="none", style=settings.log.format), listen=False)
    try:
        if app.reconciler is None:
            raise ConfigurationError("reconcile.enabled is false; nothing is compared")
        ticket = app.reconciler.ask_pass(sweeps=wish["sweep"], pretends=wish["dry_run"])
        while (report := app.reconciler.report(ticket)) is None:
            app.reconciler.tick(clock.now())
        return report
    finally:
        app.close()


def _lines(target: dict[str, Any], dry_run: bool) -> list[str]:
    name = target["target"]
    if target["trouble"]:
        return [f"target {name}: not compared with the service: {printable(target['trouble'])}"]
    how = f"everything was listed ({target['why']})" if target["swept"] else "new samples were listed"
    would = "would be " if dry_run else ""
    counts = {
        f"{would}learned": target["learned"],
        "edited there": target["changed"],
        "not listed any more": target["unlisted"],
        "there again": target["returned"],
        f"{would}adopted": target["adopted"],
        "files buried": target["buried"],
    }
    told = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number) or "nothing changed"
    lines = [f"target {name}: {how}, {target['listed']:,} samples: {told}"]
    lines += [f"  {printable(detail)}" for detail in target["details"][:SHOWN_DETAILS]]
    if len(target["details"]) > SHOWN_DETAILS:
        lines.append("  … '--json' has more of them")
    return lines
