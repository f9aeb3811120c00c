"""What travels to a worker, what a worker does with it, and what its errors mean."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from eisync._version import __version__
from eisync.adapters.client.service import Endpoints
from eisync.adapters.files import file_facts
from eisync.app import cluster
from eisync.app.cluster import RemoteTarget, RemoteUpload, confirm, limit_s, share_of
from eisync.core import wire
from eisync.core.batching import Request
from eisync.core.model import Category, Item
from eisync.core.wire import Reply, Stored, read_reply
from eisync.emulator.server import RunningEmulator
from eisync.errors import (
    ConfigurationError,
    FileChangedError,
    FileGoneError,
    KeyRefusedError,
    UnansweredError,
    UnreachableError,
)
from eisync.settings import load
from tests.canary import CANARY
from tests.conftest import row


@pytest.fixture
def item(tmp_path: Path) -> Item:
    (tmp_path / "walk.csv").write_bytes(row(1))
    facts = file_facts.facts_at(str(tmp_path), "walk.csv")
    assert facts is not None
    return Item(
        id=7,
        root=str(tmp_path),
        path="walk.csv",
        target="main",
        facts=facts,
        label="walk",
        category=Category.TRAINING,
    )


@pytest.fixture(autouse=True)
def new_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker process that has sent nothing yet, with no key but what the test gives it."""
    cluster._kept_sender.cache_clear()
    for name in ("EISYNC_API_KEY", "EISYNC_API_KEY_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EI_API_KEY", CANARY)


def upload_of(item: Item, emulator: RunningEmulator | None = None, **more: Any) -> RemoteUpload:
    request = Request(target="main", category=Category.TRAINING, label="walk", metadata=(), items=(item,))
    studio, ingestion = (emulator.studio_url, emulator.ingestion_url) if emulator else ("http://x", "http://x")
    target = RemoteTarget(
        name="main",
        endpoints=Endpoints(studio_url=studio, ingestion_url=ingestion),
        api_key_file=more.pop("api_key_file", None),
        is_one_of_several=False,
    )
    envelope = wire.envelope(request, boundary="B", allow_duplicates=False)
    return RemoteUpload(**{"target": target, "envelope": envelope, "project_id": None, "max_rate": 0, **more})


def travelled(upload: RemoteUpload) -> RemoteUpload:
    content = pickle.dumps(upload)
    assert CANARY.encode() not in content
    there: RemoteUpload = pickle.loads(content)
    assert there == upload
    return there


def test_a_worker_sends_with_its_own_key(emulator: RunningEmulator, item: Item) -> None:
    sent = travelled(upload_of(item, emulator, project_id=emulator.project_id))()
    assert isinstance(sent.reply, Reply)
    [outcome] = read_reply(sent.reply, sent=1, now=0.0)
    assert isinstance(outcome, Stored)
    assert emulator.project_id == outcome.project_id
    assert {item.id} == sent.sha256.keys()
    assert pickle.loads(pickle.dumps(sent)) == sent


def test_a_worker_keeps_one_client_for_a_target(emulator: RunningEmulator, item: Item) -> None:
    upload = upload_of(item, emulator)
    first, second = travelled(upload)(), travelled(upload)()
    assert (True, False) == (first.has_connected, second.has_connected)


def test_a_worker_reads_the_key_from_a_file_of_its_own(
    emulator: RunningEmulator, item: Item, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EI_API_KEY")
    key = tmp_path / "key"
    key.write_text(CANARY)
    key.chmod(0o600)
    sent = travelled(upload_of(item, emulator, api_key_file=str(key)))()
    assert isinstance(sent.reply, Reply)
    assert 200 == sent.reply.status


def test_a_worker_with_the_key_of_another_project_sends_nothing(emulator: RunningEmulator, item: Item) -> None:
    other = emulator.project_id + 1
    with pytest.raises(ConfigurationError, match=f"its key opens project {emulator.project_id}, and .* {other}"):
        upload_of(item, emulator, project_id=other)()
    assert 0 == emulator.ledger()["requests"]


def test_a_worker_with_a_wrong_key_sends_nothing(
    emulator: RunningEmulator, item: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EI_API_KEY", CANARY[:-1] + "0")
    with pytest.raises(KeyRefusedError):
        upload_of(item, emulator)()
    assert 0 == emulator.ledger()["requests"]


def test_a_worker_that_cannot_ask_for_its_project_sends_nothing(emulator: RunningEmulator, item: Item) -> None:
    emulator.set_faults({"where": "studio", "kind": "status", "status": 503})
    with pytest.raises(UnreachableError, match="nothing was sent, as the project of the key is not known"):
        upload_of(item, emulator)()
    emulator.set_faults({"where": "studio", "kind": "status", "status": 403})
    assert isinstance(upload_of(item, emulator)().reply, Reply)  # a key that may only upload
    assert 1 == emulator.ledger()["requests"]


def test_a_worker_without_a_key_says_where_it_looked(item: Item, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EI_API_KEY")
    with pytest.raises(ConfigurationError, match="there is no API key"):
        upload_of(item)()


def test_a_worker_of_another_version_sends_nothing(item: Item) -> None:
    with pytest.raises(ConfigurationError, match=f"it has eisync {__version__}, and the coordinator 0.0.0"):
        upload_of(item, version="0.0.0")()


@pytest.mark.parametrize(
    ("rate", "workers", "share"), [(0, 4, 0), (1_000_000, 4, 250_000), (10_000, 4, 4096), (5_000, 0, 5_000)]
)
def test_the_largest_rate_is_shared_among_the_workers(rate: int, workers: int, share: int) -> None:
    assert share == share_of(rate, workers)


def test_a_large_or_throttled_request_may_take_longer(item: Item, tmp_path: Path) -> None:
    settings = load(
        state_dir=str(tmp_path), environ={"EISYNC_UPLOAD__TIMEOUT_S": "20"}, need_watch=False, need_key=False
    )
    size = upload_of(item).envelope.content_length
    assert 3 * 30.0 + size / 16_384 == limit_s(settings, upload_of(item))
    assert 3 * 30.0 + size / 4096 == limit_s(settings, upload_of(item, max_rate=4096))


def test_a_file_that_only_the_worker_misses_is_not_gone(item: Item) -> None:
    error, is_unfit = confirm(upload_of(item), "tcp://w:1", FileGoneError("the file is gone", item_id=7))
    assert isinstance(error, UnreachableError)
    assert is_unfit
    assert str(error) == (
        f"the worker tcp://w:1 does not have {item.root}/walk.csv as this machine has it (the file is gone); share "
        f"{item.root} with it at the same path"
    )


def test_a_file_that_this_machine_misses_too_is_gone(item: Item) -> None:
    os.remove(f"{item.root}/walk.csv")
    error, is_unfit = confirm(upload_of(item), "tcp://w:1", FileChangedError("changed", item_id=7))
    assert (FileGoneError, False) == (type(error), is_unfit)


@pytest.mark.parametrize("error", [ConfigurationError("there is no API key"), KeyRefusedError("Studio refuses")])
def test_a_worker_without_a_usable_key_is_the_cause_itself(item: Item, error: Any) -> None:
    found, is_unfit = confirm(upload_of(item), "tcp://w:1", error)
    assert f"the worker tcp://w:1 cannot send: {error}" == str(found)
    assert (UnreachableError, True) == (type(found), is_unfit)


def test_other_errors_say_nothing_of_the_worker(item: Item) -> None:
    error = UnansweredError("lost")
    assert (error, False) == confirm(upload_of(item), "tcp://w:1", error)
