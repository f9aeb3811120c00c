"""Listing, names and deletion, against the emulator; and what the official module gets wrong."""

from collections.abc import Callable
from typing import Any

import pytest

import eisync
from eisync.data import sample_listing
from eisync.data.client import Access, TooLargeException
from eisync.data.sample_listing import stretches_below
from eisync.data.sample_type import GenericApiResponse
from eisync.data.studio import (
    delete_all_samples,
    delete_sample_by_id,
    delete_samples_by_filename,
    get_filename_by_id,
    get_sample_ids,
)
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.exceptions import (
    MissingApiKeyException,
    TimeoutException,
    UnauthorizedException,
    UnsuccessfulRequestException,
)
from tests.canary import CANARY
from tests.emulator.wire import Client, csv

DONE = GenericApiResponse(success=True)
NOWHERE = 10**6


def names(**asked: Any) -> list[str]:
    return sorted(str(info.filename) for info in get_sample_ids(**asked))


@pytest.fixture
def stranger(service: RunningEmulator) -> Client:
    return Client(service)


# Listing


def test_the_listing_tells_id_name_category_and_label_newest_first(stranger: Client) -> None:
    (first,) = stranger.store(("idle.01.csv", csv(1)), x_label="idle")
    (second,) = stranger.store(("wave.01.csv", csv(2)), category="testing", x_label="wave")
    found = [(info.sample_id, info.filename, info.category, info.label) for info in get_sample_ids()]
    assert [(second, "wave.01", "testing", "wave"), (first, "idle.01", "training", "idle")] == found


def test_a_project_without_samples_has_an_empty_listing(service: RunningEmulator) -> None:
    assert [] == get_sample_ids()


def test_category_and_label_narrow_the_listing(stranger: Client) -> None:
    stranger.store(("a.csv", csv(1)), x_label="one")
    stranger.store(("b.csv", csv(2)), category="testing", x_label="two")
    stranger.store(("c.csv", csv(3)), category="validation", x_label="three")
    assert ["b"] == names(category="testing")
    assert ["a"] == names(labels="one")
    assert ["a", "c"] == names(labels=["one", "three"])
    assert ["a", "b", "c"] == names(labels=[]) == names(category="all")


def test_every_category_is_listed_when_none_is_named(stranger: Client) -> None:
    categories = ("training", "testing", "validation", "post-processing", "anomaly")
    for number, category in enumerate(categories):
        stranger.store((f"{category}.csv", csv(number)), category=category)
    assert sorted(categories) == names()


def test_disabled_samples_are_listed(stranger: Client) -> None:
    (sample_id,) = stranger.store(("off.csv", csv(1)))
    stranger.studio("POST", f"/raw-data/{sample_id}/disable", {})
    assert ["off"] == names()


def test_a_name_is_compared_whole(stranger: Client) -> None:
    """The official module hands the service's filter on, which finds parts of names."""
    stranger.store(*((f"{name}.csv", csv(number)) for number, name in enumerate(("wave.01", "wave.010", "my-wave.01"))))
    assert ["wave.01"] == names(filename="wave.01")
    assert [] == names(filename="wave")
    assert [] == names(filename="")


def test_several_samples_may_have_one_name(stranger: Client) -> None:
    stranger.store(("wave.01.csv", csv(1)), ("wave.01.json.csv", csv(2)), ("wave.01.csv", csv(3)))
    assert 2 == len(get_sample_ids("wave.01"))


@pytest.mark.parametrize("name", ["a&b", "a=b", "a b", "a+b", "50%", "a#b", "ä/ü", "日本", '"q"'])
def test_any_text_is_a_name_and_a_label(stranger: Client, name: str) -> None:
    """The official module does not encode its query: `a&b` asks for `a`."""
    (sample_id,) = stranger.store(("a.csv", csv(1)))
    stranger.store(("a&b&c.csv", csv(2)))
    stranger.studio("POST", f"/raw-data/{sample_id}/rename", {"name": name})
    stranger.studio("POST", f"/raw-data/{sample_id}/edit-label", {"label": name})
    assert [name] == names(filename=name) == names(labels=name)


