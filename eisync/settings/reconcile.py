"""Define the options of the comparison with the project. The descriptions are the manual."""

from pydantic import Field

from eisync.core.guard import Guard
from eisync.settings.fields import Number, Switch, Whole
from eisync.settings.table import Table


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
