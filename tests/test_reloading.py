"""Each option that `eisync config reload` applies acts in the running parts, and nothing is lost by it."""

import json
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters import clock
from eisync.app.machine import build
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.errors import ConfigurationError, TransitError
from eisync.loops.watcher import root_watcher
from eisync.settings.live import LIVE
from eisync.store.descriptions import Descriptions
from tests.canary import CANARY
from tests.layouts.media import png
from tests.live_site import Site, json_lines, site_at
from tests.loops.test_notifier import PLAN

TAKES = 'on_remote_delete = "trash"'
KEY_FILE = 'api_key_file = "key"'
SYSTEM_STORE = ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().capath or ""
ONE_BY_ONE = "batch_files = 1\nworkers = 1\n"


@pytest.fixture(scope="module")
def service() -> Iterator[RunningEmulator]:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY)) as running:
        yield running


@pytest.fixture
def emulator(service: RunningEmulator) -> Iterator[RunningEmulator]:
    yield service
    service.set_faults()


# What the parts do. Each is asked before and after the option has changed.


def trusts(site: Site) -> object:
    found = site.app.services["main"]._transport._environment_of("https://127.0.0.1")["verify"]
    return Path(found).name if isinstance(found, str) else found


def label(site: Site) -> object:
    return _of(site, site.drop())["label"]


def category(site: Site) -> object:
    return _of(site, site.drop())["category"]


def state(site: Site) -> object:
    return site.state_of(site.drop())


def state_of_a_fresh_file(site: Site) -> object:
    return site.state_of(site.drop(age_s=0.0))


def state_of_an_empty_file(site: Site) -> object:
    return site.state_of(site.drop(content=b""))


def state_of_an_image(site: Site) -> object:
    return site.state_of(site.drop(f"cat.{time.time_ns()}.png", png(note=str(time.time_ns()))))


def image_has_boxes(site: Site) -> object:
    folder = str(time.time_ns())
    box = {"label": "cat", "coordinates": {"x": 9, "y": 9, "width": 4, "height": 4}}
    said = json.dumps([{"image": "cat.png", "annotations": [box]}])
    site.drop(f"{folder}/_annotations.createml.json", said.encode())
    name = site.drop(f"{folder}/cat.png", png(note=folder))
    site.watch()
    [root] = site.app.roots
    [found] = Descriptions(site.app._database).at(root.id, [name])
    return found.description.companions is not None


def label_by_manifest(site: Site) -> object:
    site.drop("list.csv", b"file,label\nfixed.csv,dog\n")
    return _of(site, site.drop("fixed.csv", b"timestamp,accX\n0,1\n"))["label"]


def category_by_group(site: Site) -> object:
    site.compare()
    name = site.drop(f"{time.time_ns()}/wave.csv")
    site.upload(name)
    return _of(site, name)["category"]


def metadata_of_the_sample(key: str) -> Callable[[Site], object]:
    def of(site: Site) -> object:
        name = site.drop()
        site.upload(name)
        found = site.app.services["main"].whole(_of(site, name)["sample_ids"][0])
        assert found is not None
        return (found.metadata or {}).get(key)

    return of


def finds_by_polling(site: Site) -> object:
    site.watch()
    name = site.drop()
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        site.app.watcher.tick(clock.now())
    found = [one for one in site.app.operations.answer({"do": "files"}) if one.get("path") == name]
    return bool(found)


def uses_events(site: Site) -> object:
    site.app._events.start()
    site.watch()
    [status] = site.app.watcher.status()
    return status.uses_events


def sends_a_changed_file(site: Site) -> object:
    name = site.drop()
    site.upload(name)
    site.drop(name, f"timestamp,accX\n0,{time.time_ns()}\n".encode(), age_s=50.0)
    return site.state_of(name)


def renames_the_sample(site: Site) -> object:
    name = site.drop()
    site.upload(name)
    site.compare()
    os.rename(site.recordings / name, site.recordings / f"wave.other.{name}")
    site.watch()
    return site.compare()["done"]


