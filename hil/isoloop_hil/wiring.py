"""The wiring of a rig: one list of nets, made from the rig's pin table and the board file; the page and the drawing are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from types import ModuleType

from isoloop.kernels import firmware
from isoloop.plant import CHANNEL_NAMES, VALVE_NAMES
from isoloop_hil.pins import rig_pins

_PICO_PINS = {
    0: 1, 1: 2, 2: 4, 3: 5, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12, 10: 14, 11: 15, 12: 16, 13: 17, 14: 19, 15: 20,
    16: 21, 17: 22, 18: 24, 19: 25, 20: 26, 21: 27, 22: 29, 26: 31, 27: 32, 28: 34,
}  # fmt: skip
"""Pin of the Pico's header by GPIO number."""
_DAC_NAMES = "ABCD"


@dataclass(frozen=True)
class Net:
    """One connection: from, to, and what belongs on the way."""

    group: str
    start: str
    end: str
    note: str = ""


def nets() -> list[Net]:
    """Every connection, in the order of building."""
    rig, board = rig_pins(), firmware("boards.reference")
    return [*_supply(rig), *_analogue(rig, board), *_front_end(board), *_drives(rig, board), *_listening(rig, board)]


def page() -> str:
    """The wiring table as Markdown: docs/hil_wiring.md."""
    lines = [
        "# Wiring of a rig",
        "",
        "Made by `isoloop-rig wiring` from `hil/firmware/rig/pins.py` and `firmware/boards/reference.py`; a test fails when it is stale.",
        "What each part is, what to buy and how to bring it up: [hil.md](hil.md). `RIG` is the rig's own Pico, `BOARD` the one under test;",
        "a number in brackets is the pin of the Pico's header. All grounds are one.",
        "",
        "![Both Picos and the parts between them](images/hil_wiring.svg)",
    ]
    group = ""
    for net in nets():
        if net.group != group:
            group = net.group
            lines += ["", f"## {group}", "", "| from | to | on the way |", "|---|---|---|"]
        lines.append(f"| {net.start} | {net.end} | {net.note} |")
    return "\n".join(lines) + "\n"


def _pin(who: str, gpio: int) -> str:
    return f"{who} GP{gpio} ({_PICO_PINS[gpio]})"


def _supply(rig: ModuleType) -> list[Net]:
    group = "Supply and straps"
    board = firmware("boards.reference")
    return [
        Net(group, "RIG VBUS (40)", "load switch TPS22918, VIN", "the rig's USB feeds both Picos"),
        Net(group, _pin("RIG", rig.POWER), "load switch, ON", "100 kohm to ground: off until the rig says so"),
        Net(group, "load switch, VOUT", "BOARD VSYS (39)", "quick output discharge on, 1 uF"),
        Net(group, "BOARD 3V3 (36)", _pin("RIG", rig.SUPPLY), "two 10 kohm as a divider by 2"),
        Net(group, _pin("RIG", rig.STRAP), _pin("BOARD", board.STRAP), "1 kohm; open drain"),
        Net(group, _pin("RIG", rig.BENCH_STRAP), _pin("BOARD", board.BENCH_STRAP), "1 kohm; open drain"),
        Net(group, "BOARD USB", "host", "data cable with its 5 V wire cut: a fed board cannot be switched off"),
    ]


