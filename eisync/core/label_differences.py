"""Say how a file's samples differ at the service from what was made of the file here.

Pure: what the file was labelled, and its samples as they were listed last; a clause for each difference out.
"""

from collections.abc import Iterable

from eisync.core.model import Category, RemoteSample, sent_name, shown
from eisync.core.unicode_form import nfc
from eisync.core.wire import stored_name


def label_differences(path: str, label: str | None, category: Category, samples: Iterable[RemoteSample]) -> list[str]:
    """What somebody changed in Studio of the file at `path`, or sent under this name, each difference once.

    The service may split as it likes, and write a text in another form that looks the same.
    """
    clauses: dict[str, None] = {}
    for sample in samples:
        clauses.update(dict.fromkeys(_of(path, label or "", category, sample)))
    return list(clauses)


def _of(path: str, label: str, category: Category, sample: RemoteSample) -> Iterable[str]:
    if nfc(sample.label or "") != nfc(label):
        yield f"labelled {_quoted(sample.label)} there, {_quoted(label)} here"
    if category is not Category.SPLIT and sample.category != category.value:
        yield f"in {sample.category} there, {category.value} here"
    if nfc(sample.filename) != nfc(stored_name(sent_name(shown(path)))):
        yield f"named '{sample.filename}' there"
    if sample.is_disabled:
        yield "disabled there"
    if sample.has_processing_error:
        yield "could not be processed there"


def _quoted(label: str | None) -> str:
    return f"'{label}'" if label else "nothing"
