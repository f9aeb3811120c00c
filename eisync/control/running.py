"""What only a running process knows, for the answers to requests."""

from collections.abc import Callable, Sequence

from eisync.control.numbers import Counted
from eisync.control.overview import Record
from eisync.core.model import value
from eisync.loops.ports import Passes

_OFF: Record = {"url": None, "link": None, "metrics_token": None}
NO_PAGE: Record = {**_OFF, "why_off": "no daemon runs; start one with 'eisync run'", "waits": False}
PAGE_STARTS: Record = {**_OFF, "why_off": "eisync is starting; try again in a moment", "waits": True}


@value(kw_only=True)
class Running:
    """What only a running process knows. By default no process runs, and what was stored last counts.

    `live` returns the report of the process. `note` stores the current observations, so that they are counted.
    `observed` returns what is not complete or cannot be read, as records of `files`; `observed_at` returns the same for
    some paths of a root. `watched` returns the folders with their options. `passes` is the running reconciler. `page`
    returns the address of the page, and a link that opens it logged in for so many seconds. `explain` returns what
    `eisync explain` says of the file at a path of a root, or None for one that is not watched. `scan` scans some
    folders, or all, as soon as possible, and returns which. `recheck` tries the targets again that refused their key,
    and returns which. `counted` returns the process's own counters, `hour` what it uploaded in each minute of the hour
    before an instant (Unix s), `log` its last log lines.
    `reload` reads the configuration again, and returns what was applied and what waits for a restart.
    """

    live: Callable[[], Record] | None = None
    note: Callable[[], None] = lambda: None
    observed: Callable[[], list[Record]] | None = None
    observed_at: Callable[[str, Sequence[str]], list[Record]] | None = None
    watched: Callable[[], list[Record]] = list
    passes: Passes | None = None
    page: Callable[[float | None], Record] = lambda _: NO_PAGE
    explain: Callable[[str, str], Record | None] = lambda *_: None
    counted: Counted | None = None
    hour: Callable[[float], Record | None] = lambda _: None
    log: Callable[[], Record] = lambda: {"lines": []}
    scan: Callable[[Sequence[str] | None], list[str]] | None = None
    recheck: Callable[[], list[str]] | None = None
    reload: Callable[[], Record] | None = None

    def report(self) -> Record | None:
        """Return the report of the process; None when none runs."""
        return None if self.live is None else self.live()
