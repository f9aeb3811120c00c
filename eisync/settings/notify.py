"""Define the options of notifications. The descriptions are the manual."""

import os
import re
import stat
import sys
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from eisync.core.notifications import Patience
from eisync.core.redaction import KEYS
from eisync.settings.fields import Line, Number, Place, Switch
from eisync.settings.table import Table

MAX_URL_BYTES = 4096

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _words(value: object) -> object:
    """Return the command of an environment variable, which is one text, as a list: its words as a shell splits them."""
    if not isinstance(value, str):
        return value
    import shlex  # only here

    return tuple(shlex.split(value))


class Notify(Table):
    """Who is told of problems, and when. Without a command, a webhook or the desktop, no notification is sent."""

    command: Annotated[tuple[Line, ...], BeforeValidator(_words)] = Field(
        default=(),
        description='A command that is run for each notification, such as `["/usr/local/bin/tell", "--team", "lab"]`. '
        "There is no shell. The notification is JSON on its standard input.",
    )
    webhook: SecretStr | None = Field(
        default=None,
        description="An address to which each notification is posted as JSON. Such an address is usually a secret: "
        "prefer `webhook_file`.",
    )
    webhook_file: Place | None = Field(
        default=None,
        description="A file that holds the address of the webhook and nothing else. It is read at the start, "
        "and when the configuration is read again.",
    )
    desktop: Switch = Field(
        default=False,
        description="Show notifications on this user's desktop, with `notify-send`.",
    )
    after_s: Number = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="How many seconds a problem must last before it is told.",
    )
    calm_s: Number = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description="How many seconds a problem must be gone before its end is told. For one that comes and goes, this "
        "and `after_s` double, up to 16 times.",
    )
    interval_s: Number = Field(
        default=300.0,
        ge=0,
        le=86_400,
        description="The least number of seconds between two notifications. What is new meanwhile is told together.",
    )
    stalled_s: Number = Field(
        default=3600.0,
        gt=0,
        le=2_592_000,
        description="After how many seconds in which files wait and none is stored this is a problem. Pauses and quiet "
        "hours do not count.",
    )
    digest: str = Field(
        default="",
        description='The time of day, such as `"08:00"`, at which the state of all files is told even if all is well. '
        "Empty: never.",
    )
    timeout_s: Number = Field(
        default=10.0,
        gt=0,
        le=60,
        description="How many seconds the command or the webhook may take.",
    )

    @field_validator("webhook")
    @classmethod
    def _is_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (fault := _url_fault(value.get_secret_value())):
            raise ValueError(fault)
        return value

    @field_validator("digest")
    @classmethod
    def _is_time(cls, value: str) -> str:
        if value and not _TIME.fullmatch(value):
            raise ValueError('must be a time of day such as "08:00"')
        return value

    @model_validator(mode="after")
    def _one_webhook(self) -> "Notify":
        if self.webhook is not None and self.webhook_file is not None:
            raise ValueError("has a webhook and a webhook_file: keep one of them")
        return self

    @property
    def is_on(self) -> bool:
        """Whether anybody is told."""
        return bool(self.command or self.webhook or self.webhook_file or self.desktop)

    @property
    def patience(self) -> Patience:
        """How long problems must last, and how often a notification may leave."""
        time = _TIME.fullmatch(self.digest)
        digest_at = None if time is None else int(time[1]) * 3600.0 + int(time[2]) * 60.0
        return Patience(after_s=self.after_s, calm_s=self.calm_s, interval_s=self.interval_s, digest_at=digest_at)

    def webhook_url(self) -> str | None:
        """Return the address of the webhook; None without one. Raises ValueError, with a clause without the address."""
        if self.webhook is not None:
            return self.webhook.get_secret_value()
        if self.webhook_file is None:
            return None
        place = f"the file {self.webhook_file}"
        try:
            with open(self.webhook_file, "rb") as file:
                url = file.read(MAX_URL_BYTES).decode("utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{place} cannot be read: {getattr(error, 'strerror', 'it is no text')}") from None
        if fault := _url_fault(url):
            raise ValueError(f"{place} {fault}")
        KEYS.learn(urlsplit(url).path.strip("/"))
        return url

    def warning(self) -> str | None:
        """Return a sentence about a file of a secret that others can read; None when there is none."""
        try:
            facts = None if self.webhook_file is None else os.stat(self.webhook_file)
        except OSError:
            return None  # reading it says so
        if facts is None or sys.platform == "win32" or facts.st_uid != os.geteuid() or not facts.st_mode & stat.S_IROTH:
            return None
        return f"others can read the address of the webhook: run 'chmod 600 {self.webhook_file}'"


def _url_fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_right = False
    if not is_right or any(character.isspace() for character in url):
        return 'must be an address such as "https://example.org/hook"'
    return "must not contain a user name or a password" if "@" in parts.netloc else None
