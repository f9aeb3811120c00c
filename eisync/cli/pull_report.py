"""Report the result of a pull: as sentences for a person, or as one JSON object."""

from dataclasses import asdict

from eisync.adapters.dataset_labels import LabelsReport
from eisync.cli.output import say
from eisync.core.dataset_layout import DatasetFormat
from eisync.core.summary import in_bytes
from eisync.core.text import amount
from eisync.export import ExportReport

SHOWN_REASONS = 10

_NAMES = {
    DatasetFormat.COCO: "COCO",
    DatasetFormat.YOLO: "YOLO",
    DatasetFormat.VOC: "Pascal VOC",
    DatasetFormat.CSV: "CSV",
}
_HAVE_LABEL_FILES = (DatasetFormat.YOLO, DatasetFormat.VOC)


def show(pulled: ExportReport, folder: str, project_id: int, form: DatasetFormat) -> None:
    """Print the result for a person."""
    say(_sentence(pulled, folder, project_id))
    if pulled.labels is not None:
        for sentence in _about_labels(pulled.labels, form):
            say(sentence)
    if pulled.disabled:
        what = "info.labels" if form is DatasetFormat.EI else "The format"
        say(
            f"Of these, {pulled.disabled:,} {_are(pulled.disabled)} disabled in the project. {what} cannot "
            "record that, so an upload of the folder enables them."
        )
    if pulled.withdrawn:
        say(
            f"{amount(pulled.withdrawn, 'file')} of earlier pulls {_are(pulled.withdrawn)} left in place{_but(form)}: "
            "the project no longer lists such a sample."
        )
    _show_trouble(pulled)


def record_of(pulled: ExportReport, folder: str, project_id: int, form: DatasetFormat) -> dict[str, object]:
    """Return the result as the object that `--json` prints."""
    return {
        "folder": folder,
        "format": form.value,
        "project_id": project_id,
        "here": pulled.here,
        "downloaded": pulled.fetched,
        "downloaded_bytes": pulled.fetched_bytes,
        "disabled": pulled.disabled,
        "left_in_place": pulled.withdrawn,
        "labels": None if pulled.labels is None else asdict(pulled.labels),
        "failed": [
            {"sample_id": one.sample_id, "name": one.name, "reason": one.reason, "is_final": one.is_final}
            for one in pulled.failures
        ],
        "stopped": pulled.stopped,
    }


def _show_trouble(pulled: ExportReport) -> None:
    for failure in pulled.failures[:SHOWN_REASONS]:
        say(f"{failure.name} (sample {failure.sample_id}): {failure.reason}", err=True)
    if len(pulled.failures) > SHOWN_REASONS:
        say(f"… and {len(pulled.failures) - SHOWN_REASONS:,} more: --json lists them all", err=True)
    if pulled.stopped is not None:
        say(f"stopped early: {pulled.stopped}; the labels are unchanged. Run it again to continue.", err=True)


def _about_labels(labels: LabelsReport, form: DatasetFormat) -> list[str]:
    """Return a sentence for each place where something is that the format does not express."""
    found = [f"The boxes of {amount(labels.images, 'image')} are written as {_NAMES[form]}. labels.csv has the rest."]
    if labels.with_ranges:
        found.append(
            f"{amount(labels.with_ranges, 'sample')} {_have(labels.with_ranges)} ranges: structured_labels.labels in "
            "the same folder has them."
        )
    if labels.outside:
        found.append(
            f"Boxes that reach out of their image: {labels.outside:,}. {_NAMES[form]} has the part inside it, and "
            "info.labels the whole box."
        )
    if labels.inexact:
        found.append(
            f"{amount(labels.inexact, 'sample')} {_do(labels.inexact)} not fit into these files exactly: without a "
            "label, with a map of labels, or with a name, boxes or texts that they cannot hold. info.labels has "
            "everything, and eisync prefers it."
        )
    if labels.moved:
        found.append(
            f"{amount(labels.moved, 'sample')} changed category after an earlier pull, and the files stay in their "
            "folders; pull into a new folder to sort them again."
        )
    return found


def _sentence(pulled: ExportReport, folder: str, project_id: int) -> str:
    what = f"{amount(pulled.here, 'sample')} of project {project_id} {_are(pulled.here)} in {folder}"
    if pulled.failures:
        what += f", {len(pulled.failures):,} were not downloaded"
    if not pulled.fetched:
        return f"{what}: nothing was missing." if not pulled.failures and pulled.stopped is None else f"{what}."
    return f"{what}: {pulled.fetched:,} downloaded now ({in_bytes(pulled.fetched_bytes)})."


def _but(form: DatasetFormat) -> str:
    if form is DatasetFormat.EI:
        return " but not in info.labels"
    return ", label files included" if form in _HAVE_LABEL_FILES else " but not in the label files"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _do(number: int) -> str:
    return "does" if number == 1 else "do"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
