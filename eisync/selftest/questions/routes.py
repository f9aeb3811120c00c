"""Checks of categories, the split, and the legacy route for one file (wire contract, section 1)."""

import hashlib
from collections.abc import Callable

from eisync.selftest.check import Check
from eisync.selftest.client import JSON, Part
from eisync.selftest.model import Answer, Mark, Sample, UploadRefusedError
from eisync.selftest.probe import File, Probe

_SPLIT_FILES = 16


def _category(category: str) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        try:
            sample = probe.store(probe.json_file(f"to-{category}"), category=category)
        except UploadRefusedError as refusal:
            return Answer("refused", str(refusal))
        return Answer(f"stored in {sample['category']}")

    return ask


def _unknown_category(probe: Probe) -> Answer:
    uploaded = probe.upload(probe.json_file("nowhere"), category="eisync-selftest")
    stored = any(entry.sample_id is not None for entry in uploaded.entries)
    return Answer("stored" if stored else "refused", uploaded.reply.refusal)


def _divided(probe: Probe) -> list[tuple[File, Sample]]:
    def make() -> list[File]:
        return [probe.json_file(f"split.{number}") for number in range(_SPLIT_FILES)]

    return probe.shared_all("split", make, category="split")


def _split(probe: Probe) -> Answer:
    categories = [str(sample["category"]) for _, sample in _divided(probe)]
    is_known = set(categories) <= {"training", "testing", "validation"}
    detail = f"{categories.count('testing')} of {_SPLIT_FILES} in testing"
    return Answer("divided" if is_known else "elsewhere", detail)


def _split_rule(probe: Probe) -> Answer:
    """Return whether the categories follow the old client's rule (wire contract, section 1)."""
    alike = sum(sample["category"] == _old_rule(file) for file, sample in _divided(probe))
    return Answer("by the hash" if alike == _SPLIT_FILES else "by another rule", f"{alike} of {_SPLIT_FILES}")


def _old_rule(file: File) -> str:
    digits = hashlib.md5(file.content, usedforsecurity=False).hexdigest().lstrip("f")
    return "training" if not digits or digits[0] < "c" else "testing"


def _split_again(probe: Probe) -> Answer:
    file = probe.json_file("split-again")
    samples = [probe.store(file, category="split") for _ in range(2)]
    return Answer("the same category" if samples[0]["category"] == samples[1]["category"] else "another category")


def _data(probe: Probe) -> Answer:
    file = File(probe.name("idle.01"), probe.contents.json())
    reply = probe.post_data(file, {"x-file-name": file.name, "content-type": JSON})
    text = reply.body.decode("utf-8", "replace")
    is_name = reply.status == 200 and text.startswith(file.name)
    return Answer("the stored name" if is_name else f"HTTP {reply.status}", text[:200])


def _data_without_name(probe: Probe) -> Answer:
    file = File("", probe.contents.json())
    reply = probe.post_data(file, {"content-type": JSON})
    return Answer(f"HTTP {reply.status}", reply.error)


def _data_form(parts: Callable[[Probe, File], list[Part]]) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        file = File(probe.name("form.01.json"), probe.contents.json())
        reply = probe.post_data(file, {"x-file-name": file.name}, parts=parts(probe, file))
        return Answer("accepted" if reply.status == 200 else "refused", reply.refusal if reply.status != 200 else "")

    return ask


def _message_and_image(probe: Probe, _: File) -> list[Part]:
    """Return the parts of an image as the phone client sends it."""
    image = probe.contents.png()
    values = [f"Ref-BINARY-image/png ({len(image)} bytes) {File('', image).sha256}"]
    payload = {
        "device_type": "EISYNC_SELFTEST",
        "interval_ms": 0,
        "sensors": [{"name": "image", "units": "rgba"}],
        "values": values,
    }
    message = probe.contents.json(payload=payload)
    return [
        Part(message, "message.json", JSON, field="message"),
        Part(image, "image.png", "image/png", field="image"),
    ]


def _one_text(_: Probe, file: File) -> list[Part]:
    """Return the part of a file as the Rust client sends it."""
    return [Part(file.content)]


CHECKS = (
    Check(
        "category.training",
        Mark.DOCUMENTED,
        "/api/training/files stores in training.",
        "one JSON file",
        _category("training"),
        ("stored in training",),
    ),
    Check(
        "category.testing",
        Mark.DOCUMENTED,
        "/api/testing/files stores in testing.",
        "one JSON file",
        _category("testing"),
        ("stored in testing",),
    ),
    Check(
        "category.post-processing",
        Mark.DOCUMENTED,
        "/api/post-processing/files stores in post-processing.",
        "one JSON file",
        _category("post-processing"),
        ("stored in post-processing",),
    ),
    Check(
        "category.validation",
        Mark.OPEN,
        "What happens to a file for validation. It depends on the project's explicit validation set.",
        "one JSON file for validation",
        _category("validation"),
    ),
    Check(
        "category.anomaly",
        Mark.OPEN,
        "What happens to a file for the legacy category anomaly.",
        "one JSON file for anomaly",
        _category("anomaly"),
    ),
    Check(
        "category.unknown",
        Mark.INFERRED,
        "An unknown category is refused.",
        "one JSON file for eisync-selftest",
        _unknown_category,
        ("refused",),
    ),
    Check(
        "split.divided",
        Mark.DOCUMENTED,
        "split divides files between the project's categories.",
        f"{_SPLIT_FILES} JSON files for split",
        _split,
        ("divided",),
    ),
    Check(
        "split.rule",
        Mark.OPEN,
        "Whether split follows the old client's hash rule, or the project's percentages.",
        f"{_SPLIT_FILES} JSON files for split",
        _split_rule,
    ),
    Check(
        "split.repeated",
        Mark.CODE,
        "The content decides the split: the same file always gets the same category.",
        "one JSON file for split, twice",
        _split_again,
        ("the same category",),
    ),
    Check(
        "data.name",
        Mark.DOCUMENTED,
        "/data accepts a name without a known extension; the content type decides. It returns the stored name.",
        "JSON as the body, x-file-name …idle.01",
        _data,
        ("the stored name",),
    ),
    Check(
        "data.without-name",
        Mark.OPEN,
        "The status of /data without x-file-name: 421 is documented, 422 was observed.",
        "JSON as the body without the header",
        _data_without_name,
    ),
    Check(
        "data.message-and-image",
        Mark.CODE,
        "/data accepts a form of message and image, as the phone client sends it.",
        "one PNG and its message",
        _data_form(_message_and_image),
        ("accepted",),
    ),
    Check(
        "data.one-text",
        Mark.CODE,
        "/data accepts a form of one text part named data, as the Rust client sends it.",
        "JSON as a text part",
        _data_form(_one_text),
        ("accepted",),
    ),
)