def _analogue(rig: ModuleType, board: ModuleType) -> list[Net]:
    group = "Sixteen voltages"
    rows = [
        Net(group, "BOARD 3V3 (36)", "each AD5696: VDD, VREF, VLOGIC", "10 uF and 100 nF each; GAIN to ground"),
        Net(group, _pin("RIG", rig.I2C_SDA), "each AD5696: SDA", "2.2 kohm to BOARD 3V3"),
        Net(group, _pin("RIG", rig.I2C_SCL), "each AD5696: SCL", "2.2 kohm to BOARD 3V3"),
        Net(group, _pin("RIG", rig.LDAC), "each AD5696: LDAC", "1 kohm; 10 kohm to BOARD 3V3"),
    ]
    for i, address in enumerate(rig.DACS):
        levels = ["3V3" if address >> bit & 1 else "ground" for bit in (1, 0)]
        rows.append(Net(group, f"DAC{i}: A1, A0", ", ".join(levels), f"address 0x{address:02X}"))
    for number, channel in enumerate(board.MUX_CHANNELS):
        rows.append(Net(group, _dac(channel), f"multiplexer I{number}", f"`{CHANNEL_NAMES[channel]}`"))
    for number, channel in enumerate(board.DIRECT_CHANNELS):
        rows.append(Net(group, _dac(channel), _pin("BOARD", 27 + number), f"`{CHANNEL_NAMES[channel]}`, 100 ohm and 10 nF"))
    return rows


def _dac(channel: int) -> str:
    return f"DAC{channel // 4} V{_DAC_NAMES[channel % 4]}"


def _front_end(board: ModuleType) -> list[Net]:
    group = "The board's own front end"
    rows = [Net(group, "multiplexer CD74HC4067, Z", _pin("BOARD", 26), "E to ground, VCC to BOARD 3V3; 1 nF")]
    rows += [Net(group, _pin("BOARD", gpio), f"multiplexer S{bit}") for bit, gpio in enumerate(board.MUX_SELECT)]
    return [
        *rows,
        Net(group, _pin("BOARD", board.SPI_SCK), "board's 74HC595 SRCLK, 74HC165 CLK", "all four parts on BOARD 3V3"),
        Net(group, _pin("BOARD", board.SPI_MOSI), "first board 595, SER", "QH' of the first to SER of the second"),
        Net(group, "last board 165, QH", _pin("BOARD", board.SPI_MISO), "QH of the first to SER of the last"),
        Net(group, _pin("BOARD", board.LATCH), "board's 595 RCLK, 165 SH/LD"),
        Net(group, "board's 595: OE", "ground", "always on here: the rig looks at ENABLE itself, and the pump's drive stays readable"),
    ]


def _drives(rig: ModuleType, board: ModuleType) -> list[Net]:
    group = "Drives and position switches"
    rows = [
        Net(group, _pin("RIG", rig.SPI_SCK), "rig's 74HC595 SRCLK, 74HC165 CLK", "all four parts on RIG 3V3"),
        Net(group, _pin("RIG", rig.SPI_MOSI), "first rig 595, SER", "QH' of the first to SER of the second"),
        Net(group, "second rig 595, QH'", "first rig 165, SER", "closes the ring: the self-test sends a pattern round"),
        Net(group, "last rig 165, QH", _pin("RIG", rig.SPI_MISO), "QH of the first to SER of the last"),
        Net(group, _pin("RIG", rig.LATCH), "rig's 595 RCLK, 165 SH/LD"),
    ]
    names = [f"{name} {way}" for name in VALVE_NAMES for way in ("open", "shut")]
    for bit, name in enumerate([*names, "pump on"]):
        rows.append(Net(group, f"board's 595, bit {bit}", f"rig's 165, bit {bit}", f"drive `{name}`; 10 kohm"))
    for bit, name in enumerate(names):
        # The resistor keeps the rig from feeding a board whose supply is off.
        rows.append(Net(group, f"rig's 595, bit {bit}", f"board's 165, bit {bit}", f"switch `{name}`; 10 kohm"))
    return rows


def _listening(rig: ModuleType, board: ModuleType) -> list[Net]:
    group = "Listening lines and the link"
    return [
        Net(group, _pin("BOARD", board.LATCH), _pin("RIG", rig.TICK), "1 kohm: two pulses a tick, the rig's clock"),
        Net(group, _pin("BOARD", board.ENABLE), _pin("RIG", rig.ENABLE), "1 kohm; 10 kohm to BOARD 3V3 (active low)"),
        Net(group, _pin("BOARD", board.UART_TX), _pin("RIG", rig.UART_RX), "1 kohm: the downlink"),
        Net(group, _pin("RIG", rig.UART_TX), _pin("BOARD", board.UART_RX), "10 kohm: the uplink"),
        Net(group, "RIG USB", "host", "feeds everything"),
    ]


