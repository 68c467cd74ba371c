"""Housekeeping: copies what the stages know into the dictionary's structures. UNKNOWN stays UNKNOWN."""

from micropython import const

from tcs import inventory_kernel as ik
from tcs import pressure_kernel as pk
from tcs import sensing_kernel as sk
from tcs.tables import (
    HK_ALARMS,
    HK_CONFIDENCE_PERCENT,
    HK_DIAGNOSIS,
    HK_DRIVE_WORD,
    HK_FLOW_UL_S,
    HK_HOLE_UM,
    HK_INVENTORY_DROP_UL,
    HK_INVENTORY_UL,
    HK_ISOLATION_STATE,
    HK_LEAK_CLASS,
    HK_LOCALISATION_STATE,
    HK_LOST_BEFORE_ISOLATION_UL,
    HK_LOST_UL,
    HK_MODE,
    HK_P_COMP_A_PA,
    HK_P_COMP_VOTED_PA,
    HK_PUMP_ON,
    HK_RATE_HI_UL_S,
    HK_RATE_LO_UL_S,
    HK_RATE_UL_S,
    HK_SEGMENT,
    HK_SEGMENT_STATE_RAD1,
    HK_STAT_0_PERMILLE,
    HK_STAT_RAMP_PERMILLE,
    HK_STATUS_P_COMP_A,
    HK_VALVE_RAD1_IN,
    HK_VERDICT,
    HK_VOTES,
    PLAT_ALLOC_FAULTS,
    PLAT_LATE_TICKS,
    ST_ISOLATION_ISOLATED,
    ST_VERDICT_LEAK,
)

UNKNOWN = const(-0x40000000)
_U8_UNKNOWN = const(0xFF)
_FAST_MS = const(60000)
_V_REF_CHANNEL = const(15)
_FLOW_CHANNEL = const(7)


class Housekeeping:
    """Fills the structures from the application's stages. Allocation-free."""

    def __init__(self, app):
        self._app = app
        self._alarm_tick = -1
        self._isolated_ul = UNKNOWN

    def is_settled(self, tick):
        """True a minute after the alarm: full-rate reports end then."""
        if self._alarm_tick < 0:
            self._alarm_tick = tick
        return tick - self._alarm_tick > _FAST_MS // self._app.tick_ms

    def fill(self, hk, verdict):
        """Structure housekeeping."""
        app = self._app
        sensing = app.sensing
        hk[HK_MODE] = app.isolation.mode
        hk[HK_VERDICT] = verdict
        hk[HK_LEAK_CLASS] = app.diagnosis.leak_class
        hk[HK_DIAGNOSIS] = app.diagnosis.leak_class
        hk[HK_SEGMENT] = app.recovery.segment
        localisation = app.recovery.localisation
        hk[HK_LOCALISATION_STATE] = localisation.state
        segment = 0
        while segment < 3:
            hk[HK_SEGMENT_STATE_RAD1 + segment] = localisation.segment_state[segment]
            segment += 1
        hk[HK_ISOLATION_STATE] = app.isolation.state
        channel = 0
        while channel < sk.CHANNELS:
            hk[HK_P_COMP_A_PA + channel] = sensing.value(channel)
            hk[HK_STATUS_P_COMP_A + channel] = sensing.status(channel)
            channel += 1
        counts = sensing.value(_V_REF_CHANNEL)
        if counts != UNKNOWN:
            counts = counts * 3300 // sk.NOMINAL_V_REF_COUNTS
        hk[HK_P_COMP_A_PA + _V_REF_CHANNEL] = counts
        flow = UNKNOWN
        if app.flow_watch is not None:
            flow = app.flow_watch.flow_ul_s
            hk[HK_P_COMP_A_PA + _FLOW_CHANNEL] = UNKNOWN
        hk[HK_FLOW_UL_S] = flow
        hk[HK_P_COMP_VOTED_PA] = sensing.p_comp_pa
        hk[HK_VOTES] = sensing.vote[pk.V_COUNT]
        hk[HK_INVENTORY_UL] = app.inventory.inventory_ul
        self._fill_leak(hk, verdict)
        stage = 0
        while stage < 8:
            hk[HK_STAT_0_PERMILLE + stage] = app.detector.statistic_permille(stage)
            stage += 1
        hk[HK_STAT_RAMP_PERMILLE] = app.detector.ramp_permille
        valve = 0
        while valve < 7:
            hk[HK_VALVE_RAD1_IN + valve] = app.valves.position[valve]
            valve += 1
        hk[HK_DRIVE_WORD] = app.drive_word
        hk[HK_PUMP_ON] = 1 if app.isolation.pump_on else 0
        hk[HK_ALARMS] = app.diagnosis.alarms

    def _fill_leak(self, hk, verdict):
        app = self._app
        rate = app.leak_rate
        is_leak = verdict == ST_VERDICT_LEAK
        hk[HK_INVENTORY_DROP_UL] = rate.lost_ul if is_leak and app.inventory.status == ik.S_OK else UNKNOWN
        hk[HK_RATE_UL_S] = rate.rate_ul_s if is_leak else UNKNOWN
        hk[HK_RATE_LO_UL_S] = rate.low_ul_s if is_leak else UNKNOWN
        hk[HK_RATE_HI_UL_S] = rate.high_ul_s if is_leak else UNKNOWN
        hk[HK_HOLE_UM] = rate.hole_um if is_leak else UNKNOWN
        hk[HK_CONFIDENCE_PERCENT] = self._confidence() if is_leak else _U8_UNKNOWN
        lost_ul = rate.lost_ul + app.recovery.lost_before_ul
        hk[HK_LOST_UL] = lost_ul
        if app.isolation.state == ST_ISOLATION_ISOLATED and self._isolated_ul == UNKNOWN:
            self._isolated_ul = lost_ul
        hk[HK_LOST_BEFORE_ISOLATION_UL] = self._isolated_ul if self._isolated_ul != UNKNOWN else lost_ul

    def _confidence(self):
        # What the alarm rests on: sensors that see it, and how far the statistic stands above its threshold (docs/detector.md).
        app = self._app
        percent = 60 if app.sensing.votes < 2 else 90
        if app.detector.corroborated:
            percent += 5
        if app.detector.top_permille >= 2000:
            percent += 4
        return percent

    def fill_platform(self, platform):
        """Structure platform: what depends on the machine."""
        app = self._app
        platform[PLAT_ALLOC_FAULTS] = app.alloc_faults
        platform[PLAT_LATE_TICKS] = app.late_ticks
