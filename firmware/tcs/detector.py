"""Leak detector: the bank's statistics and a ramp fit -> verdict ok / suspect / leak / stale / error."""

from array import array

from micropython import const

from tcs import detector_kernel as dk
from tcs import inventory_kernel as ik
from tcs import leak_rate_kernel as lk
from tcs.carry_kernel import sample
from tcs.detector_bank import BASE_MS, BLOCKS, configure
from tcs.detector_kernel import D_BASE_TICKS, STAGES, UNKNOWN, accumulate, asking, calling, corroborated, detect, widen
from tcs.history import History
from tcs.inventory_kernel import I_COARSE, I_SENSITIVITY_UL_KPA, I_STOPS, I_UNREST_UL, I_WIDE_UL
from tcs.pressure_kernel import V_CHOSEN, V_SPREAD_Q8
from tcs.standing import Standing
from tcs.tables import (
    P_RAMP_GATE_PERMILLE,
    P_RAMP_QUICK_ALLOW_NL_S,
    P_RAMP_QUICK_SIGMA_PERMILLE,
    P_RAMP_SLOW_ALLOW_NL_S,
    P_RAMP_SLOW_SIGMA_PERMILLE,
    P_STANDING_PERMILLE,
    P_SUSPECT_PERMILLE,
    P_TICK_MS,
    ST_VERDICT_ERROR,
    ST_VERDICT_LEAK,
    ST_VERDICT_OK,
    ST_VERDICT_STALE,
    ST_VERDICT_SUSPECT,
)

RAMP_STAGE = dk.STAGES  # number of the ramp fit where a stage is named
_RAMP_LAST = const(64)  # base samples: beyond 6.4 s the bank is as quick
_FLOOR_UL = const(500)
_NOISE_MAX_UL = const(20000)  # two squares of it stay within 30 bits
_LINES_NOISE_MK = const(66)  # tenths
_GAP_UL_S = const(100)
_GAP_MAX_UL = const(20000)
_SETTLE = const(250)  # first samples: the gas's and the temperatures' filters are still on their way
_SETTLE_UL = const(15000)
_WARM_UP = const(160)  # samples that the fit looks back on


