import pytest

from eisync.core.known_content import DeletedContent, KnownContent, StoredContent, settle_known
from eisync.core.lifecycle import Event, State, walk

DELETED, STORED = DeletedContent("a", 12), StoredContent("a", "/old/x.csv", (3, 4))


@pytest.mark.parametrize(
    ("contents", "event"),
    [
        ([], None),
        ([DeletedContent("b", 12), StoredContent("b", "/old/x.csv", (3,))], None),
        ([DELETED], Event.DELETED_CONTENT),
        ([STORED], Event.FOUND),
        ([STORED, DELETED], Event.DELETED_CONTENT),  # a person's deletion wins
        ([DeletedContent("b", 1), STORED], Event.FOUND),
    ],
)
def test_known_content_is_not_sent(contents: list[KnownContent], event: Event | None) -> None:
    settled = settle_known(7, "a", contents)
    assert (None if event is None else (event,)) == (settled and settled.events)


def test_a_deleted_content_says_which_sample_it_was_and_how_to_send_it() -> None:
    settled = settle_known(7, "a", [DELETED])
    assert settled is not None
    assert "its content was deleted in the project (sample 12); 'eisync retry' sends it again" == settled.reason
    assert (State.TOMBSTONE, (), "a") == (walk(State.SENDING, settled.events), settled.sample_ids, settled.sha256)
    unnumbered = settle_known(7, "a", [DeletedContent("a", None)])
    assert unnumbered is not None
    assert "its content was deleted in the project; 'eisync retry' sends it again" == unnumbered.reason


def test_stored_content_has_its_samples_and_the_path_it_was_sent_from() -> None:
    settled = settle_known(7, "a", [STORED])
    assert settled is not None
    assert "already in the project, sent as /old/x.csv; nothing was sent" == settled.reason
    assert (State.SYNCED, (3, 4), "a") == (walk(State.SENDING, settled.events), settled.sample_ids, settled.sha256)
    assert not settled.is_attempt
