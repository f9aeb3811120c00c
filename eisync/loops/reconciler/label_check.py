"""Check the labels that the service inferred, once a listing shows them, and correct the wrong ones.

What a listing shows otherwise is asked for once more, because a person may have edited the sample meanwhile: then the
person's label stays. One wrong label ends the inference for the target. The correction is planned and guarded as any
other edit.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from eisync.core.model import shown
from eisync.core.studio import is_edited_by_others
from eisync.loops.ports import Log
from eisync.loops.reconciler.context import PassReport, ReconciledProject
from eisync.store.inferred_labels import InferredLabels, wrong_label

SAMPLES_PER_STEP = 500


class LabelCheck:
    """The checks of all targets. They yield after each request to the service."""

    def __init__(self, inferred: InferredLabels, *, clock: Callable[[], float], log: Log) -> None:
        self._inferred = inferred
        self._clock = clock
        self._log = log

    def check(self, project: ReconciledProject, report: PassReport) -> Iterator[None]:
        """Record wrong labels so that they are edited, and forget the files whose labels are right."""
        target, after_id, wrong_files = project.target, 0, 0
        while others := self._inferred.otherwise(target, after_id=after_id, limit=SAMPLES_PER_STEP):
            listed = project.studio.listed([one.sample_id for one in others])
            yield
            own_key = project.studio.key_id()
            wrong = [
                replace(one, listed=sample.label)
                for one in others
                if (sample := listed.get(one.sample_id)) is not None
                and sample.label != one.right
                and not is_edited_by_others(sample, own_key)
            ]
            if wrong:
                reason = wrong_label(shown(wrong[0].path), wrong[0].right, wrong[0].listed)
                if self._inferred.note_wrong(target, reason):
                    self._log.warning("inference.ended", target=target, reason=reason)
                self._inferred.correct(wrong, now=self._clock())
            wrong_files += len(wrong)
            after_id = others[-1].sample_id
        if wrong_files:
            report.note(f"the service inferred wrong labels for {wrong_files:,} files; they are labelled again")
        self._inferred.forget_settled(target)
