"""Say for a person what an action does and why."""

import json
from collections.abc import Mapping, Sequence

from eisync.core.actions import PARTS, REMOVALS, Action, ActionKind
from eisync.core.labels.changes import counted
from eisync.core.model import shown
from eisync.core.text import printable

_SHOWN_NAMES = 3
_LONGEST = 40


def sentence(action: Action) -> str:
    """Return what the action does and why.

    >>> from eisync.core.actions import Cause
    >>> sentence(Action(kind=ActionKind.TRASH_FILE, cause=Cause.REMOTE_DELETION, file_id=1, root="/data", path="a.csv",
    ...                 reason="its sample was deleted in the project", since_at=0.0))
    'move /data/a.csv to the trash: its sample was deleted in the project'
    """
    path = shown(f"{action.root.rstrip('/')}/{action.path}")
    kind = _FOLLOWS.get(action.to or "", action.kind) if action.kind is ActionKind.TOMBSTONE else action.kind
    if kind is ActionKind.EDIT_METADATA or kind in PARTS:
        what = f"change the {_NAMES[kind]} of sample {action.sample_id} of {path} {_changed(action)}"
    else:
        what = _DOES[kind].format(action=action, path=path)
    return f"{what}: {action.reason}"


_DOES = {
    ActionKind.DELETE_SAMPLE: "delete sample {action.sample_id} of {path}",
    ActionKind.RENAME_SAMPLE: "rename sample {action.sample_id} of {path} from {action.was!r} to {action.to!r}",
    ActionKind.RELABEL_SAMPLE: "relabel sample {action.sample_id} of {path} from {action.was!r} to {action.to!r}",
    ActionKind.MOVE_SAMPLE: "move sample {action.sample_id} of {path} to {action.to}, which is in {action.was}",
    ActionKind.TRASH_FILE: "move {path} to the trash",
    ActionKind.DELETE_FILE: "delete {path}",
    ActionKind.ARCHIVE_FILE: "move {path} to the archive",
    ActionKind.TOMBSTONE: "never send {path} again automatically",
}

_NAMES = {
    ActionKind.EDIT_METADATA: "metadata",
    ActionKind.EDIT_BOXES: "boxes",
    ActionKind.EDIT_STRUCTURED: "labels by range",
    ActionKind.EDIT_LABEL_MAP: "label map",
}

# What happens to the file once it is a tombstone. A person approves that.
_FOLLOWS = {kind.value: kind for kind in REMOVALS}


def change(action: Action) -> str:
    """Return what an edit changes, without the sample. Equal changes of many samples have equal texts.

    >>> from eisync.core.actions import Cause
    >>> change(Action(kind=ActionKind.RELABEL_SAMPLE, cause=Cause.DESCRIPTION_CHANGE, file_id=1, root="/data",
    ...               path="wave/000.csv", reason="", since_at=0.0, was="000", to="wave"))
    'label 000 -> wave'
    """
    if action.kind in _VALUES:
        return f"{_VALUES[action.kind]} {_short(action.was or 'nothing')} -> {_short(action.to or 'nothing')}"
    if action.kind is ActionKind.EDIT_METADATA:
        before, after = json.loads(action.was or "{}"), json.loads(action.to or "{}")
        return f"metadata {_some([_short(name) for name in _differing(before, after)])}"
    return _NAMES[action.kind]


_VALUES = {
    ActionKind.RENAME_SAMPLE: "name",
    ActionKind.RELABEL_SAMPLE: "label",
    ActionKind.MOVE_SAMPLE: "category",
}


def _changed(action: Action) -> str:
    if action.kind in PARTS:
        part = PARTS[action.kind]
        before_count, after_count = counted(part, action.was), counted(part, action.to)
        if before_count == after_count:
            return f"to other ones ({after_count})"
        return f"from {before_count} to {after_count}"
    before, after = json.loads(action.was or "{}"), json.loads(action.to or "{}")
    clauses = [
        f"{_short(name)}: {_short(before.get(name, 'nothing'))} -> {_short(after.get(name, 'nothing'))}"
        for name in _differing(before, after)
    ]
    return f"({_some(clauses)})"


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({**before, **after}) if before.get(name) != after.get(name)]


def _some(clauses: Sequence[str]) -> str:
    more = "" if len(clauses) <= _SHOWN_NAMES else f" and {len(clauses) - _SHOWN_NAMES:,} more"
    return f"{', '.join(clauses[:_SHOWN_NAMES])}{more}"


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
