"""Read lists of files that say which files are for training, validation or testing, by the name of the list.

Speech Commands has `testing_list.txt` and `validation_list.txt`, Darknet `train.txt`, Pascal VOC
`ImageSets/Main/val.txt`. Each line names a file: by a path, or by its name without extension, as VOC has it.

Sources: the README of speech_commands v0.02; the development kit of VOC 2012, section 4; AlexeyAB/darknet README.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from eisync.core.annotations.rows import first_lines, lines
from eisync.core.labels.entry import Entry, relative_path
from eisync.core.labels.path_rules import CATEGORY_WORDS, DATA, MEDIA
from eisync.core.model import Category

_NAME = re.compile(
    rf"(?:[a-z]+[_-])?({'|'.join(CATEGORY_WORDS)})(?:[_-](?:list|files|set|split|images))?\.txt", re.IGNORECASE
)
_FILE = re.compile(rf"\S[^\t;,|\"]*\.(?:{'|'.join((*MEDIA, *DATA, 'json'))})\s*", re.IGNORECASE)
_STEM = re.compile(r"(?=\S*[a-z_-]|0)[\w-]+\s*", re.IGNORECASE)  # not a number, unless one with leading zeros

CATEGORIES = (Category.TRAINING, Category.VALIDATION, Category.TESTING)


def recogniser(category: Category) -> Callable[[str, str], bool]:
    """Return what recognises a list of the files of this category, by its name and the beginning of its text.

    >>> recogniser(Category.TESTING)("testing_list.txt", "bed/0c40e715_nohash_0.wav\\n")
    True
    """

    def recognises(name: str, head: str) -> bool:
        named = _NAME.fullmatch(name)
        if named is None or CATEGORY_WORDS[named[1].lower()] is not category:
            return False
        found = [line for line in first_lines(head) or () if line.strip()]
        return bool(found) and (all(map(_FILE.fullmatch, found)) or all(map(_STEM.fullmatch, found)))

    return recognises


def reader(category: Category) -> Callable[[Iterable[str]], Iterator[Entry]]:
    """Return what yields an entry for each file in a list of the files of this category.

    >>> next(reader(Category.TESTING)(["bed/0c40e715_nohash_0.wav"])).category
    'testing'
    """

    def entries(pieces: Iterable[str]) -> Iterator[Entry]:
        for number, line in enumerate(lines(pieces), 1):
            path = relative_path(line.removeprefix("\ufeff").strip())
            if path:
                yield Entry(path=path, category=category.value, where=f"line {number}")

    return entries
