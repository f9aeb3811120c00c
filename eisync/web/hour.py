"""What was uploaded in the last hour, minute by minute: two small charts, of files and of bytes."""

from markupsafe import Markup

from eisync.core.drawing.bars import bars_svg
from eisync.core.summary import in_bytes
from eisync.core.text import amount
from eisync.core.throughput import MINUTES
from eisync.web.context import Record


def hour_of(queue: Record) -> Record | None:
    """Return what the template shows; None when nothing was uploaded in this hour, or no process counts."""
    hour = queue["hour"]
    if hour is None or not any(hour["files"]):
        return None
    files, sizes = hour["files"], hour["bytes"]
    texts = [
        f"{_when(len(files) - 1 - place)}: {amount(number, 'file')}, {in_bytes(size)}"
        for place, (number, size) in enumerate(zip(files, sizes, strict=True))
    ]
    charts = [
        ("files", files, f"Files in each minute until now: at most {max(files):,}"),
        ("bytes", sizes, f"Bytes in each minute until now: at most {in_bytes(max(sizes))}"),
    ]
    return {
        "files": sum(files),
        "bytes": sum(sizes),
        "since_at": hour["since_at"] if queue["at"] - hour["since_at"] < 60 * MINUTES else None,
        "charts": [
            # Every text in it is escaped.
            {"svg": Markup(bars_svg(numbers, texts, summary=words, key=f"hour-{key}")), "caption": words}  # noqa: S704
            for key, numbers, words in charts
        ],
    }


def _when(minutes: int) -> str:
    return "This minute" if not minutes else f"{minutes} min ago"
