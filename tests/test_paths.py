"""Where the configuration and the state are looked for, in which order."""

import json
import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from eisync import paths
from eisync.errors import ConfigurationError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and below it everything else that these tests look at, /etc too."""
    monkeypatch.setattr(paths, "SYSTEM_FILE", str(tmp_path / "etc/eisync.toml"))
    monkeypatch.setattr(paths, "SYSTEM_STATE", str(tmp_path / "var/lib"))
    (tmp_path / "work").mkdir()
    return tmp_path


def _write(path: Path, text: str = "") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def _config(home: Path, explicit: str | None = None, **environ: str) -> str | None:
    return paths.config_file(
        explicit,
        environ={"HOME": str(home), **environ},
        cwd=str(home / "work"),
    )


def test_the_first_configuration_file_of_the_list_is_taken(home: Path) -> None:
    every = [
        _write(home / "explicit.toml"),
        _write(home / "variable.toml"),
        _write(home / "work/eisync.toml"),
        _write(home / ".config/eisync/eisync.toml"),
        _write(home / "etc/eisync.toml"),
    ]
    found = [_config(home, explicit=every[0], EISYNC_CONFIG=every[1]), _config(home, EISYNC_CONFIG=every[1])]
    for path in every[2:]:
        found.append(_config(home))
        Path(path).unlink()
    assert every == found
    assert _config(home) is None


def test_relative_and_home_paths_are_made_absolute(home: Path) -> None:
    here, there = _write(home / "work/a.toml"), _write(home / "b.toml")
    assert [here, there] == [_config(home, "a.toml"), _config(home, "~/b.toml")]


@pytest.mark.parametrize(
    ("explicit", "variable", "giver"), [("x.toml", "", "--config"), (None, "x.toml", "EISYNC_CONFIG")]
)
def test_a_configuration_file_that_was_named_must_be_there(
    home: Path, explicit: str | None, variable: str, giver: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _config(home, explicit, EISYNC_CONFIG=variable)
    assert f"{giver}: there is no file {home}/work/x.toml: create it, or name another" == str(caught.value)


STATE_CASES: list[tuple[str | None, dict[str, str], str, str]] = [
    ("flag", {"EISYNC_STATE_DIR": "variable"}, "[state]\ndir='toml'", "work/flag"),
    (None, {"EISYNC_STATE_DIR": "variable", "STATE_DIRECTORY": "/x"}, "[state]\ndir='toml'", "work/variable"),
    (None, {"EISYNC_STATE__DIR": "nested", "STATE_DIRECTORY": "/x"}, "[state]\ndir='toml'", "work/nested"),
    (None, {"STATE_DIRECTORY": "/x"}, "[state]\ndir='toml'", "etc/toml"),
    (None, {"STATE_DIRECTORY": "/x"}, "[state]\ndir='~/toml'", "toml"),
    (None, {"STATE_DIRECTORY": "/x:/y", "EISYNC_STATE_DIR": ""}, "", "/x"),
    (None, {"XDG_STATE_HOME": "/xdg"}, "", "/xdg/eisync"),
    (None, {}, "[log]\nlevel='info'", ".local/state/eisync"),
]


@pytest.mark.parametrize(("flag", "environ", "text", "expected"), STATE_CASES)
def test_the_first_state_folder_of_the_list_is_taken(
    home: Path, flag: str | None, environ: dict[str, str], text: str, expected: str
) -> None:
    config = _write(home / "etc/eisync.toml", text)
    found = paths.state_dir(flag, config=config, environ={"HOME": str(home), **environ}, cwd=str(home / "work"))
    assert str(home / expected) == found


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("etc/eisync.toml", "var/lib/eisync"),
        ("etc/lab.toml", "var/lib/eisync-lab"),
        ("etc/new.toml", ".local/state/eisync"),  # its unit never ran
        ("work/eisync.toml", ".local/state/eisync"),
    ],
)
def test_the_state_of_a_units_configuration_is_where_the_unit_has_it(home: Path, file: str, expected: str) -> None:
    for name in ("eisync", "eisync-lab"):
        (home / "var/lib" / name).mkdir(parents=True)
    config = _write(home / file)
    found = paths.state_dir(config=config, environ={"HOME": str(home)}, cwd=str(home / "work"))
    assert str(home / expected) == found


def test_a_state_folder_that_is_no_text_is_a_fault(home: Path) -> None:
    config = _write(home / "eisync.toml", "[state]\ndir = 5\n")
    with pytest.raises(ConfigurationError) as caught:
        paths.state_dir(config=config, environ={}, cwd=str(home))
    assert str(caught.value) == "eisync.toml: state.dir: must be a path in quotes"


def test_the_folders_of_the_user_are_those_of_platformdirs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for environ in (
        {"HOME": str(home)},
        {"HOME": str(home), "XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": str(home / "c")},
    ):
        for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        config = _write(Path(platformdirs.user_config_dir("eisync", appauthor=False)) / "eisync.toml")
        assert config == paths.config_file(environ=environ, cwd="/")
        assert platformdirs.user_state_dir("eisync", appauthor=False) == paths.state_dir(environ=environ, cwd="/")


# tomllib's own words, after the colon, are not the same in every Python.
SYNTAX_CASES: list[tuple[bytes, str]] = [
    (b"a = 1\nb = ]\n", "eisync.toml:2: this is not TOML: "),
    (b"a = 1\n[upload\nb = 2\n", "eisync.toml:2: this is not TOML: "),
    (b"a = 1\nb = [", "eisync.toml:2: this is not TOML: "),
    (b"a = 1\r\na = 2\r\n", "eisync.toml:2: this key was given before"),
    (b"a = 1\nb = '\xff'\n", "eisync.toml:2: is not UTF-8: save the file in that encoding"),
    (b"a = " + b"[" * 3000, "eisync.toml"),
]


@pytest.mark.parametrize(("raw", "expected"), SYNTAX_CASES)
def test_a_file_that_is_not_toml_is_named_with_its_line(home: Path, raw: bytes, expected: str) -> None:
    path = home / "eisync.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigurationError) as caught:
        paths.read_toml(str(path), cwd=str(home))
    assert str(caught.value).startswith(expected)


def test_a_folder_is_not_a_file(home: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^work: cannot be read: Is a directory$"):
        paths.read_toml(str(home / "work"), cwd=str(home))


def test_a_file_that_notepad_wrote_is_read(home: Path) -> None:
    path = home / "eisync.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert paths.read_toml(str(path)) == ({"a": 1}, "a = 1\n")


def test_a_file_below_the_current_folder_is_shown_relative_to_it() -> None:
    cases = [("/a/b/c.toml", "b/c.toml"), ("/ab/c.toml", "/ab/c.toml"), ("/c.toml", "/c.toml")]
    assert [shown for _, shown in cases] == [paths.shown(path, cwd="/a") for path, _ in cases]
    assert "/etc/eisync/eisync.toml" == paths.shown("/etc/eisync/eisync.toml", cwd="/")  # where systemd starts programs


def test_looking_at_places_is_cheap(home: Path) -> None:
    """Under 30 ms of a core beside `typing` (which every command loads), and nothing heavy is imported on the way."""
    config = _write(home / "eisync.toml", "[state]\ndir = 'state'\n")
    program = (
        "import json, sys, time, typing; start = time.process_time()\n"
        "from eisync import paths as places; places.state_dir(config=sys.argv[1])\n"
        "print(json.dumps([time.process_time() - start, sorted(sys.modules)]))"
    )
    runs = []
    for _ in range(3):
        environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
        done = subprocess.run([sys.executable, "-c", program, config], env=environ, capture_output=True, check=True)
        runs.append(json.loads(done.stdout))
    assert {"pydantic", "platformdirs", "pathlib"}.isdisjoint(runs[0][1])
    assert min(seconds for seconds, _ in runs) < 0.03


def test_an_eisync_of_ours_gets_nothing_of_the_persons_configuration() -> None:
    environ = {"EI_API_KEY": "x", "EI_HOST": "y", "EISYNC_CONFIG": "z", "PATH": "/bin", "HOME": "/home/p"}
    assert {"PATH": "/bin", "HOME": "/home/p"} == paths.unconfigured(environ)


def test_the_journal_is_the_very_file_that_systemd_names(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file, (tmp_path / "b").open("wb") as other:
        facts = os.fstat(file.fileno())
        named = {"JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"}
        assert [True, False] == [paths.is_journal(one.fileno(), named) for one in (file, other)]
        for text in ("", "1", "a:b", f"{facts.st_dev}"):
            assert not paths.is_journal(file.fileno(), {"JOURNAL_STREAM": text})
    assert not paths.is_journal(99_999, named)


@pytest.mark.skipif(sys.platform == "win32", reason="SQLite asks Windows there")
@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SQLITE_TMPDIR": "{home}/a", "TMPDIR": "{home}/b"}, "{home}/a"),
        ({"SQLITE_TMPDIR": "{home}/missing", "TMPDIR": "{home}/b"}, "{home}/b"),
        ({"TEMP": "{home}/a"}, "/var/tmp"),
    ],
)
def test_temporary_files_are_where_sqlite_keeps_them(tmp_path: Path, environ: dict[str, str], expected: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    found = paths.sqlite_temporary({name: place.format(home=tmp_path) for name, place in environ.items()})
    assert expected.format(home=tmp_path) == found
