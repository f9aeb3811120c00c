"""From where a file lies to its label and category.

The rule is the official SDK's `infer_from_filename` (wire contract, section 1): the label is the text before the
first dot of the base name, the category is the first of testing, anomaly, training that occurs anywhere in the path.
We give it the path relative to the watched root, so that a root called `/data/testing-rig` decides nothing.

Labels are in NFC: one class, named on a Mac and elsewhere, is one label.
"""

from dataclasses import dataclass

from eisync.core.items import Category, shown
from eisync.core.unicode_form import nfc

INFER = "infer"
NONE = "none"

_TELLING = tuple((category.value, category) for category in (Category.TESTING, Category.ANOMALY, Category.TRAINING))


@dataclass(frozen=True, slots=True)
class Labelling:
    """What a watched folder says of its files: `infer`, `none` or a fixed text; `infer` or a fixed category."""

    label: str = INFER
    category: Category | None = None  # None: infer

    def of(self, path: str) -> tuple[str | None, Category]:
        """Label (None: without one) and category of the file at `path`, relative to its root."""
        label = infer_label(path) if self.label == INFER else None if self.label == NONE else self.label
        return label and nfc(label), self.category or infer_category(path) or Category.SPLIT


def infer_label(path: str) -> str | None:
    """The text before the first dot of the base name; None when there is none."""
    return shown(path).rsplit("/", 1)[-1].split(".", 1)[0] or None


def infer_category(path: str) -> Category | None:
    """The category that the path names; None when it names none."""
    return next((category for name, category in _TELLING if name in path), None)
