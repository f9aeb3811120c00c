"""Load the settings from file, environment and flags, or report all faults.

Each table is validated by itself. If it has faults, the faulty options are left out and the rest is validated again, so
that a misspelt key on line 3 does not hide a missing folder on line 9.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from eisync import paths
from eisync.errors import ConfigurationError
from eisync.settings.arguments import Arguments, Checked, LabelFlags, chosen
from eisync.settings.effects import effects_of
from eisync.settings.keys import KeySource, find_key
from eisync.settings.models import TABLES, LogOptions, Reconcile, Settings, StateOptions, Upload
from eisync.settings.notify import Notify
from eisync.settings.overruled import overruled
from eisync.settings.problems import Location, bracketed, did_you_mean, fault_text, several, unknown_key
from eisync.settings.roots import Roots
from eisync.settings.sources import ENDPOINTS, HOST, OptionSource, address_at, read
from eisync.settings.table import Table
from eisync.settings.warnings import clear_text_warnings, state_warnings
from eisync.settings.watch import DEFAULT_TARGET, Target, Watch
from eisync.settings.web import Web

_T = TypeVar("_T", bound=Table)


def load(
    *,
    config: str | None = None,
    state_dir: str | None = None,
    dirs: Sequence[str] = (),
    takes_files: bool = False,
    labels: LabelFlags | None = None,
    scheduler: str | None = None,
    api_key_file: str | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
    need_watch: bool = True,
    need_key: bool = True,
) -> Settings:
    """Return the settings of this run. Flags win over the environment, which wins over the file.

    `dirs` are the folders from the command line. If there are any, only they are watched, each with the settings of its
    own [[watch]] table if there is one. With `takes_files` they may be files: then nothing else of their folders is
    uploaded. `labels` and `scheduler` win over what the file says of them. Without `need_watch`, there may be no
    folder, and folders may be missing. Without `need_key`, the keys are not searched for. Raises ConfigurationError
    with one sentence for each fault, never with a key in it.
    """
    environ = os.environ if environ is None else environ
    arguments = Arguments(places=dirs, takes_files=takes_files, labels=labels or LabelFlags(), scheduler=scheduler)
    return _Loading(read(config, environ, cwd), state_dir, arguments, api_key_file, need_watch, need_key).settings()


def load_with_source(config: str | None, state_dir: str | None, key_file: str | None) -> tuple[Settings, OptionSource]:
    """Return the settings of a run without further arguments, and what they were read from. Raises as `load` does.

    Where only an API key is missing or broken, the settings have no keys.
    """
    arguments = Arguments(places=(), takes_files=False, labels=LabelFlags())

    def loaded(*, need_key: bool) -> tuple[Settings, OptionSource]:
        source = read(config, os.environ, None)
        return _Loading(source, state_dir, arguments, key_file, need_watch=False, need_key=need_key).settings(), source

    try:
        return loaded(need_key=True)
    except ConfigurationError:
        return loaded(need_key=False)


class _Loading:
    """One load: the source, the flags and the faults so far."""

    def __init__(
        self,
        source: OptionSource,
        state_dir: str | None,
        arguments: Arguments,
        api_key_file: str | None,
        need_watch: bool,
        need_key: bool,
    ) -> None:
        self.source = source
        self.faults = source.faults
        self.state_flag = state_dir
        self.arguments = arguments
        self.key_flag = api_key_file
        self.need_watch = need_watch
        self.need_key = need_key
        self.base = os.path.dirname(source.file) if source.file else source.cwd

    def settings(self) -> Settings:
        for key in self.source.document:
            if key not in TABLES:
                self.faults.add((key,), unknown_key((key,)))
        targets = self.targets()
        watches = self.watches(targets)
        upload, reconcile = self.upload(), self.section(Reconcile)
        web, notify, log = self.section(Web), self.section(Notify), self.section(LogOptions)
        if reconcile is not None and not reconcile.enabled:
            self.check_effects(watches)
        state = self.state()
        keys = self.keys(targets) if self.need_key else {}
        if notify is not None and self.need_key:
            self.check_webhook(notify)
        sentences = self.faults.sentences()
        if sentences:
            raise ConfigurationError(*sentences)
        assert upload is not None
        assert reconcile is not None
        assert web is not None
        assert notify is not None
        assert log is not None
        assert state is not None
        opened = tuple(checked.table for checked in targets)
        return Settings(
            targets=opened,
            watches=watches,
            upload=upload,
            state=state,
            reconcile=reconcile,
            web=web,
            notify=notify,
            log=log,
            warnings=(
                *clear_text_warnings(opened),
                *state_warnings(state, watches),
                *dict.fromkeys(filter(None, [notify.warning(), *(source.warning() for source in keys.values())])),
            ),
            config_file=Path(self.source.file) if self.source.file else None,
            keys=keys,
            overruled=overruled(self.source, self.arguments, self.state_flag, opened, watches, keys),
        )

    # Tables

    def upload(self) -> Upload | None:
        """Return how files are uploaded; the scheduler of the command line wins."""
        scheduler = self.arguments.scheduler
        if scheduler is None:
            return self.section(Upload)
        self.faults.came_from(("upload", "scheduler"), "--scheduler")
        return self.section(Upload, {"scheduler": scheduler})

    def section(self, model: type[_T], flags: Mapping[str, object] | None = None, **defaults: object) -> _T | None:
        """Return a table that occurs once, from the file, the environment and `flags`; None when it cannot be read."""
        name = next(table for table, kind in TABLES.items() if kind is model)
        written = self.source.document.get(name, {})
        if not isinstance(written, dict):
            self.faults.add((name,), f"must be a table: write {bracketed(name)}")
            written = {}
        checked = self.validated(
            model, {**defaults, **written, **self.source.overlay.get(name, {}), **(flags or {})}, (name,)
        )
        return checked.table if checked else None

    def array(self, name: str) -> list[tuple[Location, dict[str, Any]]]:
        """Return the tables of a name that can occur several times, each with its location."""
        written = self.source.document.get(name, [])
        if isinstance(written, list) and all(isinstance(table, dict) for table in written):
            return [((name, index), dict(table)) for index, table in enumerate(written)]
        self.faults.add((name,), several(name))
        return []

    def validated(self, model: type[_T], written: Mapping[str, Any], location: Location) -> Checked | None:
        """Return the table without the options that have faults; None when it needs one of them."""
        dropped: set[str] = set()
        context = {"base": self.base, "environ": self.source.environ}
        for _ in range(2):
            kept = {option: value for option, value in written.items() if option not in dropped}
            try:
                return Checked(location, model.model_validate(kept, context=context), frozenset(dropped))
            except ValidationError as error:
                for fault in error.errors(include_url=False, include_input=False):
                    if dropped.isdisjoint(str(part) for part in fault["loc"][:1]):
                        self.faults.add((*location, *fault["loc"]), fault_text(fault, (*location, *fault["loc"])))
                dropped |= {str(fault["loc"][0]) for fault in error.errors(include_input=False) if fault["loc"]}
        return None

    # Targets and keys

    def targets(self) -> list[Checked]:
        tables = self.array("target")
        if not self.source.document.get("target"):
            tables = [(("target", 0), {})]
        for location, table in tables:
            self.add_endpoints(table, location, alone=len(tables) == 1)
        targets = [checked for location, table in tables if (checked := self.validated(Target, table, location))]
        first: dict[str, str] = {}
        for checked in targets:
            name = checked.table.name
            if name in first and "name" not in checked.dropped:
                self.faults.add(
                    (*checked.location, "name"), f'"{name}" is also the name of {first[name]}: give each its own'
                )
            first.setdefault(name, f"target[{checked.location[1]}]")
        for checked in targets:
            self.check_target(checked)
        return targets

    def add_endpoints(self, table: dict[str, Any], location: Location, *, alone: bool) -> None:
        """Add the addresses from the environment. If there are several targets, a target's own addresses win."""
        for option, variable in ENDPOINTS.items():
            value = self.source.environ.get(variable)
            if value and (alone or option not in table):
                table[option] = value
                self.faults.came_from((*location, option), variable)
            elif option not in table and self.source.environ.get(HOST):
                table[option] = address_at(self.source.environ[HOST], option)
                self.faults.came_from((*location, option), HOST)

    def check_target(self, checked: Checked) -> None:
        """Check the files that the target names."""
        target: Target = checked.table
        if target.ca_file is not None and not os.access(target.ca_file, os.R_OK):
            self.faults.add((*checked.location, "ca_file"), f"the file {target.ca_file} is missing or cannot be read")
        if target.api_key is not None and self.source.file and not _is_private(self.source.file):
            self.faults.add(
                (*checked.location, "api_key"),
                f'other users can read this file: run "chmod 600 {self.source.name}", or put the key in its own '
                "file and name that file in api_key_file",
            )

    def keys(self, targets: Sequence[Checked]) -> dict[str, KeySource]:
        """Return where each target's key comes from. Read each key once, to find missing and broken keys now."""
        found = {}
        for checked in targets:
            if not checked.dropped.isdisjoint(("name", "api_key", "api_key_file")):
                continue
            try:
                source = find_key(
                    checked.table,
                    api_key_file=self.key_flag,
                    environ=self.source.environ,
                    cwd=self.source.cwd,
                    own_first=len(targets) > 1,
                    config_name=self.source.name,
                )
                source.read()
            except ConfigurationError as error:
                self.faults.say(str(error))
            else:
                found[checked.table.name] = source
        return found

    def check_webhook(self, notify: Notify) -> None:
        """Read the address of the webhook once, to find a missing one now and not with the first problem."""
        try:
            notify.webhook_url()
        except ValueError as error:
            self.faults.add(("notify", "webhook_file"), str(error))

    # Folders

    def watches(self, targets: Sequence[Checked]) -> tuple[Watch, ...]:
        written = []
        for location, table in self.array("watch"):
            names_target = "target" in table
            if not names_target:
                table["target"] = self.only_target(targets, location)
            checked = self.validated(Watch, table, location)
            self.check_place(table.get("path"), location)
            if checked:
                written.append(checked)
                if names_target:
                    self.check_target_name(checked, targets)
        if self.need_watch and not self.arguments.places and self.source.document.get("watch", []) == []:
            place = self.source.name
            self.faults.say(f"there is no folder to watch: name one (eisync run DIR) or add a [[watch]] to {place}")
        names = [checked.table.name for checked in targets]
        found = chosen(self.arguments, written, names, cwd=self.source.cwd, faults=self.faults)
        roots = Roots(self.faults)
        for argument, checked in found:
            roots.add(str(checked.table.path), checked.location, argument=argument, must_exist=self.need_watch)
        for argument, checked in found:
            archive = checked.table.after_upload.archive
            if archive is not None:
                roots.add_archive(archive, checked.location, argument=argument)
        return tuple(checked.table for _, checked in found)

    def check_place(self, path: object, location: Location) -> None:
        """Report a relative path in a file of /etc, where nobody keeps recordings: it was copied from an example."""
        is_relative = isinstance(path, str) and path and not path.startswith("~") and not os.path.isabs(path)
        if is_relative and paths.is_system_file(self.source.file):
            whole = os.path.normpath(os.path.join(self.base, str(path)))
            self.faults.add(
                (*location, "path"),
                f'"{path}" would be {whole}: write the whole path of the folder, such as /srv/recordings',
            )

    def only_target(self, targets: Sequence[Checked], location: Location) -> str:
        """Return the target of a folder that names none. Report a fault when there are several."""
        if len(targets) > 1:
            names = _listed(checked.table.name for checked in targets)
            self.faults.add((*location, "target"), f"is missing: there are several targets; name one of {names}")
        return targets[0].table.name if targets else DEFAULT_TARGET

    def check_target_name(self, checked: Checked, targets: Sequence[Checked]) -> None:
        """Check that a watch names an existing target. Skip this when the name of any target has a fault."""
        names = [target.table.name for target in targets]
        if "target" in checked.dropped or not names or any("name" in target.dropped for target in targets):
            return
        if checked.table.target not in names:
            hint = did_you_mean(checked.table.target, names) or f": there is {_listed(names)}"
            self.faults.add((*checked.location, "target"), f'there is no target "{checked.table.target}"{hint}')

    def check_effects(self, watches: Sequence[Watch]) -> None:
        """Report options that delete or change something, because eisync must compare with the service first."""
        for watch in watches:
            for name, value in effects_of(watch):
                self.faults.say(
                    f'{watch.path}: {name} = "{value}" needs reconcile.enabled = true: eisync deletes, moves '
                    "and replaces nothing without comparing with the service"
                )

    # State

    def state(self) -> StateOptions | None:
        options = self.section(StateOptions, dir=".")
        if options is None:
            return None
        try:
            found = paths.state_dir(
                self.state_flag, config=self.source.file, environ=self.source.environ, cwd=self.source.cwd
            )
        except ConfigurationError as error:
            self.faults.say(str(error))
            return None
        return StateOptions(dir=Path(found), group=options.group)


def _is_private(path: str) -> bool:
    facts = os.stat(path)
    return sys.platform == "win32" or (facts.st_mode & 0o077 == 0 and facts.st_uid == os.geteuid())


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
