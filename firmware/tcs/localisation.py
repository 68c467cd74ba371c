"""Localisation: which of the shut segments leaks, and the others back into service, one at a time.

A state machine without hands: `step(inputs, tick) -> action`. recovery.py carries the actions out and tells the ground. Every
transition stands in docs/localisation.md. A segment that is convicted or undecided is never opened from here.
"""

from array import array

from micropython import const

from tcs import trial as tr
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import (
    P_TICK_MS,
    P_TRIAL_EXCESS_UL_S,
    P_VOLUME_RAD1_ML,
    P_WATCH_EXCESS_ML,
    P_WATCH_MS,
    ST_LOCALISATION_CHOOSING,
    ST_LOCALISATION_ENDED,
    ST_LOCALISATION_HALTED,
    ST_LOCALISATION_IDLE,
    ST_LOCALISATION_OPENING,
    ST_LOCALISATION_REASON_ELIMINATION,
    ST_LOCALISATION_REASON_HOLDS,
    ST_LOCALISATION_REASON_LOSES,
    ST_LOCALISATION_REASON_NO_DATA,
    ST_LOCALISATION_REASON_NO_LOSS,
    ST_LOCALISATION_REASON_NO_TAKE_UP,
    ST_LOCALISATION_REASON_NO_VALVE,
    ST_LOCALISATION_REASON_NOT_SHUT,
    ST_LOCALISATION_REASON_RELAPSE,
    ST_LOCALISATION_REASON_TAKE_UP,
    ST_LOCALISATION_REASON_UNCLEAR,
    ST_LOCALISATION_SETTLING,
    ST_LOCALISATION_WATCHING,
    ST_SEGMENT_STATE_CLEARED,
    ST_SEGMENT_STATE_CONVICTED,
    ST_SEGMENT_STATE_IN_SERVICE,
    ST_SEGMENT_STATE_REOPENED,
    ST_SEGMENT_STATE_SUSPECT,
    ST_SEGMENT_STATE_UNDECIDED,
)
from tcs.trial import Trial

SEGMENTS = const(3)

# outcomes, for the events
O_NONE = const(0)
O_TRIAL = const(1)
O_CLEARED = const(2)
O_CONVICTED = const(3)
O_UNDECIDED = const(4)
O_REOPENED = const(5)
O_ENDED = const(6)
O_HALTED = const(7)

_SETTLE_MS = const(10000)  # the temperatures' lag is half taken out by then
_LAG_MS = const(25000)  # and nearly all of it by then
_VIOLENT_UL_S = const(20000)
_SLOW_LAG_MS = const(60000)
_BLIND_MS = const(60000)
_AGAIN_MS = const(5000)
_HELD_PERCENT = const(60)
_MAX_HEAD_PA = const(45000)  # a segment in service does not stand this far above the compensator
_TRIALS = const(5)
_MARGIN_UL = const(20000)  # of one trial
_MARGIN_ALL_UL = const(50000)
_DRAIN_MAX_UL_S = const(10000)
_PLAIN = const(5)  # this many times the limit no doubt about the cooling explains
_NO_TAKE_UP_UL_S = const(4000)
_TIGHT_UL_S = const(700)
_DRIFT_UL_S = const(1500)
_NO_LOSS_UL_S = const(3000)  # twice the drift that a changed flow may feign
_LEAST_UL_S = const(40)  # below this trials tell nothing


