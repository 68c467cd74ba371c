"""Named indices of the plant's flat arrays. State S: float64, changed by the kernel. Parameters P: float64, changed by the host only.

Units stand last in every name; where there is none the figure is a ratio, a flag or a count.
A name that ends in 0 starts a run, over cells, segments, valves or channels.
"""

from __future__ import annotations

SEGMENTS = 3
VALVES = 7
CHANNELS = 16
SUPPLY_CELLS = 5
RADIATOR_CELLS = 3
RETURN_CELLS = 5

CHANNEL_NAMES = (
    "p_comp_a", "p_comp_b", "p_comp_c", "p_pump", "p_rad1", "p_rad2", "p_rad3", "p_cabin",
    "t_gas", "t_supply", "t_return", "t_rad1", "t_rad2", "t_rad3", "t_bay", "v_ref",
)  # fmt: skip
VALVE_NAMES = ("rad1_in", "rad1_out", "rad2_in", "rad2_out", "rad3_in", "rad3_out", "bypass")
SEGMENT_NAMES = ("rad1", "rad2", "rad3")
PRESSURE_CHANNELS = 8
TEMPERATURE_CHANNELS = 7
V_REF_CHANNEL = 15
DIRECT_CHANNELS = (1, 2)  # p_comp_b, p_comp_c: not behind the multiplexer

# ---- state: temperatures of the coolant cells, then the other stores of heat
SUPPLY0_DEGC = 0
RADIATOR0_DEGC = SUPPLY0_DEGC + SUPPLY_CELLS  # segment by segment, inlet first
RETURN0_DEGC = RADIATOR0_DEGC + SEGMENTS * RADIATOR_CELLS
BAY_DEGC = RETURN0_DEGC + RETURN_CELLS
STRUCTURE_DEGC = BAY_DEGC + 1
WALL_DEGC = STRUCTURE_DEGC + 1  # of the compensator
LINEAR_STORES = WALL_DEGC + 1  # all of the above obey linear equations at a constant flow (steady.py)
GAS_DEGC = LINEAR_STORES
GAS_AMOUNT_KPA_ML_K = GAS_DEGC + 1  # n R
GAS_ML = GAS_AMOUNT_KPA_ML_K + 1
LINE_G = GAS_ML + 1  # coolant in supply, return and compensator
SEGMENT0_G = LINE_G + 1
# ---- hydraulics; flows and pressures are also the first guess of the next tick
FLOW_PUMP_ML_S = SEGMENT0_G + SEGMENTS
FLOW_RETURN_ML_S = FLOW_PUMP_ML_S + 1
FLOW_BYPASS_ML_S = FLOW_RETURN_ML_S + 1
FLOW_IN0_ML_S = FLOW_BYPASS_ML_S + 1
FLOW_OUT0_ML_S = FLOW_IN0_ML_S + SEGMENTS
FLOW_LEAK0_ML_S = FLOW_OUT0_ML_S + SEGMENTS
FLOW_RELIEF0_ML_S = FLOW_LEAK0_ML_S + SEGMENTS
FLOW_INTERNAL_ML_S = FLOW_RELIEF0_ML_S + SEGMENTS
SUPPLY_MANIFOLD_KPA = FLOW_INTERNAL_ML_S + 1
RETURN_MANIFOLD_KPA = SUPPLY_MANIFOLD_KPA + 1
SEGMENT0_KPA = RETURN_MANIFOLD_KPA + 1
SEGMENT_VOID0 = SEGMENT0_KPA + SEGMENTS
COMPENSATOR_KPA = SEGMENT_VOID0 + SEGMENTS
VOID_ML = COMPENSATOR_KPA + 1  # missing from a full loop with the compensator at its end
FLASHED = VOID_ML + 1
PUMP_HEAD_KPA = FLASHED + 1
CABIN_KPA = PUMP_HEAD_KPA + 1
PUMP_SPEED_RATIO = CABIN_KPA + 1
PUMP_ROUGHNESS = PUMP_SPEED_RATIO + 1
VALVE0_RATIO = PUMP_ROUGHNESS + 1
DRIVE_TIME0_S = VALVE0_RATIO + VALVES
DRIVE_SIGN0 = DRIVE_TIME0_S + VALVES
LOST0_G = DRIVE_SIGN0 + VALVES  # by segment
LOST_INTERNAL_G = LOST0_G + SEGMENTS
# ---- time, environment, sensors
TIME_S = LOST_INTERNAL_G + 1
TICK = TIME_S + 1
NOISE_ROW = TICK + 1
LOAD_W = NOISE_ROW + 1  # of the bay
SHIFT_K = LOAD_W + 1  # of the whole thermal environment, by `coolant_temp` events
LAGGED0_DEGC = SHIFT_K + 1
SUPPLY_WANDER = LAGGED0_DEGC + TEMPERATURE_CHANNELS
COMMON_NOISE_KPA = SUPPLY_WANDER + 1
DRIFTED0 = COMMON_NOISE_KPA + 1  # by `drift` events, kPa or K
LAST_COUNTS0 = DRIFTED0 + CHANNELS
SCRATCH0 = LAST_COUNTS0 + CHANNELS  # of one call: nothing is carried over
SCRATCH_ROWS = 11
TRUTH0 = SCRATCH0 + SCRATCH_ROWS * SEGMENTS

