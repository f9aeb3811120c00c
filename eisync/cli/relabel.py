"""`eisync relabel`: describe files that were sent as the rules say now, and plan the edits of their samples."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import click

from eisync.app.relabel import Describer, describing
from eisync.app.watched_folder import WatchedFolder
from eisync.cli import OK, PENDING
from eisync.cli.audit import watched_folders
from eisync.cli.options import ask, common, key_file
from eisync.cli.output import say, say_json
from eisync.cli.progress import Progress
from eisync.cli.reconcile import run_pass
from eisync.core.labels.description import Description
from eisync.core.text import amount
from eisync.errors import ConfigurationError
from eisync.log import configure

FILES_PER_REQUEST = 500
BYTES_PER_REQUEST = 512 * 1024
"""The daemon accepts lines of at most 1 MiB."""
SHOWN_EDITS = 20
SHOWN_CHANGES = 50
MAX_CHANGES = 10_000
"""Changes beyond these are counted together."""

_OTHERS = "other changes"
_TOO_LARGE = "its description is too large for a request to the daemon"


@dataclass(slots=True)
class _Found:
    """What differs between the descriptions now and what was sent."""

    described: int = 0
    files: int = 0
    edits: int = 0
    disputed: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def add(self, record: dict[str, Any]) -> None:
        if record["what"] == "files":
            self.files += record["files"]
            return
        self.edits += 1
        self.disputed += record["is_disputed"]
        is_room = record["change"] in self.changes or len(self.changes) < MAX_CHANGES
        self.changes[record["change"] if is_room else _OTHERS] += 1
        if len(self.shown) < SHOWN_EDITS:
            self.shown.append(record["sentence"])


@click.command("relabel")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@click.option("--dry-run", is_flag=True, help="Show what would be proposed, without changing anything.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines: one object per edit, then one with the counts.")
@common
@key_file
def command(
    dirs: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
) -> int:
    """Describe files that were sent as the rules and the files beside them say now, and compare that with what was
    sent: label, category, metadata, bounding boxes and labels by range. What differs becomes edits in a plan, which
    'eisync plan' shows and you approve. Edits that would replace what a person changed in Studio are in a plan of their
    own.

    Without DIR, for all watched folders. Files that were deleted here are left out.

    \b
    Exit code 0   nothing differs, or --dry-run
              4   a plan waits for your approval, or some files cannot be described
    """
    found = _Found()
    progress = Progress()
    for folder in _folders(dirs, config=config, state_dir=state_dir):
        with describing(folder.watched, configure(level="none")) as describer:
            for batch in _batches(folder, describer, found, config=config, state_dir=state_dir):
                question = {"do": "relabel", "files": batch, "dry_run": dry_run}
                progress.show(found.described, None, "sent files compared")
                for record in ask(question, config=config, state_dir=state_dir):
                    found.add(record)
                    if as_json and record["what"] == "edit":
                        say_json(record)
    progress.end()
    troubles: list[dict[str, Any]] = []
    plans: list[dict[str, Any]] = []
    if not dry_run:
        # Also if nothing differs: an earlier plan may no longer be wanted.
        reports = run_pass(config=config, state_dir=state_dir, api_key_file=api_key_file) if found.described else []
        troubles = [report for report in reports if report["trouble"]]
        plans = [one for one in ask({"do": "plan"}, config=config, state_dir=state_dir) if one["what"] == "plan"]
        plans = [one for one in plans if one["about"] in ("descriptions", "disputed")]
    if as_json:
        say_json(_summary(found, plans))
    else:
        say(*_lines(found, plans, dry_run=dry_run))
        say(*(f"target {one['target']}: not planned yet: {one['trouble']}; the next pass plans it" for one in troubles))
    if dry_run:
        return OK
    code = next((one["exit_code"] for one in troubles), OK)
    return int(code) if code else PENDING if plans or found.unknown else OK


def _folders(dirs: tuple[str, ...], *, config: str | None, state_dir: str | None) -> list[WatchedFolder]:
    """Return the watched folders, or those that DIR is in. Raises ConfigurationError for a folder without rules."""
    every = [one for one in watched_folders([], config=config, state_dir=state_dir) if not one.was_watched]
    if not dirs:
        return every
    places = [os.path.abspath(one) for one in dirs]
    known = {one.path for one in every}
    for place in places:
        if not any(place == path or place.startswith(os.path.join(path, "")) for path in known):
            raise ConfigurationError(
                f"{place} is not in a folder that is watched now, so there are no rules for it; write it into a "
                "[[watch]] table of the configuration, or start 'eisync run' on it"
            )
    return watched_folders(places, config=config, state_dir=state_dir)


def _batches(
    folder: WatchedFolder, describer: Describer, found: _Found, *, config: str | None, state_dir: str | None
) -> Iterator[list[dict[str, Any]]]:
    """Yield the sent files of a folder with their descriptions, as many as a request may have."""
    question = {"do": "sent", "root": folder.path, "folder": folder.below, "limit": FILES_PER_REQUEST}
    after = ""
    while page := list(ask({**question, "after": after}, config=config, state_dir=state_dir)):
        batch: list[dict[str, Any]] = []
        size = 0
        for one in page:
            found.described += 1
            described = describer.describe(one["path"])
            if not isinstance(described, Description):
                found.unknown[described] += 1
                continue
            record = _record(one["file"], described)
            length = len(json.dumps(record))
            if length > BYTES_PER_REQUEST:
                found.unknown[_TOO_LARGE] += 1
                continue
            if size + length > BYTES_PER_REQUEST:
                yield batch
                batch, size = [], 0
            batch.append(record)
            size += length
        if batch:
            yield batch
        after = page[-1]["path"]


def _record(file_id: int, described: Description) -> dict[str, Any]:
    return {
        "file": file_id,
        "label": described.label,
        "category": described.category.value,
        "metadata": dict(described.metadata),
        "companions": described.companions,
        "remarks": dict(described.remarks),
    }


def _summary(found: _Found, plans: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "what": "summary",
        "described": found.described,
        "files": found.files,
        "edits": found.edits,
        "disputed": found.disputed,
        "changes": [{"change": change, "edits": number} for change, number in found.changes.most_common()],
        "unknown": [{"reason": reason, "files": number} for reason, number in found.unknown.most_common()],
        "plans": [{"plan": one["plan"], "about": one["about"], "actions": one["actions"]} for one in plans],
    }


def _lines(found: _Found, plans: list[dict[str, Any]], *, dry_run: bool) -> Iterator[str]:
    if not found.files:
        yield f"{amount(found.described, 'sent file')} compared: nothing differs from what was sent."
    else:
        yield f"{found.files:,} of {amount(found.described, 'sent file')} would be described in another way:"
    for change, number in found.changes.most_common(SHOWN_CHANGES):
        yield f"  {change}: {amount(number, 'sample')}"
    if len(found.changes) > SHOWN_CHANGES:
        yield f"  and {len(found.changes) - SHOWN_CHANGES:,} other changes; '--json' lists all"
    if dry_run:
        yield from found.shown
        if found.edits > len(found.shown):
            yield f"… and {found.edits - len(found.shown):,} more; '--json' lists all"
    if found.disputed:
        yield f"{amount(found.disputed, 'edit')} would replace what a person may have changed in Studio."
    for reason, number in found.unknown.most_common(SHOWN_EDITS):
        yield f"{amount(number, 'file')} cannot be described: {reason}"
    if dry_run:
        yield "Nothing was changed."
    for one in plans:
        yield (
            f"Plan {one['plan']} waits for your approval ({amount(one['actions'], 'edit')}): 'eisync plan' shows it, "
            f"'eisync plan --approve {one['plan']}' carries it out."
        )
