"""The known devices of every project: those that connected to remote management, and those named in samples.

Each method executes one statement, so it can be called with or without a transaction of the store.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eisync.emulator import device_statements as sql
from eisync.emulator.device_messages import Hello, show_sensors
from eisync.emulator.model import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """`device_id` is what the device calls itself; `name` is what people call it."""

    id: int
    project_id: int
    device_id: str
    device_type: str
    name: str
    sensors: list[dict[str, Any]]  # as Studio shows them
    supports_snapshots: bool
    created_ms: int
    last_seen_ms: int


class DeviceStore:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def list_devices(self, project_id: int) -> list[Device]:
        """Oldest first."""
        return [_device(row) for row in self._database.execute(sql.LIST_DEVICES, {"project_id": project_id})]

    def find(self, project_id: int, device_id: str) -> Device | None:
        row = self._database.execute(sql.FIND_DEVICE, {"project_id": project_id, "device_id": device_id}).fetchone()
        return None if row is None else _device(row)

    def register(self, project_id: int, hello: Hello, *, now_ms: int) -> None:
        """Store what a device says about itself in its hello."""
        self._put(
            project_id,
            hello.device_id,
            hello.device_type,
            now_ms=now_ms,
            said={"sensors": json.dumps(show_sensors(hello.sensors)), "supports_snapshots": hello.supports_snapshots},
        )

    def note_uploads(self, project_id: int, uploaded: Iterable[Facts], *, now_ms: int) -> None:
        """Store the devices that are named in uploaded samples."""
        for device_id, device_type in {(one.device_name, one.device_type) for one in uploaded}:
            if device_id:
                self._put(project_id, device_id, device_type, now_ms=now_ms)

    def touch(self, project_id: int, device_id: str, *, now_ms: int) -> None:
        """Set the time of a device's last message."""
        self._database.execute(sql.TOUCH_DEVICE, {"project_id": project_id, "device_id": device_id, "now_ms": now_ms})

    def create(self, project_id: int, device_id: str, device_type: str, *, now_ms: int) -> None:
        """Make a device, or give one that exists another type."""
        self._put(project_id, device_id, device_type, now_ms=now_ms)

    def rename(self, project_id: int, device_id: str, name: str) -> None:
        wanted = {"project_id": project_id, "device_id": device_id, "name": name}
        self._database.execute(sql.RENAME_DEVICE, wanted)

    def remove(self, project_id: int, device_id: str) -> None:
        self._database.execute(sql.REMOVE_DEVICE, {"project_id": project_id, "device_id": device_id})

    def _put(
        self,
        project_id: int,
        device_id: str,
        device_type: str,
        *,
        now_ms: int,
        said: Mapping[str, object] | None = None,
    ) -> None:
        values = {"project_id": project_id, "device_id": device_id, "device_type": device_type, "now_ms": now_ms}
        unsaid = {"sensors": None, "supports_snapshots": None}
        self._database.execute(sql.PUT_DEVICE, {**unsaid, **values, **(said or {})})


def _device(row: sqlite3.Row) -> Device:
    return Device(
        id=row["id"],
        project_id=row["project_id"],
        device_id=row["device_id"],
        device_type=row["device_type"],
        name=row["name"],
        sensors=[] if row["sensors"] is None else json.loads(row["sensors"]),
        supports_snapshots=bool(row["supports_snapshots"]),
        created_ms=row["created_ms"],
        last_seen_ms=row["last_seen_ms"],
    )
