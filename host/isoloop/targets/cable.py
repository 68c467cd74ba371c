"""A serial port that may be pulled out at any moment: bytes in, bytes out, and one sentence when it is gone."""

from __future__ import annotations

import contextlib
from typing import Any, NoReturn

from isoloop.errors import TargetError
from isoloop.link.ports import import_serial, open_port

_READ_MAX_BYTES = 4096


class Cable:
    """One open port. Not from several threads."""

    def __init__(self, url: str, vanished: str) -> None:
        """
        Args:
            url: as pyserial names it.
            vanished: what is said when it goes; `{url}` and `{reason}` stand for those.

        Raises:
            UsageError, TargetError: as isoloop.link.ports.open_port().
        """
        self._url = url
        self._vanished = vanished
        self._error: Any = import_serial().SerialException
        self._port: Any = open_port(url)

    def read(self, wait_s: float) -> bytes:
        """What has come, waiting for the first byte at most so long.

        Raises:
            TargetError: the port is gone.
        """
        try:
            self._port.timeout = wait_s
            data: bytes = self._port.read(1)
            if data and (more := self._port.in_waiting):
                data += self._port.read(min(more, _READ_MAX_BYTES))
        except (self._error, OSError, TypeError, AttributeError) as error:
            self._gone(error)
        return data

    def write(self, data: bytes) -> None:
        """Send.

        Raises:
            TargetError: the port is gone.
        """
        try:
            self._port.write(data)
        except (self._error, OSError, TypeError, AttributeError) as error:
            self._gone(error)

    def close(self) -> None:
        """Give the port back. May be called twice."""
        if self._port is not None:
            with contextlib.suppress(self._error, OSError):
                self._port.close()
            self._port = None

    def _gone(self, error: Exception) -> NoReturn:
        reason = getattr(error, "strerror", None) or str(error)
        raise TargetError(self._vanished.format(url=self._url, reason=reason)) from None
