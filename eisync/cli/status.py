"""`eisync status`: show where everything is, in one sentence and a few lines. Imports as little as possible."""

from collections.abc import Iterator
from typing import Any

import click

from eisync.cli import PENDING
from eisync.cli.options import ask, common
from eisync.cli.output import say, say_json
from eisync.cli.pause import sentences
from eisync.control.status_lines import count_lines, retention_lines, root_lines, span, target_lines, watching_lines


@click.command("status")
@common
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
@click.option("--watch", is_flag=True, help="Show it again and again, in place on a terminal, until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often --watch asks.",
)
def command(config: str | None, state_dir: str | None, as_json: bool, watch: bool, interval: float) -> int:
    """Show in one sentence whether every file is in Edge Impulse, then which are not, why, and what to do next.

    Works with and without a running daemon. Counts the files of every folder that was ever watched with this state
    folder. When eisync ends, it remembers which files were incomplete or could not be read.

    \b
    Exit code 0   all is well
              3   a person must act: files are quarantined, or files or folders cannot be read;
                  a key is refused; a project is refused, was emptied or is another one; a plan waits
              4   it continues by itself, or with the next run: files wait, are not complete yet,
                  were not in the last listing or are being compared; a folder is missing; or
                  nothing is known yet. When nothing runs, start 'eisync run' or 'eisync once'

    When both 3 and 4 apply, the code is 4, unless nothing continues before a person acts.

    --watch also shows the rate, what is being sent and the last events. Off a terminal it prints a line whenever the
    sentence changes. After Ctrl-C, the exit code is that of the last status.
    """
    if watch:
        from eisync.cli import live_status

        if as_json:
            raise click.UsageError("--watch is for a person; ask for --json as often as you like")
        return live_status.watch(config, state_dir, every_s=interval)
    code = PENDING
    for status in ask({"do": "status"}, config=config, state_dir=state_dir):
        say_json(status, indent=2) if as_json else say(*_lines(status))
        code = status["exit_code"]
    return code


def _lines(status: dict[str, Any]) -> Iterator[str]:
    yield status["sentence"]
    if status["counts"]:
        yield ""
        for state, number in status["counts"].items():
            yield f"  {state:<12} {number:>9,}"
    if status.get("unreadable_folders"):
        yield f"  {'folders':<12} {status['unreadable_folders']:>9,} cannot be read"
    if status["oldest_pending_s"] is not None:
        yield f"  the oldest has waited for {span(status['oldest_pending_s'])}"
    if paused := status.get("paused"):
        yield from sentences(paused)
    yield from _reasons(status)
    for root in status["roots"]:
        yield ""
        yield f"folder {root['path']} -> {root['target']}"
        yield from _indented(count_lines(root))
        yield from _indented(root_lines(root))
        lineage = (status["daemon"] or {}).get("lineage") or {}
        yield from (f"  {sentence}" for sentence in lineage.get(root["path"], ()))
        yield from _indented(watching_lines(root["watching"]))
        yield from _indented(retention_lines(root["retention"]))
    for target in status["targets"]:
        yield ""
        yield f"target {target['name']}" + (f" (project {target['project_id']})" if target["project_id"] else "")
        held = ((status["daemon"] or {}).get("held") or {}).get(target["name"])
        yield from _indented(target_lines(target, held))
        emptied = status.get("emptied", {}).get(target["name"])
        if emptied is not None:
            yield f"  {emptied}"
            yield (
                "    If that was on purpose: 'eisync plan --approve'. If not: 'eisync plan --reject', and the "
                "files are sent again"
            )
    for plan in status["plans"]:
        yield ""
        actions = "1 action waits" if plan["actions"] == 1 else f"{plan['actions']:,} actions wait"
        yield f"plan {plan['plan']} of target {plan['target']}: {actions} for your approval: {plan['why']}"
        yield f"  'eisync plan' shows the details; 'eisync plan --approve {plan['plan']}' or '--reject' decides"
    if status["roots"]:
        yield ""
        yield from _daemon(status["daemon"])


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


_WORDS = {
    "settling": "not complete yet",
    "ready": "waiting to be sent",
    "sending": "being sent",
    "synced": "in question",
    "unreadable": "not readable",
}


def _reasons(status: dict[str, Any]) -> Iterator[str]:
    """Yield why files are not in the project, in groups, and what to do next."""
    for group in status.get("reasons", ()):
        yield ""
        is_one = group["files"] == 1
        what = ("folder" if group["is_folder"] else "file") + ("" if is_one else "s")
        alike = ", and similar" if group["is_varied"] else ""
        yield f"{group['files']:,} {what} {_WORDS.get(group['state'], group['state'])}: {group['reason']}{alike}"
        yield f"  {'' if is_one else 'such as '}{group['example']}"
        yield f"  next: {group['next']}"
    files, reasons = status.get("more_files", 0), status.get("more_reasons", 0)
    if files:
        other = f" for {reasons:,} other reasons" if reasons > 1 else ""
        yield ""
        yield f"and {files:,} more{other}: 'eisync ls' lists them all"


def _daemon(daemon: dict[str, Any] | None) -> Iterator[str]:
    if daemon is None:
        yield "No daemon runs on this state folder; nothing is uploaded until 'eisync run' or 'eisync once'."
        return
    verb = daemon.get("verb", "run")
    if verb == "run":
        yield f"The daemon runs as process {daemon['pid']} (eisync {daemon['version']})."
    else:
        yield f"Process {daemon['pid']} runs 'eisync {verb}' (eisync {daemon['version']}) and ends when it is done."
    if daemon.get("lost"):
        yield f"  it ends: {daemon['lost']}"
    if daemon.get("clock"):
        yield f"  nothing is emptied, removed or decided: {daemon['clock']}"
    for loop in daemon["loops"]:
        if loop["trouble"]:
            yield f"  the {loop['name']} failed and will be tried again: {loop['trouble']}"
        elif not loop["is_fresh"]:
            yield f"  the {loop['name']} has not responded for {loop['age_s']:.0f} s"
