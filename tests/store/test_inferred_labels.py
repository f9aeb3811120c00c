"""Files that are sent without a label are remembered until a listing has shown the right one."""

from eisync.core.lifecycle import Event
from eisync.core.listing import KeepListed
from eisync.core.model import Item
from eisync.core.outcome import Outcome
from eisync.store.inferred_labels import KEEP_S, InferredLabels, Trust

from .shelf import NOW, Shelf, remote


def labels(shelf: Shelf) -> InferredLabels:
    return shelf.index.inferred


def sent(shelf: Shelf, path: str, sample_id: int, *events: Event, label: str = "idle", name: str | None = "x") -> Item:
    shelf.enqueue(path, label=label)
    [item] = shelf.claim()
    labels(shelf).note_sent("main", {item.id: label}, now=NOW)
    if events:
        shelf.outbox.settle([Outcome(item_id=item.id, events=events)], claim=1, now=NOW)
        [item] = shelf.claim()
    shelf.outbox.settle(
        [Outcome(item_id=item.id, events=(Event.STORED,), sample_ids=(sample_id,), sent_name=name)], claim=1, now=NOW
    )
    return item


def listed(shelf: Shelf, sample_id: int, label: str | None) -> None:
    shelf.mirrored.apply("main", [KeepListed(remote(sample_id, label=label))], generation=None, now=NOW)


def otherwise(shelf: Shelf) -> list[tuple[str, str, str | None]]:
    return [(one.path, one.right, one.listed) for one in labels(shelf).otherwise("main", after_id=0, limit=10)]


def notes(shelf: Shelf) -> int:
    with shelf.database.reading() as connection:
        return int(connection.execute("select count(*) from inferred_label").fetchone()[0])


def test_nothing_is_known_of_a_target_at_first(shelf: Shelf) -> None:
    assert Trust.UNTRIED is labels(shelf).trust("main")
    assert Trust.UNTRIED is labels(shelf).trust("unknown")


def test_a_wrong_label_ends_the_trust_for_good(shelf: Shelf) -> None:
    labels(shelf).note_right("main")
    assert Trust.RIGHT is labels(shelf).trust("main")
    assert labels(shelf).note_wrong("main", "wrong")
    assert not labels(shelf).note_wrong("main", "wrong again")
    labels(shelf).note_right("main")
    shelf.reopen()
    assert Trust.WRONG is labels(shelf).trust("main")
    assert ["wrong"] == [target.inference_trouble for target in shelf.index.targets()]


def test_a_right_label_is_forgotten_once_it_is_listed(shelf: Shelf) -> None:
    sent(shelf, "idle.csv", 7)
    labels(shelf).forget_settled("main")
    assert 1 == notes(shelf)
    listed(shelf, 7, "idle")
    assert [] == otherwise(shelf)
    labels(shelf).forget_settled("main")
    assert 0 == notes(shelf)


def test_another_label_is_found_and_corrected(shelf: Shelf) -> None:
    item = sent(shelf, "idle.csv", 7)
    listed(shelf, 7, "id")
    assert [("idle.csv", "idle", "id")] == otherwise(shelf)

    labels(shelf).correct(labels(shelf).otherwise("main", after_id=0, limit=10), now=NOW)

    [record] = shelf.index.records.files()
    assert "id" == record["label"]
    assert [] == otherwise(shelf)
    with shelf.database.reading() as connection:
        [row] = connection.execute("select file_id, label, is_asked, why from wanted_description").fetchall()
    assert (item.id, "idle", 0, "the service inferred the label 'id' from its name") == tuple(row)


def test_no_label_at_all_is_another_one(shelf: Shelf) -> None:
    sent(shelf, "idle.csv", 7)
    listed(shelf, 7, None)
    assert [("idle.csv", "idle", None)] == otherwise(shelf)


def test_the_label_of_a_sample_of_others_is_theirs(shelf: Shelf) -> None:
    sent(shelf, "idle.csv", 7, name=None)  # the answer said that it exists already
    listed(shelf, 7, "walk")
    assert [] == otherwise(shelf)


def test_a_lost_answer_forgets_no_file(shelf: Shelf) -> None:
    sent(shelf, "idle.csv", 7, Event.SILENCE, Event.ABSENT, name=None)
    listed(shelf, 7, "walk")
    assert [("idle.csv", "idle", "walk")] == otherwise(shelf)


def test_a_crash_forgets_no_file(shelf: Shelf) -> None:
    shelf.enqueue("idle.csv", label="idle")
    [item] = shelf.claim()
    labels(shelf).note_sent("main", {item.id: "idle"}, now=NOW)
    shelf.reopen()
    labels(shelf).forget_settled("main")
    [item] = shelf.claim()
    shelf.outbox.settle([Outcome(item_id=item.id, events=(Event.DUPLICATE,), sample_ids=(7,))], claim=1, now=NOW)
    listed(shelf, 7, "walk")
    assert [("idle.csv", "idle", "walk")] == otherwise(shelf)


def test_notes_about_samples_that_are_never_listed_end(shelf: Shelf) -> None:
    sent(shelf, "idle.csv", 7)
    labels(shelf).note_sent("main", {99: "walk"}, now=NOW + KEEP_S + 1)
    assert 1 == notes(shelf)


def test_a_file_that_has_another_label_by_now_is_not_corrected(shelf: Shelf) -> None:
    sent(shelf, "idle.csv", 7)
    listed(shelf, 7, "id")
    found = labels(shelf).otherwise("main", after_id=0, limit=10)
    labels(shelf).correct(found, now=NOW)
    labels(shelf).correct(found, now=NOW)
    assert 1 == [line["event"] for line in shelf.index.records.history(limit=10)].count("mislabelled")
