"""The shape of a configuration: every option with its type, its limits, its default and its meaning.

The descriptions are the manual: docs/configuration.md and the JSON Schema are made from them. Every model is frozen and
refuses keys that it does not know; none of them ever prints what was given to it, for it may be an API key.
"""

import json
import math
import unicodedata
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from eisync.core.pace import read_quiet_hours
from eisync.core.retention import ARCHIVE, Retention, read_after, read_min_free
from eisync.places import absolute
from eisync.settings.keys import KeySource, find_key

DEFAULT_TARGET = "main"
METADATA_LIMIT_BYTES = 8192
SLOWEST_RATE = 4096  # a piece of 64 KiB must go before the service takes us for dead
SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

Category = Literal["infer", "sdk", "training", "testing", "validation", "post-processing", "split", "anomaly"]


class EnvironmentText(str):
    """A value from an environment variable: the one kind of text that may also mean a number or a yes."""

    __slots__ = ()


def _reads(parse: Callable[[str], object]) -> BeforeValidator:
    def read(value: object) -> object:
        if not isinstance(value, EnvironmentText):
            return value
        try:
            return parse(value.strip())
        except ValueError:
            return str(value)  # the strict type behind this one words the fault

    return BeforeValidator(read)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _absolute(value: object, info: ValidationInfo) -> object:
    """A path as written, made absolute; a relative one starts at the folder `base` of the validation context."""
    if not isinstance(value, str):
        return value
    if not value or "\0" in value:
        raise ValueError("must not be empty" if not value else "must not have a NUL character")
    context = info.context or {}
    return Path(absolute(value, cwd=context.get("base"), environ=context.get("environ")))


