"""Sensing: counts -> calibrated, validated channels and one voted compensator pressure."""

from array import array

from micropython import const

from tcs import pressure_kernel as pk
from tcs import sensing_kernel as sk
from tcs.carry_kernel import heads
from tcs.pressure_kernel import V_COUNT, V_EXCLUDED, V_MEMBERS, reference, vote
from tcs.sensing_kernel import sense
from tcs.tables import P_COHERENT_COUNTS, P_P_NOISE_PA, P_STALE_MS, P_STUCK_MS, P_TICK_MS

UNKNOWN = sk.UNKNOWN
SPAN_COUNTS = const(52416)  # 10..90 % of 0..65520

# Plausible change in a tick. The compensator: a 12 mm hole takes at most 17 kPa. The radiators and the pump see valves and bursts at once.
_COMPENSATOR_RATE_PA = const(25000)
_PUMP_RATE_PA = const(150000)
_CABIN_RATE_PA = const(10000)
_TEMPERATURE_RATE_MC = const(1000)
# Noise that no healthy temperature or supply shows, as the mean change from step to step: twice the noise's rms, 36 mK and 9 counts of it.
_TEMPERATURE_ROUGH_MC = const(70)
_SUPPLY_ROUGH_COUNTS = const(18)
_RECENT_MS = const(150000)
_RECOVER_TICKS = const(20)
_COHERENT_CHANNELS = const(3)
_FROZEN_CHANNELS = const(8)

_P_COMP_A = const(0)
_P_PUMP = const(3)
_VALUE_A = const(1)  # rows of the compensator's channels in .state, column ST_VALUE
_VALUE_B = const(11)
_VALUE_C = const(21)
_P_CABIN = const(7)
_T_GAS = const(8)


class Sensing:
    """.state holds a row a channel (raw, value, status ...); values in Pa, milli-degC, uL/s, counts for v_ref; UNKNOWN when not ok.

    kinds, lows, highs: arrays of 16 from the calibration record; adc: measured and ideal counts of the converter's correction table.
    """

    def __init__(self, kinds, lows, highs, adc, params):
        self.state = array("i", bytes(4 * sk.ST_SIZE))
        self.vote = array("i", bytes(4 * pk.V_SIZE))
        self.reference = array("i", bytes(4 * pk.R_SIZE))
        self.p_comp_pa = UNKNOWN
        self.p_reference_pa = UNKNOWN
        self.votes = 0
        self.members = 0
        self._restart = 0
        self._settle_ticks = 0
        self._cfg = _channel_config(kinds, lows, highs, adc, params)
        self.kinds = kinds
        # A value and its channel's foot together are proportional to the counts, and so to the supply.
        self.foot = array("i", bytes(4 * sk.CHANNELS))
        for channel in range(sk.CHANNELS):
            self.foot[channel] = (highs[channel] - lows[channel]) // 8 - lows[channel]
        self._vote_cfg = _vote_config(params)
        self.settle_ticks = 10000 // params[P_TICK_MS]
        state = self.state
        state[sk.ST_V_REF_Q8] = sk.NOMINAL_V_REF_COUNTS << 8
        for channel in range(sk.CHANNELS):
            at = channel * sk.ST_STRIDE
            state[at + sk.ST_VALUE] = UNKNOWN
            state[at + sk.ST_STATUS] = sk.ABSENT if kinds[channel] == sk.KIND_ABSENT else sk.STALE

    def value(self, channel):
        """Engineering value of a channel, or UNKNOWN."""
        return self.state[channel * sk.ST_STRIDE + sk.ST_VALUE]

    def status(self, channel):
        """sk.OK .. sk.DISAGREES of a channel."""
        if channel < 3 and (self.vote[pk.V_EXCLUDED] >> channel) & 1 and self.state[channel * sk.ST_STRIDE + sk.ST_STATUS] == sk.OK:
            return sk.DISAGREES
        return self.state[channel * sk.ST_STRIDE + sk.ST_STATUS]

    def disturb(self):
        """Pump or valves changed: the heads of pump and radiators are learned anew after a settling time."""
        self._settle_ticks = self.settle_ticks

    def update(self, counts, fresh, tick, adapt, connected):
        """One tick. Returns the mask of changed statuses.

        adapt: 0 freezes what is learned; connected: mask of radiators open to the loop.
        """
        state = self.state
        told = self.vote
        changed = sense(counts, fresh, tick, state, self._cfg)
        was_excluded = told[V_EXCLUDED]
        p_comp_pa = vote(state[_VALUE_A], state[_VALUE_B], state[_VALUE_C], self.p_reference_pa, adapt, told, self._vote_cfg)
        changed |= was_excluded ^ told[V_EXCLUDED]
        votes = told[V_COUNT]
        self.p_comp_pa = p_comp_pa
        self.votes = votes
        self.members = told[V_MEMBERS]
        restart = 0
        if self._settle_ticks > 0:
            self._settle_ticks -= 1
            restart = 1
        heads(state, connected, self.reference)
        self.p_reference_pa = reference(p_comp_pa, votes, adapt, restart, self.reference)
        return changed

    def unfit(self):
        """Mask of fitted channels that are not ok, those voted out included."""
        return self.state[sk.ST_BAD] | self.vote[pk.V_EXCLUDED]

    def coherent(self):
        """How many temperature and supply channels jumped in this one tick."""
        return self.state[sk.ST_COHERENT]

    def frozen_ticks(self):
        """For how many ticks no channel at all has changed."""
        return self.state[sk.ST_FROZEN_TICKS]


