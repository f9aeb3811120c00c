"""The durable queue of work: every file that waits to be sent, and what became of it.

A state changes only along `lifecycle.TRANSITIONS`. How files enter is in `entries`, how they are taken in `claims`,
what became of them in `outcomes`; here each of these is one transaction, and the loop that waits for work is woken.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence

from eisync.core.batching import Order
from eisync.core.known_content import KnownContent
from eisync.core.lifecycle import Event, State
from eisync.core.model import Candidate, Doubt, FileFacts, Item, KnownFile, Root
from eisync.core.outcome import Outcome
from eisync.store import intake, queue, tombstones
from eisync.store.database import Database
from eisync.store.transitions import forget_oldest

# Drop the rows of files that went, and what is remembered of them.
_FORGET_GONE = """
delete from file where state = 'gone' and changed_at < :before returning id"""
_FORGET_HISTORY = """
delete from history where file_id = :id"""

# A folder that belongs to another target now: what is not there yet goes to the new one. What is stays where it is.
_RETARGET = """
update file set target = :target
where root_id = :root_id and target <> :target and state not in ('synced', 'tombstone')"""


class Outbox:
    """The queue. Safe to use from any thread; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def on_work(self, listener: Callable[[], None]) -> None:
        """Call `listener` after a commit that made files ready. It must only wake somebody."""
        self._listeners.append(listener)

    def register(self, roots: Sequence[tuple[str, str]]) -> list[Root]:
        """The roots of this run, by (absolute path, target), each with its id. Safe to repeat."""
        with self._database.transaction() as connection:
            return [_registered(connection, path, target) for path, target in roots]

    # --- entering ----------------------------------------------------------------------------------------------

    def enqueue(self, candidates: Iterable[Candidate], *, now: float) -> set[tuple[int, str]]:
        """Put complete files into the queue. Safe to repeat.

        Returns the (root id, path) of those that cannot enter yet because their last version is still under way.
        """
        return self._enter(((candidate, Event.COMPLETE, None) for candidate in candidates), now)

    def park(self, findings: Iterable[tuple[Candidate, str]], *, now: float) -> set[tuple[int, str]]:
        """Quarantine files that are cut, each with the finding. Safe to repeat; returns what `enqueue` does."""
        return self._enter(((candidate, Event.CUT, finding) for candidate, finding in findings), now)

    def mark_changed(self, ids: Iterable[int], *, now: float) -> None:
        """These files are not what they were: back to settling, unless a request is under way with them."""
        with self._database.transaction() as connection:
            intake.mark_changed(connection, ids, now)

    def mark_gone(self, ids: Iterable[int], *, now: float) -> None:
        """These files are not there any more. What is synced stays synced, and it is noted."""
        with self._database.transaction() as connection:
            intake.mark_gone(connection, ids, now)

    def mark_back(self, ids: Iterable[int], *, now: float) -> None:
        """These files are there again, as they were when they went."""
        with self._database.transaction() as connection:
            intake.mark_back(connection, ids, now)

    def mark_returned(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool:
        """A file that we took away is in its place again, with its content. False when it is not that one any more."""
        with self._database.transaction() as connection:
            return intake.mark_returned(connection, identity, facts, sha256, now)

    def mark_unchanged(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool:
        """A file that changed is again what was sent. False when that is not at the service, nor was deleted there."""
        with self._database.transaction() as connection:
            return tombstones.mark_unchanged(connection, identity, facts, sha256, now)

    def learn_versions(self, changes: Iterable[tuple[int, FileFacts]]) -> None:
        """These files are the versions that are known, and have these facts now."""
        with self._database.transaction() as connection:
            intake.learn_versions(connection, changes)

    def doubt(self, identity: int) -> None:
        """Have the content of the file compared with what was sent, whatever its facts say."""
        with self._database.transaction() as connection:
            intake.doubt(connection, identity)

    def leave_as_sent(self, changes: Iterable[tuple[int, FileFacts]], *, now: float) -> None:
        """These files were changed after they were sent, and the new version is not to go."""
        with self._database.transaction() as connection:
            intake.leave_as_sent(connection, changes, now)

    def leave_out(self, ids: Iterable[int], reason: str, *, now: float) -> None:
        """These files are no samples: what was not sent of them is not to go. What was sent stays as it is."""
        with self._database.transaction() as connection:
            intake.leave_out(connection, ids, reason, now)

    def known_at(self, root_id: int, path: str) -> KnownFile | None:
        """What is known of the file at `path`."""
        with self._database.reading() as connection:
            return intake.find(connection, root_id, path)

    def settling(self, root_id: int) -> list[str]:
        """The paths of known files that were changed and are not complete again."""
        with self._database.reading() as connection:
            return intake.settling(connection, root_id)

    # --- sending -----------------------------------------------------------------------------------------------

    def claim(
        self,
        target: str,
        roots: Iterable[int],
        *,
        order: Order = Order.OLDEST,
        limit: int,
        claim: int,
        now: float,
    ) -> list[Item]:
        """Take at most `limit` files that are due, in `order`. They are ours until they are settled."""
        with self._database.transaction() as connection:
            return queue.take(connection, target, roots, order=order, limit=limit, claim=claim, now=now)

    def may_be_known(self, target: str, items: Sequence[Item], roots: Iterable[int]) -> set[int]:
        """The ids of the files whose content may be known. `roots` are the watched ones of this run."""
        with self._database.reading() as connection:
            return tombstones.may_be_known(connection, target, items, roots)

    def known_contents(
        self, target: str, hashed: Sequence[tuple[Item, str]], roots: Iterable[int]
    ) -> dict[int, list[KnownContent]]:
        """What is known of the contents of files, by id; those that nothing is known of are left out."""
        with self._database.reading() as connection:
            return tombstones.known_contents(connection, target, hashed, roots)

    def next_due_at(self, target: str, roots: Iterable[int]) -> float | None:
        """When the next file of the target is due (Unix s), or None when none waits."""
        with self._database.reading() as connection:
            return queue.next_due_at(connection, target, roots)

    def settle(self, settlements: Iterable[Outcome], *, claim: int | None, now: float) -> dict[int, int]:
        """Write down what became of claimed files, with the samples the service named, in one transaction.

        Returns those that stay claimed, with the sample that they are said to be and that holds other content of ours.
        Raises LostClaimError, and writes nothing, when one of them is not under `claim`.
        """
        told = list(settlements)
        with self._database.transaction() as connection:
            disputed = queue.disputed(connection, told)
            believed = [one for one in told if one.item_id not in disputed] if disputed else told
            queue.settle(connection, believed, State.SENDING, claim, now)
        self._announce()
        return disputed

    def release(self, target: str, sample_ids: Iterable[int], *, now: float) -> list[int]:
        """The service named these samples for other content too: files of which nothing else says that they arrived are
        sent again. Returns them."""
        with self._database.transaction() as connection:
            return queue.release(connection, target, sample_ids, now)

    # --- doubts and second chances -----------------------------------------------------------------------------

    def resolve(self, settlements: Iterable[Outcome], *, now: float) -> None:
        """Write down what a look at the service told about doubtful files; not where a person was faster."""
        with self._database.transaction() as connection:
            queue.resolve(connection, settlements, now)
        self._announce()

    def doubtful(self, target: str, *, limit: int) -> list[Doubt]:
        """Return files that were sent and may have arrived."""
        with self._database.reading() as connection:
            return queue.doubtful(connection, target, limit)

    def explain_doubts(self, target: str, reason: str) -> None:
        """Note why it cannot be told whether the doubtful files of the target arrived, for a person."""
        with self._database.transaction() as connection:
            queue.explain_doubts(connection, target, reason)

    def recover(self, *, duplicates_allowed: bool, now: float) -> int:
        """After a start: whatever was under way when the last process ended is doubtful.

        Where duplicates are refused, doubtful files go straight back to the queue. Returns how many were under way.
        A clock that was set back since then keeps no file waiting.
        """
        with self._database.transaction() as connection:
            forget_oldest(connection)
            under_way = queue.recover(connection, duplicates_allowed=duplicates_allowed, now=now)
        self._announce()
        return under_way

    def wait_anew(self, *, now: float) -> int:
        """The clock was set back: what was put off until a later hour waits as long from now on. Returns how much."""
        with self._database.transaction() as connection:
            return queue.wait_anew(connection, now)

    def retry(self, ids: Iterable[int], *, now: float) -> int:
        """Put quarantined files and tombstones back into the queue. Returns how many.

        A doubtful one, too: a person has looked, or does not mind a second sample.
        """
        with self._database.transaction() as connection:
            moved = queue.retry(connection, ids, now)
        if moved:
            self._announce()
        return moved

    def forget_gone(self, *, before: float) -> int:
        """Drop the rows of files that went before they were sent, once their reason is older than `before`.

        And the oldest lines of the history, when there are too many of them.
        """
        with self._database.transaction() as connection:
            dropped = connection.execute(_FORGET_GONE, {"before": before}).fetchall()
            connection.executemany(_FORGET_HISTORY, [{"id": row["id"]} for row in dropped])
            forget_oldest(connection)
        return len(dropped)

    def _enter(self, entering: Iterable[intake.Entry], now: float) -> set[tuple[int, str]]:
        with self._database.transaction() as connection:
            entered, busy = intake.enter_all(connection, entering, now)
        if entered:
            self._announce()
        return busy

    def _announce(self) -> None:
        for listener in self._listeners:
            listener()


def _registered(connection: sqlite3.Connection, path: str, target: str) -> Root:
    place = os.fsencode(path)
    before = connection.execute("select target from root where path = ?", (place,)).fetchone()
    row = connection.execute(
        "insert into root (path, target) values (?, ?) "
        "on conflict (path) do update set target = excluded.target returning id",
        (place, target),
    ).fetchone()
    if before is not None and before["target"] != target:
        connection.execute(_RETARGET, {"root_id": row["id"], "target": target})
    return Root(id=row["id"], path=path, target=target)
