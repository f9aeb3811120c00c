"""Jobs: work that Studio does after it has answered. The emulator does it before it answers, so a job is finished."""

from collections.abc import Iterator

from aiohttp import web

from eisync.emulator.calls import Call, Handler, Need, success
from eisync.emulator.selecting import Refusal
from eisync.emulator.showing import iso


def routes(project: str) -> Iterator[tuple[str, str, Need, Handler]]:
    """Yield rows of Studio's table. `project` is the path of a project."""
    yield "GET", project + "/jobs/{job:[0-9]{1,15}}/status", Need.READ, _get_job


def add_finished_job(call: Call, *, category: str, key: str) -> int:
    """Add a finished job and return its id."""
    now = iso(call.service.now_ms())
    job = {
        "category": category,
        "categoryKey": key,
        "key": key,
        "created": now,
        "started": now,
        "finished": now,
        "finishedSuccessful": True,
        "jobNotificationUids": [],
    }
    return call.service.add_job(call.project.id, job)


async def _get_job(call: Call) -> web.StreamResponse:
    job = call.service.jobs.get((call.project.id, int(call.request.match_info["job"])))
    if job is None:
        raise Refusal("No job with this ID found")
    return success(job=job)
