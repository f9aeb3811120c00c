import json
from collections.abc import Iterator
from typing import Any

import pytest

from eisync.core.actions import Action, ActionKind, Cause, Progress, StoredAction
from eisync.core.guard import Touch
from eisync.core.lifecycle import State
from eisync.core.model import Category
from eisync.core.policy import Trigger
from eisync.errors import StateError
from eisync.store import action_effects, guard_facts, tombstones
from eisync.store import actions as acts_room
from eisync.store import index as index_room
from eisync.store.actions import KEEP_S, ActionStore

from .shelf import NOW, Shelf, facts

DAY_S = 86_400.0


@pytest.fixture
def actions(shelf: Shelf) -> ActionStore:
    return ActionStore(shelf.database)


def action(file_id: int = 1, kind: ActionKind = ActionKind.DELETE_SAMPLE, **more: Any) -> Action:
    fields: dict[str, Any] = {
        "kind": kind,
        "cause": Cause.LOCAL_DELETION,
        "file_id": file_id,
        "root": "/data",
        "path": "a.csv",
        "reason": "because",
        "since_at": 5.0,
        **more,
    }
    return Action(**fields)


def allowed(actions: ActionStore, one: Action, *, now: float = NOW) -> StoredAction:
    """Allow the action, and return it as it is stored."""
    actions.allow("main", [one], now=now)
    [written] = [
        w
        for is_retention in (False, True)
        for w in actions.to_do("main", is_retention=is_retention, limit=100)
        if w.action == one
    ]
    return written


def done(actions: ActionStore, one: Action, *, now: float = NOW) -> StoredAction:
    written = allowed(actions, one, now=now)
    actions.begin(written.id, lies_at="/data/.eisync-trash/x")
    actions.finish("main", written, "it is done", now=now)
    return found(actions, written.id)


def found(actions: ActionStore, action_id: int) -> StoredAction:
    written = actions.find(action_id)
    assert written is not None
    return written


def update(shelf: Shelf, statement: str, *parameters: object) -> None:
    with shelf.database.transaction() as connection:
        assert connection.execute(statement, parameters).rowcount


