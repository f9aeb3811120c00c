"""The list of files: search, filters and pages; and how many files each class has.

It is a plain form, so that every list has an address and works without JavaScript.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from werkzeug.wrappers import Response

from eisync.core.file_status import UNREADABLE
from eisync.core.lifecycle import State
from eisync.core.model import Category
from eisync.web.context import Context, Route, packed, unpacked
from eisync.web.file_link import page_of, record_of

Record = dict[str, Any]

PAGE = 50
MAX_QUESTIONS = 20
ASK_FOR_S = 0.4
"""Ask for more files during this time, at most so often, until the page is full."""
LONGEST = 500
"""The most characters of a text that is searched."""
SORTS = {"newest": "Newest first", "oldest": "Oldest first", "path": "By path", "size": "Largest first"}
NO_LABEL = "-"
MAX_CLASSES = 60
MAX_DIFFERENCES = 50


def page(context: Context) -> Response:
    """Return the list, filtered and sorted as the address says."""
    chosen = _chosen(context)
    files, after = _page(context, _question(chosen))
    further = {**chosen, "after": after} if after is not None else None
    return context.page(
        "files.html",
        files=[{**record_of(one), "address": page_of(one["root"], one["path"])} for one in files],
        chosen=chosen,
        is_filtered=any(chosen[name] for name in chosen if name not in ("sort", "after")),
        next_address="" if further is None else address_of(further),
        first_address=address_of({**chosen, "after": ""}),
        folders=_folders(context),
        states=[*(state.value for state in State), UNREADABLE],
        categories=[category.value for category in Category],
        sorts=SORTS,
        no_label=NO_LABEL,
    )


def _page(context: Context, question: Record) -> tuple[list[Record], str | None]:
    """Return the files of a page, and the place after which the next one begins; None after the last.

    A question looks through a part of the files only. Where few files match, ask on for a moment.
    """
    files: list[Record] = []
    began_at = context.services.now()
    for _ in range(MAX_QUESTIONS):
        *found, end = context.ask(do="files", limit=PAGE - len(files), **question)
        files += found
        question = {**question, "after": end["after"]}
        is_over = not 0 <= context.services.now() - began_at < ASK_FOR_S
        if end["after"] is None or len(files) >= PAGE or is_over:
            break
    return files, question["after"]


def classes(context: Context) -> Response:
    """Return how many files each label has in each category, and which labels differ in the project."""
    records = list(context.ask(do="classes"))
    counted = records[-1]
    found = _classes(one for one in records if one["what"] == "class")
    differences = [one for one in records if one["what"] == "difference"]
    return context.page(
        "classes.html",
        classes=found[:MAX_CLASSES],
        more_classes=max(0, len(found) - MAX_CLASSES),
        most=max((one["files"] for one in found), default=1) or 1,
        differences=[{**one, "address": page_of(one["root"], one["path"])} for one in differences[:MAX_DIFFERENCES]],
        more_differences=max(0, len(differences) - MAX_DIFFERENCES) + counted["more_differences"],
        counted=counted,
        share=round(100 * counted["share"]),
        differs_address=address_of({"differs": "1"}),
    )


def address_of(chosen: Record) -> str:
    """Return the address of the list with these filters."""
    given = {name: text for name, text in chosen.items() if text}
    return f"/files?{urlencode(given)}" if given else "/files"


def _chosen(context: Context) -> Record:
    """Return what the form has: a text for each of its fields, empty where nothing was chosen."""
    arguments = context.request.args
    names = ("search", "state", "label", "category", "folder", "problem", "differs", "sort", "after")
    chosen = {name: arguments.get(name, "") for name in names}
    chosen |= {name: chosen[name][:LONGEST] for name in ("search", "label")}
    return {**chosen, "sort": chosen["sort"] if chosen["sort"] in SORTS else "newest"}


def _question(chosen: Record) -> Record:
    texts = {name: chosen[name] for name in ("state", "category", "search", "sort", "after") if chosen[name]}
    flags = {name: True for name in ("problem", "differs") if chosen[name]}
    label = {"label": "" if chosen["label"] == NO_LABEL else chosen["label"]} if chosen["label"] else {}
    folder = {"folder": unpacked(chosen["folder"])} if chosen["folder"] else {}
    return {**texts, **flags, **label, **folder}


def _folders(context: Context) -> list[Record]:
    watched = context.ask_one(do="watched")
    return [{"path": one["path"], "value": packed(one["path"])} for one in watched["known"]]


def _classes(records: Iterable[Record]) -> list[Record]:
    """Return the labels, the one with the most files first, each with its files in every category."""
    labels: dict[tuple[str | None, bool], Record] = {}
    for one in records:
        key = (one["label"], one["is_described"])
        label = labels.setdefault(key, {"label": one["label"], "is_described": one["is_described"], "categories": []})
        files = one["synced"] + one["waiting"]
        label["categories"].append({"category": one["category"], "files": files, "waiting": one["waiting"]})
    for label in labels.values():
        label["files"] = sum(one["files"] for one in label["categories"])
        label["categories"].sort(key=lambda one: one["category"])
        filters = {"label": NO_LABEL if not label["label"] else label["label"]}
        for one in label["categories"]:
            one["address"] = address_of({**filters, "category": one["category"]})
        label["address"] = address_of(filters)
    return sorted(labels.values(), key=lambda one: (-one["files"], one["label"] or ""))


ROUTES = (Route(path="/files", handler=page), Route(path="/classes", handler=classes))
