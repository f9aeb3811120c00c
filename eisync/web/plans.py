"""What waits for a person's approval, item by item. A decision is about exactly the items that were shown.

A plan keeps its number only while its items stay the same: when a pass proposes others, they are another plan.
"""

from contextlib import suppress

from werkzeug.wrappers import Response

from eisync.core.text import amount
from eisync.errors import ConfigurationError
from eisync.web.context import Context, Route

PAGE = 100


def show(context: Context) -> Response:
    """Return a page of the items of a plan."""
    number, after = context.arguments["number"], _after(context)
    plan, *actions = context.ask(do="plan", plan=number, after=after, limit=PAGE + 1)
    has_more = len(actions) > PAGE
    return context.page("plan.html", plan=plan, actions=actions[:PAGE], has_more=has_more, is_first=not after)


def approve(context: Context) -> Response:
    """Have the plan carried out."""
    return _decide(context, is_approved=True)


def reject(context: Context) -> Response:
    """Have the plan dropped."""
    return _decide(context, is_approved=False)


def _decide(context: Context, *, is_approved: bool) -> Response:
    decided = context.ask_one(do="decide", plan=context.arguments["number"], approve=is_approved)
    with suppress(ConfigurationError):  # nothing is compared: the next run carries it out
        context.ask_one(do="reconcile")
    context.services.snapshots.forget()
    word = "approved; eisync carries it out now" if is_approved else "rejected"
    return context.done(f"Plan {decided['plan']} with {amount(decided['actions'], 'action')} is {word}.")


def _after(context: Context) -> int:
    given = context.request.args.get("after", "0")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 18 else 0


ROUTES = (
    Route(path="/plans/<int:number>", handler=show),
    Route(path="/plans/<int:number>/approve", handler=approve, method="POST"),
    Route(path="/plans/<int:number>/reject", handler=reject, method="POST"),
)
