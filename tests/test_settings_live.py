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
    place: Path, text: str, *, labels: LabelFlags | None = None, dirs: Iterable[str] = (), **environ: str
) -> Settings:
    (place / "eisync.toml").write_text(text)
    (place / "eisync.toml").chmod(0o600)
    return load(
        config=str(place / "eisync.toml"),
        state_dir=str(place / "state"),
        dirs=[str(place / name) for name in dirs],
        labels=labels or LabelFlags(),
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
