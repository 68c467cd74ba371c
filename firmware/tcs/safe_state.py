"""Safe state: what must survive a reset - isolation, conviction, alarms, the loss and its cause - written before a valve moves.

One record of the store (KIND_SAFE_STATE). Saved when it changes, in the cycle that decides and before its drives leave the board; the
inventory each minute. At boot, before a valve can move, the record and the end switches together give the state; nothing is opened from
either.
"""

from array import array
from struct import unpack_from

from micropython import const

from tcs import inventory_kernel as ik
from tcs import isolation as isolating
from tcs import localisation as localising
from tcs import recovery as recovering
from tcs import store as records
from tcs.diagnosis import ALARMS, WITHDRAWN
from tcs.frame_kernel import put_record
from tcs.modes import RESETS, RESETS_CLEAR_MS
from tcs.tables import (
    EV_LEAK_ALARM,
    EV_LOSS_WHILE_OFF,
    EV_SAFE_MODE,
    EV_STATE_RESTORED,
    P_TICK_MS,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_LOCALISATION_ENDED,
    ST_LOCALISATION_HALTED,
    ST_MODE_PASSIVE,
    ST_SEGMENT_STATE_CLEARED,
    ST_SEGMENT_STATE_SUSPECT,
)

_VERSION = const(1)
_LENGTH = const(40)
# Bytes of each field of the record, as restore() unpacks them.
_WIDTHS = b"\x01\x01\x01\x01\x01\x01\x01\x01\x02\x04\x04\x04\x04\x01\x04\x04\x04"
_FIELDS = const(17)  # of the record; its last byte is spare
_LENGTH_WITHOUT_CAUSE = const(32)  # as it was written before it kept the cause
_COMMANDED = const(1)
_PUMP_ON = const(2)
_ENDED = const(4)
_TRIPPED = const(8)  # the pump, for its own sake: kept, and changes with pump_on, so it is not signed
_WITHDRAWN_SHIFT = const(23)  # behind what the watches keep
_WITHDRAWABLE = const(34)  # 1 << ST_LEAK_CLASS_COOLANT_LEAK | 1 << ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS
_COMPARE_MS = const(5000)
_LOSS_UL = const(300000)  # what temperatures that nobody watched may feign in a loop that was off for hours
_MINUTE_MS = const(60000)


