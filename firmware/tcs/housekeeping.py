"""Housekeeping: copies what the stages know into the dictionary's structures. UNKNOWN stays UNKNOWN."""

from micropython import const

from tcs import inventory_kernel as ik
from tcs import isolation as isolating
from tcs import localisation as localising
from tcs import recovery as recovering
from tcs.carry_kernel import report
from tcs.diagnosis import ALARMS
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
    HK_P_CABIN_PA,
    HK_P_COMP_VOTED_PA,
    HK_PUMP_ON,
    HK_RATE_HI_UL_S,
    HK_RATE_LO_UL_S,
    HK_RATE_UL_S,
    HK_SEGMENT,
    HK_SEGMENT_STATE_RAD1,
    HK_SEGMENT_STATE_RAD2,
    HK_SEGMENT_STATE_RAD3,
    HK_STAT_RAMP_PERMILLE,
    HK_VERDICT,
    HK_VOTES,
    PLAT_ALLOC_FAULTS,
    PLAT_LATE_TICKS,
    ST_ISOLATION_ISOLATED,
    ST_SEGMENT_INTERNAL,
    ST_VERDICT_LEAK,
)

UNKNOWN = const(-0x40000000)
_U8_UNKNOWN = const(0xFF)
_FAST_MS = const(60000)


class Housekeeping:
    """Fills the structures from the application's stages. Allocation-free."""

    def __init__(self, app):
        self._app = app
        self._stages = (
            app, app.sensing, app.inventory, app.detector, app.valves, app.isolation, app.recovery, app.diagnosis, app.leak_rate,
            app.watches.cause,
        )  # fmt: skip
        self._alarm_tick = -1
        self._isolated_ul = UNKNOWN

    def is_settled(self, tick):
        """True a minute after the alarm: full-rate reports end then."""
        if self._alarm_tick < 0:
            self._alarm_tick = tick
        return tick - self._alarm_tick > _FAST_MS // self._app.tick_ms

    def fill(self, hk, verdict):
        """Structure housekeeping."""
        app, sensing, inventory, detector, valves, isolation, recovery, diagnosis, rate, cause = self._stages
        localisation = recovery.localisation
        segment_state = localisation.findings.states
        segment = recovery.words[recovering.SEGMENT]
        leak_class = diagnosis.leak_class
        held = isolation.words
        state = held[isolating.STATE]
        report(hk, sensing.state, sensing.vote, detector.state, valves.position)
        hk[HK_MODE] = held[isolating.MODE]
        hk[HK_VERDICT] = verdict
        hk[HK_LEAK_CLASS] = leak_class
        hk[HK_DIAGNOSIS] = leak_class
        # Gas has no segment, unless one was convicted.
        hk[HK_SEGMENT] = _U8_UNKNOWN if segment == ST_SEGMENT_INTERNAL and cause.is_gas() else segment
        hk[HK_LOCALISATION_STATE] = localisation.words[localising.STATE]
        hk[HK_SEGMENT_STATE_RAD1] = segment_state[0]
        hk[HK_SEGMENT_STATE_RAD2] = segment_state[1]
        hk[HK_SEGMENT_STATE_RAD3] = segment_state[2]
        hk[HK_ISOLATION_STATE] = state
        flow = UNKNOWN
        if app.flow_watch is not None:
            flow = app.flow_watch.flow_ul_s
            hk[HK_P_CABIN_PA] = UNKNOWN
        hk[HK_FLOW_UL_S] = flow
        hk[HK_P_COMP_VOTED_PA] = sensing.p_comp_pa
        hk[HK_VOTES] = sensing.votes
        hk[HK_INVENTORY_UL] = inventory.inventory_ul
        hk[HK_STAT_RAMP_PERMILLE] = detector.ramp_permille
        hk[HK_DRIVE_WORD] = app.drive_word
        hk[HK_PUMP_ON] = held[isolating.PUMP_ON]
        hk[HK_ALARMS] = diagnosis.words[ALARMS]
        lost_ul = rate.lost_ul
        is_leak = verdict == ST_VERDICT_LEAK
        hk[HK_INVENTORY_DROP_UL] = lost_ul if is_leak and inventory.status == ik.S_OK else UNKNOWN
        hk[HK_RATE_UL_S] = rate.rate_ul_s if is_leak else UNKNOWN
        hk[HK_RATE_LO_UL_S] = rate.low_ul_s if is_leak else UNKNOWN
        hk[HK_RATE_HI_UL_S] = rate.high_ul_s if is_leak else UNKNOWN
        hk[HK_HOLE_UM] = rate.hole_um if is_leak else UNKNOWN
        hk[HK_CONFIDENCE_PERCENT] = cause.confidence_percent or _U8_UNKNOWN
        lost_ul += recovery.words[recovering.LOST_BEFORE_UL]
        hk[HK_LOST_UL] = lost_ul
        if state == ST_ISOLATION_ISOLATED and self._isolated_ul == UNKNOWN:
            self._isolated_ul = lost_ul
        hk[HK_LOST_BEFORE_ISOLATION_UL] = self._isolated_ul if self._isolated_ul != UNKNOWN else lost_ul

    def fill_platform(self, platform):
        """Structure platform: what depends on the machine."""
        app = self._app
        platform[PLAT_ALLOC_FAULTS] = app.alloc_faults
        platform[PLAT_LATE_TICKS] = app.late_ticks
