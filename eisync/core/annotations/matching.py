"""Find the entry of a shared document that describes a file.

A document names a file as it was when it was written: by its name alone, by a path from the dataset's root, or by one
of another machine (`/content/data/train/a.jpg`). So the names are compared from their ends: the entry with which the
file shares the most parts is meant. An Open Images table names files without their extension.

An entry for a file that exists exactly there is never taken for a file elsewhere, nor one whose folders contradict.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from eisync.core.annotations.label_studio_images import without_prefix
from eisync.core.annotations.places import DATA_FOLDERS, categories_in
from eisync.core.labels.entry import Entry
from eisync.core.labels.path_rules import DATA, MEDIA
from eisync.core.text import caseless

REFERENCE = "//"
"""Paths with this prefix are no files: they are what other entries of the document refer to."""
CLASSES = "//classes"
IMAGE = "//image/"
"""With the number of an image behind it: the boxes of that image."""

MOST_DIGITS = 18
"""A number of so many digits fits into 64 bits."""

_FOREIGN = re.compile(r"/|\.\./|[a-z][a-z0-9+.-]*:/", re.IGNORECASE)
"""How a path on another machine begins, or an address."""

_EXTENSIONS = frozenset(one.lower() for one in (*MEDIA, *DATA, "json", "txt"))


def key_of(path: str) -> str:
    """Return what the entries for one file name have in common: the name without folder, extension and letter case.

    >>> key_of("/content/train/Im0.JPG"), key_of("0a1b")
    ('im0', '0a1b')
    """
    if path.startswith(REFERENCE):
        return path
    return caseless(_stem(without_prefix(path.rpartition("/")[2])))


def number_in(reference: str) -> int | None:
    """Return the number of the image that a reference is to; None if it is none, or no number of 63 bits.

    >>> number_in("//image/139"), number_in("//image/a1"), number_in("//classes")
    (139, None, None)
    """
    text = reference[len(IMAGE) :]
    if not reference.startswith(IMAGE) or not text.isdigit() or not text.isascii() or len(text) > MOST_DIGITS:
        return None
    return int(text) if text[0] != "0" or text == "0" else None


def image_number(entry: Entry) -> int | None:
    """Return the number of the image whose boxes the entry has; None if it says anything else."""
    if entry.regions is None or entry.problem is not None or entry.remark is not None:
        return None
    return number_in(entry.path)


def exact_names(path: str, folder: str) -> Iterator[str]:
    """Yield the names by which a document that describes `folder` may mention the file at `path`, the longest first.

    >>> list(exact_names("data/train/a.jpg", "data"))
    ['train/a.jpg', 'a.jpg']
    """
    parts = path[len(folder) + 1 if folder else 0 :].split("/")
    yield from ("/".join(parts[at:]) for at in range(len(parts)))


def matching(path: str, named: Iterable[str], is_other: Callable[[str], bool]) -> list[str]:
    """Return the names that mean the file at `path`: those with which it shares the most parts; mostly one or none.

    `named`: the names in the document whose `key_of` is that of the file. `is_other` returns whether a name is the
    path of another file that exists.

    >>> matching("train/a.jpg", ["/content/train/a.jpg", "/content/val/a.jpg"], lambda name: False)
    ['/content/train/a.jpg']
    """
    shared = {name: shared_parts(path, name) for name in named}
    most = max(shared.values(), default=0)
    return [name for name, count in shared.items() if count == most and count and not is_other(name)]


def contradicts(below: str, name: str, above: str = "") -> bool:
    """Return whether a name means a file in another folder than that of the file at `below`.

    That is the path from the folder that the document describes, which itself is at `above`. Folders that are named for
    data, such as `images`, say nothing. A name from another machine, with a path from its top, only contradicts by a
    category.

    >>> contradicts("train/a.jpg", "val/a.jpg"), contradicts("train/a.jpg", "set/train/images/a.jpg")
    (True, False)
    """
    ours, theirs = below.rpartition("/")[0], name.rpartition("/")[0]
    own, named = categories_in(ours), categories_in(theirs)
    if own and named and own.isdisjoint(named):
        return True
    if _FOREIGN.match(name):
        return False
    telling, other = _telling(ours), _telling(theirs)
    if not telling:
        return bool(other) and other[0] not in _telling(above)[:1]
    return any(mine != one for mine, one in zip(telling, other, strict=False))


def _telling(folders: str) -> list[str]:
    """Return the folders that tell files apart, from the last to the first, one for a category by its name."""
    parts = [one for one in map(caseless, reversed(folders.split("/"))) if one and one not in DATA_FOLDERS]
    return [" ".join(sorted(categories_in(one))) or one for one in parts]


def shared_parts(path: str, name: str) -> int:
    """Return how many parts the path and the name share, counted from their ends; 0 when it is not the same file name.

    >>> shared_parts("data/train/a.jpg", "/content/train/a.jpg"), shared_parts("a.jpg", "b.jpg")
    (2, 0)
    """
    ours, theirs = path.split("/"), [part for part in name.split("/") if part]
    if not theirs or not _is_same_file(ours[-1], theirs[-1]):
        return 0
    count = 1
    for mine, other in zip(reversed(ours[:-1]), reversed(theirs[:-1]), strict=False):
        if caseless(mine) != caseless(other):
            break
        count += 1
    return count


def _is_same_file(own: str, named: str) -> bool:
    """Return whether two names are the same but for letter case, or the named one has no extension."""
    own, named = caseless(own), caseless(named)
    if own == named or (_stem(named) == named and _stem(own) == named):
        return True
    return own == without_prefix(named)  # an upload to Label Studio


def _stem(name: str) -> str:
    """Return the name without its extension, if it has one of a sample."""
    stem, _, extension = name.rpartition(".")
    return stem if stem and extension.lower() in _EXTENSIONS else name