def _channel_config(kinds, lows, highs, adc, params):
    cfg = array("i", bytes(4 * sk.CFG_SIZE))
    tick_ms = params[P_TICK_MS]
    for channel in range(sk.CHANNELS):
        at = channel * sk.CFG_STRIDE
        kind = kinds[channel]
        span = highs[channel] - lows[channel]
        cfg[at + sk.CFG_KIND] = kind
        cfg[at + sk.CFG_LO] = lows[channel]
        cfg[at + sk.CFG_GAIN_INT] = span // SPAN_COUNTS
        # (span % 52416) * 16384 / 52416, in two halves to stay within 30 bits
        cfg[at + sk.CFG_GAIN_Q14] = (span % SPAN_COUNTS) * 8192 // (SPAN_COUNTS // 2)
        rate = 0x10000
        rough = 0
        cfg[at + sk.CFG_COHERENT_COUNTS] = 0x10000
        if kind == sk.KIND_TEMPERATURE:
            rate = _counts(_TEMPERATURE_RATE_MC, span)
            rough = max(8, _counts(_TEMPERATURE_ROUGH_MC, span))
            cfg[at + sk.CFG_COHERENT_COUNTS] = params[P_COHERENT_COUNTS] or 0x10000
        elif kind == sk.KIND_V_REF:
            rough = _SUPPLY_ROUGH_COUNTS
            cfg[at + sk.CFG_COHERENT_COUNTS] = params[P_COHERENT_COUNTS] or 0x10000
        elif kind == sk.KIND_PRESSURE:
            if channel < _P_PUMP:
                rate = _counts(_COMPENSATOR_RATE_PA, span)
            elif channel == _P_PUMP:
                rate = _counts(_PUMP_RATE_PA, span)
            elif channel == _P_CABIN:
                rate = _counts(_CABIN_RATE_PA, span)
        cfg[at + sk.CFG_RATE_COUNTS] = rate
        cfg[at + sk.CFG_ROUGH_Q8] = rough << 8
        cfg[at + sk.CFG_STUCK_TICKS] = max(20, params[P_STUCK_MS] // tick_ms) if params[P_STUCK_MS] else 0x3FFFFFFF
    cfg[sk.CFG_STALE_TICKS] = params[P_STALE_MS] // tick_ms
    cfg[sk.CFG_RECOVER_TICKS] = _RECOVER_TICKS
    cfg[sk.CFG_COHERENT_CHANNELS] = _COHERENT_CHANNELS
    cfg[sk.CFG_FROZEN_CHANNELS] = _FROZEN_CHANNELS
    points = len(adc) // 2
    for i in range(sk.ADC_POINTS):
        point = min(i, points - 1)
        cfg[sk.CFG_ADC + i] = adc[point]
        cfg[sk.CFG_ADC + sk.ADC_POINTS + i] = adc[points + point]
    return cfg


def _counts(change, span):
    return min(0x10000, change * 1000 // max(1, span // 1000) * (SPAN_COUNTS // 8) // 125000) if span > 0 else 0x10000


def _vote_config(params):
    noise = params[P_P_NOISE_PA]
    cfg = array("i", bytes(4 * pk.VC_SIZE))
    cfg[pk.VC_OUTLIER_PA] = 8 * noise
    cfg[pk.VC_FAST_PA] = 5 * noise
    # The converter's wide codes leave two codes, 150 Pa, that each sensor meets at a pressure of its own.
    cfg[pk.VC_SLOW_PA] = 3 * noise
    cfg[pk.VC_PAIR_PA] = 4 * noise
    cfg[pk.VC_RETURN_TICKS] = 600
    cfg[pk.VC_OFFSET_MAX_PA] = 1500
    cfg[pk.VC_RECENT_TICKS] = _RECENT_MS // params[P_TICK_MS]
    return cfg
