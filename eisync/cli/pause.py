"""`eisync pause`: send nothing for a while."""

import os
from collections.abc import Iterator
from typing import Any

import click

from eisync.cli.options import ask, common
from eisync.cli.output import say, say_json
from eisync.core.pause import duration, read_duration


@click.command("pause")
@click.argument("span", required=False, metavar="[DURATION]")
@click.option("--root", "roots", multiple=True, metavar="DIR", help="Only this watched folder; may be repeated.")
@common
@click.option("--json", "as_json", is_flag=True, help="Print what is paused now, as one JSON object.")
def command(span: str | None, roots: tuple[str, ...], config: str | None, state_dir: str | None, as_json: bool) -> None:
    """Send no files for DURATION, such as 15m, 1h30m or 2d, or until 'eisync resume'.

    Files are still watched and checked, and wait. The pause holds for a running daemon at once, and for later runs;
    requests under way end. It survives a restart.
    """
    try:
        seconds = None if span is None else read_duration(span)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="DURATION") from None
    question = {"do": "pause", "roots": [os.path.abspath(root) for root in roots] or None, "for_s": seconds}
    show(question, config=config, state_dir=state_dir, as_json=as_json)


def show(question: dict[str, Any], *, config: str | None, state_dir: str | None, as_json: bool) -> None:
    """Ask, and say what is paused now."""
    answers = list(ask(question, config=config, state_dir=state_dir))
    if not answers:
        raise click.UsageError("no folder was watched with this state folder yet: there is nothing to pause")
    for answer in answers:
        say_json(answer, indent=2) if as_json else say(*(list(sentences(answer)) or ["Nothing is paused."]))


def sentences(answer: dict[str, Any]) -> Iterator[str]:
    """Yield what is paused."""
    if answer["all_s"] is not None:
        yield f"All uploads are paused {_until(answer['all_s'])}."
    for path, left_s in answer["roots"].items():
        yield f"The uploads of {path} are paused {_until(left_s)}."


def _until(left_s: float | str) -> str:
    return "until 'eisync resume'" if left_s == "inf" else f"for {duration(float(left_s))}"
