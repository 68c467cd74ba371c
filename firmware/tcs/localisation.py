"""Localisation: which of the shut segments leaks, and the others back into service, one at a time.

The walk: a state machine without hands, `step(inputs, tick) -> action`. findings.py says what a trial tells, reopening.py watches what
comes back, weighing.py what would not shut; recovery.py carries the actions out and tells the ground. Every transition stands in
docs/localisation.md. A segment that is convicted or undecided is never opened from here.
"""

from array import array

from micropython import const

from tcs import reopening as ro
from tcs import trial as tr
from tcs import weighing as we
from tcs.findings import (
    DRIFT_UL_S,
    NO_LOSS_UL_S,
    O_ENDED,
    O_HALTED,
    O_NONE,
    O_REOPENED,
    O_TRIAL,
    SEGMENTS,
    VIOLENT_UL_S,
    Findings,
    lowest,
)
from tcs.reopening import Reopening
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import (
    P_HEAD_RAD_PA,
    P_TICK_MS,
    P_VOLUME_RAD1_ML,
    ST_LOCALISATION_CHOOSING,
    ST_LOCALISATION_ENDED,
    ST_LOCALISATION_FILLING,
    ST_LOCALISATION_HALTED,
    ST_LOCALISATION_HOLDING,
    ST_LOCALISATION_IDLE,
    ST_LOCALISATION_OPENING,
    ST_LOCALISATION_REASON_ELIMINATION,
    ST_LOCALISATION_REASON_HOLDS,
    ST_LOCALISATION_REASON_INTERNAL,
    ST_LOCALISATION_REASON_NO_DATA,
    ST_LOCALISATION_REASON_NO_LOSS,
    ST_LOCALISATION_REASON_NO_TAKE_UP,
    ST_LOCALISATION_REASON_NO_VALVE,
    ST_LOCALISATION_REASON_NOT_SHUT,
    ST_LOCALISATION_REASON_RELAPSE,
    ST_LOCALISATION_SETTLING,
    ST_LOCALISATION_SHUTTING,
    ST_LOCALISATION_WATCHING,
    ST_LOCALISATION_WEIGHING,
    ST_SEGMENT_STATE_CLEARED,
    ST_SEGMENT_STATE_CONVICTED,
    ST_SEGMENT_STATE_REOPENED,
    ST_SEGMENT_STATE_SUSPECT,
    ST_SEGMENT_STATE_UNDECIDED,
)
from tcs.trial import Trial
from tcs.weighing import Weighing
from tcs.words import word

_SETTLE_MS = const(10000)  # the temperatures' lag is half taken out by then
_LAG_MS = const(25000)  # and nearly all of it by then
_SLOW_LAG_MS = const(60000)
_BLIND_MS = const(60000)
_AGAIN_MS = const(5000)
_HELD_PERCENT = const(60)
_ODD_HEAD_PA = const(20000)  # a sensor that stands this far from what flow explains, in service, is not believed
_ODD_LOOKS = const(5)
_AT_CABIN_PA = const(5000)
_BENT_MS = const(180000)  # of a round: so long a supply that jumps holds up the trials
_TIGHT_UL_S = const(700)

# places in .words
STATE = const(0)
_SEGMENT = const(1)
_SINCE_TICK = const(2)
_SETTLE_TICKS = const(3)
_LAST_SHUT = const(4)
_ROUND_TICK = const(5)
_ROUND_UL = const(6)  # inventory when the round began
_SPENT_UL = const(7)  # what its trials took
_GOING_UL_S = const(8)  # loss that goes on, once it is known to
_IS_AGAIN = const(9)  # the round before found nothing
_VOID_UL = const(10)
_WEIGHED = const(11)  # ST_LOCALISATION_REASON_* of what weighing told, plus one
_ODD = const(12)  # mask: segments whose pressure sensor is not believed
_QUIET_UL_S = const(13)  # loss while all was shut and nothing was tried
_BEHIND_UL_S = const(14)  # loss at the end of the last watch
_SIZE = const(15)


