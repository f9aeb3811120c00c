"""Describe one file of a root: from the configuration, its sidecars, its annotations, and the split of its group.

While a sidecar is unusable or being read, the label of its files is unknown, and they wait: better late than
mislabelled. A sidecar that exists but does not mention a file may do so a moment later, so the file waits `settle_s`.
"""

from eisync.core.completeness import ObservedFile
from eisync.core.labels.description import Description, describe
from eisync.core.labels.entry import Entry
from eisync.core.labels.mentions import NearMiss
from eisync.core.labels.rules import RuleProblemError
from eisync.core.labels.sidecars import sidecars_for
from eisync.core.model import FileFacts, StoredSidecar, shown
from eisync.errors import UnreachableError
from eisync.loops.watcher.annotations import AnnotationReader
from eisync.loops.watcher.context import Unclear, WatchedRoot
from eisync.loops.watcher.groups import GroupSplits
from eisync.loops.watcher.sidecars import SidecarReader

NOT_ANNOTATED = "annotations lie beside the file, and none describes it"

AGAIN_S = 1.0


class FileDescriber:
    """Describes the files of one root, one at a time."""

    def __init__(
        self,
        watched: WatchedRoot,
        sidecars: SidecarReader,
        annotations: AnnotationReader,
        splits: GroupSplits | None,
    ) -> None:
        self._watched = watched
        self._sidecars = sidecars
        self._annotations = annotations
        self._splits = splits

    def of(self, path: str, *, now: float, file: ObservedFile | None = None) -> Description | Unclear:
        """Describe how to send the file. With `file`, wait a moment for a sidecar that does not mention it yet."""
        try:
            annotated = self._annotations.of(path, now=now, file=file)
        except UnreachableError as error:
            return Unclear(f"{error}; the file is checked again by itself", now + AGAIN_S)
        if isinstance(annotated, Unclear):
            return annotated
        said = self._said_by_sidecars(path, file, now)
        if isinstance(said, Unclear):
            return said
        entries, misses, by = said
        if annotated.is_missing:
            misses.append(NOT_ANNOTATED)
        entries = [*annotated.entries, *entries]
        try:
            described = describe(path, self._watched.labelling, self._watched.metadata, entries, misses)
        except RuleProblemError as error:
            return Unclear(
                f"{error}; correct the rule or the path, and the file is sent by itself",
                now + 5 * AGAIN_S,
                needs_person=True,
            )
        except ValueError as error:
            places = " and ".join(map(shown, (*annotated.places, *by)))
            return Unclear(
                f"the entry for it in {places} cannot be used: {error}; correct it, and the file is sent by itself",
                now + 5 * AGAIN_S,
                needs_person=True,
            )
        return described if self._splits is None else self._placed(self._splits, path, described, now)

    def _said_by_sidecars(
        self, path: str, file: ObservedFile | None, now: float
    ) -> tuple[list[Entry], list[str], list[str]] | Unclear:
        """Return the entries for the file, a sentence for each near miss, and the paths of the sidecars."""
        found = self._sidecars.around(path, now)
        entries: list[Entry] = []
        misses: list[str] = []
        names = sidecars_for(path, found) if found else {}
        for place, name in names.items():
            current = self._sidecars.stored_sidecar(place, found[place])
            stored_sidecar = current or self._sidecars.last_stored_sidecar(place, now)
            entry = (
                None
                if stored_sidecar is None
                else self._sidecars.said_of(stored_sidecar, shown(name), folder=place.rpartition("/")[0])
            )
            if isinstance(entry, Entry):
                entries.append(entry)
            elif current is None and not self._has_waited(place, file, now):
                return Unclear(f"{shown(place)}, which describes the file, is being read", now + AGAIN_S / 5)
            elif current is not None and current.trouble is not None:
                return self._unusable(place, current, now)
            elif isinstance(entry, NearMiss):
                misses.append(entry.sentence(shown(place), shown(name)))
        by = list(names)
        if found and not entries and file is not None:
            until = self._waits_until(list(found.values()), file, now)
            if now < until:
                named = " and ".join(map(shown, by))
                why = "; ".join(misses) or f"{named} does not mention the file"
                return Unclear(f"{why}; it is sent without that in {until - now:.0f} s", until)
        return entries, misses, by

    def _placed(self, splits: GroupSplits, path: str, described: Description, now: float) -> Description | Unclear:
        """Return the description with the category of the file's group."""
        found = splits.place(path, described, now)
        if isinstance(found, Description):
            return found
        # The step that decides on the group has the file checked again. It is opened for that, so not every second.
        return Unclear(found, now + 60 * AGAIN_S, needs_person=splits.trouble is not None)

    def _unusable(self, place: str, stored_sidecar: StoredSidecar, now: float) -> Unclear:
        what = shown(place)
        return Unclear(
            f"{what}, which describes the file, cannot be used: {stored_sidecar.trouble}; correct or remove it, and "
            "the file is sent by itself",
            now + 5 * AGAIN_S,
            needs_person=True,
        )

    def _has_waited(self, place: str, file: ObservedFile | None, now: float) -> bool:
        """Return whether the file has waited long enough for a sidecar that changes during every reading."""
        late_s, policy = self._sidecars.late_s(place, now), self._watched.policy
        return file is not None and late_s > 0.0 and late_s >= max(policy.settle_s, policy.patience_s)

    def _waits_until(self, sidecars: list[FileFacts], file: ObservedFile, now: float) -> float:
        """Return until when an existing sidecar may still mention the file (Unix s)."""
        policy = self._watched.policy
        touched_at = max(min(facts.touched_at, now) for facts in sidecars)
        still_until = max(file.still_since, touched_at) + policy.settle_s
        return min(still_until, file.still_since + max(policy.settle_s, policy.patience_s))
