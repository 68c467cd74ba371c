"""The rig as a labgrid resource with its drivers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from isoloop_hil.emulated.pair import LivePair

try:
    import labgrid  # noqa: F401
except ModuleNotFoundError:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip("labgrid is not installed: pip install 'isoloop[labgrid]'", allow_module_level=True)

EXAMPLE = Path(__file__).resolve().parents[2] / "hil" / "example"


@pytest.mark.req("REQ-HIL-004")
def test_labgrid_switches_a_board_and_tests_its_rig(empty_rig: LivePair, empty_rig_file: Path, tmp_path: Path) -> None:
    from labgrid import Environment

    environment = tmp_path / "labgrid.yaml"
    environment.write_text((EXAMPLE / "labgrid.yaml").read_text().replace("bench.toml", str(empty_rig_file)))
    target = Environment(str(environment)).get_target("main")
    from isoloop_hil.labgrid import LoopPowerDriver

    power = target.get_driver(LoopPowerDriver)
    power.on()
    assert empty_rig.pair.parts.is_on
    power.off()
    assert not empty_rig.pair.parts.is_on
    assert all(check.is_good for check in power.self_test())
    target.deactivate(power)


@pytest.mark.req("REQ-HIL-004")
def test_labgrid_environment_gives_the_plugin_its_target(tmp_path: Path) -> None:
    environment = tmp_path / "labgrid.yaml"
    environment.write_text((EXAMPLE / "labgrid.yaml").read_text().replace("bench.toml", str(tmp_path / "bench.toml")))
    (tmp_path / "bench.toml").write_text('schema = "isoloop.rig/1"\nname = "b"\n[rig]\nusb_serial = "E661410000"\n')
    (tmp_path / "test_it.py").write_text("def test_it(clock): pass\n")
    command = [sys.executable, "-m", "pytest", "--lg-env", str(environment), "-rs", "-p", "no:cacheprovider"]
    environ = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert "1 skipped" in done.stdout
    assert "no port has USB serial number E661410000" in done.stdout
