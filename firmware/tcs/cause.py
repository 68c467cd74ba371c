"""Cause: what is wrong, in thirteen words, with how sure that is and what it rests on. Judged once a second from what the stages know.

The alarm says that the loop loses something; which of liquid overboard, liquid into the cabin and gas it is comes out of localisation and
of the way the loss goes on. The tables of docs/diagnosis.md are this module's. It decides nothing about valves.
"""

from micropython import const

from tcs import loss_watch as lw
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import (
    ST_CAUSE_CABIN_LEAK,
    ST_CAUSE_COOLANT_LEAK_CABIN,
    ST_CAUSE_COOLANT_LEAK_OUTSIDE,
    ST_CAUSE_COOLANT_LEAK_UNLOCATED,
    ST_CAUSE_DATA_PATH_FAULT,
    ST_CAUSE_FLOW_LOSS,
    ST_CAUSE_GAS_LOSS,
    ST_CAUSE_NONE,
    ST_CAUSE_PUMP_FAULT,
    ST_CAUSE_RELIEF_FAULT,
    ST_CAUSE_SENSOR_FAULT,
    ST_CAUSE_THERMAL_TRANSIENT,
    ST_CAUSE_VALVE_FAULT,
    ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS,
    ST_LEAK_CLASS_CABIN_LEAK,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_LEAK_CLASS_FLOW_LOSS,
    ST_LEAK_CLASS_PUMP_FAULT,
    ST_LEAK_CLASS_SENSOR_FAULT,
    ST_LEAK_CLASS_VALVE_FAULT,
    ST_LOCALISATION_ENDED,
    ST_LOCALISATION_REASON_ELIMINATION,
    ST_LOCALISATION_REASON_LOSES,
    ST_LOCALISATION_REASON_RELAPSE,
    ST_LOCALISATION_REASON_TAKE_UP,
    ST_SEGMENT_STATE_CONVICTED,
    ST_SEGMENT_STATE_UNDECIDED,
)

# Evidence, bits of the event DIAGNOSIS.
E_CONVICTED = const(1)  # a segment was convicted
E_NONE_CONVICTED = const(2)  # all were tried, and none was in the last round
E_GOES_ON = const(4)  # the loss goes on
E_NO_LOSS = const(8)  # with everything back in service nothing is lost
E_BELOW_CABIN = const(16)  # it went on below cabin pressure: not into the cabin
E_STOPPED_AT_CABIN = const(32)  # it ended at cabin pressure
E_NOT_OUTSIDE = const(64)  # it does not slow as a hole overboard does
E_NOT_CABIN = const(128)  # nor as a hole into the cabin
E_NOT_GAS = const(256)  # nor speeds up as gas does
E_GAS_GONE = const(512)  # the thermal swing finds less gas
E_GAS_THERE = const(1024)  # the thermal swing finds the gas complete
E_ONE_SENSOR = const(2048)  # it rests on one sensor
E_UNDECIDED = const(4096)  # a segment could not be decided

# Weights before any evidence: of hole into the cabin, gas, hole overboard that no segment shows (a line). Ours.
_PRIOR_CABIN = const(50)
_PRIOR_GAS = const(35)
_PRIOR_LINE = const(15)
_EXCLUDED = const(20)  # evidence against divides a weight by this
_NAMED_PERCENT = const(60)  # below it the loss stays unlocated
_LATCH_PERCENT = const(65)
_LATCH_S = const(30)
_TIGHT_UL_S = const(60)
_AGAIN_UL_S = const(150)
_GONE_PERMILLE = const(50)
_WARM_UL = const(10000)  # unrest of temperatures on the move
_WARM_IN_S = const(10)
_WARM_OUT_S = const(60)
_RESTORED = const(5)  # a gas loss that was found before the reset weighs this much more
_KEPT_GAS = const(1536)  # E_GAS_GONE | E_GAS_THERE
_KEPT_LOSS = const(496)  # E_BELOW_CABIN | E_STOPPED_AT_CABIN | E_NOT_OUTSIDE | E_NOT_CABIN | E_NOT_GAS
# What a reset must not take away, in one word: evidence, then how a segment was convicted, what it explains, and faults that stay.
_REASON_SHIFT = const(13)
_EXPLAINED_SHIFT = const(17)
_DATA_PATH_BIT = const(1 << 20)
_RELIEF_BIT = const(1 << 21)


