"""Read which files may be removed after their upload, and store the intent before each removal.

The intent is on the disk before the file is removed. It marks the row of the file at once: from then on, the file's
absence does not count as a deletion by a person.
"""

import os
import sqlite3

from eisync.core.actions import Action, StoredAction
from eisync.core.identity import Identity
from eisync.core.lifecycle import RemovalEvent, RemovalState, State
from eisync.core.model import RemoteSample
from eisync.core.retention import Local, Proof
from eisync.store.action_effects import REMOVES, taken
from eisync.store.actions import ActionStore
from eisync.store.database import Database
from eisync.store.intake import doubt
from eisync.store.plans import columns_of
from eisync.store.rows import facts_of, path_of, removal_after, removal_before
from eisync.store.sample_links import LISTED_SHA256, identity_of, listed_of, sent_of, stored_name_of

# A page of the files of a root that were not removed yet, the oldest upload first.
_PAGE = """
select file.*, root.path as root_path, {followed} as is_followed
from file indexed by file_removable join root on root.id = file.root_id
where file.root_id = :root_id and file.state = 'synced' and file.absent_at is null and file.removal is null
    and (file.changed_at, file.id) > (:after_at, :after_id)
order by file.changed_at, file.id limit :limit"""

# One file, in any state.
_ONE = """
select file.*, root.path as root_path, {followed} as is_followed
from file join root on root.id = file.root_id where file.id = :id"""

# Whether a rename was not applied to the samples yet, or earlier versions wait for their deletion.
_FOLLOWED = "(file.published is not null or exists (select 1 from superseded where file_id = file.id))"
_PAGE, _ONE = _PAGE.format(followed=_FOLLOWED), _ONE.format(followed=_FOLLOWED)

# The samples of a file that were not deleted. One that no listing has shown yet has no name, or no row at all.
_PROOFS = f"""
select sample.*, {LISTED_SHA256} as listed, mine.sent_name, mine.sample_id as tied_id,
    coalesce(sample.missed > 0 or sample.missing_in is not null, 0) as is_missed,
    mine.is_segment or coalesce(sample.is_cropped, 0) as is_cut
from file_sample mine left join sample on sample.target = :target and sample.id = mine.sample_id
where mine.file_id = :id and sample.gone_at is null order by mine.sample_id"""

# The hash of a sample's bytes, as long as it is listed as it was when they were read.
_NOTE_RAW = f"""
update sample set raw_sha256 = :raw
where target = :target and id = :id and {LISTED_SHA256} is :sha256 and added is :added"""

# Mark the row with the removal of its file, as long as it is still the version that was decided on.
_MARK = {
    kind: f"""
update file set removal = {removal_after(event)}
where id = :file_id and state = 'synced' and absent_at is null and {removal_before(event)}
    and size = :size and mtime_ns = :mtime_ns and inode = :inode and sha256 = :sha256"""
    for kind, event in REMOVES.items()
}
_INTEND = """
insert into act (target, key, kind, cause, file_id, root, path, reason, since_at, state, made_at, lies_at)
values (:target, :key, :kind, :cause, :file_id, :root, :path, :reason, :since_at, 'begun', :now, :lies_at)
returning id"""

_UNDER_WAY = """
select id from act indexed by act_to_do
where state in ('due', 'begun', 'undoing') and state = 'begun' and cause = 'retention' order by id"""

# The removal was not carried out. Meanwhile the watcher may have missed the file and found it again, as if a person had
# brought it back ('kept').
_UNMARK = f"""
update file set removal = {removal_after(RemovalEvent.RELEASE)}
where id = :file_id and removal in (:removal, '{RemovalState.KEPT.value}') and {removal_before(RemovalEvent.RELEASE)}"""

# When an action last recorded that it puts something below a folder: done, or perhaps done.
_LAST_PUT = """
select max(coalesce(done_at, made_at)) as at from act where lies_at >= :first and lies_at < :end"""


# Files that were archived in a folder, the latest first.
_ARCHIVED = """
select lies_at from act where kind = 'archive_file' and state = 'done'
    and lies_at > :first and lies_at < :end order by id desc limit :limit"""