def proposes_after_a_local_delete(site: Site) -> object:
    """The reconciler decides by the policy, and the folder says who may draw conclusions from it."""
    assert site.app.reconciler is not None
    site.watch()
    site.app.reconciler.tick(clock.now())
    [policy] = site.app.reconciler._projects[0].policies.values()
    [folder] = site.app.lineage._folders.values()
    return policy.deletes_samples, folder.matters


def file_of_a_deleted_sample(site: Site) -> object:
    name = site.drop()
    site.upload(name)
    site.compare()
    site.delete_sample(name)
    for _ in range(2):  # a folder in which files may be removed is scanned and compared anew first
        site.watch()
        site.compare()
    return (site.recordings / name).exists()


def keeps_the_file(site: Site) -> object:
    name = site.drop()
    site.upload(name)
    site.compare()
    site.retain()
    return (site.recordings / name).exists()


def days_in_the_trash(site: Site) -> object:
    site.retain()
    [folder] = site.app.retention._folders
    return folder.policy.trash_days


def requests_at_once(site: Site) -> object:
    for _ in range(4):
        site.drop()
    under_way = len(site.begin_upload())
    site.upload()
    return under_way


def requests_for_three(site: Site) -> object:
    return _requests_for(site, ["", "", ""])


def first_sent(site: Site) -> object:
    old, new = site.drop(f"a/{time.time_ns()}.csv", age_s=500.0), site.drop(f"b/{time.time_ns()}.csv", age_s=50.0)
    [first] = site.begin_upload()
    site.upload(old, new)
    return first.partition("/")[0]


def pays_for_bytes(site: Site) -> object:
    bucket = site.app.throttle._bucket
    return None if bucket is None else bucket.rate


def is_held(site: Site) -> object:
    site.app.uploader.tick(clock.now())
    return bool(site.app.uploader.holds(clock.now()))


def answers_in_time(site: Site) -> object:
    site.emulator.set_faults({"where": "studio", "kind": "latency", "seconds": 0.6})
    try:
        site.app.services["main"]._studio.fetch("/api/projects").content()
    except TransitError:
        return False
    finally:
        site.emulator.set_faults()
    return True


def connects_for_s(site: Site) -> object:
    service = site.app.services["main"]
    assert service._timeout_s == service._studio.timeout_s
    return service._timeout_s[0]


def infers(site: Site) -> object:
    site.app.uploader.tick(clock.now())
    [sending] = site.app.uploader._states
    return site.app.uploader._inference.of(sending).value


def longest_first_wait_s(site: Site) -> object:
    return _wait_s(site, attempt=1)


def longest_wait_s(site: Site) -> object:
    return _wait_s(site, attempt=30)


def stops_within_s(site: Site) -> object:
    return site.app.settings.upload.drain_timeout_s


def compares_again_in_s(site: Site) -> object:
    site.compare(sweeps=False)
    assert site.app.reconciler is not None
    return round(site.app.reconciler.tick(clock.now()), -1)


def sweeps_again(site: Site) -> object:
    site.compare(sweeps=True)
    time.sleep(0.01)
    return site.compare(sweeps=False)["swept"]


def listed_by_a_request(site: Site) -> object:
    """How many samples the project's first page has."""
    site.upload(site.drop(), site.drop())
    asked = list[int]()
    page = site.app.services["main"].page

    def noted(**more: Any) -> Any:
        asked.append(more["limit"])
        return page(**more)

    site.app.services["main"].page = noted
    site.compare(sweeps=True)
    return asked[0]


def waits_for_approval(site: Site) -> object:
    names = [site.drop(), site.drop()]
    site.upload(*names)
    site.compare()
    for name in names:
        site.delete_sample(name)
    waiting = site.compare()["waiting"]
    return waiting > 0


