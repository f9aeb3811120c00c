"""`eisync preview`: show what would be sent from a folder, with which labels. Nothing is sent or stored."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import click

from eisync.app.preview import preview
from eisync.cli.options import common
from eisync.cli.output import say, say_json
from eisync.cli.preview_groups import PreviewedGroups
from eisync.cli.progress import Progress
from eisync.core import file_status
from eisync.core.model import Category
from eisync.core.preview import LabelRow, PreviewCounts, PreviewedFile, Verdict
from eisync.core.text import amount, printable
from eisync.log import configure
from eisync.settings import Watch, load

SHOWN_LABELS = 50
"""The table has at most this many labels, those with the most files."""

_BAR = 30
_LONGEST = 40

Row = Callable[[str, PreviewedFile], None]
"""Prints one file of a root."""


@click.command("preview")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@click.option("--json", "as_json", is_flag=True, help="JSON lines: one object per file, then one per folder.")
@click.option("--csv", "as_csv", is_flag=True, help="A table with a row per file; the counts go to stderr.")
def command(dirs: tuple[str, ...], config: str | None, state_dir: str | None, as_json: bool, as_csv: bool) -> int:
    """Show what would happen to every file under DIR: its label, its category, and whether it goes, waits, is
    quarantined or is left out, and why. Then warn of labels that are surely wrong, and count the files by label and
    category.

    Nothing is sent, and no key and no state folder is needed. Without DIR, the folders are those of the configuration.
    What the project has already is not compared. With a split, the groups that a state folder knows keep their
    categories.

    \b
    Exit code 0   every file goes, or is left out
              3   some would be quarantined, or a folder cannot be read
              4   some would wait: they are not complete, or their sidecars cannot be used
    """
    if as_json and as_csv:
        raise click.UsageError("give --json or --csv, not both")
    settings = load(config=config, state_dir=state_dir, dirs=dirs, need_key=False)
    log = configure(level="none")
    code = 0
    if as_csv:
        say(_csv(COLUMNS))
    for watch in settings.watches:
        root, counts = str(watch.path), PreviewCounts()
        groups = None if watch.split is None else PreviewedGroups(watch, watch.split.as_split)
        if groups is not None:  # where a group goes depends on all files, so they are read twice
            with Progress() as progress:
                groups.decide(_counted(preview(watch, log), progress), config=config, state_dir=state_dir)
        with Progress(prints=True) as progress:
            for found in _counted(preview(watch, log), progress):
                file = found if groups is None else groups.placed(found)
                counts.add(file)
                _show(root, file, as_json=as_json, as_csv=as_csv)
        if as_json:
            say_json({**_summary(watch, counts), **({} if groups is None else groups.record())})
        else:
            say(*_lines(watch, counts), *(() if groups is None else groups.lines()), err=as_csv)
        code = max(code, file_status.exit_code(counts.as_status()))
    return code


def _counted(files: Iterable[PreviewedFile], progress: Progress) -> Iterator[PreviewedFile]:
    """Yield the files, and show how many they are."""
    for number, file in enumerate(files, start=1):
        yield file
        progress.show(number, None, "files looked at")


COLUMNS = (
    *("root", "path", "verdict", "reason", "label", "category", "name", "metadata", "boxes", "is_complete", "remarks"),
    "group",
)


def _show(root: str, file: PreviewedFile, *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        say_json({"what": "file", **_record(root, file)})
    elif as_csv:
        say(_csv([_cell(one) for one in _record(root, file).values()]))
    else:
        say(f"{file.verdict.value:<11}  {os.path.join(root, file.path)}{_described(file)}  ({file.reason})")


def _record(root: str, file: PreviewedFile) -> dict[str, Any]:
    return {
        "root": root,
        "path": file.path,
        "verdict": file.verdict.value,
        "reason": file.reason,
        "label": file.label,
        "category": None if file.category is None else file.category.value,
        "name": file.name,
        "metadata": dict(file.metadata),
        "boxes": file.boxes,
        "is_complete": file.is_complete,
        "remarks": list(file.remarks),
        "group": file.group,
    }


def _described(file: PreviewedFile) -> str:
    if file.category is None:
        return ""
    label = "no label" if file.label is None else f"label {file.label}"
    boxes = "" if not file.boxes else f", {file.boxes:,} {'box' if file.boxes == 1 else 'boxes'}"
    group = "" if file.group is None else f", group {printable(file.group)}"
    return f"  {label}, {file.category.value}{boxes}{group}"


def _cell(value: object) -> str:
    """Return a value as one line: a cell with a line break would be two lines of the output."""
    if value is None or value in ({}, []):
        return ""
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _csv(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _summary(watch: Watch, counts: PreviewCounts) -> dict[str, Any]:
    return {
        "what": "summary",
        "root": str(watch.path),
        "verdicts": {verdict.value: counts.verdicts[verdict] for verdict in Verdict if counts.verdicts[verdict]},
        "warnings": [
            {"pattern": one.pattern.value, "labels": one.labels, "files": one.files, "sentence": one.sentence}
            for one in counts.warnings()
        ],
        "labels": [
            {"label": row.label, "has_parts": row.has_parts, "files": row.files, "categories": dict(row.categories)}
            for row in counts.rows()
        ],
        "other_labels_files": counts.others,
    }


def _lines(watch: Watch, counts: PreviewCounts) -> Iterator[str]:
    yield ""
    yield f"folder {watch.path} -> {watch.target}"
    found = [f"{counts.verdicts[verdict]:,} {_WORDS[verdict]}" for verdict in Verdict if counts.verdicts[verdict]]
    yield f"  {', '.join(found) or 'there are no files'}; nothing was sent"
    yield from (f"  labels: {one.sentence}" for one in counts.warnings())
    rows = list(counts.rows())
    if rows:
        yield ""
        yield from _table(rows)
    hidden = rows[SHOWN_LABELS:]
    if hidden or counts.others:
        files = sum(row.files for row in hidden) + counts.others
        yield f"  and {amount(files, 'file')} with other labels: --csv lists them"


_WORDS = {
    Verdict.GOES: "would be sent",
    Verdict.WAITS: "would wait",
    Verdict.QUARANTINED: "would be quarantined",
    Verdict.LEFT_OUT: "left out",
    Verdict.UNREADABLE: "cannot be read",
}


def _table(rows: list[LabelRow]) -> Iterator[str]:
    """Yield a table of labels and categories, with a bar for the files of each label."""
    shown = list(islice(rows, SHOWN_LABELS))
    categories = [one.value for one in Category if any(one.value in row.categories for row in rows)]
    names = [_name(row) for row in shown]
    width = max(len("label"), *map(len, names))
    head = "".join(f"  {name:>10}" for name in [*categories, "files"])
    yield f"  {'label':<{width}}{head}"
    most = shown[0].files
    for name, row in zip(names, shown, strict=True):
        numbers = [*(row.categories.get(category, 0) for category in categories), row.files]
        bar = "#" * max(1, _BAR * row.files // most)
        yield f"  {name:<{width}}{''.join(f'  {number:>10,}' for number in numbers)}  {bar}"
    total = [*(sum(row.categories.get(category, 0) for row in rows) for category in categories)]
    numbers = [*total, sum(total)]
    yield f"  {'all':<{width}}{''.join(f'  {number:>10,}' for number in numbers)}"


def _name(row: LabelRow) -> str:
    if row.label is None:
        return "(boxes or ranges)" if row.has_parts else "(no label)"
    text = printable(row.label)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
