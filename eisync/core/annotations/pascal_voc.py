"""Read Pascal VOC annotations: an XML document beside each image, with an `object` for each box.

The left upper corner of a box is (`xmin`, `ymin`), its width is `xmax - xmin`, its height `ymax - ymin`, as LabelImg,
Roboflow and FiftyOne write and read them. In VOC 2012 itself the coordinates count from 1 and include the last pixel;
there the boxes lie one pixel to the right, which is below the accuracy of drawn boxes. A document does not say which
of both it means.

Difficult and truncated objects are kept. Boxes of parts of an object are left out with a remark. `filename` is ignored:
people rename and move images, and their annotation goes with them by its own name.

XML with a document type is refused, because that can make a small document fill the memory.

Source: M. Everingham and J. Winn, "The PASCAL VOC 2012 Development Kit", section 8.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from eisync.core.annotations.numbers import number, size_of
from eisync.core.annotations.rows import whole_text
from eisync.core.annotations.shapes import MOST_REGIONS, PARTS
from eisync.core.labels.entry import Entry, Region

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ROOT = re.compile(r"\ufeff?\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<annotation[\s>]", re.DOTALL)
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def recognises(name: str, head: str) -> bool:
    """Return whether the file is an annotation in this format, by its first element.

    >>> recognises("a.xml", "<annotation><folder>images</folder>")
    True
    """
    return name.lower().endswith(".xml") and _ROOT.match(head) is not None


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield the one entry of the image. Raise ValueError for a document that is not of this format."""
    root = _root(whole_text(pieces))
    size = root.find("size")
    said = None if size is None else size_of(size.findtext("width"), size.findtext("height"))
    regions: list[Region] = []
    remark = None if root.find("object/part") is None else PARTS
    for count, found in enumerate(root.iterfind("object"), 1):
        name = (found.findtext("name") or "").strip()
        where = f"object {count} ({name})" if name else f"object {count}"
        try:
            if count > MOST_REGIONS:
                raise ValueError("is one too many for an image")
            regions.append(_region(found, name, where))
        except ValueError as error:
            yield Entry(path="", problem=f"{where} {error}")
            return
    yield Entry(path="", regions=regions, size=said, remark=remark)


def _root(text: str) -> "Element":
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring
    except ImportError:
        raise ValueError("XML cannot be read without a hardened parser; install eisync[annotations]") from None
    try:
        root = fromstring(text.removeprefix("\ufeff"), forbid_dtd=True)
    except DefusedXmlException:
        raise ValueError("it has a document type, which could make it fill the memory; remove the DOCTYPE") from None
    except (ParseError, ValueError, LookupError) as error:
        raise ValueError(f"it is not XML ({error})") from None
    if root.tag != "annotation":
        raise ValueError("its first element is not annotation")
    return root


def _region(found: "Element", name: str, where: str) -> Region:
    if not name:
        raise ValueError("has no name")
    box = found.find("bndbox")
    if box is None:
        raise ValueError("has no bndbox")
    edges = [number(box.findtext(edge) or "") for edge in _EDGES]
    left, top, right, bottom = edges
    if left is None or top is None or right is None or bottom is None:
        missing = _EDGES[edges.index(None)]
        raise ValueError(f"has a bndbox whose {missing} is not a number")
    return Region(name, left, top, right - left, bottom - top, where)
