"""The bundle holds no key, no content of a file and, where that is asked for, no name."""

import json
import re
import tarfile
from pathlib import Path

import pytest

from eisync.app.support import ENTRIES
from eisync.store.database import open_database
from tests.canary import CANARY
from tests.conftest import Bench, row

VALUE = 271828182845904
CONTENT = "contentofonerecordingthatnobodymaysee"
SECRET_HOOK = "T000/B111/aSecretOfAChatService"


def filled(bench: Bench) -> None:
    """A state folder with files, a history, and a reason in which a service repeated the key."""
    bench.write("patient_mueller/gait_slow.csv", row(VALUE))
    bench.write("patient_mueller/broken_gait.wav", CONTENT.encode())
    assert 3 == bench.once().returncode
    database, _ = open_database(str(bench.state), exclusive=True)
    with database.transaction() as connection:
        connection.execute("update file set reason = ? where state = 'quarantined'", (f"HTTP 401: {CANARY} refused",))
        connection.execute("update history set detail = ? where event = 'refuse'", (f"Invalid key %65i_{CANARY[3:]}",))
    database.close()


def clean(bench: Bench) -> None:
    """Remove what was planted, which does not belong into a state folder."""
    for path in bench.state.iterdir():
        path.unlink()


def entries(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        read = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name.partition("/")[2]: file.read().decode() for name, file in read.items() if file is not None}


@pytest.mark.parametrize("is_anonymous", [False, True], ids=["named", "anonymous"])
def test_a_bundle_has_everything_and_no_secret(bench: Bench, is_anonymous: bool) -> None:
    filled(bench)
    key = bench.environ.pop("EI_API_KEY")
    (bench.place / "key").write_text(key)
    (bench.place / "key").chmod(0o600)
    with (bench.place / "eisync.toml").open("a") as file:
        file.write('[[target]]\napi_key_file = "key"\n')
        file.write(f'[notify]\nwebhook = "https://chat.example/{SECRET_HOOK}"\n')
    done = bench.run("support-bundle", "bundle.tar.gz", *(["--anonymise"] if is_anonymous else []))
    clean(bench)
    assert (0, "") == (done.returncode, done.stderr)
    assert "Read it before you send it" in done.stdout
    found = entries(bench.place / "bundle.tar.gz")
    assert list(ENTRIES) == list(found)
    whole = "\n".join(found.values())
    assert not re.search(f"{CANARY[3:]}|{CONTENT}|{VALUE}|{SECRET_HOOK}", whole, re.IGNORECASE)
    assert is_anonymous != ("patient_mueller" in whole)
    assert not is_anonymous or not re.search("mueller|gait|patient", whole, re.IGNORECASE)
    assert 0o600 == (bench.place / "bundle.tar.gz").stat().st_mode & 0o777
    assert all(name in found["README.txt"] for name in ENTRIES)
    (status,) = json.loads(found["status.json"])
    assert {"synced": 1, "quarantined": 1} == status["counts"]
    assert {"refuse", "stored"} <= {one["event"] for one in json.loads(found["history.json"])}
    (shape,) = json.loads(found["database.json"])
    assert 2 == shape["rows"]["file"]
    assert "configuration" in {one["check"] for one in json.loads(found["doctor.json"])}
    assert "(set, not shown)" == json.loads(found["settings.json"])["notify"]["webhook"]


def test_a_bundle_is_made_of_what_works_and_overwrites_nothing(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text("[upload]\nworker = 3\n")
    assert 0 == bench.run("support-bundle", "bundle.tar.gz").returncode
    found = entries(bench.place / "bundle.tar.gz")
    assert "worker" in json.loads(found["settings.json"])["failed"][0]
    done = bench.run("support-bundle", "bundle.tar.gz")
    assert (73, True) == (done.returncode, "bundle.tar.gz cannot be written: File exists" in done.stderr)
    assert found == entries(bench.place / "bundle.tar.gz")
