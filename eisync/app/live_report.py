"""Report what only the running process knows, for `eisync status` and everything else that asks."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eisync._version import __version__
from eisync.adapters import clock, process
from eisync.loops.supervisor import LoopHealth

if TYPE_CHECKING:
    from eisync.app.machine import App


def live_report(app: "App", health: Sequence[LoopHealth]) -> dict[str, Any]:
    """Return the report as plain values. `upload` says in which order and how fast files are sent, and which folders
    have waiting files that are described again first."""
    upload, unlabelled = app.settings.upload, app.watcher.unlabelled()
    return {
        "pid": os.getpid(),
        "process": process.identity(os.getpid()),
        "verb": app.verb,
        "version": __version__,
        "held": app.uploader.holds(clock.now()),
        "upload": {
            "order": upload.order.value,
            "max_rate": upload.max_rate,
            "described_again": [root.path for root in app.roots if root.id in unlabelled],
        },
        "lost": app.why_lost(),
        "clock": app.times.why_doubt(),
        "watching": [
            {
                "root": one.root,
                "mode": one.mode.value,
                "uses_events": one.uses_events,
                "reason": one.reason,
                "missed": one.missed,
                "comparing": one.comparing,
                "scan_every_s": round(one.scan_every_s, 1),
                "trouble": one.trouble,
                "writers": one.writers,
            }
            for one in app.watcher.status()
        ],
        "lineage": app.lineage.sentences(),
        "retention": app.retention.report(),
        "loops": [
            {
                "name": one.name,
                "age_s": round(one.age_s, 1),
                "is_fresh": one.is_fresh,
                "trouble": one.trouble,
            }
            for one in health
        ],
    }
