"""Two machines with the same file and one project: it is one sample, and each says what it did."""

import json
import os
import shutil
import subprocess
import urllib.request

import pytest

from tests.conftest import Bench, row
from tests.processes.test_lineage import samples

MAY_RENAME = os.geteuid() == 0 and shutil.which("unshare") is not None


@pytest.mark.skipif(not MAY_RENAME, reason="only root can give a process another name of the machine")
def test_the_same_file_on_two_machines_is_one_sample_and_both_say_so(bench: Bench) -> None:
    told, hosts = {}, {}
    for name in ("north", "south"):
        place = bench.place / name
        place.mkdir()
        machine = Bench(place, bench.emulator, bench.environ)
        machine.recordings.mkdir()
        machine.write("wave.same.csv", row(1))
        machine.write(f"wave.{name}.csv", row(len(name) + ord(name[0])))
        (place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.1\nmetadata_host = true\n')
        command = machine.command("once", "--state-dir", str(machine.state))
        done = subprocess.run(
            ["unshare", "--uts", "sh", "-c", f'hostname {name} && exec "$@"', "sh", *command],
            env=machine.environ,
            cwd=place,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        told[name] = machine.run("explain", "recordings/wave.same.csv").stdout
        for path, record in machine.files().items():
            hosts[name, path] = host_of(bench, record["sample_ids"][0])
    assert 3 == samples(bench)
    assert "synced: stored\n" in told["north"]
    assert "synced: already in the project\n" in told["south"]
    assert hosts == {
        ("north", "wave.same.csv"): "north",
        ("north", "wave.north.csv"): "north",
        ("south", "wave.same.csv"): "north",  # the sample is that of the machine that was first
        ("south", "wave.south.csv"): "south",
    }


def host_of(bench: Bench, sample_id: int) -> object:
    url = f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data/{sample_id}"
    request = urllib.request.Request(url, headers={"x-api-key": bench.emulator.key})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["sample"]["metadata"]["host"]
