"""Say where the label, the category and the metadata of a file come from, in a few words for a person."""

from eisync.core.labels.path_rules import (
    CATEGORY_WORDS,
    FOLDER,
    INFER,
    SDK,
    PathRules,
    infer_category_as_sdk,
    naming_of,
)
from eisync.core.labels.rules import Decision, Origin
from eisync.core.model import shown

_OF_THE_FOLDER = "the configuration of the folder"
_NOT_NAMED = "no word of its path names one: the service decides"
_A_LABEL = "; the first part of its name is the label and does not set the category"


def label_from(path: str, decided: Decision) -> str:
    """Return what gave the label of the file at `path`.

    >>> from eisync.core.labels.rules import LabelRules
    >>> label_from("cat/001.csv", LabelRules().decide("cat/001.csv"))
    'the folder cat, because the name of the file only tells it from others'
    """
    if decided.by is None:
        return _by_rule(decided.label_from)
    return _with_rule(_inferred_label(path, decided, decided.by), decided.label_from)


def category_from(path: str, decided: Decision) -> str:
    """Return what gave the category of the file at `path`."""
    if decided.category_by is None:
        return _by_rule(decided.category_from)
    return _with_rule(_inferred_category(path, decided, decided.category_by), decided.category_from)


def metadata_from(decided: Decision) -> dict[str, str]:
    """Return what gave each metadata that a rule gives, by name."""
    return {name: _by_rule(origin) for name, origin in decided.metadata_from.items()}


def _inferred_label(path: str, decided: Decision, by: PathRules) -> str:
    if decided.label_folder is not None:
        why = "" if by.label == FOLDER else ", because the name of the file only tells it from others"
        return f"the folder {shown(path.split('/')[decided.label_folder])}{why}"
    return "the file's name up to its first dot" if by.label in (INFER, FOLDER, SDK) else _OF_THE_FOLDER


def _inferred_category(path: str, decided: Decision, by: PathRules) -> str:
    if by.category is not None:
        return _OF_THE_FOLDER
    if by.rule == SDK:
        found = infer_category_as_sdk(path)
        return _NOT_NAMED if found is None else f"'{found.value}' occurs in its path, and category = \"{SDK}\""
    naming = naming_of(path, decided.label_folder)
    if naming is None:
        is_category_word = path.rpartition("/")[2].partition(".")[0].lower() in CATEGORY_WORDS
        return f"{_NOT_NAMED}{_A_LABEL if is_category_word else ''}"
    where = f"its name {naming.part} after the first dot" if naming.in_name else f"the folder {naming.part}"
    return f"the word '{naming.word}' in {where}"


def _with_rule(what: str, origin: Origin) -> str:
    if origin.rule is None:
        return what
    return _by_rule(origin) if what == _OF_THE_FOLDER else f"{_by_rule(origin)}: {what}"


def _by_rule(origin: Origin) -> str:
    return f"rule {origin.rule}" if origin.group is None else f"the group {origin.group} of rule {origin.rule}"
