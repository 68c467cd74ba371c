"""What the rig can find out about itself: one line a check, good or bad, with what it saw."""

import time

from micropython import const

_LISTEN_MS = const(700)  # a board that flies samples within half a second
_LEVELS = (0, 0x5555, 0xAAAA, 65520)


def checks(dacs, ring, board, pins):
    """Yield (name, is good, what was seen). The board must be in its socket; it stays in maintenance and is off afterwards.

    In maintenance, because a firmware that flies would take the test's voltages for its loop and remember the alarm.
    """
    good = board.power_off()
    yield "supply off", good, "%d mV" % board.supply_mv
    closed = ring.is_closed()
    yield "shift ring", closed, "pattern came back" if closed else "pattern lost"
    board.set_straps(True, False)
    good = board.power_on()
    yield "supply on", good, "%d mV" % board.supply_mv
    if good:
        missing = dacs.missing()
        yield "DACs", not missing, " ".join(["0x%02x missing" % address for address in missing]) or "%d answer" % len(pins.DACS)
        if not missing:
            yield _outputs(dacs, pins)
        yield "enable line", not board.is_enabled, "high" if not board.is_enabled else "low: the board would drive its valves"
        pulses = board.pulses
        time.sleep_ms(_LISTEN_MS)
        quiet = board.pulses == pulses
        yield "maintenance", quiet, "the board keeps still" if quiet else "the board flies: STRAP does not reach it"
    board.power_off()
    board.set_straps(False, False)


def _outputs(dacs, pins):
    for turn in range(len(_LEVELS)):
        counts = [_LEVELS[(channel + turn) % len(_LEVELS)] for channel in range(4 * len(pins.DACS))]
        dacs.set(counts)
        for i, address in enumerate(pins.DACS):
            told = dacs.read_back(address)
            if told != counts[4 * i : 4 * i + 4]:
                return "DAC outputs", False, "0x%02x shows %s for %s" % (address, told, counts[4 * i : 4 * i + 4])
    return "DAC outputs", True, "%d counts read back" % (4 * len(pins.DACS))
