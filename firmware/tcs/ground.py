"""The uplink's place in the cycle: after the control stages, outside the heap lock, at most one telecommand and one hash a tick."""

import gc

from micropython import const

from tcs import identity
from tcs.answers import (
    ACCEPTANCE_FAILED,
    ACCEPTED,
    COMPLETED,
    COMPLETION_FAILED,
    PROGRESS,
    START_FAILED,
    STARTED,
    Answers,
)
from tcs.authentication import Authentication
from tcs.commands import PENDING, Commands
from tcs.counter_log import CounterLog
from tcs.key_change import KeyChange
from tcs.tables import (
    P_COUNT,
    ST_REASON_NONE,
    UPLINK_ACCEPTED_COUNT,
    UPLINK_AUTHENTICATION_COUNT,
    UPLINK_BAD_FRAME_COUNT,
    UPLINK_COUNTER_HI,
    UPLINK_COUNTER_LO,
    UPLINK_DROPPED_BYTE_COUNT,
    UPLINK_REFUSED_COUNT,
    UPLINK_REPLAY_COUNT,
    UPLINK_STORAGE_FAILURE_COUNT,
)
from tcs.telecommand import Telecommand
from tcs.uplink import Uplink
from tcs.valve_requests import ValveRequests

_ROOM_BYTES = const(600)  # backlog of the downlink at which no further telecommand is taken: all its answers must fit behind it
_COLLECT_EVERY = const(8)  # hashes; each leaves about 1 kB behind
_SECOND_PHASE_MS = const(600)  # where in the second its own work lies: telemetry and crew's figures have their ticks
_ALIVE_S = const(60)  # unasked, at boot and from then on: by it any listener knows whether it has the right dictionary
_PLATFORM = const(1)  # rows in the telemetry's settings
_UPLINK = const(2)
_ACK_ACCEPTANCE = const(8)
_ACK_START = const(4)
_ACK_PROGRESS = const(2)
_ACK_COMPLETION = const(1)


