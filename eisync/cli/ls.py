"""`eisync ls`: print a line for each file, filtered and sorted."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from eisync.cli.options import ask, common
from eisync.cli.output import say, say_json
from eisync.core.file_filter import MAX_FILES, Sort
from eisync.core.file_status import UNREADABLE
from eisync.core.lifecycle import State
from eisync.core.model import Category
from eisync.errors import EisyncError

_LAST = {"what": "page", "after": None}

NARROW = 80
"""On a terminal with fewer columns, a line has the state and the path only."""


@click.command("ls")
@common
@click.option(
    "--state", type=click.Choice([*(s.value for s in State), UNREADABLE]), help="Only the files in this state."
)
@click.option("--label", metavar="TEXT", help="Only the files with this label; '' means without one.")
@click.option("--category", type=click.Choice([c.value for c in Category]), help="Only the files in this category.")
@click.option("--folder", metavar="DIR", help="Only the files in this folder and below it.")
@click.option("--search", metavar="TEXT", help="Only the files with this in their path, in any letter case.")
@click.option(
    "--problem",
    is_flag=True,
    help="Only the files that do not go as they should: quarantined, unreadable, in doubt, tried again, held by their "
    "target, sent without a part of their description, or missing in the project's last listing.",
)
@click.option("--differs", is_flag=True, help="Only the files whose sample has another label in Edge Impulse.")
@click.option(
    "--sort",
    type=click.Choice([sort.value for sort in Sort]),
    help="By path, newest first, oldest first (the default), or largest first. A file is as new as eisync's first "
    "sight of it.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many files.")
@click.option("--after", metavar="PLACE", help="Go on after this place, which a listing with --limit ends with.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per file.")
def command(config: str | None, state_dir: str | None, as_json: bool, limit: int | None, **asked: Any) -> None:
    """List the files: state, label, category, sample ids, watched folder, path, reason, and what differs in the
    project.

    Samples are shown as in the last listing; --json shows them in full. On a terminal, the first line names the
    columns.

    Files that are still being written, and files and folders that cannot be read, are listed as eisync last found
    them. It checks them while it runs, and records up to 10,000 of each folder when it ends.
    """
    if asked["folder"] is not None:
        asked["folder"] = os.path.abspath(asked["folder"])
    question = {name: found for name, found in asked.items() if found not in (None, False)}
    watched: dict[str, Any] = next(
        iter(ask({"do": "watched"}, config=config, state_dir=state_dir)), {"roots": [], "known": []}
    )
    names = _names([root["path"] for root in watched["known"]])
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    header = None if as_json or width is None else _header(names, width)
    for record in _listed(question, limit, config, state_dir):
        if header is not None:
            say(header)
            header = None
        if record.get("what") == "page":
            say(f"more files follow: add --after {record['after']}", err=True)
        elif as_json:
            say_json(record)
        else:
            say(_line(record, names, width))
    if header is not None and question:
        say("No file fits.", err=True)
    if asked["state"] in (None, State.SETTLING.value) and question.keys() <= {"state", "sort"} and limit is None:
        for line in _beyond(watched):
            say(line, err=True)


def _listed(
    question: Mapping[str, Any], limit: int | None, config: str | None, state_dir: str | None
) -> Iterator[dict[str, Any]]:
    """Yield the records, then the page record if others follow.

    Without a filter or an order, one question is answered with all files: what it yields is of one moment.
    """
    if limit is None and question.keys() <= {"state"}:
        yield from ask({"do": "files", **question}, config=config, state_dir=state_dir)
        return
    left = limit
    while left != 0:
        page = {"limit": MAX_FILES if left is None else min(left, MAX_FILES)}
        *records, last = [*ask({"do": "files", **question, **page}, config=config, state_dir=state_dir)] or [_LAST]
        if last.get("what") != "page":
            raise EisyncError("the running eisync cannot filter or sort files; is it a different version?")
        yield from records
        if last["after"] is None:
            return
        question = {**question, "after": last["after"]}
        left = None if left is None else left - len(records)
    yield last


def _names(roots: Sequence[str]) -> dict[str, str]:
    """Return the end of the path of each root that no other one has: its name, if possible."""
    names = {}
    for root in roots:
        parts = [part for part in root.split("/") if part]
        tails = ("/".join(parts[-number:]) for number in range(1, len(parts) + 1))
        others = [other for other in roots if other != root]
        names[root] = next((t for t in tails if not any(f"{other}".endswith(f"/{t}") for other in others)), root)
    return names


def _beyond(watched: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each folder with files that are known to exist but are not listed."""
    listed = {root["path"] for root in watched["roots"]}  # the process that watches them lists all of their files
    for root in watched["known"]:
        if root["beyond"] and root["path"] not in listed:
            more = f"{root['path']}: {root['beyond']:,} more files were not complete"
            yield f"{more}; 'eisync run' or 'eisync once' finds them"


def _header(names: Mapping[str, str], width: int) -> str:
    if width < NARROW:
        return f"{'STATE':<11}  PATH"
    return f"{_columns('STATE', 'LABEL', 'CATEGORY', 'SAMPLES', 'FOLDER', names)}  PATH"


def _line(record: Mapping[str, Any], names: Mapping[str, str], width: int | None) -> str:
    remarks = "; ".join([record["reason"], *record["there"]] if record["reason"] else record["there"])
    place = record["path"]
    if record.get("is_folder"):
        place = f"{place or record['root']}/"
    if width is not None and width < NARROW:
        start = f"{record['state']:<11}"
    else:
        ids = ",".join(str(sample_id) for sample_id in record["sample_ids"]) or "-"
        label = "-" if record["label"] is None else record["label"]
        root = names.get(record["root"], record["root"])
        start = _columns(record["state"], label, record["category"], ids, root, names)
    return f"{start}  {place}  ({remarks})" if remarks else f"{start}  {place}"


def _columns(state: str, label: str, category: str, samples: str, root: str, names: Mapping[str, str]) -> str:
    width = min(24, max(map(len, [*names.values(), "FOLDER"])))
    return f"{state:<11}  {label:<16}  {category:<10}  {samples:<12}  {root:<{width}}"
