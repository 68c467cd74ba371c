"""The port behind a USB serial number."""

from __future__ import annotations

from isoloop.errors import UsageError
from isoloop.link.ports import import_serial, list_ports
from isoloop_hil.rig_file import Place


def find_port(place: Place, whose: str) -> str:
    """Its port, as pyserial names it.

    Args:
        place: where it is.
        whose: such as "the rig of bench.toml", for the message.

    Raises:
        UsageError: nothing with this serial number is plugged in, or pyserial is missing.
    """
    if place.port:
        return place.port
    import_serial()
    found = list_ports()
    wanted = place.usb_serial.lower()
    for port in found:
        if (port.serial_number or "").lower() == wanted:
            return str(port.device)
    here = ", ".join(f"{port.serial_number} on {port.device}" for port in found if port.serial_number)
    raise UsageError(
        f"{whose} is not plugged in: no port has USB serial number {place.usb_serial}; "
        + (f"there is {here}" if here else "this host sees no USB serial port (isoloop doctor)")
    )
