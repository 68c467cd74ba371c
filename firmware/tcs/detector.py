"""Leak detector: the CUSUM bank's statistics -> verdict ok / suspect / leak / stale / error."""

from array import array

from micropython import const

from tcs import detector_kernel as dk
from tcs import inventory_kernel as ik
from tcs import pressure_kernel as pk
from tcs import sensing_kernel as sk
from tcs.tables import (
    P_NOISE_MAX_PERMILLE,
    P_P_NOISE_PA,
    P_STAGE_0_ALLOW_NL_S,
    P_STAGE_0_FLOOR_UL,
    P_STAGE_0_GAIN_PERMILLE,
    P_STANDING_PERMILLE,
    P_SUSPECT_PERMILLE,
    P_TICK_MS,
    ST_VERDICT_ERROR,
    ST_VERDICT_LEAK,
    ST_VERDICT_OK,
    ST_VERDICT_STALE,
    ST_VERDICT_SUSPECT,
)

BASE_MS = const(100)
# Each stage's block: its parent stage (-1: base samples) and how many of the parent's blocks.
PARENTS = (-1, 0, 1, 2, 2, 3, 4, 6)
COUNTS = (1, 3, 3, 3, 10, 10, 10, 10)
BLOCKS = (1, 3, 9, 27, 90, 270, 900, 9000)