class Detector:
    """Allocation-free after start-up. A leak verdict latches until rearm().

    .verdict, .stage (that raised it), .onset_tick, .top_permille, .ramp_permille (of its threshold), .is_single_channel, .corroborated,
    .new_base (1 in ticks that completed a base sample), .history, .state for telemetry.
    """

    def __init__(self, params):
        self.state = array("i", bytes(4 * dk.D_SIZE))
        self.history = History()
        self._cfg = configure(params)
        self._sample = array("i", bytes(4 * dk.WIDTH))
        self._standing = Standing()
        self._norm = lk.ramp_norm(True)
        # Slopes that compensation may leave: those of the stages that ask, uL a sample with four fractional bits.
        quick, slow = params[P_RAMP_QUICK_ALLOW_NL_S], params[P_RAMP_SLOW_ALLOW_NL_S]
        self._allow_q4 = array("i", (quick * 16 // 10000, slow * 16 * self.history.periods[1] // 10000))
        self._ramp = array("i", bytes(4 * lk.R_SIZE))
        self._suspect_permille = params[P_SUSPECT_PERMILLE]
        self._standing_permille = params[P_STANDING_PERMILLE]
        self._ramp_sigma_permille = params[P_RAMP_QUICK_SIGMA_PERMILLE], params[P_RAMP_SLOW_SIGMA_PERMILLE]
        self._ramp_gate_permille = params[P_RAMP_GATE_PERMILLE]
        # Below it neither the bank nor a fit has anything to say.
        self._calm_permille = min(self._suspect_permille, self._ramp_gate_permille, 1000)
        self._ticks_per_base = BASE_MS // params[P_TICK_MS]
        self._had_reference = False
        self._gap_ticks = 0
        self._stops = 0
        self.verdict = ST_VERDICT_STALE
        self.stage = -1
        self.top_permille = 0
        self.ramp_permille = 0
        self.is_single_channel = False  # what stands now, one channel alone could explain
        self.corroborated = False
        self.onset_tick = 0
        self.new_base = 0

    def rearm(self):
        """Forget the latched verdict and start the bank afresh."""
        self.verdict = ST_VERDICT_OK
        self.stage = -1
        self.restart()

    def restart(self):
        """Every stage takes its next block as the new reference."""
        stage = 0
        while stage < dk.STAGES:
            at = dk.D_STAGE + stage * dk.S_STRIDE
            self.state[at + dk.S_STARTED] = 0
            self.state[at + dk.S_COUNT] = 0
            self.state[at + dk.S_EXCESS_UL] = 0
            self.state[dk.D_PERMILLE + stage] = 0
            stage += 1
        self.state[dk.D_SLOW_TOP] = 0
        self.state[dk.D_BASE_COUNT] = 0
        i = 0
        while i < dk.WIDTH:
            self.state[dk.D_BASE_SUM + i] = 0
            i += 1
        self.top_permille = 0
        self.ramp_permille = 0

    def top_stage(self):
        """The stage with the largest statistic."""
        return self.state[dk.D_TOP]

    def statistic_permille(self, stage):
        """A stage's statistic as permille of its threshold."""
        return min(dk.PERMILLE_MAX, self.state[dk.D_PERMILLE + stage])

    def reference_ul(self):
        """Inventory before the excursion of the stage that called the leak; for a call by the fit, of the quickest."""
        return self.state[dk.D_STAGE + (self.stage if self.stage < dk.STAGES else 0) * dk.S_STRIDE + dk.S_REF]

    def drop_ul(self):
        """What that stage has lost since."""
        stage = self.stage if self.stage < dk.STAGES else 0
        return self.reference_ul() - self.state[dk.D_STAGE + stage * dk.S_STRIDE + dk.S_MEAN]

    def noise_ul(self):
        """Standard deviation of a base sample of the inventory: quick changes pass the gas's lead by five sevenths."""
        return max(self.state[dk.D_NOISE_UL], self.state[dk.D_SLOW_NOISE_UL]) * 5 // 7

    def _ramp_noise_ul(self, samples):
        """The noise of a base sample as a ramp of so many sees it: quick changes by five sevenths, what is coloured by its length."""
        state = self.state
        if state[dk.D_BASE_TICKS] < dk.COLOUR_KNOWN_TICKS:
            return self.noise_ul()
        square = 2090 + state[dk.D_COLOUR_EXCESS] * 4 * samples // 27  # in units of a 64th of the rating
        return min(_NOISE_MAX_UL, max(state[dk.D_NOISE_UL] * 5 // 7, state[dk.D_RATED_UL] * lk.isqrt(square) // 64))

    def update(self, sensing, inventory, trusted, tick):
        """One tick. Returns the verdict. While the inventory is unknown the bank stands still and keeps its references."""
        self.new_base = 0
        latched = self.verdict == ST_VERDICT_LEAK
        if not trusted or inventory.status != ik.S_OK:
            if self._gap_ticks < 0xFFFFFF:
                self._gap_ticks += 1
            if not latched:
                self.verdict = ST_VERDICT_STALE if trusted else ST_VERDICT_ERROR
            return self.verdict
        if self._gap_ticks:
            self._close_gap(inventory)
        values = inventory.state
        state = self.state
        reference = sensing.p_reference_pa
        has_reference = reference != UNKNOWN
        if has_reference != self._had_reference:
            self._had_reference = has_reference
            state[dk.D_EPOCH] = (state[dk.D_EPOCH] + 1) & 0xFFFFFF
        sample(values, sensing.vote, sensing.state, sensing.p_comp_pa, reference, self._sample)
        if not accumulate(self._sample, state, self._cfg):
            return self.verdict
        self.new_base = 1
        flags = dk.ADAPT if self.verdict == ST_VERDICT_OK else 0
        if values[I_COARSE]:
            flags |= dk.COARSE
        # Quick to rise, the spread stands at 0.96 of the noise; four fifths of it keep the usual spread below the rating.
        noise_pa = (sensing.vote[V_SPREAD_Q8] >> 8) * 4 // 5
        unrest_ul = values[I_UNREST_UL] + values[I_WIDE_UL]
        base_ticks = state[D_BASE_TICKS]
        if base_ticks < _SETTLE:
            unrest_ul += _SETTLE_UL
        top_permille = detect(values[I_SENSITIVITY_UL_KPA], sensing.votes, noise_pa, unrest_ul, flags, state, self._cfg)
        self.top_permille = top_permille
        self.history.record(state)
        if base_ticks == _SETTLE:
            self.restart()
            self.history.restart()
            inventory.settle()
            top_permille = 0
        if latched:
            return self.verdict
        if top_permille < self._calm_permille:
            self.is_single_channel = False
            self.ramp_permille = 0
            self.verdict = ST_VERDICT_OK
        else:
            self.verdict = self._judge(sensing, inventory, tick)
        if values[I_STOPS] != self._stops:
            self._mind_stops(inventory)
        return self.verdict

    def _mind_stops(self, inventory):
        # What was level while the coolant moved is no level for a ramp that begins when it stands. A burst stops it too, and its rate
        # wants that level.
        stops = inventory.state[I_STOPS]
        if stops != self._stops and self.verdict != ST_VERDICT_LEAK:
            self._stops = stops
            self.history.restart()

    def _close_gap(self, inventory):
        # The references stand, so that a loss during the gap is seen. Its time counts: a slope that is allowed was allowed meanwhile, and
        # what compensation may have drifted by is unrest.
        samples = self._gap_ticks // self._ticks_per_base
        widen(samples, self.state, self._cfg)
        drift_ul = min(_GAP_MAX_UL, samples // 10 * _GAP_UL_S)
        if drift_ul > inventory.state[ik.I_UNREST_UL]:
            inventory.state[ik.I_UNREST_UL] = drift_ul
        self.history.restart()
        self._gap_ticks = 0

    def _judge(self, sensing, inventory, tick):
        """suspect; or leak, when a stage or the ramp fit is over its threshold and still stands without any one channel."""
        self.is_single_channel = False
        verdict = ST_VERDICT_SUSPECT if self.top_permille >= self._suspect_permille else ST_VERDICT_OK
        state = self.state
        unrest_ul = inventory.unrest_ul() - dk.QUICK_UNREST_UL
        stage = calling(0, unrest_ul, state) if self.top_permille >= 1000 else STAGES
        while stage < STAGES:
            at = dk.D_STAGE + stage * dk.S_STRIDE
            threshold = max(state[at + dk.S_THRESHOLD_UL], unrest_ul)
            if self._stands(stage, threshold, sensing, inventory) and self._is_borne_out(stage, sensing):
                self._call(stage, min(0xFFFFFF, state[at + dk.S_BLOCKS] * BLOCKS[stage]), at, tick)
                return ST_VERDICT_LEAK
            self.is_single_channel = True
            stage = calling(stage + 1, unrest_ul, state)
        return self._judge_ramp(verdict, sensing, inventory, tick)

    def _judge_ramp(self, verdict, sensing, inventory, tick):
        # The fits cost more than the bank; they are asked only when one of their stages has something to say.
        self.ramp_permille = 0
        level = 0
        while self.top_permille >= self._ramp_gate_permille and level < 2:
            stage = asking(level, self._ramp_gate_permille, self.state)
            if stage >= 0 and self.history.fresh[level] and self.history.filled[level] >= _WARM_UP:
                permille = self._fit(level, inventory)
                if permille > self.ramp_permille:
                    self.ramp_permille = permille
                if permille >= 1000:
                    if self._ramp_stands(level, permille, sensing, inventory) and self._is_borne_out(stage, sensing):
                        at = dk.D_STAGE + stage * dk.S_STRIDE
                        self._call(RAMP_STAGE, self._ramp[lk.R_SAMPLES] * self.history.periods[level], at, tick)
                        return ST_VERDICT_LEAK
                    self.is_single_channel = True
            level += 1
        return ST_VERDICT_SUSPECT if self.ramp_permille >= self._suspect_permille else verdict

    def _fit(self, level, inventory):
        """Ramp fit on one level of the history, permille of its threshold."""
        history = self.history
        ramp = self._ramp
        allow_q4 = self._allowed_q4(level, inventory)
        signal = lk.fit_ramp(history.rings[level], history.newest[level], 2, _RAMP_LAST, allow_q4, self._norm, ramp)
        # What the supply reference and the temperatures leave does not fall with the pressure's noise: a floor each.
        noise = max(self._ramp_noise_ul(ramp[lk.R_SAMPLES]), _FLOOR_UL)
        if level:
            # Means of 0.9 s: their noise is slow noise, and the gas's lead passes all of it; the temperatures' adds to it.
            noise = min(_NOISE_MAX_UL, self.state[dk.D_SLOW_NOISE_UL] // 3)
            lines = min(_NOISE_MAX_UL, inventory.slope_ul_k() // 1000 * _LINES_NOISE_MK // 10)
            noise = lk.isqrt(noise * noise + lines * lines)
        threshold = noise // 10 * self._ramp_sigma_permille[level] // 100
        # An error of U uL that came about over m samples is a signal of U sqrt(m / 3).
        threshold += (inventory.unrest_ul() >> 4) * lk.isqrt(ramp[lk.R_SAMPLES] * 85)
        if threshold <= 0 or signal <= 0:
            return 0
        return min(65534, signal // (threshold // 1000 + 1)) if signal > 1000000 else signal * 1000 // threshold

    def _allowed_q4(self, level, inventory):
        """The slope that is none of the fit's business; three times it while compensation rests on less than all sensors with flow."""
        return self._allow_q4[level] * (3 if level and inventory.state[I_COARSE] else 1)

    def _call(self, stage, base_samples, at, tick):
        self.stage = stage
        self.onset_tick = max(0, tick - base_samples * self._ticks_per_base)
        self.corroborated = corroborated(at, self.state) == 1

    def _ramp_stands(self, level, permille, sensing, inventory):
        """True when the fit would still stand near its threshold with each channel left out in turn."""
        samples = self._ramp[lk.R_SAMPLES]
        drop = min(dk.EXCESS_MAX_UL, self._ramp[lk.R_SLOPE_Q4] // 16 * samples)
        allowed = self._allowed_q4(level, inventory) * samples // 16
        left = self._standing.ramp_ul(drop, level, samples, self.history, sensing, inventory)
        # Of the part beyond the allowance `permille` thresholds are left; the same share of it must do.
        needed = (drop - allowed) * self._share_permille(inventory) // permille if drop < 1000000 else 0
        return left - allowed >= max(1, needed)

    def _share_permille(self, inventory):
        """Of a threshold, what must be left without any one channel; all of it in a transient that its neighbours show badly too."""
        return 1000 if inventory.unrest_ul() > dk.BLANK_UL else self._standing_permille

    def _stands(self, stage, threshold, sensing, inventory):
        """True when enough of a stage's excess is left with each channel left out in turn."""
        state = self.state
        at = dk.D_STAGE + stage * dk.S_STRIDE
        left = self._standing.stage_ul(
            state[at + dk.S_EXCESS_UL],
            state,
            at + dk.S_MEAN + dk.W_PRESSURE,
            at + dk.S_REF + dk.W_PRESSURE,
            min(1000000, (state[at + dk.S_BLOCKS] + 1) * BLOCKS[stage]),
            self.history,
            sensing,
            inventory,
        )
        return left >= threshold // 10 * self._share_permille(inventory) // 100

    def _is_borne_out(self, stage, sensing):
        """A pressure that rests on one of two that contradict each other, now or lately, needs pump discharge and radiators beside it."""
        return sensing.vote[V_CHOSEN] == 0 or corroborated(dk.D_STAGE + stage * dk.S_STRIDE, self.state) == 1
