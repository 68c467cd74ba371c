"""What each telecommand asks for: check() says whether it may start, perform() does it."""

from micropython import const

from tcs import command_table as tc
from tcs import valves as vb
from tcs.box_downlink import BoxDownlink
from tcs.modes import rearm
from tcs.monitoring import Monitoring
from tcs.store import KIND_BACKUP, KIND_PARAMETERS
from tcs.tables import (
    CREW_STRUCTURE,
    EV_PUMP_COMMANDED,
    HK_STRUCTURE,
    P_COUNT,
    PARAM_NUMBERS,
    PLAT_STRUCTURE,
    ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS,
    ST_LEAK_CLASS_CABIN_LEAK,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_LEAK_CLASS_NONE,
    ST_MODE_ARMED,
    ST_PARAMETER_SLOT_PRIME,
    ST_PUMP_REASON_COMMAND,
    ST_REASON_BUSY,
    ST_REASON_CONVICTED,
    ST_REASON_CRC_MISMATCH,
    ST_REASON_NO_RECORD,
    ST_REASON_NONE,
    ST_REASON_NOT_ARMED,
    ST_REASON_NOT_ON_THIS_BOARD,
    ST_REASON_STORAGE,
    ST_REASON_UNKNOWN_ID,
    UPLINK_STRUCTURE,
)

PENDING = -1  # perform(): completion comes later
ARMED_S = 10
_DUMP_ROWS = const(40)  # parameters a report
_LEAK_ALARMS = 1 << ST_LEAK_CLASS_COOLANT_LEAK | 1 << ST_LEAK_CLASS_CABIN_LEAK | 1 << ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS


