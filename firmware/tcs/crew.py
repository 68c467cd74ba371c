"""Crew: what it all means for those aboard, as integers once a second: the bay, the loop's life, the venting, the cabin's air.

Fills the structure `crew`. Reads the stages, changes nothing but its own counters; its only events are warnings. The work of a second
is spread over its ticks (docs/crew.md). Allocation-free.
"""

from micropython import const

from tcs import inventory_kernel as ik
from tcs import loop_life as life
from tcs.bay_forecast import HORIZON_S, BayForecast
from tcs.cause import E_CONVICTED, E_NONE_CONVICTED
from tcs.leak_rate_kernel import isqrt
from tcs.properties import density_kg_m3
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import (
    CREW_BAY_LIMIT_S,
    CREW_BAY_TREND_MK_MIN,
    CREW_CABIN_COOLANT_UL,
    CREW_CAUSE,
    CREW_CAUSE_CONFIDENCE_PERCENT,
    CREW_CAUSES,
    CREW_COOLANT_LOST_UL,
    CREW_CREW_COUNT,
    CREW_EVIDENCE,
    CREW_GAS_PERMILLE,
    CREW_HEAT_LOAD_W,
    CREW_IMPULSE_HI_MNS,
    CREW_IMPULSE_LO_MNS,
    CREW_LFL_10_S,
    CREW_LFL_100_S,
    CREW_LOOP_STOP_S,
    CREW_LOSS_RATE_UL_S,
    CREW_PUMP_TRIPPED,
    CREW_RELIEF_LEAKING_MASK,
    CREW_RELIEF_STUCK_MASK,
    CREW_RESIDUAL_UL,
    CREW_THRUST_HI_UN,
    CREW_THRUST_LO_UN,
    CREW_VENTING,
    EV_BAY_LIMIT_NEAR,
    EV_CABIN_VAPOUR,
    P_CABIN_VOLUME_L,
    P_COOLANT,
    P_CREW_COUNT,
    P_HEAD_PUMP_PA,
    P_HEAD_RAD_PA,
    P_LFL_G_M3,
    P_LOOP_MIN_PA,
    ST_CAUSE_COOLANT_LEAK_CABIN,
    ST_CAUSE_COOLANT_LEAK_OUTSIDE,
    ST_CAUSE_COOLANT_LEAK_UNLOCATED,
    ST_CAUSE_GAS_LOSS,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_MODE_ARMED,
    ST_SEGMENT_STATE_CONVICTED,
    ST_VALVE_POSITION_CLOSED,
)
from tcs.valves import BYPASS
from tcs.venting import SEGMENTS, Venting

_P_PUMP = const(3)
_P_CABIN = const(7)
_T_RETURN = const(10)
_T_BAY = const(14)
_PHASES = const(10)
_ROW = const(3)  # of the telemetry's settings
_FLOW_PERMILLE = const(100)
_STEPS_A_PHASE = const(1)
_WAIT_S = const(60)  # from one look ahead to the next, while the configuration stands
_AGAIN_S = const(5)  # where there was nothing to start from
_NEAR_S = const(3600)
_FAR_S = const(7200)
_STANDING_S = const(120)
_UNCOUNTED_MAX_S = const(600)
_LOST_MAX_UL = const(50000000)
_TIGHT_UL_S = const(60)
_TENTH = const(10)
_WHOLE = const(100)


