"""Findings: what is known of each segment, and what a trial, a comparison or the loss of the rest adds to it. Moves nothing.

A segment that is convicted or undecided stays so: nothing here leads out of either but the ground's re-arm.
"""

from array import array

from micropython import const

from tcs import trial as tr
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import (
    P_TRIAL_EXCESS_UL_S,
    ST_LOCALISATION_REASON_HOLDS,
    ST_LOCALISATION_REASON_LOSES,
    ST_LOCALISATION_REASON_NO_DATA,
    ST_LOCALISATION_REASON_NO_TAKE_UP,
    ST_LOCALISATION_REASON_TAKE_UP,
    ST_LOCALISATION_REASON_UNCLEAR,
    ST_SEGMENT_STATE_CLEARED,
    ST_SEGMENT_STATE_CONVICTED,
    ST_SEGMENT_STATE_IN_SERVICE,
    ST_SEGMENT_STATE_SUSPECT,
    ST_SEGMENT_STATE_UNDECIDED,
)
from tcs.words import word

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

DRIFT_UL_S = const(1500)  # what a loop whose flow has just changed may seem to lose
NO_LOSS_UL_S = const(2 * DRIFT_UL_S)
VIOLENT_UL_S = const(20000)

_TRIALS = const(5)
_MARGIN_UL = const(20000)  # of one trial
_MARGIN_ALL_UL = const(50000)
_DRAIN_MAX_UL_S = const(10000)
_PLAIN = const(5)  # this many times the limit no doubt about the cooling explains
_NO_TAKE_UP_UL_S = const(4000)
_CRACKED_UL_S = const(44000)  # eight times what a cracked valve surely passes into a hole
_LEAST_UL_S = const(40)  # below this trials tell nothing

# places in .words
_LIMIT_UL_S = const(0)
_IS_SLOW = const(1)
_IS_VIOLENT = const(2)
_FOUND = const(3)  # mask: measured, to be compared
_CONVICTED_UL_S = const(4)  # what those convicted in this round were seen to lose
_SHUT_BEFORE = const(5)  # segments that were out of service before this round
_DOUBTFUL = const(6)  # mask: cleared by something weaker than a pressure that holds
_WAITING = const(7)  # mask: tried enough, and without a pressure not told; the loss of the rest will
_DOUBTED = const(8)  # mask: cleared so in a round before this one
_SIZE = const(9)


