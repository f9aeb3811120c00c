"""The command line as a whole: help for every command, names that scripts rely on, exit codes of errors."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from eisync import cli
from eisync.cli import VERBS, group

HEAVY = {"pydantic", "requests", "watchdog", "sqlite_utils", "structlog", "aiohttp"}
GROUPS = {
    "config": ("check", "reload", "schema", "show"),
    "db": ("backup", "check", "vacuum"),
    "service": ("install", "status", "uninstall"),
}
LEAVES = [(verb,) for verb in VERBS if verb not in GROUPS] + [
    (verb, name) for verb, names in GROUPS.items() for name in names
]


@pytest.mark.parametrize("path", [(), *((verb,) for verb in GROUPS), *LEAVES], ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(group, [*path, "--help"])
    assert 0 == done.exit_code
    assert "Usage: " in done.output


def command_at(path: tuple[str, ...]) -> click.Command:
    command: click.Command = group
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    return command


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_takes_config_and_state_dir(path: tuple[str, ...]) -> None:
    names = {option for parameter in command_at(path).params for option in parameter.opts}
    assert {"--config", "--state-dir"} <= names


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_no_command_takes_a_key_on_its_line(path: tuple[str, ...]) -> None:
    names = {option for parameter in command_at(path).params for option in parameter.opts}
    # The emulator's key is valid for the emulator only.
    assert path == ("emulator",) or not names & {"--api-key", "--key"}


def test_help_loads_no_verb() -> None:
    script = (
        "import sys; from eisync.cli import group; group.main(['--help'], standalone_mode=False);"
        f"heavy = {HEAVY | {'sqlite3'}} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (0, "") == (done.returncode, done.stderr)


def test_status_loads_nothing_heavy() -> None:
    script = (
        "import sys; from eisync.cli import group\n"
        "group.main(['status', '--state-dir', sys.argv[1]], standalone_mode=False)\n"
        f"heavy = {HEAVY | {'tomllib'}} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "nowhere"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_once_and_run_import_neither_pandas_nor_sqlite_utils_in_a_new_state_folder(tmp_path: Path) -> None:
    (tmp_path / "eisync.toml").write_text(f'[[watch]]\npath = "{tmp_path}"\n')
    script = (
        "import importlib.util, sys\n"
        "import eisync.cli.once, eisync.cli.run\n"
        "from eisync.app.machine import build; from eisync.log import configure; from eisync.settings import load\n"
        "settings = load(config=sys.argv[1] + '/eisync.toml', state_dir=sys.argv[1] + '/state')\n"
        "build(settings, log=configure(), listen=False).close()\n"
        "heavy = {'numpy', 'pandas', 'sqlite_utils', 'aiohttp', 'waitress', 'rich', 'distributed'} & set(sys.modules)\n"
        "assert importlib.util.find_spec('pandas') and importlib.util.find_spec('rich')\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "EI_API_KEY": "ei_" + "0" * 64},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_an_unexpected_error_ends_with_1_and_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("the unforeseen")

    monkeypatch.setattr(cli.group, "main", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert 1 == ended.value.code
    assert "unexpected error" in capsys.readouterr().err


def test_the_module_runs_as_the_script_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eisync", "--version"], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.startswith("eisync ")
