"""Write the first line of the status: a sentence about all files."""

from collections.abc import Iterable

from eisync.core.file_status import FileCounts
from eisync.core.lifecycle import State

_WAITING = (State.READY, State.SENDING, State.DOUBTFUL)


def sentence(
    census: FileCounts,
    *,
    last_synced_at: float | None,
    now: float,
    emptied: Iterable[str] = (),
    foreign: Iterable[str] = (),
) -> str:
    """Return whether all files are in the project and, if not, what is missing.

    `emptied` are clauses about projects that lost nearly all samples; they come first. `foreign` are targets whose
    project is not the one that their files were sent to.
    """
    sentences = [
        f"{clause[:1].upper()}{clause[1:]}. eisync waits for your decision ('eisync plan')." for clause in emptied
    ]
    sentences += [
        f"The project of target {target!r} is not the one that its files were sent to; 'eisync status' says what to do."
        for target in foreign
    ]
    return " ".join([*sentences, _of_files(census, last_synced_at, now), *_of_folders(census)])


def _of_files(census: FileCounts, last_synced_at: float | None, now: float) -> str:
    counts = census.by_state
    total = census.unreadable + sum(number for state, number in counts.items() if state is not State.GONE)
    synced = max(0, counts.get(State.SYNCED, 0) - census.vanished - census.unconfirmed - census.unlisted)
    if total == 0:
        return "No files are visible." if census.folders else "There are no files yet."
    when = f"; last upload {ago(now - last_synced_at)}" if last_synced_at is not None and synced else ""
    if synced == total:
        visible = "visible " if census.folders else ""
        is_one = f"The only {visible}file is in Edge Impulse{when}."
        return is_one if total == 1 else f"All {total:,} {visible}files are in Edge Impulse{when}."
    parts = _others(census)
    if total == 1:
        return f"The only file is not in Edge Impulse: it {_and([one for _, one, _ in parts])}."
    clauses = [f"{number:,} {one if number == 1 else many}" for number, one, many in parts]
    return f"{synced:,} of {total:,} files {'is' if synced == 1 else 'are'} in Edge Impulse{when}; {_and(clauses)}."


def _others(census: FileCounts) -> list[tuple[int, str, str]]:
    """Return the groups of files that are not certainly in the project: their number, and the words for 1 and many."""
    counts = census.by_state
    parts = [
        (sum(counts.get(state, 0) for state in _WAITING), "waits", "wait"),
        (counts.get(State.SETTLING, 0), "is not complete yet", "are not complete yet"),
        (counts.get(State.QUARANTINED, 0), "is quarantined", "are quarantined"),
        (census.unreadable, "cannot be read", "cannot be read"),
        (counts.get(State.TOMBSTONE, 0), "was deleted in the project", "were deleted in the project"),
        (
            census.unlisted,
            "was not in the last listing and will be checked again",
            "were not in the last listing and will be checked again",
        ),
        (
            census.vanished,
            "is gone from the project and waits for your decision",
            "are gone from the project and wait for your decision",
        ),
        (census.unconfirmed, "was sent to another project", "were sent to another project"),
    ]
    return [part for part in parts if part[0]]


def _of_folders(census: FileCounts) -> list[str]:
    if not census.folders:
        return []
    if census.folders == 1:
        return ["1 folder cannot be read; its files are unknown."]
    return [f"{census.folders:,} folders cannot be read; their files are unknown."]


def ago(seconds: float) -> str:
    """Return how long ago something was, in words."""
    return f"{span(seconds)} ago"


def span(seconds: float) -> str:
    """Return a time span in one unit: `90 s`, `2 h`."""
    seconds = max(0.0, seconds)
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def in_bytes(number: int) -> str:
    """Return a size for a person: `1.5 GB`."""
    size = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _and(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