class Ground:
    """step() once a tick. The authentication's hash may allocate, so may param_restore; nothing else."""

    def __init__(self, app, store, params):
        self._app = app
        self.store = store
        self._uplink = Uplink()
        self._command = Telecommand()
        self._counter_log = CounterLog(app.board)
        self._authentication = Authentication(store, self._counter_log, getattr(app.board, "unique_id", b""))
        self._answers = Answers(app.link, app.tick_ms)
        identity.fill(app.telemetry.platform, app.board, self._authentication.board_id)
        self._valve_requests = ValveRequests(app.valves, self)
        self._key_change = KeyChange(store, self._authentication, self)
        self.commands = Commands(app, params, store, self._answers, self._valve_requests, self._key_change, self._uplink.packet)
        self._ticks_per_s = 1000 // app.tick_ms
        self._second_phase = _SECOND_PHASE_MS // app.tick_ms
        self._hashes = 0
        self._alive_tick = 0
        self.accepted = 0
        self.refused = 0

    def step(self, tick):
        """Take what came up, obey at most one telecommand, send what the ground asked for."""
        app = self._app
        board = app.board
        uplink = self._uplink
        if board.rx_count:
            uplink.take(board.rx, board.rx_count)
        if self._valve_requests.open:
            self._valve_requests.step(tick)
        if tick >= self._alive_tick and self._answers.alive(tick):
            self._alive_tick = tick + _ALIVE_S * self._ticks_per_s
        # One of them writes in a tick: a page takes the processor as long as all sensing.
        is_saving = app.safe_state.written_tick == tick or app.black_box.save()
        commands = self.commands
        if self._key_change.is_due:
            self._key_change.step(tick)
        elif (uplink.is_waiting or commands.dump_from < P_COUNT or commands.box.left) and app.link.backlog_bytes() <= _ROOM_BYTES:
            length = uplink.next_packet()
            if length:
                self._obey(uplink.packet, length, tick)
            elif commands.dump_from < P_COUNT:
                commands.continue_dump(tick)
            else:
                commands.box.step(tick)
        if tick % self._ticks_per_s == self._second_phase:
            self._second(tick, is_saving)

    def finish(self, packet_id, sequence_control, acks, reason, tick):
        """Report the completion of a telecommand."""
        if reason != ST_REASON_NONE:
            self._answers.verify(COMPLETION_FAILED, packet_id, sequence_control, reason, tick)
        elif acks & _ACK_COMPLETION:
            self._answers.verify(COMPLETED, packet_id, sequence_control, 0, tick)

    def progress(self, packet_id, sequence_control, acks, tick):
        """Report the one step that a valve has: it moves."""
        if acks & _ACK_PROGRESS:
            self._answers.verify(PROGRESS, packet_id, sequence_control, 1, tick)

    def _obey(self, packet, length, tick):
        command = self._command
        reason = command.parse(packet, length)
        if reason == ST_REASON_NONE:
            reason = self._authentication.check(packet, command.tag_at, command.counter)
            self._hashes += 1
            if self._hashes >= _COLLECT_EVERY:
                self._hashes = 0
                gc.collect()
        if reason == ST_REASON_NONE:
            reason = command.parse_arguments(packet)
        if reason != ST_REASON_NONE:
            self._refuse(ACCEPTANCE_FAILED, reason, tick)
            return
        self._acknowledge(_ACK_ACCEPTANCE, ACCEPTED, tick)
        reason = self.commands.check(command, tick)
        if reason != ST_REASON_NONE:
            self._refuse(START_FAILED, reason, tick)
            return
        self._acknowledge(_ACK_START, STARTED, tick)
        if self.accepted < 0xFFFF:
            self.accepted += 1
        reason = self.commands.perform(command, tick)
        if reason != PENDING:
            self.finish(command.packet_id, command.sequence_control, command.acks, reason, tick)

    def _refuse(self, subtype, reason, tick):
        if self.refused < 0xFFFF:
            self.refused += 1
        self._answers.verify(subtype, self._command.packet_id, self._command.sequence_control, reason, tick)

    def _acknowledge(self, flag, subtype, tick):
        command = self._command
        if command.acks & flag:
            self._answers.verify(subtype, command.packet_id, command.sequence_control, 0, tick)

    def _second(self, tick, is_saving):
        telemetry = self._app.telemetry
        second = tick // self._ticks_per_s
        commands = self.commands
        commands.monitoring.step(telemetry.hk, tick)
        if telemetry.is_wanted(_PLATFORM, second):
            self._app.housekeeping.fill_platform(telemetry.platform)
            telemetry.report_platform(tick)
        if telemetry.is_wanted(_UPLINK, second):
            self._fill(telemetry.uplink)
            telemetry.report_uplink(tick)
        if commands.time_exponent >= 0 and second % (1 << commands.time_exponent) == 0:
            self._answers.time(commands.time_exponent, tick)
        # An erase stops the processor: never while something is suspected or a valve moves. Nor under a capture on its way in or out.
        commands.box.second()
        if is_saving or commands.box.left:
            return
        if telemetry.is_calm(tick) and not self._app.valves.is_moving():
            if self.store.tidy():
                self._app.black_box.look_again()
            else:
                self._counter_log.tidy()

    def _fill(self, uplink):
        uplink[UPLINK_ACCEPTED_COUNT] = self.accepted
        uplink[UPLINK_REFUSED_COUNT] = self.refused
        uplink[UPLINK_AUTHENTICATION_COUNT] = self._authentication.failures
        uplink[UPLINK_REPLAY_COUNT] = self._authentication.replays
        uplink[UPLINK_BAD_FRAME_COUNT] = self._uplink.bad_frames
        uplink[UPLINK_DROPPED_BYTE_COUNT] = self._uplink.dropped_bytes
        uplink[UPLINK_COUNTER_HI] = self._counter_log.value >> 16
        uplink[UPLINK_COUNTER_LO] = self._counter_log.value & 0xFFFF
        uplink[UPLINK_STORAGE_FAILURE_COUNT] = self.store.failures
