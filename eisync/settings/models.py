"""Define the options of a configuration, each with its type, limits, default and meaning.

The descriptions are the manual: docs/configuration.md and the JSON Schema are generated from them. Every model is
frozen and refuses unknown keys. No model ever prints its input, because that may be an API key.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from eisync.core.batching import Limits, Order
from eisync.core.guard import Guard
from eisync.core.rate_limit import QuietHours
from eisync.core.retry import RetryPolicy
from eisync.settings.fields import Choice, GroupName, Number, Place, QuietHoursOption, Scheduler, Switch, Whole
from eisync.settings.keys import KeySource, find_key
from eisync.settings.notify import Notify
from eisync.settings.split import WatchSplit
from eisync.settings.table import Table
from eisync.settings.watch import Target, Watch, WatchRule
from eisync.settings.web import Web

MAX_WORKERS = 64
SLOWEST_RATE = 4096  # a chunk of 64 KiB must be sent before the service closes a connection that seems dead


class Upload(Table):
    """How files are uploaded."""

    workers: Whole = Field(
        default=32,
        ge=1,
        le=MAX_WORKERS,
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
        description="Which of the waiting files is sent first. `oldest` is the one that has waited longest: files that "
        "are found at the same time go folder by folder. With `newest`, the one that was changed last goes first among "
        "those.",
    )
    max_rate: Whole = Field(
        default=0,
        ge=0,
        le=1024**4,
        description="The most bytes per second for all uploads together, at least 4,096. `0`: no limit.",
    )
    quiet_hours: QuietHoursOption = Field(
        default=QuietHours(),
        description='Hours of the day in which nothing is uploaded, such as `"08:00-12:00, 22:00-06:00"`.',
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
    scheduler: Scheduler | None = Field(
        default=None,
        description='The address of a Dask scheduler, such as `"tcp://10.0.0.5:8786"`. Its workers then send the '
        "files. They need the same folders at the same paths, and the API key in their own environment. Needs the "
        "extra `dask`.",
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
    def longest_wait_s(self) -> float:
        """How many seconds pass without a sign of the service before eisync gives up on a request."""
        return self.connect_timeout_s + self.timeout_s

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
    group: GroupName | None = Field(
        default=None,
        description="A group of this machine whose members may ask the running eisync, and also steer it (pause, "
        "retry, approve a plan). Without it, only its own user and root may. The files in the folder stay private.",
    )


class Reconcile(Table):
    """How eisync compares its index with the project."""

    interval_s: Number = Field(
        default=300.0,
        gt=0,
        le=604_800,
        description="How many seconds pass between checks for new samples and other changes in the project.",
    )
    sweep_interval_s: Number = Field(
        default=21_600.0,
        gt=0,
        le=2_592_000,
        description="How many seconds pass between full listings of the project, at most. A full listing runs sooner "
        "when something was edited or deleted there.",
    )
    page_size: Whole = Field(default=1000, ge=1, le=1000, description="How many samples one request lists.")
    enabled: Switch = Field(
        default=True,
        description="Compare with the project. `false`: eisync does not notice what is deleted or changed there.",
    )
    guard_count: Whole = Field(
        default=50,
        ge=0,
        le=1_000_000_000,
        description="The most files and samples that eisync deletes, trashes, relabels or moves in an hour without "
        "asking. A pass that would exceed this waits for `eisync plan --approve`. What was done in the "
        "last hour counts, and so does what is allowed and not done yet. A pass also waits when it finds "
        "more files than this whose samples were deleted at the service; these are counted separately. "
        "`0`: every pass waits.",
    )
    guard_percent: Number = Field(
        default=10.0,
        ge=0,
        le=100,
        description="The same limit in percent of the uploaded files. It applies to all files together and to each "
        "folder's own files. It is rounded up, so one file is always allowed.",
    )
    guard_day_factor: Number = Field(
        default=3.0,
        ge=1,
        le=24,
        description="The limit for a day, as a multiple of the limit for an hour.",
    )

    @property
    def guard(self) -> Guard:
        """How much may be deleted and changed without approval."""
        return Guard(count=self.guard_count, percent=self.guard_percent, day_factor=self.guard_day_factor)


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
    know about. `overruled` names options of the file that are not in force, and what says something else.
    `keys` says where each target's API key comes from. It contains no keys except inline ones, and is never
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
    overruled: dict[str, str] = Field(default_factory=dict, exclude=True)
    keys: dict[str, KeySource] = Field(default_factory=dict, exclude=True, repr=False)

    def target(self, name: str) -> Target:
        """Return the target with this name. Raises KeyError."""
        return {target.name: target for target in self.targets}[name]

    def key_source(self, name: str) -> KeySource:
        """Return where the API key of the target `name` comes from. Raises ConfigurationError when there is none."""
        found = self.keys.get(name)
        return found or find_key(self.target(name), own_first=len(self.targets) > 1)
