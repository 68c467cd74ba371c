"""The UART of an emulated board as something that serial programs open: a pseudo-terminal or a TCP port."""

from __future__ import annotations

import contextlib
import os
import socket
import tty
from typing import Protocol

_READ_BYTES = 4096


class ByteServer(Protocol):
    """Bytes to and from whoever is connected; without anybody they are lost, as on a line with nobody at its end."""

    url: str

    def read(self) -> bytes:
        """What has come up. Never waits."""

    def write(self, data: bytes) -> None:
        """Send down. Never waits; what the reader does not take in time is lost."""

    def close(self) -> None:
        """Take the port away."""


class PtyServer:
    """A pseudo-terminal; `.url` is its device."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)  # our own end stays open, so that a reader may come and go
        os.set_blocking(self._master, False)
        self.url = os.ttyname(self._slave)

    def read(self) -> bytes:
        """See ByteServer."""
        try:
            return os.read(self._master, _READ_BYTES)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """See ByteServer."""
        with contextlib.suppress(OSError):
            os.write(self._master, data)

    def close(self) -> None:
        """See ByteServer."""
        os.close(self._master)
        os.close(self._slave)


class SocketServer:
    """A TCP port of this host, one client at a time; `.url` is pyserial's name of it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._client: socket.socket | None = None
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"

    def read(self) -> bytes:
        """See ByteServer."""
        if self._client is None:
            try:
                self._client, _ = self._listener.accept()
            except OSError:
                return b""
            self._client.setblocking(False)
        try:
            data = self._client.recv(_READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._client.close()
            self._client = None
        return data

    def write(self, data: bytes) -> None:
        """See ByteServer."""
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.send(data)

    def close(self) -> None:
        """See ByteServer."""
        if self._client is not None:
            self._client.close()
        self._listener.close()
