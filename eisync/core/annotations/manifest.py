"""Read a manifest: a list of files with their labels, categories and metadata, as a table or as JSON.

A table has a header and one row for each file. Its cells are separated by `,`, `;`, tabs or `|`, and a first line
`sep=;` of Excel says which. Empty lines, lines that begin with `#` and a repeated header are skipped. JSON is a list of
objects, or one object in each line. Roboflow's `_classes.csv` has a column for each class instead, with one 1 in a row.

A row that cannot be used becomes an entry with a problem, and its path is empty where it names no file. A quote that is
not closed makes the whole table unusable, because it is not known which rows it swallows.

Sources: RFC 4180 (CSV); Hugging Face's ImageFolder and AudioFolder (`metadata.csv`, `metadata.jsonl`); jsonlines.org;
Roboflow's multi-label classification export (`_classes.csv`).
"""

import itertools
import re
from collections.abc import Iterable, Iterator

from eisync.core.annotations.manifest_json import is_json_of_files, rows_of_array, rows_of_lines
from eisync.core.annotations.manifest_table import is_table_of_files, rows_of_table
from eisync.core.labels.entry import Entry

_WORD = r"(?:train|training|test|testing|val|valid|validation)"
_WHAT = r"(?:manifest|labels?|metadata|annotations?|class(?:es)?|index|filelist|files)"
_NAMES = re.compile(
    rf"_?(?:{_WHAT}|{_WORD}|{_WORD}[ _-]?{_WHAT}|{_WHAT}[ _-]?{_WORD})\.(csv|tsv|txt|jsonl|ndjson|json)", re.IGNORECASE
)


def recognises(name: str, head: str) -> bool:
    """Return whether the file is a manifest, by its base name and its first characters.

    It must have a usual name, the columns of a manifest, and names of files in the first rows. A table of readings is
    never taken for one. (A person may name any other file as a manifest.)

    >>> recognises("labels.csv", "file;label\\na.wav;cat\\n"), recognises("labels.csv", "time,label\\n0.1,cat\\n")
    (True, False)
    """
    named = _NAMES.fullmatch(name)
    if named is None:
        return False
    try:
        begins, pieces = _peeked([head])
        if named[1].lower() in ("csv", "tsv", "txt"):
            return is_table_of_files("".join(pieces))
        return is_json_of_files(pieces, is_array=begins == "[")
    except ValueError:
        return False


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each row, from pieces of the text. Memory does not grow with the list.

    Raises ValueError, with the reason, when the list as a whole cannot be used. Then discard all of its entries.

    >>> next(entries(["file;label\\n", "a.wav;cat"])).label
    'cat'
    """
    begins, pieces = _peeked(pieces)
    if begins == "[":
        return rows_of_array(pieces)
    return rows_of_lines(pieces) if begins == "{" else rows_of_table(pieces)


def _peeked(pieces: Iterable[str]) -> tuple[str, Iterator[str]]:
    """Return the first character of the text that is no blank, and all of its pieces. Raises ValueError without one."""
    rest = iter(pieces)
    read: list[str] = []
    length = 0
    for piece in rest:
        text = piece if read else piece.removeprefix("\ufeff")
        read.append(text)
        length += len(text)
        if text.strip():
            return text.lstrip()[0], itertools.chain(read, rest)
        if length > 1024 * 1024:
            raise ValueError("it begins with more than a million blanks")
    raise ValueError("it is empty")