def allowed_in_a_day(site: Site) -> object:
    site.app.reconciler and site.app.reconciler.tick(clock.now())
    assert site.app.reconciler is not None
    assert site.app.reconciler._actions is not None
    return site.app.reconciler._actions.guarding.guard.day_factor


def page_answers(site: Site) -> object:
    assert site.app.page is not None
    return site.app.page.url is not None and _fetch(site)[0]


def page_is_at(site: Site) -> object:
    assert site.app.page is not None
    assert 401 == _fetch(site)[0]
    return str(site.app.page.url).rstrip("/").removeprefix("http://").split(":")


def page_asks_for_a_password(site: Site) -> object:
    return 'type="password"' in _fetch(site)[1]


def page_by_name(site: Site) -> object:
    return _fetch(site, Host="eisync.lab")[0]


def page_by_proxy(site: Site) -> object:
    return "Log in" not in _fetch(site, **{"X-Forwarded-User": "ada"})[1]


def page_by_other_header(site: Site) -> object:
    return "Log in" not in _fetch(site, **{"X-User": "ada"})[1]


def tells(site: Site) -> object:
    return site.told(60.0)


def outcomes(site: Site) -> object:
    return set(site.told(600.0))


def patience(site: Site) -> object:
    site.told(1.0)
    assert site.app.notifier is not None
    options = site.app.notifier._loop._options
    return options.patience.calm_s, options.patience.interval_s, options.patience.digest_at, options.stalled_s


def prints(site: Site) -> object:
    """Whether a line of the level info is printed, and in which form."""
    begun = len(site.printed.getvalue())
    site.printer.info("file.seen", path="a")
    line = site.printed.getvalue()[begun:]
    return "json" if json_lines(line) else "console" if line else None


def key_is_accepted(site: Site) -> object:
    """Whether the service takes a file with the key. A refused file stays, and is sent with the next key."""
    site.drop()
    site.begin_upload()
    site.end_upload()
    return not site.app.uploader.refusals()


def _of(site: Site, name: str) -> Mapping[str, Any]:
    found = site.of(name)
    assert found is not None
    return found


def _requests_for(site: Site, names: list[str]) -> int:
    names = [site.drop(name and f"{time.time_ns()}/{name}") for name in names]
    before = site.requests()
    site.upload(*names)
    return site.requests() - before


def _wait_s(site: Site, *, attempt: int) -> float:
    site.app.uploader.tick(clock.now())
    [sending] = site.app.uploader._states
    assert sending.target_queue.policy == sending.flow_control._policy
    return round(sending.target_queue.policy.due_at(attempt=attempt, now=0.0, jitter=0.999999, asked_s=0.0), 1)


