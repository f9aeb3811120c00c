"""What a person is told first: one sentence about all files.

Pure: counts and instants in, text out.
"""

from collections.abc import Iterable, Mapping

from eisync.core.lifecycle import PENDING, State


def sentence(
    counts: Mapping[State, int],
    *,
    last_synced_at: float | None,
    now: float,
    vanished: int = 0,
    emptied: Iterable[str] = (),
    unconfirmed: Mapping[str, int] | None = None,
) -> str:
    """Whether everything is where it belongs, and if not, what is not. `counts` are files by state.

    `vanished`: so many that were synced are not at the service any more, and a person is asked why. `emptied`: what
    happened to whole projects, which is said first. `unconfirmed`: targets whose project is another one than their
    files were sent to, with how many these are.
    """
    told = [
        f"{clause[:1].upper()}{clause[1:]}: nothing follows without your word ('eisync plan')." for clause in emptied
    ]
    unconfirmed = unconfirmed or {}
    told += [
        f"The project of target {target!r} is not the one that its files were sent to; 'eisync status' says what to do."
        for target in unconfirmed
    ]
    return " ".join([*told, _of_files(counts, last_synced_at, now, vanished, sum(unconfirmed.values()))])


def _of_files(
    counts: Mapping[State, int], last_synced_at: float | None, now: float, vanished: int, unconfirmed: int
) -> str:
    synced = max(0, counts.get(State.SYNCED, 0) - vanished - unconfirmed)
    total = sum(number for state, number in counts.items() if state is not State.GONE)
    if total == 0:
        return "There are no files yet."
    when = f"; the last one {ago(now - last_synced_at)}" if last_synced_at is not None and synced else ""
    if synced == total:
        return (
            f"The only file is in Edge Impulse{when}."
            if total == 1
            else f"All {total:,} files are in Edge Impulse{when}."
        )
    waiting = sum(counts.get(state, 0) for state in PENDING)
    parts = [
        _clause(waiting, "waits", "wait"),
        _clause(counts.get(State.QUARANTINED, 0), "is quarantined", "are quarantined"),
        _clause(counts.get(State.TOMBSTONE, 0), "was deleted there", "were deleted there"),
        _clause(
            vanished, "is not there any more, and waits for your word", "are not there any more, and wait for your word"
        ),
        _clause(unconfirmed, "was sent to another project", "were sent to another project"),
    ]
    return (
        f"{synced:,} of {_files(total)} {_be(synced)} in Edge Impulse{when}; {_and([part for part in parts if part])}."
    )


def ago(seconds: float) -> str:
    """A span of time in a person's words."""
    seconds = max(0.0, seconds)
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def in_bytes(number: int) -> str:
    """A size for a person: `1.5 GB`."""
    size = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _files(number: int) -> str:
    return f"{number:,} file" if number == 1 else f"{number:,} files"


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _clause(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}" if number else ""


def _and(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