def rows(shelf: Shelf, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with shelf.database.reading() as connection:
        return [tuple(row) for row in connection.execute(statement, parameters).fetchall()]


def history_of(shelf: Shelf, file_id: int) -> list[tuple[str, str, str]]:
    return rows(shelf, "select event, state, detail from history where file_id = ? order by id", file_id)


def name_sample(shelf: Shelf, sample_id: int, name: str = "a") -> None:
    """Record that the listing has shown the sample."""
    update(shelf, "update sample set filename = ?, category = 'training', label = 'wave' where id = ?", name, sample_id)


MARKS = {
    Trigger.RENAMED: """
update file set published = '{"name": "b", "label": "x", "category": "testing"}' where id = ?""",
    Trigger.ABSENT: "update file set absent_at = 50.0 where id = ?",
    Trigger.TOMBSTONE: "update file set state = 'tombstone' where id = ?",
    Trigger.REPLACED: "insert into superseded (file_id, sample_id, target) values (?, 70, 'main')",
    Trigger.DESCRIBED: """
insert into wanted_description (file_id, category, metadata, is_asked, at) values (?, 'testing', '{}', 0, 5.0)""",
}


# --- facts for a decision ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trigger", Trigger)
def test_files_are_found_by_their_mark_a_page_at_a_time(shelf: Shelf, actions: ActionStore, trigger: Trigger) -> None:
    marked = [shelf.sync(f"{number}.csv", 100 + number) for number in range(5)]
    shelf.sync("other.csv", 200)
    for identity in marked:
        update(shelf, MARKS[trigger], identity)
    pages, after_id = [], 0
    while page := actions.sides("main", trigger, [shelf.root.id], after_id=after_id, limit=2):
        pages.append([side.id for side in page])
        after_id = page[-1].id
    assert [marked[:2], marked[2:4], marked[4:]] == pages
    assert [] == actions.sides("main", trigger, [shelf.root.id + 1], limit=9)
    assert [] == actions.sides("main", trigger, [], limit=9)
    assert [] == actions.sides("other", trigger, [shelf.root.id], limit=9)
    for other in set(Trigger) - {trigger}:
        assert [] == actions.sides("main", other, [shelf.root.id], limit=9)


@pytest.mark.parametrize("trigger", [Trigger.ABSENT, Trigger.TOMBSTONE])
def test_a_file_that_eisync_removed_is_no_deletion_by_a_person(
    shelf: Shelf, actions: ActionStore, trigger: Trigger
) -> None:
    identity = shelf.sync("a.csv", 7)
    update(shelf, MARKS[trigger], identity)
    update(shelf, "update file set removal = 'trash' where id = ?", identity)
    assert [] == actions.sides("main", trigger, [shelf.root.id], limit=9)


def test_a_side_has_all_that_is_known_of_a_file(shelf: Shelf, actions: ActionStore) -> None:
    identity = shelf.sync("sub/a.csv", 7, 8, now=NOW + 1, sha256="h")
    name_sample(shelf, 7, "a.wave")
    update(shelf, MARKS[Trigger.RENAMED], identity)
    update(shelf, "insert into sample (target, id, known_at) values ('main', 70, 1)")
    update(shelf, MARKS[Trigger.REPLACED], identity)
    side = actions.side(identity)
    assert side is not None
    assert ("/data", "sub/a.csv", State.SYNCED, "h", NOW + 1) == (
        side.root,
        side.path,
        side.state,
        side.sha256,
        side.since_at,
    )
    assert side.facts == facts()
    assert side.published is not None
    assert ("b", "x", Category.TESTING) == (side.published.name, side.published.label, side.published.category)
    assert [(7, True, "a.wave"), (8, False, "")] == [
        (held.sample.id, held.is_listed, held.sample.filename) for held in side.samples
    ]
    assert [(70, False, False)] == [(held.sample.id, held.is_listed, held.is_shared) for held in side.older]
    assert actions.side(identity + 1) is None


def test_samples_that_are_gone_are_not_shown(shelf: Shelf, actions: ActionStore) -> None:
    identity = shelf.sync("a.csv", 7, 8)
    shelf.make_tombstones(7, now=NOW)
    side = actions.side(identity)
    assert side is not None
    assert [8] == [held.sample.id for held in side.samples]


@pytest.mark.parametrize(
    ("change", "is_shared"),
    [
        (None, True),
        ("update file set absent_at = 5 where id = ?", False),
        ("update file set state = 'gone' where id = ?", False),
        ("update file set target = 'other' where id = ?", False),
        ("update file set state = 'settling' where id = ?", True),
    ],
)
def test_a_sample_is_shared_with_another_file_that_is_there(
    shelf: Shelf, actions: ActionStore, change: str | None, is_shared: bool
) -> None:
    first, second = shelf.sync("a.csv", 7), shelf.sync("b.csv", 7)
    if change is not None:
        update(shelf, change, second)
    side = actions.side(first)
    assert side is not None
    assert [is_shared] == [held.is_shared for held in side.samples]


def test_the_census_counts_those_that_were_at_the_service(shelf: Shelf, actions: ActionStore) -> None:
    assert {} == actions.census("main")
    known = [shelf.sync(f"{number}.csv", 100 + number) for number in range(6)]
    shelf.enqueue("ready.csv")
    update(shelf, MARKS[Trigger.ABSENT], known[0])
    update(shelf, MARKS[Trigger.TOMBSTONE], known[1])
    for identity, removal in zip(known[2:], ("trash", "deleted", "kept", "spared"), strict=True):
        update(shelf, "update file set removal = ? where id = ?", removal, identity)
    assert {shelf.root.id: (4, 3)} == actions.census("main")
    assert {} == actions.census("other")


def test_roots_that_cannot_be_read_are_offline(shelf: Shelf, actions: ActionStore) -> None:
    assert set() == actions.offline()
    update(shelf, "update root set offline_reason = 'away'")
    assert {shelf.root.id} == actions.offline()


def test_what_was_done_lately_without_a_yes_counts_once_a_file(shelf: Shelf, actions: ActionStore) -> None:
    done(actions, action(1, sample_id=7), now=NOW)
    done(actions, action(1, sample_id=8), now=NOW)
    done(actions, action(2), now=NOW - 100)
    done(actions, action(3, ActionKind.ARCHIVE_FILE, cause=Cause.RETENTION), now=NOW)
    plan_id, _ = actions.hold("main", [action(4)], "many", now=NOW)
    actions.decide(plan_id, is_approved=True, now=NOW)
    [approved] = actions.to_do("main", is_retention=False, limit=9)
    actions.finish("main", approved, "done", now=NOW)
    actions.drop(allowed(actions, action(5)), "not so", now=NOW)

    def touched(target: str, since: float) -> set[int]:
        return {touch.file_id for touch in actions.touches(target, since=since)}

    assert ({1}, {1, 2}, set()) == tuple(touched("main", since) for since in (NOW, NOW - 100, NOW + 1))
    assert set() == touched("other", 0.0)


def test_what_is_allowed_and_not_done_counts_and_what_was_taken_away_is_not_known_any_more(
    shelf: Shelf, actions: ActionStore
) -> None:
    known, taken = shelf.sync("a.csv", 7), shelf.sync("b.csv", 8)
    update(shelf, "update file set removal = 'trash' where id = ?", taken)
    done(actions, action(known), now=NOW)
    done(actions, action(taken, ActionKind.TRASH_FILE, cause=Cause.REMOTE_DELETION), now=NOW)
    actions.allow("main", [action(known, sample_id=9)], now=NOW)
    actions.begin(allowed(actions, action(5)).id)
    root = shelf.root.id
    assert {
        Touch(known, root, NOW, True),
        Touch(taken, root, NOW, False),
        Touch(known, root, None, True),
        Touch(5, root, None, False),
    } == set(actions.touches("main", since=NOW))
    assert [] == actions.touches("main", since=NOW, tombstones=True)


def test_renames_are_agreed_on_when_no_edit_is_open(shelf: Shelf, actions: ActionStore) -> None:
    identity = shelf.sync("a.csv", 7)
    update(shelf, MARKS[Trigger.RENAMED], identity)
    update(shelf, "insert into superseded (file_id, sample_id) values (?, 7), (?, 8)", identity, identity)
    written = allowed(
        actions, action(identity, ActionKind.RENAME_SAMPLE, cause=Cause.LOCAL_RENAME, sample_id=7, to="a")
    )
    actions.agree([identity])
    assert shelf.row()["published"] is not None
    assert [(8,)] == rows(shelf, "select sample_id from superseded")  # 7 holds the new version too
    actions.drop(written, "not so", now=NOW)
    actions.agree([identity])
    assert shelf.row()["published"] is None


# --- deciding ---------------------------------------------------------------------------------------------------------


def test_what_is_allowed_is_due_once(shelf: Shelf, actions: ActionStore) -> None:
    for _ in range(2):
        actions.allow("main", [action(1), action(2)], now=NOW)
    assert [(1, Progress.DUE), (2, Progress.DUE)] == [
        (written.action.file_id, written.progress) for written in actions.to_do("main", is_retention=False, limit=9)
    ]
    assert [] == actions.to_do("other", is_retention=False, limit=9)
    assert [] == actions.to_do("main", is_retention=True, limit=9)


def test_a_key_is_free_again_when_its_act_has_ended(shelf: Shelf, actions: ActionStore) -> None:
    first = done(actions, action())
    second = allowed(actions, action())
    assert first.id != second.id
    with pytest.raises(StateError, match="UNIQUE"):
        update(shelf, "update act set state = 'begun' where id = ?", first.id)


def test_acts_come_a_page_at_a_time_in_their_order(shelf: Shelf, actions: ActionStore) -> None:
    actions.allow("main", [action(number) for number in range(5)], now=NOW)
    first = actions.to_do("main", is_retention=False, limit=3)
    rest = actions.to_do("main", is_retention=False, after_id=first[-1].id, limit=3)
    assert [0, 1, 2, 3, 4] == [written.action.file_id for written in (*first, *rest)]


def test_an_act_is_read_as_it_was_written(shelf: Shelf, actions: ActionStore) -> None:
    one = action(3, ActionKind.RENAME_SAMPLE, path="\udcff\n.csv", root="/d\udcfe", sample_id=7, was="a", to="b")
    assert one == allowed(actions, one).action


def test_a_plan_keeps_its_number_as_long_as_it_is_the_same(shelf: Shelf, actions: ActionStore) -> None:
    first, is_new = actions.hold("main", [action(1), action(2)], "2 of 3", now=NOW)
    assert is_new
    assert (first, False) == actions.hold("main", [action(2), action(1)], "in other words", now=NOW + 1)
    second, is_new = actions.hold("main", [action(1), action(2), action(3)], "3 of 3", now=NOW + 2)
    assert (True, True) == (is_new, first != second)
    assert [(second, "main", "waiting", "3 of 3", NOW + 2, 3)] == [
        (plan.id, plan.target, plan.state, plan.why, plan.made_at, plan.actions) for plan in actions.plans()
    ]
    assert ([], 3) == (actions.of_plan(first), len(actions.of_plan(second)))
    assert [3] == [
        written.action.file_id for written in actions.of_plan(second, after_id=actions.of_plan(second)[1].id)
    ]
    assert actions.decide(first, is_approved=True, now=NOW) is None  # a person cannot approve what was not shown


def test_plans_of_two_targets_do_not_meet(shelf: Shelf, actions: ActionStore) -> None:
    actions.hold("main", [action(1)], "many", now=NOW)
    actions.hold("other", [action(2)], "many", now=NOW)
    actions.withdraw("main", now=NOW)
    assert ["other"] == [plan.target for plan in actions.plans()]


@pytest.mark.parametrize("how", ["withdraw", "allow"])
def test_what_is_withdrawn_is_forgotten(shelf: Shelf, actions: ActionStore, how: str) -> None:
    plan_id, _ = actions.hold("main", [action(1)], "many", now=NOW)
    if how == "withdraw":
        actions.withdraw("main", now=NOW)
    else:
        actions.allow("main", [action(1)], now=NOW)
    assert ([], []) == (actions.plans(), actions.of_plan(plan_id))
    assert (how == "allow") == bool(actions.to_do("main", is_retention=False, limit=9))


def test_a_yes_makes_acts_due_and_they_stay_decided(shelf: Shelf, actions: ActionStore) -> None:
    plan_id, _ = actions.hold("main", [action(1), action(2)], "many", now=NOW)
    assert set() == actions.decided([action(1), action(2)])
    assert 2 == actions.decide(plan_id, is_approved=True, now=NOW)
    assert actions.decide(plan_id, is_approved=False, now=NOW) is None
    assert {action(1).key, action(2).key} == actions.decided([action(1), action(2), action(3)])
    actions.withdraw("main", now=NOW)
    assert 2 == len(actions.to_do("main", is_retention=False, limit=9))


# How a no to the edits of a description is remembered is in test_wanted.
@pytest.mark.parametrize(
    "cause", [cause for cause in Cause if cause not in (Cause.RETENTION, Cause.DESCRIPTION_CHANGE)]
)
def test_a_no_is_remembered_and_its_mark_goes(shelf: Shelf, actions: ActionStore, cause: Cause) -> None:
    identity = shelf.sync("a.csv", 7)
    trigger = {
        Cause.LOCAL_DELETION: Trigger.ABSENT,
        Cause.LOCAL_RENAME: Trigger.RENAMED,
        Cause.LOCAL_CHANGE: Trigger.REPLACED,
        Cause.REMOTE_DELETION: Trigger.TOMBSTONE,
    }[cause]
    update(shelf, MARKS[trigger], identity)
    kind = ActionKind.RENAME_SAMPLE if cause is Cause.LOCAL_RENAME else ActionKind.DELETE_SAMPLE
    one = action(identity, kind, cause=cause, sample_id=70)
    plan_id, _ = actions.hold("main", [one], "many", now=NOW)
    assert 1 == actions.decide(plan_id, is_approved=False, now=NOW)
    assert {one.key} == actions.decided([one])
    assert [] == actions.sides("main", trigger, [shelf.root.id], limit=9)
    assert [] == actions.to_do("main", is_retention=False, limit=9)


# --- doing ------------------------------------------------------------------------------------------------------------


def test_an_intent_is_on_the_disk_before_anything_is_done(
    shelf: Shelf, actions: ActionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = allowed(actions, action())

    def level() -> int:
        with shelf.database.reading() as connection:
            return int(connection.execute("pragma synchronous").fetchone()[0])

    full, normal = 2, 1
    assert normal == level()
    with shelf.database.transaction(survives_power_cut=True) as connection:
        assert full == connection.execute("pragma synchronous").fetchone()[0]
    assert normal == level()
    with shelf.database.transaction() as connection:
        assert normal == connection.execute("pragma synchronous").fetchone()[0]

    statements: list[str] = []
    with shelf.database.reading() as connection:
        connection.set_trace_callback(statements.append)
    actions.begin(written.id, lies_at="/x/\udcff")
    with shelf.database.reading() as connection:
        connection.set_trace_callback(None)
    words = [statement.split("set state")[0].strip().lower() for statement in statements]
    assert [
        "pragma synchronous = full",
        "begin immediate",
        "update act",
        "commit",
        "pragma synchronous = normal",
    ] == words
    assert (Progress.BEGUN, "/x/\udcff") == (found(actions, written.id).progress, found(actions, written.id).lies_at)
    actions.begin(written.id)
    assert "/x/\udcff" == found(actions, written.id).lies_at


def test_a_mistake_in_a_durable_transaction_leaves_the_others_fast(shelf: Shelf) -> None:
    def broken() -> None:
        with shelf.database.transaction(survives_power_cut=True):
            raise KeyError("a mistake of ours")

    with pytest.raises(KeyError):
        broken()
    assert [(1,)] == rows(shelf, "pragma synchronous")


def test_what_was_begun_is_there_after_a_start(shelf: Shelf, actions: ActionStore) -> None:
    written = allowed(actions, action())
    actions.begin(written.id, lies_at="/x")
    actions.put_off(written.id, "not now")
    shelf.reopen()
    [again] = ActionStore(shelf.database).to_do("main", is_retention=False, limit=9)
    assert (written.id, Progress.BEGUN, "/x", "not now") == (again.id, again.progress, again.lies_at, again.outcome)


def test_what_is_dropped_says_why(shelf: Shelf, actions: ActionStore) -> None:
    written = allowed(actions, action())
    actions.drop(written, "it is not so", now=NOW + 1)
    ended = found(actions, written.id)
    assert (Progress.DROPPED, "it is not so", NOW + 1) == (ended.progress, ended.outcome, ended.done_at)
    assert ([], []) == (actions.to_do("main", is_retention=False, limit=9), actions.latest(limit=9))


@pytest.mark.parametrize(
    ("kind", "column", "to"),
    [
        (ActionKind.RENAME_SAMPLE, "filename", "new"),
        (ActionKind.RELABEL_SAMPLE, "label", "new"),
        (ActionKind.MOVE_SAMPLE, "category", "testing"),
    ],
)
def test_an_edit_is_mirrored_agreed_noted_and_undone(
    shelf: Shelf, actions: ActionStore, kind: ActionKind, column: str, to: str
) -> None:
    identity = shelf.sync("a.csv", 7)
    name_sample(shelf, 7, "old")
    [before] = rows(shelf, f"select {column} from sample where id = 7")
    update(shelf, MARKS[Trigger.RENAMED], identity)
    one = action(identity, kind, cause=Cause.LOCAL_RENAME, sample_id=7, was=before[0], to=to)
    written = done(actions, one)
    assert [(to,)] == rows(shelf, f"select {column} from sample where id = 7")
    assert shelf.row()["published"] is None
    assert (kind.value, "synced", "because; it is done") == history_of(shelf, identity)[-1]
    assert actions.ask_undo(written.id)
    actions.undone("main", written, "as it was", facts=None, now=NOW + 1)
    assert [before] == rows(shelf, f"select {column} from sample where id = 7")
    assert ("undone", "synced", "as it was") == history_of(shelf, identity)[-1]


def test_edits_are_agreed_on_with_the_last_of_them(shelf: Shelf, actions: ActionStore) -> None:
    identity = shelf.sync("a.csv", 7)
    update(shelf, MARKS[Trigger.RENAMED], identity)
    rename = action(identity, ActionKind.RENAME_SAMPLE, cause=Cause.LOCAL_RENAME, sample_id=7, to="b")
    label = action(identity, ActionKind.RELABEL_SAMPLE, cause=Cause.LOCAL_RENAME, sample_id=7, to="b")
    actions.allow("main", [rename, label], now=NOW)
    first, second = actions.to_do("main", is_retention=False, limit=9)
    actions.finish("main", first, "done", now=NOW)
    assert shelf.row()["published"] is not None
    actions.finish("main", second, "done", now=NOW)
    assert shelf.row()["published"] is None


@pytest.mark.parametrize(
    ("kind", "removal"),
    [(ActionKind.TRASH_FILE, "trash"), (ActionKind.DELETE_FILE, "deleted")],
)
def test_a_file_that_was_taken_away_is_absent_by_our_hand(
    shelf: Shelf, actions: ActionStore, kind: ActionKind, removal: str
) -> None:
    identity = shelf.sync("a.csv", 7)
    shelf.make_tombstones(7, now=NOW)
    written = done(actions, action(identity, kind, cause=Cause.REMOTE_DELETION), now=NOW + 2)
    row = shelf.row()
    assert (removal, NOW + 2, "because; it is done", "tombstone") == (
        row["removal"],
        row["absent_at"],
        row["reason"],
        row["state"],
    )
    assert (kind.value, "tombstone", "because; it is done") == history_of(shelf, identity)[-1]
    assert actions.ask_undo(written.id)
    actions.undone("main", written, "it is back", facts=facts(9), now=NOW + 3)
    row = shelf.row()
    assert ("kept", None, 19, 9, "it is back") == (
        row["removal"],
        row["absent_at"],
        row["size"],
        row["mtime_ns"],
        row["reason"],
    )


def test_a_file_whose_last_sample_we_deleted_is_gone_and_noted_once(shelf: Shelf, actions: ActionStore) -> None:
    identity = shelf.sync("a.csv", 7)
    update(shelf, MARKS[Trigger.ABSENT], identity)
    done(actions, action(identity, sample_id=7))
    assert State.GONE is shelf.state()
    assert [("removed", "gone", "because; it is done")] == history_of(shelf, identity)[-1:]
    assert ["stored", "removed"] == [event for event, _, _ in history_of(shelf, identity)][-2:]
    assert [(NOW,)] == rows(shelf, "select gone_at from sample where id = 7")


def test_a_file_that_has_another_sample_stays(shelf: Shelf, actions: ActionStore) -> None:
    identity = shelf.sync("a.csv", 7, 8)
    update(shelf, "insert into superseded (file_id, sample_id) values (?, 7), (?, 9)", identity, identity)
    done(actions, action(identity, sample_id=7, cause=Cause.LOCAL_CHANGE))
    assert State.SYNCED is shelf.state()
    assert [(9,)] == rows(shelf, "select sample_id from superseded")
    assert ("delete_sample", "synced", "because; it is done") == history_of(shelf, identity)[-1]


@pytest.mark.parametrize(("is_absent", "state"), [(False, State.SETTLING), (True, State.GONE)])
def test_another_file_tied_to_the_deleted_sample_goes_again_or_goes(
    shelf: Shelf, actions: ActionStore, is_absent: bool, state: State
) -> None:
    first, second, third = shelf.sync("a.csv", 7), shelf.sync("b.csv", 7), shelf.sync("c.csv", 7, 8)
    update(shelf, MARKS[Trigger.ABSENT], first)
    if is_absent:
        update(shelf, MARKS[Trigger.ABSENT], second)
    done(actions, action(first, sample_id=7))
    assert (State.GONE, state, State.SYNCED) == tuple(shelf.state(f"{name}.csv") for name in "abc")
    event, _, why = history_of(shelf, second)[-1]
    assert ("removed" if is_absent else "changed") == event
    assert "sample 7" in why
    assert "a.csv" in why
    assert "stored" == history_of(shelf, third)[-1][0]


# --- a sweep between the deletion and its end -------------------------------------------------------------------------


def begun_and_deleted(shelf: Shelf, actions: ActionStore) -> tuple[int, int, StoredAction]:
    """Our deletion is done there, and not written down yet; another file was tied to that sample meanwhile."""
    first, second = shelf.sync("a.csv", 7), shelf.sync("b.csv", 7)
    update(shelf, MARKS[Trigger.ABSENT], first)
    written = allowed(actions, action(first, sample_id=7))
    actions.begin(written.id, lies_at="/x")
    return first, second, written


def test_a_file_whose_sample_we_deleted_for_another_is_no_tombstone(shelf: Shelf, actions: ActionStore) -> None:
    first, second, written = begun_and_deleted(shelf, actions)
    assert [] == shelf.make_tombstones(7, now=NOW + 1)
    actions.finish("main", written, "it is deleted", now=NOW + 2)
    assert (State.GONE, State.SETTLING) == (shelf.state("a.csv"), shelf.state("b.csv"))
    assert ["removed", "changed"] == [history_of(shelf, identity)[-1][0] for identity in (first, second)]


def test_a_file_that_was_tied_to_a_sample_after_we_deleted_it_is_sent_again(shelf: Shelf, actions: ActionStore) -> None:
    first, _, written = begun_and_deleted(shelf, actions)
    actions.finish("main", written, "it is deleted", now=NOW + 1)
    late = shelf.sync("late.csv", 7)  # its answer was under way
    away = shelf.sync("away.csv", 7)
    update(shelf, MARKS[Trigger.ABSENT], away)
    assert [] == shelf.make_tombstones(7, now=NOW + 2)
    assert (State.GONE, State.SETTLING) == (shelf.state("a.csv"), shelf.state("late.csv"))
    assert State.GONE is shelf.state("away.csv")
    assert "we deleted" in history_of(shelf, late)[-1][2]
    assert first != late


def test_a_sample_that_a_person_deleted_after_our_act_was_dropped_makes_a_tombstone(
    shelf: Shelf, actions: ActionStore
) -> None:
    first, second, written = begun_and_deleted(shelf, actions)
    actions.drop(written, "not so", now=NOW)
    assert [first, second] == shelf.make_tombstones(7, now=NOW + 1)


def test_an_act_that_is_only_due_prevents_no_tombstone(shelf: Shelf, actions: ActionStore) -> None:
    identity = shelf.sync("a.csv", 7)
    allowed(actions, action(identity, sample_id=7))
    assert [identity] == shelf.make_tombstones(7, now=NOW + 1)


# --- undoing ----------------------------------------------------------------------------------------------------------


def test_only_what_was_done_can_be_undone_and_once(shelf: Shelf, actions: ActionStore) -> None:
    due = allowed(actions, action(1))
    assert not actions.ask_undo(due.id)
    actions.finish("main", due, "done", now=NOW)
    assert (True, False, False) == (actions.ask_undo(due.id), actions.ask_undo(due.id), actions.ask_undo(999))
    [undoing] = actions.to_do("main", is_retention=False, limit=9)
    assert (due.id, Progress.UNDOING) == (undoing.id, undoing.progress)
    actions.fail_undo(undoing, "it cannot be brought back")
    failed = found(actions, due.id)
    assert (Progress.DONE, "it cannot be brought back") == (failed.progress, failed.outcome)
    assert actions.ask_undo(due.id)
    actions.undone("main", undoing, "as it was", facts=None, now=NOW)
    assert Progress.UNDONE is found(actions, due.id).progress
    assert not actions.ask_undo(due.id)


def test_the_latest_come_first(shelf: Shelf, actions: ActionStore) -> None:
    ids = [done(actions, action(number), now=NOW + at).id for number, at in ((1, 5), (2, 9), (3, 5))]
    assert [ids[1], ids[2]] == [written.id for written in actions.latest(limit=2)]
    assert actions.find(999) is None


def test_what_ended_long_ago_is_forgotten(shelf: Shelf, actions: ActionStore) -> None:
    old = done(actions, action(1), now=NOW)
    actions.drop(allowed(actions, action(2), now=NOW), "not so", now=NOW)
    rejected, _ = actions.hold("main", [action(3)], "many", now=NOW)
    actions.decide(rejected, is_approved=False, now=NOW)
    due = allowed(actions, action(4), now=NOW)
    young = done(actions, action(5), now=NOW + DAY_S)
    undoing = done(actions, action(7), now=NOW)
    actions.ask_undo(undoing.id)
    plan_id, _ = actions.hold("main", [action(6)], "many", now=NOW)
    actions.forget_old("other", now=NOW + KEEP_S + DAY_S)
    actions.forget_old("main", now=NOW + KEEP_S)
    assert actions.find(old.id) is not None  # not longer than that
    actions.forget_old("main", now=NOW + KEEP_S + DAY_S)
    left = rows(shelf, "select id from act order by id")
    assert [(due.id,), (young.id,), (undoing.id,), (actions.of_plan(plan_id)[0].id,)] == left
    assert [(plan_id,)] == rows(shelf, "select id from plan")
    assert set() == actions.decided([action(3)])


# --- query plans ------------------------------------------------------------------------------------------------------

STATEMENTS = {
    **{trigger.value: statement for trigger, statement in action_effects._SIDES.items()},
    "samples": action_effects._SAMPLES,
    "touches": guard_facts._TOUCHES,
    "vanished": guard_facts._VANISHED,
    "approved": guard_facts._APPROVED,
    "left_without_samples": guard_facts._LEFT_WITHOUT_SAMPLES,
    "unlisted": guard_facts._UNLISTED,
    "without_samples": tombstones._WITHOUT_SAMPLES,
    "to do": acts_room._TO_DO,
    "left without": action_effects._LEFT_WITHOUT,
    "agree": action_effects._AGREE,
    "deleted by us": index_room._OURS,
    "same as before": acts_room._SAME_AS_BEFORE,
}
NAMES = ("target", "id", "after_id", "roots", "limit", "since", "is_retention", "sample_id", "files", "ids")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Many files, of which only a few need an action."""
    shelf = Shelf(tmp_path_factory.mktemp("full"))
    shelf.outbox.enqueue([shelf.candidate(f"{number}.csv") for number in range(2_000)], now=NOW)
    with shelf.database.transaction() as connection:
        connection.execute("update file set state = 'synced'")
        connection.execute("insert into sample (target, id, known_at) select 'main', id, 1 from file")
        connection.execute("insert into file_sample (file_id, sample_id) select id, id from file")
    ActionStore(shelf.database).allow("main", [action(number, sample_id=number) for number in range(1, 500)], now=NOW)
    update(shelf, "update act set state = 'done', done_at = 1.0 where id < 490")
    yield shelf
    shelf.close()


@pytest.mark.parametrize("is_analyzed", [False, True])
@pytest.mark.parametrize("name", STATEMENTS)
def test_nothing_of_a_pass_reads_every_file_or_every_act(full: Shelf, name: str, is_analyzed: bool) -> None:
    with full.database.transaction() as connection:
        connection.execute("analyze")
        if not is_analyzed:
            connection.execute("delete from sqlite_stat1")
            connection.execute("analyze sqlite_schema")
    plan = full.plan(STATEMENTS[name], **dict.fromkeys(NAMES))
    scans = [step for step in plan.split("; ") if step.startswith("SCAN") and not step.startswith("SCAN json_each")]
    # What may be scanned is a list made before.
    assert [] == [
        step for step in scans if step.split()[1] in ("file", "act", "sample", "file_sample", "other", "mine")
    ]


def test_a_mark_is_read_as_it_was_written(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 7)
    update(shelf, MARKS[Trigger.RENAMED], identity)
    assert {"name": "b", "label": "x", "category": "testing"} == json.loads(shelf.row()["published"])
