"""Send uploads through the workers of a Dask cluster, with the API key that each worker has of its own.

The coordinator scans, decides and stores; a worker opens the files on shared storage, hashes them and sends them. What
travels is a `RemoteUpload`: plain values, no key, no open file. Each worker process keeps one client for each target,
with its connections, and looks for the key where every eisync does: in its own environment and its own files.
"""

import threading
from collections.abc import Callable
from functools import lru_cache
from importlib import util

from eisync._version import __version__
from eisync.adapters.client.body import Throttle, sha256_of
from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.adapters.cluster.executor import ClusterRules, DaskExecutor
from eisync.adapters.cluster.permit import refuse_late
from eisync.adapters.files.writer_probe import WriterProbe
from eisync.app.extras import how_to_add
from eisync.app.loops import USER_AGENT, endpoints_of
from eisync.core.model import shown, value
from eisync.core.wire import Envelope, UploadReply
from eisync.errors import (
    ConfigurationError,
    EisyncError,
    FileError,
    KeyRefusedError,
    StudioError,
    TransitError,
    UnreachableError,
)
from eisync.settings import Settings, find_key
from eisync.settings.models import SLOWEST_RATE
from eisync.settings.watch import Target

SLOWEST_BYTES_S = 16 * 1024
"""A worker gives up on a request that is slower than this, so that one with a dead disk or line does not keep it."""
WAITS = 3.0
"""It also has this many waits for connection and answer: for the project, for the upload, and for the disk."""


@value(kw_only=True)
class RemoteTarget:
    """What a worker must know of a target: its addresses, and where its key may be, never the key itself."""

    name: str
    endpoints: Endpoints
    api_key_file: str | None
    is_one_of_several: bool


@value(kw_only=True)
class RemoteUpload:
    """An upload that a worker does. It can be pickled, and has no secret.

    `project_id`: the project that the coordinator's key opens; None if that is not known. `max_rate` is in bytes a
    second, for this worker; 0: no limit.
    """

    target: RemoteTarget
    envelope: Envelope
    project_id: int | None
    max_rate: int
    version: str = __version__

    def __call__(self) -> UploadReply:
        """Send it from this process. Raise FileError, ConfigurationError, KeyRefusedError or UnreachableError."""
        if self.version != __version__:
            raise ConfigurationError(f"it has eisync {__version__}, and the coordinator {self.version}")
        return _sender(self.target).upload(self)


class _Sender:
    """The client of one target in a worker process. Safe to use from any thread."""

    def __init__(self, target: RemoteTarget) -> None:
        table = Target.model_validate({"name": target.name, "api_key_file": target.api_key_file})
        source = find_key(table, own_first=target.is_one_of_several)
        source.read()  # raises before a connection is opened
        self._throttle = Throttle(None)
        self._service = ServiceClient(
            target.endpoints,
            source.read,
            user_agent=USER_AGENT,
            spend=self._spend,
            probing=WriterProbe().asking,
            refuse=refuse_late,
        )

    def upload(self, upload: RemoteUpload) -> UploadReply:
        """Send it, if this worker's key opens the project that the coordinator means."""
        self._check_project(upload.project_id)
        self._throttle.set_rate(upload.max_rate or None)
        refuse_late()
        return self._service.upload(upload.envelope)

    def _check_project(self, expected: int | None) -> None:
        try:
            found = self._service.project_id()  # the service is asked once for each key
        except StudioError:
            return  # a key that may only upload: the answers name the project
        except TransitError as error:
            raise UnreachableError(f"nothing was sent, as the project of the key is not known: {error}") from error
        if expected is not None and found != expected:
            raise ConfigurationError(f"its key opens project {found}, and the coordinator's opens project {expected}")

    def _spend(self, size: int) -> float:
        refuse_late()
        return self._throttle.spend(size)


_LOCK = threading.Lock()


def _sender(target: RemoteTarget) -> _Sender:
    with _LOCK:  # so that the threads of a worker share one
        return _kept_sender(target)


@lru_cache(maxsize=16)  # a worker that failed to make one tries again: an error is not kept
def _kept_sender(target: RemoteTarget) -> _Sender:
    return _Sender(target)


def open_cluster(settings: Callable[[], Settings]) -> DaskExecutor:
    """Connect to the scheduler of the settings. Raise ClusterUnreachableError, or ConfigurationError without Dask.

    `settings` returns those in force now.
    """
    address = settings().upload.scheduler
    assert address is not None
    if util.find_spec("distributed") is None:
        raise ConfigurationError(f"a scheduler needs distributed: {how_to_add('dask')}")
    return DaskExecutor(
        address,
        ClusterRules(
            limit_s=lambda work: limit_s(settings(), work),
            confirm=confirm,
            waits_out=lambda: settings().upload.allow_duplicates,
        ),
    )


def remote_uploads(
    settings: Callable[[], Settings], name: str, service: ServiceClient, cluster: DaskExecutor
) -> Callable[[Envelope], RemoteUpload]:
    """Return the function that makes work for a worker from an envelope for the target `name`."""

    def remote(envelope: Envelope) -> RemoteUpload:
        now = settings()
        key_file = now.target(name).api_key_file
        target = RemoteTarget(
            name=name,
            endpoints=endpoints_of(now, name),
            api_key_file=None if key_file is None else str(key_file),
            is_one_of_several=len(now.targets) > 1,
        )
        return RemoteUpload(
            target=target,
            envelope=envelope,
            project_id=service.known_project_id,
            max_rate=share_of(now.upload.max_rate, cluster.workers),
        )

    return remote


def share_of(max_rate: int, workers: int) -> int:
    """Return the part of the largest rate (bytes/s) that each of the workers may use; 0: no limit."""
    return max_rate and max(SLOWEST_RATE, max_rate // max(1, workers))


def limit_s(settings: Settings, work: Callable[[], object]) -> float:
    """Return how long a worker may take for an upload (s)."""
    assert isinstance(work, RemoteUpload)
    slowest = min(SLOWEST_BYTES_S, work.max_rate or SLOWEST_BYTES_S)
    return WAITS * settings.upload.longest_wait_s + work.envelope.content_length / slowest


def confirm(work: Callable[[], object], worker: str, error: EisyncError) -> tuple[EisyncError, bool]:
    """Return what the error of a worker means, and whether the worker is the cause.

    What a worker says of a file counts only if this machine sees the same: storage that is not mounted there must not
    become "the file is gone". Reads the file.
    """
    assert isinstance(work, RemoteUpload)
    if isinstance(error, ConfigurationError | KeyRefusedError):
        return UnreachableError(f"the worker {worker} cannot send: {error}"), True
    if not isinstance(error, FileError):
        return error, False
    item = next(part.item for part in work.envelope.parts if part.item.id == error.item_id)
    try:
        sha256_of(item)
    except FileError as own:
        return own, False
    except UnreachableError as own:
        return own, False
    reason = (
        f"the worker {worker} does not have {item.root}/{shown(item.path)} as this machine has it ({error}); share "
        f"{item.root} with it at the same path"
    )
    return UnreachableError(reason), True
