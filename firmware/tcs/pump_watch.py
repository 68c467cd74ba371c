"""Pump watch: does the commanded pump make its head? A dead pump is not a leak, and a dead sensor is not a dead pump."""

from micropython import const

from tcs.tables import P_HEAD_PUMP_PA, P_HEAD_RAD_PA, ST_PUMP_FAULT_LOW_HEAD, ST_PUMP_FAULT_NO_HEAD

UNKNOWN = const(-0x40000000)
_CONFIRM_MS = const(2000)
_SETTLE_MS = const(5000)
_LOW_PERCENT = const(75)
_NO_PERCENT = const(15)


class PumpWatch:
    """Called every period_ms. Allocation-free.

    .fault: ST_PUMP_FAULT_* while one stands, else -1; .sensor_disagrees: p_pump contradicts the radiators.
    """

    def __init__(self, params, period_ms):
        self._head_pa = params[P_HEAD_PUMP_PA]
        self._head_rad_pa = params[P_HEAD_RAD_PA]
        self._confirm_ticks = _CONFIRM_MS // period_ms
        self._settle_ticks = _SETTLE_MS // period_ms
        self.fault = -1
        self.sensor_disagrees = False
        self._bad_ticks = 0
        self._odd_ticks = 0
        self._on_ticks = 0

    def step(self, is_on, p_pump_pa, p_comp_pa, p_rad_pa):
        """One period. p_rad_pa: mean of the connected radiators (UNKNOWN when there is none). Returns True when a fault begins."""
        if not is_on or self._head_pa <= 0 or p_pump_pa == UNKNOWN or p_comp_pa == UNKNOWN:
            self._bad_ticks = 0
            self._odd_ticks = 0
            self._on_ticks = self._on_ticks if is_on else 0
            return False
        if self._on_ticks < self._settle_ticks:
            self._on_ticks += 1
            return False
        head_pa = p_pump_pa - p_comp_pa
        is_low = head_pa * 100 < self._head_pa * _LOW_PERCENT
        # Radiators stand above the compensator by what the return line loses: flow without head is a bad sensor, not a bad pump.
        has_flow = p_rad_pa != UNKNOWN and self._head_rad_pa > 0 and (p_rad_pa - p_comp_pa) * 100 >= self._head_rad_pa * _LOW_PERCENT
        if is_low and not has_flow:
            self._odd_ticks = 0
            self._bad_ticks += 1
            if self._bad_ticks >= self._confirm_ticks and self.fault < 0:
                self.fault = ST_PUMP_FAULT_NO_HEAD if head_pa * 100 < self._head_pa * _NO_PERCENT else ST_PUMP_FAULT_LOW_HEAD
                return True
        else:
            self._bad_ticks = 0
            self.fault = -1
            self._odd_ticks = self._odd_ticks + 1 if is_low else 0
        self.sensor_disagrees = self._odd_ticks >= self._confirm_ticks
        return False
