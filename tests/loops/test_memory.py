"""The memory of a sidecar is bounded, whatever its 14 MB of text contain."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BYTES = 14_000_000
MOST_MB = 20
FILES = 140

BOXES, ACCOUNT = "bounding_boxes.labels", "info.labels"

# In a process of its own, so that the peak is its own. The memory before is warmed up and subtracted.
_WATCH = """
import re, sys
from pathlib import Path
from eisync.adapters import process as memory
from tests.loops.yard import Yard, run

def size_mb(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

memory.collect_rarely()
place = Path(sys.argv[1])
yard = Yard(place)
loop = yard.watcher()
run(loop, yard.later)
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before_mb = size_mb("VmRSS")
for path in (place / "aside").iterdir():
    path.rename(yard.path(path.name))
    yard.fake_events.of(1).files.add(path.name)
for second in range(100):  # what waits for what is being read asks again
    run(loop, yard.later + 0.2 * second)
    if not loop._roots[0].labels.is_busy:
        break
print(size_mb("VmHWM") - before_mb, sum(state.value == "ready" for state in yard.states().values()))
"""


def many(before: str, each: str, after: str) -> str:
    """Return `each` repeated up to the size."""
    number = (BYTES - len(before) - len(after)) // (len(each) + 1)
    return before + ",".join([each] * number) + after


def numbered(number: int, each: Callable[[int], str]) -> str:
    return ",".join(map(each, range(number)))


def per_file(member: Callable[[int], str]) -> str:
    """Return an info.labels in which each file has its share of the text."""
    return f'{{"files":[{numbered(FILES, lambda n: f"""{{"path":"{n}.csv",{member(BYTES // FILES)}}}""")}]}}'


def lines() -> Iterator[str]:
    yield '{"__ndjson":true}'
    yield from (f'{{"path":"{number:x}"}}' for number in range(BYTES // 4 // 17))


CASES: dict[str, tuple[str, Callable[[], str], int]] = {
    "brackets": (BOXES, lambda: '{"boundingBoxes":{"0.csv":' + "[" * BYTES, 0),
    "brackets in a list": (ACCOUNT, lambda: '{"files":[' + "[" * BYTES, 0),
    "empty lists": (BOXES, lambda: many('{"boundingBoxes":{"0.csv":[', "[]", "]}}"), FILES - 1),
    "small objects": (BOXES, lambda: many('{"boundingBoxes":{"0.csv":[', '{"a":0}', "]}}"), FILES - 1),
    "a million boxes": (
        BOXES,
        lambda: '{"boundingBoxes":{"0.csv":[' + ",".join(['{"x":1,"y":2}'] * 1_000_000) + "]}}",
        FILES - 1,
    ),
    "an object of many names": (
        BOXES,
        lambda: '{"boundingBoxes":{"0.csv":[{' + numbered(1_400_000, lambda n: f'"{n:x}":0') + "}]}}",
        FILES - 1,
    ),
    "names that say nothing": (ACCOUNT, lambda: "{" + numbered(1_400_000, lambda n: f'"{n:x}":0') + ',"files":[]}', 0),
    "many small entries": (ACCOUNT, lambda: "\n".join(lines()), FILES),
    "boxes of every file": (
        ACCOUNT,
        lambda: per_file(lambda size: '"boundingBoxes":[' + ",".join(['{"a":0}'] * (size // 8 - 5)) + "]"),
        FILES,
    ),
    "metadata of every file": (
        ACCOUNT,
        lambda: per_file(lambda size: '"metadata":{' + numbered(size // 14, lambda n: f'"{n:x}":"{n:x}"') + "}"),
        0,
    ),
    "long texts": (ACCOUNT, lambda: per_file(lambda size: f'"metadata":{{"a":"{"x" * (size - 50)}"}}'), 0),
    "wide texts": (
        ACCOUNT,
        lambda: per_file(lambda size: '"boundingBoxes":[{"label":"' + "\N{BOMB}" * (size // 4 - 20) + '"}]'),
        FILES,
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CASES)
def test_a_sidecar_of_14_mb_takes_less_than_20_mb(tmp_path: Path, case: str) -> None:
    name, content, ready = CASES[case]
    (tmp_path / "root").mkdir()
    (tmp_path / "aside").mkdir()
    (tmp_path / "root/warm.csv").write_bytes(b"timestamp,x\n0,1\n")
    small = {"files": [{"path": "warm.csv", "label": "w", "boundingBoxes": [{"x": 1}]}]}
    (tmp_path / "root/info.labels").write_text(json.dumps(small))
    for number in range(FILES):
        (tmp_path / f"aside/{number}.csv").write_text(f"timestamp,x\n{number},1\n")
    (tmp_path / "aside" / name).write_text(content(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert "" == done.stderr
    took_mb, entered = done.stdout.split()
    assert float(took_mb) < MOST_MB
    assert ready <= int(entered) <= ready + 1
