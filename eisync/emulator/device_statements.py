"""Every SQL statement about devices, a sentence each. Their table is made in `statements`."""

# A device connected or sent a sample: it is new, or its type may be another one. What it did not say now stays.
PUT_DEVICE = """
    insert into device
        (project_id, device_id, device_type, name, sensors, supports_snapshots, created_ms, last_seen_ms)
    values (:project_id, :device_id, :device_type, :device_id, :sensors, :supports_snapshots, :now_ms, :now_ms)
    on conflict (project_id, device_id) do update set
        device_type = excluded.device_type, last_seen_ms = max(last_seen_ms, excluded.last_seen_ms),
        sensors = coalesce(excluded.sensors, sensors),
        supports_snapshots = coalesce(excluded.supports_snapshots, supports_snapshots)
"""

# A device sent something.
TOUCH_DEVICE = """
    update device set last_seen_ms = max(last_seen_ms, :now_ms)
    where project_id = :project_id and device_id = :device_id
"""

# Every device of a project, oldest first.
LIST_DEVICES = "select * from device where project_id = :project_id order by id"

# The device of this id.
FIND_DEVICE = "select * from device where project_id = :project_id and device_id = :device_id"

# Another name for a device.
RENAME_DEVICE = "update device set name = :name where project_id = :project_id and device_id = :device_id"

# No such device any more.
REMOVE_DEVICE = "delete from device where project_id = :project_id and device_id = :device_id"
