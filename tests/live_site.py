"""The parts of `eisync run`, without threads, over the emulator: tests change its configuration, and see the effect."""

import io
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eisync.adapters import clock
from eisync.app.machine import App, build
from eisync.app.notifier import Notifier
from eisync.app.reloading import Reloading
from eisync.core.lifecycle import State
from eisync.emulator.server import RunningEmulator
from eisync.log import Style, Threshold, configure
from eisync.settings import LabelFlags, Settings, load
from tests.fakes import Notebook

_NUMBERS = itertools.count(int(time.time()))
WORK_FOR_S = 20.0


class Site:
    """A folder, a configuration, and the `App` that was built from it. `options` are lines of TOML by table."""

    def __init__(self, place: Path, emulator: RunningEmulator, options: dict[str, str], *, listen: bool) -> None:
        self.place = place
        self.emulator = emulator
        self.recordings = place / "recordings"
        self.recordings.mkdir()
        (place / "key").write_text(emulator.key)
        (place / "key").chmod(0o600)
        self.environ = {
            "HOME": str(place),
            "EI_API_ENDPOINT": emulator.studio_url,
            "EI_INGESTION_ENDPOINT": emulator.ingestion_url,
        }
        self.options = options
        self.log = Notebook()
        self.printed = io.StringIO()
        self.threshold, self.style = Threshold("info"), Style("json")
        self.printer = configure(level=self.threshold, style=self.style, stream=self.printed)
        self.app: App = build(self.read(options), log=self.log, listen=listen)
        self.reloading = Reloading(self.app, lambda: self.read(self.options), self.threshold, self.style)

    def read(self, options: dict[str, str]) -> Settings:
        tables = {"target": 'api_key_file = "key"', "watch": "", **options}
        if "settle_s" not in tables["watch"]:
            tables["watch"] += "\nsettle_s = 0.0"
        lines = [f'[[watch]]\npath = "recordings"\n{tables.pop("watch")}', f"[[target]]\n{tables.pop('target')}"]
        file = self.place / "eisync.toml"
        file.write_text("\n".join([*lines, *(f"[{table}]\n{text}" for table, text in tables.items())]) + "\n")
        file.chmod(0o600)
        return load(
            config=str(file),
            state_dir=str(self.place / "state"),
            labels=LabelFlags(),
            environ=self.environ,
            cwd=str(self.place),
        )

    def reload(self, options: dict[str, str]) -> dict[str, Any]:
        self.options = options
        return self.reloading.reload()

    # Files

    def drop(self, name: str = "", content: bytes | None = None, *, age_s: float = 100.0) -> str:
        """Write a file that has not changed for a while; without a content, one that no other file has."""
        number = next(_NUMBERS)
        name = name or f"wave.{number}.csv"
        path = self.recordings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"timestamp,accX\n0,{number}\n10,{number}\n".encode() if content is None else content)
        os.utime(path, (time.time() - age_s,) * 2)
        return name

    def of(self, name: str) -> dict[str, Any] | None:
        """What `eisync ls` says of the file, after the watcher has looked at everything; None: it is left out."""
        self.watch()
        found = [one for one in self.app.operations.answer({"do": "files"}) if one.get("path") == name]
        return found[0] if found else None

    def state_of(self, name: str) -> str | None:
        found = self.of(name)
        return None if found is None else str(found["state"])

    # Work

    def watch(self) -> None:
        """Scan everything, and check what is found."""
        self.app.watcher.tick(clock.now())
        self.app.watcher.scan_now(None)
        self.work(lambda: self.app.watcher.tick(clock.now()) > 0.0)

    def upload(self, *names: str) -> None:
        """Send what waits."""
        self.watch()

        def is_done() -> bool:
            self.app.uploader.tick(clock.now())
            time.sleep(0.002)
            return self.app.uploader.is_idle and not self.app.uploader.is_checking_project and not self.app.pending()

        self.work(is_done)
        for name in names:
            assert State.SYNCED.value == self.state_of(name)

    def begin_upload(self) -> list[str]:
        """Send the first requests. Return the files that are under way then."""
        self.watch()

        def is_begun() -> bool:
            self.app.uploader.tick(clock.now())
            return bool(self.app.uploader._in_flight)

        self.work(is_begun)
        return [item.path for one in self.app.uploader._in_flight.values() for item in one.request.items]

    def end_upload(self) -> None:
        """Take the answers of the requests that are under way."""

        def is_ended() -> bool:
            self.app.uploader.tick(clock.now())
            return not self.app.uploader._in_flight

        self.work(is_ended)

    def compare(self, *, sweeps: bool = True) -> dict[str, Any]:
        """Compare with the project in a pass. Return its report."""
        assert self.app.reconciler is not None
        ticket = self.app.reconciler.ask_pass(sweeps=sweeps)
        self.work(lambda: self.app.reconciler is not None and self.app.reconciler.tick(clock.now()) > 0.0)
        [report] = self.app.reconciler.report(ticket) or [{}]
        assert report["trouble"] is None, report
        return report

    def retain(self) -> None:
        """Remove what the retention removes, in a pass."""
        self.app.retention.pass_now()
        self.work(lambda: self.app.retention.tick(clock.now()) > 0.0)

    def work(self, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WORK_FOR_S
        while not is_done():
            assert time.monotonic() < deadline, self.log.events()

    # The service

    def requests(self) -> int:
        return int(self.emulator.ledger()["requests"])

    def delete_sample(self, name: str) -> None:
        """A person deletes the sample of the file in Studio."""
        found = self.of(name)
        assert found is not None
        [sample_id] = found["sample_ids"]
        self.app.services["main"].delete(sample_id)

    # Notifications

    def notify(self, status: dict[str, Any]) -> None:
        """Have the process tell of this status, as `eisync run` tells of its own."""
        self.app.notifier = Notifier(self.app.settings, lambda: status, lambda _: False, self.log)
        self.told_at = 1_800_000_000.0

    def told(self, for_s: float = 1.0) -> list[tuple[str, str]]:
        """Let the notifier run for a while by its own clock. Return the channels and kinds that it tried."""
        assert self.app.notifier is not None
        begun, until = len(self.log.lines), self.told_at + for_s
        while self.told_at < until:
            self.told_at += min(self.app.notifier._loop.tick(self.told_at), until - self.told_at)
        lines = [one for one in self.log.lines[begun:] if one.event in ("notification.sent", "notification.failed")]
        return [(one.event.removeprefix("notification."), one.fields["channel"]) for one in lines]


@contextmanager
def site_at(place: Path, emulator: RunningEmulator, options: dict[str, str], *, listen: bool = False) -> Iterator[Site]:
    site = Site(place, emulator, options, listen=listen)
    try:
        yield site
    finally:
        site.app.close()


def json_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
