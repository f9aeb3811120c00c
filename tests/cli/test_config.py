"""`eisync config check` shows the effective configuration, `eisync config schema` the allowed one."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from eisync import paths
from eisync.cli.config import command
from eisync.errors import ConfigurationError
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
