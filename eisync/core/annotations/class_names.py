"""Read lists of classes: the names of the numbers or keys that annotations have as labels.

A list is a text with a name in each line, counted from 0; a YAML document with `names`, as Ultralytics has it; the
`notes.json` of Label Studio; or the class descriptions of Open Images, whose keys are like `/m/01g317`.

YAML is read with all scalars as texts: so a class called `no` or `1.0` keeps its name, and no object is created.

Sources: docs.ultralytics.com, "Dataset format" (`names`, `kpt_shape`); AlexeyAB/darknet README (`obj.names`);
HumanSignal/label-studio-sdk, converter (`classes.txt`, `notes.json`); storage.googleapis.com/openimages/web.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from eisync.core.annotations.numbers import whole_number
from eisync.core.annotations.rows import LONGEST_TEXT, lines, rows
from eisync.core.formats.json_values import is_whole

_TEXTS = re.compile(
    r"(?:_?classes|class_?names|predefined_classes|labels|names)\.txt|[^/]*\.names|_?darknet\.labels", re.IGNORECASE
)
_YAML = re.compile(r"[^/]*\.ya?ml", re.IGNORECASE)
_DESCRIPTIONS = re.compile(r"[^/]*class-descriptions[^/]*\.csv", re.IGNORECASE)
_NOTES = "notes.json"
_ENDS = ("classes.txt", "names.txt", "labels.txt", ".names", ".yaml", ".yml", "darknet.labels", _NOTES)
_OPEN_IMAGES = "class-descriptions"
_NUMBERED = re.compile(r"([0-9]+)[ \t:]+(\S.*)")
_KEY_OF_A_CLASS = "/"
_DEEPEST = 50


def is_list(name: str) -> bool:
    """Return whether a file with this base name may be a list of classes.

    >>> is_list("data.yaml"), is_list("data.json")
    (True, False)
    """
    name = name.lower()
    if not name.endswith(_ENDS) and _OPEN_IMAGES not in name:
        return False  # nearly every file
    return name == _NOTES or any(known.fullmatch(name) for known in (_TEXTS, _YAML, _DESCRIPTIONS))


def read(name: str, text: str) -> dict[str, str]:
    """Return the name of each class by its number or key. `name` is the base name of the file.

    Raise ValueError with the reason when it is not a list of classes.

    >>> read("classes.txt", "cat\\ndog\\n")
    {'0': 'cat', '1': 'dog'}
    """
    text = _checked(text)
    if name.lower() == _NOTES:
        found = _of_notes(text)
    elif _YAML.fullmatch(name):
        found = _of_yaml(text)
    elif _DESCRIPTIONS.fullmatch(name):
        found = {cells[0]: cells[1] for _, cells in rows([text]) if len(cells) > 1 and cells[0][:1] == _KEY_OF_A_CLASS}
    else:
        found = _of_lines(text)
    found = {number: one.strip() for number, one in found.items() if one.strip()}
    if not found:
        raise ValueError("it names no class")
    return found


def keypoint_shape(text: str) -> tuple[int, int] | None:
    """Return how many keypoints each box has by a data.yaml (`kpt_shape`), and how many numbers each of them has.

    None when the document says nothing of keypoints. Raise ValueError when it is not YAML.
    """
    found = _yaml(_checked(text))
    shape = found.get("kpt_shape") if isinstance(found, dict) else None
    sizes = [whole_number(one) for one in shape] if isinstance(shape, list) else []
    if len(sizes) != 2 or sizes[0] is None or sizes[1] not in (2, 3):
        return None
    return sizes[0], sizes[1]


def _checked(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"it has more than {LONGEST_TEXT:,} characters, which is too many for a list of classes")
    if "\0" in text or not is_whole(text):
        raise ValueError("it contains a NUL character or half a character")
    return text.removeprefix("\ufeff")


def _of_lines(text: str) -> dict[str, str]:
    """Return the names in lines. Where each line begins with its own number, as in TensorFlow Lite, it is left out."""
    found = [line.strip() for line in lines([text])]
    numbered = [_NUMBERED.fullmatch(line) for line in found]
    if all(one is not None and one[1] == str(count) for count, one in enumerate(numbered)):
        found = [one[2] for one in numbered if one is not None]
    return {str(count): one for count, one in enumerate(found)}


def _of_yaml(text: str) -> dict[str, str]:
    found = _yaml(text)
    names = found.get("names") if isinstance(found, dict) else None
    if isinstance(names, list):
        names = {str(count): one for count, one in enumerate(names)}
    if not isinstance(names, dict):
        raise ValueError("it has no list of names")
    return {key: one for key, one in names.items() if isinstance(key, str) and isinstance(one, str)}


def _yaml(text: str) -> Any:
    """Return a YAML document of lists, mappings and texts. An alias is one more name of a value, not a copy."""
    try:
        import yaml
    except ImportError:
        raise ValueError("YAML cannot be read; install eisync[annotations]") from None
    try:
        loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
        return loader(text).get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError("it is not YAML" if mark is None else f"it is not YAML (line {mark.line + 1})") from None


def _of_notes(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    listed = found.get("categories") if isinstance(found, dict) else None
    categories = [one for one in (listed if isinstance(listed, list) else []) if isinstance(one, Mapping)]
    return {str(one["id"]): one["name"] for one in categories if "id" in one and isinstance(one.get("name"), str)}
