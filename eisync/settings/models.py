"""Define the options of a configuration, each with its type, limits, default and meaning.

The descriptions are the manual: docs/configuration.md and the JSON Schema are generated from them. Every model is
frozen and refuses unknown keys. No model ever prints its input, because that may be an API key.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from eisync.core.batching import Limits, Order
from eisync.core.rate_limit import QuietHours
from eisync.core.retry import RetryPolicy
from eisync.settings.fields import Choice, Line, Number, Place, QuietHoursOption, Switch, Whole
from eisync.settings.keys import KeySource, find_key
from eisync.settings.notify import Notify
from eisync.settings.reconcile import Reconcile
from eisync.settings.split import WatchSplit
from eisync.settings.table import Table
from eisync.settings.watch import Target, Watch, WatchRule

SLOWEST_RATE = 4096  # a chunk of 64 KiB must be sent before the service closes a connection that seems dead


class Upload(Table):
    """How files are uploaded."""

    workers: Whole = Field(
        default=32,
        ge=1,
        le=64,
        description="The most requests that run at the same time. eisync begins with 4 for each target, and adds "
        "more while files wait and each request takes no longer for it, as over a long line.",
    )
    batch_files: Whole = Field(default=256, ge=1, le=1000, description="The most files that one request carries.")
    batch_bytes: Whole = Field(
        default=8 * 1024 * 1024,
        ge=1,
        le=1024**3,
        description="The most bytes that one request carries. A larger file is sent alone.",
    )
    order: Annotated[Order, Choice()] = Field(
        default=Order.OLDEST,
        description="Which of the waiting files is sent first.",
    )
    max_rate: Whole = Field(
        default=0,
        ge=0,
        le=1024**4,
        description="The most bytes per second for all uploads together, at least 4,096. `0`: no limit. Can be "
        "changed while eisync runs.",
    )
    quiet_hours: QuietHoursOption = Field(
        default=QuietHours(),
        description='Hours of the day in which nothing is uploaded, such as `"08:00-12:00, 22:00-06:00"`. Can be '
        "changed while eisync runs.",
    )
    timeout_s: Number = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="How many seconds the service may stay silent before eisync gives up on a request.",
    )
    connect_timeout_s: Number = Field(
        default=10.0,
        gt=0,
        le=600,
        description="How many seconds eisync waits for a connection.",
    )
    allow_duplicates: Switch = Field(
        default=False,
        description="Store a file again even when the project already has its content. eisync can then no longer "
        "promise to store each file exactly once.",
    )
    infer_labels: Switch = Field(
        default=True,
        description="Leave the label out of a request where the service infers exactly this label from the file name, "
        "so that files of different labels share a request. eisync reads the labels back, and ends this for good "
        "when one is wrong. `false`: every request names its label.",
    )
    retry_base_s: Number = Field(
        default=2.0,
        gt=0,
        le=3600,
        description="The longest wait after the first failure, in seconds. Waits grow from there.",
    )
    retry_cap_s: Number = Field(
        default=300.0,
        gt=0,
        le=86_400,
        description="The longest wait after any failure, in seconds. When the service asks for a longer wait, eisync "
        "waits longer.",
    )
    drain_timeout_s: Number = Field(
        default=20.0,
        ge=0,
        le=3600,
        description="How many seconds running requests may take to finish after the first signal to stop.",
    )

    @field_validator("max_rate")
    @classmethod
    def _moves(cls, value: int) -> int:
        if 0 < value < SLOWEST_RATE:
            raise ValueError(f"must be 0 or at least {SLOWEST_RATE:,}")
        return value

    @model_validator(mode="after")
    def _cap_above_base(self) -> "Upload":
        if self.retry_cap_s < self.retry_base_s:
            raise ValueError("retry_cap_s must not be less than retry_base_s")
        return self

    @property
    def limits(self) -> Limits:
        """The largest request."""
        return Limits(files=self.batch_files, bytes=self.batch_bytes)

    @property
    def retry_policy(self) -> RetryPolicy:
        """How long to wait after failures."""
        return RetryPolicy(base_s=self.retry_base_s, cap_s=self.retry_cap_s)


class StateOptions(Table):
    """Where eisync stores its own data."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required", None))

    dir: Place = Field(
        description="A folder on a local disk. By default, the folder that systemd provides; without systemd, the "
        "user's state folder."
    )


_HASH = re.compile(r"scrypt:\d+:\d+:\d+\$[A-Za-z0-9]+\$[0-9a-f]{128}")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


def _address(value: str) -> str:
    try:
        return str(ip_address(value.strip("[]")))
    except ValueError:
        raise ValueError('must be an IP address such as "127.0.0.1"') from None


