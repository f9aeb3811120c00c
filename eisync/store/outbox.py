"""Keep the durable queue of work: every file that waits to be sent, and the outcome of each upload.

A state changes only along `lifecycle.TRANSITIONS`. `intake` puts files in, `claims` claims them, and `queue` records
their outcomes. This module makes each of these steps one transaction, and wakes the loop that waits for work.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence

from eisync.core.batching import Order
from eisync.core.known_content import KnownContent
from eisync.core.lifecycle import Event, State
from eisync.core.model import Candidate, Doubt, FileFacts, Item, KnownFile, Root
from eisync.core.outcome import Outcome
from eisync.store import claims, intake, queue, tombstones
from eisync.store.database import Database
from eisync.store.transitions import forget_oldest

# Drop the rows of files that are gone, and their history.
_FORGET_GONE = """
delete from file where state = 'gone' and changed_at < :before returning id"""
_FORGET_HISTORY = """
delete from history where file_id = :id"""

# The folder has another target now. Files that are not uploaded yet go to the new one; the others stay where they are.
_RETARGET = """
update file set target = :target
where root_id = :root_id and target <> :target and state not in ('synced', 'tombstone')"""


class Outbox:
    """Store the queue. Safe to use from any thread; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def on_work(self, listener: Callable[[], None]) -> None:
        """Call `listener` after a commit that made files ready. It must only wake a thread."""
        self._listeners.append(listener)

    def register(self, roots: Sequence[tuple[str, str]]) -> list[Root]:
        """Store the roots of this run, given as (absolute path, target). Return each with its id. Safe to repeat."""
        with self._database.transaction() as connection:
            return [_registered(connection, path, target) for path, target in roots]

    # --- entering ----------------------------------------------------------------------------------------------

    def enqueue(self, candidates: Iterable[Candidate], *, now: float) -> set[tuple[int, str]]:
        """Put complete files into the queue. Safe to repeat.

        Return the (root id, path) of those that cannot enter yet because their earlier version is still in a request.
        """
        return self._enter(((candidate, Event.COMPLETE, None) for candidate in candidates), now)

    def park(self, findings: Iterable[tuple[Candidate, str]], *, now: float) -> set[tuple[int, str]]:
        """Quarantine truncated files, each with the finding. Safe to repeat. Return the same as `enqueue`."""
        return self._enter(((candidate, Event.CUT, finding) for candidate, finding in findings), now)

    def mark_changed(self, ids: Iterable[int], *, now: float) -> None:
        """Move files that changed back to settling, unless they are in a request."""
        with self._database.transaction() as connection:
            intake.mark_changed(connection, ids, now)

    def mark_gone(self, ids: Iterable[int], *, now: float) -> None:
        """Record that these files are gone. A synced file stays synced, with the time since when it is absent."""
        with self._database.transaction() as connection:
            intake.mark_gone(connection, ids, now)

    def mark_back(self, ids: Iterable[int], *, now: float) -> None:
        """Record that these files are present again, unchanged."""
        with self._database.transaction() as connection:
            intake.mark_back(connection, ids, now)

    def mark_returned(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool:
        """Record that a file that eisync removed is in its place again, with the same content.

        Return False when the row no longer says so.
        """
        with self._database.transaction() as connection:
            return intake.mark_returned(connection, identity, facts, sha256, now)

    def mark_unchanged(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool:
        """Record that a changed file has the content again that was sent.

        Return False when that content neither is at the service nor was deleted there.
        """
        with self._database.transaction() as connection:
            return tombstones.mark_unchanged(connection, identity, facts, sha256, now)

    def learn_versions(self, changes: Iterable[tuple[int, FileFacts]]) -> None:
        """Store the new facts of files that still are the known versions."""
        with self._database.transaction() as connection:
            intake.learn_versions(connection, changes)

    def doubt(self, identity: int) -> None:
        """Request a comparison of the file's content with what was sent, even if its facts did not change."""
        with self._database.transaction() as connection:
            intake.doubt(connection, identity)

    def leave_as_sent(self, changes: Iterable[tuple[int, FileFacts]], *, now: float) -> None:
        """Record that these files changed after they were sent, and that the new versions are not sent."""
        with self._database.transaction() as connection:
            intake.leave_as_sent(connection, changes, now)

    def leave_out(self, ids: Iterable[int], reason: str, *, now: float) -> None:
        """Take files that are no samples out of the queue. Those that were sent already stay as they are."""
        with self._database.transaction() as connection:
            intake.leave_out(connection, ids, reason, now)

    def known_at(self, root_id: int, path: str) -> KnownFile | None:
        """Return what is known of the file at `path`; None when it is not known."""
        with self._database.reading() as connection:
            return intake.find(connection, root_id, path)

    def settling(self, root_id: int) -> list[str]:
        """List the paths of known files that changed and are not complete yet."""
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
        files: int = 1,
        can_infer: bool = False,
        claim: int,
        now: float,
    ) -> list[Item]:
        """Claim about `limit` files that are due, in `order`, so that they fill requests of `files` files.

        They keep the claim until they are settled. `can_infer`: the service infers labels where it infers the right
        ones.
        """
        with self._database.transaction() as connection:
            return claims.take(
                connection,
                target,
                roots,
                order=order,
                limit=limit,
                files=files,
                can_infer=can_infer,
                claim=claim,
                now=now,
            )

    def may_be_known(self, target: str, items: Sequence[Item], roots: Iterable[int]) -> set[int]:
        """Return the ids of the files whose content may be known already. `roots` are the watched ones of this run."""
        with self._database.reading() as connection:
            return tombstones.may_be_known(connection, target, items, roots)

    def known_contents(
        self, target: str, hashed: Sequence[tuple[Item, str]], roots: Iterable[int]
    ) -> dict[int, list[KnownContent]]:
        """Return what is known of the contents of files, by file id. Files with unknown content are left out."""
        with self._database.reading() as connection:
            return tombstones.known_contents(connection, target, hashed, roots)

    def first(self, target: str, roots: Iterable[int], *, order: Order, limit: int, now: float) -> list[int]:
        """Return the ids of the files that are due, at most `limit`: the next to be sent first."""
        with self._database.reading() as connection:
            return claims.first(connection, target, roots, order=order, limit=limit, now=now)

    def next_due_at(self, target: str, roots: Iterable[int]) -> float | None:
        """Return when the next file of the target is due (Unix s); None when none waits."""
        with self._database.reading() as connection:
            return claims.next_due_at(connection, target, roots)

    def settle(self, settlements: Iterable[Outcome], *, claim: int | None, now: float) -> dict[int, int]:
        """Record the outcomes of claimed files, with the samples that the service named, in one transaction.

        Return the files that stay claimed because the service named a sample for them that holds other content of ours,
        each with that sample. Raise LostClaimError, and write nothing, when one of the files is not under `claim`.
        """
        return self.settle_all([(claim, list(settlements))], now=now)

    def settle_all(self, by_claim: Sequence[tuple[int | None, Sequence[Outcome]]], *, now: float) -> dict[int, int]:
        """Record the outcomes of the files of several claims in one transaction, as `settle` does those of one."""
        with self._database.transaction() as connection:
            disputed = queue.disputed(connection, [one for _, outcomes in by_claim for one in outcomes])
            if disputed:
                by_claim = [
                    (claim, [one for one in outcomes if one.item_id not in disputed]) for claim, outcomes in by_claim
                ]
            queue.settle_all(connection, by_claim, State.SENDING, now)
        self.announce()
        return disputed

    def release(self, target: str, sample_ids: Iterable[int], *, now: float) -> list[int]:
        """Send files again whose only proof of arrival is one of these samples. Return their ids.

        The service named each of these samples for several contents, so its answers prove nothing.
        """
        with self._database.transaction() as connection:
            return queue.release(connection, target, sample_ids, now)

    # --- doubts and second chances -----------------------------------------------------------------------------

    def resolve(self, settlements: Iterable[Outcome], *, now: float) -> None:
        """Record what the listing says about doubtful files. Skip files that a person has sent again since."""
        with self._database.transaction() as connection:
            queue.resolve(connection, settlements, now)
        self.announce()

    def doubtful(self, target: str, *, limit: int) -> list[Doubt]:
        """List files that were sent and may have arrived."""
        with self._database.reading() as connection:
            return queue.doubtful(connection, target, limit)

    def explain_doubts(self, target: str, reason: str) -> None:
        """Store why it is not known whether the doubtful files of the target arrived, as a sentence for a person."""
        with self._database.transaction() as connection:
            queue.explain_doubts(connection, target, reason)

    def recover(self, *, duplicates_allowed: bool, now: float) -> int:
        """Recover after a start: files that were in a request when the last process ended become doubtful.

        Where duplicates are refused, doubtful files return to the queue at once. Waiting times are corrected if the
        clock was set back since then. Return how many files were in a request.
        """
        with self._database.transaction() as connection:
            forget_oldest(connection)
            under_way = queue.recover(connection, duplicates_allowed=duplicates_allowed, now=now)
        self.announce()
        return under_way

    def wait_anew(self, *, now: float) -> int:
        """Restart the waits of deferred files after the clock was set back: each waits as long again, from now on.

        Return how many files these are.
        """
        with self._database.transaction() as connection:
            return queue.wait_anew(connection, now)

    def retry(self, ids: Iterable[int], *, now: float) -> int:
        """Put quarantined files, tombstones and doubtful files back into the queue. Return how many.

        A person asks for this. For a doubtful file, the person checked the project or accepts a second sample.
        """
        with self._database.transaction() as connection:
            moved = queue.retry(connection, ids, now)
        if moved:
            self.announce()
        return moved

    def forget_gone(self, *, before: float) -> int:
        """Drop the rows of files that went, before `before` (Unix s), without having been sent. Return how many.

        Also drop the oldest lines of the history when there are too many of them.
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
            self.announce()
        return busy

    def announce(self) -> None:
        """Wake those who wait for work."""
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
