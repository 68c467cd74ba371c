"""The command protocol against a model: whatever comes in whatever order, the board and the model agree on every outcome."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakes.ground_rig import Rig, outcomes
from isoloop.link.telecommand import Credentials

DONE = ["1", "3", "7"]
NOT_ARMED = ["1", "4 not_armed"]
ARM_TICKS = 100
INHIBITED, PASSIVE, ARMED = range(3)


class Protocol(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(mode=ARMED)
        self.sent: list[bytes] = []
        self.accepted = 0
        self.mode = ARMED
        self.resets = 0
        self.clear_ms = self.rig.dictionary.parameters_by_name["clear_ms"].default
        self.arm_name = ""
        self.arm_until = -1

    def obey(self, name: str, **arguments: object) -> list[str]:
        packet = self.rig.packet(name, **arguments)
        self.sent.append(packet)
        self.taken_at = self.rig.board.tick
        return outcomes(self.rig.say(packet, ticks=2))

    @rule()
    def ping(self) -> None:
        assert self.obey("ping") == DONE
        self.accepted += 1

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
        rig.credentials = Credentials()
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
        self.rig.boot()
        self.rig.step(1)
        self.mode = ARMED
        self.clear_ms = self.rig.dictionary.parameters_by_name["clear_ms"].default
        self.accepted = 0
        self.arm_name = ""

    @invariant()
    def agrees(self) -> None:
        app = self.rig.app
        assert app.isolation.mode == self.mode
        assert app.ground.accepted == self.accepted
        assert app.isolation.pump_on
        assert app.alloc_faults == 0


Protocol.TestCase.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
TestProtocol = Protocol.TestCase