class Findings:
    """.states: ST_SEGMENT_STATE_* x3; of this tick .outcome with .segment, .reason, .excess_ul_s, .take_up_ul. Allocation-free."""

    is_slow = word(_IS_SLOW)
    is_violent = word(_IS_VIOLENT)
    found = word(_FOUND)
    convicted_ul_s = word(_CONVICTED_UL_S)
    shut_before = word(_SHUT_BEFORE)
    doubtful = word(_DOUBTFUL)
    waiting = word(_WAITING)

    def __init__(self, params, trial):
        self._params = params
        self._trial = trial
        self.words = array("i", bytes(4 * _SIZE))
        self.states = array("i", [ST_SEGMENT_STATE_IN_SERVICE] * SEGMENTS)
        self.trials = array("i", bytes(4 * SEGMENTS))
        self._found_ul_s = array("i", bytes(4 * SEGMENTS))
        self.outcome = O_NONE
        self.segment = 0
        self.reason = 0
        self.excess_ul_s = 0
        self.take_up_ul = 0

    def begin(self, rate_ul_s):
        """A round. rate_ul_s: the alarm's, 0 when it knows none."""
        limit = self._params[P_TRIAL_EXCESS_UL_S]
        if rate_ul_s <= 0:
            rate_ul_s = 2 * limit  # a loss that nobody timed convicts by the usual limit, not by the least
        w = self.words
        w[_IS_SLOW] = 1 if rate_ul_s < 2 * limit else 0
        w[_IS_VIOLENT] = 1 if rate_ul_s >= VIOLENT_UL_S else 0
        w[_LIMIT_UL_S] = max(_LEAST_UL_S, min(limit, rate_ul_s // 2))
        w[_SHUT_BEFORE] = self.mask(ST_SEGMENT_STATE_CONVICTED) | self.mask(ST_SEGMENT_STATE_UNDECIDED)
        w[_CONVICTED_UL_S] = 0
        w[_FOUND] = 0
        w[_DOUBTED] |= w[_DOUBTFUL]
        w[_DOUBTFUL] = 0
        w[_WAITING] = 0

    def forget(self):
        """The ground has re-armed: no segment was doubted before."""
        self.words[_DOUBTFUL] = 0
        self.words[_DOUBTED] = 0

    def mask(self, state):
        """Mask of the segments in a ST_SEGMENT_STATE_*."""
        found = 0
        segment = 0
        while segment < SEGMENTS:
            if self.states[segment] == state:
                found |= 1 << segment
            segment += 1
        return found

    def new_convicted(self):
        """Mask of those convicted in this round."""
        return self.mask(ST_SEGMENT_STATE_CONVICTED) & ~self.words[_SHUT_BEFORE]

    def judge(self, segment, state, reason, excess_ul_s, take_up_ul):
        """One segment is cleared, convicted or undecided."""
        self.segment = segment
        self.states[segment] = state
        self.reason = reason
        self.excess_ul_s = excess_ul_s
        self.take_up_ul = take_up_ul
        w = self.words
        if state == ST_SEGMENT_STATE_CLEARED:
            self.outcome = O_CLEARED
            if reason != ST_LOCALISATION_REASON_HOLDS:
                w[_DOUBTFUL] |= 1 << segment
        elif state == ST_SEGMENT_STATE_CONVICTED:
            self.outcome = O_CONVICTED
            if reason == ST_LOCALISATION_REASON_LOSES:
                w[_CONVICTED_UL_S] = min(1000000, w[_CONVICTED_UL_S] + min(1000000, excess_ul_s))
        else:
            self.outcome = O_UNDECIDED

    def weigh(self, is_early, x):
        """A trial that was filled and held. True when it takes another one."""
        trial = self._trial
        segment = trial.segment
        taken = trial.taken_ul[segment]
        excess = trial.excess_ul_s
        w = self.words
        limit = w[_LIMIT_UL_S]
        # Cooling is known to a quarter of itself. Until the temperatures' lag is taken out a small excess may be cooling that they
        # do not show yet.
        doubt = max(0, x[tr.IN_COOLING_UL_S + segment]) // 4
        if x[tr.IN_IS_BENT] and trial.fell:
            # One sample of the supply bends all temperatures, and what they say of the cooling convicts nobody.
            self._again(segment, ST_LOCALISATION_REASON_NO_DATA)
            return True
        if excess >= _PLAIN * self._params[P_TRIAL_EXCESS_UL_S]:
            self.judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_LOSES, excess, taken)
        elif not trial.fell:
            self.judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_HOLDS, excess, taken)
        elif w[_IS_SLOW]:
            self._found_ul_s[segment] = excess
            w[_FOUND] |= 1 << segment
        elif not is_early and excess >= limit and excess >= 2 * doubt:
            self.judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_LOSES, excess, taken)
        elif excess * 5 <= limit * 3:
            self.judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_HOLDS, excess, taken)
        else:
            self._again(segment, ST_LOCALISATION_REASON_UNCLEAR)
            return True
        return False

    def compare(self):
        """A slow leak: the error of the cooling is common to all segments, so the one that loses least is the measure. One a tick.

        The segment that takes another trial, else -1.
        """
        least = 0x3FFFFFFF
        most = 0
        segment = 0
        while segment < SEGMENTS:
            # Those judged already in this comparison stay part of it.
            if self.trials[segment]:
                if self._found_ul_s[segment] < least:
                    least = self._found_ul_s[segment]
                if self._found_ul_s[segment] > most:
                    most = self._found_ul_s[segment]
            segment += 1
        w = self.words
        segment = lowest(w[_FOUND])
        w[_FOUND] &= ~(1 << segment)
        excess = self._found_ul_s[segment] - least
        taken = self._trial.taken_ul[segment]
        most -= least
        limit = w[_LIMIT_UL_S]
        # One that loses all of the alarm's rate by itself explains it; what less than half as much says of another one is cooling.
        is_explained = most >= 2 * limit and excess * 2 < most
        if excess >= limit and not is_explained:
            self.judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_LOSES, excess, taken)
        elif is_explained or excess * 5 <= limit * 3:
            self.judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_HOLDS, excess, taken)
        else:
            self._again(segment, ST_LOCALISATION_REASON_UNCLEAR)
            return segment
        return -1

    def not_filled(self, loss_ul_s, x):
        """A trial that spent its bounds before the segment was full, or lost sight of its pressure. loss_ul_s: with all shut."""
        trial = self._trial
        segment = trial.segment
        taken = trial.taken_ul[segment]
        if trial.result == tr.R_PARTIAL and self._is_too_much(taken):
            self.judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_TAKE_UP, 0, taken)
            return
        if trial.result != tr.R_PARTIAL:
            self._again(segment, ST_LOCALISATION_REASON_NO_DATA)
            return
        self._again(segment, ST_LOCALISATION_REASON_UNCLEAR)
        if self.outcome != O_UNDECIDED:
            return
        # Five times open to the loop. A hole of the alarm's size would have taken more than its void; what an eighth of the alarm
        # takes in five times two seconds is too much for it. Or the alarm is explained without it.
        rate = x[tr.IN_RATE_UL_S]
        # One that was cleared so before, and the loss came back: only a loss that goes on without it speaks for it.
        is_new = not (self.words[_DOUBTED] >> segment) & 1
        is_plain = (is_new and (rate >= _NO_TAKE_UP_UL_S or self.new_convicted())) or loss_ul_s * 3 >= rate > 0
        most_ul = trial.void_ul * 3 // 2 + max(_MARGIN_UL, max(0, min(_CRACKED_UL_S, rate)) // 8 * 11)
        if is_plain and taken <= most_ul:
            self.judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_NO_TAKE_UP, 0, taken)
        elif taken <= most_ul and x[tr.IN_P_RAD_PA + segment] == UNKNOWN:
            self.states[segment] = ST_SEGMENT_STATE_SUSPECT
            self.outcome = O_NONE
            self.words[_WAITING] |= 1 << segment

    def _is_too_much(self, taken_ul):
        """More than its void, in one trial or in all of them: after a burst the inventory may drift by a few mL/s."""
        trial = self._trial
        void_ul = trial.void_ul * 3 // 2
        if trial.drain_ul_s > _DRAIN_MAX_UL_S:
            return False  # the loop loses more without it than a trial could show
        if self.words[_IS_VIOLENT]:
            all_ul = trial.void_ul * 3
        else:
            all_ul = void_ul
        return trial.take_up_ul > void_ul + _MARGIN_UL or taken_ul > all_ul + _MARGIN_ALL_UL

    def _again(self, segment, reason):
        """Not told yet: another trial, or undecided when there have been enough."""
        trial = self._trial
        if self.trials[segment] >= _TRIALS:
            self.judge(segment, ST_SEGMENT_STATE_UNDECIDED, reason, trial.excess_ul_s, trial.taken_ul[segment])
        elif trial.result == tr.R_HELD:
            trial.taken_ul[segment] = 0


def lowest(mask):
    """Number of the lowest bit that is set; SEGMENTS - 1 at most."""
    segment = 0
    while segment < SEGMENTS - 1 and not (mask >> segment) & 1:
        segment += 1
    return segment
