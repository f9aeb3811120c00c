"""The page of one file: what it is, where it is and why, its samples, and all that happened to it."""

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup
from werkzeug.wrappers import Response

from eisync.control.history_words import event_words, local_moment
from eisync.core.drawing.boxes import Box, boxes_of, boxes_svg
from eisync.core.drawing.file_view import FileView, hex_lines, view
from eisync.core.drawing.scale import figure
from eisync.core.drawing.spectrogram_frame import spectrogram_svg
from eisync.core.drawing.waveform import Band, Waveform, trace_class, waveform_svg
from eisync.core.labels.parts import PartKind, unpacked
from eisync.core.text import one_line
from eisync.errors import EisyncError, FileError
from eisync.web.context import Context, Route
from eisync.web.file_link import KnownFile, file_of, folder_of, query_of

Record = dict[str, Any]
About = dict[PartKind, Any]

MAX_EVENTS = 200
_SHOWN_ABOVE = ("folder", "state", "samples")
CHANGED = "The file has changed since eisync looked at it last. You see it as it is now."


def page(context: Context) -> Response:
    """Return the page."""
    known = file_of(context)
    record = known.record
    name = known.path.rpartition("/")[2]
    return context.page(
        "file.html",
        name=name,
        folder=folder_of(known.path),
        place=known.place,
        root=known.root,
        file=record,
        query=query_of(known.root, known.path),
        drawn=drawn(context, known),
        why=_explained(context, known),
        samples=_samples(context, known),
        events=_events(context, known),
    )


def drawn(context: Context, known: KnownFile) -> Record:
    """Return what the template shows of the content, or the sentence that says why it cannot be read."""
    try:
        with context.services.more["open_file"](known.root, known.path) as file:
            found: FileView = file.draw(view(known.path, file.facts.size))
            notes = [] if known.facts is None or file.is_version(known.facts) else [CHANGED]
            size = file.facts.size
    except FileError as error:
        return {"trouble": str(error), "format": ""}
    notes += found.notes
    if found.waveform is not None:
        notes += found.waveform.notes
    about = unpacked(known.record.get("companions"))
    return {
        "trouble": "",
        "kind": found.kind.value,
        "format": found.format or "",
        "size": size,
        "notes": notes,
        "media_type": found.media_type or "",
        "dump": hex_lines(found.dump),
        "table": found.table,
        **_waveform(found, about),
        **_image(found, about),
        "spectrogram": _spectrogram(found, query_of(known.root, known.path)),
    }


def _waveform(found: FileView, about: About) -> Record:
    if found.waveform is None:
        return {"waveform": "", "axes": [], "bands": []}
    bands = bands_of(about.get(PartKind.STRUCTURED))
    return {
        "waveform": Markup(waveform_svg(found.waveform, bands)),  # noqa: S704  # every text in it is escaped
        "axes": _axes(found.waveform),
        "bands": bands,
    }


def _axes(waveform: Waveform) -> list[Record]:
    axes = []
    for index, trace in enumerate(waveform.traces):
        low, high = trace.extent or (None, None)
        lowest, highest = ("none" if one is None else figure(one) for one in (low, high))
        axes.append(
            {"name": trace.name, "units": trace.units, "low": lowest, "high": highest, "css": trace_class(index)}
        )
    return axes


def _image(found: FileView, about: About) -> Record:
    if found.image is None or not found.media_type:
        return {"image": None, "boxes": [], "overlay": ""}
    boxes: Sequence[Box] = boxes_of(about.get(PartKind.BOXES))
    overlay = Markup(boxes_svg(*found.image, boxes)) if boxes else ""  # noqa: S704  # every text in it is escaped
    return {"image": found.image, "boxes": boxes, "overlay": overlay}


def _spectrogram(found: FileView, query: str) -> str:
    layout = found.sound
    if layout is None or found.waveform is None or not found.waveform.length_s:
        return ""
    address = f"/file/spectrogram.png?{query}"
    rate = layout.frames / found.waveform.length_s
    return Markup(spectrogram_svg(address, length_s=found.waveform.length_s, rate=rate))  # noqa: S704  # likewise


def bands_of(entries: Any) -> list[Band]:
    """Return labels by range (wire contract, section 1), without what is none."""
    return [
        Band(entry["startIndex"], entry["endIndex"], one_line(str(entry.get("label", ""))))
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and all(isinstance(entry.get(name), int) for name in ("startIndex", "endIndex"))
    ]


def _explained(context: Context, known: KnownFile) -> list[tuple[str, str]]:
    """Return what `eisync explain` says of the file, line by line; nothing where this process cannot tell."""
    try:
        found = next(iter(context.ask(do="explain", root=known.root, path=known.path)), None)
    except EisyncError as error:
        return [("not known", str(error))]
    return [] if found is None else [(name, text) for name, text in found["lines"] if name not in _SHOWN_ABOVE]


def _samples(context: Context, known: KnownFile) -> list[Record]:
    """Return the samples of the file with their differences, and the address of the project's page in Studio."""
    ids = known.record.get("sample_ids") or []
    listed = {one["id"]: one for one in known.record.get("samples") or []}
    address = _studio_page(context, known) if ids else ""
    return [{"id": number, "listed": listed.get(number), "address": address} for number in ids]


def _studio_page(context: Context, known: KnownFile) -> str:
    """Return the page in Studio that lists the samples of the file's project; empty where it is not known.

    Studio has no documented address for one sample. The official uploader prints this one.
    """
    folders = context.ask_one(do="watched")["known"]
    name = next((one["target"] for one in folders if one["path"] == known.root), None)
    targets = context.services.snapshots.get("targets", lambda: context.ask_one(do="status")["targets"])
    project_id = next((one["project_id"] for one in targets if one["name"] == name), None)
    base = context.services.more["studio_pages"].get(name)
    return "" if base is None or project_id is None else f"{base}/studio/{project_id}/acquisition/training"


def _events(context: Context, known: KnownFile) -> list[Record]:
    """Return what happened to the file, the latest first."""
    try:
        history: Iterable[Record] = list(context.ask(do="history", path=known.place))
    except EisyncError:  # it was never complete, so nothing is recorded
        return []
    latest = list(history)[: -MAX_EVENTS - 1 : -1]
    return [{**one, "words": event_words(one), "moment": local_moment(one["at"])} for one in latest]


ROUTES = (Route(path="/file", handler=page),)