class Localisation:
    """.state (ST_LOCALISATION_*), .segment_state; .segment and .valve of the action; .findings holds this tick's outcome.

    Allocation-free.
    """

    state = word(STATE)
    segment = word(_SEGMENT)
    going_ul_s = word(_GOING_UL_S)
    void_ul = word(_VOID_UL)
    odd_pressures = word(_ODD)  # mask of segments whose sensor, while in service, showed what no flow explains

    def __init__(self, params, stiffness_ul_mpa):
        tick_ms = params[P_TICK_MS]
        self._params = params
        self._tick_ms = tick_ms
        self._lag_ticks = _LAG_MS // tick_ms
        self._blind_ticks = _BLIND_MS // tick_ms
        self._again_ticks = _AGAIN_MS // tick_ms
        self._bent_ticks = _BENT_MS // tick_ms
        self.trial = Trial(params, stiffness_ul_mpa)
        self.findings = Findings(params, self.trial)
        self.reopening = Reopening(params)
        self.weighing = Weighing(params)
        self.words = array("i", bytes(4 * _SIZE))
        self.words[STATE] = ST_LOCALISATION_IDLE
        self.words[_ROUND_UL] = UNKNOWN
        self._not_before = array("i", bytes(4 * SEGMENTS))  # tick of the next trial
        self._odd_looks = array("i", bytes(4 * SEGMENTS))

    @property
    def segment_state(self):
        """ST_SEGMENT_STATE_* x3."""
        return self.findings.states

    @property
    def outcome(self):
        """O_* of this tick."""
        return self.findings.outcome

    @property
    def valve(self):
        """The valve of the action."""
        return self.trial.valve

    def mask(self, state):
        """Mask of the segments in a ST_SEGMENT_STATE_*."""
        return self.findings.mask(state)

    def begin(self, rate_ul_s, tick, is_again=False):
        """Every segment that is neither convicted nor undecided is suspect; called when isolation has done what it could.

        rate_ul_s: the alarm's. A slow leak is found by comparing the segments, when the temperatures have settled. is_again: a round
        before this one found nothing, so that what comes back is watched longer.
        """
        findings = self.findings
        findings.begin(rate_ul_s)
        settle_ms = _SETTLE_MS
        if findings.is_slow:
            settle_ms = _SLOW_LAG_MS
        elif rate_ul_s >= VIOLENT_UL_S:
            settle_ms = _LAG_MS  # the gas that has expanded is still warming up
        w = self.words
        w[_SETTLE_TICKS] = settle_ms // self._tick_ms
        w[_IS_AGAIN] = 1 if is_again else 0
        segment = 0
        while segment < SEGMENTS:
            state = self.segment_state[segment]
            if state != ST_SEGMENT_STATE_CONVICTED and state != ST_SEGMENT_STATE_UNDECIDED and self._params[P_VOLUME_RAD1_ML + segment] > 0:
                self.segment_state[segment] = ST_SEGMENT_STATE_SUSPECT
            findings.trials[segment] = 0
            self.trial.taken_ul[segment] = 0
            self._not_before[segment] = tick
            segment += 1
        w[_ROUND_UL] = UNKNOWN
        w[_ROUND_TICK] = tick
        w[_SPENT_UL] = 0
        w[_GOING_UL_S] = 0
        w[_WEIGHED] = 0
        w[_QUIET_UL_S] = 0
        w[_BEHIND_UL_S] = 0
        self._enter(ST_LOCALISATION_SETTLING, tick)

    def loss_ul_s(self, x, tick):
        """What the connected part has lost a second since the round began, trials apart."""
        w = self.words
        if w[_ROUND_UL] == UNKNOWN or x[tr.IN_INVENTORY_UL] == UNKNOWN:
            return 0
        lost = w[_ROUND_UL] - x[tr.IN_INVENTORY_UL] - w[_SPENT_UL]
        return max(0, min(1000000, lost)) * 100 // max(1, (tick - w[_ROUND_TICK]) * self._tick_ms // 10)

    def _drain_ul_s(self, x, tick):
        """What the loop loses without the segment that is tried or re-opened: as long as it may be real, it is not held against it."""
        return max(self.words[_GOING_UL_S], self.words[_QUIET_UL_S], self.loss_ul_s(x, tick))

    def step(self, x, tick):
        """One tick of inputs -> tr.A_*."""
        self.findings.outcome = O_NONE
        if tick - self.words[_ROUND_TICK] >= self._bent_ticks:
            x[tr.IN_IS_BENT] = 0
        self._remember(x)
        state = self.words[STATE]
        if state == ST_LOCALISATION_IDLE or state == ST_LOCALISATION_ENDED or state == ST_LOCALISATION_HALTED:
            return tr.A_NONE
        if state == ST_LOCALISATION_OPENING or state == ST_LOCALISATION_WATCHING:
            return self._watch(x, tick)
        if state == ST_LOCALISATION_SETTLING or state == ST_LOCALISATION_CHOOSING or state == ST_LOCALISATION_WEIGHING:
            if x[tr.IN_INVENTORY_UL] == UNKNOWN or x[tr.IN_P_COMP_PA] == UNKNOWN:
                if tick - self.words[_SINCE_TICK] >= self._blind_ticks:
                    return self._give_up(tick)
                return tr.A_NONE
            if state == ST_LOCALISATION_SETTLING:
                return self._settle(x, tick)
            return self._choose(x, tick) if state == ST_LOCALISATION_CHOOSING else self._weigh(x, tick)
        trial = self.trial
        action = trial.step(x, tick)
        self.words[STATE] = trial.state
        if trial.result != tr.R_NONE:
            self.words[_SPENT_UL] = min(10000000, self.words[_SPENT_UL] + trial.take_up_ul)
            self.words[_SINCE_TICK] = tick
            return self._conclude(action, x, tick)
        return action

    @property
    def is_internal(self):
        """True when weighing has told that the loss goes into the cabin."""
        return self.words[_WEIGHED] == ST_LOCALISATION_REASON_INTERNAL + 1

    def rest(self, x):
        """Once a second while nothing is under way: which segments' pressures are to be believed, and what was shut by command."""
        self._remember(x)
        w = self.words
        segment = 0
        while segment < SEGMENTS:
            p_pa = x[tr.IN_P_RAD_PA + segment]
            if (x[tr.IN_OPEN] >> segment) & 1 and p_pa != UNKNOWN and x[tr.IN_P_COMP_PA] != UNKNOWN:
                head_pa = p_pa - x[tr.IN_P_COMP_PA]
                if -_ODD_HEAD_PA < head_pa < _ODD_HEAD_PA + self._params[P_HEAD_RAD_PA]:
                    self._odd_looks[segment] = 0
                    w[_ODD] &= ~(1 << segment)
                elif self._odd_looks[segment] < _ODD_LOOKS:
                    self._odd_looks[segment] += 1
                else:
                    w[_ODD] |= 1 << segment
            segment += 1

    def _remember(self, x):
        """The temperature at which a segment was last full: when it was shut, trials apart."""
        w = self.words
        shut = x[tr.IN_SHUT]
        newly = shut & ~w[_LAST_SHUT]
        w[_LAST_SHUT] = shut
        if not newly:
            return
        state = w[STATE]
        if state == ST_LOCALISATION_SHUTTING or state == ST_LOCALISATION_FILLING or state == ST_LOCALISATION_HOLDING:
            return
        segment = 0
        while segment < SEGMENTS:
            if (newly >> segment) & 1:
                self.trial.full_mc[segment] = x[tr.IN_TEMP_MC + segment]
            segment += 1

    def _settle(self, x, tick):
        w = self.words
        if w[_ROUND_UL] == UNKNOWN:
            w[_ROUND_UL] = x[tr.IN_INVENTORY_UL]
            w[_ROUND_TICK] = tick
        if tick - w[_SINCE_TICK] < w[_SETTLE_TICKS]:
            return tr.A_NONE
        if w[_QUIET_UL_S] == 0:
            w[_QUIET_UL_S] = self.loss_ul_s(x, tick)
        segment = 0
        while segment < SEGMENTS:
            p_pa = x[tr.IN_P_RAD_PA + segment]
            is_held = p_pa != UNKNOWN and p_pa * 100 >= x[tr.IN_P_COMP_PA] * _HELD_PERCENT
            if self.segment_state[segment] == ST_SEGMENT_STATE_SUSPECT and (x[tr.IN_SHUT] >> segment) & 1 and is_held:
                self._judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_HOLDS, 0, 0)
                return tr.A_NONE  # one a tick, so that each has its event
            segment += 1
        self._enter(ST_LOCALISATION_CHOOSING, tick)
        return tr.A_NONE

    def _choose(self, x, tick):
        if x[tr.IN_IS_BENT]:
            return tr.A_NONE  # what a trial would say, it would say by temperatures that are not so
        findings = self.findings
        suspects = findings.mask(ST_SEGMENT_STATE_SUSPECT)
        shut = suspects & x[tr.IN_SHUT] & ~findings.found & ~findings.waiting
        # Those whose pressure is known first: it convicts more surely than what is taken up.
        pick = -1
        is_known_waiting = False
        segment = 0
        while segment < SEGMENTS:
            if (shut >> segment) & 1:
                is_known = x[tr.IN_P_RAD_PA + segment] != UNKNOWN
                if tick < self._not_before[segment]:
                    is_known_waiting = is_known_waiting or is_known
                elif pick < 0 or (is_known and x[tr.IN_P_RAD_PA + pick] == UNKNOWN):
                    pick = segment
            segment += 1
        if pick >= 0 and is_known_waiting and x[tr.IN_P_RAD_PA + pick] == UNKNOWN:
            return tr.A_NONE
        if pick >= 0:
            # Through the valve whose closed switch is made: only it can be seen to move.
            valve = 2 * pick
            if (x[tr.IN_LEFT] >> valve) & 1:
                valve += 1
            return self._try(pick, valve, x, tick)
        if shut:
            return tr.A_NONE  # later
        if findings.found:
            segment = findings.compare()
            if segment >= 0:
                self._not_before[segment] = tick + self._again_ticks
            else:
                self.words[_SEGMENT] = findings.segment
            return tr.A_NONE
        if suspects and self._eliminate(suspects, x, tick):
            return tr.A_NONE
        cleared = findings.mask(ST_SEGMENT_STATE_CLEARED)
        if cleared:
            # Those whose pressure has shown that they hold come first: behind them the loss of the rest is known.
            return self._open(lowest(cleared & ~findings.doubtful or cleared), x, tick)
        if suspects:
            self.weighing.begin(x[tr.IN_RATE_UL_S], suspects == suspects & findings.waiting & x[tr.IN_SHUT], tick)
            self._enter(ST_LOCALISATION_WEIGHING, tick)
            return tr.A_NONE
        findings.outcome = O_ENDED
        self._enter(ST_LOCALISATION_ENDED, tick)
        return tr.A_NONE

    def _eliminate(self, suspects, x, tick):
        """Segments that would not shut. True when one is judged: the loss tells at once, or weighing has told."""
        findings = self.findings
        w = self.words
        segment = lowest(suspects)
        alarm = x[tr.IN_RATE_UL_S]
        is_alone = suspects == 1 << segment and not findings.mask(ST_SEGMENT_STATE_UNDECIDED) & ~findings.shut_before
        if w[_WEIGHED]:
            reason = w[_WEIGHED] - 1
            rate = w[_GOING_UL_S]
            is_shut = (findings.waiting & x[tr.IN_SHUT]) >> segment & 1
            if is_shut and reason == ST_LOCALISATION_REASON_ELIMINATION:
                # The rest goes on losing without it.
                self._judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_NO_TAKE_UP, rate, self.trial.taken_ul[segment])
            elif is_shut:
                self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, ST_LOCALISATION_REASON_NO_DATA, rate, self.trial.taken_ul[segment])
            elif reason == ST_LOCALISATION_REASON_ELIMINATION and is_alone:
                self._judge(segment, ST_SEGMENT_STATE_CONVICTED, reason, rate, 0)
            elif reason == ST_LOCALISATION_REASON_NO_LOSS or reason == ST_LOCALISATION_REASON_INTERNAL:
                self._judge(segment, ST_SEGMENT_STATE_CLEARED, reason, rate, 0)
            else:
                self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, ST_LOCALISATION_REASON_NOT_SHUT, rate, 0)
            return True
        if suspects & findings.waiting:
            return False
        rate = self.loss_ul_s(x, tick)
        least = alarm // 4 if findings.is_violent else NO_LOSS_UL_S
        is_going = rate > 0 and (rate * 2 >= alarm or rate >= least)
        if is_alone and is_going and not findings.new_convicted() and we.is_below_cabin(x):
            w[_GOING_UL_S] = rate
            self._judge(segment, ST_SEGMENT_STATE_CONVICTED, ST_LOCALISATION_REASON_ELIMINATION, rate, 0)
            return True
        if self._is_explained(rate, alarm) and not findings.shut_before:
            # Another one is convicted and, with this one connected, no more than a drift is lost. Believed once.
            self._judge(segment, ST_SEGMENT_STATE_CLEARED, ST_LOCALISATION_REASON_NO_LOSS, rate, 0)
            return True
        return False

    def _is_explained(self, rate_ul_s, alarm_ul_s):
        """The convicted ones lose what the alarm said, or next to nothing is lost any more."""
        findings = self.findings
        if not findings.new_convicted() or alarm_ul_s < NO_LOSS_UL_S:
            return False
        convicted_ul_s = findings.convicted_ul_s
        return rate_ul_s <= _TIGHT_UL_S or (convicted_ul_s * 5 >= alarm_ul_s * 2 and rate_ul_s <= min(DRIFT_UL_S, alarm_ul_s // 3))

    def _weigh(self, x, tick):
        outcome = self.weighing.step(x, tick)
        if outcome == we.BUSY:
            self.words[_SINCE_TICK] = tick  # it sees
            return tr.A_NONE
        w = self.words
        w[_GOING_UL_S] = max(0, self.weighing.rate_ul_s) if outcome != we.CALM else 0
        reason = ST_LOCALISATION_REASON_NOT_SHUT
        if outcome == we.CALM:
            is_at_cabin = x[tr.IN_P_CABIN_PA] != UNKNOWN and x[tr.IN_P_COMP_PA] < x[tr.IN_P_CABIN_PA] + _AT_CABIN_PA
            is_internal = is_at_cabin and not self.findings.new_convicted()
            reason = ST_LOCALISATION_REASON_INTERNAL if is_internal else ST_LOCALISATION_REASON_NO_LOSS
        elif outcome == we.GOES_ON:
            reason = ST_LOCALISATION_REASON_ELIMINATION
        w[_WEIGHED] = reason + 1
        self._enter(ST_LOCALISATION_CHOOSING, tick)
        return tr.A_NONE

    def _try(self, segment, valve, x, tick):
        trial = self.trial
        self.findings.trials[segment] += 1
        action = trial.begin(segment, valve, self._drain_ul_s(x, tick), x, tick)
        self.words[_SEGMENT] = segment
        self.words[_VOID_UL] = trial.void_ul
        self.words[STATE] = trial.state
        self.findings.outcome = O_TRIAL
        return action

    def _conclude(self, action, x, tick):
        """A trial has ended."""
        trial = self.trial
        findings = self.findings
        segment = trial.segment
        taken = trial.taken_ul[segment]
        self.words[_SEGMENT] = segment
        if trial.result == tr.R_HELD:
            lag_tick = self.words[_ROUND_TICK] + self._lag_ticks
            if findings.weigh(tick < lag_tick, x):
                self._not_before[segment] = max(tick + self._again_ticks, lag_tick)
        elif trial.result == tr.R_NO_VALVE:
            if trial.valve == 2 * segment and not (x[tr.IN_LEFT] >> (trial.valve + 1)) & 1:
                self._not_before[segment] = tick
                return self._try(segment, trial.valve + 1, x, tick)
            self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, ST_LOCALISATION_REASON_NO_VALVE, 0, taken)
        elif trial.result == tr.R_NOT_SHUT:
            self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, ST_LOCALISATION_REASON_NOT_SHUT, 0, taken)
        else:
            findings.not_filled(self._drain_ul_s(x, tick), x)
        return action

    def _open(self, segment, x, tick):
        w = self.words
        w[_SEGMENT] = segment
        w[_VOID_UL] = self.trial.find_void_ul(segment, x)
        is_doubtful = w[_IS_AGAIN] or (self.findings.doubtful >> segment) & 1
        self.reopening.begin(segment, w[_VOID_UL], max(w[_BEHIND_UL_S], self._drain_ul_s(x, tick)), is_doubtful, x, tick)
        self._enter(ST_LOCALISATION_OPENING, tick)
        return tr.A_OPEN

    def _watch(self, x, tick):
        """OPENING and WATCHING."""
        reopening = self.reopening
        findings = self.findings
        outcome = reopening.step(x, tick)
        self.words[STATE] = reopening.state
        if outcome == ro.BUSY:
            return tr.A_NONE
        if outcome == ro.BLIND:
            return self._give_up(tick)
        segment = reopening.segment
        take_up_ul = reopening.take_up_ul
        self._enter(ST_LOCALISATION_CHOOSING, tick)
        if outcome == ro.DONE:
            self.words[_BEHIND_UL_S] = reopening.end_ul_s
            self.words[_SPENT_UL] = min(10000000, self.words[_SPENT_UL] + max(0, take_up_ul - reopening.known_ul(tick)))
            findings.states[segment] = ST_SEGMENT_STATE_REOPENED
            findings.segment = segment
            findings.take_up_ul = take_up_ul
            findings.outcome = O_REOPENED
            return tr.A_NONE
        if outcome == ro.RELAPSE:
            # Its pressure held and yet it took too much: the evidence contradicts itself, and a second leak may just have begun.
            is_doubtful = (findings.doubtful >> segment) & 1 and not findings.mask(ST_SEGMENT_STATE_CONVICTED)
            state = ST_SEGMENT_STATE_CONVICTED if is_doubtful else ST_SEGMENT_STATE_UNDECIDED
            self._judge(segment, state, ST_LOCALISATION_REASON_RELAPSE, 0, take_up_ul)
        else:
            self._judge(segment, ST_SEGMENT_STATE_UNDECIDED, ST_LOCALISATION_REASON_NO_VALVE, 0, take_up_ul)
        return tr.A_SHUT

    def _judge(self, segment, state, reason, excess_ul_s, take_up_ul):
        self.words[_SEGMENT] = segment
        self.findings.judge(segment, state, reason, excess_ul_s, take_up_ul)

    def _give_up(self, tick):
        self.findings.outcome = O_HALTED
        self._enter(ST_LOCALISATION_HALTED, tick)
        return tr.A_NONE

    def _enter(self, state, tick):
        self.words[STATE] = state
        self.words[_SINCE_TICK] = tick