class Localisation:
    """.state (ST_LOCALISATION_*), .segment_state; .segment and .valve of the action; of this tick .outcome with .reason, .excess_ul_s,
    .take_up_ul, .void_ul. Allocation-free.
    """

    def __init__(self, params, stiffness_ul_mpa):
        tick_ms = params[P_TICK_MS]
        self._params = params
        self._tick_ms = tick_ms
        self._settle_ticks = _SETTLE_MS // tick_ms
        self._lag_ticks = _LAG_MS // tick_ms
        self._blind_ticks = _BLIND_MS // tick_ms
        self._again_ticks = _AGAIN_MS // tick_ms
        self._watch_ticks = params[P_WATCH_MS] // tick_ms
        self._limit_ul_s = params[P_TRIAL_EXCESS_UL_S]
        self._is_slow = False
        self._is_violent = False
        self.trial = Trial(params, stiffness_ul_mpa)
        self.state = ST_LOCALISATION_IDLE
        self.segment_state = array("i", [ST_SEGMENT_STATE_IN_SERVICE] * SEGMENTS)
        self.segment = 0
        self.outcome = O_NONE
        self.reason = 0
        self.excess_ul_s = 0
        self.take_up_ul = 0
        self.void_ul = 0
        self.going_ul_s = 0  # loss that goes on, once it is known to
        self._head_pa = array("i", bytes(4 * SEGMENTS))  # above the compensator while in service
        self._trials = array("i", bytes(4 * SEGMENTS))
        self._not_before = array("i", bytes(4 * SEGMENTS))  # tick of the next trial
        self._found_ul_s = array("i", bytes(4 * SEGMENTS))
        self._found = 0  # mask: measured, to be compared
        self._since_tick = 0
        self._opened_tick = 0
        self._drain_ul_s = 0
        self._convicted_ul_s = 0  # what those convicted in this round were seen to lose
        self._shut_before = 0  # segments that were out of service before this round
        self._base_ul = 0
        self._last_shut = 0
        self._round_tick = 0
        self._round_ul = UNKNOWN  # inventory when the round began
        self._spent_ul = 0  # what its trials took

    def begin(self, rate_ul_s, tick):
        """Every segment that is neither convicted nor undecided is suspect; called when isolation has done what it could.

        rate_ul_s: the alarm's. A slow leak is found by comparing the segments, when the temperatures have settled.
        """
        limit = self._params[P_TRIAL_EXCESS_UL_S]
        self._is_slow = rate_ul_s < 2 * limit
        self._limit_ul_s = max(_LEAST_UL_S, min(limit, rate_ul_s // 2))
        settle_ms = _SETTLE_MS
        if self._is_slow:
            settle_ms = _SLOW_LAG_MS
        elif rate_ul_s >= _VIOLENT_UL_S:
            settle_ms = _LAG_MS  # the gas that has expanded is still warming up
        self._settle_ticks = settle_ms // self._tick_ms
        self._is_violent = rate_ul_s >= _VIOLENT_UL_S
        segment = 0
        while segment < SEGMENTS:
            state = self.segment_state[segment]
            if state != ST_SEGMENT_STATE_CONVICTED and state != ST_SEGMENT_STATE_UNDECIDED and self._params[P_VOLUME_RAD1_ML + segment] > 0:
                self.segment_state[segment] = ST_SEGMENT_STATE_SUSPECT
            self._trials[segment] = 0
            self.trial.taken_ul[segment] = 0
            self._not_before[segment] = tick
            segment += 1
        self._shut_before = self.mask(ST_SEGMENT_STATE_CONVICTED) | self.mask(ST_SEGMENT_STATE_UNDECIDED)
        self._convicted_ul_s = 0
        self._found = 0
        self._round_ul = UNKNOWN
        self._round_tick = tick
        self._spent_ul = 0
        self.going_ul_s = 0
        self._enter(ST_LOCALISATION_SETTLING, tick)

    @property
    def valve(self):
        """The valve of the action."""
        return self.trial.valve

    def mask(self, state):
        """Mask of the segments in a ST_SEGMENT_STATE_*."""
        found = 0
        segment = 0
        while segment < SEGMENTS:
            if self.segment_state[segment] == state:
                found |= 1 << segment
            segment += 1
        return found

    def loss_ul_s(self, x, tick):
        """What the connected part has lost a second since the round began, trials apart."""
        if self._round_ul == UNKNOWN or x[tr.IN_INVENTORY_UL] == UNKNOWN:
            return 0
        lost = self._round_ul - x[tr.IN_INVENTORY_UL] - self._spent_ul
        return max(0, min(1000000, lost)) * 100 // max(1, (tick - self._round_tick) * self._tick_ms // 10)

    def step(self, x, tick):
        """One tick of inputs -> tr.A_*."""
        self.outcome = O_NONE
        self._remember(x)
        state = self.state
        if state == ST_LOCALISATION_IDLE or state == ST_LOCALISATION_ENDED or state == ST_LOCALISATION_HALTED:
            return tr.A_NONE
        if state == ST_LOCALISATION_OPENING or state == ST_LOCALISATION_WATCHING:
            return self._watch(x, tick)
        if state == ST_LOCALISATION_SETTLING or state == ST_LOCALISATION_CHOOSING:
            if x[tr.IN_INVENTORY_UL] == UNKNOWN or x[tr.IN_P_COMP_PA] == UNKNOWN:
                if tick - self._since_tick >= self._blind_ticks:
                    return self._give_up(tick)
                return tr.A_NONE
            return self._settle(x, tick) if state == ST_LOCALISATION_SETTLING else self._choose(x, tick)
        action = self.trial.step(x, tick)
        self.state = self.trial.state
        if self.trial.result != tr.R_NONE:
            self._spent_ul += self.trial.take_up_ul
            self._since_tick = tick
            return self._conclude(action, x, tick)
        return action

    def _remember(self, x):
        """What a segment was like when it was last full and in service: its temperature, its head."""
        shut = x[tr.IN_SHUT]
        is_idle = self.state == ST_LOCALISATION_IDLE
        segment = 0
        while segment < SEGMENTS:
            if (shut >> segment) & 1:
                if not (self._last_shut >> segment) & 1 and self.segment_state[segment] != ST_SEGMENT_STATE_SUSPECT:
                    self.trial.full_mc[segment] = x[tr.IN_TEMP_MC + segment]
            elif is_idle and x[tr.IN_P_RAD_PA + segment] != UNKNOWN and x[tr.IN_P_COMP_PA] != UNKNOWN:
                self._head_pa[segment] = x[tr.IN_P_RAD_PA + segment] - x[tr.IN_P_COMP_PA]
            segment += 1
        self._last_shut = shut

    def _settle(self, x, tick):
        if self._round_ul == UNKNOWN:
            self._round_ul = x[tr.IN_INVENTORY_UL]
            self._round_tick = tick
        if tick - self._since_tick < self._settle_ticks:
            return tr.A_NONE
        segment = 0
        while segment < SEGMENTS:
            # Nothing but a sensor at fault stands high above the compensator with its valves open.
            p_pa = x[tr.IN_P_RAD_PA + segment]
            is_held = p_pa != UNKNOWN and p_pa * 100 >= x[tr.IN_P_COMP_PA] * _HELD_PERCENT and self._head_pa[segment] < _MAX_HEAD_PA
            if self.segment_state[segment] == ST_SEGMENT_STATE_SUSPECT and (x[tr.IN_SHUT] >> segment) & 1 and is_held:
                self._judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_HOLDS, 0, 0)
                return tr.A_NONE  # one a tick, so that each has its event
            segment += 1
        self._enter(ST_LOCALISATION_CHOOSING, tick)
        return tr.A_NONE

    def _choose(self, x, tick):
        suspects = self.mask(ST_SEGMENT_STATE_SUSPECT)
        shut = suspects & x[tr.IN_SHUT]
        # Those whose pressure is known first: it convicts more surely than what is taken up.
        pick = -1
        segment = 0
        while segment < SEGMENTS:
            if ((shut & ~self._found) >> segment) & 1 and tick >= self._not_before[segment]:
                if pick < 0 or (x[tr.IN_P_RAD_PA + pick] == UNKNOWN and x[tr.IN_P_RAD_PA + segment] != UNKNOWN):
                    pick = segment
            segment += 1
        if pick >= 0 and x[tr.IN_P_RAD_PA + pick] == UNKNOWN and self._is_known_waiting(shut & ~self._found, x):
            return tr.A_NONE
        if pick >= 0:
            # Through the valve whose closed switch is made: only it can be seen to move.
            valve = 2 * pick
            if (x[tr.IN_LEFT] >> valve) & 1:
                valve += 1
            return self._try(pick, valve, x, tick)
        if shut & ~self._found:
            return tr.A_NONE  # later
        if self._found:
            self._compare(tick)
            return tr.A_NONE
        if suspects:
            return self._eliminate(suspects, x, tick)
        cleared = self.mask(ST_SEGMENT_STATE_CLEARED)
        if cleared == 0:
            self.outcome = O_ENDED
            self._enter(ST_LOCALISATION_ENDED, tick)
            return tr.A_NONE
        self.segment = _lowest(cleared)
        self._base_ul = x[tr.IN_INVENTORY_UL]
        self.void_ul = self.trial.find_void_ul(self.segment, x)
        self._drain_ul_s = max(self.going_ul_s, self.loss_ul_s(x, tick))
        self._opened_tick = tick
        self._enter(ST_LOCALISATION_OPENING, tick)
        return tr.A_OPEN

    def _eliminate(self, suspects, x, tick):
        """Segments that would not shut: one alone, with the others cleared and the loss going on, is it; otherwise nobody knows."""
        segment = _lowest(suspects)
        rate = self.loss_ul_s(x, tick)
        is_alone = suspects == 1 << segment and not self._new_convicted() and not self.mask(ST_SEGMENT_STATE_UNDECIDED) & ~self._shut_before
        if is_alone and rate > 0 and (rate * 2 >= x[tr.IN_RATE_UL_S] or rate >= _NO_LOSS_UL_S):
            self.going_ul_s = rate
            self._judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_ELIMINATION, rate, 0)
        elif self._is_explained(rate, x[tr.IN_RATE_UL_S]) and not self._shut_before:
            # Another one is convicted and, with this one connected, no more than a drift is lost. Believed once.
            self._judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_NO_LOSS, rate, 0)
        else:
            self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, ST_LOCALISATION_REASON_NOT_SHUT, rate, 0)
        return tr.A_NONE

    def _is_explained(self, rate_ul_s, alarm_ul_s):
        """The convicted ones lose what the alarm said, or next to nothing is lost any more."""
        if not self._new_convicted() or alarm_ul_s < _NO_LOSS_UL_S:
            return False
        return rate_ul_s <= _TIGHT_UL_S or (self._convicted_ul_s * 5 >= alarm_ul_s * 2 and rate_ul_s <= min(_DRIFT_UL_S, alarm_ul_s // 3))

    def _try(self, segment, valve, x, tick):
        self._trials[segment] += 1
        action = self.trial.begin(segment, valve, max(self.going_ul_s, self.loss_ul_s(x, tick)), x, tick)
        self.segment = segment
        self.void_ul = self.trial.void_ul
        self.outcome = O_TRIAL
        self.state = self.trial.state
        return action

    def _conclude(self, action, x, tick):
        """A trial has ended."""
        trial = self.trial
        segment = trial.segment
        taken = trial.taken_ul[segment]
        if trial.result == tr.R_HELD:
            self._weigh(segment, taken, x, tick)
        elif trial.result == tr.R_NO_VALVE:
            if trial.valve == 2 * segment and not (x[tr.IN_LEFT] >> (trial.valve + 1)) & 1:
                self._not_before[segment] = tick
                return self._try(segment, trial.valve + 1, x, tick)
            self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, ST_LOCALISATION_REASON_NO_VALVE, 0, taken)
        elif trial.result == tr.R_NOT_SHUT:
            self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, ST_LOCALISATION_REASON_NOT_SHUT, 0, taken)
        elif trial.result == tr.R_PARTIAL and self._is_too_much(taken):
            self._judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_TAKE_UP, 0, taken)
        else:
            self._again(segment, ST_LOCALISATION_REASON_UNCLEAR if trial.result == tr.R_PARTIAL else ST_LOCALISATION_REASON_NO_DATA)
            # Or the alarm is explained without it.
            is_elsewhere = self.loss_ul_s(x, tick) * 3 >= x[tr.IN_RATE_UL_S] > 0
            is_plain = x[tr.IN_RATE_UL_S] >= _NO_TAKE_UP_UL_S or self._new_convicted() or is_elsewhere
            # What an eighth of the alarm would have taken in five times two seconds is too much for it.
            most_ul = trial.void_ul * 3 // 2 + max(_MARGIN_UL, min(1000000, x[tr.IN_RATE_UL_S]) // 8 * 11)
            if self.outcome == O_UNDECIDED and trial.result == tr.R_PARTIAL and is_plain and taken <= most_ul:
                # Five times open to the loop, it took no more than its void: a hole of the alarm's size would have.
                self._judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_NO_TAKE_UP, 0, taken)
        return action

    def _is_too_much(self, taken_ul):
        """More than its void, in one trial or in all of them: after a burst the inventory may drift by a few mL/s."""
        void_ul = self.trial.void_ul * 3 // 2
        if self.trial.drain_ul_s > _DRAIN_MAX_UL_S:
            return False  # the loop loses more without it than a trial could show
        return self.trial.take_up_ul > void_ul + _MARGIN_UL or (taken_ul > void_ul + _MARGIN_ALL_UL and not self._is_violent)

    def _weigh(self, segment, taken, x, tick):
        excess = self.trial.excess_ul_s
        limit = self._limit_ul_s
        # Cooling is known to a quarter of itself.
        doubt = max(0, x[tr.IN_COOLING_UL_S + segment]) // 4
        # Until the temperatures' lag is taken out a small excess may be cooling that they do not show yet.
        is_early = tick < self._round_tick + self._lag_ticks
        if excess >= _PLAIN * self._params[P_TRIAL_EXCESS_UL_S]:
            self._judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_LOSES, excess, taken)
        elif not self.trial.fell:
            self._judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_HOLDS, excess, taken)
        elif self._is_slow:
            self._found_ul_s[segment] = excess
            self._found |= 1 << segment
        elif not is_early and excess >= limit and excess >= 2 * doubt:
            self._judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_LOSES, excess, taken)
        elif excess * 5 <= limit * 3:
            self._judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_HOLDS, excess, taken)
        else:
            self._not_before[segment] = max(tick + self._again_ticks, self._round_tick + self._lag_ticks)
            self._again(segment, ST_LOCALISATION_REASON_UNCLEAR)

    def _compare(self, tick):
        """A slow leak: the error of the cooling is common to all segments, so the one that loses least is the measure. One a tick."""
        least = 0x3FFFFFFF
        segment = 0
        while segment < SEGMENTS:
            # Those judged already in this comparison stay part of it.
            if self._trials[segment] and self._found_ul_s[segment] < least:
                least = self._found_ul_s[segment]
            segment += 1
        segment = _lowest(self._found)
        self._found &= ~(1 << segment)
        excess = self._found_ul_s[segment] - least
        taken = self.trial.taken_ul[segment]
        if excess >= self._limit_ul_s:
            self._judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_LOSES, excess, taken)
        elif excess * 5 <= self._limit_ul_s * 3:
            self._judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_HOLDS, excess, taken)
        else:
            self._not_before[segment] = tick + self._again_ticks
            self._again(segment, ST_LOCALISATION_REASON_UNCLEAR)

    def _again(self, segment, reason):
        """Not told yet: another trial, or undecided when there have been enough."""
        if self._trials[segment] >= _TRIALS:
            self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, reason, self.trial.excess_ul_s, self.trial.taken_ul[segment])
        elif self.trial.result == tr.R_HELD:
            self.trial.taken_ul[segment] = 0

    def _watch(self, x, tick):
        """OPENING and WATCHING: a cleared segment comes back; what it takes beyond its void is watched all the time."""
        segment = self.segment
        known = 0
        if x[tr.IN_INVENTORY_UL] != UNKNOWN:
            self.take_up_ul = self._base_ul - x[tr.IN_INVENTORY_UL]
            # A loss that went on before it was opened is not this segment's.
            known = self._drain_ul_s // 10 * min(1000, (tick - self._opened_tick) * self._tick_ms // 100)
            if self.take_up_ul - known > self.void_ul * 3 // 2 + self._params[P_WATCH_EXCESS_ML] * 1000:
                verdict = ST_SEGMENT_STATE_UNDECIDED if self.mask(ST_SEGMENT_STATE_CONVICTED) else ST_SEGMENT_STATE_CONVICTED
                self._judge(segment, verdict, ST_LOCALISATION_REASON_RELAPSE, 0, self.take_up_ul)
                self._enter(ST_LOCALISATION_CHOOSING, tick)
                return tr.A_SHUT
        if self.state == ST_LOCALISATION_OPENING:
            if tick - self._opened_tick >= self._blind_ticks:
                return self._give_up(tick)
            if (x[tr.IN_OPEN] >> segment) & 1:
                self._enter(ST_LOCALISATION_WATCHING, tick)
            elif self._has_one_valve(segment, x):
                # One of its valves: liquid has a way out, coolant perhaps none through. Its valve fault is told.
                self._enter(ST_LOCALISATION_WATCHING, tick)
            elif (x[tr.IN_FAILED] >> (2 * segment)) & 3:
                self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, ST_LOCALISATION_REASON_NO_VALVE, 0, self.take_up_ul)
                self._enter(ST_LOCALISATION_CHOOSING, tick)
                return tr.A_SHUT
        elif tick - self._since_tick >= self._watch_ticks and x[tr.IN_INVENTORY_UL] != UNKNOWN:
            self._spent_ul += max(0, self.take_up_ul - known)
            self.segment_state[segment] = ST_SEGMENT_STATE_REOPENED
            self.outcome = O_REOPENED
            self._enter(ST_LOCALISATION_CHOOSING, tick)
        elif tick - self._since_tick >= self._watch_ticks + self._blind_ticks:
            return self._give_up(tick)
        return tr.A_NONE

    def _is_known_waiting(self, mask, x):
        segment = 0
        while segment < SEGMENTS:
            if (mask >> segment) & 1 and x[tr.IN_P_RAD_PA + segment] != UNKNOWN:
                return True
            segment += 1
        return False

    def _new_convicted(self):
        """Mask of those convicted in this round."""
        return self.mask(ST_SEGMENT_STATE_CONVICTED) & ~self._shut_before

    def _has_one_valve(self, segment, x):
        failed = (x[tr.IN_FAILED] >> (2 * segment)) & 3
        left = (x[tr.IN_LEFT] >> (2 * segment)) & 3
        return (failed == 1 and left & 2) or (failed == 2 and left & 1)

    def _judge(self, segment, state, reason, excess_ul_s, take_up_ul):
        self.segment = segment
        self.segment_state[segment] = state
        self.reason = reason
        self.excess_ul_s = excess_ul_s
        self.take_up_ul = take_up_ul
        if state == ST_SEGMENT_STATE_CLEARED:
            self.outcome = O_CLEARED
        elif state == ST_SEGMENT_STATE_CONVICTED:
            self.outcome = O_CONVICTED
            if reason == ST_LOCALISATION_REASON_LOSES:
                self._convicted_ul_s += min(1000000, excess_ul_s)
        else:
            self.outcome = O_UNDECIDED

    def _give_up(self, tick):
        self.outcome = O_HALTED
        self._enter(ST_LOCALISATION_HALTED, tick)
        return tr.A_NONE

    def _enter(self, state, tick):
        self.state = state
        self._since_tick = tick


def _lowest(mask):
    segment = 0
    while not (mask >> segment) & 1:
        segment += 1
    return segment
