"""Choose where uploads run: in threads of this process, or on the workers of a cluster.

The cluster is imported only where a scheduler is named: it takes a second and 50 MB.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from eisync.adapters.client.service import ServiceClient
from eisync.loops.uploader.target_state import Remote
from eisync.settings import Settings

if TYPE_CHECKING:
    from eisync.adapters.cluster.executor import DaskExecutor


class RemoteUploads:
    """The cluster that sends the files, if the settings name one. `executor` is None where threads send them."""

    def __init__(self, settings: Callable[[], Settings], services: Mapping[str, ServiceClient]) -> None:
        """`settings` returns those in force now. Raises ClusterUnreachableError and ConfigurationError."""
        self._settings = settings
        self._services = services
        self.executor: DaskExecutor | None = None
        if settings().upload.scheduler is not None:
            from eisync.app.cluster import open_cluster

            self.executor = open_cluster(settings)

    def of(self, name: str) -> Remote | None:
        """Return what makes work for a worker from an envelope for the target `name`; None where threads send."""
        if self.executor is None:
            return None
        from eisync.app.cluster import remote_uploads

        return remote_uploads(self._settings, name, self._services[name], self.executor)

    @property
    def worked_s(self) -> int:
        """Return for how many seconds workers have worked: a sign of progress while one sends a large file."""
        return 0 if self.executor is None else self.executor.worked_s

    def close(self, *, wait: bool) -> None:
        """Leave the cluster. With `wait`, let what is under way end first."""
        if self.executor is not None:
            self.executor.shutdown(wait=wait)
