"""What the benchmarks run as eisync, in a process of its own; it writes what it found as JSON into the file REPORT.

    python benchmarks/eisync_once.py drain REPORT CONFIGURATION STATE
    python benchmarks/eisync_once.py command REPORT ARGUMENTS...

`drain` is `eisync once` without its imports, its database's making, the listing of the project and its last sentence,
timed from the opening of the database to its closing. `command` is `eisync ARGUMENTS`; who starts it measures its time.
"""

import atexit
import json
import sys
import time
from typing import Any


def main() -> None:
    what, report, *arguments = sys.argv[1:]
    if what == "drain":
        note(report, **drain(*arguments))
        return
    from eisync.cli import main as eisync

    atexit.register(note, report)
    sys.argv = ["eisync", *arguments]
    eisync()


def drain(configuration: str, state: str) -> dict[str, Any]:
    from eisync.app.machine import build
    from eisync.log import configure
    from eisync.settings import load

    settings = load(config=configuration, state_dir=state)
    log = configure(level=settings.log.level)
    began, began_cpu = time.perf_counter(), time.process_time()
    app = build(settings, log=log, listen=False)
    app.reconciler = None  # it would list the project afterwards, which no other sender does
    app.once(lambda: None).run(patience_s=3600.0, is_stopped=lambda: False)
    counts = {state.value: files for state, files in app.index.records.report(app.root_ids).items()}
    app.close()
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    return {"took_s": took_s, "cpu_s": cpu_s, "counts": counts}


def note(report: str, **found: object) -> None:
    with open("/proc/self/status") as status:
        peak_mb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    with open(report, "w") as file:
        json.dump(found | {"peak_mb": peak_mb}, file)


if __name__ == "__main__":
    main()
