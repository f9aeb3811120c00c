"""Say what a check of `eisync doctor` found, and how the command ends."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

from eisync.core.model import value
from eisync.core.text import amount

ACT, KEY_REFUSED, CONFIGURATION = 3, 77, 78
"""The exit codes of faults, as other commands have them."""

_NEXT = 3


class Verdict(Enum):
    """What a check found. `NOT_CHECKED`: nothing, and the sentence says why."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    NOT_CHECKED = "not checked"


@value(kw_only=True)
class Finding:
    """What one check found. `about` is the target, the host or the folder; empty: the machine or the whole of eisync.

    A warning and a fault have a remedy, a command or a setting. Raise ValueError without one. `exit_code` is that of a
    fault.
    """

    check: str
    about: str = ""
    verdict: Verdict
    sentence: str
    remedy: str = ""
    exit_code: int = ACT

    def __post_init__(self) -> None:
        if bool(self.remedy) != (self.verdict in (Verdict.WARNING, Verdict.FAULT)):
            raise ValueError(f"{self.check}: a warning and a fault have a remedy, and nothing else has one")


def ok(check: str, sentence: str, *, about: str = "") -> Finding:
    """Return that all is well."""
    return Finding(check=check, about=about, verdict=Verdict.OK, sentence=sentence)


def warning(check: str, sentence: str, remedy: str, *, about: str = "") -> Finding:
    """Return something that costs time or may become a fault; eisync works."""
    return Finding(check=check, about=about, verdict=Verdict.WARNING, sentence=sentence, remedy=remedy)


def fault(check: str, sentence: str, remedy: str, *, about: str = "", exit_code: int = ACT) -> Finding:
    """Return why eisync does not work, or not with all files."""
    return Finding(
        check=check, about=about, verdict=Verdict.FAULT, sentence=sentence, remedy=remedy, exit_code=exit_code
    )


def not_checked(check: str, why: str, *, about: str = "") -> Finding:
    """Return why the check was not made."""
    return Finding(check=check, about=about, verdict=Verdict.NOT_CHECKED, sentence=why)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return the exit code: 0 without a fault, else the first of 78, 77 and 3 that a fault has."""
    return max((one.exit_code for one in findings if one.verdict is Verdict.FAULT), default=0)


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings have each verdict."""
    counted = Counter(one.verdict for one in findings)
    return {verdict.value: counted[verdict] for verdict in Verdict}


def conclusion(findings: Sequence[Finding]) -> str:
    """Return the last sentence: how many faults and warnings there are, and where they are."""
    counted = counts(findings)
    rest = f"{counted['ok']:,} ok, {counted['not checked']:,} not checked"
    faults = counted["fault"]
    names = list(dict.fromkeys(_name(one) for one in findings if one.verdict is Verdict.FAULT))
    warnings = counted["warning"]
    if faults:
        more = f" and {len(names) - _NEXT:,} more" if len(names) > _NEXT else ""
        also = f", {amount(warnings, 'warning')}" if warnings else ""
        return f"{amount(faults, 'fault')}: {', '.join(names[:_NEXT])}{more}{also}; {rest}."
    if warnings:
        return f"No fault, {amount(warnings, 'warning')}; {rest}."
    return f"No fault and no warning; {rest}."


def _name(finding: Finding) -> str:
    return f"{finding.check} ({finding.about})" if finding.about else finding.check