TRUTH_NAMES = (
    "t_s",
    "inventory_total_ml", "inventory_connected_ml",  # liquid mass as its volume at 20 C
    "lost_total_ml", "lost_outside_ml", "lost_cabin_ml", "lost_rad1_ml", "lost_rad2_ml", "lost_rad3_ml",
    "gas_volume_ml", "void_ml",
    "p_comp_kpa", "p_pump_kpa", "p_rad1_kpa", "p_rad2_kpa", "p_rad3_kpa", "p_cabin_kpa",
    "t_mean_degc", "t_supply_degc", "t_return_degc", "t_rad1_degc", "t_rad2_degc", "t_rad3_degc",
    "t_gas_degc", "t_bay_degc",
    "flow_ml_s", "flow_bypass_ml_s",
    "leak_rad1_ml_s", "leak_rad2_ml_s", "leak_rad3_ml_s", "leak_internal_ml_s",
    "valve_rad1_in_ratio", "valve_rad1_out_ratio", "valve_rad2_in_ratio", "valve_rad2_out_ratio",
    "valve_rad3_in_ratio", "valve_rad3_out_ratio", "valve_bypass_ratio",
    "pump_speed_ratio",
    "trapped_rad1", "trapped_rad2", "trapped_rad3",
    "max_bay_degc", "max_segment_kpa", "min_loop_kpa",
)  # fmt: skip
TRUTH_COUNT = len(TRUTH_NAMES)
STATE_SIZE = TRUTH0 + TRUTH_COUNT

