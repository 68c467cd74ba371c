"""Names that files may use: channels, valves, segments, verdict classes. Index order is the number on every wire."""

from __future__ import annotations

CHANNELS = (
    "p_comp_a", "p_comp_b", "p_comp_c", "p_pump", "p_rad1", "p_rad2", "p_rad3", "p_cabin",
    "t_gas", "t_supply", "t_return", "t_rad1", "t_rad2", "t_rad3", "t_bay", "v_ref",
)  # fmt: skip

FLOW_CHANNEL = "flow"
"""A flow meter takes the slot of `p_cabin` on a replay board."""

VALVES = ("rad1_in", "rad1_out", "rad2_in", "rad2_out", "rad3_in", "rad3_out", "bypass")

SEGMENTS = ("rad1", "rad2", "rad3")

LEAK_SEGMENTS = (*SEGMENTS, "internal")

CLASSES = (
    "none", "coolant_leak", "cabin_leak", "flow_loss", "sensor_fault", "accumulator_gas_loss", "pump_fault", "valve_fault",
)  # fmt: skip

TICKS_MS = (10, 20, 50, 100)
TICK_DEFAULT_MS = 100

DURATION_MAX_S = 31 * 86400
