"""labgrid: a rig as a resource, the board in it as drivers (docs/hil.md; hil/example/labgrid.yaml is an environment).

    imports: [isoloop_hil.labgrid]
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attr
from labgrid import step, target_factory
from labgrid.driver import Driver
from labgrid.protocol import PowerProtocol
from labgrid.resource import Resource

from isoloop.errors import IsoloopError
from isoloop_hil.console import Check, RigPort
from isoloop_hil.find import find_port
from isoloop_hil.rig_file import load_rig_file

if TYPE_CHECKING:
    from isoloop.targets import Target

_CYCLE_S = 1.0


@target_factory.reg_resource
@attr.s(eq=False)
class LoopRig(Resource):
    """A rig on this host.

    Args:
        file: the rig file.
    """

    file: str = attr.ib(validator=attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class LoopPowerDriver(Driver, PowerProtocol):
    """Supply of the board in a rig, and its self-test: for strategies that flash or look at a board by other means.

    Args:
        straps: `on` flies, `maintenance` shows the prompt, `bench` waits for serial:PORT.
    """

    bindings = {"rig": {LoopRig}}
    straps: str = attr.ib(default="on", validator=attr.validators.in_(("on", "maintenance", "bench")))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._port: RigPort | None = None

    def on_activate(self) -> None:
        """Open the rig's port."""
        file = load_rig_file(self.rig.file)
        self._port = RigPort(find_port(file.rig, f"the rig of {file.label}"), file.boot_s)
        self._port.identify()

    def on_deactivate(self) -> None:
        """Leave the board as it is and free the port."""
        if self._port is not None:
            self._port.close()
            self._port = None

    @Driver.check_active
    @step()
    def on(self) -> None:
        """Power on, with the straps of this driver."""
        self._rig.ask(f"power {self.straps}")

    @Driver.check_active
    @step()
    def off(self) -> None:
        """Power off."""
        self._rig.ask("power off")

    @Driver.check_active
    @step()
    def cycle(self) -> None:
        """Off and on again."""
        self.off()
        time.sleep(_CYCLE_S)
        self.on()

    @Driver.check_active
    @step()
    def self_test(self) -> list[Check]:
        """What the rig finds out about itself."""
        return self._rig.self_test()

    @property
    def _rig(self) -> RigPort:
        assert self._port is not None
        return self._port


@target_factory.reg_driver
@attr.s(eq=False)
class LoopDriver(Driver):
    """Flies the board in a rig: for the pytest plugin under labgrid, and for `isoloop.flight.fly(scenario, driver.open(), folder)`."""

    bindings = {"rig": {LoopRig}}

    @Driver.check_active
    @step()
    def open(self) -> Target:
        """The target, for whoever closes it."""
        from isoloop_hil.target import open_rig

        return open_rig(self.rig.file)

    @Driver.check_active
    @step(result=True)
    def identity(self) -> dict[str, Any]:
        """What runs on the board.

        Raises:
            IsoloopError: not what the rig file wants, or no answer.
        """
        target = self.open()
        try:
            return target.identity().document()
        finally:
            target.close()


__all__ = ["IsoloopError", "LoopDriver", "LoopPowerDriver", "LoopRig"]