def _fetch(site: Site, **headers: str) -> tuple[int, str]:
    assert site.app.page is not None
    request = urllib.request.Request(str(site.app.page.url), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


# The table


@dataclass
class Row:
    """`option` becomes `value`; the other lines of its table stay. `before` and `after` are what `does` returns."""

    value: str
    does: Callable[[Site], object]
    before: object
    after: object
    others: str = ""
    more: dict[str, str] = field(default_factory=dict)  # lines of other tables
    was: str = ""  # the line of the option before
    listens: bool = False


OFF = {"web": "enabled = false"}
PORT = _free_port()
HASH = "scrypt:32768:8:1$abcdefgh$" + "0" * 128
COMMAND = 'command = ["/bin/true"]\n'
SLOW = 'command = ["/bin/sleep", "0.2"]\n'
SOON = "after_s = 0.0\n"
FAILS = 'webhook = "http://127.0.0.1:1/x"'

ROWS: Mapping[str, Row] = {
    "target.api_key_file": Row('"other"', key_is_accepted, True, False, was=KEY_FILE),
    "target.api_key": Row('"ei_' + "0" * 60 + '"', key_is_accepted, True, False, was=f'api_key = "{CANARY}"'),
    "target.ca_file": Row('"hook"', trusts, True, "hook", KEY_FILE),
    "target.trust": Row('"system"', trusts, True, Path(SYSTEM_STORE).name, KEY_FILE),
    "watch.label": Row('"cat"', label, "wave", "cat"),
    "watch.category": Row('"testing"', category, "split", "testing"),
    "watch.ignore": Row('["*.csv"]', state, "ready", None),
    "watch.ready": Row('"marker"', state, "ready", "settling"),
    "watch.settle_s": Row("0.0", state_of_a_fresh_file, "settling", "ready", was="settle_s = 3600.0"),
    "watch.patience_s": Row("0.0", state_of_an_empty_file, "settling", "quarantined"),
    "watch.scan_interval_s": Row("0.01", finds_by_polling, False, True),
    "watch.mode": Row('"scan"', uses_events, True, False, listens=True),
    "watch.on_change": Row('"ignore"', sends_a_changed_file, "ready", "synced"),
    "watch.on_rename": Row('"ignore"', renames_the_sample, 1, 0),
    "watch.on_local_delete": Row('"delete"', proposes_after_a_local_delete, (False, False), (True, True)),
    "watch.on_remote_delete": Row(
        '"trash"', file_of_a_deleted_sample, True, False, more={"reconcile": "guard_percent = 100.0"}
    ),
    "watch.after_upload": Row('"delete"', keeps_the_file, True, False, others="grace_s = 0.0"),
    "watch.grace_s": Row("0.0", keeps_the_file, True, False, others='after_upload = "delete"'),
    "watch.min_free": Row('"900 TB"', keeps_the_file, True, False),
    "watch.trash_days": Row("1", days_in_the_trash, 30, 1),
    "watch.metadata": Row('{ site = "lab" }', metadata_of_the_sample("site"), None, "lab"),
    "watch.metadata_host": Row("true", metadata_of_the_sample("host"), None, socket.gethostname()),
    "watch.annotations": Row('"none"', image_has_boxes, True, False),
    "watch.require_annotation": Row("true", state_of_an_image, "ready", "settling"),
    "watch.manifest": Row('"list.csv"', label_by_manifest, "fixed", "dog"),
    "watch.rule": Row('[{ label = "dog" }]', label, "wave", "dog"),
    "watch.split": Row('{ by = "folder", testing = 99 }', category_by_group, "split", "testing"),
    "upload.workers": Row("3", requests_at_once, 1, 3, others="batch_files = 1", was="workers = 1"),
    "upload.batch_files": Row("1", requests_for_three, 1, 3),
    "upload.batch_bytes": Row("1", requests_for_three, 1, 3),
    "upload.order": Row('"newest"', first_sent, "a", "b", others=ONE_BY_ONE),
    "upload.max_rate": Row("5000", pays_for_bytes, None, 5000),
    "upload.quiet_hours": Row('"00:00-12:00, 12:00-24:00"', is_held, False, True),
    "upload.timeout_s": Row("0.2", answers_in_time, True, False),
    "upload.connect_timeout_s": Row("3.5", connects_for_s, 10.0, 3.5),
    "upload.infer_labels": Row("false", infers, "trial", "off"),
    "upload.retry_base_s": Row("100.0", longest_first_wait_s, 2.0, 100.0),
    "upload.retry_cap_s": Row("50.0", longest_wait_s, 300.0, 50.0),
    "upload.drain_timeout_s": Row("3.5", stops_within_s, 20.0, 3.5),
    "reconcile.interval_s": Row("100.0", compares_again_in_s, 300.0, 100.0),
    "reconcile.sweep_interval_s": Row("0.001", sweeps_again, False, True),
    "reconcile.page_size": Row("7", listed_by_a_request, 1000, 7),
    "reconcile.guard_count": Row("0", waits_for_approval, False, True, more={"watch": TAKES}),
    "reconcile.guard_percent": Row(
        "0.0", waits_for_approval, False, True, more={"watch": TAKES}, was="guard_percent = 100.0"
    ),
    "reconcile.guard_day_factor": Row("5.0", allowed_in_a_day, 3.0, 5.0),
    "web.enabled": Row("true", page_answers, False, 401, others="port = 0", was="enabled = false"),
    "web.address": Row('"127.0.0.2"', page_is_at, ["127.0.0.1", str(PORT)], ["127.0.0.2", str(PORT)], f"port = {PORT}"),
    "web.port": Row(
        str(PORT), page_is_at, ["127.0.0.1", str(PORT + 20)], ["127.0.0.1", str(PORT)], was=f"port = {PORT + 20}"
    ),
    "web.password_hash": Row(f'"{HASH}"', page_asks_for_a_password, False, True, others="port = 0"),
    "web.hosts": Row('["eisync.lab"]', page_by_name, 421, 401, others="port = 0"),
    "web.trusted_proxy": Row('"127.0.0.1"', page_by_proxy, False, True, others="port = 0"),
    "web.user_header": Row(
        '"X-User"', page_by_other_header, False, True, others='port = 0\ntrusted_proxy = "127.0.0.1"'
    ),
    "notify.command": Row('["/bin/true"]', tells, [], [("sent", "command")], others=SOON),
    "notify.webhook": Row('"http://127.0.0.1:1/x"', tells, [], [("failed", "webhook")], others=SOON),
    "notify.webhook_file": Row('"hook"', tells, [], [("failed", "webhook")], others=SOON),
    "notify.desktop": Row("true", tells, [], [("failed", "desktop")], others=SOON),
    "notify.after_s": Row("0.0", tells, [], [("sent", "command")], others=COMMAND, was="after_s = 3600.0"),
    "notify.calm_s": Row("5.0", patience, (600.0, 300.0, None, 3600.0), (5.0, 300.0, None, 3600.0), COMMAND),
    "notify.interval_s": Row("5.0", patience, (600.0, 300.0, None, 3600.0), (600.0, 5.0, None, 3600.0), COMMAND),
    "notify.stalled_s": Row("5.0", patience, (600.0, 300.0, None, 3600.0), (600.0, 300.0, None, 5.0), COMMAND),
    "notify.digest": Row('"08:00"', patience, (600.0, 300.0, None, 3600.0), (600.0, 300.0, 28_800.0, 3600.0), COMMAND),
    "notify.timeout_s": Row(
        "10.0", outcomes, {("failed", "command")}, {("sent", "command")}, SLOW + SOON, was="timeout_s = 0.05"
    ),
    "log.level": Row('"warning"', prints, "json", None),
    "log.format": Row('"console"', prints, "json", "console", was='format = "json"'),
}  # fmt: skip


def tables(option: str, row: Row, line: str) -> dict[str, str]:
    table = option.partition(".")[0]
    return {**OFF, **row.more, table: f"{row.others}\n{line}"}


@pytest.mark.parametrize("option", ROWS)
def test_an_option_acts_once_the_configuration_is_read_again(
    tmp_path: Path, emulator: RunningEmulator, option: str
) -> None:
    row, (table, name) = ROWS[option], option.split(".")
    for file, text in {"hook": "http://127.0.0.1:1/x", "other": "ei_" + "0" * 60}.items():
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(0o600)
    with site_at(tmp_path, emulator, tables(option, row, row.was), listen=row.listens) as site:
        if table == "web":
            site.app.serve_page()
        if table == "notify":
            site.notify(PLAN)
        assert row.before == row.does(site)
        answer = site.reload(tables(option, row, f"{name} = {row.value}"))
        [applied] = answer["applied"]
        assert (applied.endswith(name), [], [], []) == (
            True,
            answer["waiting"],
            answer["overruled"],
            answer["warnings"],
        )
        assert row.after == row.does(site)
        assert {} == site.reload(site.options)["applied"]


def test_each_live_option_has_a_row() -> None:
    assert {f"{table}.{option}" for table, options in LIVE.items() for option in options} == set(ROWS)


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"upload": "max_rate = 1\nbatch_files = 1"}, "max_rate"),
        ({"watch": 'ignore = ["!"]\nlabel = "cat"'}, "gitignore patterns"),
        ({"notify": f'webhook_file = "missing"\n{SOON}'}, "missing cannot be read"),
        ({"target": 'api_key_file = "missing"'}, "missing: cannot be read"),
    ],
)
def test_a_configuration_with_faults_changes_nothing(
    tmp_path: Path, emulator: RunningEmulator, tables: dict[str, str], sentence: str
) -> None:
    with site_at(tmp_path, emulator, OFF) as site:
        before = site.app.settings
        site.notify(PLAN)
        with pytest.raises(ConfigurationError, match=sentence):
            site.reload({**OFF, "log": 'level = "error"', **tables})
        assert before is site.app.settings
        assert ("json", [], "wave", True) == (prints(site), site.told(60.0), label(site), key_is_accepted(site))
        assert "configuration.refused" in site.log.events()


