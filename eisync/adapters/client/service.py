"""Call one target's service: upload files; list, read and change samples. This module decides nothing."""

import hashlib
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eisync.adapters import clock
from eisync.adapters.client.body import CHUNK_BYTES, Body
from eisync.adapters.client.change_feed import ChangeFeed
from eisync.adapters.client.errors import MAX_SMALL_BYTES, read_whole
from eisync.adapters.client.listing import Listing
from eisync.adapters.client.replies import LastModification
from eisync.adapters.client.studio import Studio, StudioAnswer
from eisync.adapters.client.transport import Timeout, Transport
from eisync.core.dataset import WholeSample
from eisync.core.formats.json_syntax import json_object
from eisync.core.labels.parts import PartKind
from eisync.core.model import value
from eisync.core.redaction import KEYS
from eisync.core.studio import says_no_sample
from eisync.core.wire import Envelope, UploadReply
from eisync.core.writers import Ask
from eisync.errors import AnswerTooLargeError, ConfigurationError, StudioError, UnansweredError

_STUDIOS = re.compile(rb'\s*\{\s*"success"\s*:')
_HAS_SUCCEEDED = re.compile(rb'\s*\{\s*"success"\s*:\s*true\b')
_ANSWER_BYTES, _ENTRY_BYTES = 64 * 1024, 4 * 1024
"""The largest answer to an upload, and what each file adds to it: an entry has 200 bytes, an error a few more."""
_PARTS = {
    PartKind.BOXES: ("bounding-boxes", "boundingBoxes"),
    PartKind.STRUCTURED: ("structured-labels", "structuredLabels"),
    PartKind.LABEL_MAP: ("label-map-labels", "labelMap"),
}
_HOSTS, _CONNECTIONS = 4, 80
"""Keep enough idle connections for every upload worker (64 at most) and the other loops."""


@value(kw_only=True)
class Endpoints:
    """The addresses of a target's service, without trailing slashes.

    `ca_file` replaces the trusted certificates. Without it, `trusts_system` uses this system's certificates instead of
    the bundled ones.
    """

    studio_url: str
    ingestion_url: str
    ca_file: str | None = None
    trusts_system: bool = False
    connect_timeout_s: float = 10.0
    timeout_s: float = 60.0


