"""What the outbox writes down about one file after an attempt, decided by `verdict` and by the loops."""

from eisync.core.lifecycle import Event
from eisync.core.values import value


@value(kw_only=True)
class Outcome:
    """What happened to one claimed file, ready to be written. `events` are walked in order.

    `due_at`, `batch_cap` and `sha256` of None leave what was written before. `sent_name` is the name under which the
    samples were stored; None: this attempt did not store them.
    """

    item_id: int
    events: tuple[Event, ...]
    reason: str | None = None
    due_at: float | None = None
    batch_cap: int | None = None
    sample_ids: tuple[int, ...] = ()
    sha256: str | None = None
    sent_name: str | None = None
    is_attempt: bool = True
