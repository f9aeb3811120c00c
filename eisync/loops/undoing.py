"""Undo what was done to folders and project, where a person asks for it.

A file comes back from the trash to where it was, or beside what is there now; one that the retention took away, from
the archive or from the service; a deleted sample comes back as its file, which is sent again; an edited one is edited
back. What cannot be undone stays done, and says why.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from eisync.core.acts import EDITS, Act, Cause, FileSide, Kind, Progress, Written, sentence
from eisync.core.items import FileFacts, shown
from eisync.errors import EisyncError, FileError, FolderError, KeyRefusedError, StudioError, TransitError
from eisync.loops.acting import ACTS_A_LOOK, Folders, Later, edit
from eisync.loops.errand import Errand
from eisync.loops.ports import Log
from eisync.loops.sweeping import Tally


class Regrets(Protocol):
    """The acts that were done, as whoever undoes them sees them."""

    def side(self, file_id: int) -> FileSide | None: ...
    def to_do(self, target: str, *, is_retention: bool, after_id: int, limit: int) -> list[Written]: ...
    def put_off(self, act_id: int, reason: str) -> None: ...
    def undone(self, target: str, written: Written, outcome: str, *, facts: FileFacts | None, now: float) -> None: ...
    def fail_undo(self, written: Written, reason: str) -> None: ...


class Bin(Protocol):
    """Where what was taken away lies. Raises FolderError."""

    def place_of(self, root: str, path: str) -> str: ...
    def put_back(self, lies_at: str, place: str, facts: FileFacts | None = None) -> str: ...
    def verify(self, root: str, path: str, facts: FileFacts, sha256: str, *, file_id: int) -> None: ...


class Looks(Protocol):
    """Looks at one file."""

    def __call__(self, root: str, path: str) -> FileFacts | None: ...


class Retained(Protocol):
    """What the retention took away. Raises FolderError when there is nothing to bring back, and what `raw` raises."""

    def undo(self, written: Written, raw: Callable[[int], Iterable[bytes]]) -> tuple[FileFacts, str]: ...


@dataclass(frozen=True, slots=True)
class Undone:
    """It is as it was. `facts`: of the file that is in its place again."""

    outcome: str
    facts: FileFacts | None = None


@dataclass(frozen=True, slots=True)
class Final:
    """Nothing undoes it."""

    reason: str


class Undoer:
    """Undoes what is to be undone, for all targets. Safe to repeat at any point."""

    def __init__(
        self,
        regrets: Regrets,
        trash: Bin,
        folders: Folders,
        look: Looks,
        retained: Retained,
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._regrets = regrets
        self._trash = trash
        self._folders = folders
        self._look = look
        self._retained = retained
        self._clock = clock
        self._log = log

    def undo(self, errand: Errand, tally: Tally) -> Iterator[None]:
        """Undo, an act a step. Raises KeyRefusedError or TransitError after everything else was tried."""
        trouble: EisyncError | None = None
        for written in self._asked_for(errand):
            try:
                self._write_down(errand, written, self._undo(errand, written), tally)
            except (KeyRefusedError, TransitError) as error:
                self._regrets.put_off(written.id, str(error))
                trouble = error
            yield
        if trouble is not None:
            raise trouble

    def _asked_for(self, errand: Errand) -> Iterator[Written]:
        for of in (False, True):
            after_id = 0
            while batch := self._regrets.to_do(errand.target, is_retention=of, after_id=after_id, limit=ACTS_A_LOOK):
                yield from (written for written in batch if written.progress is Progress.UNDOING)
                after_id = batch[-1].id

    def _write_down(self, errand: Errand, written: Written, result: Undone | Final | Later, tally: Tally) -> None:
        told = {"target": errand.target, "act": written.id, "path": shown(written.act.path)}
        match result:
            case Undone(outcome, facts):
                self._regrets.undone(errand.target, written, outcome, facts=facts, now=self._clock())
                tally.undone += 1
                tally.note(f"undone: {sentence(written.act)}; {outcome}")
                self._log.info("act.undone", kind=written.act.kind.value, **told)
            case Final(reason):
                self._regrets.fail_undo(written, reason)
                tally.note(f"not undone: {sentence(written.act)}: {reason}")
                self._log.warning("act.stays_done", kind=written.act.kind.value, reason=reason, **told)
            case Later(reason):
                self._regrets.put_off(written.id, reason)
                tally.note(f"not undone yet: {sentence(written.act)}: {reason}")

    def _undo(self, errand: Errand, written: Written) -> Undone | Final | Later:
        """Raises KeyRefusedError or TransitError."""
        act = written.act
        if act.kind in EDITS:
            return self._edit_back(errand, written)
        if act.cause is Cause.RETENTION:
            return self._bring_back(errand, written)
        if act.kind is Kind.TOMBSTONE:
            return Final("'eisync retry FILE' sends it again")
        if act.kind is Kind.DELETE_FILE:
            return Final('it cannot be brought back: on_remote_delete = "delete" keeps no copy')
        if written.lies_at is None:
            return Final("no copy was kept")
        side = self._regrets.side(act.file_id)
        away = None if side is None else self._folders.why_away(side.root_id, act.root)
        if away is not None:
            return Later(away)
        place = self._trash.place_of(act.root, act.path)
        is_file = act.kind is Kind.TRASH_FILE
        try:
            lies_at = self._trash.put_back(written.lies_at, place, side.facts if side is not None and is_file else None)
        except FolderError as error:
            return Final(str(error))
        if is_file and lies_at == place:
            return self._in_place(act, side)
        return Undone(f"the file is now at {shown(lies_at)} and is sent as a new file")

    def _in_place(self, act: Act, side: FileSide | None) -> Undone:
        """A file that came back from the trash counts as what was sent only if it is that."""
        facts = self._look(act.root, act.path)
        try:
            if facts is not None and side is not None and side.sha256 is not None:
                self._trash.verify(act.root, act.path, facts, side.sha256, file_id=side.id)
                return Undone("the file is back in its place", facts)
        except FileError:
            pass
        return Undone("the file is back in its place. It is not what was sent, so it counts as a new version")

    def _bring_back(self, errand: Errand, written: Written) -> Undone | Final | Later:
        side = self._regrets.side(written.act.file_id)
        away = None if side is None else self._folders.why_away(side.root_id, written.act.root)
        if away is not None:
            return Later(away)
        errand.check_project()
        try:
            facts, outcome = self._retained.undo(written, errand.studio.raw)
        except (FolderError, StudioError) as error:
            return Final(str(error))
        return Undone(outcome, facts)

    def _edit_back(self, errand: Errand, written: Written) -> Undone | Final:
        act = written.act
        errand.check_project()
        if act.sample_id is None or (act.was is None and act.kind is not Kind.RELABEL_SAMPLE):
            return Final("eisync does not know its earlier value")
        try:
            edit(errand, act.kind, act.sample_id, act.was or "")
        except StudioError as error:
            return Final(f"the service refused ({error})")
        return Undone("the sample has its earlier value again")
