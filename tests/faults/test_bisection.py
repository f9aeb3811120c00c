"""A request that is refused as a whole has one or several guilty files, and the answer does not say which."""

import math
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eisync.emulator.server import RunningEmulator
from tests.conftest import row
from tests.examples import examples

from .gate import gate
from .rig import rig

FILES = 13


@settings(
    max_examples=examples(12), database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # fmt: skip
@given(guilty=st.sets(st.integers(0, FILES - 1)))
@example(guilty={0})
@example(guilty={FILES - 1})
@example(guilty=set(range(FILES)))
def test_the_guilty_files_are_found_and_no_other(emulator: RunningEmulator, guilty: set[int]) -> None:
    port = urlsplit(emulator.ingestion_url).port
    assert port is not None
    with (
        tempfile.TemporaryDirectory() as place,
        gate(port) as proxy,
        rig(Path(place), emulator, ingestion_url=proxy.url) as machine,
    ):
        contents = {
            f"wave.{number:02}.csv": row(number) + (b"20,666\n" if number in guilty else b"") for number in range(FILES)
        }
        for name, content in contents.items():
            machine.write(name, content)
        machine.scan()
        proxy.bars(lambda body: b"\n20,666\n" in body)
        machine.round()

        parked = [name for name, content in contents.items() if b"\n20,666\n" in content]
        machine.judge({name: content for name, content in contents.items() if name not in parked}, parked=parked)
        files = machine.files()
        assert {"HTTP 400: no!"} >= {files[name]["reason"] for name in parked}
        assert [1] * FILES == [record["attempts"] for record in files.values()], (
            "the peers of a guilty file paid for it"
        )
        halvings = math.ceil(math.log2(FILES))
        assert len(proxy.bodies) <= 1 + 2 * halvings * len(guilty)
