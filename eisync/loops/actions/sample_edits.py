"""Edit samples whose files are described in another way than they were sent.

The sample is read before an edit and after it. If it has neither the value that was decided on nor the new one, a
person changed it meanwhile: theirs stays, and the next pass asks. So an edit that was begun before a crash is not done
twice, and nothing that a person typed is lost.
"""

from eisync.core.actions import PARTS, Action, ActionKind, FileSide, Progress, StoredAction
from eisync.core.dataset import WholeSample
from eisync.core.description_edits import metadata_text, propose_edits
from eisync.core.labels.changes import is_same_part, part_text
from eisync.core.labels.parts import PartKind
from eisync.core.text import nfc
from eisync.errors import StudioError
from eisync.loops.actions.results import Done, NotNeeded, Postponed
from eisync.loops.reconciler.context import TargetContext
from eisync.store.actions import ActionStore


def edit_described(
    actions: ActionStore, context: TargetContext, written: StoredAction, side: FileSide
) -> Done | NotNeeded | Postponed:
    """Carry out an edit of the cause `description_change`. Raises KeyRefusedError, StudioError or TransitError."""
    action, sample_id = written.action, written.action.sample_id
    if sample_id is None or not _is_wanted(written, side):
        return NotNeeded("no longer needed")
    context.check_project()
    sample = context.studio.whole(sample_id)
    if sample is None:
        return NotNeeded("the sample is no longer in the project")
    found = value_of(sample, action.kind)
    if _is_same(action.kind, found, action.to or ""):
        return Done("the sample has it")
    if not _is_same(action.kind, found, action.was or ""):
        actions.wanted.note_found(context.target, action, found)
        return NotNeeded("a person changed the sample in Studio meanwhile; theirs stays")
    actions.begin(written.id)
    try:
        context.edit(action.kind, sample_id, action.to or "")
    except StudioError as error:  # about this sample: the edits of others go on
        return Postponed(f"the service refused it ({error})")
    return _confirmed(context, action, sample_id)


def value_of(sample: WholeSample, kind: ActionKind) -> str:
    """Return what an edit of this kind changes in a sample, as the text of an action."""
    match kind:
        case ActionKind.RELABEL_SAMPLE:
            return sample.label or ""
        case ActionKind.MOVE_SAMPLE:
            return sample.category
        case ActionKind.EDIT_METADATA:
            return metadata_text(dict(sample.metadata or {}))
    return part_text(PARTS[kind], _PART_OF[PARTS[kind]](sample))


_PART_OF = {
    PartKind.BOXES: lambda sample: sample.boxes,
    PartKind.STRUCTURED: lambda sample: sample.structured_labels,
    PartKind.LABEL_MAP: lambda sample: sample.label_map,
}


def _is_wanted(written: StoredAction, side: FileSide) -> bool:
    action, wanted = written.action, side.wanted
    if (side.root, side.path) != (action.root, action.path):
        return False
    if written.progress is Progress.BEGUN:
        # It may be done, and the listing may show that, so that it is no longer proposed.
        return wanted is not None and wanted.at == action.since_at and action.kind not in wanted.declined
    return any(edit.action.key == action.key for edit in propose_edits(side))


def _confirmed(context: TargetContext, action: Action, sample_id: int) -> Done | NotNeeded | Postponed:
    """Read the sample again: a service may accept an edit and not do it."""
    sample = context.studio.whole(sample_id)
    if sample is None:
        return NotNeeded("the sample is no longer in the project")
    if _is_same(action.kind, value_of(sample, action.kind), action.to or ""):
        return Done("the project has it")
    return Postponed("the project accepted it, and does not show it yet")


def _is_same(kind: ActionKind, one: str, other: str) -> bool:
    return is_same_part(PARTS[kind], one, other) if kind in PARTS else nfc(one) == nfc(other)
