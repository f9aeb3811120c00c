"""Members of a group may ask a daemon of another user, as on a gateway; those who may not are told how."""

import grp
import json
import os

import pytest

from eisync.emulator.server import RunningEmulator
from tests.cli import other_user
from tests.conftest import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.mark.parametrize("is_member", [True, False], ids=["a member", "another user"])
def test_who_may_ask_the_daemon_of_a_gateway(emulator: RunningEmulator, is_member: bool) -> None:
    name = grp.getgrgid(other_user.NOBODY if is_member else 0).gr_name
    with other_user.other_users_bench(emulator) as bench:
        os.chown(bench.state, 0, 0)
        bench.environ["EISYNC_STATE__GROUP"] = name
        (bench.recordings / "wave.1.csv").write_text("timestamp,x\n0,1\n10,2\n")
        daemon = bench.daemon()
        try:
            until(lambda: bench.run("healthcheck").returncode == 0)
            running = other_user.run(bench, "status", "--json")
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)
        ended = other_user.run(bench, "status")
    if is_member:
        assert 1 == sum(json.loads(running.stdout)["counts"].values())
        assert (
            f"no daemon runs, and without one: the state folder {bench.state} belongs to another user" in ended.stderr
        )
    else:
        refused = f"the state folder {bench.state} belongs to another user: root, the user root and the members of the"
        assert f"{refused} group {name} may ask" in running.stderr
        assert (78, "") == (running.returncode, running.stdout)
    assert 78 == ended.returncode