def test_the_label_0_is_a_label(stranger: Client) -> None:
    stranger.store(("a.csv", csv(1)), x_label="0")
    stranger.store(("b.csv", csv(2)), x_label="1")
    labels: Any = 0
    assert ["a"] == names(labels="0") == names(labels=labels) == names(labels=[labels])


@pytest.mark.parametrize("workers", [1, 4, None])
def test_long_listings_are_walked_to_their_end(
    stranger: Client, monkeypatch: pytest.MonkeyPatch, workers: int | None
) -> None:
    monkeypatch.setattr(sample_listing, "MOST_LISTED", 3)
    ids = stranger.store(*((f"s.{number}.csv", csv(number)) for number in range(40)))
    stranger.studio("POST", "/raw-data/batch/delete", {}, category="all", ids=ids[5:17])  # ids with a gap
    expected = sorted(ids[:5] + ids[17:], reverse=True)
    assert expected == [info.sample_id for info in get_sample_ids(num_workers=workers)]


def test_pages_of_the_service_may_be_smaller_than_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, max_page_limit=7)) as emulator:
        monkeypatch.setattr(eisync, "API_ENDPOINT", emulator.studio_url)
        ids = Client(emulator).store(*((f"s.{number}.csv", csv(number)) for number in range(40)))
        found = get_sample_ids(api_key=emulator.key)
    assert sorted(ids, reverse=True) == [info.sample_id for info in found]