class SafeState:
    """.boots: resets in a row without five steady minutes; .written_tick: of the last save.

    step() is allocation-free; restore() is for boot.
    """

    def __init__(self, store, app):
        self._store = store
        self._app = app
        self._payload = bytearray(_LENGTH)
        self._values = array("i", bytes(4 * _FIELDS))
        self._signature = -1
        self._kept = -1  # what was last saved of the cause
        self._saved_ul = -1
        self._saved_mask = -1
        self._tick_ms = app.params[P_TICK_MS]
        self._ticks = 0
        self._accepted = -1
        self._second_ticks = 1000 // app.tick_ms
        self._has_record = False
        self._is_looping = False
        self.boots = 0
        self.failures = 0
        self.written_tick = -1

    def restore(self):
        """Take the newest record over into the stages; before the first cycle."""
        found = self._store.newest(records.KIND_SAFE_STATE)
        if found is None or found[2][0] != _VERSION or len(found[2]) not in (_LENGTH, _LENGTH_WITHOUT_CAUSE):
            return
        app = self._app
        _, flags, isolation, a, b, c, segment, boots, alarms, lost, rate, hole, self._saved_ul, self._saved_mask = unpack_from(
            "<BBBBBBBBHiiiiB", found[2], 0
        )
        if len(found[2]) == _LENGTH:
            kept, known_ul_s, known_pa = unpack_from("<iii", found[2], 27)
            app.diagnosis.withdrawn = kept >> _WITHDRAWN_SHIFT & _WITHDRAWABLE
            app.watches.restore(kept & (1 << _WITHDRAWN_SHIFT) - 1, known_ul_s, known_pa)
        self._has_record = True
        self.boots = min(255, boots + 1)
        app.diagnosis.alarms = alarms
        app.recovery.segment = segment
        app.recovery.lost_before_ul = lost
        rates = app.leak_rate
        rates.rate_ul_s = rates.low_ul_s = rates.high_ul_s = rate
        rates.hole_um = hole
        localisation = app.recovery.localisation
        for i, state in enumerate((a, b, c)):
            localisation.segment_state[i] = ST_SEGMENT_STATE_SUSPECT if state == ST_SEGMENT_STATE_CLEARED else state
        if flags & _ENDED:
            localisation.state = ST_LOCALISATION_ENDED
        app.isolation.restore(isolation, flags & _COMMANDED and not flags & _ENDED, flags & _PUMP_ON)
        if flags & _TRIPPED:
            app.isolation.pump_tripped = 1
        if self.boots >= RESETS:
            self._is_looping = True
            app.isolation.mode = ST_MODE_PASSIVE

    def tell(self):
        """The events of what was restored; once the first tick is known."""
        app = self._app
        if self._has_record:
            app.events.emit(EV_STATE_RESTORED, app.isolation.state, app.diagnosis.alarms, app.recovery.lost_before_ul, self.boots)
        if self._is_looping:
            app.events.emit(EV_SAFE_MODE, self.boots)

    def step(self):
        """One tick, when isolation and recovery have decided and before the valves are driven."""
        app = self._app
        ticks = self._ticks
        if ticks < 0x3FFFFFFF:
            ticks += 1
            self._ticks = ticks
        accepted = app.ground.accepted
        # All that is signed stands in the words that are voted: while they are as they were kept, so is the signature.
        if ticks % self._second_ticks and accepted == self._accepted and app.memory.is_as_kept():
            return
        # Both are whole seconds.
        if self._saved_ul >= 0 and ticks == _COMPARE_MS // self._tick_ms:
            self._compare()
        if ticks == RESETS_CLEAR_MS // self._tick_ms:
            self.boots = 0
        self._accepted = accepted
        signature = self._sign()
        kept = self._keep()
        is_minute = self._ticks % (_MINUTE_MS // self._tick_ms) == 0 and app.inventory.status == ik.S_OK
        if signature == self._signature and kept == self._kept and not is_minute:
            return
        # A failed save is tried again a minute later: the one before it stands.
        self._signature = signature
        self._kept = kept
        self._pack()
        self.written_tick = app.events.tick
        if not self._store.save(records.KIND_SAFE_STATE, self._payload, _LENGTH) and self.failures < 0xFFFF:
            self.failures += 1

    def _flags(self):
        app = self._app
        held = app.isolation.words
        state = app.recovery.localisation.words[localising.STATE]
        flags = 0
        if held[isolating.COMMANDED]:
            flags |= _COMMANDED
        if held[isolating.PUMP_ON]:
            flags |= _PUMP_ON
        if state == ST_LOCALISATION_ENDED or state == ST_LOCALISATION_HALTED:
            flags |= _ENDED
        return flags

    def _sign(self):
        app = self._app
        recovery = app.recovery
        states = recovery.localisation.findings.states
        value = self._flags() | app.isolation.words[isolating.STATE] << 3 | states[0] << 6 | states[1] << 9 | states[2] << 12
        return value | (recovery.words[recovering.SEGMENT] & 7) << 15 | (app.diagnosis.words[ALARMS] & 0x3FF) << 18

    def _keep(self):
        app = self._app
        return app.watches.kept() | (app.diagnosis.words[WITHDRAWN] & _WITHDRAWABLE) << _WITHDRAWN_SHIFT

    def _pack(self):
        app = self._app
        recovery = app.recovery
        rates = app.leak_rate
        watches = app.watches
        isolation = app.isolation
        states = recovery.localisation.findings.states
        v = self._values
        v[0] = _VERSION
        v[1] = self._flags() | (_TRIPPED if isolation.pump_tripped else 0)
        v[2] = isolation.words[isolating.STATE]
        v[3] = states[0]
        v[4] = states[1]
        v[5] = states[2]
        v[6] = recovery.words[recovering.SEGMENT]
        v[7] = self.boots
        v[8] = app.diagnosis.words[ALARMS]
        v[9] = rates.lost_ul + recovery.words[recovering.LOST_BEFORE_UL]
        v[10] = rates.rate_ul_s
        v[11] = rates.hole_um
        v[12] = app.inventory.state[ik.I_RAW_UL] if app.inventory.status == ik.S_OK else -1
        v[13] = app.valves.connected()
        v[14] = self._kept
        v[15] = watches.known_ul_s
        v[16] = watches.known_pa
        put_record(v, _WIDTHS, _FIELDS, self._payload)

    def _compare(self):
        """What the loop lost while nobody watched. Said and latched; the bank judges whether it goes on."""
        app = self._app
        if app.inventory.status != ik.S_OK or app.valves.connected() != self._saved_mask:
            return
        lost_ul = self._saved_ul - app.inventory.state[ik.I_RAW_UL]
        if lost_ul > _LOSS_UL:
            app.events.emit(EV_LOSS_WHILE_OFF, lost_ul)
            app.recovery.lost_before_ul += lost_ul
            if app.diagnosis.latch(ST_LEAK_CLASS_COOLANT_LEAK):
                app.events.emit(EV_LEAK_ALARM, ST_LEAK_CLASS_COOLANT_LEAK, -1, 0, lost_ul)
