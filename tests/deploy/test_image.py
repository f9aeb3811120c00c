"""The images are built and run as a container of eisync should be run: `make test-image` runs this."""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from eisync.emulator.server import RunningEmulator
from tests.canary import CANARY
from tests.conftest import row, sha256, until
from tests.deploy.images import BASE_IMAGE, CONFINED, ROOT, USER, Done, Images, why_not

REASON = why_not()
pytestmark = [pytest.mark.image, pytest.mark.timeout(900), pytest.mark.skipif(REASON is not None, reason=REASON or "")]
MB = 1_000_000
GRACE_S = 30


class Daemon:
    """A container that runs `eisync run /recordings`, confined, as the user 10001, with a volume for the state."""

    def __init__(self, built: Images, service: RunningEmulator, place: Path) -> None:
        self.built = built
        self.recordings = place / "recordings"
        self.recordings.mkdir()
        os.chown(self.recordings, USER, USER)
        key = place / "key"
        key.write_text(f"{CANARY}\n")
        key.chmod(0o400)
        os.chown(key, USER, USER)
        self.name = "daemon"
        built.ask(
            *("podman", "run", "--detach", f"--name={self.name}", "--network=host", *CONFINED),
            *(f"--stop-timeout={GRACE_S}", "--env=EISYNC_LOG__FORMAT=json", "--env=EISYNC_WEB__PORT=0"),
            *(f"--env=EI_API_ENDPOINT={service.studio_url}", f"--env=EI_INGESTION_ENDPOINT={service.ingestion_url}"),
            *(f"--volume={self.recordings}:/recordings:ro", "--volume=state:/state"),
            *(f"--volume={key}:/run/secrets/ei_api_key:ro", "eisync"),
        )

    def write(self, name: str, content: bytes) -> None:
        """Bring a whole file of the container's own user into the folder."""
        draft = self.recordings.parent / "draft"
        draft.write_bytes(content)
        os.chown(draft, USER, USER)
        draft.rename(self.recordings / name)

    def exec(self, *command: str) -> Done:
        return self.built.run("podman", "exec", self.name, *command)

    def states(self) -> dict[str, str]:
        records = map(json.loads, self.exec("eisync", "ls", "--json").stdout.splitlines())
        return {record["path"]: record["state"] for record in records}

    def log(self) -> str:
        done = self.built.run("podman", "logs", self.name)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def daemon(built: Images, service: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    found = Daemon(built, service, tmp_path_factory.mktemp("daemon"))
    try:
        until(lambda: 0 == found.exec("eisync", "healthcheck").returncode, within_s=60)
        yield found
    finally:
        built.run("podman", "rm", "--force", "--time=0", found.name)


def test_beyond_their_base_the_images_are_under_60_megabytes(built: Images) -> None:
    sizes = {name: int(built.inspect("image", name)["Size"]) for name in ("eisync", "eisync:emulator", BASE_IMAGE)}
    base = sizes.pop(BASE_IMAGE)
    beyond = {name: round((size - base) / MB, 1) for name, size in sizes.items()}
    assert {} == {name: size for name, size in beyond.items() if not 10 < size < 60}


def test_the_same_source_makes_the_same_layers(built: Images) -> None:
    built.build(image="again", arguments="--no-cache")
    for name in ("eisync", "eisync:emulator"):
        layers = [built.inspect("image", one)["RootFS"]["Layers"] for one in (name, name.replace("eisync", "again", 1))]
        assert layers[0] == layers[1]


def test_nothing_is_compiled_at_run_time(built: Images) -> None:
    """Everything that is imported has bytecode that is valid, or each start would compile it anew."""
    command = ["podman", "run", "--rm", "--entrypoint=python", *CONFINED, "eisync"]
    said = built.run(*command, "-v", "-c", "import eisync.cli.run").stderr
    assert [] == re.findall(r"# code object from /opt/.*", said)  # from a source, not from bytecode
    assert "matches /opt/eisync/lib" in said


def test_a_dropped_file_is_uploaded(daemon: Daemon, service: RunningEmulator) -> None:
    daemon.write("wave.1.csv", row(1))
    until(lambda: {sha256(row(1)): 1} == service.ledger()["stored_by_hash"], within_s=60)
    until(lambda: 0 == daemon.exec("eisync", "status").returncode)


def test_the_container_may_do_nothing_but_its_work(daemon: Daemon) -> None:
    facts = dict(re.findall(r"^(\w+):\s+(\S+)", daemon.exec("cat", "/proc/1/status").stdout, re.MULTILINE))
    nothing = "0" * 16
    assert {
        "Uid": str(USER),
        "Gid": str(USER),
        "CapEff": nothing,
        "CapPrm": nothing,
        "CapBnd": nothing,
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }.items() <= facts.items()
    for place in ("/", "/opt/eisync", "/recordings", "/etc"):
        assert "Read-only file system" in daemon.exec("touch", f"{place}/new").stderr
    assert 0 == daemon.exec("touch", "/tmp/new").returncode


def test_a_daemon_that_hangs_is_not_healthy(daemon: Daemon) -> None:
    daemon.built.ask("podman", "kill", "--signal=STOP", daemon.name)
    try:
        codes = [daemon.exec("eisync", "healthcheck", *more).returncode for more in ([], ["--live"])]
    finally:
        daemon.built.ask("podman", "kill", "--signal=CONT", daemon.name)
    assert [69, 69] == codes
    until(lambda: [0, 0] == [daemon.exec("eisync", "healthcheck", *more).returncode for more in ([], ["--live"])])
    assert ["CMD", "eisync", "healthcheck"] == daemon.built.inspect("image", "eisync")["Healthcheck"]["Test"]


def test_a_stop_during_an_upload_is_clean_and_nothing_is_sent_twice(daemon: Daemon, service: RunningEmulator) -> None:
    before = service.ledger()["stored_by_hash"]
    contents = [row(number) for number in range(100, 103)]
    service.set_faults({"where": "ingestion", "kind": "latency", "seconds": 4})
    for number, content in enumerate(contents):
        daemon.write(f"shake.{number}.csv", content)
    until(lambda: "sending" in daemon.states().values(), within_s=60)
    began = time.monotonic()
    daemon.built.ask("podman", "stop", f"--time={GRACE_S}", daemon.name)
    assert time.monotonic() - began < GRACE_S
    assert ("exited", 0) == tuple(
        daemon.built.inspect("container", daemon.name)["State"][x] for x in ("Status", "ExitCode")
    )
    assert 0 != daemon.exec("eisync", "healthcheck").returncode
    assert '"clean": true' in daemon.log()
    service.set_faults()
    daemon.built.ask("podman", "start", daemon.name)
    until(lambda: {"synced"} == set(daemon.states().values()) and 4 == len(daemon.states()), within_s=60)
    found = service.ledger()
    assert before | {sha256(content): 1 for content in contents} == found["stored_by_hash"]
    assert 4 == found["files"]  # none was sent a second time


def test_the_hook_of_the_sidecar_ends_when_the_last_recording_is_sent(daemon: Daemon, service: RunningEmulator) -> None:
    """As the kubelet runs it, beside a recorder that takes a second to end. Its pause is shortened."""
    sidecar = yaml.safe_load((ROOT / "deploy/kubernetes/component/sidecar.yaml").read_text())
    [container] = sidecar["spec"]["template"]["spec"]["initContainers"]
    hook = [part.replace("sleep 15;", "sleep 2;") for part in container["lifecycle"]["preStop"]["exec"]["command"]]
    assert "sleep 2;" in hook[-1]
    service.set_faults({"where": "ingestion", "kind": "latency", "seconds": 3})
    try:
        daemon.write("last.1.csv", row(200))
        done = daemon.exec(*hook)
    finally:
        service.set_faults()
    assert 0 == done.returncode, done.stderr
    assert ("synced", 1) == (daemon.states()["last.1.csv"], service.ledger()["stored_by_hash"][sha256(row(200))])


def test_the_key_is_in_nothing_that_others_read(daemon: Daemon) -> None:
    said = [
        daemon.log(),
        *(
            daemon.built.ask("podman", kind, "inspect", name)
            for kind, name in (("container", "daemon"), ("image", "eisync"))
        ),
        daemon.built.ask("podman", "history", "--no-trunc", "eisync"),
        daemon.exec("cat", "/proc/1/environ", "/proc/1/cmdline").stdout,
    ]
    assert all(said)
    assert [] == [text for text in said if CANARY in text]
    assert "1\n" == daemon.exec("grep", "-c", "^ei_", "/run/secrets/ei_api_key").stdout  # its own user, and no other:
    stranger = daemon.built.run("podman", "exec", "--user=4242:4242", daemon.name, "cat", "/run/secrets/ei_api_key")
    assert "Permission denied" in stranger.stderr


def test_any_user_may_run_it_on_a_volume_that_all_may_write(
    built: Images, service: RunningEmulator, tmp_path: Path
) -> None:
    """As in a Kubernetes `emptyDir`. The state is in a folder of that user's own."""
    recordings = tmp_path / "recordings"
    recordings.mkdir(mode=0o755)
    (recordings / "wave.1.csv").write_bytes(row(1))
    os.utime(recordings / "wave.1.csv", (0, 0))
    (tmp_path / "key").write_text(CANARY)
    os.chown(tmp_path / "key", 4242, 4242)
    said = built.ask(
        *("podman", "run", "--rm", "--network=host", "--user=4242:4242", "--tmpfs=/state:mode=1777", *CONFINED),
        *(f"--env=EI_API_ENDPOINT={service.studio_url}", f"--env=EI_INGESTION_ENDPOINT={service.ingestion_url}"),
        *(f"--volume={recordings}:/recordings:ro", f"--volume={tmp_path}/key:/run/secrets/ei_api_key:ro"),
        *("--entrypoint=sh", "eisync", "-c", "eisync once --quiet /recordings && stat -c '%u %a' /state/eisync"),
    )
    assert "4242 700" == said.splitlines()[-1]
