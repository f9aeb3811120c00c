"""Remote management: the WebSocket over which samples are requested from a device. The device uploads to ingestion.

A session begins with a hello, which may be repeated. All further messages have the encoding of the hello. Their format
is in `device_messages`; the calls that request samples are in `devices`.

Source: the official page "Remote management, WebSocket". From the official serial daemon: a device id has only one
connection, and a new connection replaces the old one.
"""

from collections.abc import Mapping

from aiohttp import WSMsgType, web

from eisync.emulator.connections import Connection, DeviceLog, send
from eisync.emulator.device_messages import (
    Encoding,
    Hello,
    HelloRules,
    Message,
    decode,
    hello_accepted,
    hello_refused,
    read_hello,
)
from eisync.emulator.model import Key, Refused
from eisync.emulator.replies import FORBIDDEN, INVALID_KEY
from eisync.emulator.service import SERVICE, Service

_CLOSE_S = 0.5  # how long a device may take to close its side


def add_routes(app: web.Application) -> None:
    app.router.add_get("/", _serve_device)
    app.on_shutdown.append(_close_connections)


async def _close_connections(app: web.Application) -> None:
    await app[SERVICE].connections.close_all()


async def _serve_device(request: web.Request) -> web.StreamResponse:
    service = request.app[SERVICE]
    settings = service.settings
    socket = web.WebSocketResponse(
        heartbeat=settings.heartbeat_s, max_msg_size=settings.max_json_bytes, timeout=_CLOSE_S
    )
    await socket.prepare(request)
    session = _Session(service, socket)
    with service.connections.opened(socket):
        try:
            await session.run()
            session.store_last_seen()  # not after a cancellation: then the store may be closed
        finally:
            session.end()
    return socket


class _Session:
    """One WebSocket, from its opening to its end."""

    def __init__(self, service: Service, socket: web.WebSocketResponse) -> None:
        self._service = service
        self._socket = socket
        self._log = DeviceLog()
        self._connection: Connection | None = None

    async def run(self) -> None:
        settings = self._service.settings
        while True:
            limit_s = settings.idle_timeout_s if self._connection is None else None
            try:
                received = await self._socket.receive(limit_s)
            except TimeoutError:  # no hello came
                return
            if received.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            message, encoding = decode(received.data, max_cbor_items=settings.max_cbor_items)
            if self._connection is not None and (message is None or "hello" not in message):
                self._connection.receive(message)
            else:
                await self._answer_hello(message, encoding)

    def store_last_seen(self) -> None:
        if self._connection is not None:
            project_id, device_id = self._connection.project_id, self._connection.hello.device_id
            self._service.store.devices.touch(project_id, device_id, now_ms=self._connection.last_seen_ms)

    def end(self) -> None:
        if self._connection is not None:
            self._service.connections.remove(self._connection)
            self._connection = None

    async def _answer_hello(self, message: Message | None, encoding: Encoding) -> None:
        service = self._service
        now_ms = service.now_ms()
        self._log.add("device", "(neither JSON nor CBOR)" if message is None else message, now_ms=now_ms)
        accepted = self._authenticate({} if message is None else message)
        if isinstance(accepted, Refused):
            answer = hello_refused(accepted.error, now_ms=now_ms)
            self._log.add("service", answer, now_ms=now_ms)
            service.connections.refuse(_device_id_of(message), accepted.error, now_ms=now_ms)
            await send(self._socket, answer, encoding)
            return
        hello, key = accepted
        self.end()  # end an earlier session on the same WebSocket
        self._connection = connection = Connection(
            socket=self._socket,
            project_id=key.project_id,
            hello=hello,
            encoding=encoding,
            settings=service.settings,
            now_ms=service.now_ms,
            log=self._log,
        )
        service.store.devices.register(key.project_id, hello, now_ms=now_ms)
        replaced = service.connections.add(connection)
        await connection.send(hello_accepted(now_ms=now_ms))
        if replaced is not None:
            await replaced.close("the device connected again")

    def _authenticate(self, message: Message) -> tuple[Hello, Key] | Refused:
        settings = self._service.settings
        rules = HelloRules(
            needs_all_fields=settings.refuse_incomplete_hello,
            refuses_unknown_versions=settings.refuse_unknown_hello_version,
            max_name_chars=settings.max_name_chars,
            max_sensors=settings.max_sensors,
        )
        hello = read_hello(message, rules)
        if isinstance(hello, Refused):
            return hello
        key = self._service.store.find_key(hello.api_key)
        if key is None:
            return Refused(INVALID_KEY)
        is_allowed = key.role.may_upload or not settings.refuse_by_role
        return (hello, key) if is_allowed else Refused(FORBIDDEN)


def _device_id_of(message: Message | None) -> object:
    hello = None if message is None else message.get("hello")
    return hello.get("deviceId") if isinstance(hello, Mapping) else None
