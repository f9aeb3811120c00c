"""Say in words what happened to a file: one wording for the command line and the page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

WORDS = {
    "complete": "was complete and waits to be sent",
    "cut": "is truncated and was not sent",
    "claim": "is being sent",
    "stored": "was stored in the project",
    "duplicate": "was already in the project",
    "found": "was found in the project and was not sent",
    "defer": "will be sent again",
    "refuse": "was refused",
    "silence": "was sent, but no answer came",
    "absent": "will be sent again",
    "changed": "was changed",
    "edited": "was edited in the project",
    "mislabelled": "has a wrong label in the project, and is labelled again",
    "gone": "is gone",
    "renamed": "was renamed",
    "remote_gone": "was deleted in the project",
    "deleted_content": "was not sent: its content was deleted in the project",
    "retry": "was put back into the queue",
    "back": "is back",
    "ignored": "was changed; its sample stays as it was sent",
    "removed": "was deleted here, and then its sample",
    "undone": "had a change undone",
    "delete_sample": "had one of its samples deleted",
    "rename_sample": "has its new name in the project",
    "relabel_sample": "has its new label in the project",
    "move_sample": "has its new category in the project",
    "edit_metadata": "has its new metadata in the project",
    "edit_boxes": "has its new boxes in the project",
    "edit_structured": "has its new labels by range in the project",
    "edit_label_map": "has its new label map in the project",
    "trash_file": "was moved to the trash",
    "delete_file": "was deleted",
    "archive_file": "was moved to the archive",
    "tombstone": "was deleted in the project, as you confirmed",
}


def event_words(record: Mapping[str, Any]) -> str:
    """Return what happened, from a record of the history, with its reason."""
    words = WORDS.get(record["event"], record["event"])
    return words if record["reason"] in ("", record["event"]) else f"{words}: {record['reason']}"


def local_moment(at: float) -> str:
    """Return the instant in local time, with its offset: `2026-11-25 03:51:48 +01:00`."""
    local = datetime.fromtimestamp(at, UTC).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S} {local.isoformat()[-6:]}"
