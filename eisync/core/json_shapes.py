"""Tell by the first members of a JSON object what it is: an acquisition, or a description of other files.

Pure; the text may end anywhere. Sources: the wire contract, section 2; the formats that `core.annotations` names.
"""

import re
from itertools import islice

from eisync.core.json_scan import members
from eisync.core.media_names import MEDIA, names_media

_DESCRIBES = "JSON that describes other files"

_MEMBERS = (
    {"annotations"},
    {"images", "info"},
    {"images", "categories"},
    {"shapes", "version"},
    {"imagePath"},
    {"boundingBoxes"},
    {"_via_settings"},
    {"_via_img_metadata"},
    {"_via_attributes"},
    {"project", "attribute", "view"},
    {"asset", "regions"},
    {"assets", "tags"},
    {"filename", "regions"},
    {"fileref", "regions"},
    {"objects", "size"},
    {"openlabel"},
    {"data", "completions"},
    {"data", "predictions"},
    {"image_id", "bbox"},
    {"External ID"},
    {"classes", "tags"},
    {"categories", "info"},
)
_ACQUISITION = {b"protected", b"payload"}

_NAME_OF_MEDIA = re.compile(rb'"[^"\\]{1,300}\.(?:' + "|".join(MEDIA).encode() + rb')"', re.IGNORECASE)
_KEY_BEHIND = re.compile(rb'[\s,]*"((?:[^"\\]|\\.)*)"\s*:', re.DOTALL)


def is_acquisition(raw: bytes) -> bool:
    """Whether the object has a member that only an acquisition has. Of most the first one is asked."""
    first = _KEY_BEHIND.match(raw, 1)
    return (first is not None and first[1] in _ACQUISITION) or any(
        name.encode() in _ACQUISITION for name in _names(raw, 0)
    )


def what_it_describes(raw: bytes, at: int) -> str | None:
    """Return in a few words what the object at `at` is, if it is no acquisition; None when it is not known.

    Its members tell, or those of its first one.
    """
    names = _names(raw, at)
    if any(known <= names.keys() for known in _MEMBERS):
        return _DESCRIBES
    if any(map(names_media, (*names, *names.values()))) or _NAME_OF_MEDIA.search(raw, at):
        return "JSON that names other files"
    inner = next(members(raw, at), None)
    if inner is not None and raw[inner[1] : inner[1] + 1] == b"{":
        inside = _names(raw, inner[1])
        if any(known <= inside.keys() for known in _MEMBERS):
            return _DESCRIBES
    return None


def _names(raw: bytes, at: int) -> dict[str, str]:
    """The names of the object's members as far as it goes, with their texts where they are short ones."""
    found = {}
    behind = at + 1
    for name, start, end in islice(members(raw, at), 200):
        text = raw[start + 1 : end - 1] if raw[start : start + 1] == b'"' and end - start < 300 else b""
        found[name.decode("utf-8", "replace")] = text.decode("utf-8", "replace")
        behind = end
    cut = _KEY_BEHIND.match(raw, behind)  # of a member that goes on behind the head
    if cut is not None:
        found.setdefault(cut[1].decode("utf-8", "replace"), "")
    return found
