"""Frames and arrays are asked what they can do: no library of theirs is imported, nor needed."""

import subprocess
import sys

FRAME_LIBRARIES = ("numpy", "pandas", "polars", "dask", "pyarrow")

SCRIPT = """
import sys
import types

for name in {libraries!r}:
    sys.modules[name] = None  # importing it fails

class Column:
    def __init__(self, values):
        self.values = values

    def tolist(self):
        return list(self.values)

class Frame:
    columns = ["t", "name", "x"]
    index = Column([0, 10])
    rows = [[0, "a", 1.5], [0.01, "a", 2.5]]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, name):
        return Column([row[self.columns.index(name)] for row in self.rows])

    def reset_index(self):
        raise AssertionError

    def iterrows(self):
        return enumerate(map(Column, self.rows))

class Array(Column):
    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return iter(map(Array, self.values))

from eisync import data
from eisync.emulator.server import running_emulator
import eisync

print(data.pandas_dataframe_to_sample(Frame(), axis_columns=["x"]).data.getvalue())
with running_emulator() as emulator:
    eisync.API_KEY, eisync.API_ENDPOINT = emulator.key, emulator.studio_url
    eisync.INGESTION_ENDPOINT = emulator.ingestion_url
    responses = [
        data.upload_pandas_sample(Frame(), axis_columns=["x"]),
        data.upload_pandas_dataframe(Frame(), ["t", "x"], "name"),
        data.upload_pandas_dataframe_wide(Frame(), 10, 2),
        data.upload_pandas_dataframe_with_group(Frame(), "t", "name", ["t", "x"]),
        data.upload_numpy(Array([[[1, 2]]]), ["a"], [data.Sensor("x", "g"), data.Sensor("y", "g")], 10),
    ]
print([len(response.successes) for response in responses], [response.fails for response in responses])
print([name for name in {libraries!r} if sys.modules.get(name)])
"""


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_frames_and_arrays_work_where_no_such_library_is() -> None:
    shown = run(SCRIPT.format(libraries=FRAME_LIBRARIES)).splitlines()
    assert ["timestamp,x", "0,1.5", "10,2.5", ""] == shown[:4]
    assert ["[1, 2, 2, 1, 1] [[], [], [], [], []]", "[]"] == shown[4:]


def test_importing_the_module_loads_no_frame_library_though_it_is_there() -> None:
    shown = run(f"import sys, eisync.data; print([name for name in {FRAME_LIBRARIES!r} if name in sys.modules])")
    assert "[]\n" == shown