class Removals:
    """Store the removals of retention. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._actions = ActionStore(database)

    def page(self, root_id: int, *, after: tuple[float, int] = (float("-inf"), 0), limit: int) -> list[Local]:
        """List a page of the root's uploaded files that are not removed yet, in the order (`since_at`, id)."""
        parameters = {"root_id": root_id, "after_at": after[0], "after_id": after[1], "limit": limit}
        with self._database.reading() as connection:
            rows = connection.execute(_PAGE, parameters).fetchall()
            return [_local(connection, row) for row in rows]

    def one(self, file_id: int) -> Local | None:
        """Return one file as it is now; None when its row is gone."""
        with self._database.reading() as connection:
            row = connection.execute(_ONE, {"id": file_id}).fetchone()
            return None if row is None else _local(connection, row)

    def device(self, root_id: int) -> int | None:
        """Return the device that the root was on when it was last readable; None when it is not known."""
        with self._database.reading() as connection:
            row = connection.execute("select device from root where id = ?", (root_id,)).fetchone()
        return None if row is None else row["device"]

    def why_not_listed(self, target: str) -> str | None:
        """Return why the last listing of the target's samples failed; None when it did not."""
        with self._database.reading() as connection:
            row = connection.execute("select listing_trouble from target where name = ?", (target,)).fetchone()
        return None if row is None else row["listing_trouble"]

    def begin(self, file: Local, action: Action, *, lies_at: str | None = None, now: float) -> StoredAction | None:
        """Store the intent to carry out the action now. It is on the disk when this returns.

        `lies_at` is the absolute path where the file will be. Return None when the file is no longer this version.
        """
        facts = file.facts
        version = {"size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode, "sha256": file.sha256}
        row = None
        with self._database.transaction(survives_power_cut=True) as connection:
            if connection.execute(_MARK[action.kind], {"file_id": file.id, **version}).rowcount:
                lies = {"lies_at": None if lies_at is None else os.fsencode(lies_at)}
                row = connection.execute(_INTEND, columns_of(file.target, action, now) | lies).fetchone()
        return None if row is None else self._actions.find(row["id"])

    def note_raw(self, target: str, sample: RemoteSample, raw_sha256: str) -> None:
        """Store the hash of the sample's bytes, valid while the sample is listed as it is now."""
        row = {"target": target, "id": sample.id, "sha256": sample.sha256, "added": sample.added, "raw": raw_sha256}
        with self._database.transaction() as connection:
            connection.execute(_NOTE_RAW, row)

    def under_way(self) -> list[StoredAction]:
        """List actions that may or may not have been carried out, in the order in which they were decided."""
        with self._database.reading() as connection:
            rows = connection.execute(_UNDER_WAY).fetchall()
        found = (self._actions.find(row["id"]) for row in rows)
        return [written for written in found if written is not None]

    def last_put(self, folder: str) -> float | None:
        """Return when an action last put something below the folder (absolute path); None when no record says so."""
        place = os.fsencode(folder)
        with self._database.reading() as connection:
            row = connection.execute(_LAST_PUT, {"first": place + b"/", "end": place + b"0"}).fetchone()
        return None if row["at"] is None else float(row["at"])

    def marker(self, archive: str) -> str | None:
        """Return the marker of the archive; None when none is stored."""
        with self._database.reading() as connection:
            row = connection.execute("select marker from archive where path = ?", (os.fsencode(archive),)).fetchone()
        return None if row is None else str(row["marker"])

    def remember_marker(self, archive: str, marker: str) -> None:
        """Store the marker of the archive. It is on the disk when this returns."""
        with self._database.transaction(survives_power_cut=True) as connection:
            connection.execute(
                "insert or replace into archive (path, marker) values (?, ?)", (os.fsencode(archive), marker)
            )

    def archived_in(self, archive: str, *, limit: int) -> list[str]:
        """List the absolute paths of files that were moved to the archive, the latest first."""
        top = os.fsencode(archive.rstrip("/"))
        places = {"first": top + b"/", "end": top + b"0", "limit": limit}  # "0" sorts right after "/"
        with self._database.reading() as connection:
            return [os.fsdecode(row["lies_at"]) for row in connection.execute(_ARCHIVED, places).fetchall()]

    def release(self, written: StoredAction) -> None:
        """Withdraw an intent that was not carried out: the file is in its place, or has changed."""
        with self._database.transaction() as connection:
            connection.execute("delete from act where id = ? and state = 'begun'", (written.id,))
            connection.execute(
                _UNMARK, {"file_id": written.action.file_id, "removal": taken(written.action.kind).value}
            )

    def doubt(self, file_id: int) -> None:
        """Make the watcher compare the file's content with what was sent, because it seems to differ."""
        with self._database.transaction() as connection:
            doubt(connection, file_id)


def _local(connection: sqlite3.Connection, row: sqlite3.Row) -> Local:
    proofs = connection.execute(_PROOFS, {"id": row["id"], "target": row["target"]}).fetchall()
    return Local(
        id=row["id"],
        root_id=row["root_id"],
        root=os.fsdecode(row["root_path"]),
        path=path_of(row),
        target=row["target"],
        state=State(row["state"]),
        facts=facts_of(row),
        since_at=row["changed_at"],
        sha256=row["sha256"],
        is_absent=row["absent_at"] is not None,
        removal=RemovalState(row["removal"]),
        is_followed=bool(row["is_followed"]),
        proofs=tuple(_proof(one, stored_name_of(row)) for one in proofs),
    )


def _proof(row: sqlite3.Row, likely: str) -> Proof:
    is_known = row["id"] is not None
    return Proof(
        id=row["tied_id"],
        sent=sent_of(row, likely),
        listed=listed_of(row) if is_known else RemoteSample(row["tied_id"], "", "", None),
        identity=identity_of(row, likely) if is_known else Identity.UNLISTED,
        is_missed=bool(row["is_missed"]),
        raw_sha256=row["raw_sha256"],
        is_cut=bool(row["is_cut"]),
    )
