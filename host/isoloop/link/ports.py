"""Opening a serial port, and saying in one sentence why it does not open and what to do about it."""

from __future__ import annotations

import errno
import grp
import os
import stat
from typing import Any

from isoloop.errors import IsoloopError, TargetError, UsageError

BAUD_DEFAULT = 115_200


def import_serial() -> Any:
    """pyserial.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import serial
    except ModuleNotFoundError:
        raise UsageError("serial ports need pyserial: pip install 'isoloop[link]'") from None
    return serial


def open_port(url: str, baud: int = BAUD_DEFAULT) -> Any:
    """A pyserial port, locked against other programs; reads return at once.

    Raises:
        UsageError: there is no such port, it is none, or this user may not open it.
        TargetError: another program has it, or it fails.
    """
    serial = import_serial()
    try:
        options = {"exclusive": True} if "://" not in url else {}
        return serial.serial_for_url(url, baudrate=baud, timeout=0, write_timeout=5.0, **options)
    except (ValueError, serial.SerialException, OSError) as error:
        raise explain(url, error) from None


def explain(url: str, error: Exception) -> IsoloopError:
    """The sentence for a port that does not open."""
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return UsageError(f"{url} is no port: {error}")
    number = getattr(error, "errno", None)
    if "://" not in url:
        if number == errno.ENOENT or not os.path.exists(url):
            return UsageError(f"there is no port {url}: {_ports_here()}")
        if number == errno.EACCES:
            return UsageError(f"you may not open {url}: {_who_may(url)}")
        if not stat.S_ISCHR(os.stat(url).st_mode) or number == errno.ENOTTY or "Inappropriate ioctl" in str(error):
            return UsageError(f"{url} is no serial port: {_ports_here()}")
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return TargetError(f"port {url} is in use by another program: close that one (a monitor, Thonny, mpremote) and try again")
    reason = getattr(error, "strerror", None) or str(error)
    return TargetError(f"port {url} does not open ({reason}): plug the cable in again, then isoloop doctor {url}")


def list_ports() -> list[Any]:
    """pyserial's description of every serial port that has a device behind it; none without pyserial."""
    try:
        from serial.tools.list_ports import comports
    except ModuleNotFoundError:
        return []
    # The sixteen UARTs that a PC kernel lists whether they exist or not have no hardware id.
    return sorted((port for port in comports() if port.hwid != "n/a"), key=lambda port: str(port.device))


def _ports_here() -> str:
    names = [str(port.device) for port in list_ports()]
    if not names:
        return "this host sees no serial port at all; plug the board in with a cable that carries data (isoloop doctor)"
    return f"there is {', '.join(names)} (isoloop doctor says what they are)"


def _who_may(url: str) -> str:
    try:
        group = grp.getgrgid(os.stat(url).st_gid).gr_name
    except (KeyError, OSError):
        group = "dialout"
    return f"sudo usermod -aG {group} $USER, then log out and in again"
