"""Tell systemd that we are ready, alive, stopping. Source: sd_notify(3), "Notes"."""

import contextlib
import socket

SEND_WITHIN_S = 1.0


class Notifier:
    """Speaks to the service manager at `address`; to nobody when it is None."""

    def __init__(self, address: str | None) -> None:
        self._address = address if address is None or not address.startswith("@") else "\0" + address[1:]

    def ready(self) -> None:
        """Start-up is over."""
        self._send("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Shut-down has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.settimeout(SEND_WITHIN_S)  # a service manager that does not read must not stop us
            sender.sendto(message.encode(), self._address)  # whoever does not listen any more needs no answer
