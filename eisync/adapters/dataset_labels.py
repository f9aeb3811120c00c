"""Write the labels of an exported dataset in the format of another program.

The samples come from a list on the disk, which is read twice: for the names of classes and metadata, then for
everything else. So memory holds these names only. No file is ever incomplete under its final name.

What the format cannot express is not lost. `labels.csv` has the label, category and metadata of each file,
`structured_labels.labels` the ranges of the files in its folder, and `info.labels` everything about the samples that
fit neither.

The number of a class never changes, also when a later run finds new classes. So a run that is killed between two label
files leaves none that means something else.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eisync.adapters.dataset_formats import FILES, FormatFiles
from eisync.adapters.files.relocate import SafeFolder
from eisync.adapters.files.replacing import Replacements
from eisync.core.annotations.csv_writer import fits_manifest, manifest_head, manifest_line
from eisync.core.annotations.plain_box import plain_boxes
from eisync.core.dataset import INFO_LABELS, WholeSample, info_labels_entry, sample_of
from eisync.core.dataset_layout import MANIFEST, RANGES, Layout, is_image
from eisync.core.labels.parts import PartKind

ImageSize = Callable[[str], tuple[int, int] | None]
"""Return the width and height of the image at a path below the dataset; None when its header cannot be read."""


@dataclass(slots=True)
class LabelsReport:
    """How many samples each kind of file describes."""

    with_boxes: int = 0  # images whose boxes are written in the format
    boxes_outside: int = 0  # boxes that reach out of their image, which other programs may refuse
    in_manifest: int = 0
    with_ranges: int = 0  # in a structured_labels.labels
    in_info_labels: int = 0  # with a part that no other file can express
    moved: int = 0  # samples that are in another category than the folder of their file says


def write_labels(folder: SafeFolder, own: str, samples: str, layout: Layout, size_of: ImageSize) -> LabelsReport:
    """Write all label files of the dataset. Return how many samples they describe.

    `samples` is the path of an `info.labels` with an entry in each line, as `LabelsWriter` writes it. `own` is a folder
    for what must be kept between runs; its folder `parts` is for temporary files. Raise OSError.
    """
    names = _Names(_known_classes(folder, f"{own}/{_CLASSES}"))
    for place, sample in _read(folder, samples):
        names.add(place, sample)
    classes = names.classes()
    with contextlib.closing(Replacements(folder, f"{own}/parts")) as new:
        new.put(f"{own}/{_CLASSES}", json.dumps(classes))
        run = _Run(new, layout, FILES[layout.format](new, layout, classes), size_of, sorted(names.metadata))
        for place, sample in _read(folder, samples):
            run.add(place, sample)
        run.end()
    return run.report


_CLASSES = "classes.json"
_INFO_HEAD, _INFO_END = '{"version":1,"files":[\n', "\n]}\n"
_RANGES_HEAD = '{{"version":1,"type":"{1}","{2}":{{\n'.format(*PartKind.STRUCTURED.value)
_RANGES_END = "\n}}\n"


class _Names:
    """The names of the classes and of the metadata. A class that is known keeps its number."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known
        self._classes: set[str] = set()
        self.metadata: set[str] = set()

    def add(self, place: str, sample: WholeSample) -> None:
        self._classes.update(box.label for box in plain_boxes(sample.boxes) or ())
        if fits_manifest(place, sample):
            self.metadata.update(sample.metadata or ())

    def classes(self) -> list[str]:
        return [*self._known, *sorted(self._classes.difference(self._known))]


class _Run:
    """Write the files of one dataset, sample by sample."""

    def __init__(
        self, new: Replacements, layout: Layout, files: FormatFiles, size_of: ImageSize, metadata: Sequence[str]
    ) -> None:
        self.report = LabelsReport()
        self._new, self._layout, self._files, self._size_of, self._metadata = new, layout, files, size_of, metadata
        self._has_ranges = dict.fromkeys(layout.splits(), False)  # by folder: whether an entry was written
        new.write(MANIFEST, manifest_head(metadata))

    def add(self, place: str, sample: WholeSample) -> None:
        has_boxes_left = not self._add_image(place, sample) and bool(sample.boxes)
        name = place.rpartition("/")[2]
        self.report.moved += not place.startswith(f"{self._layout.folder_of(sample.category, name)}/")
        if has_boxes_left or not fits_manifest(place, sample):
            left = sample if has_boxes_left else replace(sample, boxes=())
            head = ",\n" if self.report.in_info_labels else _INFO_HEAD
            self._new.write(INFO_LABELS, head + _packed(info_labels_entry(left, place)))
            self.report.in_info_labels += 1
            self._add_ranges(place, ())
            return
        self.report.in_manifest += 1
        self._new.write(MANIFEST, manifest_line(place, sample, self._metadata))
        self._add_ranges(place, sample.structured_labels)

    def end(self) -> None:
        """Complete all files, and give them their names."""
        places = [MANIFEST, *self._files.end()]
        for folder, has_ranges in self._has_ranges.items():
            place = f"{folder}/{RANGES}"
            if has_ranges or self._new.folder.holds_file(place):
                self._new.write(place, _RANGES_END if has_ranges else _RANGES_HEAD + _RANGES_END)
                places.append(place)
        if self.report.in_info_labels or self._new.folder.holds_file(INFO_LABELS):
            self._new.write(INFO_LABELS, _INFO_END if self.report.in_info_labels else _INFO_HEAD + _INFO_END)
            places.append(INFO_LABELS)
        self._new.finish(*places)

    def _add_image(self, place: str, sample: WholeSample) -> bool:
        """Write the image in the format. Return whether that was possible."""
        boxes = plain_boxes(sample.boxes) if is_image(place) else None
        size = None if boxes is None else self._size_of(place)
        if boxes is None or size is None:
            return False
        self._files.add(place, sample.category, size, boxes)
        self.report.with_boxes += bool(boxes)
        self.report.boxes_outside += sum(not box.is_inside(size) for box in boxes)
        return True

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
        except ValueError:  # a power cut: this run numbers the classes anew, and writes every label file
            return []
    return known


def _packed(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
