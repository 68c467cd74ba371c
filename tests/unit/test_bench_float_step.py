"""The float version of the control step, which is timed beside the kernels: it computes what they compute."""

from __future__ import annotations

from array import array

from fakes import firmware
from fakes.ground_rig import Board
from isoloop.bench.cycle_variants import float_step
from isoloop.bench.float_step import FloatStep
from isoloop.plant import Plant, PlantEvent
from isoloop.schema import load_scenario

firmware.on_cpython()

from boards import reference  # noqa: E402
from tcs.app import App  # noqa: E402

TICKS = 1200


def test_float_step_sees_the_pressure_and_the_loss_that_the_kernels_see() -> None:
    scenario = load_scenario("ms22")
    plant = Plant(scenario.plant, 1, scenario.tick_ms, [PlantEvent(100.0, "leak", {"segment": "rad2", "hole_mm": 0.8})])
    board = Board(mode=0, **plant.firmware_params())
    kinds, lows, highs = (array("i", row) for row in (reference.KINDS, reference.LOWS, reference.HIGHS))
    app = App(board, kinds, lows, highs, reference.ADC)
    floats: FloatStep = float_step(app.params)
    ours = theirs = top = 0.0
    for tick in range(TICKS):
        board.counts[:] = array("H", plant.counts.tobytes())
        board.switches, board.tick = plant.switches, tick
        app.cycle(tick)
        floats.step(list(plant.counts))
        plant.step(1 << 14)
        if tick == 990:
            ours, theirs, top = floats.inventory_ml, app.inventory.inventory_ul / 1000, floats.top
    assert abs(floats.pressure_pa - app.sensing.p_comp_pa) < 200
    assert abs(theirs - ours) < 0.005 * theirs
    # What has been lost since, by both; floats know nothing of what the gas's sensor shows late.
    lost, expected = ours - floats.inventory_ml, theirs - app.inventory.inventory_ul / 1000
    assert expected > 100
    assert abs(lost - expected) < 0.15 * expected
    assert floats.top > 4 * top
