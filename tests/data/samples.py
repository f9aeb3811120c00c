"""Small contents that the service takes, and what it holds afterwards."""

import json
from typing import Any

from eisync.data import Sample
from eisync.data.client import Access


def csv(number: int) -> str:
    return f"timestamp,accX\n0,{number}\n10,{number + 1}\n"


def waves(count: int, **more: Any) -> list[Sample]:
    """Samples that differ in nothing but their content and name."""
    return [Sample(csv(10 * number), filename=f"wave.{number:03}.csv", **more) for number in range(count)]


def acquisition(number: int) -> str:
    payload = {
        "device_type": "TEST",
        "interval_ms": 10,
        "sensors": [{"name": "accX", "units": "m/s2"}],
        "values": [[number], [number + 1], [number + 2]],
    }
    return json.dumps({"protected": {"ver": "v1", "alg": "none"}, "signature": "0" * 64, "payload": payload})


def held() -> list[dict[str, Any]]:
    """What the service holds, in the order of names."""
    access = Access()
    listing = access.request("GET", f"/api/{access.project_id()}/raw-data", query={"category": "all", "limit": 1000})
    return sorted(listing["samples"], key=lambda sample: (str(sample["filename"]), int(sample["id"])))


def content(sample_id: int) -> bytes:
    return Access().file(f"/api/{Access().project_id()}/raw-data/{sample_id}/raw")
