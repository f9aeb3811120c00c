"""What tests let workers do. A worker process imports this module by its name."""

import os
import time
from dataclasses import dataclass
from typing import Any

from eisync.adapters.cluster.permit import refuse_late


@dataclass(frozen=True)
class Note:
    """Write a line with the process id into `place`, then work for `then_s`: what was done can be counted."""

    place: str
    then_s: float = 0.0

    def __call__(self) -> int:
        _write(self.place)
        time.sleep(self.then_s)
        return os.getpid()


@dataclass(frozen=True)
class LateNote:
    """Say in `begun` that the work began, take `first_s`, then write the line, unless the permit has ended."""

    begun: str
    place: str
    first_s: float

    def __call__(self) -> int:
        _write(self.begun)
        time.sleep(self.first_s)
        refuse_late()
        _write(self.place)
        return os.getpid()


def tasks_of(dask_scheduler: Any) -> dict[str, bytes]:
    """Every task that the scheduler has, as the bytes that it keeps, and its text."""
    import cloudpickle

    return {
        str(key): cloudpickle.dumps(task.run_spec) + repr(task.run_spec).encode() + repr(task.annotations).encode()
        for key, task in dask_scheduler.tasks.items()
    }


def large() -> bytes:
    return bytes(200_000)


def _write(place: str) -> None:
    with open(place, "a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