# ---- parameters: time step and what follows from it
P_TICK_S = 0
P_GAS_KEEP = 1  # exp(-tick / relaxation)
P_WALL_KEEP = 2
P_LAG_KEEP = 3
P_PUMP_KEEP = 4
P_ROUGH_KEEP = 5
P_WANDER_KEEP = 6
P_COMMON_KEEP = 7
# geometry and hydraulics
P_SUPPLY_ML = 8
P_RETURN_PIPE_ML = 9
P_RADIATOR_ML = 10
P_GAS_MAX_ML = 11
P_GAS_MIN_ML = 12
P_LOOP_STIFFNESS_KPA_ML = 13
P_SEGMENT_MODULUS_KPA = 14
P_DEAD_HEAD_KPA = 15
P_K_PUMP = 16  # losses, kPa / (mL/s)^2; the pump's curve and the supply line together
P_K_RETURN = 17
P_K_SIDE = 18
P_K_VALVE = 19
P_K_BYPASS = 20
P_RELIEF_CRACK_KPA = 21
P_RELIEF_ML_S_KPA = 22
P_NPSH_KPA = 23
P_VALVE_TRAVEL_S = 24
P_DRIVE_LIMIT_S = 25
P_OUTSIDE_KPA = 26
P_CABIN_ML = 27
P_CABIN_K = 28
# heat
P_CP_J_G_K = 29
P_DENSITY_NOMINAL_G_ML = 30
P_HX_UA_W_K = 31
P_RADIATOR_UA_W_K = 32  # of one segment
P_BAY_J_K = 33
P_STRUCTURE_J_K = 34
P_STRUCTURE_UA_W_K = 35
P_LOSS_UA_W_K = 36
P_LOSS_REF_DEGC = 37
# environment: sink temperature of segment i = mean + offset + swing * (a sin + b cos + second harmonic)
P_ORBIT_RAD_S = 38
P_PHASE_RAD = 39
P_SINK_MEAN_DEGC = 40
P_SINK_SWING_K = 41
P_SINK_OFFSET0_K = 42
P_SINK_SIN0 = 45
P_SINK_COS0 = 48
P_SECOND_HARMONIC = 51
P_SECOND_SIN = 52
P_SECOND_COS = 53
# set by events
P_LOAD_TARGET_W = 54
P_LOAD_SLOPE_W_S = 55
P_FLUID_RATE_K_S = 56
P_PUMP_ALLOWED = 57
P_PUMP_RATIO = 58
P_PUMP_ROUGH = 59
P_GAS_LEAK_ML_S = 60
P_CABIN_HOLE_MM2 = 61
P_RELIEF_STUCK0 = 62
P_RELIEF_LEAKING0 = 65
P_VALVE_MODE0 = 68
P_SWITCH_MODE0 = P_VALVE_MODE0 + VALVES
P_VALVE_SLOWNESS0 = P_SWITCH_MODE0 + VALVES
# sensors
P_LOW0 = P_VALVE_SLOWNESS0 + VALVES
P_COUNTS_PER_UNIT0 = P_LOW0 + CHANNELS
P_NOISE0 = P_COUNTS_PER_UNIT0 + CHANNELS
P_OFFSET0 = P_NOISE0 + CHANNELS  # as built, slow drift and `bias` events together
P_DRIFT0 = P_OFFSET0 + CHANNELS  # per second, `drift` events
P_SPIKE0 = P_DRIFT0 + CHANNELS
P_SPIKE_TICK0 = P_SPIKE0 + CHANNELS
P_OVERRIDE0 = P_SPIKE_TICK0 + CHANNELS  # 0 none, 1 fixed counts, 2 hold the last
P_OVERRIDE_COUNTS0 = P_OVERRIDE0 + CHANNELS
P_OVERRIDE_NOISE0 = P_OVERRIDE_COUNTS0 + CHANNELS
P_SUPPLY_WANDER_RATIO = P_OVERRIDE_NOISE0 + CHANNELS
P_COMMON_NOISE_KPA = P_SUPPLY_WANDER_RATIO + 1
P_ADC_START0 = P_COMMON_NOISE_KPA + 1  # ideal counts where each wide code starts, then its end
P_ADC_END0 = P_ADC_START0 + 4
P_ADC_GAIN = P_ADC_END0 + 4
P_RELAY_HOLD = P_ADC_GAIN + 1
P_RELAY_XOR = P_RELAY_HOLD + 1
P_K_CURVE = P_RELAY_XOR + 1  # of the pump's curve alone
P_SINK_PER_K = P_K_CURVE + 1  # sink swing that swings the mean coolant by 1 K
# tables
P_TABLE_FIRST_DEGC = P_SINK_PER_K + 1
P_TABLE_COUNT = P_TABLE_FIRST_DEGC + 1
P_DENSITY_20_G_ML = P_TABLE_COUNT + 1
TABLE_MAX = 200
P_DENSITY0_G_ML = P_DENSITY_20_G_ML + 1
P_VAPOUR0_KPA = P_DENSITY0_G_ML + TABLE_MAX
ORBITS = 600  # amplitude of each orbit, then it repeats; 31 days are 482 orbits
P_ORBIT_AMPLITUDE0 = P_VAPOUR0_KPA + TABLE_MAX
P_LEAK_COUNT = P_ORBIT_AMPLITUDE0 + ORBITS
P_LEAK0 = P_LEAK_COUNT + 1  # rows of LEAK_FIELDS, as many as there are leak events
LEAK_SEGMENT = 0  # 0..2, 3 internal
LEAK_DIAMETER_MM = 1
LEAK_START_S = 2
LEAK_RAMP_S = 3
LEAK_FIELDS = 4
INTERNAL = 3

# noise columns of one tick
N_CHANNEL0 = 0
N_WANDER = CHANNELS
N_COMMON = CHANNELS + 1
N_ROUGH = CHANNELS + 2
NOISE_COLUMNS = CHANNELS + 3
NOISE_ROWS = 256

# modes of a valve and of its switches
VALVE_FREE = 0
VALVE_STUCK_OPEN = 1
VALVE_STUCK_CLOSED = 2
SWITCH_GOOD = 0
SWITCH_OPEN = 1
SWITCH_SHORT = 2
SHUT_RATIO = 1e-6
OVERRIDE_NONE = 0
OVERRIDE_COUNTS = 1
OVERRIDE_HOLD = 2
COUNTS_MAX = 65520
COUNTS_LOW = 6552  # 10 % of the range: the span's start
COUNTS_SPAN = 52416
V_REF_COUNTS = 32760
