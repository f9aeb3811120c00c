"""A device as firmware is one: it says hello over a WebSocket, is asked for samples, and uploads them itself."""

import asyncio
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import cbor2
import requests

from eisync.emulator.server import RunningEmulator

from .wire import TIMEOUT_S, acquisition

Answer = dict[str, Any]


class Device:
    """One WebSocket. Its event loop runs only within a call: between calls the device is as silent as a busy board."""

    def __init__(self, emulator: RunningEmulator, *, is_cbor: bool = False) -> None:
        self._emulator = emulator
        self._is_cbor = is_cbor
        self._loop = asyncio.new_event_loop()
        self._session = self._run(self._make_session())
        self._socket = self._run(self._session.ws_connect(emulator.remote_url))

    def send(self, message: object) -> None:
        if self._is_cbor:
            self.send_frame(cbor2.dumps(message))
        else:
            self.send_frame(json.dumps(message))

    def send_frame(self, frame: str | bytes) -> None:
        self._run(self._socket.send_str(frame) if isinstance(frame, str) else self._socket.send_bytes(frame))

    def receive(self) -> Answer:
        """The next message of the service, which must come in the encoding of the hello."""
        received = self._run(self._socket.receive(TIMEOUT_S))
        wanted = aiohttp.WSMsgType.BINARY if self._is_cbor else aiohttp.WSMsgType.TEXT
        assert received.type is wanted, received
        message: Answer = cbor2.loads(received.data) if self._is_cbor else json.loads(received.data)
        return message

    def serve(self, device_id: str) -> None:
        """Take and upload every sample that is asked for in JSON, until the connection ends."""
        while True:
            received = self._run(self._socket.receive(TIMEOUT_S))
            if received.type is not aiohttp.WSMsgType.TEXT:
                return
            self.notify("sample", "sampleStarted", "sampleUploading")
            assert self.upload(json.loads(received.data)["sample"], device_id).status_code == 200
            self.notify("sampleFinished")

    def wait_for_close(self) -> int:
        """The code with which the service closes."""
        received = self._run(self._socket.receive(TIMEOUT_S))
        assert received.type is aiohttp.WSMsgType.CLOSE, received
        return int(received.data)

    def greet(self, **changed: object) -> Answer:
        self.send({"hello": hello(self._emulator.key, **changed)})
        return self.receive()

    def vanish(self) -> None:
        """As a device does whose power is cut: the connection ends without a goodbye."""
        self._socket.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def notify(self, *names: str) -> None:
        for name in names:
            self.send({name: True})

    def upload(self, request: Answer, device_id: str) -> requests.Response:
        """Send the sample that was asked for to ingestion, signed with the key of the request."""
        document = acquisition(alg="HS256", device_name=device_id, device_type="TEST", interval_ms=request["interval"])
        raw = json.dumps(document).encode()
        signature = hmac.new(request["hmacKey"].encode(), raw, hashlib.sha256).hexdigest()
        return requests.post(
            self._emulator.ingestion_url + request["path"],
            data=raw.replace(b"0" * 64, signature.encode()),
            headers={
                "x-api-key": self._emulator.key,
                "x-file-name": f"{request['label']}.json",
                "x-label": request["label"],
                "Content-Type": "application/json",
            },
            timeout=TIMEOUT_S,
        )

    def close(self) -> None:
        self._run(self._socket.close())
        self._run(self._session.close())
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    @staticmethod
    async def _make_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))


def hello(key: str, **changed: object) -> dict[str, object]:
    """What a device of protocol version 3 says first; None leaves a field out."""
    said: dict[str, object] = {
        "version": 3,
        "apiKey": key,
        "deviceId": "0a:00:00:00:00:01",
        "deviceType": "TEST",
        "connection": "ip",
        "sensors": [{"name": "Accelerometer", "maxSampleLengthS": 60, "frequencies": [62.5, 100]}],
        "supportsSnapshotStreaming": False,
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


@contextmanager
def connected_device(emulator: RunningEmulator, *, is_cbor: bool = False, **changed: object) -> Iterator[Device]:
    """A device that said hello and was let in."""
    device = Device(emulator, is_cbor=is_cbor)
    try:
        answer = device.greet(**changed)
        assert answer["hello"] is True, answer
        yield device
    finally:
        device.close()


@contextmanager
def serving_device(emulator: RunningEmulator, device_id: str) -> Iterator[None]:
    """A device beside the caller that does what it is asked."""
    with connected_device(emulator, deviceId=device_id) as board:
        thread = threading.Thread(target=board.serve, args=(device_id,))
        thread.start()
        try:
            yield
        finally:
            board.vanish()
            thread.join(TIMEOUT_S)
