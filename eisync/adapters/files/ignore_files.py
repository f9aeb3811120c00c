"""Read the ignore rules in folders when they are needed, and again when their file has changed."""

import os
import stat
from collections import OrderedDict
from dataclasses import dataclass

from eisync.adapters.clock import monotonic
from eisync.adapters.files.file_facts import open_inside
from eisync.adapters.files.folder_walk import facts_of
from eisync.core.ignore import RULES_NAME, RuleFile
from eisync.core.model import FileFacts

MOST_BYTES = 64 * 1024
MOST_FOLDERS = 4_096
MOST_WEIGHT = 256 * 1024
"""The limit for the cached rules, in characters of expressions: each takes about 20 bytes."""
TRUSTED_FOR_S = 1.0
"""Check the rules of a folder again after this time, which is shorter than the time between scans."""


@dataclass(slots=True)
class _Entry:
    checked_at: float
    facts: FileFacts | None
    rules: RuleFile | None

    @property
    def weight(self) -> int:
        return 0 if self.rules is None else self.rules.weight


class IgnoreFiles:
    """Return the rules of the folders of one root, for `IgnoreRules`. Cache a bounded number of folders."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: OrderedDict[str, _Entry] = OrderedDict()
        self._weight = 0

    def __call__(self, folder: str, *, anew: bool = False) -> RuleFile | None:
        """Return the rules in `folder`, relative to the root; None when it has none. `anew`: do not use the cache.

        Cached rules are one second old at most. That is too old for a file that is about to be sent: a folder is found
        as soon as it is created, and its rules are written a moment later.
        """
        entry = self._folders.get(folder)
        now = monotonic()
        if anew or entry is None or now - entry.checked_at >= TRUSTED_FOR_S:
            facts = self._facts(folder)
            if entry is None or not _is_same(entry.facts, facts):
                self._forget(folder)
                entry = _Entry(now, facts, None if facts is None else self._read(folder))
                self._weight += entry.weight
            entry.checked_at = now
            self._folders[folder] = entry
            self._folders.move_to_end(folder)
            while len(self._folders) > 1 and (len(self._folders) > MOST_FOLDERS or self._weight > MOST_WEIGHT):
                self._forget(next(iter(self._folders)))
        return entry.rules

    def _forget(self, folder: str) -> None:
        entry = self._folders.pop(folder, None)
        self._weight -= 0 if entry is None else entry.weight

    def _facts(self, folder: str) -> FileFacts | None:
        try:
            return facts_of(os.lstat(os.path.join(self._root, folder, RULES_NAME)))
        except OSError:
            return None

    def _read(self, folder: str) -> RuleFile:
        path = f"{folder}/{RULES_NAME}" if folder else RULES_NAME
        try:
            descriptor = open_inside(self._root, path)
        except OSError as error:
            return RuleFile(trouble=f"it cannot be read ({error.strerror})")
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return RuleFile(trouble="it is not a regular file")
            content = os.read(descriptor, MOST_BYTES + 1)
        except OSError as error:
            return RuleFile(trouble=f"it cannot be read ({error.strerror})")
        finally:
            os.close(descriptor)
        if len(content) > MOST_BYTES:
            return RuleFile(trouble=f"it has more than {MOST_BYTES // 1024} KiB")
        return RuleFile(os.fsdecode(content.removeprefix(b"\xef\xbb\xbf")).splitlines())


def _is_same(before: FileFacts | None, now: FileFacts | None) -> bool:
    if before is None or now is None:
        return before is now
    return now.is_untouched_since(before)
