"""Standing: would the loss still be there without any one channel? Each is left out in turn, and another stands in for it."""

from array import array

from micropython import const

from tcs import inventory_kernel as ik
from tcs import sensing_kernel as sk
from tcs import standing_kernel as ek
from tcs.leak_rate_kernel import isqrt
from tcs.pressure_kernel import recent
from tcs.standing_kernel import weigh

_WANDER_MAX_PPM = const(2200)  # three times what it wanders by in the long run
_P_CABIN = const(7)


class Standing:
    """.stage_ul() and .ramp_ul(): what is left of a loss without the one channel that explains most of it. Allocation-free."""

    def __init__(self):
        self.change = array("i", bytes(4 * ek.CHANNELS))
        self.evidence = array("i", bytes(4 * ek.E_SIZE))
        self._led = array("i", bytes(4 * ek.RING))

    def stage_ul(self, excess_ul, state, now, ref, window, history, sensing, inventory):
        """Of a stage's excess; now, ref: where its channels' means stand in state; window: base samples since the reference."""
        ek.changes(state, now, ref, self.change)
        self.evidence[ek.E_SUPPLY_LOSS_UL] = ek.UNKNOWN
        self._weigh(window, sensing, inventory)
        return self._left(excess_ul, history, sensing, inventory)

    def ramp_ul(self, drop_ul, level, samples, history, sensing, inventory):
        """Of what the ramp fit on a level of the history has taken as lost over its `samples`."""
        rows, newest, period = history.channels[level], history.newest[level] & (ek.RING - 1), history.periods[level]
        ek.ramp_changes(rows, newest, samples, self.change)
        smooth, lead = inventory.smooth_ms // (10 * period), inventory.lead_ms // (10 * period)
        led = ek.ramp_led(rows, newest, samples, ek.CH_V_REF, max(10, smooth), max(10, lead), ik.LEAD_GAIN, self._led)
        self._weigh(samples * period, sensing, inventory)
        evidence = self.evidence
        # What is read too high shows too low a pressure, which is a loss, and too low a temperature, which is a gain.
        loss_ul = _share_ul(evidence[ek.E_PRESSURE_ML], self.change[ek.CH_V_REF]) - _share_ul(evidence[ek.E_THERMAL_ML], led)
        evidence[ek.E_SUPPLY_LOSS_UL] = max(0, loss_ul)
        # A step before the ramp weighs one and a half times, and a walk over the level is a third of its length.
        evidence[ek.E_LEVEL_WINDOW] = (ek.BASELINE * 3 // 4 + samples) * period
        return self._left(drop_ul, history, sensing, inventory)

    def _left(self, excess_ul, history, sensing, inventory):
        trend = ek.UNKNOWN
        if history.filled[1] >= ek.RING:
            trend = ek.trend(history.channels[1], history.newest[1] & (ek.RING - 1), ek.CH_CABIN)
        self.evidence[ek.E_CABIN_TREND_PA] = trend
        return ek.standing(excess_ul, recent(sensing.vote), inventory.state[ik.I_SENSITIVITY_UL_KPA], self.change, self.evidence)

    def _weigh(self, window, sensing, inventory):
        has_cabin = 1 if sensing.kinds[_P_CABIN] == sk.KIND_PRESSURE else 0
        # 3 x 0.0005 sqrt(2 t / 600 s), in ppm: 27.4 sqrt(base samples)
        wander_ppm = min(_WANDER_MAX_PPM, isqrt(min(window, 1000000) * 750))
        weigh(window, wander_ppm, sensing.p_comp_pa, has_cabin, sensing.state, sensing.foot, inventory.state, self.evidence)


def _share_ul(volume_ml, units):
    """uL that so many units of the supply's channel are of a volume: 32 760 counts of 64."""
    return volume_ml // 8 * max(-50000, min(50000, units)) // 262
