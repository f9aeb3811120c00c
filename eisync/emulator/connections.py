"""The devices that are connected to remote management, the messages of each, and the sample that each is taking.

This state is in memory and used only by the event loop. What must outlast a connection is in the store.
"""

import asyncio
import contextlib
import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, WSCloseCode, web

from eisync.emulator.device_messages import Encoding, Hello, Message, encode
from eisync.emulator.sampling import Sampling, Stage
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.showing import iso

_MESSAGES_KEPT = 200
_REFUSALS_KEPT = 50
_MAX_SHOWN_CHARS = 200  # of a text in the log; an image of a camera is longer
_MAX_MESSAGE_CHARS = 20_000  # of a message in the log; a hello with many sensors is shorter
_MAX_DEPTH = 12
_MAX_INTEGER_BITS = 64
_SEND_S = 5.0  # how long a device may take to receive one message
_HIDDEN = frozenset({"apiKey", "hmacKey"})
GONE = "The device disconnected before the sample was finished"


class DeviceLog:
    """The newest messages of one device, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, object]] = deque(maxlen=_MESSAGES_KEPT)

    def add(self, sender: str, message: object, *, now_ms: int) -> None:
        self._entries.append({"at": iso(now_ms), "from": sender, "message": _shorten(message)})

    def as_json(self) -> list[dict[str, object]]:
        return list(self._entries)


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """One device from its hello until its WebSocket closes."""

    socket: web.WebSocketResponse
    project_id: int
    hello: Hello
    encoding: Encoding
    settings: EmulatorSettings
    now_ms: Callable[[], int]
    log: DeviceLog
    last_seen_ms: int = field(init=False)
    sampling: Sampling = field(init=False, default_factory=lambda: Sampling(Stage.FINISHED))
    _job: dict[str, Any] = field(init=False, default_factory=dict)  # as Studio shows it
    _length_ms: float = field(init=False, default=0.0)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.last_seen_ms = self.now_ms()

    @property
    def is_sampling(self) -> bool:
        return not self.sampling.stage.is_end

    async def send(self, message: Message) -> bool:
        """Send a message. Return whether it could be sent."""
        self.log.add("service", message, now_ms=self.now_ms())
        return await send(self.socket, message, self.encoding)

    async def request_sample(self, request: Message, job: dict[str, Any], *, length_ms: float) -> bool:
        """Request a sample, and update `job` with its progress. Return whether the request could be sent."""
        self.fail_sampling("Another sample was requested")
        self.sampling, self._job, self._length_ms = Sampling(), job, length_ms
        self._update_job()
        if await self.send({"sample": request}):
            return True
        self.fail_sampling(GONE)
        return False

    def receive(self, message: Message | None) -> None:
        """Handle a message of the device; None is a message that could not be decoded."""
        self.last_seen_ms = self.now_ms()
        self.log.add("device", "(neither JSON nor CBOR)" if message is None else message, now_ms=self.last_seen_ms)
        if message is None or not self.is_sampling:
            return
        needs_notifications = self.settings.refuse_missing_notifications
        self.sampling = self.sampling.advance(message, needs_notifications=needs_notifications)
        self._update_job()

    def fail_sampling(self, error: str) -> None:
        if self.is_sampling:
            self.sampling = self.sampling.fail(error)
            self._update_job()

    async def close(self, reason: str) -> None:
        self.fail_sampling(GONE)
        with contextlib.suppress(OSError, RuntimeError, ClientError):
            await self.socket.close(code=WSCloseCode.GOING_AWAY, message=reason.encode())

    def _update_job(self) -> None:
        """Update the job, and start the time limit for the next message."""
        self._job["additionalInfo"] = self.sampling.error or self.sampling.stage.value
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.is_sampling:
            limit_s = self._length_ms / 1000 + self.settings.sampling_silence_s
            error = f"The device sent nothing for {limit_s:g} s"
            self._timer = asyncio.get_running_loop().call_later(limit_s, self.fail_sampling, error)
        else:
            self._job |= {
                "finished": iso(self.now_ms()),
                "finishedSuccessful": self.sampling.stage is Stage.FINISHED,
            }


class Connections:
    """All connected devices. A device id occurs once in each project: the newest connection."""

    def __init__(self) -> None:
        self._by_device: dict[tuple[int, str], Connection] = {}
        self._refused: deque[dict[str, object]] = deque(maxlen=_REFUSALS_KEPT)
        self._sockets: set[web.WebSocketResponse] = set()

    def find(self, project_id: int, device_id: str) -> Connection | None:
        return self._by_device.get((project_id, device_id))

    def add(self, connection: Connection) -> Connection | None:
        """Add a connection. Return the connection of the same device that it replaces, if there is one."""
        name = (connection.project_id, connection.hello.device_id)
        replaced = self._by_device.pop(name, None)
        self._by_device[name] = connection
        return replaced

    def remove(self, connection: Connection) -> None:
        connection.fail_sampling(GONE)
        name = (connection.project_id, connection.hello.device_id)
        if self._by_device.get(name) is connection:
            del self._by_device[name]

    def refuse(self, device_id: object, error: str, *, now_ms: int) -> None:
        """Record a refused hello, so that the person at the device can find out why."""
        self._refused.append({"at": iso(now_ms), "deviceId": _shorten(device_id), "error": error})

    def as_json(self) -> dict[str, object]:
        connected = [
            {
                "projectId": one.project_id,
                "deviceId": one.hello.device_id,
                "version": one.hello.version,
                "connection": one.hello.connection,
                "encoding": one.encoding.value,
                "lastSeen": iso(one.last_seen_ms),
                "messages": one.log.as_json(),
            }
            for one in self._by_device.values()
        ]
        return {"connected": connected, "refused": list(self._refused)}

    @contextlib.contextmanager
    def opened(self, socket: web.WebSocketResponse) -> Iterator[None]:
        """Keep an open WebSocket registered for `close_all`, also before its hello."""
        self._sockets.add(socket)
        try:
            yield
        finally:
            self._sockets.discard(socket)

    async def close_all(self) -> None:
        """Close every WebSocket, with or without a hello."""
        closings = (socket.close(code=WSCloseCode.GOING_AWAY, message=b"the emulator ends") for socket in self._sockets)
        await asyncio.gather(*closings, return_exceptions=True)


async def send(socket: web.WebSocketResponse, message: Message, encoding: Encoding) -> bool:
    """Send a message: as text for JSON, as binary for CBOR. Return whether it could be sent."""
    frame = encode(message, encoding)
    try:
        async with asyncio.timeout(_SEND_S):
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
    except (OSError, RuntimeError, ClientError, TimeoutError):
        return False
    return True


def _shorten(message: object) -> object:
    """Return a message for the log: without keys and images, and only with values that JSON has."""
    try:
        shown = _shorten_value(message, depth=0)
        size = len(json.dumps(shown))
    except RecursionError:  # CBOR can also nest values in tags, which _MAX_DEPTH does not count
        return "(a message that cannot be shown)"
    return shown if size <= _MAX_MESSAGE_CHARS else f"(a message of {size} characters)"


def _shorten_value(value: object, *, depth: int) -> object:
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {
            str(name)[:_MAX_SHOWN_CHARS]: "(hidden)" if name in _HIDDEN else _shorten_value(one, depth=depth + 1)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_shorten_value(one, depth=depth + 1) for one in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() <= _MAX_INTEGER_BITS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int):
        return "(a very large number)"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}… ({len(text)} characters)"
