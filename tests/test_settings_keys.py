"""A key is found in the documented order, read again each time, and never shown."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from eisync.core.api_key import ODD
from eisync.errors import ConfigurationError
from eisync.settings import KeySource, Target, find_key, keys
from tests.canary import CANARY


def _key_file(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


@pytest.fixture(autouse=True)
def secrets_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Return a folder that replaces /run/secrets, which this machine may have."""
    monkeypatch.setattr(keys, "SECRETS_DIR", str(tmp_path / "secrets"))


def test_the_first_place_with_a_key_is_used(tmp_path: Path) -> None:
    """Empty each place after it was found. With several targets, the target's own place comes first."""
    flag = _key_file(tmp_path / "flag", "a")
    variable = _key_file(tmp_path / "variable", "b")
    credential = _key_file(tmp_path / "credentials/api_key", "c")
    secret = _key_file(tmp_path / "secrets/ei_api_key", "d")
    own = _key_file(tmp_path / "own", "e")
    environ = {
        "EISYNC_API_KEY_FILE": "variable",
        "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
        "EISYNC_API_KEY": "f",
        "EI_API_KEY": "g",
    }
    target = Target(api_key_file=Path(own))

    def found(*, own_first: bool = False, api_key_file: str | None = None) -> str:
        return find_key(
            target,
            api_key_file=api_key_file,
            environ=environ,
            cwd=str(tmp_path),
            own_first=own_first,
        ).describe()

    assert f"file {own}" == found(own_first=True, api_key_file="flag")
    assert f"file {flag}" == found(api_key_file="flag")
    assert f"file {variable}" == found()
    environ["EISYNC_API_KEY_FILE"] = ""
    assert f"file {credential}" == found()
    Path(credential).unlink()
    assert f"file {secret}" == found()
    Path(secret).unlink()
    assert found() == "environment variable EISYNC_API_KEY"
    del environ["EISYNC_API_KEY"]
    assert found() == "environment variable EI_API_KEY"
    del environ["EI_API_KEY"]
    assert f"file {own}" == found()


def test_an_inline_key_is_the_last_place() -> None:
    target = Target(api_key=SecretStr(CANARY))
    source = find_key(target, environ={}, config_name="my.toml")
    assert (source.describe(), source.read(), source.token()) == ("api_key in my.toml", CANARY, None)
    assert find_key(target, environ={"EI_API_KEY": "x"}).describe() == "environment variable EI_API_KEY"
    assert (
        find_key(target, environ={"EI_API_KEY": "x"}, own_first=True, config_name="my.toml").describe()
        == "api_key in my.toml"
    )


def test_a_new_key_in_the_file_is_noticed_and_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    source = KeySource("file key", file=str(path))
    assert source.token() is None
    path.write_text(f" {CANARY}\r\n")
    token = source.token()
    assert token is not None
    assert token == source.token()
    assert source.read() == CANARY
    os.replace(_key_file(tmp_path / "new", "another"), path)
    assert (source.token() != token, source.read()) == (True, "another")


BROKEN: list[tuple[bytes, str]] = [
    (b"", "file key: is empty: put the project's API key in it"),
    (b" \n", "file key: is empty: put the project's API key in it"),
    (b'""', "file key: is empty: put the project's API key in it"),
    (CANARY.encode() + b" x", f"file key: {ODD} (it contains a space)"),
    (CANARY.encode() + b"\nx", "file key: has 2 lines: it must hold the key alone, on one line"),
    (CANARY.encode() + b"\xc3\xa4", f"file key: {ODD} (U+00E4, latin small letter a with diaeresis)"),
    (b'"' + CANARY.encode(), f"file key: {ODD} (it contains a quote that does not enclose the whole key)"),
    (b"\x7fELF\0\0\x01" + CANARY.encode(), "file key: is not text: it must hold the key alone"),
    (CANARY.encode() * 200, "file key: is too long to be an API key"),
]


