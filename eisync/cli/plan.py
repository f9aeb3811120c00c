"""`eisync plan`: show what waits for a person's approval, item by item, and approve or reject it."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click

from eisync.cli import OK, PENDING
from eisync.cli.options import ask, common, key_file
from eisync.cli.output import say, say_json
from eisync.cli.reconcile import run_pass

SHOWN_DETAILS = 20
_ACTIONS = 10_000  # the most that one request may ask for


@click.command("plan")
@click.option("--approve", type=click.IntRange(1), metavar="ID", help="Approve this plan and carry it out now.")
@click.option(
    "--reject", type=click.IntRange(1), metavar="ID", help=("Reject this plan; eisync does not propose it again.")
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines: each plan, followed by its actions.")
@common
@key_file
def command(
    approve: int | None,
    reject: int | None,
    as_json: bool,
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
) -> int:
    """Show what waits for your approval: what would delete, trash, move or relabel more than the guard allows, the
    edits that 'eisync relabel' proposed, and edits that would replace what a person changed in Studio.

    Each item comes with its reason. Ends with 4 while something waits. eisync checks approved items again before it
    carries them out, and leaves alone what no longer applies. Items that are allowed but could not be done yet are
    listed last, with the reason.
    """
    if approve is not None and reject is not None:
        raise click.UsageError("say --approve or --reject, not both")
    if approve is None and reject is None:
        records = list(ask({"do": "plan"}, config=config, state_dir=state_dir))
        if as_json:
            for record in records:
                say_json(record)
        else:
            say(*_lines(records))
        return PENDING if any(record["what"] == "plan" for record in records) else OK
    question = {"do": "decide", "plan": approve or reject, "approve": approve is not None}
    [decided] = ask(question, config=config, state_dir=state_dir)
    if not as_json:
        say(_decision_line(decided))
    if approve is None:
        if as_json:
            say_json(decided)
        return OK
    found = run_pass(config=config, state_dir=state_dir, api_key_file=api_key_file)
    actions = list(ask({"do": "actions", "limit": _ACTIONS}, config=config, state_dir=state_dir))
    found = [_with_others(target, decided, actions) for target in found]
    for target in found:
        say_json({**decided, **target}) if as_json else say(*_done(target))
    return next((target["exit_code"] for target in found if target["exit_code"]), OK)


def _lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    plan: dict[str, Any] | None = None
    is_open = False
    for record in records:
        if record["what"] == "plan":
            yield from _end(plan)
            plan = record
            since = datetime.fromtimestamp(record["made_at"], UTC).astimezone()
            yield f"Plan {record['plan']} of target {record['target']} has waited since {since:%Y-%m-%d %H:%M}:"
            yield f"  {record['why']}"
        elif record["state"] == "waiting":
            yield f"  {record['sentence']}"
        else:
            if not is_open:
                yield from _end(plan)
                plan, is_open = None, True
                yield "Allowed, to be done in the next pass:"
            yield f"  {record['sentence']}"
            if record["outcome"]:
                yield f"    {record['outcome']}"
    yield from _end(plan)
    if plan is None and not is_open:
        yield "Nothing waits for your approval."


def _end(plan: dict[str, Any] | None) -> Iterator[str]:
    if plan is not None:
        number = plan["plan"]
        if plan["about"] == "tombstones":
            yield (
                f"If the samples were deleted on purpose: 'eisync plan --approve {number}'. If not: 'eisync plan "
                f"--reject {number}', and their files are sent again."
            )
            return
        yield (
            f"'eisync plan --approve {number}' carries it out; 'eisync plan --reject {number}' leaves everything "
            "as it is."
        )


def _decision_line(decided: dict[str, Any]) -> str:
    actions = "1 action" if decided["actions"] == 1 else f"{decided['actions']:,} actions"
    if decided["is_approved"]:
        return f"Plan {decided['plan']} is approved: {actions}."
    if decided["about"] == "tombstones":
        return f"Plan {decided['plan']} is rejected: {actions} will not be done; files that still exist are sent again."
    return f"Plan {decided['plan']} is rejected: {actions} will not be done and will not be proposed again."


def _with_others(target: dict[str, Any], decided: dict[str, Any], actions: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the report of the pass, plus the actions of the plan that the daemon did in a pass just before."""
    if target["target"] != decided["target"]:
        return target
    done = sum(
        action["plan"] == decided["plan"]
        and action["state"] == "done"
        # A tombstone with a follow-up action is only the first step: the follow-up counts instead.
        and (action.get("kind") != "tombstone" or action["to"] is None)
        for action in actions
    )
    return {**target, "done": max(target["done"], done)}


def _done(target: dict[str, Any]) -> Iterator[str]:
    name = target["target"]
    if target["trouble"]:
        yield f"target {name}: not done yet: {target['trouble']}; the next pass continues"
        return
    yield f"target {name}: {target['done']:,} done"
    yield from (f"  {detail}" for detail in target["details"][:SHOWN_DETAILS])
    if len(target["details"]) > SHOWN_DETAILS:
        yield "  … 'eisync history' lists the rest"
