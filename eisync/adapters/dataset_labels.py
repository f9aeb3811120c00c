"""Write the labels of an exported dataset in the format of another program.

The samples come from a list on the disk, which is read twice: for the names of classes and metadata, then for
everything else. So memory holds these names only. No file is ever incomplete under its final name.

`labels.csv` has the label, category and metadata of each file, and `structured_labels.labels` the ranges of the files
in its folder. If a sample does not fit into these files and the format, the complete list becomes the `info.labels` of
the dataset, and eisync prefers what that says. So nothing is lost, and other programs read their own format.

The number of a class never changes, also when a later run finds new classes. So a run that is killed between two label
files leaves none that means something else.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eisync.adapters.dataset_formats import FILES, FormatFiles
from eisync.adapters.files.relocate import SafeFolder
from eisync.adapters.files.replacing import Replacements
from eisync.core.annotations.csv_writer import manifest_head, manifest_line, metadata_columns, says_all
from eisync.core.annotations.plain_box import fitted, plain
from eisync.core.dataset import INFO_LABELS, WholeSample, sample_of
from eisync.core.dataset_layout import MANIFEST, RANGES, Layout, is_image
from eisync.core.labels.parts import PartKind

ImageSize = Callable[[str], tuple[int, int] | None]
"""Return the width and height of the image at a path below the dataset; None when its header cannot be read."""


@dataclass(slots=True)
class LabelsReport:
    """What the label files describe."""

    images: int = 0  # images with boxes in the format
    outside: int = 0  # boxes that reach out of their image; the format has the part inside
    with_ranges: int = 0  # samples in a structured_labels.labels
    inexact: int = 0  # samples that only info.labels describes completely
    moved: int = 0  # samples that are in another category than the folder of their file says


def write_labels(folder: SafeFolder, own: str, samples: str, layout: Layout, size_of: ImageSize) -> LabelsReport:
    """Write all label files of the dataset. Return how many samples they describe.

    `samples` is the path of an `info.labels` with an entry in each line, as `LabelsWriter` writes it. `own` is a folder
    for what must be kept between runs; its folder `parts` is for temporary files. Raise OSError.
    """
    names = _Names(_known_classes(folder, f"{own}/{_CLASSES}"))
    for _, sample in _read(folder, samples):
        names.add(sample)
    classes = names.classes()
    with contextlib.closing(Replacements(folder, f"{own}/parts")) as new:
        new.put(f"{own}/{_CLASSES}", json.dumps(classes))
        run = _Run(new, layout, FILES[layout.format](new, layout, classes), size_of, names.columns())
        for place, sample in _read(folder, samples):
            run.add(place, sample)
        if run.report.inexact or folder.holds_file(INFO_LABELS):
            folder.rename(samples, INFO_LABELS)  # first, because it is right whatever the other files say
        run.end()
    return run.report


_CLASSES = "classes.json"
_RANGES_HEAD = '{{"version":1,"type":"{1}","{2}":{{\n'.format(*PartKind.STRUCTURED.value)
_RANGES_END = "\n}}\n"


class _Names:
    """The names of the classes and of the metadata. A class that is known keeps its number."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known
        self._classes: set[str] = set()
        self._metadata: set[str] = set()

    def add(self, sample: WholeSample) -> None:
        labels = (box.get("label") for box in sample.boxes)
        self._classes.update(name for label in labels if isinstance(label, str) and (name := plain(label)))
        self._metadata.update(sample.metadata or ())

    def classes(self) -> list[str]:
        return [*self._known, *sorted(self._classes.difference(self._known))]

    def columns(self) -> list[str]:
        return metadata_columns(self._metadata)


class _Run:
    """Write the files of one dataset, sample by sample."""

    def __init__(
        self, new: Replacements, layout: Layout, files: FormatFiles, size_of: ImageSize, columns: Sequence[str]
    ) -> None:
        self.report = LabelsReport()
        self._new, self._layout, self._files, self._size_of, self._columns = new, layout, files, size_of, columns
        self._has_ranges = dict.fromkeys(layout.splits(), False)  # by folder: whether an entry was written
        new.write(MANIFEST, manifest_head(columns))

    def add(self, place: str, sample: WholeSample) -> None:
        folder = self._layout.folder_of(sample.category, place.rpartition("/")[2])
        self.report.moved += not place.startswith(f"{folder}/")
        is_exact = self._add_image(place, sample)
        self.report.inexact += not (is_exact and says_all(place, sample, self._columns))
        self._new.write(MANIFEST, manifest_line(place, sample, self._columns))
        self._add_ranges(place, sample.structured_labels)

    def end(self) -> None:
        """Complete all files, and give them their names."""
        places = [MANIFEST, *self._files.end()]
        for folder, has_ranges in self._has_ranges.items():
            place = f"{folder}/{RANGES}"
            if has_ranges or self._new.folder.holds_file(place):
                self._new.write(place, _RANGES_END if has_ranges else _RANGES_HEAD + _RANGES_END)
                places.append(place)
        self._new.finish(*places)

    def _add_image(self, place: str, sample: WholeSample) -> bool:
        """Write the image in the format. Return whether its boxes are read back as the service has them."""
        size = self._size_of(place) if is_image(place) else None
        if size is None:
            return not sample.boxes
        boxes, is_exact, outside = fitted(sample.boxes, size)
        self._files.add(place, sample.category, size, boxes)
        self.report.images += bool(boxes)
        self.report.outside += outside
        return is_exact

    def _add_ranges(self, place: str, ranges: Sequence[Mapping[str, Any]]) -> None:
        """Write the ranges of a sample into the file of its folder. None of an earlier run stay."""
        folder, _, name = place.rpartition("/")
        target = f"{folder}/{RANGES}"
        entry = f"{_packed(name)}:{_packed(ranges)}" if ranges else ""
        self.report.with_ranges += bool(ranges)
        if _is_alone(folder):
            if ranges or self._new.folder.holds_file(target):
                self._new.put(target, _RANGES_HEAD + entry + _RANGES_END)
            return
        has_others = self._has_ranges.setdefault(folder, False)
        if ranges:
            self._new.write(target, (",\n" if has_others else _RANGES_HEAD) + entry)
            self._has_ranges[folder] = True


def _is_alone(folder: str) -> bool:
    """Return whether the folder is one of a single sample, which has the sample's id as its name."""
    above, _, name = folder.rpartition("/")
    return bool(above) and name.isdecimal()


def _read(folder: SafeFolder, samples: str) -> Iterator[tuple[str, WholeSample]]:
    """Yield each sample of the list, with the path of its file."""
    with open(folder.open(samples, os.O_RDONLY), "rb") as lines:
        for line in lines:
            if line.startswith(b'{"path":'):
                entry = json.loads(line.rstrip(b",\n"))
                yield entry["path"], sample_of(entry)


def _known_classes(folder: SafeFolder, place: str) -> list[str]:
    """Return the classes of an earlier run, in the order of their numbers."""
    if not folder.holds_file(place):
        return []
    with open(folder.open(place, os.O_RDONLY), "rb") as file:
        try:
            known: list[str] = json.load(file)
        except ValueError:  # a power cut: this run numbers the classes again, and writes every label file
            return []
    return known


def _packed(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
