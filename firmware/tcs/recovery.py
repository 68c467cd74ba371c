"""Recovery: carries out what localisation asks for, tells the ground, and keeps watch when it is over."""

from array import array

from micropython import const

from tcs import coolant_tables as tables
from tcs import findings as fi
from tcs import inventory_kernel as ik
from tcs import trial as tr
from tcs import valves as vb
from tcs.carry_kernel import segments
from tcs.cooling import Cooling
from tcs.isolation import COMMANDED
from tcs.localisation import STATE, Localisation
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import (
    EV_LEAK_ELSEWHERE,
    EV_NEXT_BEST_ISOLATION,
    EV_OPEN_REFUSED,
    EV_RECOVERY_ENDED,
    EV_SEGMENT_CLEARED,
    EV_SEGMENT_CONVICTED,
    EV_SEGMENT_REOPENED,
    EV_SEGMENT_UNDECIDED,
    EV_TRIAL_STARTED,
    P_COOLANT,
    P_SEGMENT_WALL_MPA,
    P_TICK_MS,
    P_VOLUME_RAD1_ML,
    ST_ELSEWHERE_LINE_OR_INTERNAL,
    ST_ELSEWHERE_NOT_FOUND,
    ST_ISOLATION_INCOMPLETE,
    ST_ISOLATION_ISOLATED,
    ST_ISOLATION_MEASURE_BY_PRESSURE,
    ST_LOCALISATION_ENDED,
    ST_LOCALISATION_IDLE,
    ST_PUMP_REASON_NEXT_BEST,
    ST_PUMP_REASON_RECOVERY,
    ST_RECOVERY_OUTCOME_HALTED,
    ST_RECOVERY_OUTCOME_NO_CULPRIT,
    ST_RECOVERY_OUTCOME_PARTIAL,
    ST_RECOVERY_OUTCOME_RECOVERED,
    ST_SEGMENT_INTERNAL,
    ST_SEGMENT_STATE_CONVICTED,
    ST_SEGMENT_STATE_IN_SERVICE,
    ST_SEGMENT_STATE_REOPENED,
    ST_SEGMENT_STATE_SUSPECT,
    ST_SEGMENT_STATE_UNDECIDED,
)
from tcs.words import word

NO_SEGMENT = const(0xFF)
_P_RAD1 = const(4)
_P_CABIN = const(7)
_SMOOTH_MS = const(400)
_REST_PHASE_MS = const(200)  # of the second: not where telemetry has its tick
_SEEN_PERCENT = const(60)  # of the alarm's rate: a loss that goes on with every segment shut
_REARM_MS = const(30000)  # the re-opened lines' temperatures settle
_BEHIND_PERCENT = const(50)
_BEHIND_MS = const(2000)
_BEHIND_UL_MAX = const(10000)
_ROUNDS = const(3)


# places in .words
SEGMENT = const(0)
_IS_TIGHT = const(1)
LOST_BEFORE_UL = const(2)
_LOW_UL = const(3)
_BEHIND_UL = const(4)
_IS_AWAKE = const(5)  # the first tick is over
_IS_BEGUN = const(6)
_ROUND = const(7)
_REARM_TICK = const(8)
_IS_AGAIN = const(9)
_ALARM_UL_S = const(10)  # as the estimate stood when the last valve had shut
_SIZE = const(11)


