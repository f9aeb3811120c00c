"""What may be chosen about an emulator. Valid from birth: a value that could not be obeyed raises ValueError.

The second half are the switches: each answers a question that the wire contract leaves open, and its default is the
answer that asks most of a client.
"""

import ipaddress
import json
from dataclasses import dataclass
from typing import Any

from eisync.emulator.model import STORED_CATEGORIES

MIB = 1024 * 1024


SWITCHES = (
    "pod",
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
    "dataset_versions",
    "dataset_window_ms",
    "dataset_commit_ms",
    "last_updated_by",
    "refuse_unknown_filters",
)

VALIDATION_ANSWERS = ("stored", "refused", "training")
SIGNED = ("all", "edits", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """Ports may be 0: a free one is picked. `data` is a folder; without it everything is in memory."""

    host: str = "127.0.0.1"
    studio_port: int = 4800
    ingestion_port: int = 4810
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
    max_companion_bytes: int = 16 * MIB
    max_json_bytes: int = 4 * MIB  # the body of a Studio or control request
    idle_timeout_s: float = 60.0  # a body that pauses longer is given up

    # Switches: what the contract does not say.
    pod: str = "ingestion-5c9d7b6f44-emul8"  # the part of a stored name that tells the machine
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

    dataset_versions: bool = True  # False: the calls are not there, and nothing of what changes is kept
    dataset_window_ms: int = 60_000  # after the first change it takes in, a window is closed and becomes a version
    dataset_commit_ms: int = 1000  # so much later it is there; documented: "within a few seconds"
    last_updated_by: str = "all"  # which samples have `lastUpdatedBy`: "all", those of "edits" without uploads, "none"
    refuse_unknown_filters: bool = True  # False: listings ignore what they do not know; batch calls never do

    def __post_init__(self) -> None:
        for port in (self.studio_port, self.ingestion_port):
            if not 0 <= port <= 65535:
                raise ValueError(f"{port} is no port: choose one from 0 (any free one) to 65535.")
        if self.studio_port == self.ingestion_port != 0:
            raise ValueError(f"Studio and ingestion cannot share port {self.studio_port}: choose two.")
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
        if self.last_updated_by not in SIGNED:
            raise ValueError(f"{self.last_updated_by!r} is none of {', '.join(SIGNED)}.")
        if min(self.dataset_window_ms, self.dataset_commit_ms) < 0:
            raise ValueError("A window's time cannot be negative.")
        if min(self.max_files_per_request, self.max_file_bytes, self.max_page_limit) < 1 or self.idle_timeout_s <= 0:
            raise ValueError("Every limit must be positive.")


def read_switch(text: str) -> tuple[str, Any]:
    """`NAME=VALUE`, its value as JSON or, where a text is wanted, as it is. Raises ValueError."""
    name, equals, value = text.partition("=")
    if not equals or name not in SWITCHES:
        raise ValueError(f"{text!r} is no switch: expected NAME=VALUE with one of {', '.join(SWITCHES)}.")
    kind = EmulatorSettings.__annotations__[name]
    if kind is str:
        return name, value
    try:
        found: object = json.loads(value)
    except ValueError:
        found = value
    wanted = {bool: "true or false", int: "a whole number"}.get(kind, "a whole number or null")
    is_none = found is None and kind not in (bool, int)
    if not is_none and type(found) is not (bool if kind is bool else int):
        raise ValueError(f"{name} should be {wanted}, not {value!r}.")
    return name, found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
