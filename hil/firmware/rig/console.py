"""The rig's port: lines that a person can type, and a flight's frames behind `fly`."""

import sys

import machine
from micropython import const

from rig import pins
from rig.board import BoardUnderTest
from rig.dacs import Dacs
from rig.flight import Flight
from rig.ring import Ring
from rig.selftest import checks

VERSION = const(1)
_LINE_MAX = const(120)
_HELP = "isoloop rig?  test  power on|off|maintenance|bench  count CHANNEL COUNT  switches HEX  read  fly TICK_MS BAUD"


class Console:
    """One line, one answer. Every answer ends with a line that begins with `ok` or `error`."""

    def __init__(self):
        self._board = BoardUnderTest(pins)  # off first of all
        self._ring = Ring(pins)
        self._dacs = Dacs(pins)
        self._counts = [0] * 16
        self._board.open_line(115200)

    def run(self):
        """For ever."""
        line = bytearray()
        byte = bytearray(1)
        while True:
            sys.stdin.buffer.readinto(byte)
            if byte[0] not in (10, 13):
                line = line[-_LINE_MAX:] + byte
                continue
            words = bytes(line).decode().split() if _is_text(line) else []
            line = bytearray()
            if words:
                self._answer(words)

    def _answer(self, words):
        try:
            name = "_do_" + words[0] if words[:2] != ["isoloop", "rig?"] else "_do_greet"
            found = getattr(self, name, None)
            if found is None:
                print("error there is no '%s'; there is %s" % (words[0], _HELP))
            else:
                found(*words[1:])
        except (ValueError, TypeError, IndexError) as error:
            print("error %s: %s" % (" ".join(words), error))
        except OSError as error:
            print("error the DACs do not answer (%s): is the board's supply on?" % error)

    def _do_greet(self, *_rest):
        unique_id = "".join("%02x" % byte for byte in machine.unique_id())
        print("ok isoloop rig", VERSION, unique_id, _image_id(), sys.version.split("; ")[-1].replace(" ", "_"))

    def _do_help(self):
        print("ok", _HELP)

    def _do_test(self):
        failed = 0
        for name, is_good, seen in checks(self._dacs, self._ring, self._board, pins):
            failed += not is_good
            print("good" if is_good else "BAD ", name + ":", seen)
        print("ok" if not failed else "error", "%d checks failed" % failed)

    def _do_power(self, what):
        board = self._board
        off = board.power_off()
        if what == "off":
            print("ok off" if off else "error the supply stays at %d mV: the board is fed from elsewhere" % board.supply_mv)
            return
        if what not in ("on", "maintenance", "bench"):
            raise ValueError("on, off, maintenance or bench")
        board.set_straps(what == "maintenance", what == "bench")
        if not board.power_on():
            print("error the supply does not come: %d mV" % board.supply_mv)
            return
        self._dacs.set(self._counts)
        print("ok", what)

    def _do_count(self, channel, count):
        self._counts[int(channel)] = min(max(int(count), 0), 65520)
        self._dacs.set(self._counts)
        print("ok")

    def _do_switches(self, word):
        self._ring.exchange(int(word, 16) & 0xFFFF)
        print("ok")

    def _do_read(self):
        board = self._board
        drives = self._ring.exchange(self._ring.switches)
        print(
            "ok drives %04x enable %d supply %d mV pulses %d bytes %d"
            % (drives, board.is_enabled, board.supply_mv, board.pulses, board.uart.any())
        )

    def _do_fly(self, tick_ms, baud):
        self._board.open_line(int(baud))
        flight = Flight(self._dacs, self._ring, self._board, int(tick_ms))
        print("ok flying")
        flight.serve()
        self._board.power_off()


def _is_text(line):
    for byte in line:
        if byte >= 127 or byte < 32:
            return False
    return True


def _image_id():
    try:
        from build_id import IMAGE_ID
    except ImportError:  # copied onto a MicroPython of other making
        return "-"
    return IMAGE_ID
