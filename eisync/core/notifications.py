"""Decide when a person is told of problems, of their end, and of the day: seldom, and each thing once.

Each channel (a command, a webhook, the desktop) has a `Ledger`: what was told on it. `observe` compares it with the
problems of now. A notification counts as told only when its delivery succeeded, so a webhook that is down with the
network is tried again later, and then tells what is true then.

A problem is told after it lasted `after_s`, its end after `calm_s` without it: a short one is never told, and one that
comes and goes is told once. Each return doubles both waits, up to a limit, and is forgotten after a day. Whatever
happens, at most one notification leaves in `interval_s`; what is told later is told together.

No clock: instants are given, in Unix seconds. A clock that is set back makes nothing wait longer than its span.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import Any

from eisync.core.model import value
from eisync.core.problems import Problem, ProblemKind

FORGET_S = 24 * 3600.0
"""After this time without a problem, its returns count no longer."""

MAX_DOUBLINGS = 4
FIRST_RETRY_S, LONGEST_RETRY_S = 60.0, 3600.0
DAY_S = 24 * 3600.0


class NotificationKind(Enum):
    """What a notification is about."""

    PROBLEM = "problem"  # something new is wrong
    RECOVERY = "recovery"  # something told before is right again
    DIGEST = "digest"  # the state of things, once a day
    TEST = "test"  # a person tries whether notifications arrive


@value(kw_only=True)
class Patience:
    """How long problems and their ends must last, and how often a notification may leave, in seconds.

    `digest_at` is the time of the daily digest in seconds since midnight, local time; None: there is none.
    """

    after_s: float = 60.0
    calm_s: float = 600.0
    interval_s: float = 300.0
    digest_at: float | None = None


@value(kw_only=True)
class Followed:
    """A problem that a channel follows. `since` is when it came, or came back; `gone_at` when it went; None: it is
    there. `returns` counts how often it came back. `is_told`: the person knows of it, and not of its end."""

    problem: Problem
    since: float
    gone_at: float | None = None
    is_told: bool = False
    returns: int = 0

    @property
    def factor(self) -> float:
        """By how much the waits are longer than the first time."""
        return 2.0 ** min(self.returns, MAX_DOUBLINGS)


@value(kw_only=True)
class Ledger:
    """What a channel follows, by the key of the problem, and when it told something last. `failures` in a row."""

    followed: Mapping[str, Followed] = field(default_factory=dict)
    sent_at: float | None = None
    failures: int = 0
    tried_at: float | None = None
    digest_at: float | None = None


@value(kw_only=True)
class Notification:
    """What is told at once: problems that are new, that ended, and that were told before and remain."""

    kind: NotificationKind
    new: tuple[Problem, ...] = ()
    ended: tuple[Problem, ...] = ()
    open: tuple[Problem, ...] = ()


def observe(ledger: Ledger, found: Iterable[Problem], *, now: float) -> Ledger:
    """Return the ledger after a look that found these problems."""
    present = {problem.key: problem for problem in found}
    followed = {}
    for key in ledger.followed.keys() | present.keys():
        one = _followed(ledger.followed.get(key), present.get(key), now)
        if one is not None:
            followed[key] = one
    return replace(ledger, followed=followed)


def _followed(known: Followed | None, problem: Problem | None, now: float) -> Followed | None:
    if known is None:
        return None if problem is None else Followed(problem=problem, since=now)
    known = replace(
        known, since=min(known.since, now), gone_at=None if known.gone_at is None else min(known.gone_at, now)
    )
    if problem is None:
        if known.gone_at is None:
            # One that was not told leaves nothing behind, unless it is a return of one that was.
            return replace(known, gone_at=now) if known.is_told or known.returns else None
        is_over = not known.is_told and now - known.gone_at >= FORGET_S
        return None if is_over else known
    if known.gone_at is None:
        return replace(known, problem=problem)
    return replace(known, problem=problem, since=now, gone_at=None, returns=known.returns + 1)


def due(ledger: Ledger, patience: Patience, *, now: float, second_of_day: float) -> Notification | None:
    """Return what is to be told now; None when there is nothing, or not yet."""
    if not _may_send(ledger, patience, now):
        return None
    new = [one for one in ledger.followed.values() if _is_new(one, patience, now)]
    ended = [one for one in ledger.followed.values() if _is_ended(one, patience, now)]
    remaining = [one for one in ledger.followed.values() if one.is_told and one.gone_at is None]
    if new or ended:
        kind = NotificationKind.PROBLEM if new else NotificationKind.RECOVERY
    elif _is_digest_due(ledger, patience, now, second_of_day):
        kind = NotificationKind.DIGEST
    else:
        return None
    return Notification(kind=kind, new=_sorted(new), ended=_sorted(ended), open=_sorted(remaining))


def _may_send(ledger: Ledger, patience: Patience, now: float) -> bool:
    if ledger.failures and ledger.tried_at is not None:
        pause_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(ledger.failures - 1, 16))
        if 0.0 <= now - ledger.tried_at < pause_s:
            return False
    return ledger.sent_at is None or not 0.0 <= now - ledger.sent_at < patience.interval_s


def _is_new(one: Followed, patience: Patience, now: float) -> bool:
    return not one.is_told and one.gone_at is None and now - one.since >= patience.after_s * one.factor


def _is_ended(one: Followed, patience: Patience, now: float) -> bool:
    return one.is_told and one.gone_at is not None and now - one.gone_at >= patience.calm_s * one.factor


def _is_digest_due(ledger: Ledger, patience: Patience, now: float, second_of_day: float) -> bool:
    if patience.digest_at is None or ledger.digest_at is None:
        return False
    last_due_at = now - (second_of_day - patience.digest_at) % DAY_S
    return min(ledger.digest_at, now) < last_due_at


def _sorted(found: Iterable[Followed]) -> tuple[Problem, ...]:
    order = list(ProblemKind)
    return tuple(sorted((one.problem for one in found), key=lambda one: (order.index(one.kind), one.about)))


def told(ledger: Ledger, notification: Notification, *, now: float) -> Ledger:
    """Return the ledger after the notification was delivered."""
    followed = dict(ledger.followed)
    for problem in notification.new:
        followed[problem.key] = replace(followed[problem.key], is_told=True)
    for problem in notification.ended:
        followed[problem.key] = replace(followed[problem.key], is_told=False, gone_at=now)
    digest_at = now if notification.kind is NotificationKind.DIGEST else ledger.digest_at
    return Ledger(followed=followed, sent_at=now, tried_at=now, digest_at=digest_at)


def failed(ledger: Ledger, *, now: float) -> Ledger:
    """Return the ledger after a delivery failed. The next one is tried after a pause that grows."""
    return replace(ledger, failures=ledger.failures + 1, tried_at=now)


def begun(ledger: Ledger, *, now: float) -> Ledger:
    """Return the ledger at the start of a process: the first digest comes when its time comes next."""
    return ledger if ledger.digest_at is not None else replace(ledger, digest_at=now)


def sentence(notification: Notification, summary: str) -> str:
    """Return the notification in one line. `summary` is the first sentence of the status."""
    if notification.kind is NotificationKind.TEST:
        return f"This is a test of eisync's notifications. {summary}"
    parts = [one.sentence for one in notification.new]
    if len(parts) > 3:
        parts = [*parts[:3], f"And {len(parts) - 3} more."]
    parts += [f"Over: {one.sentence}" for one in notification.ended[:3]]
    if notification.kind is NotificationKind.PROBLEM:
        return " ".join(parts)
    if notification.kind is NotificationKind.DIGEST:
        parts += [f"Still: {one.sentence}" for one in notification.open[:3]]
    return " ".join([*parts, summary])


def message(notification: Notification, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notification as plain values, for a program. `status` is the record of the operation `status`.

    `text` is the whole in one line, under the name that chat services expect.
    """
    return {
        "text": f"eisync: {sentence(notification, status['sentence'])}",
        "kind": notification.kind.value,
        "problems": [_record(one) for one in notification.new],
        "recovered": [_record(one) for one in notification.ended],
        "open": [_record(one) for one in notification.open],
        "status": status["sentence"],
        "counts": status["counts"],
    }


