"""Apply a command line to the folders of the configuration: it names folders, single files, and how to label them."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eisync import paths
from eisync.core.model import value
from eisync.settings.problems import Location, Problems, fault_text
from eisync.settings.roots import contains
from eisync.settings.split import WatchSplit
from eisync.settings.watch import DEFAULT_TARGET, Watch, WatchRule

_FLAGS = {"by": "--split-by", "testing": "--testing", "validation": "--validation"}


@value(kw_only=True)
class LabelFlags:
    """The options of `[[watch]]` that a command line can give; they win over the configuration. None: not given."""

    label: str | None = None
    category: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    annotations: str | None = None
    split: Mapping[str, Any] = field(default_factory=dict)  # the options of `[watch.split]`

    def given(self) -> dict[str, Any]:
        """Return the options that are given."""
        every = {"label": self.label, "category": self.category, "metadata": dict(self.metadata) or None}
        return {name: value for name, value in every.items() if value is not None}

    def applied(self, watch: Watch, faults: Problems) -> Watch:
        """Return the folder with these options. Where it has rules, they become its first rule and so win over them."""
        if self.annotations is not None:
            watch = self._with_annotations(watch, self.annotations, faults)
        watch = self._divided(watch, faults)
        given = self.given()
        if not given:
            return watch
        try:
            rule = WatchRule.model_validate(given)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                faults.say(f"--{fault['loc'][0]}: {fault_text(fault, ('watch', *fault['loc']))}")
            return watch
        if watch.rule:
            return watch.model_copy(update={"rule": (rule, *watch.rule)})
        return watch.model_copy(update={**given, "metadata": {**watch.metadata, **self.metadata}})

    def _with_annotations(self, watch: Watch, annotations: str, faults: Problems) -> Watch:
        try:
            Watch.model_validate({"path": "x", "annotations": annotations})
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                faults.say(f"--annotations: {fault_text(fault, ('watch', *fault['loc']))}")
            return watch
        return watch.model_copy(update={"annotations": annotations})

    def _divided(self, watch: Watch, faults: Problems) -> Watch:
        """Return the folder with the options of its split."""
        if not self.split:
            return watch
        before = {} if watch.split is None else watch.split.model_dump()
        try:
            return watch.model_copy(update={"split": WatchSplit.model_validate({**before, **self.split})})
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                flag = _FLAGS.get(str(fault["loc"][0]), "--split-by") if fault["loc"] else "--split-by"
                faults.say(f"{flag}: {fault_text(fault, ('watch', 'split', *fault['loc']))}")
            return watch


@value(kw_only=True)
class Arguments:
    """What a command line names. With `takes_files`, `places` may be single files beside folders.

    `scheduler`: the address of a Dask scheduler; None: not given.
    """

    places: Sequence[str] = ()
    takes_files: bool = False
    labels: LabelFlags = LabelFlags()
    scheduler: str | None = None


@value
class Checked:
    """A table that could be read, and its location. `dropped` are its options with faults."""

    location: Location
    table: Any
    dropped: frozenset[str]


def chosen(
    arguments: Arguments, written: Sequence[Checked], targets: Sequence[str], *, cwd: str, faults: Problems
) -> list[tuple[str, Checked]]:
    """Return the folders of this run, each with the argument that names it: those of the command line, if it has any.

    `written` are the folders of the configuration, and `targets` the names of its projects.
    """
    if not arguments.places:
        found = [("", checked) for checked in written]
    else:
        found = list(_named(arguments, written, targets, cwd, faults))
    return [
        (text, Checked(one.location, arguments.labels.applied(one.table, faults), one.dropped)) for text, one in found
    ]


def _named(
    arguments: Arguments, written: Sequence[Checked], targets: Sequence[str], cwd: str, faults: Problems
) -> Iterator[tuple[str, Checked]]:
    by_path = {os.path.realpath(checked.table.path): checked for checked in written}
    files: dict[str, tuple[str, Checked, list[str]]] = {}  # by folder
    for text in arguments.places:
        if not text:  # an unset variable of a shell script must not become the current folder
            faults.say("a folder on the command line has an empty name: remove it")
            continue
        # Do not pass the name through pydantic's str, which refuses names that are not UTF-8.
        path = paths.absolute(text, cwd=cwd)
        if not (arguments.takes_files and os.path.isfile(path)):
            yield text, by_path.get(os.path.realpath(path)) or _unwritten(text, path, targets, faults)
        elif os.path.islink(path):
            faults.say(f"{text} is a link, and eisync follows none: name the file that it leads to")
        else:
            folder = os.path.realpath(os.path.dirname(path))
            root = next((one for one in by_path if one == folder or contains(one, folder)), folder)
            if root not in files:
                own = by_path.get(root) or _unwritten(text, os.path.dirname(path), targets, faults)
                files[root] = (text, own, [])
            files[root][2].append(os.path.relpath(os.path.join(folder, os.path.basename(path)), root))
    for text, own, names in files.values():
        yield text, Checked(own.location, own.table.only_files(names), own.dropped)


def _unwritten(text: str, path: str, targets: Sequence[str], faults: Problems) -> Checked:
    """Return a folder without a table of its own."""
    if len(targets) > 1:
        faults.say(f"{text}: there are several targets: give this folder a [[watch]] that names its target")
    target = targets[0] if targets else DEFAULT_TARGET
    return Checked((), Watch(path=Path(path), target=target), frozenset())


def metadata_of(pairs: Iterable[str]) -> dict[str, str]:
    """Return the metadata that a command line gives as `NAME=TEXT`. Raises ValueError for any other form.

    >>> metadata_of(["site=lab 3", "formula=a=b"])
    {'site': 'lab 3', 'formula': 'a=b'}
    """
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise ValueError(f"{pair!r} is no metadata: write NAME=TEXT")
        found[name] = text
    return found
