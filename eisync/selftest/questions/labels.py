"""Checks of labels and metadata: headers, and inference from the file name (wire contract, section 1)."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import quote

from eisync.selftest.check import Check
from eisync.selftest.model import Answer, Mark
from eisync.selftest.probe import File, Probe

_UMLAUT = "\u00e4"
_WORDS = "a_b-c 1"


def _as_sent(wanted: str, found: object) -> Answer:
    return Answer("as sent") if found == wanted else Answer("another one", f"sent {wanted!r}, shown {found!r}")


def _label(spell: Callable[[str], str], words: str) -> Callable[[Probe], Answer]:
    """Send a label of the run's name and `words`, encoded by `spell`, and compare the label in Studio."""

    def ask(probe: Probe) -> Answer:
        label = f"{probe.token} {words}"
        sample = probe.store(probe.json_file("label"), headers={"x-label": spell(label)})
        return _as_sent(label, sample["label"])

    return ask


def _raw_utf8(label: str) -> str:
    """Return a text that is sent as the label's UTF-8 bytes: headers are encoded as Latin-1."""
    return label.encode().decode("latin-1")


def _no_label(probe: Probe) -> Answer | str:
    sample = probe.store(probe.json_file("no-label"), headers={"x-label": "", "x-no-label": "1"})
    return "none" if not sample["label"] else Answer("a label", repr(sample["label"]))


def _inferred(rest: str, words: str) -> Callable[[Probe], Answer]:
    """Send no label, and compare the label in Studio with the run's name and `words`."""

    def ask(probe: Probe) -> Answer:
        file = File(f"{probe.token}{rest}", probe.contents.json())
        found = probe.store(file, headers={"x-label": ""})["label"]
        wanted = probe.token + words
        return Answer("the leading word") if found == wanted else Answer("another one", f"{file.name}: {found!r}")

    return ask


def _no_match(probe: Probe) -> Answer:
    file = File(f"({probe.token}).json", probe.contents.json())
    found = probe.store(file, headers={"x-label": ""})["label"]
    return Answer("none" if not found else "a label", f"{file.name}: {found!r}")


def _metadata(sent: Mapping[str, object], wanted: Mapping[str, str]) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        sample = probe.store(probe.json_file("metadata"), headers={"x-metadata": json.dumps(sent)})
        found = sample.get("metadata")
        return Answer("as text") if found == wanted else Answer("something else", f"sent {sent}, shown {found}")

    return ask


def _metadata_of_every_file(probe: Probe) -> Answer:
    headers = {"x-metadata": json.dumps({"run": probe.token})}
    samples = probe.store_all(probe.json_file("both.1"), probe.json_file("both.2"), headers=headers)
    having = sum(sample.get("metadata") == {"run": probe.token} for sample in samples)
    return Answer("every file" if having == 2 else "not every file", f"{having} of 2")


def _date_id(probe: Probe) -> Answer:
    file = probe.json_file("date-id.01")
    found = str(probe.store(file, headers={"x-add-date-id": "1"})["filename"])
    plain = file.name.removesuffix(".json")
    return Answer("added" if plain in found and found != plain else "not added", f"{file.name}: {found}")


CHECKS = (
    Check(
        "label.raw",
        Mark.RUN,
        "x-label may be sent without encoding.",
        "one JSON file, x-label with a space, unencoded",
        _label(str, "raw"),
        ("as sent",),
    ),
    Check(
        "label.encoded",
        Mark.INFERRED,
        "x-label is percent-decoded.",
        "one JSON file, x-label encoded as encodeURIComponent does",
        _label(quote, _UMLAUT),
        ("as sent",),
    ),
    Check(
        "label.broken-encoding",
        Mark.INFERRED,
        "An x-label that is not valid percent-encoding is stored as it was sent.",
        "one JSON file, x-label that ends in '100%'",
        _label(str, "100%"),
        ("as sent",),
    ),
    Check(
        "label.utf-8",
        Mark.OPEN,
        "An x-label of raw UTF-8 bytes is read as UTF-8.",
        "one JSON file, x-label with a raw 'ä'",
        _label(_raw_utf8, _UMLAUT),
    ),
    Check(
        "label.none",
        Mark.DOCUMENTED,
        "With x-no-label, the label is empty: it is not inferred.",
        "one JSON file whose name begins with a word, x-no-label: 1 and an empty x-label",
        _no_label,
        ("none",),
    ),
    Check(
        "label.inferred",
        Mark.DOCUMENTED,
        "Without x-label, the label is inferred from the leading characters of the file name.",
        "one JSON file without a label, named WORD.01.json",
        _inferred(".01.json", ""),
        ("the leading word",),
    ),
    Check(
        "label.inferred-characters",
        Mark.DOCUMENTED,
        "An inferred label consists of letters, digits, white space, dashes and underscores.",
        f"one JSON file without a label, named 'WORD {_WORDS}+d.01.json'",
        _inferred(f" {_WORDS}+d.01.json", f" {_WORDS}"),
        ("the leading word",),
    ),
    Check(
        "label.inferred-without-match",
        Mark.OPEN,
        "The label if the file name does not begin with such a character.",
        "one JSON file without a label, named '(WORD).json'",
        _no_match,
    ),
    Check(
        "metadata.text",
        Mark.DOCUMENTED,
        "x-metadata is a JSON object of strings.",
        'one JSON file, x-metadata: {"site": "lab 3"}',
        _metadata({"site": "lab 3"}, {"site": "lab 3"}),
        ("as text",),
    ),
    Check(
        "metadata.every-file",
        Mark.LIVE,
        "x-metadata applies to every file of the request.",
        "two JSON files in one request with x-metadata",
        _metadata_of_every_file,
        ("every file",),
    ),
    Check(
        "metadata.not-text",
        Mark.OPEN,
        "What happens to metadata values that are not strings.",
        'one JSON file, x-metadata: {"n": 1, "t": true}',
        _metadata({"n": 1, "t": True}, {"n": "1", "t": "true"}),
    ),
    Check(
        "name.date-id",
        Mark.DOCUMENTED,
        "x-add-date-id adds a unique id to the name.",
        "one JSON file, x-add-date-id: 1",
        _date_id,
        ("added",),
    ),
)
