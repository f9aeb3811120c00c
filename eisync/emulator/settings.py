"""What may be chosen about an emulator. Valid from birth: a value that could not be obeyed raises ValueError.

The second half are the switches. `SWITCHES` answer what the wire contract leaves open, each by the answer that asks
most of a client. `STRICTNESS` are refusals that no source states: our own invention, and each can be turned off.
`LIMITS` keep memory bounded. docs/emulator.md has a row for each.
"""

import ipaddress
import json
from dataclasses import dataclass, replace
from typing import Any

from eisync.emulator.model import STORED_CATEGORIES
from eisync.emulator.names import INFERENCE_RULES

MIB = 1024 * 1024
STUDIO_PORT = 4800
REMOTE_PORT = 4802


SWITCHES = (
    "pod",
    "label_inference",
    "label_without_match",
    "duplicate_names_ids",
    "anomaly_stored_as",
    "validation",
    "decode_quote_escapes",
    "unsigned_is_valid",
    "csv_constant_interval",
    "filename_filter_ignores_case",
    "max_page_limit",
    "batch_job_above",
    "missing_file_name_status",
    "forbidden_status",
    "max_request_bytes",
    "max_table_bytes",
    "dataset_versions",
    "dataset_window_ms",
    "dataset_commit_ms",
    "last_updated_by",
    "split_rule",
    "zero_disallows_duplicates",
    "decode_labels",
    "sampling_silence_s",
)
STRICTNESS = (
    "refuse_broken_media",
    "refuse_busy_device",
    "refuse_by_role",
    "refuse_empty_files",
    "refuse_incomplete_hello",
    "refuse_metadata_not_text",
    "refuse_missing_notifications",
    "refuse_odd_csv",
    "refuse_unknown_filters",
    "refuse_unknown_hello_version",
    "refuse_values_not_finite",
)
LIMITS = (
    "max_files_per_request",
    "max_file_bytes",
    "max_header_bytes",
    "max_parse_bytes",
    "max_companion_bytes",
    "max_json_bytes",
    "max_dataset_versions",
    "max_sensors",
    "max_name_chars",
    "max_line_chars",
    "max_cbor_items",
    "max_form_parts",
    "spool_bytes",
    "spool_total_bytes",
    "idle_timeout_s",
    "heartbeat_s",
)