_BOXES = {
    "host": (20, 190, 90, 60, "host"),
    "rig": (190, 60, 150, 350, "RIG Pico"),
    "dacs": (480, 60, 150, 100, "4 x AD5696"),
    "mux": (700, 60, 130, 56, "CD74HC4067"),
    "ring": (480, 175, 150, 65, "ring: 2 x 595, 2 x 165"),
    "chain": (700, 175, 130, 65, "2 x 595, 2 x 165"),
    "switch": (480, 300, 150, 32, "load switch"),
    "board": (920, 60, 150, 350, "BOARD Pico"),
}


def drawing() -> str:
    """The same as a drawing (SVG): docs/images/hil_wiring.svg."""
    rig, board = rig_pins(), firmware("boards.reference")
    direct = len(board.DIRECT_CHANNELS)
    lines = [
        ("host", "rig", 220, "USB"),
        ("rig", "dacs", 80, f"SDA GP{rig.I2C_SDA}, SCL GP{rig.I2C_SCL}"),
        ("rig", "dacs", 106, f"LDAC GP{rig.LDAC}"),
        ("dacs", "mux", 80, f"{len(board.MUX_CHANNELS)} lines"),
        ("mux", "board", 80, "Z GP26"),
        ("mux", "board", 106, "S0..3 GP" + "..".join(str(gpio) for gpio in (board.MUX_SELECT[0], board.MUX_SELECT[-1]))),
        ("dacs", "board", 140, f"{direct} direct: GP27, GP28"),
        ("rig", "ring", 190, f"SPI GP{rig.SPI_SCK} {rig.SPI_MOSI} {rig.SPI_MISO}"),
        ("rig", "ring", 224, f"LATCH GP{rig.LATCH}"),
        ("ring", "chain", 190, "15 drives"),
        ("ring", "chain", 224, "14 switches"),
        ("chain", "board", 190, f"GP{board.SPI_SCK} {board.SPI_MOSI} {board.SPI_MISO}"),
        ("chain", "board", 224, f"LATCH GP{board.LATCH}"),
        ("rig", "board", 262, f"TICK GP{rig.TICK} from LATCH GP{board.LATCH}, ENABLE GP{rig.ENABLE} from GP{board.ENABLE}"),
        ("rig", "board", 284, f"UART GP{rig.UART_TX}/{rig.UART_RX} with GP{board.UART_RX}/{board.UART_TX}"),
        ("rig", "switch", 320, f"POWER GP{rig.POWER}"),
        ("switch", "board", 320, "VSYS"),
        ("rig", "board", 362, f"straps GP{rig.STRAP} to GP{board.STRAP}, GP{rig.BENCH_STRAP} to GP{board.BENCH_STRAP}"),
        ("rig", "board", 388, f"SUPPLY GP{rig.SUPPLY} from 3V3 / 2"),
    ]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1090 440" font-family="sans-serif" font-size="12" stroke-width="1.2">',
        '<rect width="1090" height="440" fill="white"/>',
    ]
    for start, end, y, label in lines:
        left = _BOXES[start][0] + _BOXES[start][2]
        right = _BOXES[end][0]
        parts.append(f'<path d="M{left} {y} H{right}" stroke="#555" fill="none"/>')
        parts.append(f'<text x="{left + 5}" y="{y - 4}" fill="#222" font-size="11">{escape(label)}</text>')
    for x, y, width, height, label in _BOXES.values():
        middle = f'x="{x + width / 2:g}" y="{y + height / 2 + 4:g}"'
        parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="#eef3f8" stroke="#234"/>')
        parts.append(f'<text {middle} text-anchor="middle" font-weight="bold">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