def _plain(value: str) -> str:
    """Text that can stand in a header, a log line and a table: no control characters and no line breaks."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("must not have control characters or line breaks")
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _url(value: str) -> str:
    """An http or https address without a trailing slash."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = parts = None
    if not parts or not host or parts.scheme not in ("http", "https") or any(c.isspace() for c in value):
        raise ValueError('must be an address such as "https://example.org"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not have a user name or a password in it")
    if parts.query or parts.fragment:
        raise ValueError("must not have a ? or a # in it")
    return value.rstrip("/")


def _metadata(value: dict[str, str]) -> dict[str, str]:
    """Metadata that fits into a request header."""
    if any(not key for key in value):
        raise ValueError("has an empty name in it")
    size = len(json.dumps(value))
    if size > METADATA_LIMIT_BYTES:
        raise ValueError(f"is {size:,} bytes long as JSON; at most {METADATA_LIMIT_BYTES:,} fit into a request")
    return value


def _after_upload(value: str, info: ValidationInfo) -> str:
    """What becomes of a file after its upload; the folder of an archive as a path is, absolute."""
    _, folder = read_after(value)
    return value if folder is None else f"{ARCHIVE}{_absolute(folder, info)}"


def _min_free(value: object) -> object:
    read_min_free(value if isinstance(value, int | str) and not isinstance(value, bool) else "")
    return value


def _quiet_hours(value: str) -> str:
    read_quiet_hours(value)
    return value


Whole = Annotated[int, _reads(int), Field(strict=True)]
Number = Annotated[float, BeforeValidator(_finite), _reads(float), Field(strict=True)]
Switch = Annotated[bool, _reads(lambda text: SWITCH.get(text.lower(), text)), Field(strict=True)]
Place = Annotated[Path, BeforeValidator(_absolute)]
Url = Annotated[str, AfterValidator(_url), Field(json_schema_extra={"format": "uri"})]


class Table(BaseModel):
    """One table of the file. Frozen; keys that it does not know are faults; it never prints its input."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Target(Table):
    """An Edge Impulse project, which is what an API key opens. Without any there is one named main."""

    name: Annotated[str, AfterValidator(_plain)] = Field(
        default=DEFAULT_TARGET,
        min_length=1,
        max_length=64,
        description="The name that `[[watch]]` tables and `eisync status` use.",
    )
    api_key_file: Place | None = Field(
        default=None, description="A file that holds the API key of the project and nothing else."
    )
    api_key: SecretStr | None = Field(
        default=None, description="The API key itself; refused unless only the user who runs eisync can read the file."
    )
    studio_url: Url = Field(
        default="https://studio.edgeimpulse.com/v1", description="Where Studio's API is; `EI_API_ENDPOINT` sets it too."
    )
    ingestion_url: Url = Field(
        default="https://ingestion.edgeimpulse.com",
        description="Where files are uploaded to; `EI_INGESTION_ENDPOINT` sets it too.",
    )
    ca_file: Place | None = Field(
        default=None,
        description="A PEM file with the certificates to trust, for a private gateway or an intercepting proxy.",
    )
    trust: Literal["bundled", "system"] = Field(
        default="bundled",
        description="The certificates to trust where there is no `ca_file`: those that come with eisync's Python, or "
        "this system's own.",
    )

    @model_validator(mode="after")
    def _one_key(self) -> "Target":
        if self.api_key is not None and self.api_key_file is not None:
            raise ValueError("has an api_key and an api_key_file: keep one of them")
        return self


class Watch(Table):
    """A folder whose files are uploaded, with all folders below it. `eisync run DIR` needs none in the file."""

    path: Place = Field(description="The folder. A relative path starts at the folder of the configuration file.")
    target: str = Field(
        default=DEFAULT_TARGET,
        min_length=1,
        description="The name of a `[[target]]`; may be left out when there is one only.",
    )
    label: Annotated[str, AfterValidator(_plain)] = Field(
        default="infer",
        min_length=1,
        max_length=512,
        description='`"infer"`: the file name up to its first dot; `"none"`: no label; any other text is the label.',
    )
    category: Category = Field(
        default="infer",
        description='`"infer"`: by the whole word below `path` nearest to the file, of train, training, test, testing, '
        'val, valid, validation and anomaly in any letter case, else `"split"`; the label itself names none. `"sdk"`: '
        "by the official SDK's rule, the first of testing, anomaly, training anywhere in the path below `path`.",
    )
    ignore: tuple[str, ...] = Field(
        default=(),
        description="Files to leave alone, as patterns of gitignore, beside the ones that are always left alone.",
    )
    ready: Literal["evidence", "marker"] = Field(
        default="evidence",
        description='`"evidence"`: a file goes when its format, its writer and its stillness say that it is complete; '
        '`"marker"`: when a file of its name with `.done` behind it, not older than it, is beside it.',
    )
    settle_s: Number = Field(
        default=2.0,
        ge=0,
        le=86_400,
        description="A file whose format cannot tell whether it is whole, or whose length its recorder left open, must "
        "not change for so many seconds, also when no program has it open. Where nobody can tell who writes files and "
        "closes are not announced, every file must.",
    )
    patience_s: Number = Field(
        default=600.0,
        ge=0,
        le=604_800,
        description="A file that is empty, or whose format says that it is cut, waits so many seconds for the rest; "
        "then it is quarantined. Where nobody can tell who writes it, a file that was not seen to be closed goes after "
        "so many seconds without a change; where closes are not announced, one whose length was left open.",
    )
    scan_interval_s: Number = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="How often at most the whole folder is looked through, whatever the system reported; a large one "
        "is less often, so that it takes 1 % of a core at most.",
    )
    mode: Literal["auto", "events", "scan"] = Field(
        default="auto",
        description='`"auto"`: listened to, and only scanned while events do not come or cannot be relied on; '
        '`"events"`: listened to in any case; `"scan"`: only scanned.',
    )
    on_change: Literal["add", "replace", "ignore"] = Field(
        default="add",
        description='What becomes of a file that is changed after it was uploaded. `"add"`: the new version is '
        'uploaded beside the old one; `"replace"`: uploaded, then the old sample is deleted; `"ignore"`: it is '
        "not uploaded.",
    )
    on_rename: Literal["update", "ignore"] = Field(
        default="update",
        description='`"update"`: where a file is renamed or moved after it was uploaded, name, label and category of '
        "its sample follow as far as the rename changed them.",
    )
    on_local_delete: Literal["keep", "delete"] = Field(
        default="keep",
        description='`"delete"`: where a file is deleted after it was uploaded, its sample is deleted too; a copy of '
        "it goes to the trash.",
    )
    on_remote_delete: Literal["keep", "trash", "delete"] = Field(
        default="keep",
        description="What becomes of a file whose sample was deleted in the project: it stays, it goes to the trash "
        "(`.eisync-trash` in the folder), or it is deleted.",
    )
    after_upload: Annotated[str, AfterValidator(_after_upload)] = Field(
        default="keep",
        description="What becomes of a file that the service has for certain: it stays, it is deleted here "
        '(`"delete"`), or moved into a folder (`"archive:DIR"`), which must exist and lie apart from every watched '
        "folder.",
    )
    grace_s: Number = Field(
        default=3600.0,
        ge=0,
        le=31_536_000,
        description="So many seconds a file stays after its upload before `after_upload` is done.",
    )
    min_free: Annotated[int | str, BeforeValidator(_min_free)] = Field(
        default=0,
        description='So much of the disk is kept free (bytes, or such as `"2 GB"` or `"10%"`): where less is, files '
        "that the service has for certain are deleted here, or moved to an archive on another disk, the oldest uploads "
        "first and no more than are needed, whatever `grace_s` says. `0`: none is.",
    )
    trash_days: Whole = Field(
        default=30,
        ge=0,
        le=36_500,
        description="What lies in the trash at the top of the folder is deleted after so many days; `0`: never.",
    )
    metadata: Annotated[dict[str, str], AfterValidator(_metadata)] = Field(
        default_factory=dict, description="Names and texts that every sample from this folder gets as its metadata."
    )

    @property
    def retention(self) -> Retention:
        """What becomes of the files after their upload."""
        after, archive = read_after(self.after_upload)
        return Retention(
            after=after,
            archive=archive,
            grace_s=self.grace_s,
            min_free=read_min_free(self.min_free),
            trash_days=self.trash_days,
        )


class Upload(Table):
    """How files travel."""

    workers: Whole = Field(default=4, ge=1, le=64, description="How many requests are under way at once.")
    batch_files: Whole = Field(default=256, ge=1, le=1000, description="At most so many files go into one request.")
    batch_bytes: Whole = Field(
        default=32 * 1024 * 1024,
        ge=1,
        le=1024**3,
        description="At most so many bytes go into one request; a larger file goes alone.",
    )
    order: Literal["oldest", "newest", "smallest"] = Field(
        default="oldest", description="Which of the files that are due goes first."
    )
    max_rate: Whole = Field(
        default=0,
        ge=0,
        le=1024**4,
        description="At most so many bytes a second for all uploads together, 4,096 at least; `0`: as fast as it goes. "
        "Can be changed while it runs.",
    )
    quiet_hours: Annotated[str, AfterValidator(_quiet_hours)] = Field(
        default="",
        description='Hours of the day in which nothing is sent, such as `"08:00-12:00, 22:00-06:00"`. '
        "Can be changed while it runs.",
    )
    timeout_s: Number = Field(
        default=60.0, gt=0, le=3600, description="How long the service may stay silent before we give up."
    )
    connect_timeout_s: Number = Field(default=10.0, gt=0, le=600, description="How long making a connection may take.")
    allow_duplicates: Switch = Field(
        default=False,
        description="Store a file again though its content is in the project already; costs the exactly-once promise.",
    )
    retry_base_s: Number = Field(
        default=2.0, gt=0, le=3600, description="The first wait after a failure is at most so long."
    )
    retry_cap_s: Number = Field(
        default=300.0, gt=0, le=86_400, description="No wait after a failure is longer, unless asked for."
    )
    drain_timeout_s: Number = Field(
        default=20.0,
        ge=0,
        le=3600,
        description="How long requests under way may still run after the first signal to stop.",
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


class State(Table):
    """Where eisync keeps what it knows."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required", None))

    dir: Place = Field(
        description="A folder on a local disk; by default the one systemd gives, or else the user's state folder."
    )


