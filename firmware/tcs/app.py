"""The flight application: board + parameters + stages, and one control cycle that reads like the way of a sample."""

from array import array

from micropython import const, heap_lock, heap_unlock

from tcs import inventory_kernel as ik
from tcs import sensing_kernel as sk
from tcs.black_box import BlackBox
from tcs.carry_kernel import flows, highest
from tcs.crew import Crew
from tcs.data_path import TRUSTED, DataPath
from tcs.detector import Detector
from tcs.diagnosis import ALARMS, WITHDRAWN, Diagnosis
from tcs.events import Events
from tcs.ground import Ground
from tcs.housekeeping import Housekeeping
from tcs.inventory import Inventory
from tcs.isolation import COMMANDED, PUMP_ON, STATE, Isolation
from tcs.leak_rate import LeakRate
from tcs.link import Link, budget_bytes
from tcs.memory import Memory
from tcs.params import Params
from tcs.recovery import Recovery
from tcs.safe_state import SafeState
from tcs.sensing import Sensing
from tcs.store import Store
from tcs.tables import (
    EV_ALLOCATION,
    EV_BOOT,
    EV_CALIBRATION_REFUSED,
    EV_CHANNEL_STATUS,
    EV_DATA_PATH_FAULT,
    EV_INVENTORY_KNOWN,
    EV_INVENTORY_UNKNOWN,
    EV_LEAK_ALARM,
    EV_LEAK_CLEARED,
    EV_LEAK_SUSPECT,
    EV_OVERRUN,
    EV_PARAMETERS_LOADED,
    EV_VALVE_CONFIRMED,
    EV_VALVE_FAULT,
    P_CLEAR_MS,
    P_HEAD_PUMP_PA,
    P_HEAD_RAD_PA,
    P_LINK_BAUD,
    P_TICK_MS,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_LEAK_CLASS_PUMP_FAULT,
    ST_LEAK_CLASS_SENSOR_FAULT,
    ST_LEAK_CLASS_VALVE_FAULT,
    ST_VERDICT_LEAK,
    ST_VERDICT_OK,
    ST_VERDICT_SUSPECT,
)
from tcs.telemetry import Telemetry
from tcs.valves import BYPASS, Valves
from tcs.watches import Watches

_P_CABIN = const(7)
_PUMP_BIT = const(0x4000)
_ENABLE_BIT = const(0x8000)
_EVENTS = const(64)
_REPORTS_A_TICK = const(4)  # channels: at start-up all sixteen become ok at once
_ALL_SEGMENTS = const(7)
_BYPASS_UL = const(60000)  # what a move of the bypass does to the profiles of the lines (docs/detector.md)


