"""Define the tables that can occur several times: the projects, and the folders that are uploaded to them."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from eisync.core.completeness import CompletenessPolicy
from eisync.core.labels.path_pattern import MAX_PATTERN_CHARACTERS
from eisync.core.labels.rules import MAX_RULES, LabelRules, Rule, path_rules
from eisync.core.policy import After, AfterUpload, MinFree, OnChange, OnRemoteDelete, Policy, Retention
from eisync.core.watch_health import Mode
from eisync.settings.fields import (
    AfterUploadOption,
    AnnotationsOption,
    Choice,
    Line,
    Metadata,
    MinFreeOption,
    Number,
    Place,
    Url,
    Whole,
)
from eisync.settings.split import WatchSplit
from eisync.settings.table import Table

DEFAULT_TARGET = "main"

CategoryOption = Literal["infer", "sdk", "training", "testing", "validation", "post-processing", "split", "anomaly"]


class Target(Table):
    """An Edge Impulse project, opened by its API key. Without any such table there is one target, named `main`."""

    name: Line = Field(
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


class WatchRule(Table):
    """A rule for the labels, categories and metadata of some files of a folder. For each of these parts, the first rule
    that fits the file and says something about the part decides; what no rule says comes from `[[watch]]`. A rule
    without `match` and `pattern` fits every file.
    """

    match: str | None = Field(
        default=None,
        min_length=1,
        description="A gitignore pattern below `path`: the rule is only for the files that it matches.",
    )
    pattern: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PATTERN_CHARACTERS,
        description="A regular expression that is searched in the path below `path`; the rule is only for files in "
        "which it is found. The groups `label` and `category` give these, every other named group gives metadata "
        "of its name. A group that matches nothing says nothing.",
    )
    label: Line | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="As in `[[watch]]`. The group `label` wins over it.",
    )
    category: CategoryOption | None = Field(
        default=None,
        description='As in `[[watch]]`. The group `category` wins over it. `"infer"` and `"sdk"` say nothing when no '
        "word names a category.",
    )
    metadata: Metadata = Field(
        default_factory=dict,
        description="Names and texts that the samples get as metadata. A group of the same name wins.",
    )

    @model_validator(mode="after")
    def _is_usable(self) -> "WatchRule":
        assert self.as_rule is not None  # making it raises ValueError for what cannot be used
        return self

    @property
    def as_rule(self) -> Rule:
        """The rule as it decides."""
        return Rule(
            match=self.match,
            pattern=self.pattern,
            label=self.label,
            category=self.category,
            metadata=self.metadata,
        )


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
    label: Line = Field(
        default="infer",
        min_length=1,
        max_length=512,
        description='`"infer"`: the label is the file name up to its first dot. Where that is only a number, a hash or '
        "the name that a camera gives, it is the nearest folder below `path` that is no date and does more than "
        'name a category; `"folder"`: always that folder; `"sdk"`: always the file name, as the official SDK does; '
        '`"none"`: no label; any other text is the label.',
    )
    category: CategoryOption = Field(
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
    mode: Annotated[Mode, Choice()] = Field(
        default=Mode.AUTO,
        description='How changes are noticed. `"auto"`: use file events; poll while they fail or are not reliable; '
        '`"events"`: always use file events; `"scan"`: only poll.',
    )
    on_change: Annotated[OnChange, Choice()] = Field(
        default=OnChange.ADD,
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
    on_remote_delete: Annotated[OnRemoteDelete, Choice()] = Field(
        default=OnRemoteDelete.KEEP,
        description='What happens to a file when its sample is deleted in the project. `"keep"`: it stays; `"trash"`: '
        'it moves to the trash (`.eisync-trash` in the folder); `"delete"`: it is deleted.',
    )
    after_upload: AfterUploadOption = Field(
        default=AfterUpload(),
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
    min_free: MinFreeOption = Field(
        default=MinFree(),
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
    metadata: Metadata = Field(
        default_factory=dict,
        description="Names and texts that every sample from this folder gets as metadata.",
    )
    metadata_host: bool = Field(
        default=False,
        description="Whether every sample from this folder gets the name of this machine as the metadata `host`. A "
        "`host` of `metadata`, of a rule or of a sidecar wins.",
    )
    annotations: AnnotationsOption = Field(
        default="auto",
        description="Which annotation files of other programs are read, for bounding boxes and for labels of parts of "
        'a recording. `"auto"`: those of every format that eisync knows, recognised by content and place; a name of a '
        'format: only those; `"none"`: none. Sidecars of Edge Impulse are always read.',
    )
    require_annotation: bool = Field(
        default=False,
        description="Whether an image waits until an annotation describes it. `false`: where annotations lie beside it "
        "and none describes it, it is uploaded without one after `settle_s`.",
    )
    manifest: str | None = Field(
        default=None,
        min_length=1,
        max_length=4_096,
        description="A table of files and labels below `path`, as CSV or JSON lines. Its columns are `file` or "
        "`file_name`, `label`, `category`, and `metadata.NAME` for each metadata. `manifest.csv`, `labels.csv` and the "
        "like are found without it.",
    )
    rule: tuple[WatchRule, ...] = Field(
        default=(),
        max_length=MAX_RULES,
        description="Rules for labels, categories and metadata, in their order: `[[watch.rule]]`, below.",
    )
    split: WatchSplit | None = Field(
        default=None,
        description="How groups of files are divided among training and testing: `[watch.split]`, below.",
    )

    @model_validator(mode="after")
    def _manifest_is_inside(self) -> "Watch":
        place = PurePosixPath(self.manifest_place or "")
        if place.is_absolute() or ".." in place.parts:
            raise ValueError("manifest must be a file below path: give its path from there")
        return self

    _only: frozenset[str] | None = PrivateAttr(default=None)

    def only_files(self, names: Iterable[str]) -> "Watch":
        """Return the same folder, in which only these files are looked at. Their paths are relative to it."""
        found = self.model_copy()
        found._only = frozenset(names)
        return found

    @property
    def only(self) -> frozenset[str] | None:
        """The files that are looked at, by their path below the folder; None: all."""
        return self._only

    @property
    def retention(self) -> Retention:
        """What happens to the files after their upload."""
        return Retention(
            after=self.after_upload.after,
            archive=self.after_upload.archive,
            grace_s=self.grace_s,
            min_free=self.min_free,
            trash_days=self.trash_days,
        )

    @property
    def policy(self) -> Policy:
        """What follows from changes, renames and deletions of the files and of their samples."""
        return Policy(
            on_remote_delete=self.on_remote_delete,
            deletes_samples=self.on_local_delete == "delete",
            edits_samples=self.on_rename == "update",
            replaces_samples=self.on_change is OnChange.REPLACE,
        )

    @property
    def is_destructive(self) -> bool:
        """Whether a missing file or sample has consequences, or files are removed even when the disk has space."""
        policy = self.policy
        takes = policy.on_remote_delete is not OnRemoteDelete.KEEP or self.after_upload.after is not After.KEEP
        return takes or policy.deletes_samples

    @property
    def label_rules(self) -> LabelRules:
        """How the labels, the categories and the metadata of the files are decided."""
        return LabelRules(path_rules(self.label, self.category), tuple(one.as_rule for one in self.rule))

    @property
    def manifest_place(self) -> str | None:
        """The path of the manifest below the folder, with `/` between its parts."""
        return self.manifest and PurePosixPath(self.manifest.replace("\\", "/")).as_posix()

    @property
    def completeness(self) -> CompletenessPolicy:
        """When a file of the folder is complete."""
        return CompletenessPolicy(
            settle_s=self.settle_s, patience_s=self.patience_s, needs_marker=self.ready == "marker"
        )
