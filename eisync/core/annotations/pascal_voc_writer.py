"""Write Pascal VOC annotations, one XML file for each image.

`xmin` and `ymin` are the upper left corner of the box, counted from 0. Its width is `xmax - xmin`, and its height is
`ymax - ymin`. The annotations of VOC 2012 itself count from 1; labelImg, Roboflow and CVAT write corners as here. The
depth is always 3, because readers expect a number there and do not use it.

Source: the VOC2012 development kit, section 2.3; exports of the programs named above.
"""

from collections.abc import Sequence
from html import escape

from eisync.core.annotations.plain_box import PlainBox, written


def annotation(place: str, size: tuple[int, int], boxes: Sequence[PlainBox]) -> str:
    """Return the text of the XML file. `place` is the path of the image below its dataset; `size` is in pixels."""
    folder, _, name = place.rpartition("/")
    objects = "".join(map(_object, boxes))
    return (
        f"<annotation>\n  <folder>{escape(folder)}</folder>\n  <filename>{escape(name)}</filename>\n"
        f"  <size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>\n"
        f"  <segmented>0</segmented>\n{objects}</annotation>\n"
    )


def _object(box: PlainBox) -> str:
    return (
        f"  <object>\n    <name>{escape(box.label)}</name>\n    <pose>Unspecified</pose>\n"
        "    <truncated>0</truncated>\n    <difficult>0</difficult>\n"
        f"    <bndbox><xmin>{written(box.x)}</xmin><ymin>{written(box.y)}</ymin>"
        f"<xmax>{written(box.x + box.width)}</xmax><ymax>{written(box.y + box.height)}</ymax></bndbox>\n  </object>\n"
    )
