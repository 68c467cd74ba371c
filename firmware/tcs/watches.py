"""Watches: pump, cabin, flow meter, reliefs, and how a loss goes on; and the cause that comes of it. Each in its own ticks of the second.

What they may do: raise alarms, trip a pump that is about to be damaged, switch it off behind a leak into the cabin, and open a valve of a
healthy segment that is shut and whose relief is stuck closed. They shut nothing.
"""

from micropython import const

from tcs import inventory_kernel as ik
from tcs import sensing_kernel as sk
from tcs.cabin_watch import CabinWatch
from tcs.carry_kernel import radiators
from tcs.cause import E_GOES_ON, E_NONE_CONVICTED, Cause
from tcs.findings import O_CONVICTED
from tcs.flow_watch import FlowWatch
from tcs.gas_watch import GasWatch
from tcs.isolation import PUMP_ON
from tcs.loss_watch import LossWatch
from tcs.properties import middle
from tcs.pump_watch import PumpWatch
from tcs.relief_watch import SEGMENTS, ReliefWatch
from tcs.sensing import UNKNOWN
from tcs.tables import (
    EV_CABIN_LEAK,
    EV_DATA_PATH_FAULT,
    EV_DIAGNOSIS,
    EV_FLOW_LOSS,
    EV_PUMP_FAULT,
    EV_PUMP_PROTECTION,
    EV_RELIEF_FAULT,
    EV_SEGMENT_PRESSURE_HIGH,
    EV_SEGMENT_RELIEVED,
    P_INTERNAL_PUMP_OFF,
    P_TRIAL_EXCESS_UL_S,
    ST_CAUSE_COOLANT_LEAK_CABIN,
    ST_CAUSE_GAS_LOSS,
    ST_DATA_PATH_REFERENCE,
    ST_LEAK_CLASS_CABIN_LEAK,
    ST_LEAK_CLASS_FLOW_LOSS,
    ST_LEAK_CLASS_PUMP_FAULT,
    ST_LEAK_CLASS_SENSOR_FAULT,
    ST_LEAK_CLASS_VALVE_FAULT,
    ST_LOCALISATION_ENDED,
    ST_LOCALISATION_HALTED,
    ST_LOCALISATION_IDLE,
    ST_MODE_ARMED,
    ST_PUMP_REASON_INTERNAL_LEAK,
    ST_RELIEF_FAULT_STUCK_CLOSED,
    ST_SEGMENT_INTERNAL,
    ST_SEGMENT_OR_NONE_NONE,
    ST_SEGMENT_STATE_CLEARED,
    ST_SEGMENT_STATE_CONVICTED,
    ST_SEGMENT_STATE_IN_SERVICE,
    ST_SEGMENT_STATE_REOPENED,
    ST_VERDICT_LEAK,
    ST_VERDICT_OK,
)
from tcs.valves import BYPASS, OPEN

WATCH_MS = 200  # period of the watches of pump and cabin
_P_PUMP = const(3)
_P_RAD1 = const(4)
_P_CABIN = const(7)
_T_GAS = const(8)
_T_SUPPLY = const(9)
_T_RETURN = const(10)
_ALL_SEGMENTS = const(7)
_SLOT_MS = const(100)
_SLOTS = const(10)
_NO_SEGMENT = const(0xFF)
_NO_SEGMENT_EVIDENCE = E_NONE_CONVICTED | E_GOES_ON
_DOUBT_UL = const(1000)  # of the inventory over minutes, with temperatures at rest (ours)
_FOLLOW_S = const(32)
_ROUNDS = const(4)
_NEWS_UL_S = const(1000)  # a second loss is told apart from this on