class ServiceClient:
    """Call the ingestion service and Studio of one target. Safe to use from any thread."""

    def __init__(
        self,
        endpoints: Endpoints,
        read_key: Callable[[], str],
        *,
        user_agent: str,
        spend: Callable[[int], float] = lambda _: 0.0,
        on_date: Callable[[str, str | None], None] = lambda _host, _date: None,
        probing: Callable[[], Ask | None] = lambda: None,
        refuse: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the parts of a client.

        `read_key` is called before every request, so that a new key is used at once. `spend` is called before each
        chunk of a body, and waits to limit the rate. `on_date` gets the host and the `Date` of every answer. `probing`
        is called for each upload; it returns the function that reports which programs have a file open for writing.
        `refuse` is called before the bytes that complete an upload, and raises UnreachableError to end it.
        """
        self._ingestion_url = endpoints.ingestion_url
        self._timeout_s: Timeout = (endpoints.connect_timeout_s, endpoints.timeout_s)
        self._read_key = read_key
        self._spend = spend
        self._probing = probing
        self._refuse = refuse
        self._transport = transport_to(endpoints, user_agent=user_agent, on_date=on_date)
        self._studio = Studio(self._transport, endpoints.studio_url, self._timeout_s, read_key)
        self._listing = Listing(self._studio)
        # Offer these two methods of Studio under the same names.
        self.project_id, self.forget_project = self._studio.project_id, self._studio.forget_project
        self.page, self.ahead, self.full_page = self._listing.page, self._listing.ahead, self._listing.full_page
        self.listed, self.count, self.beside = self._listing.listed, self._listing.count, self._listing.beside
        feed = ChangeFeed(self._studio)
        self.dataset_versions, self.changes = feed.dataset_versions, feed.changes

    def adjust(self, *, timeout_s: Timeout, trusted: str | bool) -> None:
        """Wait this long for connections and answers (s), and trust these certificates, from the next request on.

        Safe from any thread.
        """
        self._timeout_s = self._studio.timeout_s = timeout_s
        self._transport.trust(trusted)

    def upload(self, envelope: Envelope) -> UploadReply:
        """Send the envelope and the bytes of its files.

        Raise FileError for a file that has changed since it settled, or that another program writes; then nothing of
        the request is stored. Raise ConfigurationError when the key cannot be read.
        """
        body = Body(envelope, self._spend, self._probing(), self._refuse)
        headers = {**envelope.headers, "x-api-key": self._read_key()}
        asked_at = clock.monotonic()
        reply = self._transport.send(
            "POST",
            self._ingestion_url + envelope.path,
            headers=headers,
            timeout_s=self._timeout_s,
            body=body,
            max_answer_bytes=_ANSWER_BYTES + _ENTRY_BYTES * len(envelope.parts),
        )
        began_at = asked_at if body.began_at is None else body.began_at
        took_s = clock.monotonic() - began_at - body.waited_s
        return UploadReply(reply, body.sha256, took_s, self._transport.has_connected)

    def connect(self) -> None:
        """Open a connection to the ingestion service that the next upload finds ready. Never fails."""
        self._transport.connect(self._ingestion_url, self._timeout_s[0])

    @property
    def known_project_id(self) -> int | None:
        """Return the id of the project that the key opened last, without a request; None if it is not known."""
        return self._studio.known_project_id

    def key_id(self) -> int | None:
        """Return the id of the API key, without a request; None if the service did not name it."""
        return self._studio.key_id

    def modified_at(self) -> float | None:
        """Return when the project was last changed, by the service's clock (Unix s); None when it does not say.

        Raise KeyRefusedError or TransitError.
        """
        try:
            return self._studio.ask(f"/api/{self.project_id()}/last-modification", LastModification).instant
        except StudioError:
            return None  # an older service, without this call

    def is_there(self, sample_id: int) -> bool:
        """Return whether the sample exists. Raise KeyRefusedError, StudioError or TransitError."""
        try:
            self._studio.fetch(f"/api/{self.project_id()}/raw-data/{sample_id}").content()
        except AnswerTooLargeError as error:
            if _HAS_SUCCEEDED.match(error.begun):
                return True  # the answer contains all values of the sample, so it exists
            raise
        except StudioError as error:
            if says_no_sample(str(error)):
                return False
            raise
        return True

    def delete(self, sample_id: int) -> bool:
        """Delete the sample. Return False when it did not exist. Raise KeyRefusedError, StudioError or TransitError."""
        try:
            self._studio.change("DELETE", f"/{sample_id}")
        except StudioError as error:
            if says_no_sample(str(error)):
                return False
            raise
        return True

    def rename(self, sample_id: int, name: str) -> None:
        """Rename the sample (without extension). Raise KeyRefusedError, StudioError or TransitError, as those below."""
        self._studio.change("POST", f"/{sample_id}/rename", {"name": name})

    def relabel(self, sample_id: int, label: str) -> None:
        """Set the label of the sample; an empty text removes it."""
        self._studio.change("POST", f"/{sample_id}/edit-label", {"label": label})

    def move(self, sample_id: int, category: str) -> None:
        """Move the sample to this category."""
        self._studio.change("POST", f"/{sample_id}/move", {"newCategory": category})

    def set_metadata(self, sample_id: int, metadata: Mapping[str, str]) -> None:
        """Replace the metadata of the sample."""
        self._studio.change("POST", f"/{sample_id}/metadata", {"metadata": dict(metadata)})

    def set_part(self, sample_id: int, kind: PartKind, part: Any) -> None:
        """Replace the boxes, the labels by range or the label map of the sample."""
        path, name = _PARTS[kind]
        found = {"type": "key-values", "labels": part} if kind is PartKind.LABEL_MAP else part
        self._studio.change("POST", f"/{sample_id}/{path}", {name: found})

    def whole(self, sample_id: int) -> WholeSample | None:
        """Return the sample with its boxes and labels by range; None when it does not exist.

        Raise KeyRefusedError, StudioError or TransitError.
        """
        page = self.full_page(limit=1, before_id=sample_id + 1)
        if any(one.sample_id in (None, sample_id) for one in page.unread):
            raise StudioError(f"sample {sample_id} cannot be read: {page.unread[0].reason}", status=200)
        return next((one for one in page.samples if one.id == sample_id), None)

    def raw(self, sample_id: int) -> Iterator[bytes]:
        """Yield the bytes that were uploaded as the sample, in chunks. The first chunk is empty only if there are none.

        Raise KeyRefusedError, StudioError or TransitError, at any chunk.
        """
        path = f"/api/{self.project_id()}/raw-data/{sample_id}/raw"
        url = self._studio.url + path
        with self._studio.opened(path) as response:
            status, headers = response.status_code, response.headers
            is_page = headers.get("content-type", "").startswith("text/html")  # the answer of a proxy
            if status != 200 or is_page:
                StudioAnswer(url, status, headers, read_whole(response, limit_bytes=MAX_SMALL_BYTES)).content()
            for number, chunk in enumerate(response.iter_content(CHUNK_BYTES)):
                if number == 0 and _is_studios(chunk):  # an error with HTTP 200 in place of the bytes
                    StudioAnswer(url, status, headers, bytearray(KEYS.body(chunk))).content()
                    raise UnansweredError(f"the answer of {url} holds no file")
                yield chunk

    def sha256_of(self, sample_id: int) -> str:
        """Return the content hash of the bytes that were uploaded as the sample."""
        digest = hashlib.sha256()
        for chunk in self.raw(sample_id):
            digest.update(chunk)
        return digest.hexdigest()

    def close(self) -> None:
        """Close every connection. Safe to repeat."""
        self._listing.close()
        self._transport.close()


def transport_to(
    endpoints: Endpoints,
    *,
    user_agent: str,
    on_date: Callable[[str, str | None], None] = lambda _host, _date: None,
) -> Transport:
    """Return the transport that trusts what the target's settings say. Raises ConfigurationError."""
    return Transport(
        user_agent=user_agent,
        pool_connections=_HOSTS,
        pool_maxsize=_CONNECTIONS,
        verify=trusted_by(endpoints),
        on_date=on_date,
    )


def trusted_by(endpoints: Endpoints) -> str | bool:
    """Return the trusted certificates: a file, a folder, or True for the bundled ones. Raise ConfigurationError."""
    return endpoints.ca_file or (_system_store() if endpoints.trusts_system else True)


def _system_store() -> str:
    """Return the file or folder of this system's trusted certificates. Raise ConfigurationError when it has none."""
    paths = ssl.get_default_verify_paths()
    found = paths.cafile or paths.capath
    if found is None:
        raise ConfigurationError(
            "this system has no certificates of its own where OpenSSL looks for them; "
            'install them (ca-certificates), or leave out trust = "system"'
        )
    return found


def _is_studios(body: bytes) -> bool:
    """Return whether this is an answer of Studio, whole or truncated, not a file: no accepted file begins like it."""
    if _STUDIOS.match(body):
        return True
    answer = json_object(body) if body.lstrip().startswith(b"{") and b'"success"' in body else None
    return answer is not None and answer.get("success") is False