def test_requests_under_way_end_as_they_began(tmp_path: Path, emulator: RunningEmulator) -> None:
    with site_at(tmp_path, emulator, {**OFF, "upload": "workers = 4\nbatch_files = 1"}) as site:
        names = [site.drop() for _ in range(9)]
        emulator.set_faults({"where": "ingestion", "kind": "latency", "seconds": 0.3})
        under_way = site.begin_upload()
        before = emulator.ledger()["duplicates_refused"]
        site.reload({**OFF, "upload": "workers = 1\nbatch_files = 9\ntimeout_s = 30.0", "watch": 'label = "cat"'})
        site.app.watcher.tick(clock.now())
        site.app.uploader.tick(clock.now())
        assert (4, 4) == (len(under_way), len(site.app.uploader._in_flight))  # none is cut, and none is added
        emulator.set_faults()
        site.end_upload()
        site.upload(*names)
        assert before == emulator.ledger()["duplicates_refused"]
        labels = {one: _of(site, one)["label"] for one in names}
        assert {"cat"} == {label for name, label in labels.items() if name not in under_way}
        assert not [state for state in site.app.uploader._states if state.flow_control.window > 1]


def test_files_that_wait_are_described_again_before_any_of_them_is_sent(
    tmp_path: Path, emulator: RunningEmulator
) -> None:
    with site_at(tmp_path, emulator, {**OFF, "upload": ONE_BY_ONE}) as site:
        names = [site.drop(f"{folder}/{time.time_ns()}.csv") for folder in "aabb"]
        under_way = site.begin_upload()
        site.reload({**OFF, "upload": ONE_BY_ONE, "watch": 'label = "cat"'})
        site.end_upload()  # before the watcher's next tick
        site.upload(*names)
        labels = {one: _of(site, one)["label"] for one in names if one not in under_way}
        assert (3, {"cat"}) == (len(labels), set(labels.values()))


