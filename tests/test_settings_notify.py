"""The options of notifications: what they accept, and that a secret address is in no message."""

from pathlib import Path

import pytest

from eisync.core.notifications import Patience
from eisync.errors import ConfigurationError
from eisync.settings import Settings, load, without_secrets
from eisync.settings.public import HIDDEN
from tests.canary import CANARY

SECRET = "https://chat.example/services/T000/B111/aSecretPath"


def loaded(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    (tmp_path / "eisync.toml").write_text(text)
    return load(
        config=str(tmp_path / "eisync.toml"),
        state_dir=str(tmp_path / "state"),
        environ=environ,
        need_watch=False,
        need_key=False,
    )


def test_by_default_nobody_is_told(tmp_path: Path) -> None:
    notify = loaded(tmp_path).notify
    assert (False, Patience(), None) == (notify.is_on, notify.patience, notify.webhook_url())


@pytest.mark.parametrize(("text", "digest_at"), [("", None), ('digest = "08:30"', 30_600.0), ('digest = "0:00"', 0.0)])
def test_the_digest_has_a_time(tmp_path: Path, text: str, digest_at: float | None) -> None:
    found = loaded(tmp_path, f"[notify]\nafter_s = 5\ncalm_s = 6\ninterval_s = 7\n{text}").notify.patience
    assert Patience(after_s=5.0, calm_s=6.0, interval_s=7.0, digest_at=digest_at) == found


def test_a_command_is_a_list_and_in_the_environment_words(tmp_path: Path) -> None:
    notify = loaded(tmp_path, '[notify]\ncommand = ["tell", "a b"]').notify
    assert (("tell", "a b"), True) == (notify.command, notify.is_on)
    assert ("tell", "a b") == loaded(tmp_path, EISYNC_NOTIFY__COMMAND="tell 'a b'").notify.command


def test_the_address_of_the_webhook_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(f"\ufeff{SECRET}\n")
    (tmp_path / "hook").chmod(0o600)
    settings = loaded(tmp_path, '[notify]\nwebhook_file = "hook"')
    assert (SECRET, ()) == (settings.notify.webhook_url(), settings.warnings)
    (tmp_path / "hook").chmod(0o644)
    (warning,) = loaded(tmp_path, '[notify]\nwebhook_file = "hook"').warnings
    assert warning.endswith(f"run 'chmod 600 {tmp_path / 'hook'}'")


@pytest.mark.parametrize("content", [None, b"", b"no address", b"\xff\xfe", b"ftp://chat.example/aSecretPath"])
def test_a_file_without_an_address_is_named_without_its_content(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "hook").write_bytes(content)
    with pytest.raises(ValueError, match=r"^the file .*hook") as caught:
        loaded(tmp_path, '[notify]\nwebhook_file = "hook"').notify.webhook_url()
    assert "aSecretPath" not in str(caught.value)


def test_a_daemon_does_not_start_without_the_address_that_it_needs(tmp_path: Path) -> None:
    (tmp_path / "eisync.toml").write_text('[notify]\nwebhook_file = "hook"')
    with pytest.raises(
        ConfigurationError,
        match=r"eisync.toml:2: notify\.webhook_file: .*: No such file",
    ):
        load(
            config=str(tmp_path / "eisync.toml"),
            state_dir=str(tmp_path / "state"),
            environ={"EI_API_KEY": CANARY},
            need_watch=False,
        )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('digest = "25:00"', 'must be a time of day such as "08:00"'),
        ('digest = "8"', 'must be a time of day such as "08:00"'),
        ('webhook = "chat.example/aSecretPath"', "must be an address"),
        ('webhook = "https://[aSecretPath"', "must be an address"),
        ('webhook = "https://me:aSecretPath@chat.example/"', "must not contain a user name or a password"),
        (f'webhook = "{SECRET}"\nwebhook_file = "hook"', "keep one of them"),
        ('command = ["tell\\u0007"]', "must not contain control characters"),
        ("timeout_s = 61", "60"),
    ],
)
def test_what_cannot_work_has_a_reason_without_the_secret(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, f"[notify]\n{text}")
    assert reason in str(caught.value)
    assert "aSecretPath" not in str(caught.value)


def test_what_is_shown_to_others_has_no_secret(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    text = f"""
[[target]]
api_key = "{CANARY}"
[[watch]]
path = "recordings"
min_free = "5GB"
[web]
password_hash = "scrypt:1024:8:1$salt${"ab" * 64}"
[notify]
webhook = "{SECRET}"
command = ["curl", "--header", "Authorization: aTokenOfAChat"]
"""
    (tmp_path / "eisync.toml").write_text(text)
    (tmp_path / "eisync.toml").chmod(0o600)
    settings = load(config=str(tmp_path / "eisync.toml"), state_dir=str(tmp_path / "state"), environ={})
    shown = without_secrets(settings)
    assert [HIDDEN] * 3 == [
        shown["targets"][0]["api_key"],
        shown["web"]["password_hash"],
        shown["notify"]["webhook"],
    ]
    assert "curl" == shown["notify"]["command"][0]
    assert str(tmp_path / "recordings") == shown["watches"][0]["path"]
    assert not any(secret in str(shown) for secret in (CANARY, "aSecretPath", "aTokenOfAChat", "abababab"))
    assert "aSecretPath" not in repr(settings)
