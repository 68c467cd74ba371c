"""The command protocol against a model: whatever comes in whatever order, the board and the model agree on every outcome."""

from __future__ import annotations

import struct

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakes.ground_rig import Rig, outcomes
from fakes.nor import PowerCut
from isoloop.link.decoder import AnswerReport, PieceReport, Report
from isoloop.link.telecommand import TEST_KEY, Credentials
from tcs.black_box import AFTER_ROWS, RECORDING
from tcs.tables import P_CLEAR_MS

DONE = ["1", "3", "7"]
ACCEPTED = ["1", "3"]
NOT_ARMED = ["1", "4 not_armed"]
ARM_TICKS = 100
INHIBITED, PASSIVE, ARMED = range(3)


class Protocol(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(mode=ARMED)
        self.sent: list[bytes] = []
        self.reports: list[Report] = []
        self.cut_clear_ms = 0
        self.accepted = 0
        self.mode = ARMED
        self.resets = 0
        self.clear_ms = self.rig.dictionary.parameters_by_name["clear_ms"].default
        self.arm_name = ""
        self.arm_until = -1
        self.pump_on = True
        self.key = TEST_KEY
        self.saved: dict[str, int | None] = {"prime": None, "backup": None}
        self.silenced: set[str] = set()
        self.monitors: dict[int, bool] = {}
        self.captures = 0
        self.next_key = 0

    def expect(self, got: list[str], wanted: list[str]) -> None:
        """One telecommand's outcome; a completed one was accepted."""
        assert got == wanted
        self.accepted += wanted[:2] == ["1", "3"]

    def obey(self, name: str, **arguments: object) -> list[str]:
        packet = self.rig.packet(name, **arguments)
        self.sent.append(packet)
        self.taken_at = self.rig.board.tick
        self.reports = self.rig.say(packet, ticks=3)
        return outcomes(self.reports)

    @rule()
    def ping(self) -> None:
        assert self.obey("ping") == DONE
        self.accepted += 1

    @rule(is_on=st.booleans())
    def pump(self, is_on: bool) -> None:
        self.expect(self.obey("pump_on" if is_on else "pump_off"), DONE)
        self.pump_on = is_on

    @rule(event=st.sampled_from(["PUMP_COMMANDED", "REARMED"]), is_enabled=st.booleans())
    def select_event(self, event: str, is_enabled: bool) -> None:
        self.expect(self.obey("event_enable" if is_enabled else "event_disable", event=event), DONE)
        (self.silenced.discard if is_enabled else self.silenced.add)(event)

    @rule()
    def list_silenced(self) -> None:
        self.expect(self.obey("events_disabled"), DONE)
        (listed,) = [r for r in self.reports if isinstance(r, AnswerReport) and r.service == 5]
        numbers = {self.rig.dictionary.events_by_name[name].number for name in self.silenced}
        assert {number for _, number in listed.values} == numbers

    @rule(monitor=st.integers(1, 8), low=st.integers(-5, 5), high=st.integers(-5, 5))
    def add_monitor(self, monitor: int, low: int, high: int) -> None:
        got = self.obey("monitor_add", monitor=monitor, field="p_cabin_pa", low=low, high=high, repetitions=60)
        self.expect(got, DONE if low <= high else [*ACCEPTED, "8 out_of_range"])
        if low <= high:
            self.monitors[monitor] = False

    @rule(monitor=st.integers(1, 8), name=st.sampled_from(["monitor_enable", "monitor_disable", "monitor_report", "monitor_delete"]))
    def use_monitor(self, monitor: int, name: str) -> None:
        self.expect(self.obey(name, monitor=monitor), DONE if monitor in self.monitors else [*ACCEPTED, "8 unknown_id"])
        if name == "monitor_delete":
            self.monitors.pop(monitor, None)

    @rule(name=st.sampled_from(["report_enable", "report_disable", "report_once"]), structure=st.sampled_from([1, 2, 3, 200, 65_535]))
    def select_report(self, name: str, structure: int) -> None:
        self.expect(self.obey(name, structure=structure), DONE if structure <= 3 else ["1", "4 unknown_id"])

    @rule(exponent=st.integers(0, 12))
    def time_rate(self, exponent: int) -> None:
        self.expect(self.obey("time_rate", exponent=exponent), DONE)

    @rule(slot=st.sampled_from(["prime", "backup"]), is_right=st.booleans())
    def save_parameters(self, slot: str, is_right: bool) -> None:
        crc = self.rig.app.ground.commands._params.pack() ^ (0 if is_right else 1)
        self.expect(self.obey("param_save", slot=slot, crc=crc), DONE if is_right else [*ACCEPTED, "8 crc_mismatch"])
        if is_right:
            self.saved[slot] = self.clear_ms

    @rule(slot=st.sampled_from(["prime", "backup"]))
    def restore_parameters(self, slot: str) -> None:
        value = self.saved[slot]
        has_record = value is not None or slot == "prime"  # the one that it was provisioned with has no clear_ms
        self.expect(self.obey("param_restore", slot=slot), DONE if has_record else [*ACCEPTED, "8 no_record"])
        if value is not None:
            self.clear_ms = value

    @rule()
    def freeze_box(self) -> None:
        is_busy = self.rig.app.black_box.state != RECORDING
        self.expect(self.obey("box_freeze"), [*ACCEPTED, "8 busy"] if is_busy else DONE)
        if not is_busy:
            self.rig.step(AFTER_ROWS + 25)
            self.captures += 1

    @rule(back=st.integers(0, 2), first=st.integers(1, 16))
    def fetch_box(self, back: int, first: int) -> None:
        number = self.captures - back
        got = self.obey("box_downlink", capture=max(1, number), first=first, count=1)
        if number >= 1 and back < 1:
            self.expect(got, DONE)
            self.reports += self.rig.step(4)
            assert [r.number for r in self.reports if isinstance(r, PieceReport)] == [first]
        else:
            assert got in (DONE, [*ACCEPTED, "8 no_record"])
            self.accepted += 1

    @rule(is_armed=st.booleans())
    def write_key(self, is_armed: bool) -> None:
        if is_armed:
            self.arm("key_write")
        self.next_key += 1
        key = bytes([self.next_key & 0xFF]) * 32
        got = self.obey("key_write", key=key)
        may = self.arm_name == "key_write" and self.taken_at <= self.arm_until
        self.arm_name = ""
        if not may:
            assert got == NOT_ARMED
            return
        self.expect(got, DONE)
        self.key = key
        self.rig.credentials = Credentials(key=key)

    @rule(cut=st.integers(0, 2500), name=st.sampled_from(["param_save", "key_write", "ping"]))
    @precondition(lambda self: self.resets < 3)
    def cut_the_power(self, cut: int, name: str) -> None:
        """Within a telecommand that writes: afterwards what it replaces or what it brings is in force, and nothing else has changed."""
        key = self.key
        if name == "key_write":
            self.arm("key_write")
            key = b"\x5a" * 32
        board = self.rig.board
        arguments = {"ping": {}, "key_write": {"key": key}}.get(name)
        if arguments is None:
            arguments = {"slot": "backup", "crc": self.rig.app.ground.commands._params.pack()}
        packet = self.rig.packet(name, **arguments)
        self.sent.append(packet)
        board.bytes_left = cut
        try:
            self.rig.say(packet, ticks=3)
        except PowerCut:
            pass
        board.bytes_left = None
        before = self.saved["backup"]
        self.reset()
        found = [k for k in {self.key, key} if self.takes(k)]
        assert len(found) == 1
        self.key = found[0]
        self.rig.credentials = Credentials(key=self.key)
        if name == "param_save":
            record = self.rig.app.ground.store.newest(4)
            assert record is None or len(record[2]) == len(self.rig.app.params) * 6
            number = self.rig.dictionary.parameters_by_name["clear_ms"].number
            kept = None if record is None else dict(struct.iter_unpack("<Hi", bytes(record[2])))[number]
            assert kept in (before, self.cut_clear_ms)
            self.saved["backup"] = kept

    def takes(self, key: bytes) -> bool:
        self.rig.credentials = Credentials(key=key)
        is_ours = self.obey("ping") == DONE
        self.accepted += is_ours
        return is_ours

    @rule(name=st.sampled_from(["mode_set", "valve_open", "ping"]))
    def arm(self, name: str) -> None:
        assert self.obey("arm", telecommand=name) == DONE
        self.accepted += 1
        self.arm_name = name
        self.arm_until = self.taken_at + ARM_TICKS

    @rule(mode=st.sampled_from([INHIBITED, PASSIVE, ARMED]))
    def mode_set(self, mode: int) -> None:
        is_hazardous = self.mode == ARMED and mode != ARMED
        got = self.obey("mode_set", mode=mode)
        is_armed = self.arm_name == "mode_set" and self.taken_at <= self.arm_until
        if is_hazardous:
            self.arm_name = ""
            if not is_armed:
                assert got == NOT_ARMED
                return
        assert got == DONE
        self.accepted += 1
        self.mode = mode

    @rule(value=st.integers(-(2**30), 2**30 - 1))
    def set_parameter(self, value: int) -> None:
        row = self.rig.dictionary.parameters_by_name["clear_ms"]
        got = self.obey("param_set", parameter="clear_ms", value=value)
        if row.min <= value <= row.max:
            assert got == DONE
            self.accepted += 1
            self.clear_ms = value
        else:
            assert got == ["1", "4 out_of_range"]

    @rule(ticks=st.integers(1, 120))
    def wait(self, ticks: int) -> None:
        self.rig.step(ticks)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        packet = data.draw(st.sampled_from(self.sent))
        assert outcomes(self.rig.say(packet, ticks=2)) == ["2 replay"]

    @rule(which=st.sampled_from([Credentials(key=bytes(32)), Credentials(b"another!")]))
    def forge(self, which: Credentials) -> None:
        rig = self.rig
        rig.credentials = which
        packet = rig.packet("pump_off")
        rig.credentials = Credentials(key=self.key)
        rig.counter -= 1  # it uses no counter up
        assert outcomes(rig.say(packet, ticks=2)) == ["2 authentication"]

    @rule(noise=st.binary(max_size=60))
    def disturb(self, noise: bytes) -> None:
        self.rig.pending += noise + b"\0"
        assert outcomes(self.rig.step(2)) == []

    @precondition(lambda self: self.resets < 3)  # more in a row are a reset loop, which makes isolation passive
    @rule()
    def reset(self) -> None:
        self.resets += 1
        self.rig.pending = b""
        self.cut_clear_ms = self.clear_ms
        self.rig.boot()
        self.rig.step(1)
        self.mode = ARMED
        default = self.rig.dictionary.parameters_by_name["clear_ms"].default
        self.clear_ms = default if self.saved["prime"] is None else self.saved["prime"]
        self.accepted = 0
        self.arm_name = ""
        self.pump_on = bool(self.rig.app.isolation.pump_on)  # safe state: what was commanded last, if it was saved
        self.silenced = set()
        self.monitors = {}

    @invariant()
    def agrees(self) -> None:
        app = self.rig.app
        assert app.isolation.mode == self.mode
        assert app.ground.accepted == self.accepted
        assert bool(app.isolation.pump_on) == self.pump_on
        assert app.params[P_CLEAR_MS] == self.clear_ms
        assert app.alloc_faults == 0


Protocol.TestCase.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
TestProtocol = Protocol.TestCase


class LongProtocol(Protocol):
    """The same, longer."""


LongProtocol.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLongProtocol = pytest.mark.long(LongProtocol.TestCase)
