"""The search for the key, which every test with a `bench` or a `rig` ends with, finds it where it is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import CANARY, Bench


def log_it(bench: Bench) -> None:
    (bench.place / "daemon-9.log").write_text(f'{{"event": "upload.failed", "header": "x-api-key: {CANARY}"}}\n')


def keep_it(bench: Bench) -> None:
    bench.state.mkdir()
    (bench.state / "eisync.db-wal").write_bytes(bytes(4000) + CANARY.encode() + bytes(96))


def print_it(bench: Bench) -> None:
    bench.told.append(f"Traceback (most recent call last): … {CANARY}")


def clear(bench: Bench) -> None:
    for path in (bench.place / "daemon-9.log", bench.state / "eisync.db-wal"):
        path.unlink(missing_ok=True)
    bench.told.clear()


@pytest.mark.parametrize("leak", [log_it, keep_it, print_it])
def test_a_leak_is_found(bench: Bench, leak: Callable[[Bench], None]) -> None:
    bench.look_for_the_key()
    leak(bench)
    with pytest.raises(AssertionError):
        bench.look_for_the_key()
    clear(bench)


def test_what_a_person_wrote_is_no_leak(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(CANARY)
    bench.look_for_the_key()
