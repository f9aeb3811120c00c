"""Store what eisync knows of the targets and their samples at the service, and of the watched folders."""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from eisync.core.file_status import ObservedEntry
from eisync.core.identity import Decision, Destruction, decide, other_project
from eisync.core.lifecycle import Event, State
from eisync.core.model import Item, value
from eisync.store import disks, tombstones
from eisync.store.action_effects import send_again
from eisync.store.class_balance import ClassBalanceRows
from eisync.store.database import Database
from eisync.store.descriptions import Descriptions
from eisync.store.drift import DriftCounter
from eisync.store.file_pages import FilePages
from eisync.store.inferred_labels import InferredLabels
from eisync.store.label_counts import LabelCounts
from eisync.store.observations import Observations
from eisync.store.pauses import Pauses
from eisync.store.records import FileRecords
from eisync.store.rows import ITEM, item_of
from eisync.store.sample_links import LISTED_SHA256, identity_of, link
from eisync.store.shape import Shape
from eisync.store.split_groups import SplitGroups
from eisync.store.throughput import Rates
from eisync.store.tombstones import note_deleted, settling_again
from eisync.store.transitions import move
from eisync.store.upkeep import Upkeep

# What is known of a sample, for a decision about it.
_KNOWN = f"""
select sample.*, {LISTED_SHA256} as listed, null as sent_name from sample where target = :target and id = :id"""

# Samples of ours whose ids belong to other samples now.
_CONTRADICTED = """
select count(*) as samples, min(contradiction) as why from sample indexed by sample_contradicted
where target = :target and contradiction is not null and gone_at is null and exists (
    select 1 from file_sample mine cross join file on file.id = mine.file_id
    where mine.sample_id = sample.id and file.target = sample.target)"""

# Whether eisync deleted the sample itself, for a file that was deleted or changed here: done, or perhaps done.
_OURS = """
select state from act where target = :target and sample_id = :id and kind = 'delete_sample'
and state in ('begun', 'done', 'undoing', 'undone') order by state = 'begun' desc limit 1"""

# The samples of a synced file were found.
_IDENTIFIED = """
update file set reason = 'already in the project'
where id = :id and state = 'synced' and size = :size and mtime_ns = :mtime_ns and inode = :inode"""

# The parts of descriptions that were not sent, by root and kind. (Only the files with such parts are read.)
_REMARKS = """
select file.root_id, one.key as kind, count(*) as files, min(one.value) as example
from file indexed by file_remarked cross join json_each(file.remarks) one
where file.remarks is not null and file.state <> 'gone'
group by file.root_id, one.key order by file.root_id, one.key"""


@value(kw_only=True)
class TargetFacts:
    """What is stored about a target. Reasons are sentences for a person; None means that there is no problem."""

    name: str
    project_id: int | None
    paused_reason: str | None
    listed_at: float | None
    listing_trouble: str | None
    inference_trouble: str | None = None


@value
class Remark:
    """A part of the description that `files` files were sent without, for one reason.

    `example` is the sentence for one of these files.
    """

    kind: str
    files: int
    example: str


@value(kw_only=True)
class RootFacts:
    """What is stored about a watched folder.

    `left_out` counts the files that are not for the service, by reason. `away` has a sentence for each missing disk.
    `remarks` are the parts of descriptions that were not sent. `settling` counts the files that are not complete;
    `beyond` of these are counted but not listed. `comparing` counts the files that were touched since their upload and
    not compared with it yet.
    """

    id: int
    path: str
    target: str
    scanned_at: float | None
    offline_reason: str | None
    settling: int
    left_out: Mapping[str, int]
    away: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    beyond: int = 0
    comparing: int = 0