class Web(Table):
    """The daemon's page in the browser. It needs `pip install 'eisync[web]'`."""

    enabled: Switch = Field(
        default=True,
        description="Serve the page while `eisync run` runs, if the extra `web` is installed. `false`: load nothing.",
    )
    address: Line = Field(
        default="127.0.0.1",
        description="The IP address that the page is served at. By default only this machine reaches it. Any other "
        "address needs `password_hash` or `trusted_proxy`.",
    )
    port: Whole = Field(
        default=4820,
        ge=0,
        le=65_535,
        description="The port of the page. If it is taken, one of the nine after it. `0`: any free one.",
    )
    password_hash: str | None = Field(
        default=None,
        repr=False,
        description="The hash of a password that opens the page, as `eisync ui --hash-password` prints it. Without "
        "one, only `eisync ui` and the link that `eisync run` prints do.",
    )
    hosts: tuple[Line, ...] = Field(
        default=(),
        description='Further names under which browsers reach the page, such as `["eisync.lab"]`. Requests for any '
        "other name are refused.",
    )
    trusted_proxy: Line | None = Field(
        default=None,
        description="The IP address of a reverse proxy that logs people in itself. Its requests need no login here if "
        "they carry `user_header`.",
    )
    user_header: Line = Field(
        default="X-Forwarded-User",
        description="The header in which `trusted_proxy` names who is logged in. The proxy must remove it from what "
        "browsers send.",
    )

    @field_validator("address", "trusted_proxy")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return None if value is None else _address(value)

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not _HOST.fullmatch(host):
                raise ValueError(f'"{host}" must be a name such as "eisync.lab" or "eisync.lab:8443"')
        return value

    @field_validator("user_header")
    @classmethod
    def _is_header(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value):
            raise ValueError('must be the name of a header such as "X-Forwarded-User"')
        return value

    @field_validator("password_hash")
    @classmethod
    def _is_hash(cls, value: str | None) -> str | None:
        if value is not None and not _HASH.fullmatch(value):
            raise ValueError("must be a hash that 'eisync ui --hash-password' printed, not the password itself")
        return value

    @model_validator(mode="after")
    def _is_protected(self) -> "Web":
        is_open = not ip_address(self.address).is_loopback
        if self.enabled and is_open and self.password_hash is None and self.trusted_proxy is None:
            raise ValueError(
                f"{self.address} can be reached from other machines: set password_hash ('eisync ui --hash-password' "
                "prints one) or trusted_proxy, or leave the address out"
            )
        return self


class LogOptions(Table):
    """What eisync logs to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="The least important lines to write.",
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description='`"auto"`: `"console"` on a terminal and `"json"` everywhere else.',
    )


class Layout(Table):
    """The configuration file of eisync."""

    target: tuple[Target, ...] = ()
    watch: tuple[Watch, ...] = ()
    upload: Upload = Upload()
    state: StateOptions = StateOptions(dir=Path())
    reconcile: Reconcile = Reconcile()
    web: Web = Web()
    notify: Notify = Notify()
    log: LogOptions = LogOptions()


TABLES: Mapping[str, type[Table]] = {
    "target": Target,
    "watch": Watch,
    "upload": Upload,
    "state": StateOptions,
    "reconcile": Reconcile,
    "web": Web,
    "notify": Notify,
    "log": LogOptions,
}

NESTED: Mapping[str, type[Table]] = {"watch.rule": WatchRule, "watch.split": WatchSplit}
"""Tables inside other tables, by their dotted names."""

SEVERAL = frozenset({"target", "watch", "watch.rule"})
"""The tables that can occur several times."""


class Settings(BaseModel):
    """The settings of one process: complete, checked and frozen.

    Every path is absolute. `warnings` are sentences for the log, about settings that are valid but that a person should
    know about. `keys` says where each target's API key comes from. It contains no keys except inline ones, and is never
    dumped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    targets: tuple[Target, ...]
    watches: tuple[Watch, ...]
    state: StateOptions
    upload: Upload = Upload()
    reconcile: Reconcile = Reconcile()
    web: Web = Web()
    notify: Notify = Notify()
    log: LogOptions = LogOptions()
    warnings: tuple[str, ...] = ()
    config_file: Path | None = None
    keys: dict[str, KeySource] = Field(default_factory=dict, exclude=True, repr=False)

    def target(self, name: str) -> Target:
        """Return the target with this name. Raises KeyError."""
        return {target.name: target for target in self.targets}[name]

    def key_source(self, name: str) -> KeySource:
        """Return where the API key of the target `name` comes from. Raises ConfigurationError when there is none."""
        found = self.keys.get(name)
        return found or find_key(self.target(name), own_first=len(self.targets) > 1)