class Watches:
    """.pump, .cabin, .flow, .relief, .loss, .gas, .cause. step() once a tick; allocation-free.

    .known_ul_s: a loss that is known to be in no segment, 0 without one; .known_pa: the pressure at which it was that.
    """

    def __init__(self, app, kinds, lows, highs):
        params = app.params
        self._app = app
        self._params = params
        self.pump = PumpWatch(params, WATCH_MS)
        self.cabin = CabinWatch(params, WATCH_MS, highs[_P_CABIN] - lows[_P_CABIN], sk.NOMINAL_V_REF_COUNTS)
        self.flow = FlowWatch(params) if kinds[_P_CABIN] == sk.KIND_FLOW else None
        self.relief = ReliefWatch(params)
        self.loss = LossWatch()
        self.gas = GasWatch()
        self.cause = Cause(app.diagnosis)
        self._has_cabin = kinds[_P_CABIN] == sk.KIND_PRESSURE
        self._slot_ticks = max(1, _SLOT_MS // app.tick_ms)
        self._key = -1
        self._was_disagreeing = False
        self._is_pump_off_done = False
        self._is_busy = False
        self._has_looked = False
        self._was_commanded = False
        self._is_isolated_before = False
        self._before = -1  # segments convicted before the last isolation
        self._before_ul_s = 0
        self._convicted = 0
        self.known_ul_s = 0
        self.known_pa = 1
        self._rounds = 0

    def kept(self):
        """What a reset must not take away, beside the known loss: for restore(). 23 bits."""
        return self.cause.kept() << 1 | (1 if self.known_ul_s > 0 else 0)

    def restore(self, kept, known_ul_s, known_pa):
        """Take over what was saved before a reset. For boot."""
        self.cause.restore(kept >> 1, self.loss)
        if kept & 1:
            self.known_ul_s = known_ul_s
            self.known_pa = max(1, known_pa)

    def step(self, trusted, tick):
        """One tick, after the detector and before isolation."""
        app = self._app
        if self.flow is not None:
            self._watch_flow(tick)
        findings = app.recovery.localisation.findings
        if findings.outcome == O_CONVICTED:
            self.cause.convicted(findings.reason)
        if tick % self._slot_ticks:
            return
        slot = tick // self._slot_ticks % _SLOTS
        if slot & 1 == 0:
            if slot == 0:
                # It rests on what slot 9 found of the loss: not before that has been looked at since the boot.
                if self._has_looked:
                    self._judge_cause()
            elif slot == 4:
                sensing = app.sensing
                self.pump.take_suction(middle(sensing.value(_T_RETURN), sensing.value(_T_SUPPLY), sensing.value(_T_GAS)))
            self._watch_pump(trusted)
        else:
            if slot == 9:
                self._watch_loss(trusted)
            self._watch_cabin(trusted)
            if slot <= SEGMENTS * 2:
                self._watch_relief(slot // 2, trusted, tick)

    def _watch_flow(self, tick):
        app = self._app
        fresh = (app.board.fresh >> _P_CABIN) & 1
        verdict = self.flow.update(app.sensing.value(_P_CABIN), fresh, tick)
        if verdict == ST_VERDICT_LEAK and app.diagnosis.latch(ST_LEAK_CLASS_FLOW_LOSS):
            app.events.emit(EV_FLOW_LOSS, self.flow.flow_ul_s, self.flow.baseline_ul_s)

    # ---- pump

    def _watch_pump(self, trusted):
        app = self._app
        sensing = app.sensing
        pump = self.pump
        key = self._configuration()
        if key != self._key:
            self._key = key
            pump.disturb()
        p_rad = radiators(sensing.state, key & _ALL_SEGMENTS)
        p_pump = sensing.value(_P_PUMP) if trusted else UNKNOWN
        p_comp = sensing.p_comp_pa if trusted else UNKNOWN
        if pump.step(app.isolation.words[PUMP_ON], p_pump, p_comp, p_rad, sensing.votes):
            app.events.emit(EV_PUMP_FAULT, pump.fault)
            app.diagnosis.latch(ST_LEAK_CLASS_PUMP_FAULT)
        if pump.sensor_disagrees:
            app.diagnosis.latch(ST_LEAK_CLASS_SENSOR_FAULT)
        if pump.trip >= 0:
            self._trip(p_comp)

    def _trip(self, p_comp):
        app = self._app
        pump = self.pump
        is_armed = app.isolation.mode == ST_MODE_ARMED
        is_new = app.diagnosis.latch(ST_LEAK_CLASS_PUMP_FAULT)
        if is_armed or is_new:
            app.events.emit(EV_PUMP_PROTECTION, pump.trip, p_comp, pump.limit_pa, 0 if is_armed else 1)
        if is_armed:
            app.isolation.trip_pump(pump.trip)

    def _configuration(self):
        app = self._app
        return app.valves.connected() | (8 if app.isolation.words[PUMP_ON] else 0) | app.valves.position[BYPASS] << 4

    # ---- cabin

    def _watch_cabin(self, trusted):
        app = self._app
        if not self._has_cabin or not trusted:
            return
        sensing = app.sensing
        cabin = self.cabin
        if cabin.step(sensing.value(_P_CABIN), sensing.state[sk.ST_V_REF_Q8] >> 8):
            app.diagnosis.latch(ST_LEAK_CLASS_CABIN_LEAK)
            app.events.emit(EV_CABIN_LEAK, cabin.rate_pa_s)
        if cabin.reference_disagrees and not self._was_disagreeing:
            # Every value has moved with v_ref and no raw sample has.
            self._was_disagreeing = True
            app.diagnosis.latch(ST_LEAK_CLASS_SENSOR_FAULT)
            app.events.emit(EV_DATA_PATH_FAULT, ST_DATA_PATH_REFERENCE)

    # ---- reliefs

    def _watch_relief(self, segment, trusted, tick):
        app = self._app
        sensing = app.sensing
        relief = self.relief
        temp_mc = app.inventory.state[ik.I_BEST_MC + ik.T_RAD1 + segment]
        p_rad = sensing.value(_P_RAD1 + segment) if trusted else UNKNOWN
        is_shut = app.valves.is_segment_closed(segment)
        expansion = app.recovery.cooling.expansion_ul_k(segment, temp_mc) if is_shut and temp_mc != UNKNOWN else 0
        if relief.step(segment, is_shut, p_rad, sensing.p_comp_pa, temp_mc, expansion):
            self.cause.relief_faulted = True
            app.diagnosis.latch(ST_LEAK_CLASS_VALVE_FAULT)
            app.events.emit(EV_RELIEF_FAULT, segment, relief.fault, relief.above_pa)
            if relief.fault == ST_RELIEF_FAULT_STUCK_CLOSED:
                self._relieve(segment, p_rad, tick)
        if relief.high_segment >= 0:
            app.events.emit(EV_SEGMENT_PRESSURE_HIGH, segment, p_rad)

    def _relieve(self, segment, p_rad, tick):
        """A segment that was never suspected, or is cleared, may have a valve opened. Any other one never, whatever it stands at."""
        app = self._app
        state = app.recovery.localisation.segment_state[segment]
        is_healthy = state == ST_SEGMENT_STATE_IN_SERVICE or state == ST_SEGMENT_STATE_REOPENED or state == ST_SEGMENT_STATE_CLEARED
        if is_healthy and app.isolation.mode == ST_MODE_ARMED:
            app.valves.command(2 * segment + 1, OPEN, tick)
            app.events.emit(EV_SEGMENT_RELIEVED, segment, 2 * segment + 1, p_rad)

    # ---- loss and cause

    def _watch_loss(self, trusted):
        app = self._app
        sensing = app.sensing
        inventory = app.inventory
        recovery = app.recovery
        state = recovery.localisation.state
        is_quiet = state == ST_LOCALISATION_ENDED or state == ST_LOCALISATION_HALTED or state == ST_LOCALISATION_IDLE
        is_armed = app.isolation.mode == ST_MODE_ARMED  # else nothing moves, whatever was commanded
        is_busy = app.valves.is_moving() or not is_quiet or (is_armed and app.isolation.commanded and state == ST_LOCALISATION_IDLE)
        key = -1 if is_busy or not trusted else self._configuration()
        if app.isolation.commanded and not self._was_commanded:
            self.loss.forget()
            self._before = self._convicted if self._is_isolated_before else -1
            self._before_ul_s = self.known_ul_s
            self._is_isolated_before = True
        self._convicted = recovery.localisation.mask(ST_SEGMENT_STATE_CONVICTED)
        self._was_commanded = app.isolation.commanded
        p_cabin = sensing.value(_P_CABIN) if self._has_cabin else UNKNOWN
        doubt_ul = app.detector.noise_ul() + _DOUBT_UL + inventory.unrest_ul() // 5
        self.loss.step(inventory.inventory_ul, sensing.p_comp_pa, p_cabin, doubt_ul, key, app.leak_rate.rate_ul_s)
        is_healthy = app.diagnosis.alarms == 0
        self.gas.step(inventory.inventory_ul, inventory.state[ik.I_LINES_UL], key, is_healthy)
        self._is_busy = is_busy
        self._has_looked = True

    def _judge_cause(self):
        app = self._app
        inventory = app.inventory
        recovery = app.recovery
        is_busy = self._is_busy
        state = recovery.localisation.state
        cause = self.cause
        lost_ul = app.leak_rate.lost_ul + recovery.lost_before_ul
        if cause.step(
            recovery.localisation, is_busy, self._before, self._before_ul_s, self.loss, self.gas, app.leak_rate.rate_ul_s, lost_ul,
            inventory.state[ik.I_GAS_UL], inventory.unrest_ul(), app.sensing.votes < 2,
        ):  # fmt: skip
            if cause.cause == ST_CAUSE_COOLANT_LEAK_CABIN and recovery.segment == _NO_SEGMENT:
                recovery.segment = ST_SEGMENT_INTERNAL
            segment = ST_SEGMENT_OR_NONE_NONE if recovery.segment == _NO_SEGMENT or cause.is_gas() else recovery.segment
            app.events.emit(EV_DIAGNOSIS, cause.cause, cause.confidence_percent, cause.evidence, segment)
        self._remember_loss()
        if self.known_ul_s > 0 and app.isolation.commanded and not is_busy and self._rounds < _ROUNDS:
            # One that has just been commanded finds localisation as the round before left it.
            if app.detector.verdict == ST_VERDICT_LEAK and state == ST_LOCALISATION_ENDED and recovery.is_begun:
                self._rounds += 1
                recovery.watch_again()
                app.detector.rearm()
        self._lower_pressure()

    def explains(self, tick):
        """True when an alarm is no news: of a loss that is known to be in no segment, and no more than that."""
        known_ul_s = self.known_ul_s
        p_pa = self._app.sensing.p_comp_pa
        if known_ul_s <= 0 or p_pa == UNKNOWN:
            return False
        # By the pressure, gas leaves the faster the thinner it is.
        known_ul_s = known_ul_s // 100 * max(100, min(500, self.known_pa * 10 // max(1, p_pa // 10)))
        app = self._app
        detector = app.detector
        elapsed_ms = max(100, min(1000000, tick - detector.onset_tick) * app.tick_ms)
        rate_ul_s = max(0, min(1000000, detector.drop_ul())) * 100 // (elapsed_ms // 10)
        return rate_ul_s * 2 < 3 * known_ul_s + _NEWS_UL_S

    def _remember_loss(self):
        """The rate of a loss that is in no segment, when it is first known: what comes later on top of it is news."""
        cause = self.cause
        is_elsewhere = cause.causes >> ST_CAUSE_GAS_LOSS & 1 or cause.causes >> ST_CAUSE_COOLANT_LEAK_CABIN & 1
        if not is_elsewhere and cause.evidence & _NO_SEGMENT_EVIDENCE == _NO_SEGMENT_EVIDENCE:
            # A slow one may yet be in a segment: trials tell from their limit on.
            is_elsewhere = self.loss.rate_ul_s > 2 * self._params[P_TRIAL_EXCESS_UL_S]
        if self.loss.rate_ul_s == UNKNOWN:
            return
        if not is_elsewhere:
            self.known_ul_s = 0
        elif self.known_ul_s == 0:
            self.known_ul_s = max(1, min(1000000, self.loss.rate_ul_s))
            self.known_pa = min(3000000, self._app.sensing.p_comp_pa)
        elif self._app.detector.verdict == ST_VERDICT_OK:
            # It grows by itself; a second leak is quicker than this, and alarms first.
            self.known_ul_s += (max(0, min(1000000, self.loss.rate_ul_s)) - self.known_ul_s) // _FOLLOW_S
            self.known_ul_s = max(1, self.known_ul_s)
            self.known_pa = min(3000000, self._app.sensing.p_comp_pa)

    def _lower_pressure(self):
        """Behind a leak into the cabin: lines there stand lower without the pump's head. Once, so that the ground may undo it."""
        app = self._app
        if self._is_pump_off_done or self.cause.cause != ST_CAUSE_COOLANT_LEAK_CABIN or not self._params[P_INTERNAL_PUMP_OFF]:
            return
        if app.isolation.mode != ST_MODE_ARMED:
            return
        self._is_pump_off_done = True
        app.isolation.trip_pump(ST_PUMP_REASON_INTERNAL_LEAK)