class Index:
    """Store what is known of the service. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.observations = Observations(database)
        self.records = FileRecords(database)
        self.balance = ClassBalanceRows(database)
        self.pages = FilePages(database)
        self.labels = LabelCounts(database)
        self.groups = SplitGroups(database)
        self.descriptions = Descriptions(database)
        self.inferred = InferredLabels(database)
        self.pauses = Pauses(database)
        self.drift = DriftCounter(database)
        self.shape = Shape(database)
        self.rates = Rates(database)
        self.upkeep = Upkeep(database)
        self._project_ids: dict[str, int] = {}  # as they are stored; nothing changes them

    # --- targets -----------------------------------------------------------------------------------------------

    def register(self, targets: Iterable[str]) -> None:
        """Store the targets of this run. A start ends their pauses, because the new process may have a new key."""
        with self._database.transaction() as connection:
            for name in targets:
                connection.execute(
                    "insert into target (name) values (?) "
                    "on conflict (name) do update set paused_reason = null, paused_at = null",
                    (name,),
                )

    def identify(self, target: str, project_id: int) -> str | None:
        """Store which project the target is. Return a sentence for a person when it was another project before."""
        if self._project_ids.get(target) == project_id:
            return None  # as nearly every answer of the service says
        with self._database.reading() as connection:
            row = connection.execute("select project_id from target where name = ?", (target,)).fetchone()
        if row is None or row["project_id"] is None:
            self._update_target(target, "project_id = coalesce(project_id, :project_id)", project_id=project_id)
            return None
        if row["project_id"] == project_id:
            self._project_ids[target] = project_id
            return None
        return other_project(target, opened=project_id, known=row["project_id"])

    def pause(self, target: str, reason: str, *, now: float) -> None:
        """Stop sending to the target, for `reason`."""
        self._update_target(target, "paused_reason = :reason, paused_at = :now", reason=reason, now=now)

    def resume(self, target: str) -> None:
        """Send to the target again."""
        self._update_target(target, "paused_reason = null, paused_at = null")

    def targets(self) -> list[TargetFacts]:
        """List every target there ever was, by name."""
        with self._database.reading() as connection:
            rows = connection.execute("select * from target order by name").fetchall()
        return [
            TargetFacts(
                name=row["name"],
                project_id=row["project_id"],
                paused_reason=row["paused_reason"],
                listed_at=row["listed_at"],
                listing_trouble=row["listing_trouble"],
                inference_trouble=row["inference_trouble"],
            )
            for row in rows
        ]

    # --- the listing -------------------------------------------------------------------------------------------

    def note_trouble(self, target: str, reason: str) -> None:
        """Record why the last sweep did not complete. What it did not list stays unknown."""
        self._update_target(target, "listing_trouble = :reason", reason=reason)

    def make_tombstones(self, target: str, sample_id: int, *, now: float) -> list[int]:
        """Record that the sample was deleted at the service. Files without another one become tombstones.

        Return the ids of these files. A file does not become a tombstone in three cases:

        * eisync deleted the sample itself. That action records its own effects; a file that was linked to the sample
          since then is sent again.
        * The sample was split. The file is linked to the segments that were cut from it.
        * No listing ever showed the sample. It cannot have been deleted, so its files are sent again.
        """
        with self._database.transaction() as connection:
            parameters = {"target": target, "id": sample_id, "now": now}
            decision = _decision(connection, parameters)
            if decision is Decision.LEAVE:
                send_again(connection, target, sample_id, now)
            if decision is not Decision.GO:
                return []
            connection.execute("update sample set gone_at = :now where target = :target and id = :id", parameters)
            without_samples = tombstones.without_samples(connection, target, sample_id)
            ours = connection.execute(_OURS, parameters).fetchone() if without_samples else None
            if ours is not None:
                again = without_samples if ours["state"] != "begun" else ()
                why = f"we deleted its sample {sample_id} for another file"
                reasons = {Event.CHANGED: f"{why}; it is sent again", Event.REMOVED: f"{why}; it was deleted here too"}
                for row in again:
                    event = Event.CHANGED if row["absent_at"] is None else Event.REMOVED
                    move(connection, row["id"], State(row["state"]), event, reasons[event], now)
                return []
            tombstoned = [row for row in without_samples if not tombstones.is_split(connection, target, row["id"], now)]
            lost = [row["id"] for row in tombstoned] + settling_again(connection, target, sample_id)
            note_deleted(connection, lost, sample_id, now)
            for row in tombstoned:
                tombstones.mark_tombstone(connection, row["id"], sample_id, now)
                tombstones.count(connection, target, row["id"], now)
        return [row["id"] for row in tombstoned]

    def spare(self, target: str, sample_id: int) -> None:
        """Reset the sample's count of missed listings, because it exists after all."""
        with self._database.transaction() as connection:
            connection.execute("update sample set missed = 0 where target = ? and id = ?", (target, sample_id))

    def without_ids(self, target: str, *, limit: int) -> list[Item]:
        """List synced files whose samples are not known yet."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"select {ITEM} from file where target = ? and state = 'synced' "
                "and not exists (select 1 from file_sample where file_id = file.id) order by id limit ?",
                (target, limit),
            ).fetchall()
            places = dict(connection.execute("select id, path from root").fetchall())
        return [item_of(row, places) for row in rows]

    def held_by_others(self, item: Item, sample_ids: Iterable[int]) -> set[int]:
        """Return those of the samples that are known to hold another file of ours."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select sample_id from file_sample join file on file.id = file_id "
                "where sample_id in (select value from json_each(?)) and target = ? and file_id <> ?",
                (json.dumps(list(sample_ids)), item.target, item.id),
            ).fetchall()
        return {row["sample_id"] for row in rows}

    def link(self, item: Item, sample_ids: Iterable[int], *, now: float) -> None:
        """Link the file to these samples, unless it has another version by now. Safe to repeat."""
        facts = item.facts
        version = {"id": item.id, "size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode}
        with self._database.transaction() as connection:
            if connection.execute(_IDENTIFIED, version).rowcount:
                link(connection, [(item.id, sample_id, None) for sample_id in sample_ids], now)

    def why_foreign(self, target: str) -> str | None:
        """Return why the project seems not to be the one that the target's files were sent to; None: it does not."""
        with self._database.reading() as connection:
            row = connection.execute(_CONTRADICTED, {"target": target}).fetchone()
        return None if not row["samples"] else f"{row['why']} ({row['samples']:,} such)"

    def unconfirmed(self, targets: Iterable[str]) -> dict[str, int]:
        """Return the targets that lead to another project now, each with how many files the known project holds."""
        foreign = [target for target in targets if self.why_foreign(target) is not None]
        with self._database.reading() as connection:
            return {
                target: connection.execute(
                    "select count(*) as files from file where state = 'synced' and target = ?", (target,)
                ).fetchone()["files"]
                for target in foreign
            }

    # --- roots -------------------------------------------------------------------------------------------------

    def note_scan(
        self, root_id: int, left_out: Mapping[str, int], *, began_at: float | None = None, now: float
    ) -> None:
        """Record that a complete scan of the root, which began at `began_at` (Unix s), ended now."""
        with self._database.transaction() as connection:
            connection.execute(
                "update root set scanned_at = ?, offline_reason = null, left_out = ?, "
                "scan_began_at = coalesce(?, scan_began_at) where id = ?",
                (now, json.dumps(dict(left_out)), began_at, root_id),
            )

    def note_offline(self, root_id: int, reason: str) -> None:
        """Record why the root cannot be read. Its files do not count as missing."""
        with self._database.transaction() as connection:
            connection.execute("update root set offline_reason = ? where id = ?", (reason, root_id))

    def note_online(self, root_id: int) -> None:
        """Record that the root can be read again."""
        with self._database.transaction() as connection:
            connection.execute("update root set offline_reason = null where id = ?", (root_id,))

    def note_observed(
        self, root_id: int, observed: Sequence[ObservedEntry], *, beyond: int, comparing: int, keeps: bool, now: float
    ) -> None:
        """Store what was observed in the root: see `Observations.note`."""
        self.observations.note(root_id, observed, beyond=beyond, comparing=comparing, keeps=keeps, now=now)

    def note_left_out(self, root_id: int, left_out: Mapping[str, int]) -> None:
        """Store how many files of the root are left out now, by reason: more were found since the scan."""
        with self._database.transaction() as connection:
            connection.execute("update root set left_out = ? where id = ?", (json.dumps(dict(left_out)), root_id))

    def roots(self) -> list[RootFacts]:
        """List every root there ever was, by path."""
        with self._database.reading() as connection:
            rows = connection.execute("select * from root order by path").fetchall()
            remarks = connection.execute(_REMARKS).fetchall()
            away = {row["id"]: disks.sentences(connection, row["id"], os.fsdecode(row["path"])) for row in rows}
        return [
            RootFacts(
                id=row["id"],
                path=os.fsdecode(row["path"]),
                target=row["target"],
                scanned_at=row["scanned_at"],
                offline_reason=row["offline_reason"],
                settling=row["settling"],
                left_out=json.loads(row["left_out"]),
                away=away[row["id"]],
                remarks=tuple(
                    Remark(one["kind"], one["files"], one["example"]) for one in remarks if one["root_id"] == row["id"]
                ),
                beyond=row["beyond"],
                comparing=row["comparing"],
            )
            for row in rows
        ]

    def is_writable(self) -> bool:
        """Return True when the database can be written now. Raise StateError when it cannot."""
        with self._database.transaction() as connection:
            connection.execute("update target set name = name where false")
        return True

    def _update_target(self, target: str, assignments: str, **values: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                f"update target set {assignments} where name = :name",
                {"name": target, **values},
            )


def _decision(connection: sqlite3.Connection, parameters: Mapping[str, object]) -> Decision:
    row = connection.execute(_KNOWN, parameters).fetchone()
    return Decision.STOP if row is None else decide(Destruction.BURY, identity_of(row))
