"""Flow watch: a sustained loss of flow, from a flow meter alone.

An alarm, never an isolation: from the flow a leak cannot be told from a closing valve. docs/flow_watch.md.
"""

from array import array

from tcs import flow_watch_kernel as kernel
from tcs.tables import (
    P_FLOW_DRIFT_PERMILLE_H,
    P_FLOW_FALL_MAX_PERMILLE,
    P_FLOW_GROSS_PERMILLE,
    P_FLOW_HOLD_MS,
    P_FLOW_LOSS_PERMILLE,
    P_FLOW_MIN_UL_S,
    P_FLOW_NOISE_MAX_PERMILLE,
    P_FLOW_NOISE_MIN_PERMILLE,
    P_FLOW_SETTLE_S,
    P_FLOW_SPREAD_MAX_PERMILLE,
    P_STALE_MS,
    P_TICK_MS,
)

UNKNOWN = kernel.UNKNOWN

# Verdicts: the numbers of the dictionary's verdict group.
OK = kernel.OK
SUSPECT = kernel.SUSPECT
LOSS = kernel.LOSS
STALE = kernel.STALE

_STEP_MS = 900  # rows of a 1 Hz log that come a little early are still one step each


class FlowWatch:
    """Verdict on a flow meter, one call a tick. params: Params.values; allocation-free after construction.

    flow_ul_s: last flow seen, UNKNOWN when stale; baseline_ul_s: normal flow, UNKNOWN until there is one;
    statistic_permille: evidence of a loss, 1000 at the alarm; settled: the normal range is learned.
    """

    def __init__(self, params):
        cfg = array("i", [0] * kernel.CFG_SIZE)
        tick_ms = params[P_TICK_MS]
        block_s = params[P_FLOW_SETTLE_S] // kernel.BLOCKS
        cfg[kernel.CFG_STEP_TICKS] = max(1, _STEP_MS // tick_ms)
        cfg[kernel.CFG_TICK_MS] = tick_ms
        cfg[kernel.CFG_STALE_TICKS] = max(1, params[P_STALE_MS] // tick_ms)
        cfg[kernel.CFG_EVIDENCE_MAX_TICKS] = min(cfg[kernel.CFG_STALE_TICKS], kernel.EVIDENCE_MAX_MS // tick_ms)
        cfg[kernel.CFG_BLOCK_TICKS] = block_s * 1000 // tick_ms
        cfg[kernel.CFG_BLOCK_S] = block_s
        cfg[kernel.CFG_LOSS_PERMILLE] = params[P_FLOW_LOSS_PERMILLE]
        cfg[kernel.CFG_GROSS_PERMILLE] = params[P_FLOW_GROSS_PERMILLE]
        cfg[kernel.CFG_HOLD_MS] = params[P_FLOW_HOLD_MS]
        cfg[kernel.CFG_SPREAD_MAX_PERMILLE] = params[P_FLOW_SPREAD_MAX_PERMILLE]
        cfg[kernel.CFG_NOISE_MIN_PERMILLE] = params[P_FLOW_NOISE_MIN_PERMILLE]
        cfg[kernel.CFG_NOISE_MAX_PERMILLE] = params[P_FLOW_NOISE_MAX_PERMILLE]
        cfg[kernel.CFG_DRIFT_PERMILLE_H] = params[P_FLOW_DRIFT_PERMILLE_H]
        cfg[kernel.CFG_FALL_MAX_PERMILLE] = params[P_FLOW_FALL_MAX_PERMILLE]
        cfg[kernel.CFG_FLOW_MIN_UL_S] = params[P_FLOW_MIN_UL_S]
        self.cfg = cfg
        self.state = array("i", [0] * kernel.ST_SIZE)
        self.restart()

    def restart(self):
        """Forget everything, the latched loss included, and settle again: for a pump that was commanded, or by the ground."""
        state = self.state
        for i in range(len(state)):
            state[i] = 0
        self.flow_ul_s = UNKNOWN
        self.baseline_ul_s = UNKNOWN
        self.floor_ul_s = UNKNOWN
        self.statistic_permille = 0
        self.settled = False

    def update(self, flow_ul_s, fresh, now_tick):
        """One tick: flow in uL/s or UNKNOWN, fresh when it is a new sample. Returns the verdict OK, SUSPECT, LOSS (latched) or STALE."""
        state = self.state
        if not fresh:
            flow_ul_s = UNKNOWN
        if kernel.take_sample(state, self.cfg, flow_ul_s, now_tick):
            kernel.close_block(state, self.cfg, now_tick)
            kernel.judge_step(state, self.cfg)
            if state[kernel.ST_BASELINE_UL_S] > 0:
                self.baseline_ul_s = state[kernel.ST_BASELINE_UL_S]
                self.floor_ul_s = state[kernel.ST_FLOOR_UL_S]
            else:
                self.baseline_ul_s = UNKNOWN
                self.floor_ul_s = UNKNOWN
            self.settled = state[kernel.ST_BLOCKS] == kernel.BLOCKS
            self.statistic_permille = state[kernel.ST_STATISTIC_MS] * 1000 // self.cfg[kernel.CFG_HOLD_MS]
        if flow_ul_s != UNKNOWN:
            self.flow_ul_s = flow_ul_s
        elif state[kernel.ST_SILENT]:
            self.flow_ul_s = UNKNOWN
        return state[kernel.ST_VERDICT]
