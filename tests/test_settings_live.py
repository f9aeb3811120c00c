"""Options that may change while eisync runs are applied, each of them; the others are named."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.app.machine import App, build
from eisync.app.reloading import Reloading
from eisync.core.rate_limit import read_quiet_hours
from eisync.errors import ConfigurationError
from eisync.log import Threshold
from eisync.settings import LabelFlags, Settings, load
from eisync.settings.live import LIVE, changes
from tests.canary import CANARY
from tests.fakes import Notebook

BASE = '[[watch]]\npath = "recordings"\n'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "recordings").mkdir()
    return tmp_path


def read(place: Path, text: str) -> Settings:
    (place / "eisync.toml").write_text(text)
    return load(
        config=str(place / "eisync.toml"),
        state_dir=str(place / "state"),
        labels=LabelFlags(),
        environ={"EI_API_KEY": CANARY, "HOME": str(place)},
        cwd=str(place),
    )


@pytest.fixture
def app(place: Path) -> Iterator[App]:
    app = build(read(place, BASE), log=Notebook(), listen=False)
    yield app
    app.close()


@pytest.fixture
def threshold() -> Threshold:
    return Threshold("info")


NEW: dict[str, Any] = {
    "upload.order": "newest",
    "upload.max_rate": 5_000,
    "upload.quiet_hours": "01:00-02:00",
    "upload.drain_timeout_s": 3.5,
    "reconcile.interval_s": 20.0,
    "reconcile.sweep_interval_s": 100.0,
    "reconcile.page_size": 7,
    "log.level": "error",
}


def effective(app: App, threshold: Threshold, option: str) -> object:
    """Return what the running parts use."""
    assert app.reconciler is not None
    [project] = app.reconciler._projects
    found: dict[str, object] = {
        "upload.order": app.uploader._claims._rules.order().value,
        "log.level": logging.getLevelName(threshold._least).lower(),
        "upload.max_rate": app._throttle._bucket and app._throttle._bucket.rate,
        "upload.quiet_hours": str(app._quiet_hours),
        "upload.drain_timeout_s": app.settings.upload.drain_timeout_s,
        "reconcile.interval_s": project.interval_s,
        "reconcile.sweep_interval_s": project.sweep_interval_s,
        "reconcile.page_size": project.page_size,
    }
    return found[option]


@pytest.mark.parametrize("option", [f"{table}.{option}" for table, options in LIVE.items() for option in options])
def test_a_live_option_is_applied_at_once(app: App, threshold: Threshold, place: Path, option: str) -> None:
    table, name = option.split(".")
    text = f'"{NEW[option]}"' if isinstance(NEW[option], str) else NEW[option]
    reloading = Reloading(app, lambda: read(place, f"{BASE}[{table}]\n{name} = {text}\n"), threshold)
    assert {"applied": {option: NEW[option]}, "waiting": [], "warnings": []} == reloading.reload()
    assert NEW[option] == effective(app, threshold, option)
    assert {"applied": {}, "waiting": [], "warnings": []} == reloading.reload()
    read(place, BASE)
    Reloading(app, lambda: read(place, BASE), threshold).reload()
    assert NEW[option] != effective(app, threshold, option)


def test_a_configuration_with_faults_changes_nothing(app: App, threshold: Threshold, place: Path) -> None:
    before = app.settings
    text = f"{BASE}[upload]\nmax_rate = 1\ndrain_timeout_s = 1.0\n"
    with pytest.raises(ConfigurationError, match="max_rate"):
        Reloading(app, lambda: read(place, text), threshold).reload()
    assert before is app.settings


@pytest.mark.parametrize(
    ("text", "waiting"),
    [
        (f"{BASE}[upload]\nworkers = 3\nmax_rate = 9000\n", ["upload.workers"]),
        (f"{BASE}[log]\nformat = \"json\"\n", ["log.format"]),
        (f"{BASE}label = \"none\"\n", ["watch {place}/recordings: label"]),
        (f"{BASE}[[watch]]\npath = \"more\"\n", ["watch {place}/more (added)"]),
        ('[[watch]]\npath = "more"\n', ["watch {place}/recordings (removed)", "watch {place}/more (added)"]),
        (
            f'{BASE}[[target]]\nname = "lab"\n',
            ["target main (removed)", "target lab (added)", "watch {place}/recordings: target"],
        ),
        (f'{BASE}[[target]]\nstudio_url = "https://x.org"\n', ["target main: studio_url"]),
    ],
)  # fmt: skip
def test_what_waits_for_a_restart_is_named(place: Path, text: str, waiting: list[str]) -> None:
    (place / "more").mkdir()
    found = changes(read(place, BASE), read(place, text))
    assert [one.format(place=place) for one in waiting] == list(found.waiting)
    assert read_quiet_hours("") == found.settings.upload.quiet_hours