VALIDATION_ANSWERS = ("stored", "refused", "training")
SIGNED = ("all", "edits", "none")
SPLIT_RULES = ("percentages", "hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """Ports may be 0: a free one is picked. `data` is a folder; without it everything is in memory."""

    host: str = "127.0.0.1"
    studio_port: int = STUDIO_PORT
    ingestion_port: int = 4810
    remote_management: bool = True
    remote_port: int | None = None  # None: 4802, or any free one where Studio is not on its own port
    data: str | None = None
    key: str | None = None  # the admin key of the first project; None: a random one, or the one the folder holds
    hmac_key: str | None = None  # of the first project; None: a random one
    project_name: str = "Emulated project"
    allow_remote: bool = False
    allowed_hosts: tuple[str, ...] = ()  # names by which it may be called, beside those of this machine
    seed: int = 0  # of the fault dice and of sortBy=random

    # Limits. The first two are documented; the rest keep memory bounded.
    max_files_per_request: int = 1000
    max_file_bytes: int = 100 * MIB  # a file of this size and more is refused, as the official uploader does
    max_request_bytes: int | None = None  # unknown for the service; set: larger requests are answered with 413
    max_header_bytes: int = 16 * 1024
    spool_bytes: int = 256 * 1024  # a part grows in memory up to this size, then on disk
    spool_total_bytes: int = 16 * MIB  # the same for all parts of one request together
    max_parse_bytes: int = 8 * MIB  # a larger CBOR or JSON file is stored as it is, its values unread
    max_table_bytes: int | None = None  # a larger CSV is stored as it is: 1 where only the client is measured
    max_companion_bytes: int = 16 * MIB
    max_dataset_versions: int = 1000  # of a project; the oldest are forgotten, and the bytes they kept
    max_json_bytes: int = 4 * MIB  # the body of a Studio or control request
    max_sensors: int = 1000  # of one file; a CSV has as many columns at most
    max_name_chars: int = 200  # of a sensor, its units and a device: every listing shows them
    max_line_chars: int = 256 * 1024  # of a CSV
    max_cbor_items: int = 500_000  # arrays, maps and tags: one of nothing is a byte there and seventy here
    max_form_parts: int = 64  # of a form that is sent to the data endpoint
    idle_timeout_s: float = 60.0  # a body that pauses longer is given up, and a WebSocket without a hello
    heartbeat_s: float = 30.0  # how often a connected device is pinged; one that does not answer is gone

    # Switches: what the contract does not say.
    pod: str = "ingestion-5c9d7b6f44-emul8"  # the part of a stored name that tells the machine
    label_inference: str = "documented"  # how a label is inferred: or by "letters", "before-dot", "none"
    label_without_match: str = ""  # no label sent, and the file name begins with no word
    duplicate_names_ids: bool = True  # False: the text of a refused duplicate lacks its "(ids: …)"
    anomaly_stored_as: str = "training"  # the legacy category is none that Studio's own client could read back
    # A project without an explicit validation set, sent a file for it: "stored" (it has one), "refused", or "training".
    validation: str = "stored"
    decode_quote_escapes: bool = True  # file names: %22, %0D and %0A are what browsers write for ", CR and LF
    unsigned_is_valid: bool = False  # signatureValidate of an acquisition file with alg "none" or a signature of zeros
    csv_constant_interval: bool = False  # True: refuse timestamps that do not all lie equally far apart
    filename_filter_ignores_case: bool = False
    max_page_limit: int = 1000  # a larger `limit` is cut to this one; also the page when none is asked for
    batch_job_above: int | None = None  # batch calls on more samples answer with the id of a job
    missing_file_name_status: int = 421  # legacy /data without x-file-name: documented 421, observed 422
    forbidden_status: int = 403  # a valid key whose role or project does not allow the call
    sampling_silence_s: int = 60  # how long a device may be silent, beside the length of the sample
    zero_disallows_duplicates: bool = True  # whether `x-disallow-duplicates: 0` (or `false`) counts as set
    decode_labels: bool = True  # the Python SDK sends labels raw, other clients percent-encode them
    dataset_versions: bool = True  # False: the calls are not there, and nothing of what changes is kept
    dataset_window_ms: int = 60_000  # after the first change it takes in, a window is closed and becomes a version
    dataset_commit_ms: int = 1000  # so much later it is there; documented: "within a few seconds"
    split_rule: str = "percentages"  # of the project; or "hash": three quarters to training, as the old client had it
    last_updated_by: str = "all"  # which samples have `lastUpdatedBy`: "all", those of "edits" without uploads, "none"

    # Strictness of our own: what no source says that the service refuses.
    refuse_broken_media: bool = True  # a WAV or an image whose header cannot be read, or contradicts itself
    refuse_busy_device: bool = True  # False: another sample may be asked for; the one before counts as failed
    refuse_by_role: bool = True  # only the names of the roles are known
    refuse_empty_files: bool = True  # False: what an empty file is called decides
    refuse_incomplete_hello: bool = True  # False: version, apiKey and deviceId are enough
    refuse_metadata_not_text: bool = True  # x-metadata: values that are no text. False: they are written as text
    refuse_missing_notifications: bool = True  # of a device: sampleStarted and sampleUploading, before sampleFinished
    refuse_odd_csv: bool = True  # no UTF-8, a column without a name, a first line that holds only numbers
    refuse_unknown_filters: bool = True  # False: listings ignore what they do not know; batch calls never do
    refuse_unknown_hello_version: bool = True
    refuse_values_not_finite: bool = True  # null, NaN, infinity among the values. False: they are 0

    @property
    def wanted_remote_port(self) -> int:
        """Where remote management listens: 4802 is where the official clients look, 0 any free port."""
        if self.remote_port is not None:
            return self.remote_port
        return REMOTE_PORT if self.studio_port == STUDIO_PORT else 0

    def __post_init__(self) -> None:
        for port in (self.studio_port, self.ingestion_port, self.wanted_remote_port):
            if not 0 <= port <= 65535:
                raise ValueError(f"{port} is no port: choose one from 0 (any free one) to 65535.")
        if self.studio_port == self.ingestion_port != 0:
            raise ValueError(f"Studio and ingestion cannot share port {self.studio_port}: choose two.")
        if self.remote_management and self.wanted_remote_port in {self.studio_port, self.ingestion_port} - {0}:
            raise ValueError(f"Remote management cannot share port {self.wanted_remote_port}: choose another one.")
        if not self.allow_remote and not is_loopback(self.host):
            raise ValueError(
                f"{self.host!r} can be reached from other machines, and the emulator guards nothing: "
                "bind it to 127.0.0.1, or allow remote access explicitly."
            )
        if not all(name.isascii() and name.isprintable() and name.strip() for name in self.allowed_hosts):
            raise ValueError("A name by which the emulator may be called is empty, or no name.")
        if self.key is not None and not self.key.isascii():
            raise ValueError("A key travels in an HTTP header: it must be ASCII.")
        if self.key == "" or self.hmac_key == "":
            raise ValueError("A key must not be empty: leave it out to get a random one.")
        if self.anomaly_stored_as not in STORED_CATEGORIES:
            raise ValueError(f"{self.anomaly_stored_as!r} is no category that a sample can be stored in.")
        if self.validation not in VALIDATION_ANSWERS:
            raise ValueError(f"{self.validation!r} is none of {', '.join(VALIDATION_ANSWERS)}.")
        if self.label_inference not in INFERENCE_RULES:
            raise ValueError(f"{self.label_inference!r} is none of {', '.join(INFERENCE_RULES)}.")
        if self.last_updated_by not in SIGNED:
            raise ValueError(f"{self.last_updated_by!r} is none of {', '.join(SIGNED)}.")
        if self.split_rule not in SPLIT_RULES:
            raise ValueError(f"{self.split_rule!r} is none of {', '.join(SPLIT_RULES)}.")
        if min(self.dataset_window_ms, self.dataset_commit_ms) < 0:
            raise ValueError("A window's time cannot be negative.")
        if min(self.max_page_limit, self.sampling_silence_s) < 1 or not all(getattr(self, name) > 0 for name in LIMITS):
            raise ValueError("Every limit must be positive.")


_VALUES: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
}


def read_switch(text: str) -> tuple[str, Any]:
    """`NAME=VALUE`, its value as JSON or, where a text is wanted, as it is. Raises ValueError."""
    name, equals, value = text.partition("=")
    names = (*SWITCHES, *STRICTNESS, *LIMITS)
    if not equals or name not in names:
        raise ValueError(f"{text!r} is no switch: expected NAME=VALUE with one of {', '.join(names)}.")
    kind = EmulatorSettings.__annotations__[name]
    if kind is str:
        return name, value
    try:
        found: object = json.loads(value)
    except ValueError:
        found = value
    types, wanted = _VALUES.get(kind, ((int, type(None)), "a whole number or null"))
    if type(found) not in types:
        raise ValueError(f"{name} should be {wanted}, not {value!r}.")
    return name, found


def for_stored(settings: EmulatorSettings) -> EmulatorSettings:
    """With which a file is read again that was stored: whatever the switches say today, its values are there."""
    lenient: dict[str, Any] = dict.fromkeys(STRICTNESS, False)
    return replace(settings, csv_constant_interval=False, **lenient)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