class Cause:
    """.cause (ST_CAUSE_*), .confidence_percent, .causes (mask), .evidence. Allocation-free.

    .data_path_faulted, .relief_faulted: set by whoever sees one; they stay until the ground re-arms.
    """

    def __init__(self, diagnosis):
        self._diagnosis = diagnosis
        self.cause = ST_CAUSE_NONE
        self.confidence_percent = 0
        self.causes = 0
        self.evidence = 0
        self.data_path_faulted = False
        self.relief_faulted = False
        self._reason = ST_LOCALISATION_REASON_LOSES
        self._explained = 0  # convicted segments that explain what was lost before them
        self._gas_s = 0
        self._gas_percent = 0
        self._warm_s = 0
        self._is_warm = False
        self._best = ST_CAUSE_NONE
        self._best_percent = 0
        self._gas_found = 0  # what a swing before the reset said of the gas; the next one says it anew

    def convicted(self, reason):
        """A segment has just been convicted, ST_LOCALISATION_REASON_*."""
        self._reason = reason

    def kept(self):
        """What a reset must not take away: for restore(). 22 bits, 0 when there is nothing."""
        kept = (self.evidence | self._gas_found) & (_KEPT_LOSS | _KEPT_GAS)
        kept |= self._reason << _REASON_SHIFT | self._explained << _EXPLAINED_SHIFT
        if self.data_path_faulted:
            kept |= _DATA_PATH_BIT
        if self.relief_faulted:
            kept |= _RELIEF_BIT
        return kept

    def restore(self, kept, loss):
        """Take over what kept() said before a reset; what was found of the loss becomes the watch's again. For boot."""
        if kept == 0:
            return
        self._reason = kept >> _REASON_SHIFT & 15
        self._explained = kept >> _EXPLAINED_SHIFT & 7
        self.data_path_faulted = kept & _DATA_PATH_BIT != 0
        self.relief_faulted = kept & _RELIEF_BIT != 0
        self.evidence = kept & (_KEPT_LOSS | _KEPT_GAS)  # until it is gathered: a save may come before
        self._gas_found = kept & _KEPT_GAS
        for law, bit in ((lw.OUTSIDE, E_NOT_OUTSIDE), (lw.CABIN, E_NOT_CABIN), (lw.GAS, E_NOT_GAS)):
            if kept & bit:
                loss.excluded |= 1 << law
        loss.is_below = kept & E_BELOW_CABIN != 0
        loss.has_stopped = kept & E_STOPPED_AT_CABIN != 0

    def rearm(self):
        """The ground clears what only stayed; what was found of the loss is still so."""
        self.data_path_faulted = False
        self.relief_faulted = False

    def is_gas(self):
        """True while the loss is taken to be gas: no coolant has gone."""
        return self.cause == ST_CAUSE_GAS_LOSS

    def step(self, localisation, is_busy, before, before_ul_s, loss, gas, alarm_ul_s, lost_ul, gas_ul, unrest_ul, one_sensor):
        """One second. True when .cause is new.

        is_busy: valves are being worked on; before: mask of the segments convicted before the last isolation, -1 when it was the first;
        before_ul_s: what was known then to be lost in no segment; gas_ul: gas by the pressure.
        """
        alarms = self._diagnosis.alarms
        self._look_warm(unrest_ul, alarms)
        was = self.cause
        self.causes = 0
        self.evidence = E_ONE_SENSOR if one_sensor else 0
        self._best = ST_CAUSE_NONE
        # The lowest first: each that holds takes the word from those before it.
        if self._is_warm:
            self._hold(ST_CAUSE_THERMAL_TRANSIENT, 80)
        if alarms >> ST_LEAK_CLASS_SENSOR_FAULT & 1:
            self._hold(ST_CAUSE_SENSOR_FAULT, 90)
        if self.data_path_faulted:
            self._hold(ST_CAUSE_DATA_PATH_FAULT, 95)
        if alarms >> ST_LEAK_CLASS_FLOW_LOSS & 1:
            self._hold(ST_CAUSE_FLOW_LOSS, 80)
        if self.relief_faulted:
            self._hold(ST_CAUSE_RELIEF_FAULT, 80)
        if alarms >> ST_LEAK_CLASS_VALVE_FAULT & 1 and not (self.relief_faulted and self._best == ST_CAUSE_RELIEF_FAULT):
            self._hold(ST_CAUSE_VALVE_FAULT, 95)
        if alarms >> ST_LEAK_CLASS_PUMP_FAULT & 1:
            self._hold(ST_CAUSE_PUMP_FAULT, 90)
        if alarms >> ST_LEAK_CLASS_COOLANT_LEAK & 1:
            self._judge_loss(localisation, is_busy, before, before_ul_s, loss, gas, alarm_ul_s, lost_ul, gas_ul, one_sensor)
        if alarms >> ST_LEAK_CLASS_CABIN_LEAK & 1:
            self._hold(ST_CAUSE_CABIN_LEAK, 75)  # one sensor, whose supply was cross-checked
        self.cause = self._best
        self.confidence_percent = self._best_percent if self._best != ST_CAUSE_NONE else 0
        return self.cause != was

    def _hold(self, cause, percent):
        self.causes |= 1 << cause
        self._best = cause
        self._best_percent = percent

    def _look_warm(self, unrest_ul, alarms):
        if unrest_ul > _WARM_UL:
            self._warm_s = min(self._warm_s + 1, _WARM_OUT_S) if self._warm_s >= 0 else 1
            if self._warm_s >= _WARM_IN_S:
                self._is_warm = True
                self._warm_s = _WARM_OUT_S
        elif self._is_warm:
            self._warm_s -= 1
            self._is_warm = self._warm_s > 0
        else:
            self._warm_s = 0

    def _judge_loss(self, localisation, is_busy, before, before_ul_s, loss, gas, alarm_ul_s, lost_ul, gas_ul, one_sensor):
        state = localisation.state
        convicted = localisation.mask(ST_SEGMENT_STATE_CONVICTED)
        is_over = state == ST_LOCALISATION_ENDED and not is_busy
        is_known = is_over and loss.rate_ul_s != UNKNOWN
        # Behind a loss that is explained another one need not be as large.
        is_again = before > 0 and convicted == before
        is_going = is_known and loss.rate_ul_s > (_AGAIN_UL_S if is_again else max(_TIGHT_UL_S, alarm_ul_s // 4))
        is_none = is_over and convicted == max(0, before)
        self._gather(localisation, convicted, is_none, is_over, is_known, is_going, loss, gas, lost_ul, gas_ul)
        is_as_before = is_known and loss.rate_ul_s * 2 < before_ul_s * 3
        if convicted and is_known and ((not is_going and not self.evidence & E_GAS_GONE) or is_as_before):
            self._explained = convicted
        self._gas_percent = 0
        if convicted and is_going and convicted == self._explained:
            self._weigh(0)  # another loss, behind one that is explained
        if convicted and (not is_going or convicted == self._explained):
            self._hold(ST_CAUSE_COOLANT_LEAK_OUTSIDE, self._conviction_percent())
        elif not is_over:
            # Before localisation has spoken: most losses in orbit were liquid overboard, from wherever.
            self._hold(ST_CAUSE_COOLANT_LEAK_UNLOCATED, 40 if one_sensor else 60)
        elif self.evidence & E_STOPPED_AT_CABIN and not convicted:
            self._hold(ST_CAUSE_COOLANT_LEAK_CABIN, 90)
        elif is_known and not is_going and not loss.excluded and not self.evidence & (E_GAS_GONE | E_BELOW_CABIN):
            self._hold(ST_CAUSE_COOLANT_LEAK_UNLOCATED, 20)  # a false alarm, or a hole that has closed
        else:
            self._weigh(convicted)
        self._watch_gas(convicted != 0 and convicted == self._explained)

    def _gather(self, localisation, convicted, is_none, is_over, is_known, is_going, loss, gas, lost_ul, gas_ul):
        found = self.evidence
        if convicted:
            found |= E_CONVICTED
        if is_none:
            found |= E_NONE_CONVICTED
        if localisation.mask(ST_SEGMENT_STATE_UNDECIDED):
            found |= E_UNDECIDED
        if is_known:
            found |= E_GOES_ON if is_going else E_NO_LOSS
        if loss.is_below:
            found |= E_BELOW_CABIN
        if loss.has_stopped and is_over:
            found |= E_STOPPED_AT_CABIN
        if loss.excluded >> lw.OUTSIDE & 1:
            found |= E_NOT_OUTSIDE
        if loss.excluded >> lw.CABIN & 1:
            found |= E_NOT_CABIN
        if loss.excluded >> lw.GAS & 1:
            found |= E_NOT_GAS
        if gas.gas_permille == UNKNOWN:
            found |= self._gas_found
        else:
            self._gas_found = 0
            # What would be left if all of the loss were gas: the pressure's gas volume has grown by it.
            if_gas = max(0, 1000 - min(1000000, max(0, lost_ul)) // max(1, min(20000000, gas_ul) // 1000))
            if gas.gas_permille + 3 * gas.doubt_permille < 1000 - _GONE_PERMILLE // 2:
                found |= E_GAS_GONE
            elif gas.gas_permille - 3 * gas.doubt_permille > if_gas:
                found |= E_GAS_THERE
        self.evidence = found

    def _conviction_percent(self):
        reason = self._reason
        percent = 90
        if reason == ST_LOCALISATION_REASON_LOSES:
            percent = 97
        elif reason == ST_LOCALISATION_REASON_TAKE_UP:
            percent = 93
        elif reason == ST_LOCALISATION_REASON_RELAPSE:
            percent = 80
        elif reason == ST_LOCALISATION_REASON_ELIMINATION:
            percent = 70
        return percent

    def _weigh(self, convicted):
        found = self.evidence
        cabin = _PRIOR_CABIN
        gas = _PRIOR_GAS
        line = _PRIOR_LINE
        if found & E_UNDECIDED:
            line *= 4
        if convicted:
            line *= 3  # a second hole, or the wrong segment
        if self._diagnosis.alarms >> ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS & 1:
            gas *= _RESTORED
        if found & (E_BELOW_CABIN | E_NOT_CABIN):
            cabin //= _EXCLUDED
        if found & E_NOT_OUTSIDE:
            line //= _EXCLUDED
        if found & E_NOT_GAS:
            gas //= _EXCLUDED
        if found & E_GAS_GONE:
            gas *= _EXCLUDED
        elif found & E_GAS_THERE:
            gas //= _EXCLUDED
        total = max(1, cabin + gas + line)
        best = max(cabin, gas, line)
        percent = min(98, best * 100 // total)
        if percent < _NAMED_PERCENT:
            self._hold(ST_CAUSE_COOLANT_LEAK_UNLOCATED, percent)
        elif best == gas:
            self._hold(ST_CAUSE_GAS_LOSS, percent)
            self._gas_percent = percent
        elif best == cabin:
            self._hold(ST_CAUSE_COOLANT_LEAK_CABIN, percent)
        else:
            self._hold(ST_CAUSE_COOLANT_LEAK_OUTSIDE, percent)

    def _watch_gas(self, is_liquid_too):
        """Gas for half a minute takes the word from the leak alarm, which stays latched; and gives it back when liquid it is after all."""
        diagnosis = self._diagnosis
        coolant = 1 << ST_LEAK_CLASS_COOLANT_LEAK
        gas = 1 << ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS
        if self._gas_percent >= _LATCH_PERCENT:
            self._gas_s += 1
            if self._gas_s >= _LATCH_S:
                diagnosis.latch(ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS)
                diagnosis.withdrawn &= ~gas
                if not is_liquid_too:
                    diagnosis.withdrawn |= coolant
            return
        self._gas_s = 0
        if self._best != ST_CAUSE_COOLANT_LEAK_UNLOCATED and diagnosis.withdrawn & coolant:
            diagnosis.withdrawn &= ~coolant
            diagnosis.withdrawn |= gas