class Commands:
    """Arms, checks and performs. Only param_restore allocates. packet: where a telecommand stands while it is performed."""

    def __init__(self, app, params, store, answers, valve_requests, key_change, packet):
        self._app = app
        self._params = params
        self._store = store
        self._answers = answers
        self._valve_requests = valve_requests
        self.monitoring = Monitoring(answers)
        self.box = BoxDownlink(app.board, answers, app.link)
        self.key_change = key_change
        self._packet = packet
        self.time_exponent = -1  # no time reports
        self.dump_from = P_COUNT
        self._armed_number = 0
        self._armed_until = -1
        self._armed_ticks = ARMED_S * 1000 // app.tick_ms

    def check(self, command, tick):
        """ST_REASON_* for not starting it."""
        index = command.index
        args = command.args
        if tc.TC_HAZARDS[index] and self._is_hazardous(index, args) and not self._use_arm(index, tick):
            return ST_REASON_NOT_ARMED
        if index == tc.TC_VALVE_OPEN and not self._app.recovery.may_open(args[0]):
            return ST_REASON_CONVICTED
        if index == tc.TC_ARM:
            return ST_REASON_NONE if _is_telecommand(args[0]) else ST_REASON_UNKNOWN_ID
        if tc.TC_REPORT_ENABLE <= index <= tc.TC_REPORT_INTERVAL:
            return ST_REASON_NONE if _structure(args[1]) >= 0 else ST_REASON_UNKNOWN_ID
        if index == tc.TC_EVENT_ENABLE or index == tc.TC_EVENT_DISABLE:
            return ST_REASON_NONE if self._app.events.is_known(args[1]) else ST_REASON_UNKNOWN_ID
        if index == tc.TC_PARAM_REPORT:
            return ST_REASON_NONE if self._params.find(args[1]) >= 0 else ST_REASON_UNKNOWN_ID
        if index == tc.TC_PARAM_SET:
            return self._params.may_set(args[1], args[2])
        return ST_REASON_NONE

    def perform(self, command, tick):
        """ST_REASON_* for its having failed, ST_REASON_NONE, or PENDING."""
        index = command.index
        args = command.args
        if index == tc.TC_MAINTENANCE:
            # The board lets the reports of this tick leave first.
            return ST_REASON_NONE if self._app.board.leave_for_maintenance() else ST_REASON_NOT_ON_THIS_BOARD
        if index == tc.TC_REARM:
            rearm(self._app)
            return ST_REASON_NONE
        if index == tc.TC_KEY_WRITE:
            self.key_change.begin(command, self._packet)
            return PENDING
        if index == tc.TC_BOX_FREEZE:
            return ST_REASON_NONE if self._app.black_box.trigger(ST_LEAK_CLASS_NONE, tick) else ST_REASON_BUSY
        if index == tc.TC_BOX_REPORT:
            self.box.report(tick)
            return ST_REASON_NONE
        if index == tc.TC_BOX_DOWNLINK:
            return self.box.begin(args[0], args[1], args[2])
        if index <= tc.TC_ARM:
            return self._perform_function(command, tick)
        if index <= tc.TC_REPORT_INTERVAL:
            self._set_report(index, _structure(args[1]), args[2])
        elif index <= tc.TC_EVENT_DISABLE:
            self._app.events.enable(args[1], index == tc.TC_EVENT_ENABLE)
        elif index == tc.TC_EVENTS_DISABLED:
            self._answers.disabled_events(self._app.events, tick)
        elif index == tc.TC_TIME_RATE:
            self.time_exponent = args[0]
            self._answers.time(args[0], tick)
        elif index <= tc.TC_MONITOR_REPORT:
            return self._monitor(index, args, tick)
        else:
            return self._parameters(index, args, tick)
        return ST_REASON_NONE

    def continue_dump(self, tick):
        """Send the next rows of a parameter dump."""
        first = self.dump_from
        count = min(_DUMP_ROWS, P_COUNT - first)
        if self._answers.parameters(PARAM_NUMBERS, self._params.values, first, count, tick):
            self.dump_from = first + count

    def _perform_function(self, command, tick):
        index = command.index
        args = command.args
        isolation = self._app.isolation
        if index == tc.TC_PING:
            self._answers.alive(tick)
        elif index == tc.TC_VALVE_OPEN or index == tc.TC_VALVE_CLOSE:
            self._valve_requests.begin(args[0], vb.OPEN if index == tc.TC_VALVE_OPEN else vb.CLOSED, command, tick)
            return PENDING
        elif index == tc.TC_PUMP_ON or index == tc.TC_PUMP_OFF:
            isolation.pump_on = 1 if index == tc.TC_PUMP_ON else 0
            isolation.pump_tripped = 0
            self._app.events.emit(EV_PUMP_COMMANDED, 1 if isolation.pump_on else 0, ST_PUMP_REASON_COMMAND)
        elif index == tc.TC_MODE_SET:
            isolation.mode = args[0]
        else:
            self._armed_number = args[0]
            self._armed_until = tick + self._armed_ticks
        return ST_REASON_NONE

    def _is_hazardous(self, index, args):
        hazard = tc.TC_HAZARDS[index]
        if hazard == tc.HAZARD_ALARM:
            return self._app.diagnosis.alarms & _LEAK_ALARMS
        if hazard == tc.HAZARD_DISARM:
            return self._app.isolation.mode == ST_MODE_ARMED and args[0] != ST_MODE_ARMED
        return True

    def _use_arm(self, index, tick):
        is_armed = self._armed_number == tc.TC_NUMBERS[index] and tick <= self._armed_until
        self._armed_number = 0
        return is_armed

    def _set_report(self, index, row, interval_s):
        telemetry = self._app.telemetry
        if index == tc.TC_REPORT_ONCE:
            telemetry.once[row] = 1
        elif index == tc.TC_REPORT_INTERVAL:
            telemetry.intervals_s[row] = interval_s
        else:
            telemetry.enabled[row] = 1 if index == tc.TC_REPORT_ENABLE else 0

    def _monitor(self, index, args, tick):
        monitoring = self.monitoring
        number = args[1]
        if index == tc.TC_MONITOR_ADD:
            return monitoring.add(number, args[2], args[3], args[4], args[5])
        if index == tc.TC_MONITOR_DELETE:
            return monitoring.delete(number)
        if index == tc.TC_MONITOR_REPORT:
            return monitoring.report(number, tick)
        return monitoring.enable(number, index == tc.TC_MONITOR_ENABLE)

    def _parameters(self, index, args, tick):
        params = self._params
        if index == tc.TC_PARAM_REPORT:
            self._answers.parameters(PARAM_NUMBERS, params.values, params.find(args[1]), 1, tick)
        elif index == tc.TC_PARAM_SET:
            params.set(args[1], args[2])
            self._app.memory.take_parameters()
        elif index == tc.TC_PARAM_DUMP:
            self.dump_from = 0
        else:
            kind = KIND_PARAMETERS if args[0] == ST_PARAMETER_SLOT_PRIME else KIND_BACKUP
            if index == tc.TC_PARAM_RESTORE:
                is_found = params.restore(self._store, kind)
                self._app.memory.take_parameters()
                return ST_REASON_NONE if is_found else ST_REASON_NO_RECORD
            if params.pack() != args[1]:
                return ST_REASON_CRC_MISMATCH
            if not self._store.save(kind, params.packed, len(params.packed)):
                return ST_REASON_STORAGE
        return ST_REASON_NONE


def _is_telecommand(number):
    index = 0
    while index < tc.TC_COUNT:
        if tc.TC_NUMBERS[index] == number:
            return True
        index += 1
    return False


def _structure(number):
    """Row of a structure in the telemetry's settings; -1 when there is none."""
    if number == HK_STRUCTURE:
        return 0
    if number == PLAT_STRUCTURE:
        return 1
    if number == CREW_STRUCTURE:
        return 3
    return 2 if number == UPLINK_STRUCTURE else -1