def test_a_new_ignore_concerns_files_that_are_not_known_yet(tmp_path: Path, emulator: RunningEmulator) -> None:
    with site_at(tmp_path, emulator, OFF) as site:
        sent, waiting = site.drop(), site.drop()
        site.upload(sent)
        waiting = site.drop()
        site.watch()
        site.reload({**OFF, "watch": 'ignore = ["*.csv"]'})
        late = site.drop()
        assert ("synced", "ready", None) == (site.state_of(sent), site.state_of(waiting), site.state_of(late))


def test_a_reload_during_a_scan_and_twice_in_a_row_loses_no_file(tmp_path: Path, emulator: RunningEmulator) -> None:
    with site_at(tmp_path, emulator, OFF) as site:
        names = [site.drop(f"{number % 7}/{time.time_ns()}.csv") for number in range(300)]
        site.app.watcher.tick(clock.now())
        site.reload({**OFF, "watch": 'label = "cat"'})
        site.reload({**OFF, "watch": 'label = "dog"'})
        site.upload(*names[:3])
        found = {one["path"]: one for one in site.app.operations.answer({"do": "files"})}
        assert set(names) == set(found)
        assert {("synced", "dog")} == {(one["state"], one["label"]) for one in found.values()}


def test_a_pass_that_deletes_ends_when_it_may_delete_less(tmp_path: Path, emulator: RunningEmulator) -> None:
    more = {**OFF, "watch": TAKES}
    with site_at(tmp_path, emulator, {**more, "reconcile": "guard_percent = 100.0"}) as site:
        names = [site.drop() for _ in range(3)]
        site.upload(*names, site.drop(), site.drop())
        site.compare()
        for name in names:
            site.delete_sample(name)
        site.compare()  # the second listing without a sample counts
        assert site.app.reconciler is not None
        ticket = site.app.reconciler.ask_pass(sweeps=True)
        site.work(lambda: (site.app.reconciler is None or site.app.reconciler.tick(clock.now()) < 0.0) or _acts(site))
        site.reload({**more, "reconcile": "guard_count = 0"})
        site.work(lambda: site.app.reconciler is not None and site.app.reconciler.tick(clock.now()) > 0.0)
        [report] = site.app.reconciler.report(ticket) or [{}]
        left = [name for name in names if (site.recordings / name).exists()]
        assert (2, 1) == (len(left), report["done"])
        assert "put off: it would affect" in str(report["details"])


