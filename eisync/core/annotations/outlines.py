"""Leave the outlines out of the text of a COCO document, where a box stands beside them.

Outlines are four fifths of such a document, and only the boxes are used. Finding the end of an outline costs a
twentieth of decoding its numbers. An outline whose annotation has no box near it stays: its box is made from it.

Source: cocodataset.org, "Data format": `segmentation` is a list of polygons, each a list of coordinates.
"""

import re
from collections.abc import Iterable, Iterator

_KEY = '"segmentation"'
_OPENING = re.compile(r'(?<!\\)"segmentation"\s*:\s*(?=\[\s*\[)')
_BOX = re.compile(r'"bbox"\s*:\s*\[\s*-?[0-9]')
_NEAR = 300
"""How far from an outline its box is searched for (characters)."""
_LONGEST = 512 * 1024
_IN_PLACE = "0"


def without_outlines(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the text with 0 in place of each outline that has a box beside it.

    >>> "".join(without_outlines(['{"segmentation": [[1,2,3,4,5,6]], "bbox": [1,2,4,4]}']))
    '{"segmentation": 0, "bbox": [1,2,4,4]}'
    """
    held = ""
    for piece in pieces:
        kept, held = _shortened(held + piece, is_last=False)
        if len(held) > _LONGEST:
            kept, held = kept + held, ""
        if kept:
            yield kept
    if held:
        yield _shortened(held, is_last=True)[0]


def _shortened(text: str, *, is_last: bool) -> tuple[str, str]:
    """Return the text up to the last outline that may continue in the next piece, without outlines; and the rest."""
    parts: list[str] = []
    done = at = 0
    while (key := text.find(_KEY, at)) >= 0:
        at = key + len(_KEY)
        opening = _OPENING.match(text, key)
        if opening is None:
            continue
        quote = text.find('"', opening.end())
        if not is_last and (quote < 0 or len(text) - quote < _NEAR):
            begins = max(done, text.rfind("{", max(done, key - _NEAR), key))
            return "".join([*parts, text[done:begins]]), text[begins:]
        end = _end_of(text, opening.end(), len(text) if quote < 0 else quote)
        if end is not None and _has_box(text, key, end):
            parts += (text[done : opening.end()], _IN_PLACE)
            done = at = end
    return "".join([*parts, text[done:]]), ""


def _end_of(text: str, begins: int, quote: int) -> int | None:
    """Return where the outline before a quote ends; None when it is more than lists of numbers."""
    brace = text.find("}", begins, quote)
    outline = text[begins : quote if brace < 0 else brace].rstrip(" \t\r\n,")
    is_list = outline.endswith("]") and outline.count("[") == outline.count("]") and "{" not in outline
    return begins + len(outline) if is_list else None


def _has_box(text: str, key: int, end: int) -> bool:
    """Return whether the same annotation has a box, shortly before its outline or shortly after."""
    after = text.find('"bbox"', end, end + _NEAR)
    if after >= 0 and text.find("}", end, after) < 0 and text.find("{", end, after) < 0:
        return _BOX.match(text, after) is not None
    opening = text.rfind("{", max(0, key - _NEAR), key)
    before = text.find('"bbox"', opening, key) if opening >= 0 else -1
    return before >= 0 and text.find("}", before, key) < 0 and _BOX.match(text, before) is not None
