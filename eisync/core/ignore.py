"""Decide by the path alone which files of a watched folder are uploaded, and say why others are left out.

Patterns are those of gitignore: `!` includes again, a trailing `/` matches only folders, later patterns win. The
defaults leave out temporary files of editors, browsers and copy tools, and what other programs keep in a shared folder
(`core.clutter`). A file that remains must have an extension that the service takes (wire contract, section 1: the
service decides by extension).

A folder may have a rule file, `.eisyncignore`, for everything in it and below it. As with git, the rules of a deeper
folder win over those above, and all of them win over the configuration and the defaults. When a rule file cannot be
used, its rules are unknown, so everything that they could affect is left out.

eisync follows no links. A link could lead out of the watched folder or in a circle, and its target has a path of its
own. `why_left_out` says what a link is and what to do.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol

from eisync.core.clutter import what_lies_in, why_no_sample
from eisync.core.gitignore import GitIgnore
from eisync.core.labels.sidecars import WHAT_THEY_ARE
from eisync.core.model import extension_of, value

_NOT_FOLLOWED = "eisync does not follow links"


class Leads(Enum):
    """Where a link leads."""

    TO_FOLDER = "the folder"
    TO_FILE = "the file"
    UPWARDS = "upwards"  # to the watched folder or to one above it
    NOWHERE = "nowhere"
    IN_A_CIRCLE = "in a circle"
    TO_UNREADABLE = "unreadable"  # the target cannot be checked
    TO_OTHER = "other"  # a pipe, a socket, a device


def why_left_out(leads: Leads, *, target: str | None = None, is_uploaded: bool = False) -> str:
    """Return one clause for a person that says why a link is left out.

    `target` is the path that it leads to; None gives the same clause for all such links, so that they can be counted.
    `is_uploaded` says that the target is in the same watched folder and is uploaded from there.

    >>> why_left_out(Leads.TO_FILE)
    'it is a link to a file; eisync does not follow links: copy the file here, or watch the folder that it is in'
    """
    match leads:
        case Leads.NOWHERE:
            what = "a broken link" if target is None else f"a broken link to {target}"
            return f"it is {what}: its target is gone; delete the link, or restore the target"
        case Leads.IN_A_CIRCLE:
            return "it is a link that leads back to itself; delete it"
        case Leads.TO_UNREADABLE:
            what = "a place" if target is None else target
            return f"it is a link to {what} that eisync's user cannot access; {_NOT_FOLLOWED}: copy the files here"
        case Leads.UPWARDS:
            return f"it is a link to {target or 'a folder'}, which contains this watched folder; delete it"
        case Leads.TO_OTHER:
            return f"it is a link to {target or 'something'}, which is neither a file nor a folder"
    kind = "folder" if leads is Leads.TO_FOLDER else "file"
    what = f"a {kind}" if target is None else f"the {kind} {target}"
    if is_uploaded:
        return f"it is a link to {what} in this watched folder, which is uploaded from its own place"
    if leads is Leads.TO_FOLDER:
        return f"it is a link to {what}; {_NOT_FOLLOWED}: watch that folder as well, or copy its files here"
    return f"it is a link to {what}; {_NOT_FOLLOWED}: copy the file here, or watch the folder that it is in"


def behind(link: str, reason: str) -> str:
    """Return the clause for a path that leads through the link at `link`, which is left out for `reason`.

    >>> behind("day", "it is a link to …")
    'it is reached through day: it is a link to …'
    """
    return f"it is reached through {link}: {reason}"


ACCEPTED_EXTENSIONS = frozenset(
    {".cbor", ".json", ".csv", ".txt", ".wav", ".jpg", ".jpeg", ".png", ".mp4", ".avi", ".parquet"}
)

RULES_NAME = ".eisyncignore"

TRASH_NAME = ".eisync-trash"
"""The folder in which eisync keeps the files that it removed. No pattern can make its content be uploaded."""

DEFAULT_IGNORES = (
    ".*",
    "*~",
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.download",
    "*.swp",
    "*.lock",
    "~$*",
    "\\#*#",  # a bare # begins a comment
)


@value
class Ignored:
    """Why a file or folder is left out: the rule, and the clause for a person."""

    rule: str
    clause: str


_IN_TRASH = Ignored("eisync's own trash", "it is in eisync's own trash")


NOT_NAMED = "other files were named"
_NOT_NAMED = Ignored(NOT_NAMED, NOT_NAMED)


class RuleFile:
    """The rules of one folder. `trouble` says why they cannot be used; None when they can."""

    def __init__(self, lines: Iterable[str] = (), *, trouble: str | None = None) -> None:
        self._lines = list(lines)
        self.trouble = trouble
        try:
            self._patterns = GitIgnore(self._lines if trouble is None else ())
        except ValueError as error:
            self._patterns, self.trouble = GitIgnore(()), str(error)

    @property
    def weight(self) -> int:
        """The memory that the rules need, in characters of regular expressions."""
        return self._patterns.weight

    def judge(self, place: str, *, is_dir: bool = False) -> tuple[bool, str] | None:
        """Return whether `place`, relative to the folder, is left out, and by which rule; None when no rule matches."""
        if self.trouble is not None:
            return True, ""
        decided = self._patterns.decide(place, is_folder=is_dir)
        if decided is None:
            return None
        is_left_out, index = decided
        return is_left_out, f"{self._lines[index]!r} (line {index + 1} of "


class RulesIn(Protocol):
    """Find the rule file of a folder. The folder is relative to the root."""

    def __call__(self, folder: str, *, anew: bool = False) -> RuleFile | None:
        """Return the rules, or None when there are none. `anew` reads them again instead of using a cached result."""


class IgnoreRules:
    """Which files of one watched folder are uploaded. Compile the rules once, and ask for every path."""

    def __init__(
        self,
        patterns: Iterable[str] = (),
        *,
        rules_in: RulesIn | None = None,
        only: frozenset[str] | None = None,
    ) -> None:
        """`patterns` come after the defaults. `rules_in` finds the rule file of a folder.

        `only` are the only files that are not left out, by their paths; None: all. Raises ValueError for an invalid
        pattern.
        """
        self._lines = (*DEFAULT_IGNORES, *patterns)
        self._rules_in = rules_in
        self._only = only
        self._patterns = GitIgnore(self._lines)

    def ignoring_rule(self, path: str, *, is_dir: bool = False) -> str | None:
        """Return the rule that leaves out `path`, for a person; None when there is none.

        `path` is relative to the root, with `/` between its parts. Only the path itself is checked: a walk does not
        enter an ignored folder, and `why_left_out` also checks the folders above a file.
        """
        judged = self._judge(path, self._rules_above(path), is_dir=is_dir)
        return None if judged is None else judged.rule

    def _rules_above(self, path: str) -> list[tuple[str, RuleFile]]:
        """Return the folders above `path` that have a rule file, with their rules; the topmost first."""
        if self._rules_in is None:
            return []
        found = []
        end = -1
        while True:
            folder = path[:end] if end >= 0 else ""
            if (rules := self._rules_in(folder)) is not None:
                found.append((folder, rules))
            if (end := path.find("/", end + 1)) < 0:
                return found

    def _judge(self, path: str, above: Sequence[tuple[str, RuleFile]], *, is_dir: bool) -> Ignored | None:
        """Return the rule that leaves out `path`, by the rule files `above` it and by the configuration."""
        if _is_in_trash(path):
            return _IN_TRASH
        if self._only is not None and not _leads_to(self._only, path, is_dir=is_dir):
            return _NOT_NAMED
        for folder, rules in reversed(above):
            if folder and len(folder) >= len(path):
                continue  # this rule file is below the path
            judged = rules.judge(path[len(folder) + 1 if folder else 0 :], is_dir=is_dir)
            if judged is not None:
                is_left_out, rule = judged
                origin = f"{folder}/{RULES_NAME}" if folder else RULES_NAME
                if rules.trouble is not None:
                    return _by_pattern(f"in {origin}, which cannot be used: {rules.trouble}")
                return _by_pattern(f"{rule}{origin})") if is_left_out else None
        decided = self._patterns.decide(path, is_folder=is_dir)
        if decided is None or decided[1] < len(DEFAULT_IGNORES):  # the configuration wins over known clutter
            name = path.rpartition("/")[2]
            if (known := _in_clutter(name) if is_dir else _clutter(name)) is not None:
                return known
        return _by_pattern(repr(self._lines[decided[1]])) if decided is not None and decided[0] else None

    def is_spoken_of(self, folder: str) -> bool:
        """Return whether `folder`, or one above it, has a rule file now.

        Rule files can change while eisync runs; the configuration cannot.
        """
        if self._rules_in is None:
            return False
        is_any = False
        while True:  # read all of them again, because their cached results are used next
            is_any = self._rules_in(folder, anew=True) is not None or is_any
            if not folder:
                return is_any
            folder = folder.rpartition("/")[0]

    def why_left_out(self, path: str) -> str | None:
        """Return one clause that says why the file at `path` is not uploaded; None when it is."""
        if _is_in_trash(path):
            return _IN_TRASH.clause
        rules = self._rules_above(path)
        if (above := self._rule_above(path, rules)) is not None:
            return above.clause
        return self._why_file_left_out(path, rules)

    def ignoring(self, path: str) -> str | None:
        """Return the rule that leaves out the file at `path` or a folder above it; None when there is none."""
        rules = self._rules_above(path)
        judged = self._rule_above(path, rules) or self._judge(path, rules, is_dir=False)
        return None if judged is None else judged.rule

    def why_ignored(self, path: str, *, is_dir: bool = False) -> str | None:
        """Return one clause that says which rule leaves out `path` or a folder above it; None when none does."""
        rules = self._rules_above(path)
        found = self._rule_above(path, rules) or self._judge(path, rules, is_dir=is_dir)
        return None if found is None else found.clause

    def _rule_above(self, path: str, rules: Sequence[tuple[str, RuleFile]]) -> Ignored | None:
        end = path.find("/")
        while end >= 0:
            if (judged := self._judge(path[:end], rules, is_dir=True)) is not None:
                return judged
            end = path.find("/", end + 1)
        return None

    def why_file_left_out(self, path: str) -> str | None:
        """Return the same as `why_left_out`, but check only the path itself and not the folders above it."""
        return self._why_file_left_out(path, self._rules_above(path))

    def _why_file_left_out(self, path: str, rules: Sequence[tuple[str, RuleFile]]) -> str | None:
        if (judged := self._judge(path, rules, is_dir=False)) is not None:
            return judged.clause
        if (what := WHAT_THEY_ARE.get(path.rpartition("/")[2])) is not None:
            return what
        if extension_of(path) not in ACCEPTED_EXTENSIONS:
            if (meant := path.rpartition("/")[2].lower()) in WHAT_THEY_ARE:
                return f"it describes other files but is not named {meant}: rename it"
            return f"not a type that Edge Impulse takes ({extension_of(path) or 'no extension'})"
        return None


def _leads_to(only: frozenset[str], path: str, *, is_dir: bool) -> bool:
    """Return whether the path is one of these files, a folder above one, or a file that may describe one."""
    if is_dir:
        return any(name.startswith(f"{path}/") for name in only)
    return path in only or path.rpartition("/")[2] in WHAT_THEY_ARE


def _by_pattern(rule: str) -> Ignored:
    return Ignored(rule, f"ignored by the pattern {rule}")


def _clutter(name: str) -> Ignored | None:
    what = why_no_sample(name)
    return None if what is None else Ignored(what, what)


def _in_clutter(name: str) -> Ignored | None:
    what = what_lies_in(name)
    return None if what is None else Ignored(name, f"it is in {name}, where {what}")


def _is_in_trash(path: str) -> bool:
    return TRASH_NAME in path and TRASH_NAME in path.split("/")
