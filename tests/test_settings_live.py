"""What a configuration that was read again changes at once, and what waits for a restart, with why."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from eisync.core.rate_limit import read_quiet_hours
from eisync.settings import LabelFlags, Settings, load
from eisync.settings.live import LIVE, RESTART, changes
from eisync.settings.models import TABLES
from tests.canary import CANARY

BASE = '[[watch]]\npath = "recordings"\n'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("recordings", "more", "archive"):
        (tmp_path / name).mkdir()
    return tmp_path


def read(
    place: Path,
    text: str,
    *,
    labels: LabelFlags | None = None,
    dirs: Iterable[str] = (),
    scheduler: str | None = None,
    **environ: str,
) -> Settings:
    (place / "eisync.toml").write_text(text)
    (place / "eisync.toml").chmod(0o600)
    return load(
        config=str(place / "eisync.toml"),
        state_dir=str(place / "state"),
        dirs=[str(place / name) for name in dirs],
        labels=labels or LabelFlags(),
        scheduler=scheduler,
        environ={"EI_API_KEY": CANARY, "HOME": str(place), **environ},
        cwd=str(place),
    )


def named(options: Mapping[str, Iterable[str]]) -> list[str]:
    return sorted(f"{table}.{option}" for table, found in options.items() for option in found)


def test_every_option_is_live_or_has_a_reason() -> None:
    every = named({table: model.model_fields for table, model in TABLES.items()})
    assert every == sorted([*named(LIVE), *named(RESTART)])
    for reason in (why for options in RESTART.values() for why in options.values()):
        assert (True, False) == (len(reason.split()) > 4, reason.endswith("."))  # a clause: it follows a colon


@pytest.mark.parametrize(
    ("text", "applied", "waiting"),
    [
        (f"{BASE}[upload]\nworkers = 3\nallow_duplicates = true\n", ["upload.workers"], ["upload.allow_duplicates"]),
        (f'{BASE}label = "none"\n', ["watch {place}/recordings: label"], []),
        (f'{BASE}[[watch]]\npath = "more"\n', [], ["watch {place}/more (added)"]),
        ('[[watch]]\npath = "more"\n', [], ["watch {place}/recordings (removed)", "watch {place}/more (added)"]),
        (
            f'{BASE}[[target]]\nname = "lab"\n',
            [],
            ["target main (removed)", "target lab (added)", "watch {place}/recordings: target"],
        ),
        (f'{BASE}[[target]]\nstudio_url = "https://x.org"\n', [], ["target main: studio_url"]),
        (f"{BASE}[reconcile]\nenabled = false\npage_size = 7\n", ["reconcile.page_size"], ["reconcile.enabled"]),
    ],
)  # fmt: skip
def test_what_waits_for_a_restart_is_named_with_its_reason(
    place: Path, text: str, applied: list[str], waiting: list[str]
) -> None:
    found = changes(read(place, BASE), read(place, text))
    assert [one.format(place=place) for one in applied] == list(found.applied)
    assert [one.format(place=place) for one in waiting] == list(found.waiting)
    assert all(found.waiting.values())
    assert read_quiet_hours("") == found.settings.upload.quiet_hours


def test_what_waits_keeps_its_value_and_what_applies_does_not(place: Path) -> None:
    before = read(place, f"{BASE}[upload]\nworkers = 2\n")
    found = changes(before, read(place, f"{BASE}[upload]\nworkers = 3\nallow_duplicates = true\n"))
    assert (3, False) == (found.settings.upload.workers, found.settings.upload.allow_duplicates)
    assert not changes(found.settings, found.settings).applied


def test_nothing_is_deleted_before_the_comparison_that_it_needs_is_on(place: Path) -> None:
    before = read(place, f"{BASE}[reconcile]\nenabled = false\n")
    after = read(place, f'{BASE}on_local_delete = "delete"\ngrace_s = 5.0\n')
    found = changes(before, after)
    path = f"watch {place}/recordings"
    assert [f"{path}: grace_s"] == list(found.applied)
    assert "it needs reconcile.enabled, which waits" == found.waiting[f"{path}: on_local_delete"]
    assert "keep" == found.settings.watches[0].on_local_delete


def test_no_file_is_moved_into_a_folder_that_is_still_watched(place: Path) -> None:
    before = read(place, f'{BASE}[[watch]]\npath = "archive"\n')
    after = read(place, f'{BASE}after_upload = "archive:archive"\n')
    found = changes(before, after)
    assert [f"watch {place}/archive (removed)", f"watch {place}/recordings: after_upload"] == sorted(found.waiting)
    assert "keep" == str(found.settings.watches[0].after_upload)


@pytest.mark.parametrize("before", ["keep", "delete"])
def test_what_is_meant_for_an_archive_that_waits_deletes_nothing_meanwhile(place: Path, before: str) -> None:
    more = '[[watch]]\npath = "archive"\n'
    old = read(place, f'{BASE}after_upload = "{before}"\ngrace_s = 9000.0\n{more}')
    new = read(place, f'{BASE}after_upload = "archive:archive"\ngrace_s = 0.0\nmin_free = "90%"\n')
    found = changes(old, new)
    waiting = {option.rpartition(" ")[2] for option in found.waiting}
    assert {"after_upload", "grace_s", "min_free"} <= waiting
    assert old.watches[0].retention == found.settings.watches[0].retention


def test_what_saves_files_applies_beside_an_archive_that_waits(place: Path) -> None:
    more = '[[watch]]\npath = "archive"\n'
    old = read(place, f'{BASE}after_upload = "delete"\ngrace_s = 5.0\nmin_free = "90%"\n{more}')
    new = read(place, f'{BASE}after_upload = "archive:archive"\ngrace_s = 9000.0\n')
    [watch, _] = changes(old, new).settings.watches
    assert ("delete", 9000.0, "0") == (str(watch.after_upload), watch.grace_s, str(watch.min_free))


TWO = """[[target]]
name = "lab"
api_key = "ei_{one}"
[[target]]
name = "field"
api_key = "ei_{two}"
""".format(one="1" * 60, two="2" * 60)


@pytest.mark.parametrize(
    "takes",
    [
        'on_change = "replace"',
        'on_local_delete = "delete"',
        'on_remote_delete = "delete"',
        'after_upload = "delete"',
        'min_free = "90%"',
    ],
)
def test_what_is_meant_for_another_project_is_not_done_to_this_one(place: Path, takes: str) -> None:
    before = read(place, f'{BASE}target = "lab"\n{TWO}')
    found = changes(before, read(place, f'{BASE}target = "field"\n{takes}\n{TWO}'))
    option = takes.partition(" ")[0]
    path = f"watch {place}/recordings"
    assert {f"{path}: target", f"{path}: {option}"} == set(found.waiting)
    assert not found.applied
    assert before.watches == found.settings.watches


def test_what_takes_nothing_any_more_applies_at_once_beside_another_project(place: Path) -> None:
    before = read(place, f'{BASE}target = "lab"\nafter_upload = "delete"\n{TWO}')
    found = changes(before, read(place, f'{BASE}target = "field"\n{TWO}'))
    assert ("lab", "keep") == (found.settings.watches[0].target, str(found.settings.watches[0].after_upload))


@pytest.mark.parametrize("address", ["studio_url", "ingestion_url"])
def test_a_key_is_never_sent_to_an_address_that_it_is_not_for(place: Path, address: str) -> None:
    old, new = (f'{BASE}[[target]]\napi_key = "ei_{digit * 60}"\n' for digit in "12")
    before = read(place, old, EI_API_KEY="")
    after = read(place, f'{new}{address} = "https://other.example"\ntrust = "system"\n', EI_API_KEY="")
    found = changes(before, after)
    assert {f"target main: {option}" for option in ("api_key", "trust", address)} == set(found.waiting)
    assert not found.applied
    assert before.keys["main"] is found.settings.keys["main"]
    assert "bundled" == found.settings.targets[0].trust


def test_no_secret_is_shown(place: Path) -> None:
    key = "ei_" + "7" * 60
    text = f'{BASE}[[target]]\napi_key = "{key}"\n[notify]\nwebhook = "https://x.org/{key}"\ncommand = ["a", "{key}"]\n'
    found = changes(read(place, BASE), read(place, text))
    assert {"target main: api_key", "notify.webhook", "notify.command"} == set(found.applied)
    assert key not in repr(found.applied)


@pytest.mark.parametrize(
    ("text", "more", "overruled"),
    [
        (f"{BASE}[log]\nlevel = \"info\"\n", {"EISYNC_LOG__LEVEL": "debug"}, {"log.level": "EISYNC_LOG__LEVEL"}),
        (f"{BASE}[log]\nlevel = \"info\"\n", {}, {}),
        (f'{BASE}[state]\ndir = "other"\n', {}, {"state.dir": "--state-dir"}),
        (
            f'{BASE}[[target]]\nstudio_url = "https://x.org"\n',
            {"EI_API_ENDPOINT": "https://y.org"},
            {"target main: studio_url": "EI_API_ENDPOINT"},
        ),
        (
            f'{BASE}[[target]]\napi_key = "{"ei_" + "7" * 60}"\n',
            {},
            {"target main: api_key": "environment variable EI_API_KEY"},
        ),
        (
            f'{BASE}label = "dog"\n',
            {"labels": LabelFlags(label="cat"), "dirs": ["recordings"]},
            {"watch {place}/recordings: label": "--label"},
        ),
        (
            f'{BASE}[upload]\nscheduler = "tcp://one:8786"\n',
            {"scheduler": "tcp://two:8786"},
            {"upload.scheduler": "--scheduler"},
        ),
        (
            f'{BASE}[[watch]]\npath = "more"\n',
            {"dirs": ["recordings"]},
            {"watch {place}/more": "the folders of the command line"},
        ),
    ],
)  # fmt: skip
def test_options_of_the_file_that_something_else_overrules_are_named(
    place: Path, text: str, more: dict[str, object], overruled: dict[str, str]
) -> None:
    found = read(place, text, **more)  # type: ignore[arg-type]
    assert {name.format(place=place): by for name, by in overruled.items()} == found.overruled