def test_a_listing_misses_nothing_while_others_delete(stranger: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """By offset, as the official module asks, the samples that move up are never seen."""
    monkeypatch.setattr(sample_listing, "MOST_LISTED", 5)
    ids = stranger.store(*((f"s.{number}.csv", csv(number)) for number in range(20)))
    ask: Callable[..., Any] = Access.request
    pages = []

    def ask_and_delete(access: Access, method: str, path: str, **more: Any) -> Any:
        answer = ask(access, method, path, **more)
        if "limit" in (more.get("query") or {}):
            pages.append(path)
        if len(pages) == 1:
            stranger.studio("POST", "/raw-data/batch/delete", {}, category="all", ids=ids[-3:])  # of the page just seen
        return answer

    monkeypatch.setattr(Access, "request", ask_and_delete)
    assert sorted(ids, reverse=True) == [info.sample_id for info in get_sample_ids(num_workers=1)]


@pytest.mark.parametrize("newest", [20, 1000, 10**12])
@pytest.mark.parametrize("oldest", [1, 2, 19])
@pytest.mark.parametrize("total", [6, 21, 10**6])
@pytest.mark.parametrize("workers", [1, 3, 16])
def test_stretches_cover_every_id_below_once(newest: int, oldest: int, total: int, workers: int) -> None:
    stretches = stretches_below(newest, oldest, 5, total, workers)
    assert oldest == stretches[0][1]
    assert stretches[-1][0] is None
    assert [below for _, below in stretches[1:]] == [from_id for from_id, _ in stretches[:-1]]
    assert len(stretches) <= workers


def test_an_unknown_category_is_refused_in_the_official_words(service: RunningEmulator) -> None:
    words = (
        r"Invalid category\. Allowable categories: \['training', 'testing', 'validation', 'post-processing'\] and None"
    )
    for call in (lambda: get_sample_ids(category="tests"), lambda: delete_all_samples("split")):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(ValueError, match=words):
        delete_samples_by_filename("a", "anomaly")


# The key, the time limit


def test_the_key_handed_over_is_used_for_every_category(service: RunningEmulator) -> None:
    """The official module loses it when no category is named, and lists the project of the global key."""
    project = service.add_project(name="other")
    other = Client(service, key=project["keys"][0]["key"])
    Client(service).store(("mine.csv", csv(1)))
    other.store(("theirs.csv", csv(2)))
    assert ["theirs"] == names(api_key=other.key)
    assert ["mine"] == names()


def test_names_are_looked_up_and_deleted_in_the_same_project(service: RunningEmulator) -> None:
    """The official module looks in the global key's project, and deletes in the other."""
    project = service.add_project(name="other")
    other = Client(service, key=project["keys"][0]["key"])
    Client(service).store(("same.csv", csv(1)), ("same.csv", csv(2)))
    other.store(("same.csv", csv(1)), ("same.csv", csv(2)), ("same.csv", csv(3)))
    assert (DONE,) * 3 == delete_samples_by_filename("same", api_key=other.key)
    assert ["same", "same"] == names()
    assert [] == names(api_key=other.key)


def test_a_call_without_a_global_key_uses_the_one_handed_over(
    service: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sample_id,) = Client(service).store(("a.csv", csv(1)))
    monkeypatch.setattr(eisync, "API_KEY", None)
    assert "a" == get_filename_by_id(sample_id, service.key)
    assert DONE == delete_sample_by_id(sample_id, service.key)
    assert DONE == delete_all_samples(api_key=service.key)
    with pytest.raises(MissingApiKeyException):
        get_sample_ids()


def test_a_wrong_key_is_raised(service: RunningEmulator) -> None:
    with pytest.raises(UnauthorizedException):
        get_sample_ids(api_key=CANARY + "wrong")


def test_the_time_limit_holds_in_every_category(service: RunningEmulator) -> None:
    """The official module loses it, like the key."""
    get_sample_ids()
    service.set_faults({"where": "studio", "kind": "latency", "seconds": 3, "path": "/raw-data"})
    with pytest.raises(TimeoutException):
        get_sample_ids(timeout_sec=0.05)


# Names


def test_the_name_of_a_sample(stranger: Client) -> None:
    first, second = stranger.store(("wave.01.csv", csv(1)), ("idle.csv", csv(2)))
    assert ["wave.01", "idle", None] == [get_filename_by_id(one) for one in (first, second, NOWHERE)]


@pytest.mark.parametrize("form", [int, float, str, " {} ".format, "+{}".format])
def test_an_id_may_come_from_a_table_or_a_file(stranger: Client, form: Callable[[int], Any]) -> None:
    (sample_id,) = stranger.store(("wave.01.csv", csv(1)))
    assert "wave.01" == get_filename_by_id(form(sample_id))
    assert DONE == delete_sample_by_id(form(sample_id))


@pytest.mark.parametrize(
    "wrong", ["", "a", "1.0", "1_0", "١", 1.5, float("nan"), None, True, "1/../../delete-all", [1]]
)
def test_an_id_is_a_whole_number(service: RunningEmulator, wrong: Any) -> None:
    for call in (get_filename_by_id, delete_sample_by_id):
        with pytest.raises(TypeError, match="All sample IDs must be integers"):
            call(wrong)


# Deletion


def test_a_sample_is_deleted_once(stranger: Client) -> None:
    first, _ = stranger.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    assert [DONE, None, None] == [delete_sample_by_id(first), delete_sample_by_id(first), delete_sample_by_id(NOWHERE)]
    assert ["b"] == names()


def test_deleting_a_name_spares_names_that_contain_it(stranger: Client) -> None:
    """The official module deletes `wave.010` along with `wave.01`."""
    stranger.store(*((f"{name}.csv", csv(number)) for number, name in enumerate(("wave.01", "wave.010", "my-wave.01"))))
    assert (DONE,) == delete_samples_by_filename("wave.01")
    assert ["my-wave.01", "wave.010"] == names()
    assert () == delete_samples_by_filename("wave.01") == delete_samples_by_filename("wave")


def test_an_empty_name_deletes_nothing_and_no_name_is_refused(stranger: Client) -> None:
    """The official module deletes the whole project."""
    stranger.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    assert () == delete_samples_by_filename("")
    nothing: Any = None
    with pytest.raises(TypeError, match="filename must be text"):
        delete_samples_by_filename(nothing)
    assert ["a", "b"] == names()


def test_deleting_a_name_keeps_to_the_category(stranger: Client) -> None:
    stranger.store(("a.csv", csv(1)), ("a.csv", csv(2)))
    stranger.store(("a.csv", csv(3)), ("a.csv", csv(4)), category="testing")
    assert (DONE, DONE) == delete_samples_by_filename("a", category="testing")
    assert ["a", "a"] == names(category="training") == names()


def test_many_samples_are_deleted_in_few_requests(stranger: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eisync.data.studio._BATCH", 20)
    stranger.store(*(("same.csv", csv(number)) for number in range(50)), ("other.csv", csv(99)))
    get_sample_ids()
    before = stranger.emulator.ledger()["studio_requests"]
    assert (DONE,) * 50 == delete_samples_by_filename("same")
    assert 1 + 3 == stranger.emulator.ledger()["studio_requests"] - before
    assert ["other"] == names()


def test_a_service_without_the_batch_call_is_asked_one_by_one(stranger: Client) -> None:
    stranger.store(*(("same.csv", csv(number)) for number in range(3)))
    stranger.emulator.set_faults(
        {"where": "studio", "kind": "status", "status": 404, "error": "no such call", "path": "/batch/"}
    )
    assert (DONE,) * 3 == delete_samples_by_filename("same")


def test_a_deletion_that_becomes_a_job_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, batch_job_above=1)) as emulator:
        monkeypatch.setattr(eisync, "API_ENDPOINT", emulator.studio_url)
        Client(emulator).store(*(("same.csv", csv(number)) for number in range(3)))
        before = emulator.ledger()["studio_requests"]
        assert (DONE,) * 3 == delete_samples_by_filename("same", api_key=emulator.key)
        # whose project, the listing, the deletion, the job
        assert 4 == emulator.ledger()["studio_requests"] - before