MIRRORS = {
    **OFF,
    "watch": 'on_local_delete = "delete"\nready = "marker"\nscan_interval_s = 3600.0',
    "reconcile": "guard_percent = 100.0",
}


def copied_elsewhere(site: Site) -> None:
    """A sent file was copied to where it waits for its marker, and then deleted, an hour ago."""
    for name in ("other.csv", "wave.csv"):
        site.drop(f"{name}.done", b"")
        site.drop(name)
    site.upload("other.csv", "wave.csv")
    site.compare()
    site.drop("copy/wave.csv", (site.recordings / "wave.csv").read_bytes())
    os.unlink(site.recordings / "wave.csv")
    site.watch()
    site.watch()
    with site.app._database.transaction() as connection:
        connection.execute("update file set absent_at = absent_at - 3600.0")


def begins_anew(site: Site) -> None:
    """A folder of which one tick scans only a part, so that the pass comes before the copy is found again."""
    site.reload({**MIRRORS, "watch": f'{MIRRORS["watch"]}\nlabel = "cat"'})
    site.app.watcher.tick(clock.now())


def starts_anew(site: Site) -> None:
    site.app.watcher.stop(clock.now())
    site.app.close()
    site.app = build(site.read(site.options), log=site.log, listen=False)


@pytest.mark.parametrize("begins", [begins_anew, starts_anew])
def test_no_sample_is_deleted_while_its_content_is_not_found_again_yet(
    tmp_path: Path, emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, begins: Callable[[Site], None]
) -> None:
    with site_at(tmp_path, emulator, MIRRORS) as site:
        copied_elsewhere(site)
        monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 1)
        begins(site)
        report = site.compare()
        assert (0, 0) == (report["done"], report["waiting"])
        assert "a file with the same content exists" in str(report["details"])


def _acts(site: Site) -> bool:
    """Whether a file of ours is gone from its folder: the pass is in the middle of its removals."""
    return len([one for one in site.recordings.iterdir() if one.suffix == ".csv"]) < 5


def test_the_heartbeat_allows_for_the_longest_wait_of_the_run(tmp_path: Path, emulator: RunningEmulator) -> None:
    with site_at(tmp_path, emulator, OFF) as site:
        before = site.app._awaits_s()
        site.reload({**OFF, "upload": "timeout_s = 600.0"})
        longest = site.app._awaits_s()
        site.reload(OFF)
        assert (3 * 70.0, 3 * 610.0, longest) == (before, longest, site.app._awaits_s())
