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

from eisync.core.rate_limit import read_quiet_hours
from eisync.core.retention import ARCHIVE, Retention, read_after, read_min_free
from eisync.paths import absolute
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
        raise ValueError("must not be empty" if not value else "must not contain a NUL character")
    context = info.context or {}
    return Path(absolute(value, cwd=context.get("base"), environ=context.get("environ")))


def _plain(value: str) -> str:
    """Text that can stand in a header, a log line and a table: no control characters and no line breaks."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("must not contain control characters or line breaks")
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
        raise ValueError("must not contain a user name or a password")
    if parts.query or parts.fragment:
        raise ValueError("must not contain ? or #")
    return value.rstrip("/")


def _metadata(value: dict[str, str]) -> dict[str, str]:
    """Metadata that fits into a request header."""
    if any(not key for key in value):
        raise ValueError("contains an empty name")
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
    """An Edge Impulse project, opened by its API key. Without any such table there is one target, named `main`."""

    name: Annotated[str, AfterValidator(_plain)] = Field(
        default=DEFAULT_TARGET,
        min_length=1,
        max_length=64,
        description="The name that `[[watch]]` tables and `eisync status` use.",
    )
    api_key_file: Place | None = Field(
        default=None,
        description="A file that holds the API key of the project and nothing else.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="The API key itself. It is refused unless only the user who runs eisync can read the "
        "configuration file.",
    )
    studio_url: Url = Field(
        default="https://studio.edgeimpulse.com/v1",
        description="The address of Studio's API. `EI_API_ENDPOINT` sets it too.",
    )
    ingestion_url: Url = Field(
        default="https://ingestion.edgeimpulse.com",
        description="The address that files are uploaded to. `EI_INGESTION_ENDPOINT` sets it too.",
    )
    ca_file: Place | None = Field(
        default=None,
        description="A PEM file with the certificates to trust. For a private gateway or an intercepting proxy.",
    )
    trust: Literal["bundled", "system"] = Field(
        default="bundled",
        description='Which certificates to trust when `ca_file` is not set. `"bundled"`: those of the Python that '
        'runs eisync; `"system"`: those of this machine.',
    )

    @model_validator(mode="after")
    def _one_key(self) -> "Target":
        if self.api_key is not None and self.api_key_file is not None:
            raise ValueError("has an api_key and an api_key_file: keep one of them")
        return self


class Watch(Table):
    """A folder to upload, with all folders below it. `eisync run DIR` needs no such table."""

    path: Place = Field(
        description="The folder to watch. A relative path starts at the folder of the configuration file.",
    )
    target: str = Field(
        default=DEFAULT_TARGET,
        min_length=1,
        description="The name of the `[[target]]` to upload to. Not needed when there is only one.",
    )
    label: Annotated[str, AfterValidator(_plain)] = Field(
        default="infer",
        min_length=1,
        max_length=512,
        description='`"infer"`: the label is the file name up to its first dot; `"none"`: no label; any other text is '
        "the label.",
    )
    category: Category = Field(
        default="infer",
        description='`"infer"`: a folder or file name below `path` sets the category when one of its whole words is '
        "train, training, test, testing, val, valid, validation or anomaly, in upper or lower case. The "
        'one nearest to the file counts; the label itself does not. Without such a word: `"split"`. '
        '`"sdk"`: the rule of the official SDK, which takes the first of testing, anomaly, training that '
        "stands anywhere in the path below `path`.",
    )
    ignore: tuple[str, ...] = Field(
        default=(),
        description="Files to leave out, as gitignore patterns. eisync also leaves out the files that it always "
        "leaves out.",
    )
    ready: Literal["evidence", "marker"] = Field(
        default="evidence",
        description='When a file is complete. `"evidence"`: eisync decides from its format, from the programs that '
        'have it open and from how long it has not changed; `"marker"`: a file `<name>.done` exists '
        "beside it and is not older.",
    )
    settle_s: Number = Field(
        default=2.0,
        ge=0,
        le=86_400,
        description="How many seconds a file must stay unchanged before it is uploaded. This applies to files whose "
        "format does not show where they end and to files whose recorder left the length open, even when "
        "no program has them open. It applies to every file where eisync can neither see who is writing "
        "nor be notified when a file is closed.",
    )
    patience_s: Number = Field(
        default=600.0,
        ge=0,
        le=604_800,
        description="How many seconds eisync waits for the rest of a file that is empty or truncated. After that it "
        "quarantines the file. Where eisync cannot see who is writing, a file also waits this long "
        "without a change when eisync did not see it closed. Where it is not notified of closes, only a "
        "file whose length was left open does.",
    )
    scan_interval_s: Number = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="How many seconds pass between full scans of the folder, at least. Scans run even when file "
        "events work. A large folder is scanned less often, so that scans use at most 1 % of one core.",
    )
    mode: Literal["auto", "events", "scan"] = Field(
        default="auto",
        description='How changes are noticed. `"auto"`: use file events; poll while they fail or are not reliable; '
        '`"events"`: always use file events; `"scan"`: only poll.',
    )
    on_change: Literal["add", "replace", "ignore"] = Field(
        default="add",
        description='What happens when a file changes after its upload. `"add"`: upload the new version and keep the '
        'old sample; `"replace"`: upload the new version, then delete the old sample; `"ignore"`: do not '
        "upload the new version.",
    )
    on_rename: Literal["update", "ignore"] = Field(
        default="update",
        description='What happens when a file is renamed or moved after its upload. `"update"`: change the name, '
        'label and category of its sample, each only if the rename changed it; `"ignore"`: leave the '
        "sample as it is.",
    )
    on_local_delete: Literal["keep", "delete"] = Field(
        default="keep",
        description='What happens when a file is deleted after its upload. `"keep"`: its sample stays; `"delete"`: '
        "its sample is deleted too, and a copy of it goes to the trash.",
    )
    on_remote_delete: Literal["keep", "trash", "delete"] = Field(
        default="keep",
        description='What happens to a file when its sample is deleted in the project. `"keep"`: it stays; `"trash"`: '
        'it moves to the trash (`.eisync-trash` in the folder); `"delete"`: it is deleted.',
    )
    after_upload: Annotated[str, AfterValidator(_after_upload)] = Field(
        default="keep",
        description='What happens to a file once the service is known to have it. `"keep"`: it stays; `"delete"`: it '
        'is deleted here; `"archive:DIR"`: it moves to the folder DIR, which must exist and must not '
        "overlap a watched folder.",
    )
    grace_s: Number = Field(
        default=3600.0,
        ge=0,
        le=31_536_000,
        description="How many seconds a file stays after its upload before `after_upload` applies.",
    )
    min_free: Annotated[int | str, BeforeValidator(_min_free)] = Field(
        default=0,
        description='How much of the disk to keep free: bytes, or a text such as `"2 GB"` or `"10%"`. When less is '
        "free, files that the service is known to have are deleted here, or moved to an archive on "
        "another disk. The oldest uploads go first, only as many as needed, and `grace_s` does not "
        "protect them. `0`: keep nothing free.",
    )
    trash_days: Whole = Field(
        default=30,
        ge=0,
        le=36_500,
        description="How many days files stay in the trash at the top of the folder before they are deleted. `0`: "
        "they stay forever.",
    )
    metadata: Annotated[dict[str, str], AfterValidator(_metadata)] = Field(
        default_factory=dict,
        description="Names and texts that every sample from this folder gets as metadata.",
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
    """How files are uploaded."""

    workers: Whole = Field(default=4, ge=1, le=64, description="How many requests run at the same time.")
    batch_files: Whole = Field(default=256, ge=1, le=1000, description="The most files that one request carries.")
    batch_bytes: Whole = Field(
        default=32 * 1024 * 1024,
        ge=1,
        le=1024**3,
        description="The most bytes that one request carries. A larger file is sent alone.",
    )
    order: Literal["oldest", "newest", "smallest"] = Field(
        default="oldest",
        description="Which of the waiting files is sent first.",
    )
    max_rate: Whole = Field(
        default=0,
        ge=0,
        le=1024**4,
        description="The most bytes per second for all uploads together, at least 4,096. `0`: no limit. Can be "
        "changed while eisync runs.",
    )
    quiet_hours: Annotated[str, AfterValidator(_quiet_hours)] = Field(
        default="",
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


class State(Table):
    """Where eisync stores its own data."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required", None))

    dir: Place = Field(
        description="A folder on a local disk. By default, the folder that systemd provides; without systemd, the "
        "user's state folder."
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


class Log(Table):
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
