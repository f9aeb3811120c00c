"""Turn the parts of an upload into samples: find the data files and their companions, and refuse files.

It reads the bodies, and uses neither network nor store. Source: the wire contract, section 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eisync.emulator import companions
from eisync.emulator.companions import Companions, read_boxes
from eisync.emulator.model import Box, Facts, NewSample, Project, Refused
from eisync.emulator.multipart import Part
from eisync.emulator.names import base_name, encode_id8, infer_label, shown_name, stored_name
from eisync.emulator.parts import part_of, validation_of
from eisync.emulator.ranges import Label, read_structured_labels
from eisync.emulator.recognise import Content, recognise
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.spool import Body
from eisync.emulator.upload_headers import UploadHeaders

Accepted = tuple[NewSample, Body]


@dataclass(frozen=True, slots=True)
class Upload:
    """A request that arrived completely."""

    category: str
    headers: UploadHeaders
    parts: Sequence[Part]  # the data files, in the order sent
    companions: Companions
    message: Facts | None = None  # the facts in a message that was sent with the only file


def sort_parts(parts: Sequence[Part], settings: EmulatorSettings) -> tuple[list[Part], Companions] | Refused:
    """Separate data files and companion parts. A refusal concerns the whole request."""
    found = Companions()
    data: list[Part] = []
    for part in parts:
        if part.field != "data" or part.file_name is None:
            return Refused("Unexpected field: every part should be a file named data")
        if part.file_name not in companions.NAMES:
            data.append(part)
            continue
        if part.is_too_large or part.size_bytes > settings.max_companion_bytes:
            return Refused(f"{part.file_name} is too large")
        problem = found.add(part.file_name, part.body.read())
        if problem is not None:
            return problem
    data = [part for part in data if part.file_name not in found.attached_names]
    if not data:
        return Refused("No files in this request")
    if len(data) > settings.max_files_per_request:
        return Refused(f"Too many files in one request: at most {settings.max_files_per_request}")
    return data, found


def examine(
    upload: Upload, project: Project, settings: EmulatorSettings, *, first_name_ms: int
) -> list[Accepted | Refused]:
    """Return a sample or a refusal for each data file. Each body is read once."""
    return [
        _examine_one(part, upload, project, settings, id8=encode_id8(first_name_ms + index))
        for index, part in enumerate(upload.parts)
    ]


def _examine_one(
    part: Part, upload: Upload, project: Project, settings: EmulatorSettings, *, id8: str
) -> Accepted | Refused:
    sent = part.file_name or ""
    name = base_name(sent)
    if part.is_too_large:
        return Refused(f"This file is too large: files should be smaller than {settings.max_file_bytes} bytes")
    if part.size_bytes == 0 and settings.refuse_empty_files:
        return Refused("This file is empty")
    content = recognise(name, part.body, hmac_key=project.hmac_key, settings=settings)
    if isinstance(content, Refused):
        return content
    facts = content.facts if upload.message is None else _with_message(content.facts, upload.message)
    boxes = _boxes_of(sent, upload, facts)
    if isinstance(boxes, Refused):
        return boxes
    structured = _structured_labels_of(sent, upload, content)
    if isinstance(structured, Refused):
        return structured
    headers = upload.headers
    label = headers.label
    if label is None:
        label = infer_label(name, rule=settings.label_inference, otherwise=settings.label_without_match)
    shown = shown_name(name)
    sample = NewSample(
        category=_category_of(upload, part, project, settings),
        label=label,
        filename=f"{shown}.{id8}" if headers.add_date_id else shown,
        stored_name=stored_name(name, id8=id8, pod=settings.pod),
        sha256=part.sha256,
        size_bytes=part.size_bytes,
        facts=facts,
        metadata=headers.metadata,
        boxes=boxes,
        structured_labels=structured,
        label_map=upload.companions.label_maps.get(sent),
        attachments=upload.companions.attachments.get(sent, ()),
    )
    return sample, part.body


def _with_message(facts: Facts, message: Facts) -> Facts:
    """Return the facts of a file, with device and signature from the message that was sent with it."""
    return replace(
        facts,
        device_type=message.device_type,
        device_name=message.device_name,
        signature_valid=message.signature_valid,
        signature_method=message.signature_method,
        created_ms=message.created_ms,
    )


def _structured_labels_of(sent: str, upload: Upload, content: Content) -> tuple[Label, ...] | Refused | None:
    """Return the ranges from the companion part, else those in the file itself."""
    found = upload.companions.structured_labels.get(sent, content.structured_labels)
    if found is None and sent not in upload.companions.structured_labels:
        return None
    return read_structured_labels(found, values_count=content.facts.values_count)


def _category_of(upload: Upload, part: Part, project: Project, settings: EmulatorSettings) -> str:
    asked = upload.category
    if asked == "anomaly":
        return settings.anomaly_stored_as
    if asked == "validation" and validation_of(project, settings) == "training":
        return "training"
    return part_of(project, settings, part.md5, upload.headers.metadata) if asked == "split" else asked


def _boxes_of(sent: str, upload: Upload, facts: Facts) -> tuple[Box, ...] | Refused:
    """Return the boxes from the companion part, else those in the header."""
    if sent in upload.companions.boxes:
        return read_boxes(upload.companions.boxes[sent])
    return upload.headers.boxes if facts.chart_type == "image" else ()
