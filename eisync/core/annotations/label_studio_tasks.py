"""Take from a task of Label Studio what exports of images and of recordings have alike.

Sources: labelstud.io, "Label Studio JSON format of annotated tasks", "Cloud storage" (`/data/local-files/?d=`).
"""

from typing import Any
from urllib.parse import unquote

from eisync.core.formats.json_values import mended
from eisync.core.labels.entry import relative_path

_LONGEST_ADDRESS = 4096


def name_in(address: Any) -> str | None:
    """Return the base name of the file at an address; None for what is no address.

    >>> name_in("/data/local-files/?d=walks/a%20b.csv")
    'a b.csv'
    """
    if not isinstance(address, str) or len(address) > _LONGEST_ADDRESS:
        return None
    place = address.partition("?d=")[2] or address.partition("?")[0].partition("#")[0]
    return relative_path(mended(unquote(place))).rpartition("/")[2]


def newest_result(task: dict[str, Any]) -> list[Any] | None:
    """Return the result of the newest annotation that was not cancelled (skipped); None if there is none."""
    listed = task.get("annotations", task.get("completions"))
    done = [
        one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and not one.get("was_cancelled") and isinstance(one.get("result"), list)
    ]
    if not done:
        return None
    newest = max(reversed(done), key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""))
    return list(newest["result"])


def texts(found: Any) -> list[str]:
    """Return the texts in a list that are not empty; none of anything else."""
    return [one for one in found if isinstance(one, str) and one.strip()] if isinstance(found, list) else []
