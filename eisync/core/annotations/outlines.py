"""Leave the outlines out of the text of a COCO document, where a box stands beside them.

Outlines are four fifths of such a document, and only the boxes are used. Passing over the numbers of an outline costs a
tenth of decoding them. An outline stays where its annotation has no box, because the box is then made from it; also
where other members than texts and numbers are between the two, or where the end of a piece is. That costs time only.

Source: cocodataset.org, "Data format": `segmentation` is a list of polygons, each a list of coordinates.
"""

import re
from collections.abc import Iterable, Iterator

# JSON's blanks are spelt out: a class with \s is not a table of characters, and takes twice the time.
_OUTLINE = r"\[[ \t\r\n]*\[[-+0-9.,eE \t\r\n\[\]]*\]"
_MEMBERS = r'(?:"\w+"\s*:\s*(?:"[^"\\]*"|[^ \t\r\n,{}\[\]"]+)\s*,\s*){0,12}+'
_BEFORE_A_BOX = re.compile(rf'"segmentation"\s*:\s*+{_OUTLINE}(?=\s*,\s*{_MEMBERS}"bbox"\s*:\s*\[\s*-?[0-9])')
_BEHIND_A_BOX = re.compile(
    rf'("bbox"\s*:\s*\[\s*-?[0-9][^\[\]{{}}"]*+\]\s*,\s*{_MEMBERS}"segmentation"\s*:\s*+){_OUTLINE}(?=\s*(?:,\s*"|\}}))'
)


def without_outlines(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the text with 0 in place of most outlines that have a box beside them.

    >>> "".join(without_outlines(['{"segmentation": [[1,2,3,4,5,6]], "bbox": [1,2,4,4]}']))
    '{"segmentation":0, "bbox": [1,2,4,4]}'
    """
    for piece in pieces:
        outline = piece.find('"segmentation"', piece.find("{"))  # of an annotation that begins in this piece
        if '"bbox"' in piece[piece.rfind("{", 0, outline) : outline]:
            yield _BEHIND_A_BOX.sub(r"\g<1>0", piece)
        else:
            yield _BEFORE_A_BOX.sub('"segmentation":0', piece)
