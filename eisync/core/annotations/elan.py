r"""Read the tab-delimited text that ELAN exports: a row for each annotation, with or without names above the columns.

A row has the tier, the participant, the begin, the end and the duration in up to four time formats each, and the text.
A person chooses what is exported. With names, `Begin Time - ss.msec` is such a column; in "separate columns for tiers"
each other column is a tier. Without names, the times are found by their form, and by that the duration is the end less
the begin. Lines that begin with `#` name the media files.

Source: the ELAN manual, "Exporting a document as a tab-delimited text file".
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from eisync.core.annotations.rows import lines
from eisync.core.annotations.stretches import checked_label, described
from eisync.core.labels.entry import Entry, Stretch
from eisync.core.model import value

_EXTENSIONS = (".txt", ".tsv", ".tab", ".csv")
_CLOCK, _SECONDS, _MILLISECONDS, _FRAMES = "hh:mm:ss.ms", "ss.msec", "msec", "hh:mm:ss:ff"
_FORMS = {
    _CLOCK: re.compile(r"([0-9]{1,4}):([0-9]{2}):([0-9]{2}[.,][0-9]{1,6})"),
    _SECONDS: re.compile(r"()()([0-9]{1,9}[.,][0-9]{1,9})"),
    _MILLISECONDS: re.compile(r"()()([0-9]{1,12})"),
    _FRAMES: re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}[:;][0-9]{2}"),
}
_PRECISE = (_MILLISECONDS, _SECONDS, _CLOCK)
_HEADER = re.compile(r"(.*\S) - (hh:mm:ss\.ms|ss\.msec|msec|hh:mm:ss:ff.*)", re.IGNORECASE)
_BEGIN, _END, _DURATION = "begin", "end", "duration"
_OF_THE_TIER = ("tier", "tier name", "participant", "annotator", "tier type")
_CHECKED_ROWS = 5
_ROUNDING_S = 0.0015


@value
class _Names:
    """Where the times and the texts are. `times` has the column of the begin, the end and the duration, if any.

    `tier` is the column with the name of the tier; None: each of the `texts` is a tier of its own.
    """

    form: str
    times: tuple[int, int | None, int | None]
    tier: int | None
    texts: tuple[tuple[int, str], ...]


def recognises(name: str, head: str) -> bool:
    r"""Return whether the file is such an export: by its names of columns, or by times of a clock in each row.

    >>> recognises("a.txt", "speech\t\t00:00:00.780\t00:00:01.340\t00:00:00.560\tso\n")
    True
    """
    if not name.lower().endswith(_EXTENSIONS):
        return False
    try:
        rows = [_cells(line) for line in lines([head]) if not _is_skipped(line)]
    except ValueError:
        return False
    if len(rows) > 1 and not head.endswith(("\n", "\r")):
        rows.pop()  # it may be cut
    if not rows:
        return False
    if _names_of(rows[0]) is not None:
        return True
    return all(_has_clock(row) and _span_of(row) is not None for row in itertools.islice(rows, _CHECKED_ROWS))


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield one entry with the stretches, and an empty path: an export is about one recording.

    Raises ValueError when the first row is no annotation.
    """
    yield described(_stretches(pieces))


def _stretches(pieces: Iterable[str]) -> Iterator[tuple[str, Stretch | None]]:
    names: _Names | None = None
    is_first = True
    for number, line in enumerate(lines(pieces), 1):
        if _is_skipped(line):
            continue
        cells = _cells(line)
        if is_first:
            is_first = False
            names = _names_of(cells)
            if names is not None:
                continue
        where = f"line {number}"
        if names is not None:
            yield from _by_names(names, cells, where)
            continue
        found = _span_of(cells)
        if found is None:
            raise ValueError(f"{where}: a tier, a begin, an end and a text are expected, with tabs between them")
        start_s, end_s, text = found
        tier = "" if _form_of(cells[0]) is not None else cells[0]
        yield tier, Stretch(checked_label(text, where), start_s, end_s, where)