@pytest.mark.parametrize(("raw", "expected"), BROKEN)
def test_a_file_without_a_key_is_named_and_not_quoted(tmp_path: Path, raw: bytes, expected: str) -> None:
    (tmp_path / "key").write_bytes(raw)
    with pytest.raises(ConfigurationError) as caught:
        KeySource("file key", file=str(tmp_path / "key")).read()
    assert expected == str(caught.value)


@pytest.mark.parametrize("form", ['"{}"', "“{}”", "EI_API_KEY={}", "export EI_API_KEY='{}'\n", "\ufeff{}\r\n"])
def test_a_key_is_found_in_the_form_people_give_it(tmp_path: Path, form: str) -> None:
    text = form.format(CANARY)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "key").write_bytes(text.encode(encoding))
        assert CANARY == KeySource("file key", file=str(tmp_path / "key")).read()
    variable = find_key(Target(), environ={"EI_API_KEY": text})
    assert ("environment variable EI_API_KEY", CANARY) == (variable.describe(), variable.read())
    assert CANARY == find_key(Target(api_key=SecretStr(text)), environ={}).read()
    credentials = _key_file(tmp_path / "credentials/api_key", text)
    environ = {"CREDENTIALS_DIRECTORY": os.path.dirname(credentials)}
    assert CANARY == find_key(Target(), environ=environ).read()
    Path(credentials).unlink()


@pytest.mark.parametrize("value", ["", " ", '""', "''"])
def test_a_variable_with_only_quotes_is_not_set(value: str) -> None:
    assert "not set" not in find_key(Target(api_key=SecretStr("k")), environ={"EI_API_KEY": value}).describe()
    with pytest.raises(ConfigurationError, match=r"EI_API_KEY \(not set\)"):
        find_key(Target(), environ={"EI_API_KEY": value})


def test_a_place_that_would_block_forever_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key")
    with pytest.raises(ConfigurationError, match=r"^file key: is not a regular file$"):
        KeySource("file key", file=str(tmp_path / "key")).read()


def test_a_source_never_shows_its_key() -> None:
    source = KeySource("environment variable EI_API_KEY", value=CANARY)
    assert "<KeySource environment variable EI_API_KEY>" == repr(source) == str(source)
    assert CANARY not in repr([getattr(source, name) for name in KeySource.__slots__])


@pytest.mark.parametrize(
    ("mode", "is_told", "is_refused"),
    [
        (0o600, False, False),
        (0o400, False, False),
        (0o640, True, False),
        (0o644, True, False),
        (0o664, True, False),
        (0o622, True, True),
        (0o666, True, True),
        (0o777, True, True),
    ],
)
def test_the_permissions_of_our_own_key_file_are_checked(
    tmp_path: Path, mode: int, is_told: bool, is_refused: bool
) -> None:
    path = _key_file(tmp_path / "key", CANARY)
    os.chmod(path, mode)
    source = KeySource(f"file {path}", file=path)
    warning = source.warning()
    assert is_told == (warning is not None)
    if warning is not None:
        assert f"chmod 600 {path}" in warning
        assert CANARY not in warning
    if is_refused:
        with pytest.raises(ConfigurationError, match=f"chmod 600 {path}"):
            source.read()
    else:
        assert CANARY == source.read()


@pytest.mark.parametrize("folder", ["secrets", "secrets/deeper"])
def test_the_permissions_of_a_mounted_secret_are_not_checked(tmp_path: Path, folder: str) -> None:
    path = _key_file(tmp_path / folder / "key", CANARY)
    os.chmod(path, 0o666)
    source = KeySource(f"file {path}", file=path)
    assert (CANARY, None) == (source.read(), source.warning())


def test_the_permissions_of_another_users_key_file_are_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _key_file(tmp_path / "key", CANARY)
    os.chmod(path, 0o644)
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(path).st_uid + 1)
    source = KeySource(f"file {path}", file=path)
    assert (CANARY, None) == (source.read(), source.warning())


def test_reading_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key")
    with pytest.raises(ConfigurationError, match="is not a regular file"):
        KeySource("file key", file=str(tmp_path / "key")).read()
