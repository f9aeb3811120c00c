"""Layouts of tools that mark stretches of recordings: Audacity, Praat, ELAN, Label Studio.

Every recording has 1,000 values a second and lasts 2 s.
"""

import json
from collections.abc import Callable
from pathlib import Path

from tests.layouts import media
from tests.layouts.wanted import Generator, Layout, Range, Wanted, write

RATE, SECONDS = 1000, 2.0
MARKED = ((0.5, 0.75, "bark"), (0.75, 1.5, "meow"))
RANGES: tuple[Range, ...] = ((0, 499, "unlabeled"), (500, 749, "bark"), (750, 1499, "meow"), (1500, 1999, "unlabeled"))


def beside(root: Path, name: str, content: bytes | str) -> Layout:
    """Write two recordings, with annotations beside each."""
    found = []
    for stem in ("garden", "street"):
        write(root, f"recordings/{stem}.wav", media.wav(SECONDS, RATE))
        write(root, f"recordings/{name.format(stem=stem)}", content)
        found.append(Wanted(stem, ranges=RANGES))
    return Layout(found)


def audacity(root: Path) -> Layout:
    rows = [f"{start:.6f}\t{end:.6f}\t{label}" for start, end, label in MARKED]
    return beside(root, "{stem}.txt", "\n".join([rows[0], "\\\t100.0\t3000.0", rows[1], ""]))


def praat(root: Path) -> Layout:
    intervals = [(0.0, 0.5, ""), *MARKED, (1.5, 2.0, "")]
    parts = "".join(
        f"        intervals [{at}]:\n            xmin = {start}\n            xmax = {end}\n"
        f'            text = "{label}"\n'
        for at, (start, end, label) in enumerate(intervals, start=1)
    )
    text = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 2\n'
        "tiers? <exists>\nsize = 1\nitem []:\n"
        '    item [1]:\n        class = "IntervalTier"\n        name = "sounds"\n        xmin = 0\n        xmax = 2\n'
        f"        intervals: size = {len(intervals)}\n{parts}"
    )
    return beside(root, "{stem}.TextGrid", text.encode("utf-16"))


def elan(root: Path) -> Layout:
    rows = [f"sounds\t\t{_clock(start)}\t{_clock(end)}\t{_clock(end - start)}\t{label}" for start, end, label in MARKED]
    return beside(root, "{stem}.txt", "\n".join([*rows, ""]))


def _clock(seconds: float) -> str:
    return f"00:00:{seconds:06.3f}"


def label_studio_audio(root: Path) -> Layout:
    return _label_studio(root, "audio", "labels", "wav", lambda seconds: seconds)


def label_studio_time_series(root: Path) -> Layout:
    """The times of a series are in the units of its column `timestamp`, which are milliseconds."""
    return _label_studio(root, "csv", "timeserieslabels", "csv", lambda seconds: seconds * 1000)


def _label_studio(root: Path, field: str, kind: str, extension: str, in_units: Callable[[float], float]) -> Layout:
    tasks, found = [], []
    for at, stem in enumerate(("garden", "street")):
        name = f"9f8e7d6{at}-{stem}.{extension}"
        content = media.wav(SECONDS, RATE) if extension == "wav" else media.table(2000, 1)
        found.append(Wanted(write(root, f"upload/{name}", content), ranges=RANGES))
        values = [{"start": in_units(start), "end": in_units(end), kind: [label]} for start, end, label in MARKED]
        result = [{"value": one, "type": kind, "from_name": "label", "to_name": field} for one in values]
        annotations = [{"id": at, "was_cancelled": False, "result": result}]
        tasks.append({"id": at, "data": {field: f"/data/upload/3/{name}"}, "annotations": annotations})
    write(root, "project-3-at-2024-03-05-10-12-1f2e3d4c.json", json.dumps(tasks))
    return Layout(found)


LAYOUTS: tuple[Generator, ...] = (audacity, praat, elan, label_studio_audio, label_studio_time_series)
