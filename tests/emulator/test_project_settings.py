"""What is set about a project: its validation set, and how its dataset is split."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from eisync.emulator.names import choose_split
from eisync.emulator.replies import NO_VALIDATION_SET
from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.splitting import SplitOptions, choose_part

from .wire import Client, csv, md5

HALVES = {"trainingSplitRatio": 0.5, "testingSplitRatio": 0.5}


def sent(client: Client, count: int, **headers: str) -> dict[str, str]:
    """Upload to `split`: what became of each file, by name."""
    client.store(*[(f"{number}.csv", csv(number)) for number in range(count)], category="split", **headers)
    return {one["filename"]: one["category"] for one in client.listed()}


def refused(client: Client) -> str:
    """Why a file for validation is not taken."""
    response = client.post_form([("v.csv", csv(999))], "validation")
    assert response.status_code == 400
    error: str = response.json()["error"]
    return error


@pytest.fixture
def old() -> Iterator[Client]:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, split_rule="hash")
    with running_emulator(settings) as emulator:
        client = Client(emulator)
        with client.session:
            yield client


def test_a_validation_set_that_is_switched_off_moves_its_samples_to_training(client: Client) -> None:
    assert client.studio("GET", "")["explicitValidationEnabled"] is True
    (sample_id,) = client.store(("a.csv", csv(1)), category="validation")
    assert client.studio("POST", "", {"explicitValidationEnabled": False}) == {"success": True}
    assert client.studio("GET", "")["explicitValidationEnabled"] is False
    assert [one["category"] for one in client.listed()] == ["training"]
    assert refused(client) == NO_VALIDATION_SET
    move = {"newCategory": "validation"}
    assert client.studio("POST", f"/raw-data/{sample_id}/move", move)["error"] == NO_VALIDATION_SET
    assert client.studio("POST", "", {"explicitValidationEnabled": True}) == {"success": True}
    assert client.studio("POST", f"/raw-data/{sample_id}/move", move) == {"success": True}
    assert len(client.store(("v.csv", csv(999)), category="validation")) == 1


@pytest.mark.parametrize("answer", ["refused", "training"])
def test_a_project_may_begin_without_a_validation_set(answer: str) -> None:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, validation=answer)) as emulator:
        client = Client(emulator)
        with client.session:
            assert client.studio("GET", "")["explicitValidationEnabled"] is False
            if answer == "refused":
                assert refused(client) == NO_VALIDATION_SET
            else:
                client.store(("v.csv", csv(1)), category="validation")
                assert client.listed()[0]["category"] == "training"
            client.studio("POST", "", {"explicitValidationEnabled": True})
            client.store(("w.csv", csv(2)), category="validation")
            assert client.listed()[0]["category"] == "validation"


def test_a_project_has_another_name_and_no_setting_that_is_not_known(client: Client) -> None:
    assert client.studio("POST", "", {"name": "Fair"}) == {"success": True}
    assert client.studio("GET", "")["project"]["name"] == "Fair"
    for wrong in ({"name": ""}, {"name": 1}, {"explicitValidationEnabled": "no"}, {"name": "X", "useGpu": True}):
        assert client.studio("POST", "", wrong)["success"] is False
    assert client.studio("GET", "")["project"]["name"] == "Fair"


def test_split_follows_the_percentages(client: Client) -> None:
    assert client.studio("GET", "")["datasetSplitOptions"]["trainingSplitRatio"] == 0.8
    found = sent(client, 200)
    assert found == {str(number): choose_part(SplitOptions(), md5(csv(number)), None) for number in range(200)}
    assert 140 < Counter(found.values())["training"] < 180


def test_split_may_follow_the_old_rule(old: Client) -> None:
    assert sent(old, 50) == {str(number): choose_split(md5(csv(number))) for number in range(50)}


def test_the_options_of_a_split_hold_for_what_comes_later(client: Client) -> None:
    client.store(*[(f"x{number}.csv", csv(1000 + number)) for number in range(10)])
    (kept,) = client.store(("p.csv", csv(2000)), category="post-processing")
    assert client.studio("POST", "/split", HALVES) == {"success": True}
    assert Counter(one["category"] for one in client.listed() if one["id"] != kept) == {"training": 5, "testing": 5}
    assert client.sample(kept)["sample"]["category"] == "post-processing"
    options = SplitOptions((0.5, 0.5, 0.0))
    assert client.studio("GET", "")["datasetSplitOptions"] == options.as_json()
    found = sent(client, 40)
    assert [found[str(one)] for one in range(40)] == [choose_part(options, md5(csv(one)), None) for one in range(40)]
    assert client.studio("POST", "/raw-data/batch/moveSamples", {"newCategory": "split"}, category="all")["success"]
    moved = {one["filename"]: one["category"] for one in client.listed()}
    assert moved == found | {
        name: choose_part(options, md5(csv(number)), None)
        for name, number in [*((f"x{one}", 1000 + one) for one in range(10)), ("p", 2000)]
    }


def test_what_shares_a_value_stays_together(client: Client) -> None:
    assert client.studio("POST", "/split", HALVES | {"keepTogetherMetadataKeys": ["session"]})["success"] is True
    for session in range(8):
        metadata = json.dumps({"session": str(session)})
        files = [(f"{session}.{number}.csv", csv(10 * session + number)) for number in range(4)]
        client.store(*files, category="split", x_metadata=metadata)
    places = {(one["metadata"]["session"], one["category"]) for one in client.listed()}
    assert len(places) == 8
    assert {category for _, category in places} == {"training", "testing"}


def test_a_split_leaves_disabled_samples_alone_when_it_is_told_to(client: Client) -> None:
    ids = client.store(*[(f"{number}.csv", csv(number)) for number in range(4)])
    client.studio("POST", f"/raw-data/{ids[0]}/disable")
    options = {"trainingSplitRatio": 0, "testingSplitRatio": 1, "excludeDisabledSamples": True}
    client.studio("POST", "/split", options)
    assert [one["category"] for one in client.listed()] == ["testing"] * 3 + ["training"]


def test_a_split_into_a_validation_set_needs_one(client: Client) -> None:
    options = {"trainingSplitRatio": 0.5, "testingSplitRatio": 0, "validationSplitRatio": 0.5}
    client.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    assert client.studio("POST", "/split", options) == {"success": True}
    assert sorted(one["category"] for one in client.listed()) == ["training", "validation"]
    client.studio("POST", "", {"explicitValidationEnabled": False})
    assert client.studio("POST", "/split", options) == {"success": False, "error": NO_VALIDATION_SET}
    assert set(sent(client, 20).values()) == {"training"}


@pytest.mark.parametrize("body", [{}, {"trainingSplitRatio": 0.5}, HALVES | {"stratifyBy": True}])
def test_a_split_that_makes_no_sense_changes_nothing(client: Client, body: object) -> None:
    client.store(("a.csv", csv(1)))
    before = client.listed()
    assert client.studio("POST", "/split", body)["success"] is False
    assert client.listed() == before
    assert client.studio("GET", "")["datasetSplitOptions"] == SplitOptions().as_json()