def test_everything_or_one_category_is_deleted(stranger: Client) -> None:
    stranger.store(("a.csv", csv(1)))
    stranger.store(("b.csv", csv(2)), category="testing")
    assert DONE == delete_all_samples("testing")
    assert ["a"] == names()
    assert DONE == delete_all_samples() == delete_all_samples()
    assert [] == names()


# Pages that are too large, and listings without an end


BOXES = [{"label": "a", "x": 1, "y": 2, "width": 3, "height": 4}] * 400


def listing(
    samples: list[dict[str, Any]], asked: list[int], *, total: int | None = None
) -> Callable[..., dict[str, Any]]:
    """Studio, as far as it lists these."""

    def answer(
        _access: Access, method: str, path: str, *, query: dict[str, Any], max_answer_bytes: int, **_: Any
    ) -> dict[str, Any]:
        asked.append(query["limit"])
        below, least = query["maxId"] or 2**60, query["minId"] or 0
        found = [one for one in samples if least <= one["id"] < below]
        told = {"samples": found[: query["limit"]], "totalCount": len(found) if total is None else total}
        if len(str(told)) > max_answer_bytes:
            raise TooLargeException("the answer is larger than 16 MiB")
        return told

    return answer


def test_pages_that_are_too_large_are_asked_for_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [{"id": number, "filename": str(number), "boundingBoxes": BOXES} for number in range(2500, 0, -1)]
    asked: list[int] = []
    monkeypatch.setattr(Access, "request", listing(samples, asked))
    monkeypatch.setattr(Access, "project_id", lambda _: 1)
    assert [one["id"] for one in samples] == [info.sample_id for info in get_sample_ids()]
    assert (1000, {1000, 500}) == (asked[0], set(asked))
    assert 1 == asked.count(1000)


def test_a_listing_without_an_end_is_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [{"id": number} for number in range(50_000, 0, -1)]
    asked: list[int] = []
    monkeypatch.setattr(Access, "request", listing(samples, asked, total=1500))
    monkeypatch.setattr(Access, "project_id", lambda _: 1)
    with pytest.raises(UnsuccessfulRequestException, match="says that it has 1500 samples, but continues"):
        get_sample_ids()
    assert len(asked) < 6