class Detector:
    """Allocation-free after start-up. A leak verdict latches until rearm().

    .verdict, .stage (that raised it), .top_permille, .onset_tick, .drop_ul (since the onset), .state for telemetry.
    """

    def __init__(self, params):
        self.state = array("i", bytes(4 * dk.D_SIZE))
        self._cfg = array("i", bytes(4 * dk.DC_SIZE))
        self._sample = array("i", bytes(4 * dk.WIDTH))
        self._slope = array("i", bytes(4 * 8))
        self._suspect_permille = params[P_SUSPECT_PERMILLE]
        self._standing_permille = params[P_STANDING_PERMILLE]
        self._tick_ms = params[P_TICK_MS]
        self._epoch = 0
        self._had_reference = False
        self.verdict = ST_VERDICT_STALE
        self.stage = -1
        self.top_permille = 0
        self.is_single_channel = False  # what stands now, one channel alone could explain
        self.corroborated = False
        self.onset_tick = 0
        self.new_base = 0
        _configure(self._cfg, params)

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
            stage += 1
        self.state[dk.D_BASE_COUNT] = 0
        i = 0
        while i < dk.WIDTH:
            self.state[dk.D_BASE_SUM + i] = 0
            i += 1
        self.top_permille = 0

    def statistic_permille(self, stage):
        """A stage's statistic as permille of its threshold."""
        at = dk.D_STAGE + stage * dk.S_STRIDE
        threshold = self.state[at + dk.S_THRESHOLD_UL]
        return min(65534, self.state[at + dk.S_EXCESS_UL] * 1000 // threshold) if threshold > 0 else 0

    def top_stage(self):
        """The stage with the largest statistic."""
        return self.state[dk.D_TOP]

    def update(self, sensing, inventory, trusted, tick):
        """One tick. Returns the verdict. While the inventory is unknown the bank stands still and keeps its references."""
        self.new_base = 0
        latched = self.verdict == ST_VERDICT_LEAK
        if not trusted:
            if not latched:
                self.verdict = ST_VERDICT_ERROR
            return self.verdict
        if inventory.status != ik.S_OK:
            if not latched:
                self.verdict = ST_VERDICT_STALE
            return self.verdict
        self._fill(sensing, inventory)
        if not dk.accumulate(self._sample, self.state, self._cfg):
            return self.verdict
        self.new_base = 1
        sensitivity = inventory.state[ik.I_SENSITIVITY_UL_KPA]
        adapt = 1 if self.verdict == ST_VERDICT_OK else 0
        self.top_permille = dk.detect(sensitivity, sensing.votes, inventory.state[ik.I_UNREST_UL], adapt, self.state, self._cfg)
        if latched:
            return self.verdict
        if self.top_permille >= self._suspect_permille:
            self.verdict = self._judge(sensing, inventory, sensitivity, tick)
        else:
            self.verdict = ST_VERDICT_OK
            self.is_single_channel = False
        return self.verdict

    def _judge(self, sensing, inventory, sensitivity, tick):
        """suspect, or leak when a stage is over its threshold and what is left without any one channel still stands."""
        stage = 0
        state = self.state
        while stage < dk.STAGES:
            at = dk.D_STAGE + stage * dk.S_STRIDE
            threshold = state[at + dk.S_THRESHOLD_UL]
            if threshold > 0 and state[at + dk.S_EXCESS_UL] >= threshold:
                left = dk.standing(stage, sensing.members, sensitivity, state, self._slopes(inventory, sensing))
                self.is_single_channel = left < threshold * self._standing_permille // 1000
                if not self.is_single_channel:
                    self.stage = stage
                    blocks = state[at + dk.S_BLOCKS]
                    ticks = min(0xFFFFFF, blocks * BLOCKS[stage]) * (BASE_MS // self._tick_ms)
                    self.onset_tick = max(0, tick - ticks)
                    self.corroborated = self._is_corroborated(at)
                    return ST_VERDICT_LEAK
            stage += 1
        return ST_VERDICT_SUSPECT

    def _is_corroborated(self, at):
        """True when pump discharge and radiators, corrected for head, show at least half of the compensator's drop."""
        state = self.state
        if state[at + dk.S_REF_EPOCH] != state[dk.D_EPOCH] or state[dk.D_SAMPLE + dk.W_REFERENCE] <= 0:
            return False
        own = 0
        i = 0
        while i < 3:
            drop = state[at + dk.S_REF + dk.W_PRESSURE + i] - state[at + dk.S_MEAN + dk.W_PRESSURE + i]
            if drop > own:
                own = drop
            i += 1
        other = state[at + dk.S_REF + dk.W_REFERENCE] - state[at + dk.S_MEAN + dk.W_REFERENCE]
        return own > 0 and other * 2 >= own

    def _slopes(self, inventory, sensing):
        slope = self._slope
        i = 0
        while i < ik.SLOTS:
            slope[i] = inventory.state[ik.I_SLOPE_UL_K + i]
            i += 1
        slope[6] = sensing.p_comp_pa
        return slope

    def _fill(self, sensing, inventory):
        sample = self._sample
        values = inventory.state
        sample[dk.W_INVENTORY] = values[ik.I_INVENTORY_UL]
        i = 0
        members = sensing.members
        while i < 3:
            sample[dk.W_PRESSURE + i] = sensing.vote[pk.V_VALUE + i] if (members >> i) & 1 else sensing.p_comp_pa
            i += 1
        i = 0
        while i < ik.SLOTS:
            sample[dk.W_TEMP + i] = values[ik.I_BEST_MC + i]
            i += 1
        sample[dk.W_V_REF] = sensing.state[sk.ST_V_REF_Q8] >> 2
        reference = sensing.p_reference_pa
        has_reference = reference != pk.UNKNOWN
        if has_reference != self._had_reference:
            self._had_reference = has_reference
            self.state[dk.D_EPOCH] = (self.state[dk.D_EPOCH] + 1) & 0xFFFFFF
        sample[dk.W_REFERENCE] = reference if has_reference else 0


def _configure(cfg, params):
    cfg[dk.DC_BASE_TICKS] = BASE_MS // params[P_TICK_MS]
    cfg[dk.DC_NOISE_PA] = params[P_P_NOISE_PA]
    cfg[dk.DC_NOISE_MAX_PERMILLE] = params[P_NOISE_MAX_PERMILLE]
    for stage in range(dk.STAGES):
        at = dk.DC_STAGE + stage * dk.SC_STRIDE
        cfg[at + dk.SC_PARENT] = PARENTS[stage]
        cfg[at + dk.SC_COUNT] = COUNTS[stage]
        # nL/s over a block of BLOCKS x 100 ms, in uL
        allow_nl_s = params[P_STAGE_0_ALLOW_NL_S + 3 * stage]
        cfg[at + dk.SC_ALLOW_UL] = max(1, allow_nl_s // 10 * BLOCKS[stage] // 1000)
        cfg[at + dk.SC_GAIN_PERMILLE] = params[P_STAGE_0_GAIN_PERMILLE + 3 * stage]
        cfg[at + dk.SC_FLOOR_UL] = params[P_STAGE_0_FLOOR_UL + 3 * stage]
