from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.batching import Limits, requests_of, unsendable
from eisync.core.model import MAX_FILE_BYTES, Category, FileFacts, Item


def item(
    identity: int,
    *,
    size: int = 1,
    target: str = "main",
    category: Category = Category.SPLIT,
    label: str | None = "wave",
    metadata: tuple[tuple[str, str], ...] = (),
    batch_cap: int | None = None,
    path: str | None = None,
    companions: str | None = None,
) -> Item:
    return Item(
        id=identity,
        root="/data",
        path=path or f"{identity}.csv",
        target=target,
        facts=FileFacts(size, 1, identity),
        label=label,
        category=category,
        metadata=metadata,
        batch_cap=batch_cap,
        companions=companions,
    )


def ids(items: list[Item], limits: Limits) -> list[list[int]]:
    return [[member.id for member in request.items] for request in requests_of(items, limits)]


@pytest.mark.parametrize(
    ("case", "items", "limits", "expected"),
    [
        ("nothing", [], Limits(), []),
        ("one label, one request", [item(1), item(2), item(3)], Limits(), [[1, 2, 3]]),
        ("no more files than allowed", [item(1), item(2), item(3)], Limits(files=2), [[1, 2], [3]]),
        ("no more bytes than allowed", [item(n, size=4) for n in (1, 2, 3)], Limits(bytes=8), [[1, 2], [3]]),
        ("a file beyond the limit goes alone", [item(1), item(2, size=9), item(3)], Limits(bytes=8), [[1], [2], [3]]),
        ("another label", [item(1), item(2, label="idle"), item(3)], Limits(), [[1, 3], [2]]),
        ("no label is not an empty one", [item(1, label=None), item(2, label="")], Limits(), [[1], [2]]),
        ("another category", [item(1), item(2, category=Category.TESTING)], Limits(), [[1], [2]]),
        ("another target", [item(1), item(2, target="other")], Limits(), [[1], [2]]),
        ("other metadata", [item(1), item(2, metadata=(("a", "b"),)), item(3)], Limits(), [[1, 3], [2]]),
        ("sent alone", [item(1), item(2, batch_cap=1), item(3, batch_cap=1)], Limits(), [[1], [2], [3]]),
        ("sent among few", [item(n, batch_cap=2) for n in (1, 2, 3)], Limits(), [[1, 2], [3]]),
        ("a cap above the limit", [item(n, batch_cap=9) for n in (1, 2, 3)], Limits(files=2), [[1, 2], [3]]),
        ("the oldest first", [item(1), item(2, label="idle"), item(3), item(4)], Limits(files=2), [[1, 3], [2], [4]]),
        ("boxes, and none", [item(1, companions="{}"), item(2), item(3, companions="{}")], Limits(), [[1, 2, 3]]),
        ("one name", [item(1, path="a/x.csv"), item(2, path="b/x.csv")], Limits(), [[1, 2]]),
        (
            "one name of which something is said",
            [item(1, path="a/x.csv", companions="{}"), item(2, path="b/x.csv"), item(3)],
            Limits(),
            [[1], [2, 3]],
        ),
        (
            "one name of which something is said later",
            [item(1, path="a/x.csv"), item(2), item(3, path="b/x.csv", companions="{}")],
            Limits(),
            [[1, 2], [3]],
        ),
        (
            "what is said has bytes, too",
            [item(n, size=2, companions="[1]") for n in (1, 2)],
            Limits(bytes=8),
            [[1], [2]],
        ),
        ("oldest is first, whatever its id", [item(9), item(2, label="idle")], Limits(), [[9], [2]]),
    ],
)
def test_due_items_are_combined_into_requests(
    case: str, items: list[Item], limits: Limits, expected: list[list[int]]
) -> None:
    assert expected == ids(items, limits)


ITEMS = st.lists(
    st.builds(
        item,
        st.just(0),
        size=st.integers(0, 50),
        target=st.sampled_from(["main", "other"]),
        category=st.sampled_from([Category.SPLIT, Category.TESTING]),
        label=st.sampled_from([None, "wave", "idle"]),
        metadata=st.sampled_from([(), (("site", "lab"),)]),
        batch_cap=st.none() | st.integers(1, 4),
    ),
    max_size=60,
).map(lambda items: [item(number, size=one.facts.size, target=one.target, category=one.category, label=one.label,
                          metadata=one.metadata, batch_cap=one.batch_cap)
                     for number, one in enumerate(items)])  # fmt: skip


@settings(database=None)
@given(ITEMS, st.builds(Limits, files=st.integers(1, 10), bytes=st.integers(1, 200)))
def test_every_item_is_in_one_request_that_keeps_the_limits(items: list[Item], limits: Limits) -> None:
    requests = requests_of(items, limits)

    assert items == sorted((member for request in requests for member in request.items), key=lambda one: one.id)
    oldest = [request.items[0].id for request in requests]
    assert sorted(oldest) == oldest
    for request in requests:
        assert 1 <= len(request.items) <= limits.files
        assert len(request.items) == 1 or sum(one.facts.size for one in request.items) <= limits.bytes
        for one in request.items:
            assert one.batch_cap is None or len(request.items) <= one.batch_cap
            assert (request.target, request.category, request.label, request.metadata) == (
                one.target,
                one.category,
                one.label,
                one.metadata,
            )


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (0, "the file is empty; it is sent once something is written into it"),
        (1, None),
        (MAX_FILE_BYTES - 1, None),
        (
            MAX_FILE_BYTES,
            "the file has 100.0 MiB, but Edge Impulse takes only files below 100 MiB; split the recording into "
            "shorter ones",
        ),
        (
            101 * 1024**2,
            "the file has 101.0 MiB, but Edge Impulse takes only files below 100 MiB; split the recording into "
            "shorter ones",
        ),
    ],
)
def test_a_file_that_can_never_be_accepted_is_not_sent(size: int, reason: str | None) -> None:
    assert reason == unsendable(item(1, size=size))


@pytest.mark.parametrize("wrong", [{"files": 0}, {"files": 1001}, {"bytes": 0}])
def test_limits_that_hold_no_file_or_more_than_the_service_takes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a request holds 1 to 1000 files"):
        Limits(**wrong)


def test_two_files_that_are_given_one_name_do_not_share_a_request_when_one_is_described() -> None:
    one, other = (replace(item(n, path=f"{n}.png", companions="{}"), sent_as="same.png") for n in (1, 2))
    assert [[1], [2]] == ids([one, other], Limits())
    assert [[1, 2]] == ids([replace(one, companions=None), replace(other, companions=None)], Limits())