class Crew:
    """.step(tick) once a tick; .coolant_lost_ul, .rate_ul_s, .limit_s for others to read."""

    def __init__(self, app, watches):
        self._app = app
        self._watches = watches
        self._params = app.params
        self._out = app.telemetry.crew
        self._phase_ticks = max(1, 1000 // _PHASES // app.tick_ms)
        self._density = app.inventory.density_kg_m3
        self.forecast = BayForecast(app.params, self._density)
        self.venting = Venting(app.params)
        self.rate_ul_s = 0
        self._flow_permille = 0
        self._segments = 0
        self._is_looking = False
        self._is_whole = False
        self._is_told = False
        self._wait_s = 0
        self._segments_then = -1
        self._flow_then = 0
        self._uncounted_s = 0
        self._counted_ul = 0
        self._is_counting = False
        self._near_s = 0
        self._was_near = False
        self._told_mark = 0

    def step(self, tick, is_busy):
        """One tick: one phase of the second at most. is_busy: this tick has enough to do, what can wait shall."""
        if tick % self._phase_ticks:
            return
        phase = tick // self._phase_ticks % _PHASES
        if phase == 1:
            self._is_whole = True
            self._observe_bay()
        elif phase == 3:
            self._judge_loss()
        elif phase == 5:
            self._watch_venting()
        elif phase == 7:
            self._watch_segments()
            self._watch_cabin()
        elif phase == 9:
            # A boot begins in the midst of a second, of which the phases before were not seen.
            if self._is_whole:
                self._tell()
                self._is_told = True
        elif phase == 0:
            if self._is_told:
                self._report(tick - 1)
        elif not is_busy:
            self._look_ahead()

    def _observe_bay(self):
        app = self._app
        sensing = app.sensing
        self._segments = 0
        segment = 0
        position = app.valves.position
        while segment < SEGMENTS:
            if position[2 * segment] != ST_VALVE_POSITION_CLOSED and position[2 * segment + 1] != ST_VALVE_POSITION_CLOSED:
                self._segments += 1
            segment += 1
        self._flow_permille = self._find_flow()
        is_nominal = self._segments == SEGMENTS and self._flow_permille > 900 and position[BYPASS] == ST_VALVE_POSITION_CLOSED
        self.forecast.observe(sensing.value(_T_BAY), sensing.value(_T_RETURN), self._flow_permille, is_nominal)
        is_same = self._segments == self._segments_then and abs(self._flow_permille - self._flow_then) < _FLOW_PERMILLE
        self._wait_s = self._wait_s - 1 if is_same else 0
        if not is_same:
            self._segments_then = self._segments
            self._flow_then = self._flow_permille
        if not self._is_looking and self._wait_s <= 0:
            self._is_looking = self.forecast.begin(
                sensing.value(_T_BAY), sensing.value(_T_RETURN), self._flow_permille, self._segments
            )
            self._wait_s = _WAIT_S if self._is_looking else _AGAIN_S

    def _find_flow(self):
        """Of the rated flow: the loop's losses go as its square."""
        app = self._app
        sensing = app.sensing
        rated_pa = self._params[P_HEAD_PUMP_PA]
        p_pump = sensing.value(_P_PUMP)
        if not app.isolation.pump_on:
            return 0
        if p_pump == UNKNOWN or sensing.p_comp_pa == UNKNOWN or rated_pa <= 0:
            return 1000
        head_pa = max(0, min(rated_pa, p_pump - sensing.p_comp_pa))
        if head_pa * 50 < rated_pa:
            return 0
        return isqrt(head_pa // 10 * 1000 // max(1, rated_pa // 10) * 1000)

    def _look_ahead(self):
        steps = 0
        while self._is_looking and steps < _STEPS_A_PHASE:
            self._is_looking = not self.forecast.advance()
            steps += 1

    def _judge_loss(self):
        """What the loop loses now: as measured where it has been left alone, else the alarm's rate at the pressure that is left."""
        app = self._app
        loss = self._watches.loss
        rates = app.leak_rate
        rate = 0
        if app.diagnosis.alarms >> ST_LEAK_CLASS_COOLANT_LEAK & 1 and not loss.has_stopped:
            if loss.rate_ul_s != UNKNOWN:
                rate = loss.rate_ul_s if loss.rate_ul_s > _TIGHT_UL_S or rates.rate_ul_s < _TIGHT_UL_S else 0
            elif not app.recovery.is_tight:
                rate = self._at_pressure(rates.rate_ul_s)
        self.rate_ul_s = max(0, rate)
        self._count_on()

    def _count_on(self):
        """Once every segment was tried and none is it, or nothing is shut at all, the loss is counted here, by its rate."""
        app = self._app
        if not self._is_counting:
            found = self._watches.cause.evidence
            is_untouched = app.isolation.commanded and app.isolation.mode != ST_MODE_ARMED
            if not is_untouched and (not found & E_NONE_CONVICTED or found & E_CONVICTED):
                return
            self._is_counting = True
            self._counted_ul = app.leak_rate.lost_ul + app.recovery.lost_before_ul
        self._uncounted_s = min(_UNCOUNTED_MAX_S, self._uncounted_s + 1)
        if self._watches.loss.rate_ul_s != UNKNOWN:
            self._counted_ul = min(_LOST_MAX_UL, self._counted_ul + min(100000, self.rate_ul_s) * self._uncounted_s)
            self._uncounted_s = 0

    def _at_pressure(self, rate_ul_s):
        rates = self._app.leak_rate
        p_pa = self._app.sensing.p_comp_pa
        if p_pa == UNKNOWN or rates.pressure_pa <= 0 or p_pa >= rates.pressure_pa:
            return rate_ul_s
        permille = isqrt(max(0, p_pa) // 10 * 1000 // max(1, rates.pressure_pa // 10) * 1000)
        return min(1000000, rate_ul_s) * permille // 1000

    def _watch_venting(self):
        """What the loop itself does; then the second's venting is whole."""
        app = self._app
        cause = self._watches.cause.cause
        rates = app.leak_rate
        # Until it is known to go into the cabin or to be gas, it is taken to go overboard.
        is_liquid = not self._watches.cause.causes >> ST_CAUSE_GAS_LOSS & 1
        is_overboard = is_liquid and (cause == ST_CAUSE_COOLANT_LEAK_OUTSIDE or cause == ST_CAUSE_COOLANT_LEAK_UNLOCATED)
        if is_overboard and self.rate_ul_s > 0:
            temp_mc = app.sensing.value(_T_RETURN)
            p_pa = app.sensing.p_comp_pa
            if p_pa != UNKNOWN and self._flow_permille:
                p_pa += self._params[P_HEAD_RAD_PA]
            low = self._scaled(rates.low_ul_s)
            high = self._scaled(rates.high_ul_s)
            self.venting.step(self.rate_ul_s, low, high, 0 if p_pa == UNKNOWN else p_pa, 0 if temp_mc == UNKNOWN else temp_mc)
        self.venting.accumulate()

    def _scaled(self, bound_ul_s):
        """A bound of the alarm's rate, as much of the rate now."""
        whole = max(1, self._app.leak_rate.rate_ul_s)
        return self.rate_ul_s * min(4000, min(1000000, bound_ul_s) * 1000 // whole) // 1000 if self.rate_ul_s < 200000 else bound_ul_s

    def _watch_segments(self):
        """What shut ones still let go, for the next look at the loop."""
        app = self._app
        venting = self.venting
        venting.begin()
        hole_um = app.leak_rate.hole_um
        is_liquid = self._watches.cause.cause != ST_CAUSE_GAS_LOSS
        segment = 0
        localisation = app.recovery.localisation
        while segment < SEGMENTS:
            is_holed = is_liquid and localisation.segment_state[segment] == ST_SEGMENT_STATE_CONVICTED
            radiator_mc = app.inventory.state[ik.I_BEST_MC + ik.T_RAD1 + segment]
            venting.step_segment(segment, app.valves.is_segment_closed(segment), is_holed, hole_um, radiator_mc)
            segment += 1

    def _watch_cabin(self):
        app = self._app
        out = self._out
        cause = self._watches.cause
        is_cabin = cause.cause == ST_CAUSE_COOLANT_LEAK_CABIN
        if not is_cabin and cause.cause == ST_CAUSE_COOLANT_LEAK_UNLOCATED and not cause.evidence & E_NONE_CONVICTED:
            out[CREW_CABIN_COOLANT_UL] = UNKNOWN
            out[CREW_LFL_10_S] = UNKNOWN
            out[CREW_LFL_100_S] = UNKNOWN
            return
        # Nobody knows where it goes, and no segment is it: the worst is the cabin.
        if not is_cabin and cause.cause != ST_CAUSE_COOLANT_LEAK_UNLOCATED:
            out[CREW_CABIN_COOLANT_UL] = 0
            out[CREW_LFL_10_S] = HORIZON_S
            out[CREW_LFL_100_S] = HORIZON_S
            return
        in_cabin_ul = self._lost_ul()
        density = density_kg_m3(self._params[P_COOLANT], 20000)
        out[CREW_CABIN_COOLANT_UL] = in_cabin_ul
        gas_ul = app.inventory.state[ik.I_GAS_UL]
        tenth_s = self._cabin_s(_TENTH, in_cabin_ul, density, gas_ul)
        whole_s = self._cabin_s(_WHOLE, in_cabin_ul, density, gas_ul)
        out[CREW_LFL_10_S] = tenth_s
        out[CREW_LFL_100_S] = whole_s
        # Told when it is first known, and as each mark is passed.
        mark = 3 if whole_s == 0 else 2 if tenth_s == 0 else 1
        if is_cabin and mark > self._told_mark:
            self._told_mark = mark
            app.events.emit(EV_CABIN_VAPOUR, in_cabin_ul, tenth_s, whole_s)

    def _cabin_s(self, percent, in_cabin_ul, density, gas_ul):
        params = self._params
        sensing = self._app.sensing
        limit_ul = life.flammable_ul(params[P_LFL_G_M3], params[P_CABIN_VOLUME_L], density, percent)
        return life.flammable_s(limit_ul, in_cabin_ul, self.rate_ul_s, gas_ul, sensing.p_comp_pa, sensing.value(_P_CABIN))

    def _lost_ul(self):
        app = self._app
        return self._counted_ul if self._is_counting else app.leak_rate.lost_ul + app.recovery.lost_before_ul

    def _tell(self):
        app = self._app
        out = self._out
        watches = self._watches
        cause = watches.cause
        forecast = self.forecast
        venting = self.venting
        is_gas = cause.cause == ST_CAUSE_GAS_LOSS
        out[CREW_CAUSE] = cause.cause
        out[CREW_CAUSE_CONFIDENCE_PERCENT] = cause.confidence_percent if cause.cause else UNKNOWN
        out[CREW_CAUSES] = cause.causes
        out[CREW_EVIDENCE] = cause.evidence
        out[CREW_CREW_COUNT] = self._params[P_CREW_COUNT]
        out[CREW_HEAT_LOAD_W] = forecast.load_w
        out[CREW_BAY_TREND_MK_MIN] = forecast.trend_mk_min
        out[CREW_BAY_LIMIT_S] = forecast.limit_s
        out[CREW_LOSS_RATE_UL_S] = 0 if is_gas else self.rate_ul_s
        out[CREW_COOLANT_LOST_UL] = 0 if is_gas else self._lost_ul()
        residual_ul = 0
        segment = 0
        while segment < SEGMENTS:
            if app.recovery.localisation.segment_state[segment] == ST_SEGMENT_STATE_CONVICTED and not is_gas:
                residual_ul += venting.residual_ul[segment]
            segment += 1
        out[CREW_RESIDUAL_UL] = residual_ul
        is_known = app.inventory.status == ik.S_OK
        p_min_pa = max(self._params[P_LOOP_MIN_PA], watches.pump.limit_pa)
        stop_s = 0 if app.inventory.status == ik.S_BOTTOMED or app.inventory.status == ik.S_EMPTY else UNKNOWN
        if is_known:
            p_comp_pa = app.sensing.p_comp_pa
            p_cabin_pa = app.sensing.value(_P_CABIN)
            stop_s = HORIZON_S
            # A loop that leaks into the cabin stays up at the cabin's pressure.
            if cause.cause != ST_CAUSE_COOLANT_LEAK_CABIN or p_cabin_pa < p_min_pa:
                stop_s = life.stop_s(app.inventory.state[ik.I_GAS_UL], p_comp_pa, p_min_pa, self.rate_ul_s, is_gas)
        out[CREW_LOOP_STOP_S] = stop_s
        out[CREW_VENTING] = 1 if venting.is_venting else 0
        out[CREW_THRUST_LO_UN] = venting.low_un
        out[CREW_THRUST_HI_UN] = venting.high_un
        out[CREW_IMPULSE_LO_MNS] = venting.impulse_low_mns
        out[CREW_IMPULSE_HI_MNS] = venting.impulse_high_mns
        out[CREW_GAS_PERMILLE] = watches.gas.gas_permille
        out[CREW_PUMP_TRIPPED] = 1 if app.isolation.pump_tripped else 0
        out[CREW_RELIEF_STUCK_MASK] = watches.relief.stuck_mask
        out[CREW_RELIEF_LEAKING_MASK] = watches.relief.leaking_mask
        self._warn()

    def _report(self, tick):
        """Every few seconds, as the ground set it; every second while something is suspected."""
        telemetry = self._app.telemetry
        if telemetry.enabled[_ROW] and not telemetry.is_calm(tick):
            telemetry.report_crew(tick)
        elif telemetry.is_wanted(_ROW, tick // (self._phase_ticks * _PHASES)):
            telemetry.report_crew(tick)

    def _warn(self):
        limit_s = self.forecast.limit_s
        if limit_s == UNKNOWN:
            return
        # Segments that are shut for a minute or two to be tried are no news.
        self._near_s = self._near_s + 1 if limit_s < _NEAR_S else 0
        if self._near_s == _STANDING_S and not self._was_near:
            self._was_near = True
            self._app.events.emit(EV_BAY_LIMIT_NEAR, limit_s, self._app.sensing.value(_T_BAY), self.forecast.load_w)
        elif limit_s > _FAR_S:
            self._was_near = False
