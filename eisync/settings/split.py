"""Define the table that divides the files of a folder among training, validation and testing."""

from pydantic import Field, model_validator

from eisync.core.labels.path_pattern import MAX_PATTERN_CHARACTERS
from eisync.core.labels.split import Split
from eisync.settings.fields import Line, Number
from eisync.settings.table import Table


class WatchSplit(Table):
    """How the files of a folder are divided among training, testing and validation, group by group: all files of a
    group go together, for good. A file whose category something else says keeps that one.
    """

    by: Line = Field(
        min_length=1,
        max_length=MAX_PATTERN_CHARACTERS,
        description='What files have in common that go together. A name of metadata, such as `"session"`, which '
        'rules, `metadata` and sidecars give; `"folder"`: the folder that they lie in; or a regular '
        "expression that is searched in the path below `path` and has a group named `group`.",
    )
    testing: Number = Field(
        default=20.0,
        ge=0,
        lt=100,
        description="How many per cent of the files are for testing. Groups stay together, so it may be a little more "
        "or less.",
    )
    validation: Number = Field(
        default=0.0,
        ge=0,
        lt=100,
        description="How many per cent of the files are for validation. The rest is for training.",
    )

    @model_validator(mode="after")
    def _is_usable(self) -> "WatchSplit":
        assert self.as_split is not None  # making it raises ValueError for what cannot be used
        return self

    @property
    def as_split(self) -> Split:
        """The split as it decides."""
        return Split(by=self.by, testing=self.testing, validation=self.validation)
