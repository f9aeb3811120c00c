"""The compose files are run, by the commands of the page about containers: `make test-image` runs this."""

import os
import re
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import row, until
from tests.deploy.images import ROOT, USER, Images, why_not

REASON = why_not()
pytestmark = [pytest.mark.image, pytest.mark.timeout(900), pytest.mark.skipif(REASON is not None, reason=REASON or "")]
PAGE = ROOT / "docs/install/docker.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
KEY = "ei_compose"
# deploy/compose.yaml sends to Edge Impulse; here it sends to an emulator on its network.
SERVICE = f"""
services:
  emulator:
    image: eisync:emulator
    command: [emulator, --host, 0.0.0.0, --allow-remote, --no-remote, --key, {KEY}]
  eisync:
    environment:
      EI_API_ENDPOINT: http://emulator:4800/v1
      EI_INGESTION_ENDPOINT: http://emulator:4810
"""


@pytest.fixture
def clone(built: Images, tmp_path: Path) -> Iterator[Path]:
    """A folder with the compose files, as in a clone. What they started is ended."""
    (tmp_path / "deploy").mkdir()
    for file in (ROOT / "deploy").glob("compose*.yaml"):
        shutil.copy(file, tmp_path / "deploy")
    (tmp_path / "service.yaml").write_text(SERVICE)
    yield tmp_path
    built.run("podman", "rm", "--all", "--force", "--time=0")
    built.run("podman", "volume", "prune", "--force")
    built.run("podman", "network", "prune", "--force")


class Terminal:
    """Types the blocks of the page, where its clone lies."""

    def __init__(self, built: Images, clone: Path) -> None:
        self.built = built
        self.clone = clone
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def type(self, lines: str, *, below: str = ".") -> str:
        return self.built.ask(
            "sh",
            "-euc",
            lines,
            cwd=self.clone / below,
            limit_s=180,
            EISYNC_EMULATOR_PORT=str(self.port),
            EISYNC_SERVICE=str(self.clone / "service.yaml"),
        )

    def until_synced(self, file: str) -> None:
        command = ("docker", "compose", "-f", file, "exec", "eisync", "eisync", "status")
        until(
            lambda: (
                0 == self.built.run(*command, cwd=self.clone, EISYNC_SERVICE=f"{self.clone}/service.yaml").returncode
            ),
            within_s=90,
        )


def blocks_of(file: str) -> list[str]:
    return [block for block in BLOCKS if file in block]


def test_the_page_has_the_blocks_that_are_run_here() -> None:
    assert BLOCKS[0] == "make image\n"
    assert ["up", "status"] == [
        re.findall(r"\b(up|status)\b", block)[0] for block in blocks_of("compose.quickstart.yaml")
    ]
    assert ["up", "status"] == [re.findall(r"\b(up|status)\b", block)[0] for block in blocks_of("compose.yaml")]


def test_the_quickstart_uploads_what_is_dropped(built: Images, clone: Path) -> None:
    terminal = Terminal(built, clone)
    start, look = blocks_of("compose.quickstart.yaml")
    drop = BLOCKS[BLOCKS.index(start) + 1]
    terminal.type(start)
    logs = start.splitlines()[-1]
    address = f"http://127.0.0.1:{terminal.port}/"
    until(lambda: address in terminal.type(logs), within_s=30)
    terminal.type(drop)
    terminal.until_synced("deploy/compose.quickstart.yaml")
    with urllib.request.urlopen(address, timeout=10) as page:
        assert 200 == page.status
    assert "in Edge Impulse" in terminal.type(look)
    assert "" == built.ask("podman", "ps", "--quiet")


def test_the_compose_file_is_run_from_the_root_and_asked_from_its_folder(built: Images, clone: Path) -> None:
    terminal = Terminal(built, clone)
    start, look = blocks_of("compose.yaml")
    secret = BLOCKS[BLOCKS.index(start) - 1]
    terminal.type(f"printf '{KEY}\\n' | {{\n{secret}}}")
    key = clone / "deploy/ei_api_key"
    assert (USER, 0o600) == (key.stat().st_uid, key.stat().st_mode & 0o777)
    terminal.type(start)
    (clone / "draft").write_bytes(row(1))
    os.chown(clone / "draft", USER, USER)
    (clone / "draft").rename(clone / "deploy/recordings/wave.1.csv")
    terminal.until_synced("deploy/compose.yaml")
    assert "in Edge Impulse" in terminal.type(look)
    assert "in Edge Impulse" in terminal.type(look.replace("-f deploy/compose.yaml", "-f compose.yaml"), below="deploy")
    [name] = built.ask("podman", "ps", "--filter=name=eisync_eisync", "--format={{.Names}}").split()
    state = built.inspect("container", name)
    facts = built.ask("podman", "exec", name, "cat", "/proc/1/status")
    assert {"CapBnd:\t" + "0" * 16, "NoNewPrivs:\t1", f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}"} <= set(
        facts.splitlines()
    )
    assert state["HostConfig"]["ReadonlyRootfs"] is True
    assert KEY not in built.ask("podman", "inspect", name) + built.ask("podman", "logs", name)
    mounts = {mount["Destination"]: mount for mount in state["Mounts"]}
    assert (str(clone / "deploy/recordings"), False) == (mounts["/recordings"]["Source"], mounts["/recordings"]["RW"])
    assert "eisync_eisync-state" == mounts["/state"]["Name"]
