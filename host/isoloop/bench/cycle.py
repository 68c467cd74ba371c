"""`isoloop bench cycle`: exact processor cycles of the flight application on the emulated Pico, from the image that is flashed."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

from isoloop.errors import EXIT_EXPECTATION, EXIT_OK, UsageError
from isoloop.flight.records import build_nor
from isoloop.link.decoder import EventReport, LinkDecoder
from isoloop.plant import Plant, PlantEvent
from isoloop.schema import Scenario, load_scenario
from isoloop.targets import Nor, open_target

STEP_MAX_CYCLES = 125_000
TICK_MAX_CYCLES = 400_000
FREE_HEAP_MIN_BYTES = 100_000
BOOT_MAX_S = 1.5
COMMAND = "isoloop bench cycle"
TICKS = 40
LEAK_TICK = 20
FULL_TICKS = 300
_PUMP = 1 << 14
_LIMIT_S = 120.0

_SNIPPET = """
import gc
import stopwatch
from array import array
from boards import reference
from tcs.app import App
rows = open("/rows.bin", "rb")
memory = open("/nor.bin", "rb").read()
class Board:
    def __init__(self):
        self.counts = array("H", bytes(32))
        self.head = array("H", bytes(2))
        self.fresh, self.switches, self.tick, self.reset_cause = 0xFFFF, 0, 0, 0
        self.rx, self.rx_count, self.link = bytearray(2048), 0, None
    def nor_read(self, sector, page, buffer):
        at = (sector * 16 + page) * 256
        buffer[:] = memory[at : at + 256]
    def nor_program(self, sector, page, buffer): pass
    def nor_erase(self, sector): pass
    def ticks_us(self): return 0
board = Board()
app = App(board, reference.KINDS, reference.LOWS, reference.HIGHS, reference.ADC)
gc.collect()
print(gc.mem_free() + len(memory))  # what stands in for the flash is not the firmware's
report = app._report
def timed_report(verdict, tick):
    stopwatch.stop()
    stopwatch.start()
    report(verdict, tick)
    stopwatch.stop()
    stopwatch.start()
app._report = timed_report
while rows.readinto(board.counts) == 32:
    rows.readinto(board.head)
    board.switches = board.head[0]
    stopwatch.start()
    app.cycle(board.tick)
    stopwatch.stop()
    app.link.drain(2048)
    board.tick += 1
"""


def measure(full: bool) -> list[dict[str, Any]]:
    """The rows of the document.

    Raises:
        UsageError: no image, no emulator.
        TargetError: the firmware failed on the chip.
    """
    from isoloop import images
    from isoloop.emulator import run_python

    uf2 = images.refresh("pico")
    if uf2 is None:
        raise UsageError("bench cycle needs the image pico: build it with python -m isoloop.images build pico (docs/images.md)")
    scenario, ticks = load_scenario("ms22"), FULL_TICKS if full else TICKS
    pins, nor = _fly(scenario, ticks)
    done = run_python(uf2, _SNIPPET, {"rows.bin": pins, "nor.bin": bytes(nor.data)}, _LIMIT_S)
    free_heap = int(done.output.split()[0])
    # Three spans a tick: the step, the report, and what is left behind it, which is what a span costs by itself.
    step, report, overhead = (done.spans_cycles[i::3] for i in range(3))
    empty = min(overhead)
    quiet = [cycles - empty for cycles in step[1:LEAK_TICK]]
    return [
        _row("control step, worst case", max(cycles - empty for cycles in step[1:]), "cycles", f"<= {STEP_MAX_CYCLES}", STEP_MAX_CYCLES),
        _row("control step, quiet, median", sorted(quiet)[len(quiet) // 2], "cycles", "", None),
        _row("telemetry, worst case", max(cycles - empty for cycles in report[1:]), "cycles", "", None),
        *_board_rows(uf2, scenario),
        {**_row("free heap after start", free_heap, "B", f">= {FREE_HEAP_MIN_BYTES}", None), "ok": free_heap >= FREE_HEAP_MIN_BYTES},
    ]


def bench(full: bool, json: bool) -> int:
    """Measure, print and return the exit code."""
    from isoloop import jsonout

    rows = measure(full)
    if json:
        jsonout.emit({"bench": "cycle", "rows": rows})
    else:
        for row in rows:
            mark = "ok" if row["ok"] else "MISSED"
            print(f"{row['name']:<34} {row['value']:>12,.7g} {row['unit']:<7} want {row['want'] or '-':<12} {mark}")
        if not full:
            print(f"cut: {TICKS} ticks of ms22 with its hole opened at tick {LEAK_TICK}; --full takes {FULL_TICKS}")
    return EXIT_OK if all(row["ok"] for row in rows) else EXIT_EXPECTATION


def _row(name: str, value: float, unit: str, want: str, most: float | None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "want": want, "ok": most is None or value <= most, "command": COMMAND}


def _plant(scenario: Scenario) -> Plant:
    at_s = LEAK_TICK * scenario.tick_ms / 1000
    leaks = [PlantEvent(at_s, event.kind, dict(event.fields)) for event in scenario.events if event.kind == "leak"]
    return Plant(scenario.plant, scenario.seed, scenario.tick_ms, leaks)


def _memory(scenario: Scenario, plant: Plant) -> Nor:
    return build_nor({**plant.firmware_params(), "tick_ms": scenario.tick_ms, "link_baud": scenario.link_baud}, plant.calibration())


def _fly(scenario: Scenario, ticks: int) -> tuple[bytes, Nor]:
    """Counts and switches of each tick as the 64-bit interpreter flies it, closed loop."""
    plant = _plant(scenario)
    pins = bytearray()
    target = open_target("unix")
    try:
        target.start(_memory(scenario, plant), 0)
        for tick in range(ticks):
            pins += plant.counts.tobytes() + array("H", [plant.switches]).tobytes()
            plant.step(target.tick(plant.counts, plant.fresh, plant.switches, tick).drive_word)
    finally:
        target.close()
    return bytes(pins), _memory(scenario, plant)


def _board_rows(uf2: Path, scenario: Scenario) -> list[dict[str, Any]]:
    """Of the whole firmware behind its real board: boot, and a tick with sampling, transfer and link."""
    from isoloop.targets.pico import open_pico

    target = open_pico()
    link = LinkDecoder()
    faults = 0
    plant = _plant(replace(scenario, events=()))
    cycles = []
    try:
        target.start(_memory(scenario, plant), 0)
        for tick in range(14):
            before = target.chip.cycles
            answer = target.tick(plant.counts, plant.fresh, plant.switches, tick)
            cycles.append(target.chip.cycles - before)
            plant.step(answer.drive_word)
            reports = link.feed(answer.downlink)
            faults += sum(isinstance(report, EventReport) and report.event.name == "ALLOCATION" for report in reports)
    finally:
        target.close()
    quiet = sorted(cycles[1:9])[4]
    return [
        _row("full tick, worst case", max(cycles[1:]), "cycles", f"<= {TICK_MAX_CYCLES}", TICK_MAX_CYCLES),
        _row("full tick, quiet, median", quiet, "cycles", f"<= {TICK_MAX_CYCLES}", TICK_MAX_CYCLES),
        _row("boot to first sample", target.boot_s, "s", f"<= {BOOT_MAX_S:g}", BOOT_MAX_S),
        _row("allocation faults, 14 ticks", faults, "ticks", "<= 0", 0),
    ]