class Reconcile(Table):
    """How the index is compared with what the service holds."""

    interval_s: Number = Field(
        default=300.0,
        gt=0,
        le=604_800,
        description="How often the service is asked what is new, and whether anything else changed.",
    )
    sweep_interval_s: Number = Field(
        default=21_600.0,
        gt=0,
        le=2_592_000,
        description="How often everything is listed at least; sooner when something was edited or deleted there.",
    )
    page_size: Whole = Field(default=1000, ge=1, le=1000, description="How many samples are asked for in one request.")
    enabled: Switch = Field(default=True, description="Without it, remote deletions and changes go unnoticed.")
    guard_count: Whole = Field(
        default=50,
        ge=0,
        le=1_000_000_000,
        description="A pass that would delete, trash, relabel or move more files or samples waits for "
        "`eisync plan --approve`; what was done in the last hour counts, and what is allowed and not done yet. So do "
        "files whose samples were deleted at the service, by themselves. `0`: every one waits.",
    )
    guard_percent: Number = Field(
        default=10.0,
        ge=0,
        le=100,
        description="The same limit in percent of the uploaded files: of all, and of each folder's own. It is rounded "
        "up: one may always go.",
    )
    guard_day_factor: Number = Field(
        default=3.0,
        ge=1,
        le=24,
        description="In a day, no more go by themselves than so many times what goes in an hour.",
    )


class Log(Table):
    """What is written to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important line to write."
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description='`"auto"` is `"console"` on a terminal and `"json"` everywhere else.'
    )


class Layout(Table):
    """The configuration file of eisync."""

    target: tuple[Target, ...] = ()
    watch: tuple[Watch, ...] = ()
    upload: Upload = Upload()
    state: State = State(dir=Path())
    reconcile: Reconcile = Reconcile()
    log: Log = Log()


TABLES: Mapping[str, type[Table]] = {
    "target": Target,
    "watch": Watch,
    "upload": Upload,
    "state": State,
    "reconcile": Reconcile,
    "log": Log,
}


class Settings(BaseModel):
    """What one process works by: complete, checked and frozen.

    Every path is absolute. `warnings` are sentences for the log; nothing is wrong with them, but a person should know.
    `keys` names where each target's API key comes from; it holds no key but the inline ones and is never dumped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    targets: tuple[Target, ...]
    watches: tuple[Watch, ...]
    state: State
    upload: Upload = Upload()
    reconcile: Reconcile = Reconcile()
    log: Log = Log()
    warnings: tuple[str, ...] = ()
    config_file: Path | None = None
    keys: dict[str, KeySource] = Field(default_factory=dict, exclude=True, repr=False)

    def target(self, name: str) -> Target:
        """The target of that name. Raises KeyError."""
        return {target.name: target for target in self.targets}[name]

    def key_source(self, name: str) -> KeySource:
        """Where the API key of the target `name` comes from. Raises ConfigurationError when there is none."""
        found = self.keys.get(name)
        return found or find_key(self.target(name), own_first=len(self.targets) > 1)


def sends_key_in_clear(url: str) -> bool:
    """Whether requests to `url` can be read on their way: plain http to another machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
