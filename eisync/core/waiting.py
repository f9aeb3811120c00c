"""Say what a complete file waits for before it is sent, in one sentence for every command.

A file may wait for several things at once. It is told the one without which nothing else helps: first that nothing
runs, then what keeps all files of its target or folder, then its own next try, then its turn.
"""

from eisync.core.model import value
from eisync.core.pause import duration, why_paused
from eisync.core.summary import in_bytes

MAX_BEFORE = 10_000
"""More files than this before one are not counted."""


@value(kw_only=True)
class Blockers:
    """What keeps files of a folder from being sent now.

    `refusal`: why the target accepts no files, for a person. `paused_s`: for how many seconds a person paused the
    folder or all uploads. `held`: why nothing is sent to the target, as the uploader says it. `is_described_again`: the
    rules of the folder changed, and its waiting files are described first. `max_rate` is in bytes a second, 0 without
    a limit.
    """

    is_running: bool = True
    refusal: str | None = None
    paused_s: float | None = None
    held: str | None = None
    is_described_again: bool = False
    max_rate: int = 0


def why_waiting(blockers: Blockers, *, failure: str | None, due_in_s: float, before: int | None) -> str:
    """Return what a file waits for. `failure` says how its last attempt ended.

    `before` files are sent before it (`MAX_BEFORE` or more are not counted); None: this is not known.
    """
    found = _blocked(blockers) or _own(due_in_s, before, blockers.max_rate)
    is_said = failure is not None and failure == blockers.refusal  # the file's own attempt stopped its target
    return f"{failure}; {found}" if failure and not is_said else found


def _blocked(blockers: Blockers) -> str | None:
    if not blockers.is_running:
        return "waiting for 'eisync run' or 'eisync once' to send it"
    if blockers.refusal is not None:
        return f"waiting until its target accepts files again: {blockers.refusal}"
    if blockers.paused_s is not None:
        return why_paused(blockers.paused_s)
    if blockers.held is not None:
        return blockers.held
    if blockers.is_described_again:
        return "its folder's labelling changed; it is described again before it is sent"
    return None


def _own(due_in_s: float, before: int | None, max_rate: int) -> str:
    if due_in_s > 0:
        return f"tried again in {duration(due_in_s)}"
    rate = f"; max_rate limits uploads to {in_bytes(max_rate)} a second" if max_rate else ""
    if before is None:
        return f"waiting for its turn{rate}"
    if before == 0:
        return f"it is sent next{rate}"
    files = "1 file is" if before == 1 else f"{before:,} files are" if before < MAX_BEFORE else "many files are"
    return f"waiting for its turn: {files} before it{rate}"


def why_not_answering(since_s: float, again_in_s: float) -> str:
    """Return why nothing is sent to a service that has not answered for `since_s` seconds."""
    again = f"eisync tries again in {duration(again_in_s)}" if again_in_s > 0 else "eisync is trying again"
    if since_s < 1:
        return f"the service does not answer; {again}"
    return f"the service has not answered for {duration(since_s)}; {again}"