def _is_skipped(line: str) -> bool:
    return line.lstrip('\ufeff "').startswith("#") or not line.strip()


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.removeprefix("\ufeff").split("\t")]


# --- with names


def _names_of(cells: Sequence[str]) -> _Names | None:
    """Return where the columns are; None when these are no names of columns."""
    times: dict[str, dict[str, int]] = {}
    texts: list[tuple[int, str]] = []
    tier: int | None = None
    for at, cell in enumerate(cells):
        found = _HEADER.fullmatch(cell)
        if found is not None:
            columns = times.setdefault(found[2].lower(), {})
            columns.setdefault(_role_of(found[1], len(columns)), at)
        elif cell.lower() in _OF_THE_TIER:
            tier = at if cell.lower().startswith("tier") and tier is None else tier
        elif cell:
            texts.append((at, cell))
    for form in _PRECISE:
        columns = times.get(form, {})
        if texts and _BEGIN in columns and len(columns) > 1:
            return _Names(form, (columns[_BEGIN], columns.get(_END), columns.get(_DURATION)), tier, tuple(texts))
    return None


def _role_of(name: str, count: int) -> str:
    """Return what the column is: by its name in English, otherwise by how many of its format came before."""
    word = name.split()[0].lower()
    if word in (_BEGIN, _END, _DURATION):
        return word
    return (_BEGIN, _END, _DURATION)[min(count, 2)]


def _by_names(names: _Names, cells: Sequence[str], where: str) -> Iterator[tuple[str, Stretch | None]]:
    begin, end, duration = (None if at is None else _time(_cell(cells, at), names.form) for at in names.times)
    if end is None and begin is not None and duration is not None:
        end = begin + duration
    if begin is None or end is None:
        raise ValueError(f"{where}: the begin and the end cannot be read as {names.form}")
    found = [(name, _cell(cells, at)) for at, name in names.texts if _cell(cells, at)]
    if names.tier is not None:
        found = [(_cell(cells, names.tier), text) for _, text in found[-1:]]
    elif not found:
        yield names.texts[0][1], None
    for tier, text in found:
        yield tier, Stretch(checked_label(text, where), begin, end, where)


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""


# --- without names


def _span_of(cells: Sequence[str]) -> tuple[float, float, str] | None:
    """Return the begin, the end (s) and the text of a row; None when it is no annotation.

    The text may be a number, and then looks like a time.
    """
    first = next((at for at, cell in enumerate(cells) if _form_of(cell) is not None), None)
    if first is None:
        return None
    after = next((at for at in range(first, len(cells)) if _form_of(cells[at]) is None), len(cells))
    end = after if any(cells[after:]) else after - 1
    text = next((cell for cell in cells[end:] if cell), "")
    span = _span(cells[first:end])
    return (*span, text) if span is not None and text else None


def _span(times: Sequence[str]) -> tuple[float, float] | None:
    """Return the begin and the end in a run of times, each of which is there in the same formats."""
    for parts in (3, 2):
        width, rest = divmod(len(times), parts)
        if rest or not width:
            continue
        for at in range(width):
            same = times[at::width]
            form = _form_of(same[0])
            numbers = [_time(one, form or "") for one in same]
            if form not in _PRECISE or None in numbers:
                continue
            begin, end, *duration = (one for one in numbers if one is not None)
            if end >= begin and all(abs(end - begin - one) < _ROUNDING_S for one in duration):
                return begin, end
    return None


def _has_clock(cells: Sequence[str]) -> bool:
    return sum(_FORMS[_CLOCK].fullmatch(cell) is not None for cell in cells) > 1


def _form_of(cell: str) -> str | None:
    return next((form for form, known in _FORMS.items() if known.fullmatch(cell)), None)


def _time(cell: str, form: str) -> float | None:
    """Return a time in seconds; None when it has another format."""
    found = _FORMS[form].fullmatch(cell) if form in _PRECISE else None
    if found is None:
        return None
    seconds = int(found[1] or 0) * 3600 + int(found[2] or 0) * 60 + float(found[3].replace(",", "."))
    return seconds / 1000 if form == _MILLISECONDS else seconds
