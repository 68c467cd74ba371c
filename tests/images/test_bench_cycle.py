"""The cycle bench: its rows come from the image on the chip and are judged against what is wanted."""

from pathlib import Path

import pytest

from isoloop.bench import cycle


@pytest.mark.long
@pytest.mark.timeout(900)
def test_cycle_bench_measures_step_tick_boot_and_heap_on_the_chip(pico_uf2: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in cycle.measure(full=False)}
    quiet = rows["control step, quiet, median"]["value"]
    assert rows["control step, worst case"]["value"] >= quiet > 10_000
    assert rows["full tick, worst case"]["value"] >= rows["full tick, quiet, median"]["value"] > quiet
    assert rows["allocation faults"]["value"] == 0
    assert rows["boot to first sample"]["ok"]
    assert 0 < rows["boot to first sample"]["value"] < rows["boot to first telemetry, to the tick"]["value"]
    assert rows["boot to first telemetry, to the tick"]["ok"]
    assert quiet < rows["step in bytecode alone, quiet, median"]["value"]
    assert quiet < rows["step with floats, quiet, median"]["value"]
    assert rows["what it allocates, median"]["value"] > 0
    assert rows["free heap after start"]["ok"]
    # Cycles are counted, not timed: they hold wherever this runs.
    assert rows["control step, worst case"]["value"] <= cycle.STEP_MAX_CYCLES
    assert rows["full tick, worst before the leak"]["value"] <= cycle.TICK_MAX_CYCLES
