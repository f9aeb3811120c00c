"""Send the values of a recording for the chart on its page: as numbers, in as many columns for a part as for the whole.

The chart first gets the whole recording. When a person zooms in, it asks for that part, which then has more detail. It
hands over the version that it has, so that a part of another version is never shown among the values of this one.
"""

import json
from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response

from eisync.core.drawing.envelope import WHOLE, Window
from eisync.core.drawing.file_view import view
from eisync.core.drawing.waveform import MAX_BANDS, Waveform, panels_of
from eisync.core.labels.parts import PartKind, unpacked
from eisync.errors import FileChangedError
from eisync.web.context import Context, Record, Route
from eisync.web.file_link import file_of, version_of
from eisync.web.file_page import bands_of
from eisync.web.rendering import shown

_NOTHING = "There is nothing to draw of this file."
_OTHER = "The file has changed. Load the page again."
_LONGEST_NUMBER = 15


def series(context: Context) -> Response:
    """Return the readings from `from` to before `to`, or all: the lowest and highest value of each column.

    Raises BadRequest for other numbers, NotFound where there is nothing to draw, FileChangedError when the file is not
    the `version` that the browser has.
    """
    window = window_of(context)
    known = file_of(context)
    with context.services.more["open_file"](known.root, known.path) as file:
        version = version_of(file.facts)
        if context.request.args.get("version", version) != version:
            raise FileChangedError(_OTHER, item_id=0)
        found = file.draw(view(known.path, file.facts.size, window)).waveform
    if found is None:
        raise NotFound(_NOTHING)
    bands = bands_of(unpacked(known.record.get("companions")).get(PartKind.STRUCTURED))[:MAX_BANDS]
    labels = [{"begins": band.begins, "ends": band.ends, "label": shown(band.label)} for band in bands]
    record = {**record_of(found), "version": version, "bands": labels}
    return Response(json.dumps(record, allow_nan=False, separators=(",", ":")), mimetype="application/json")


def window_of(context: Context) -> Window:
    """Return the readings that the address asks for. Raises BadRequest."""
    arguments = context.request.args
    begins, ends = (_number(arguments.get(name)) for name in ("from", "to"))
    window = Window(WHOLE.begins if begins is None else begins, WHOLE.ends if ends is None else ends)
    if window.begins >= window.ends:
        raise BadRequest("The part of the recording has no readings.")
    return window


def record_of(waveform: Waveform) -> Record:
    """Return the drawing as plain values. None: the column has no value."""
    panels = {index: number for number, panel in enumerate(panels_of(waveform.traces)) for index, _ in panel}
    return {
        "begins": waveform.begins,
        "readings": waveform.readings,
        "per_column": waveform.per_column,
        "interval_ms": waveform.interval_ms,
        "notes": [shown(note) for note in waveform.notes],
        "axes": [
            {
                "name": shown(trace.name),
                "units": shown(trace.units),
                "panel": panels[index],
                "lows": _numbers(trace.lows),
                "highs": _numbers(trace.highs),
            }
            for index, trace in enumerate(waveform.traces)
        ],
    }


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [number if number == number else None for number in values]


def _number(given: Any) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= _LONGEST_NUMBER):
        raise BadRequest("The part of the recording is given by numbers of readings.")
    return int(given)


ROUTES = (Route(path="/file/series", handler=series),)