class App:
    """Composition root. board: the hal seam; kinds, lows, highs, adc: what the board file says, overlaid by the calibration record."""

    def __init__(self, board, kinds, lows, highs, adc):
        store = self.store = Store(board)
        self._calibration = store.load_calibration(kinds, lows, highs)
        loaded = Params()
        loaded.load(store)
        params = loaded.values
        self.board = board
        self.params = params
        self.tick_ms = params[P_TICK_MS]
        self.events = Events(_EVENTS)
        self.link = Link(budget_bytes(params[P_LINK_BAUD], self.tick_ms))
        board.link = self.link
        self.telemetry = Telemetry(self.link, self.events, self.tick_ms)
        self.sensing = Sensing(kinds, lows, highs, adc, params)
        self.data_path = DataPath(params)
        self.inventory = Inventory(params)
        self.detector = Detector(params)
        self.leak_rate = LeakRate(params, self.inventory.density_kg_m3)
        self.valves = Valves(params)
        self.isolation = Isolation(params, self.valves, self.events)
        self.recovery = Recovery(params, self.valves, self.isolation, self.events, kinds[_P_CABIN] == sk.KIND_PRESSURE)
        self.diagnosis = Diagnosis(params)
        self.watches = Watches(self, kinds, lows, highs)
        self.pump_watch = self.watches.pump
        self.cabin_watch = self.watches.cabin
        self.flow_watch = self.watches.flow
        self.crew = Crew(self, self.watches)
        self.housekeeping = Housekeeping(self)
        self.black_box = BlackBox(store, board, self.events, self.tick_ms, (kinds, lows, highs))
        self.safe_state = SafeState(store, self)
        self.safe_state.restore()
        if not self.isolation.pump_on and self.diagnosis.alarms >> ST_LEAK_CLASS_PUMP_FAULT & 1:
            self.isolation.pump_tripped = 1
        self.black_box.begin(self.diagnosis.alarms)
        self.ground = Ground(self, store, loaded)
        store.look()
        self.memory = Memory(self)
        self.drive_word = 0
        self.alloc_faults = 0
        self.late_ticks = 0
        self._last_tick = -1
        self._has_woken = False
        self._status = array("i", bytes(4 * sk.CHANNELS))
        self._untold = 0  # channels whose status may have changed and was not looked at yet
        self._inventory_status = -1
        self._connected = -1
        self._bypass = -1
        self._pump_was_on = 1
        self._adapt = 1  # 0 while something is suspected: nothing is learned from it
        self._suspect_until = -1
        self._clear_ticks = params[P_CLEAR_MS] // self.tick_ms
        self._boot = (loaded.source, loaded.sequence)

    def run(self):
        """Fly until the board stops."""
        board = self.board
        board.sample()
        self.events.tick = board.tick
        self.events.emit(EV_BOOT, board.reset_cause)
        self.events.emit(EV_PARAMETERS_LOADED, self._boot[0], self._boot[1])
        if self._calibration >= 0:
            self.events.emit(EV_CALIBRATION_REFUSED, self._calibration)
        self.safe_state.tell()
        memory = self.memory
        while True:
            memory.settle()
            fed = self.guarded_cycle()
            self.ground.step(board.tick)
            memory.keep()
            board.finish(self.drive_word, fed)
            board.sample()

    def guarded_cycle(self):
        """One control cycle under heap_lock. False when a stage allocated: counted, its result discarded, the drives stay as they were."""
        heap_lock()
        try:
            self.cycle(self.board.tick)
            fed = True
        except MemoryError:
            fed = False
        heap_unlock()
        if not fed:
            self.wake()
            if self.alloc_faults < 0xFFFF:
                self.alloc_faults += 1
            self.events.emit(EV_ALLOCATION, 0)
        return fed

    def cycle(self, tick):
        """Sample -> drives, one tick. What has nothing to do is not asked: a call costs a board some 3000 cycles of 100 000."""
        board = self.board
        sensing = self.sensing
        inventory = self.inventory
        isolation = self.isolation
        held = isolation.words  # a property of it costs a call
        diagnosis = self.diagnosis
        valves = self.valves
        self.events.tick = tick
        if tick - self._last_tick != 1:
            self._count_late(tick)
        self._last_tick = tick
        connected = self._connected if board.switches == valves.rest_switches else valves.connected()
        changed = sensing.update(board.counts, board.fresh, tick, self._adapt, connected)
        seen = sensing.state
        is_plain = self.data_path.state == TRUSTED and not seen[sk.ST_FROZEN_TICKS] and not seen[sk.ST_COHERENT]
        trusted = (is_plain and not self._has_woken) or self._check_data_path(tick)
        if changed or self._untold:
            self._report_channels(changed | self._untold, trusted)
        if trusted and diagnosis.is_watching:
            diagnosis.watch_channels(sensing)
        flowing = 0
        if held[PUMP_ON] and connected:
            params = self.params
            was = inventory.state[ik.I_PROFILE_Q20]
            flowing = flows(sensing.reference, sensing.p_comp_pa, params[P_HEAD_PUMP_PA], params[P_HEAD_RAD_PA], was)
        status = inventory.update(sensing, connected, flowing, trusted)
        if status != self._inventory_status:
            self._report_inventory(status)
        verdict = self.detector.update(sensing, inventory, trusted, tick)
        is_leak = verdict == ST_VERDICT_LEAK
        if is_leak:
            self._estimate(tick)
        self.watches.step(trusted, tick)
        if (is_leak and not held[COMMANDED]) or isolation.is_awake:
            if self._isolate(is_leak, trusted, tick):
                verdict = ST_VERDICT_OK
        recovery = self.recovery
        if recovery.is_awake or isolation.is_awake or tick % recovery.rest_ticks == recovery.rest_phase:
            if recovery.step(sensing, inventory, self.leak_rate.rate_ul_s, tick):
                self._arm_again()
        self.safe_state.step()
        if board.switches != valves.rest_switches or held[PUMP_ON] != self._pump_was_on:
            self._drive(tick)
        if diagnosis.words[ALARMS] & ~diagnosis.words[WITHDRAWN] != diagnosis.judged:
            diagnosis.judge()
        self.black_box.step(self.drive_word, verdict, held[STATE], diagnosis.words[ALARMS], tick)
        self._report(verdict, tick)

    def wake(self):
        """Let every stage run again: a discarded cycle may have ended between a stage and what follows from it."""
        self.isolation.is_awake = True
        self.recovery.is_awake = True
        self.diagnosis.is_watching = True
        self.diagnosis.judged = -1
        self.valves.rest_switches = -1
        self._has_woken = True

    def _count_late(self, tick):
        late = tick - self._last_tick - 1
        if late > 0 and self._last_tick >= 0:
            self.late_ticks = min(0xFFFF, self.late_ticks + late)
            self.events.emit(EV_OVERRUN, late)

    def _check_data_path(self, tick):
        self._has_woken = False
        kind = self.data_path.step(self.sensing, tick)
        if kind >= 0:
            self.events.emit(EV_DATA_PATH_FAULT, kind)
            self.diagnosis.latch(ST_LEAK_CLASS_SENSOR_FAULT)
            self.watches.cause.data_path_faulted = True
        return self.data_path.state == TRUSTED

    def _report_channels(self, changed, trusted):
        self.diagnosis.is_watching = True
        sensing = self.sensing
        told = self._status
        left = _REPORTS_A_TICK
        channel = 0
        while changed and left:
            if changed & 1:
                left -= 1
                status = sensing.status(channel)
                if status != told[channel]:
                    # While the path is not trusted its own event says it for all channels.
                    if trusted or status == sk.OK:
                        self.events.emit(EV_CHANNEL_STATUS, channel, status)
                    told[channel] = status
            changed >>= 1
            channel += 1
        self._untold = changed << channel

    def _report_inventory(self, status):
        if status == ik.S_OK:
            self.events.emit(EV_INVENTORY_KNOWN)
        elif self._inventory_status == ik.S_OK:
            self.events.emit(EV_INVENTORY_UNKNOWN, status - 1)  # ST_INVENTORY_REASON_*
        self._inventory_status = status

    def _estimate(self, tick):
        detector = self.detector
        rate = self.leak_rate
        if self.diagnosis.latch(ST_LEAK_CLASS_COOLANT_LEAK):
            rate.begin(detector, self.sensing, self.inventory, tick)
            if self._is_disturbed():
                rate.close()
            self.events.emit(EV_LEAK_ALARM, ST_LEAK_CLASS_COOLANT_LEAK, detector.stage, rate.rate_ul_s, rate.lost_ul)
        elif self.recovery.is_tight:
            return
        elif detector.new_base:
            rate.refine(detector, self.inventory, tick)
        elif self.inventory.status != ik.S_OK and tick % (100 // self.tick_ms) == 0 and self.valves.connected():
            rate.integrate(self.sensing)

    def _is_disturbed(self):
        """While the first valves travel the hole takes what it took; once one has shut, or the pump is off, it may not."""
        return self._connected != _ALL_SEGMENTS or not self.isolation.words[PUMP_ON]

    def _arm_again(self):
        # Recovery is over and what is in service is tight: a second leak must not hide behind the first one's latch.
        self.recovery.lost_before_ul += self.leak_rate.lost_ul
        self.leak_rate.lost_ul = 0
        self.detector.rearm()

    def _isolate(self, is_leak, trusted, tick):
        """True when the alarm is no news: shutting radiators does not help against it, and a second leak must not hide behind it."""
        isolation = self.isolation
        is_new = is_leak and not isolation.words[COMMANDED]
        if is_new and not self.watches.explains(tick):
            # Closed last: the radiator whose line carries the least of a leak.
            least_suspect = highest(self.sensing.state)
            isolation.step(True, self._may_isolate(trusted), self.leak_rate.rate_ul_s, least_suspect, tick)
            return False
        isolation.step(False, False, 0, 0, tick)  # nothing but what is under way
        if is_new:
            self.detector.rearm()
        return is_new

    def _may_isolate(self, trusted):
        """A leak that two sensors see; or that one sees and pump and radiators confirm; never on a path that is not trusted."""
        votes = self.sensing.votes
        return trusted and (votes >= 2 or (votes == 1 and self.detector.corroborated))

    def _drive(self, tick):
        valves = self.valves
        pump_on = self.isolation.words[PUMP_ON]
        valves.step(self.board.switches, tick)
        if valves.faulted or valves.confirmed:
            self._report_valves(valves.faulted, valves.confirmed)
        word = valves.drives
        if word:
            word |= _ENABLE_BIT
        if pump_on:
            word |= _PUMP_BIT
        self.drive_word = word
        connected = valves.connected()
        if connected != self._connected or pump_on != self._pump_was_on:
            self._connected = connected
            self._pump_was_on = pump_on
            self.sensing.disturb()
        if self.leak_rate.is_open and self._is_disturbed():
            self.leak_rate.close()
        bypass = valves.position[BYPASS]
        if bypass != self._bypass:
            if self._bypass >= 0:
                self.leak_rate.hold(self.inventory.unrest_ul())
                self.inventory.disturb(_BYPASS_UL)
            self._bypass = bypass

    def _report_valves(self, faulted, confirmed):
        valves = self.valves
        if faulted:
            self.diagnosis.latch(ST_LEAK_CLASS_VALVE_FAULT)
        valve = 0
        while faulted:
            if faulted & 1:
                self.events.emit(EV_VALVE_FAULT, valve, valves.fault_kind(valve))
            faulted >>= 1
            valve += 1
        valve = 0
        while confirmed:
            if confirmed & 1:
                self.events.emit(EV_VALVE_CONFIRMED, valve, valves.position[valve])
            confirmed >>= 1
            valve += 1

    def _report(self, verdict, tick):
        is_suspect = verdict == ST_VERDICT_SUSPECT
        if is_suspect and self._adapt and tick > self._suspect_until:
            self.events.emit(EV_LEAK_SUSPECT, self.detector.top_stage(), self.detector.top_permille)
        if is_suspect:
            self._suspect_until = tick + self._clear_ticks
        elif tick == self._suspect_until and verdict != ST_VERDICT_LEAK:
            self.events.emit(EV_LEAK_CLEARED)
        self._adapt = 0 if is_suspect or verdict == ST_VERDICT_LEAK else 1
        self.crew.step(tick, self.safe_state.written_tick == tick)
        telemetry = self.telemetry
        is_urgent = is_suspect or (verdict == ST_VERDICT_LEAK and not self.housekeeping.is_settled(tick))
        if (is_urgent or tick >= telemetry.wake_tick) and telemetry.is_due(tick, is_urgent):
            # The alarm is latched; that the detector watches again behind it is its own affair.
            is_latched = self.diagnosis.alarms >> ST_LEAK_CLASS_COOLANT_LEAK & 1
            self.housekeeping.fill(telemetry.hk, ST_VERDICT_LEAK if is_latched else verdict)
            telemetry.report_housekeeping(tick)
        elif self.events.count:
            telemetry.report_events()
