"""`eisync pull`: download the project's samples as a dataset."""

import os
from contextlib import suppress

import click

from eisync.adapters.client.service import ServiceClient
from eisync.adapters.dataset import Dataset
from eisync.app.loops import service_of
from eisync.cli import OK, PENDING, REFUSED
from eisync.cli.options import ask, common, key_file, target_of
from eisync.cli.output import say, say_json
from eisync.cli.progress import Progress
from eisync.cli.pull_report import record_of, show
from eisync.core.dataset_layout import DatasetFormat, Layout
from eisync.errors import ConfigurationError, EisyncError, StudioError, TransitError
from eisync.export import ExportReport, Selection, described, export
from eisync.paths import absolute
from eisync.settings import Settings, contains, load

CATEGORIES = ("training", "testing", "validation", "post-processing")


@click.command("pull")
@click.argument("folder", metavar="DIR")
@click.option("--category", type=click.Choice(CATEGORIES), help="Only the samples of this category.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="LABEL",
    help="Only samples with this label (empty: unlabeled); may be repeated.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([one.value for one in DatasetFormat]),
    default=DatasetFormat.EI.value,
    help="How the labels are written: as Edge Impulse does (ei, the default), as COCO, YOLO, Pascal VOC, or as tables.",
)
@click.option(
    "--target", "target_name", metavar="NAME", help=("The target to pull from, when the configuration has several.")
)
@common
@key_file
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(
    folder: str,
    category: str | None,
    labels: tuple[str, ...],
    form: str,
    target_name: str | None,
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Download the project's samples into DIR, with an info.labels, as Studio exports a dataset.

    With --format, boxes are written as COCO, YOLO, Pascal VOC or a CSV table, and images lie where such tools expect
    them. labels.csv has the rest: labels, categories and metadata.

    DIR is a new folder, or one made by an earlier pull of the same samples: then only what is missing is downloaded.
    Nothing in it is ever deleted. Disabled samples are downloaded too; the format cannot mark them as disabled.

    \b
    Exit code 0   every sample is in DIR
              3   the service refused some: another run would not help
              4   some were not downloaded, or the listing ended early: run it again
             73   DIR cannot be used, or its disk is full
             77   the key is refused
    """
    settings = load(config=config, state_dir=state_dir, api_key_file=api_key_file, need_watch=False)
    if not folder:
        raise click.UsageError("the folder has an empty name")
    place, layout = absolute(folder), Layout(DatasetFormat(form))
    target = target_of(settings, target_name)
    _keep_apart(place, settings, config=config, state_dir=state_dir)
    for warning in settings.warnings:
        say(f"warning: {warning}", err=True)
    service = service_of(settings, target.name)
    try:
        project_id = service.project_id()
        progress = Progress(is_quiet=quiet, at_once=True)
        pulled = _pull(service, project_id, place, Selection(category=category, labels=labels), layout, progress)
    except StudioError as error:
        raise StudioError(f"the project's samples cannot be listed: {error}", status=error.status) from error
    except TransitError as error:
        say(f"eisync: {error}; nothing was started, run it again", err=True)
        return PENDING
    finally:
        service.close()
    if as_json:
        say_json(record_of(pulled, place, project_id, layout.format))
    else:
        show(pulled, place, project_id, layout.format)
    return _exit_code(pulled)


def _pull(
    service: ServiceClient, project_id: int, place: str, selection: Selection, layout: Layout, progress: Progress
) -> ExportReport:
    """Download the missing samples, and show progress."""
    dataset = Dataset(place, described(project_id, selection, layout.format), layout)
    try:
        return export(service, dataset, selection, progress=lambda now: _show(progress, now))
    except KeyboardInterrupt:
        progress.end()
        say("stopped; what was downloaded is complete. Run it again to continue.", err=True)
        raise
    finally:
        progress.end()
        dataset.close()


def _exit_code(pulled: ExportReport) -> int:
    if pulled.stopped is not None or any(not failure.is_final for failure in pulled.failures):
        return PENDING
    return REFUSED if pulled.failures else OK


def _keep_apart(folder: str, settings: Settings, *, config: str | None, state_dir: str | None) -> None:
    """Raise ConfigurationError for a folder that is watched: a daemon would upload what is pulled."""
    watched = [str(watch.path) for watch in settings.watches]
    with suppress(EisyncError):  # then check only the folders of the configuration
        for status in ask({"do": "status"}, config=config, state_dir=state_dir):
            watched += [root["path"] for root in status["roots"]]
    real = os.path.realpath(folder)
    for root in map(os.path.realpath, watched):
        if root == real or contains(root, real) or contains(real, root):
            how = "is" if root == real else "lies inside" if contains(root, real) else "contains"
            raise ConfigurationError(
                f"{folder} {how} the watched folder {root}, so what is pulled would be uploaded again; name a "
                "folder outside it"
            )


def _show(progress: Progress, pulled: ExportReport) -> None:
    progress.show(pulled.here + len(pulled.failures), pulled.total, "samples", size=pulled.fetched_bytes)
