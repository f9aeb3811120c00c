"""`eisync reconcile`: compare with the service now, and say what was found."""

from typing import Any

import click

from eisync.cli import OK
from eisync.cli.options import common, key_file
from eisync.cli.output import say, say_json
from eisync.cli.passing import run_pass

SHOWN_DETAILS = 20


@click.command("reconcile")
@click.option("--sweep", is_flag=True, help="List everything, though nothing says that more than new samples changed.")
@click.option("--dry-run", is_flag=True, help="Compare, and say what would be done; nothing is written down.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object a target.")
@common
@key_file
def command(
    sweep: bool, dry_run: bool, as_json: bool, config: str | None, state_dir: str | None, api_key_file: str | None
) -> int:
    """Compare the index with what the service lists, now, and do what the folders' policies ask for.

    A running daemon does it; without one this command does. A file whose samples were deleted becomes a tombstone after
    two complete sweeps and a question for each sample. Nothing is deleted, here or there, where no policy says so, and
    not much at once: 'eisync plan' shows what waits for your yes.
    """
    found = run_pass(sweep=sweep, dry_run=dry_run, config=config, state_dir=state_dir, api_key_file=api_key_file)
    for target in found:
        say_json(target) if as_json else say(*_lines(target, dry_run))
    return next((target["exit_code"] for target in found if target["exit_code"]), OK)


def _lines(target: dict[str, Any], dry_run: bool) -> list[str]:
    name = target["target"]
    if target["trouble"]:
        return [f"target {name}: not compared with the service: {target['trouble']}"]
    how = f"everything was listed ({target['why']})" if target["swept"] else "new samples were listed"
    would = "would be " if dry_run else ""
    counts = {
        f"{would}learned": target["learned"],
        "edited there": target["changed"],
        "not listed any more": target["unlisted"],
        "there again": target["returned"],
        f"{would}adopted": target["adopted"],
        "files buried": target["buried"],
        f"{would}done as the policies ask": target["done"],
        "undone": target["undone"],
        "would wait for your yes" if dry_run else "waiting for your yes": target["waiting"],
    }
    told = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number) or "nothing changed"
    lines = [f"target {name}: {how}, {target['listed']:,} samples: {told}"]
    lines += [f"  {detail}" for detail in target["details"][:SHOWN_DETAILS]]
    if len(target["details"]) > SHOWN_DETAILS:
        lines.append("  … '--json' has more of them")
    return lines