class Recovery:
    """.localisation; .segment: ST_SEGMENT_* of the leak or NO_SEGMENT; .is_tight: what is connected loses nothing any more; .is_awake:
    step() is to be called in every tick, else in each .rest_ticks-th from .rest_phase on. Allocation-free.
    """

    segment = word(SEGMENT)
    is_tight = word(_IS_TIGHT)
    is_begun = word(_IS_BEGUN)  # localisation works, or has worked, on the isolation in force
    lost_before_ul = word(LOST_BEFORE_UL)  # in the rounds before this one

    def __init__(self, params, valves, isolation, events, has_cabin=True):
        self._params = params
        self._valves = valves
        self._isolation = isolation
        self._events = events
        self._idle_ticks = 1000 // params[P_TICK_MS]
        self._smooth_ticks = max(1, _SMOOTH_MS // params[P_TICK_MS])
        self._has_cabin = has_cabin
        self.cooling = Cooling(params)
        self.rest_ticks = self.cooling.sample_ticks
        self.rest_phase = _REST_PHASE_MS // params[P_TICK_MS]
        self.is_awake = True
        self.localisation = Localisation(params, _stiffness(params))
        self.inputs = array("i", bytes(4 * tr.IN_SIZE))
        self._low_ticks = array("i", bytes(4 * 2 * vb.SEGMENTS))
        self._behind_ticks = _BEHIND_MS // params[P_TICK_MS]
        self._rearm_ticks = _REARM_MS // params[P_TICK_MS]
        self.words = array("i", bytes(4 * _SIZE))
        self.words[SEGMENT] = NO_SEGMENT
        self.words[_LOW_UL] = UNKNOWN
        self.words[_REARM_TICK] = -1

    def step(self, sensing, inventory, rate_ul_s, tick):
        """One tick, after isolation and before the valves. True when the detector is to be armed again: what is in service is tight."""
        if tick % self.rest_ticks == self.rest_phase:
            self.cooling.step(inventory)
        w = self.words
        if not w[_IS_AWAKE]:
            w[_IS_AWAKE] = 1
            self._keep_shut(tick)
        isolation = self._isolation
        localisation = self.localisation
        is_commanded = isolation.words[COMMANDED]
        if not w[_IS_BEGUN] and rate_ul_s > 0:
            w[_ALARM_UL_S] = rate_ul_s
        if is_commanded and not w[_IS_BEGUN]:
            state = isolation.state
            if state == ST_ISOLATION_ISOLATED or state == ST_ISOLATION_INCOMPLETE:
                w[_IS_BEGUN] = 1
                w[_IS_TIGHT] = 1 if state == ST_ISOLATION_ISOLATED else 0
                localisation.begin(w[_ALARM_UL_S], tick, w[_IS_AGAIN])
        state = localisation.words[STATE]
        is_quiet = state == ST_LOCALISATION_ENDED or (state == ST_LOCALISATION_IDLE and not is_commanded)
        if is_quiet:
            # Nothing is shut or about to be, or all is over: once a second is enough to know what the segments are like.
            if tick % self._idle_ticks == self.rest_phase:
                self._gather(sensing, inventory, True)
                localisation.rest(self.inputs)
        else:
            self._gather(sensing, inventory, False)
            action = localisation.step(self.inputs, tick)
            if action != tr.A_NONE:
                self._act(action, tick)
            outcome = localisation.findings.outcome
            if outcome != fi.O_NONE:
                self._tell(outcome, inventory, tick)
        self.is_awake = not is_quiet or w[_REARM_TICK] > tick
        if tick != w[_REARM_TICK]:
            return False
        w[_REARM_TICK] = -1
        isolation.rearm()
        w[_IS_BEGUN] = 0
        return True

    def watch_again(self):
        """The loss that goes on is known to be in no segment: an alarm of more than that may isolate again."""
        self._isolation.rearm()
        self.words[_IS_BEGUN] = 0

    def rearm_by_command(self):
        """The ground clears convictions and rounds. A segment that is shut stays so, and is a suspect from then on."""
        localisation = self.localisation
        w = self.words
        segment = 0
        while segment < vb.SEGMENTS:
            is_shut = self._valves.is_segment_closed(segment)
            localisation.segment_state[segment] = ST_SEGMENT_STATE_SUSPECT if is_shut else ST_SEGMENT_STATE_IN_SERVICE
            segment += 1
        localisation.state = ST_LOCALISATION_IDLE
        localisation.findings.forget()
        w[SEGMENT] = NO_SEGMENT
        w[_IS_TIGHT] = 0
        w[LOST_BEFORE_UL] = 0
        w[_IS_BEGUN] = 0
        w[_IS_AGAIN] = 0
        w[_ROUND] = 0
        w[_REARM_TICK] = -1

    def may_open(self, valve):
        """False for a valve with a hole behind it: a telecommand to open it is refused, and why is told."""
        segment = valve // 2
        if segment >= vb.SEGMENTS or self.localisation.segment_state[segment] != ST_SEGMENT_STATE_CONVICTED:
            return True
        self._events.emit(EV_OPEN_REFUSED, valve, ST_SEGMENT_STATE_CONVICTED)
        return False

    def _keep_shut(self, tick):
        """After a boot: what a record says leaks, or may leak, is driven shut wherever the reset caught its valves."""
        segment = 0
        while segment < vb.SEGMENTS:
            state = self.localisation.segment_state[segment]
            if state == ST_SEGMENT_STATE_CONVICTED or state == ST_SEGMENT_STATE_UNDECIDED:
                self._valves.command_all(vb.PAIR << 2 * segment, vb.CLOSED, tick)
            segment += 1

    def _gather(self, sensing, inventory, is_resting):
        x = self.inputs
        w = self.words
        valves = self._valves
        localisation = self.localisation
        x[tr.IN_P_COMP_PA] = sensing.p_comp_pa
        x[tr.IN_P_CABIN_PA] = sensing.value(_P_CABIN) if self._has_cabin else UNKNOWN
        if inventory.inventory_ul == UNKNOWN:
            w[_LOW_UL] = UNKNOWN
        elif w[_LOW_UL] == UNKNOWN or is_resting:
            w[_LOW_UL] = inventory.inventory_ul
        else:
            w[_LOW_UL] += (inventory.inventory_ul - w[_LOW_UL]) // self._smooth_ticks
        x[tr.IN_INVENTORY_UL] = w[_LOW_UL]
        x[tr.IN_RATE_UL_S] = w[_ALARM_UL_S]
        x[tr.IN_IS_BENT] = inventory.state[ik.I_JUMP_TICKS]
        behind = segments(sensing.state, inventory.state, valves.position, valves.assumed, valves.failed, x)
        i = 0
        while behind:
            if behind & 1:
                self._look_behind(i, sensing)
            behind >>= 1
            i += 1
        if is_resting:
            return
        odd = localisation.odd_pressures
        self.cooling.take(x, odd, localisation.findings.is_slow)

    def _look_behind(self, valve, sensing):
        """A valve that was driven shut without its switch: a pressure far below the lines' stands only behind a valve that is shut."""
        w = self.words
        p_pa = sensing.value(_P_RAD1 + valve // 2)
        p_comp_pa = sensing.p_comp_pa
        is_low = p_pa != UNKNOWN and p_comp_pa != UNKNOWN and p_pa * 100 < p_comp_pa * _BEHIND_PERCENT
        is_low = is_low and not (self.localisation.odd_pressures >> valve // 2) & 1
        if not is_low or self._valves.goal[valve] != vb.CLOSED or self._valves.position[valve ^ 1] != vb.CLOSED or w[_LOW_UL] == UNKNOWN:
            self._low_ticks[valve] = 0
            return
        if self._low_ticks[valve] == 0:
            w[_BEHIND_UL] = w[_LOW_UL]
        self._low_ticks[valve] += 1
        if w[_BEHIND_UL] - w[_LOW_UL] > _BEHIND_UL_MAX:
            self._low_ticks[valve] = 0  # a large hole drags an open segment's pressure down, and the inventory with it
        elif self._low_ticks[valve] == self._behind_ticks:
            self._valves.assume_closed(valve)
            self._events.emit(EV_NEXT_BEST_ISOLATION, valve // 2, ST_ISOLATION_MEASURE_BY_PRESSURE)

    def _act(self, action, tick):
        valves = self._valves
        segment = self.localisation.segment
        if action == tr.A_CRACK:
            valves.command(self.localisation.valve, vb.OPEN, tick)
        elif action == tr.A_REST:
            valves.rest(self.localisation.valve)
        elif action == tr.A_SHUT:
            valves.command_all(vb.PAIR << 2 * segment, vb.CLOSED, tick)
        elif action == tr.A_OPEN:
            valves.command_all(vb.PAIR << 2 * segment, vb.OPEN, tick)

    def _tell(self, outcome, inventory, tick):
        loc = self.localisation
        found = loc.findings
        if outcome == fi.O_TRIAL:
            self._events.emit(EV_TRIAL_STARTED, loc.segment, loc.valve, loc.void_ul)
        elif outcome == fi.O_CLEARED:
            self._events.emit(EV_SEGMENT_CLEARED, found.segment, found.reason, found.excess_ul_s, found.take_up_ul)
        elif outcome == fi.O_CONVICTED:
            self._events.emit(EV_SEGMENT_CONVICTED, found.segment, found.reason, found.excess_ul_s, found.take_up_ul)
            if self.segment == NO_SEGMENT or self.segment == ST_SEGMENT_INTERNAL:
                self.segment = found.segment
        elif outcome == fi.O_UNDECIDED:
            self._events.emit(EV_SEGMENT_UNDECIDED, found.segment, found.reason, found.excess_ul_s, found.take_up_ul)
        elif outcome == fi.O_REOPENED:
            self._events.emit(EV_SEGMENT_REOPENED, found.segment, found.take_up_ul, loc.void_ul)
        else:
            self._end(inventory, tick)

    def _end(self, inventory, tick):
        loc = self.localisation
        convicted = loc.mask(ST_SEGMENT_STATE_CONVICTED)
        undecided = loc.mask(ST_SEGMENT_STATE_UNDECIDED)
        in_service = loc.mask(ST_SEGMENT_STATE_REOPENED)
        outcome = ST_RECOVERY_OUTCOME_RECOVERED
        is_known = True  # nothing of the alarm is left to explain
        if loc.state != ST_LOCALISATION_ENDED:
            outcome = ST_RECOVERY_OUTCOME_HALTED
            is_known = False
            if inventory.status == ik.S_BOTTOMED or inventory.status == ik.S_EMPTY:
                self._isolation.stop_pump(ST_PUMP_REASON_NEXT_BEST)
        elif undecided:
            outcome = ST_RECOVERY_OUTCOME_PARTIAL
        elif not convicted:
            outcome = ST_RECOVERY_OUTCOME_NO_CULPRIT
            is_known = self._look_elsewhere(tick)
            self.words[_IS_AGAIN] = 1
        is_known = is_known and loc.going_ul_s == 0 and loc.loss_ul_s(self.inputs, tick) < fi.NO_LOSS_UL_S
        self.words[_ROUND] += 1
        self._events.emit(EV_RECOVERY_ENDED, outcome, in_service, convicted, undecided)
        if is_known and in_service and self.words[_ROUND] < _ROUNDS:
            self.words[_REARM_TICK] = tick + self._rearm_ticks
        if in_service:
            self._isolation.start_pump(ST_PUMP_REASON_RECOVERY)
            self._valves.command(vb.BYPASS, vb.CLOSED, tick)

    def _look_elsewhere(self, tick):
        """No segment leaks. True when nothing else is seen to: the alarm may have been false, and the watch goes on."""
        loc = self.localisation
        rate = loc.loss_ul_s(self.inputs, tick)
        alarm_ul_s = self.inputs[tr.IN_RATE_UL_S]
        is_seen = rate > fi.NO_LOSS_UL_S or (rate > fi.DRIFT_UL_S and rate >= alarm_ul_s // 100 * _SEEN_PERCENT)
        if is_seen or loc.is_internal or self.words[_ROUND] > 0:
            self.segment = ST_SEGMENT_INTERNAL
            self.is_tight = 0
            self._events.emit(EV_LEAK_ELSEWHERE, ST_ELSEWHERE_LINE_OR_INTERNAL, rate)
            return False
        self._events.emit(EV_LEAK_ELSEWHERE, ST_ELSEWHERE_NOT_FOUND, rate)
        return True


def _stiffness(params):
    """Liquid and walls in series: uL a megapascal, x3."""
    liquid_mpa = tables.BULK_MODULUS_KPA[params[P_COOLANT]] // 1000
    wall_mpa = params[P_SEGMENT_WALL_MPA]
    found = array("i", bytes(4 * vb.SEGMENTS))
    for segment in range(vb.SEGMENTS):
        volume_ml = params[P_VOLUME_RAD1_ML + segment]
        found[segment] = volume_ml * 1000 // liquid_mpa + volume_ml * 1000 // wall_mpa
    return found