def _record(problem: Problem) -> dict[str, str]:
    return {"kind": problem.kind.value, "about": problem.about, "sentence": problem.sentence, "next": problem.next}


# What is stored between two processes


def packed(ledger: Ledger) -> dict[str, Any]:
    """Return what outlives the process, as plain values: what was told, and when."""
    return {
        "sent_at": ledger.sent_at,
        "digest_at": ledger.digest_at,
        "followed": [
            {
                **_record(one.problem),
                "since": one.since,
                "gone_at": one.gone_at,
                "is_told": one.is_told,
                "returns": one.returns,
            }
            for one in ledger.followed.values()
            if one.is_told or one.returns or one.gone_at is not None
        ],
    }


def unpacked(stored: object) -> Ledger:
    """Return the ledger that `packed` packed; an empty one for anything else, which at worst repeats a notification."""
    try:
        return _unpacked(stored)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return Ledger()


def _unpacked(stored: Any) -> Ledger:
    followed = [
        Followed(
            problem=Problem(
                kind=ProblemKind(one["kind"]),
                about=str(one["about"]),
                sentence=str(one["sentence"]),
                next=str(one["next"]),
            ),
            since=float(one["since"]),
            gone_at=_instant(one["gone_at"]),
            is_told=bool(one["is_told"]),
            returns=int(one["returns"]),
        )
        for one in stored["followed"]
    ]
    return Ledger(
        followed={one.problem.key: one for one in followed},
        sent_at=_instant(stored["sent_at"]),
        digest_at=_instant(stored["digest_at"]),
    )


def _instant(stored: Any) -> float | None:
    return None if stored is None else float(stored)
