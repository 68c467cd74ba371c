"""Operating modes and faults as data: what each fault needs to be believed, what clears it, and what it may do. docs/modes.md is generated.

The stages take their times from here and from the parameters that this table names; nothing else states them. `rearm(app)` is the only
way out of a latch, and only the ground calls it.
"""

from micropython import const

from tcs.tables import (
    EV_REARMED,
    P_CLEAR_MS,
    P_CONFIRM_MS,
    P_MONITORS_MASK,
    P_VALVE_LIMIT_MS,
    ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS,
    ST_LEAK_CLASS_CABIN_LEAK,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_LEAK_CLASS_FLOW_LOSS,
    ST_LEAK_CLASS_PUMP_FAULT,
    ST_LEAK_CLASS_SENSOR_FAULT,
    ST_LEAK_CLASS_VALVE_FAULT,
    ST_SEGMENT_STATE_CONVICTED,
    ST_SEGMENT_STATE_UNDECIDED,
)

SENSOR_CONFIRM_MS = const(1000)
PUMP_CONFIRM_MS = const(2000)
CABIN_BLOCK_MS = const(1000)  # its cumulated sum over such blocks decides: this is the least
PATH_CLEAR_MS = const(10000)
RESETS = const(5)
RESETS_CLEAR_MS = const(300000)

# what clears a fault
CLEAR_COMMAND = const(0)
CLEAR_QUIET = const(1)
CLEAR_COHERENT = const(2)
CLEAR_STEADY = const(3)
CLEAR_NEVER = const(4)

# what a fault does while the mode is armed
ACT_REPORT = const(0)
ACT_ISOLATE = const(1)
ACT_ISOLATE_PUMP_OFF = const(2)
ACT_TRIP_PUMP = const(3)
ACT_NEXT_BEST = const(4)
ACT_VOTE_OUT = const(5)
ACT_HOLD = const(6)
ACT_PASSIVE = const(7)
ACT_CORRECT = const(8)

_NONE = const(-1)

# name, monitor (ST_LEAK_CLASS_*, -1: always on), parameter with the confirm time (-1: the next column), confirm time (ms),
# parameter with the clear time (-1: the next column), clear time (ms), CLEAR_*, ACT_*
FAULTS = (
    ("leak suspected", ST_LEAK_CLASS_COOLANT_LEAK, _NONE, 0, P_CLEAR_MS, 0, CLEAR_QUIET, ACT_REPORT),
    ("coolant leak", ST_LEAK_CLASS_COOLANT_LEAK, P_CONFIRM_MS, 0, _NONE, 0, CLEAR_COMMAND, ACT_ISOLATE),
    ("burst", ST_LEAK_CLASS_COOLANT_LEAK, _NONE, 0, _NONE, 0, CLEAR_COMMAND, ACT_ISOLATE_PUMP_OFF),
    ("cabin leak", ST_LEAK_CLASS_CABIN_LEAK, _NONE, CABIN_BLOCK_MS, _NONE, 0, CLEAR_COMMAND, ACT_REPORT),
    ("compensator gas loss", ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS, _NONE, 0, _NONE, 0, CLEAR_COMMAND, ACT_REPORT),
    ("flow loss", ST_LEAK_CLASS_FLOW_LOSS, _NONE, 0, _NONE, 0, CLEAR_COMMAND, ACT_REPORT),
    ("pump fault", ST_LEAK_CLASS_PUMP_FAULT, _NONE, PUMP_CONFIRM_MS, _NONE, 0, CLEAR_COMMAND, ACT_TRIP_PUMP),
    ("valve fault", ST_LEAK_CLASS_VALVE_FAULT, P_VALVE_LIMIT_MS, 0, _NONE, 0, CLEAR_COMMAND, ACT_NEXT_BEST),
    ("sensor fault", ST_LEAK_CLASS_SENSOR_FAULT, _NONE, SENSOR_CONFIRM_MS, _NONE, 0, CLEAR_COMMAND, ACT_VOTE_OUT),
    ("data path fault", _NONE, _NONE, 0, _NONE, PATH_CLEAR_MS, CLEAR_COHERENT, ACT_HOLD),
    ("segment convicted", _NONE, _NONE, 0, _NONE, 0, CLEAR_COMMAND, ACT_HOLD),
    ("resets in a loop", _NONE, _NONE, 0, _NONE, RESETS_CLEAR_MS, CLEAR_STEADY, ACT_PASSIVE),
    ("memory fault", _NONE, _NONE, 0, _NONE, 0, CLEAR_NEVER, ACT_CORRECT),
)


def is_enabled(params, leak_class):
    """True when the monitor of a class may latch and act."""
    return (params[P_MONITORS_MASK] >> leak_class) & 1


def rearm(app):
    """The ground clears every latch: alarms, convictions, the loss. Moves no valve; what is shut stays shut."""
    localisation = app.recovery.localisation
    mask = localisation.mask(ST_SEGMENT_STATE_CONVICTED) | localisation.mask(ST_SEGMENT_STATE_UNDECIDED)
    app.events.emit(EV_REARMED, app.diagnosis.alarms, mask)
    app.diagnosis.rearm()
    app.isolation.rearm_by_command()
    app.recovery.rearm_by_command()
    app.leak_rate.lost_ul = 0
    app.detector.rearm()
    app.watches.cause.rearm()
