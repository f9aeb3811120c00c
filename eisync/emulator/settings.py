"""The options of an emulator. They are checked when they are made: an invalid value raises ValueError.

`SWITCHES` set how the emulator behaves where the wire contract leaves a question open. Each default is the answer that
is hardest for a client. `STRICTNESS` are refusals that no source states; they are our own, and each can be turned off.
`LIMITS` bound the memory. docs/emulator.md has a row for each.
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
    """A port may be 0: the system picks a free one. `data` is a folder; None: everything is kept in memory."""

    host: str = "127.0.0.1"
    studio_port: int = STUDIO_PORT
    ingestion_port: int = 4810
    remote_management: bool = True
    remote_port: int | None = None  # None: 4802, or any free port if Studio does not have its default port
    data: str | None = None
    key: str | None = None  # the admin key of the first project; None: a random key, or the key stored in `data`
    hmac_key: str | None = None  # the HMAC key of the first project; None: a random key
    project_name: str = "Emulated project"
    allow_remote: bool = False
    allowed_hosts: tuple[str, ...] = ()  # host names that are accepted in addition to those of this machine
    seed: int = 0  # the seed of random faults

    # Limits. The first two are documented; the others bound the memory.
    max_files_per_request: int = 1000
    max_file_bytes: int = 100 * MIB  # a file of this size and more is refused, as the official uploader does
    max_request_bytes: int | None = None  # the service's limit is unknown; larger requests are answered with 413
    max_header_bytes: int = 16 * 1024
    spool_bytes: int = 256 * 1024  # a part is kept in memory up to this size; a larger one goes to disk
    spool_total_bytes: int = 16 * MIB  # the same limit for all parts of one request together
    max_parse_bytes: int = 8 * MIB  # a larger CBOR or JSON file is stored without reading its values
    max_table_bytes: int | None = None  # a larger CSV or TXT is stored without reading it; 1 to measure a client
    max_companion_bytes: int = 16 * MIB
    max_dataset_versions: int = 1000  # of each project; the oldest are deleted, with the contents that only they need
    max_json_bytes: int = 4 * MIB  # the body of a request to Studio or to the emulator itself
    max_sensors: int = 1000  # in one file; also the columns of a CSV
    max_name_chars: int = 200  # names of sensors, units and devices: every listing repeats them
    max_line_chars: int = 256 * 1024  # a line of a CSV
    max_cbor_items: int = 500_000  # arrays, maps and tags: an empty one has one byte in CBOR but seventy in memory
    max_form_parts: int = 64  # parts of a form that is sent to the data endpoint
    idle_timeout_s: float = 60.0  # the longest pause in a body, and the longest wait for the hello on a WebSocket
    heartbeat_s: float = 30.0  # the interval of pings to connected devices; one that does not answer is disconnected

    # Switches: open questions of the contract.
    pod: str = "ingestion-5c9d7b6f44-emul8"  # the machine's name, as a part of stored names
    label_inference: str = "documented"  # how labels are inferred; else "letters", "before-dot" or "none"
    label_without_match: str = ""  # the label if none is sent and the file name does not begin with a word
    duplicate_names_ids: bool = True  # False: the error of a duplicate does not end with "(ids: …)"
    anomaly_stored_as: str = "training"  # Studio's own client cannot read the legacy category
    # What becomes of a file for validation in a project without an explicit validation set: it is "stored" as
    # validation, "refused", or stored in "training".
    validation: str = "stored"
    decode_quote_escapes: bool = True  # in file names, browsers write %22, %0D and %0A for ", CR and LF
    unsigned_is_valid: bool = False  # signatureValidate of an acquisition file with alg "none" or a signature of zeros
    csv_constant_interval: bool = False  # True: refuse timestamps with different intervals
    filename_filter_ignores_case: bool = False
    max_page_limit: int = 1000  # the longest page of a listing; also the page without `limit`
    batch_job_above: int | None = None  # a batch call on more samples than this answers with the id of a job
    missing_file_name_status: int = 421  # legacy /data without x-file-name: documented 421, observed 422
    forbidden_status: int = 403  # for a valid key whose role or project does not allow the call
    sampling_silence_s: int = 60  # how long a device may send nothing, in addition to the length of the sample
    zero_disallows_duplicates: bool = True  # whether `x-disallow-duplicates: 0` (or `false`) counts as set
    decode_labels: bool = True  # the Python SDK sends labels raw, other clients percent-encode them
    dataset_versions: bool = True  # False: the calls do not exist, and no changes are recorded
    dataset_window_ms: int = 60_000  # a window collects changes this long, from the first one; then it is a version
    dataset_commit_ms: int = 1000  # how long until a closed window is listed; documented: "within a few seconds"
    split_rule: str = "percentages"  # of the project; or "hash": three quarters to training, as in the old client
    last_updated_by: str = "all"  # which samples have `lastUpdatedBy`: "all", only after "edits", or "none"

    # Our own strictness: no source says that the service refuses this.
    refuse_broken_media: bool = True  # a WAV or an image whose header cannot be read or contradicts itself
    refuse_busy_device: bool = True  # False: another sample may be requested; the previous one counts as failed
    refuse_by_role: bool = True  # only the names of the roles are known
    refuse_empty_files: bool = True  # False: an empty file is judged by its extension
    refuse_incomplete_hello: bool = True  # False: version, apiKey and deviceId are enough
    refuse_metadata_not_text: bool = True  # x-metadata with values that are not texts. False: they become texts
    refuse_missing_notifications: bool = True  # of a device: sampleStarted and sampleUploading, before sampleFinished
    refuse_odd_csv: bool = True  # not UTF-8, a column without a name, a first line with only numbers
    refuse_unknown_filters: bool = True  # False: listings ignore unknown filters; batch calls always refuse them
    refuse_unknown_hello_version: bool = True
    refuse_values_not_finite: bool = True  # null, NaN or infinity as a value. False: it becomes 0

    @property
    def wanted_remote_port(self) -> int:
        """The port of remote management. The official clients connect to 4802; 0 is any free port."""
        if self.remote_port is not None:
            return self.remote_port
        return REMOTE_PORT if self.studio_port == STUDIO_PORT else 0

    def __post_init__(self) -> None:
        for port in (self.studio_port, self.ingestion_port, self.wanted_remote_port):
            if not 0 <= port <= 65535:
                raise ValueError(f"{port} is not a port number: choose 1 to 65535, or 0 for any free port.")
        if self.studio_port == self.ingestion_port != 0:
            raise ValueError(f"Studio and ingestion cannot share port {self.studio_port}: choose two ports.")
        if self.remote_management and self.wanted_remote_port in {self.studio_port, self.ingestion_port} - {0}:
            raise ValueError(f"Remote management cannot share port {self.wanted_remote_port}: choose another port.")
        if not self.allow_remote and not is_loopback(self.host):
            raise ValueError(
                f"{self.host!r} can be reached from other machines, and the emulator has no protection: "
                "use 127.0.0.1, or allow other machines with --allow-remote."
            )
        if not all(name.isascii() and name.isprintable() and name.strip() for name in self.allowed_hosts):
            raise ValueError("An allowed host name must be printable ASCII text, and not empty.")
        if self.key is not None and not self.key.isascii():
            raise ValueError("An API key must be ASCII text: it is sent in an HTTP header.")
        if self.key == "" or self.hmac_key == "":
            raise ValueError("A key must not be empty: omit it to get a random one.")
        if self.anomaly_stored_as not in STORED_CATEGORIES:
            raise ValueError(f"anomaly_stored_as should be one of {', '.join(STORED_CATEGORIES)}.")
        if self.validation not in VALIDATION_ANSWERS:
            raise ValueError(f"validation should be one of {', '.join(VALIDATION_ANSWERS)}.")
        if self.label_inference not in INFERENCE_RULES:
            raise ValueError(f"label_inference should be one of {', '.join(INFERENCE_RULES)}.")
        if self.last_updated_by not in SIGNED:
            raise ValueError(f"last_updated_by should be one of {', '.join(SIGNED)}.")
        if self.split_rule not in SPLIT_RULES:
            raise ValueError(f"split_rule should be one of {', '.join(SPLIT_RULES)}.")
        if min(self.dataset_window_ms, self.dataset_commit_ms) < 0:
            raise ValueError("dataset_window_ms and dataset_commit_ms must not be negative.")
        if min(self.max_page_limit, self.sampling_silence_s) < 1 or not all(getattr(self, name) > 0 for name in LIMITS):
            raise ValueError("Every limit must be positive.")


_VALUES: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
}


def read_switch(text: str) -> tuple[str, Any]:
    """Read `NAME=VALUE`: the value is JSON, or plain text for a switch that is a text. Raises ValueError."""
    name, equals, value = text.partition("=")
    names = (*SWITCHES, *STRICTNESS, *LIMITS)
    if not equals or name not in names:
        raise ValueError(f"{text!r} is not a switch: expected NAME=VALUE with one of the names {', '.join(names)}.")
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
    """Return settings to read a stored file again: it was accepted once, so no switch refuses it now."""
    lenient: dict[str, Any] = dict.fromkeys(STRICTNESS, False)
    return replace(settings, csv_constant_interval=False, **lenient)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
