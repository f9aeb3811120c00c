"""Define what a sidecar or an annotation file says about one file, before it is known how large that file is.

Annotation programs draw boxes in pixels or in fractions of the image, and mark stretches of a recording in seconds.
Edge Impulse wants pixels and indexes of samples. So these are kept as they are written, as `Region` and `Stretch`, and
converted when the file itself is there.
"""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Region(NamedTuple):
    """A box in an image, in pixels or in fractions of its width and height.

    `where` names its place in the annotation file for a person, such as `line 3`.
    """

    label: str
    left: float
    top: float
    width: float
    height: float
    where: str


class Stretch(NamedTuple):
    """A part of a recording with one label, from `start_s` up to `end_s` (seconds from its beginning)."""

    label: str
    start_s: float
    end_s: float
    where: str


@dataclass(frozen=True, kw_only=True)  # without slots, so that `entry_of_boxes` is possible
class Entry:
    """The description of one file. `path` is relative to the sidecar's folder, with `/` between its parts.

    None means that the entry does not give the value. `problem` says why the entry cannot be used. `name` is the name
    of the sample in Studio, without extension. `attachments` is the number of attached files that the entry lists.
    `remark` says what is not sent as it is written, such as an outline of which only its box is.

    `regions` are fractions of the image if `is_relative`, otherwise pixels of an image of `size` (width and height;
    None: not said). If `is_numbered`, their labels are numbers, whose names a list of classes has. `more` is the path
    of further entries of the same annotation file, which belong to this one. `where` names the place of this entry in
    its file, such as `line 3`.
    """

    path: str
    category: str | None = None
    label: str | None = None
    is_unlabeled: bool = False
    structured_labels: list[dict[str, Any]] | None = None
    label_map: Mapping[str, str] | None = None
    metadata: dict[str, Any] | None = None
    bounding_boxes: list[dict[str, Any]] | None = None
    problem: str | None = None
    name: str | None = None
    attachments: int = 0
    regions: list[Region] | None = None
    is_relative: bool = False
    is_numbered: bool = False
    size: tuple[int, int] | None = None
    stretches: list[Stretch] | None = None
    more: str | None = None
    remark: str | None = None
    where: str | None = None


def entry_of_boxes(path: str, regions: list[Region]) -> Entry:
    """Return `Entry(path=path, regions=regions, is_numbered=True)` in a fifth of the time.

    A COCO document has an entry for nearly each of its boxes, and a frozen class with many fields takes longer to
    create than the box takes to decode. What is not set here is the default of the class.
    """
    made = object.__new__(Entry)
    made.__dict__.update(path=path, regions=regions, is_numbered=True)
    return made


def relative_path(path: str) -> str:
    """Return the path as eisync writes it. Exports of Windows have backslashes; people write `./` and `//`.

    >>> relative_path(r".\\images\\a.png")
    'images/a.png'
    """
    path = path.replace("\\", "/").removeprefix("./")
    return posixpath.normpath(path) if "//" in path or "/." in path else path


_encode = json.JSONEncoder(ensure_ascii=False).encode


def packed(entry: Entry) -> str:
    """Return the entry as one line of text, with only the values that it gives. `unpacked` reads it back."""
    return _encode({name: value for name, value in vars(entry).items() if value not in (None, False)})


def unpacked(text: str) -> Entry:
    """Return the entry that `packed` wrote as text.

    >>> unpacked(packed(Entry(path="a.png", regions=[Region("cat", 1, 2, 3, 4, "line 1")]))).regions[0].label
    'cat'
    """
    values = json.loads(text)
    for name, kind in (("regions", Region), ("stretches", Stretch)):
        if name in values:
            values[name] = [kind(*one) for one in values[name]]
    if "size" in values:
        values["size"] = tuple(values["size"])
    made = object.__new__(Entry)  # as in `entry_of_boxes`
    made.__dict__.update(values)
    return made
