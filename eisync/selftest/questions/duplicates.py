"""Checks of duplicates: when content counts as one, and what the service answers (wire contract, section 1)."""

import re
from collections.abc import Callable

from eisync.selftest.check import Check
from eisync.selftest.model import Answer, Mark, NoAnswerError, Sample
from eisync.selftest.probe import Entry, File, Probe

_REFUSE = "x-disallow-duplicates"
_WORDS = "an item with this hash already exists"
_IDS = re.compile(r"\(ids?:\s*([\d,\s]+)\)")


def _again(probe: Probe, headers: dict[str, str], category: str = "training") -> tuple[Sample, Entry]:
    """Store a file, send it again, and return the sample and the entry in the second answer."""
    file = probe.json_file("twice")
    sample = probe.store(file)
    return sample, probe.try_to_store(file, headers=headers, category=category)


def _says_duplicate(entry: Entry) -> bool:
    return _WORDS in entry.error.lower()


def _sent_twice(value: str | None) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        _, entry = _again(probe, {} if value is None else {_REFUSE: value})
        return _fate(entry)

    return ask


def _fate(entry: Entry) -> Answer:
    if entry.sample_id is not None:
        return Answer("stored again")
    return Answer("refused as known" if _says_duplicate(entry) else "refused", entry.error)


def _names_ids(probe: Probe) -> Answer:
    sample, entry = _again(probe, {_REFUSE: "1"})
    if not _says_duplicate(entry):
        raise NoAnswerError(f"the duplicate was not refused as a duplicate: {entry.error or 'it was stored'}")
    found = _IDS.search(entry.error)
    if found is None:
        return Answer("no ids", entry.error)
    ids = [int(one) for one in found[1].split(",")]
    return Answer("the ids" if ids == [sample["id"]] else "other ids", f"{entry.error}; it is {sample['id']}")


def _leaves_alone(probe: Probe) -> Answer:
    headers = {_REFUSE: "1", "x-label": f"{probe.token} other"}
    sample, entry = _again(probe, headers, category="testing")
    now = probe.sample(int(sample["id"]))
    kept = (now["label"], now["category"]) == (sample["label"], sample["category"])
    fate = _fate(entry)
    return Answer(f"{fate.text}, {'unchanged' if kept else 'changed'}", fate.detail)


def _after_deletion(probe: Probe) -> Answer:
    file = probe.json_file("deleted")
    sample = probe.store(file)
    deleted = probe.change("DELETE", f"/{sample['id']}")
    if not deleted.is_success:
        raise NoAnswerError(f"the sample could not be deleted: {deleted.refusal}")
    return _fate(probe.try_to_store(file, headers={_REFUSE: "1"}))


def _other_name(probe: Probe) -> Answer:
    file = probe.json_file("first-name")
    probe.store(file)
    return _fate(probe.try_to_store(File(probe.name("second-name.json"), file.content), headers={_REFUSE: "1"}))


CHECKS = (
    Check(
        "duplicate.refused",
        Mark.DOCUMENTED,
        "With x-disallow-duplicates: 1, content that is in the project is refused.",
        "one JSON file twice, the second time with '1'",
        _sent_twice("1"),
        ("refused as known",),
    ),
    Check(
        "duplicate.true",
        Mark.DOCUMENTED,
        "x-disallow-duplicates: true counts as set, as tutorials send it.",
        "one JSON file twice, the second time with 'true'",
        _sent_twice("true"),
        ("refused as known",),
    ),
    Check(
        "duplicate.zero",
        Mark.OPEN,
        "Whether x-disallow-duplicates: 0 counts as set.",
        "one JSON file twice, the second time with '0'",
        _sent_twice("0"),
    ),
    Check(
        "duplicate.allowed",
        Mark.DOCUMENTED,
        "Without x-disallow-duplicates, the same content is stored again.",
        "one JSON file twice, without the header",
        _sent_twice(None),
        ("stored again",),
    ),
    Check(
        "duplicate.ids",
        Mark.LIVE,
        "The error of a duplicate has the ids of the samples with its content.",
        "one JSON file twice, the second time with '1'; the ids in the error",
        _names_ids,
        ("the ids",),
    ),
    Check(
        "duplicate.leaves-alone",
        Mark.LIVE,
        "A duplicate with another category and label is refused, and does not change the sample.",
        "one JSON file twice, the second time with '1', another label and another category",
        _leaves_alone,
        ("refused as known, unchanged",),
    ),
    Check(
        "duplicate.other-name",
        Mark.LIVE,
        "Only the content makes a duplicate, not the name.",
        "one JSON file twice, the second time with '1' and another name",
        _other_name,
        ("refused as known",),
    ),
    Check(
        "duplicate.after-deletion",
        Mark.CODE,
        "After a deletion, the same content can be stored again.",
        "one JSON file, deleted, then sent again with '1'",
        _after_deletion,
        ("stored again",),
    ),
)
