"""The SQL statements about devices, each with a sentence. `statements` makes their table."""

# A device connected or sent a sample: insert it, or update it. Values that are null keep their old value.
PUT_DEVICE = """
    insert into device
        (project_id, device_id, device_type, name, sensors, supports_snapshots, created_ms, last_seen_ms)
    values (:project_id, :device_id, :device_type, :device_id, :sensors, :supports_snapshots, :now_ms, :now_ms)
    on conflict (project_id, device_id) do update set
        device_type = excluded.device_type, last_seen_ms = max(last_seen_ms, excluded.last_seen_ms),
        sensors = coalesce(excluded.sensors, sensors),
        supports_snapshots = coalesce(excluded.supports_snapshots, supports_snapshots)
"""

# Set the time of the device's last message.
TOUCH_DEVICE = """
    update device set last_seen_ms = max(last_seen_ms, :now_ms)
    where project_id = :project_id and device_id = :device_id
"""

# Every device of a project, oldest first.
LIST_DEVICES = "select * from device where project_id = :project_id order by id"

# The device with this id.
FIND_DEVICE = "select * from device where project_id = :project_id and device_id = :device_id"

# Rename a device.
RENAME_DEVICE = "update device set name = :name where project_id = :project_id and device_id = :device_id"

# Delete a device.
REMOVE_DEVICE = "delete from device where project_id = :project_id and device_id = :device_id"
