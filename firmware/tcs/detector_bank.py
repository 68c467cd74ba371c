"""The bank's shape: how the stages' blocks nest, and their configuration from the parameters."""

from array import array

from tcs import detector_kernel as dk
from tcs.tables import (
    P_GAS_NOMINAL_ML,
    P_GAS_PV_MJ,
    P_NOISE_MAX_PERMILLE,
    P_P_NOISE_PA,
    P_STAGE_0_ALLOW_NL_S,
    P_STAGE_0_FLOOR_UL,
    P_STAGE_0_GAIN_PERMILLE,
    P_TICK_MS,
)

BASE_MS = 100
# Each stage's block: its parent stage (-1: base samples), how many of the parent's blocks, and how many base samples that is. The kernel
# relies on it that stages 2.. descend from stage 1.
PARENTS = (-1, 0, 1, 2, 2, 3, 4, 6)
COUNTS = (1, 3, 3, 3, 10, 10, 10, 10)
BLOCKS = (1, 3, 9, 27, 90, 270, 900, 9000)


def configure(params):
    """The kernel's configuration array."""
    cfg = array("i", bytes(4 * dk.DC_SIZE))
    cfg[dk.DC_BASE_TICKS] = BASE_MS // params[P_TICK_MS]
    cfg[dk.DC_NOISE_PA] = params[P_P_NOISE_PA]
    cfg[dk.DC_NOISE_MAX_PERMILLE] = params[P_NOISE_MAX_PERMILLE]
    gas_ml = params[P_GAS_NOMINAL_ML]
    cfg[dk.DC_SENSITIVITY_UL_KPA] = gas_ml * 1000 // max(1, params[P_GAS_PV_MJ] // max(1, gas_ml))  # V / p
    for stage in range(dk.STAGES):
        at = dk.DC_STAGE + stage * dk.SC_STRIDE
        cfg[at + dk.SC_PARENT] = PARENTS[stage]
        cfg[at + dk.SC_COUNT] = COUNTS[stage]
        cfg[at + dk.SC_BLOCKS] = BLOCKS[stage]
        # nL/s over a block of BLOCKS x 100 ms, in uL
        allow_nl_s = params[P_STAGE_0_ALLOW_NL_S + 3 * stage]
        cfg[at + dk.SC_ALLOW_UL] = max(1, allow_nl_s // 10 * BLOCKS[stage] // 1000)
        cfg[at + dk.SC_GAIN_PERMILLE] = params[P_STAGE_0_GAIN_PERMILLE + 3 * stage]
        cfg[at + dk.SC_FLOOR_UL] = params[P_STAGE_0_FLOOR_UL + 3 * stage]
    return cfg
