"""`eisync config check` shows the effective configuration, `eisync config schema` the allowed one."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from eisync import paths
from eisync.cli.config import command
from eisync.errors import ConfigurationError, DaemonUnreachableError
from eisync.settings import json_schema, keys
from tests.canary import CANARY


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with recordings and a key, and without the environment of this process."""
    for name in os.environ:
        if name.startswith(("EISYNC_", "EI_", "CREDENTIALS_", "STATE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EI_API_KEY", CANARY)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(paths, "SYSTEM_FILE", str(tmp_path / "etc/eisync.toml"))
    monkeypatch.setattr(keys, "SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "key").write_text(CANARY)
    (tmp_path / "key").chmod(0o600)
    return tmp_path


def test_check_shows_the_effective_configuration(site: Path) -> None:
    (site / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nlabel = "none"\ncategory = "testing"\n')
    result = CliRunner().invoke(command, ["check", "--api-key-file", "key"], catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [
        f"Configuration file: {site}/eisync.toml",
        "Target main",
        "  Studio     https://studio.edgeimpulse.com/v1",
        "  ingestion  https://ingestion.edgeimpulse.com",
        f"  API key    file {site}/key",
        f"Folder {site}/recordings",
        "  target     main",
        "  label      no label",
        "  category   testing",
        "  complete   after 2 s without a change",
        f"State folder: {site}/state/eisync",
        "The configuration is fine.",
    ] == result.stdout.splitlines()


def test_check_accepts_the_arguments_of_run(site: Path) -> None:
    (site / "my.toml").write_text("[upload]\nworkers = 7\n")
    arguments = ["check", "recordings", "--config", "my.toml", "--state-dir", "here", "--json"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    effective = json.loads(result.stdout)
    assert (7, f"{site}/here", f"{site}/recordings", {"main": "environment variable EI_API_KEY"}) == (
        effective["upload"]["workers"],
        effective["state"]["dir"],
        effective["watches"][0]["path"],
        effective["api_keys"],
    )


@pytest.mark.parametrize("arguments", [["check", "recordings"], ["check", "recordings", "--json"]])
def test_check_prints_no_key(site: Path, arguments: list[str]) -> None:
    (site / "eisync.toml").write_text(f'[[target]]\napi_key = "{CANARY}"\n')
    (site / "eisync.toml").chmod(0o600)
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert (result.exit_code, CANARY in result.output) == (0, False)


def test_check_warns_on_stderr(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EI_API_ENDPOINT", "http://studio.lan/v1")
    result = CliRunner().invoke(command, ["check", "recordings"], catch_exceptions=False)
    assert (
        result.stderr
        == "warning: target main: http://studio.lan/v1 sends the API key and the files unencrypted: use https\n"
    )


def test_check_reports_every_error(site: Path) -> None:
    (site / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nlabl = "x"\n[upload]\nworkers = 0\n')
    result = CliRunner().invoke(command, ["check"])
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.faults == (
        'eisync.toml:3: watch[0].labl: unknown key (did you mean "label"?)',
        "eisync.toml:5: upload.workers: must be at least 1",
    )
    assert result.exception.exit_code == 78


def test_schema_is_printed(site: Path) -> None:
    assert json_schema() == json.loads(CliRunner().invoke(command, ["schema"], catch_exceptions=False).stdout)


def test_check_tries_the_rules_on_the_files_that_are_there(site: Path) -> None:
    (site / "eisync.toml").write_text(
        '[[watch]]\npath = "recordings"\nignore = ["old"]\n'
        "[[watch.rule]]\npattern = '(?P<label>[a-z]+)_(?P<take>\\d+)'\n"
        '[[watch.rule]]\nmatch = "gym/"\nlabel = "folder"\n'
        '[[watch.rule]]\nmatch = "old/"\nlabel = "x"\n'
    )
    for name in ("gym/squat_1.csv", "squat_2.csv", "README.txt", "old/lunge_3.csv"):
        (site / "recordings" / name).parent.mkdir(exist_ok=True)
        (site / "recordings" / name).write_text("a\n1\n")
    result = CliRunner().invoke(command, ["check"], catch_exceptions=False)
    assert 0 == result.exit_code
    assert [
        f"warning: {site}/recordings: rule 3 fits none of the 2 files that are there",
        f"warning: {site}/recordings: rules 1 and 2 say different labels of gym/squat_1.csv: 'squat' and 'gym'; the "
        "first rule wins",
    ] == result.stderr.splitlines()
    assert "  rules      3 rules, tried on 2 files" in result.stdout.splitlines()


def test_check_ends_soon_in_a_large_folder(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eisync.cli.config.MAX_TRIED", 3)
    (site / "eisync.toml").write_text('[[watch]]\npath = "recordings"\n[[watch.rule]]\nlabel = "x"\n')
    for number in range(9):
        (site / f"recordings/a.{number}.csv").write_text("a\n1\n")
    result = CliRunner().invoke(command, ["check"], catch_exceptions=False)
    assert "  rules      1 rule, tried on 3 files" in result.stdout.splitlines()


def test_every_option_is_shown_with_its_origin(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "eisync.toml").write_text(
        '[[watch]]\npath = "recordings"\n\n[upload]\nworkers = 7\nquiet_hours = "1:00-2:00"\n'
    )
    monkeypatch.setenv("EISYNC_RECONCILE__INTERVAL_S", "9")
    monkeypatch.setenv("EI_HOST", "127.0.0.1")
    arguments = ["show", "--origin", "--state-dir", "here", "--api-key-file", "key"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert (0, "") == (result.exit_code, result.stderr)
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert {
        f"[[watch]] {site}/recordings",
        f'path = "{site}/recordings" # eisync.toml:2',
        'label = "infer" # default',
        "workers = 7 # eisync.toml:5",
        'quiet_hours = "01:00-02:00" # eisync.toml:6',
        "interval_s = 9.0 # EISYNC_RECONCILE__INTERVAL_S",
        'studio_url = "http://127.0.0.1:4800/v1" # EI_HOST',
        f'api_key = "(set, not shown)" # file {site}/key',
        f'dir = "{site}/here" # --state-dir',
        "group = (not set) # default",
    } <= set(lines)
    assert CANARY not in result.stdout
    records = CliRunner().invoke(command, ["show", "--json"], catch_exceptions=False).stdout.splitlines()
    shown = {(one["table"], one["option"]): (one["value"], one["origin"]) for one in map(json.loads, records)}
    assert (7, "eisync.toml:5") == shown["[upload]", "workers"]
    assert ("(set, not shown)", "environment variable EI_API_KEY") == shown["[[target]] main", "api_key"]


def test_options_are_shown_without_a_key(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EI_API_KEY", raising=False)
    result = CliRunner().invoke(command, ["show", "--origin"], catch_exceptions=False)
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "api_key = (not set) # none can be read: 'eisync config check' says why" in lines
    assert 0 == result.exit_code


@pytest.mark.parametrize(
    ("environ", "origin"),
    [
        ({"EISYNC_STATE_DIR": "s", "STATE_DIRECTORY": "/x"}, "EISYNC_STATE_DIR"),
        ({"EISYNC_STATE__DIR": "s"}, "EISYNC_STATE__DIR"),
        ({"STATE_DIRECTORY": "/x"}, "STATE_DIRECTORY"),
        ({}, "default"),
    ],
)
def test_the_state_folder_has_an_origin(
    site: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], origin: str
) -> None:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    shown = CliRunner().invoke(command, ["show", "--json"], catch_exceptions=False).stdout.splitlines()
    assert [origin] == [one["origin"] for one in map(json.loads, shown) if one["option"] == "dir"]


def test_a_daemon_that_does_not_run_is_not_asked_to_reload(site: Path) -> None:
    with pytest.raises(DaemonUnreachableError, match="no daemon runs on this state folder; the next start reads"):
        CliRunner().invoke(command, ["reload"], catch_exceptions=False)
