"""`isoloop bench cycle`: exact processor cycles of the flight application on the emulated Pico, from the image that is flashed."""

from __future__ import annotations

from array import array
from pathlib import Path
from statistics import median_low
from typing import Any

from isoloop.bench import cycle_variants, feigned_chip
from isoloop.errors import EXIT_EXPECTATION, EXIT_OK, UsageError
from isoloop.flight.records import build_nor
from isoloop.link.decoder import EventReport, LinkDecoder, StructureReport
from isoloop.plant import Plant, PlantEvent
from isoloop.schema import Scenario, load_scenario
from isoloop.targets import Nor, open_target

CLOCK_HZ = 125_000_000
STEP_MAX_CYCLES = 125_000
TICK_MAX_CYCLES = 400_000
FREE_HEAP_MIN_BYTES = 100_000
BOOT_MAX_S = 1.5
TELEMETRY_MAX_S = 2.0
COMMAND = "isoloop bench cycle"
TICKS = 300
LEAK_TICK = 20
FULL_TICKS = 3000
BOARD_LEAK_TICK = 60
_STARTED = 20
"""Of those: what a start does once is done, the first telemetry told."""
_PUMP = 1 << 14
_ROW_BYTES = 34
_LIMIT_S = 120.0
_CONVERTER_CYCLES = (256 * 2 + 16 * 5) * CLOCK_HZ // 1_000_000
"""Of a tick's sampling: 256 conversions of 2 us each, which are polled, and 5 us for the multiplexer to settle on each channel."""

_SNIPPET = """
import gc
import stopwatch
from array import array
from micropython import heap_lock, heap_unlock
from boards import reference
from tcs.app import App
rows = open("/rows.bin", "rb")
CHIP
class Board(Feigned):
    def __init__(self):
        self.counts = array("H", bytes(32))
        self.head = array("H", bytes(2))
        self.fresh, self.switches, self.tick, self.reset_cause = 0xFFFF, 0, 0, 0
        self.rx, self.rx_count, self.link = bytearray(2048), 0, None
    def ticks_us(self): return 0
board = Board()
app = App(board, reference.KINDS, reference.LOWS, reference.HIGHS, reference.ADC)
gc.collect()
start, stop = stopwatch.start, stopwatch.stop
places = bytearray(64)
used = array("i", (0,))
def mark(place):
    stop()
    places[used[0]] = place
    used[0] += 1
    start()
def nothing(): pass
class Empty: pass
empty = Empty()
empty.stage = nothing
PROBES
def told():
    print("T", *[places[i] for i in range(used[0])])
    used[0] = 0
for i in range(3):
    start()
    empty.stage()
    stop()
    told()
settle, keep, cycle, ground = app.memory.settle, app.memory.keep, app.cycle, app.ground.step
while rows.readinto(board.counts) == 32:
    rows.readinto(board.head)
    board.switches = board.head[0]
    tick = board.tick
    start()
    settle()
    mark(0)
    heap_lock()
    try:
        cycle(tick)
    except MemoryError:
        print("E", tick)
    heap_unlock()
    mark(7)
    ground(tick)
    mark(8)
    keep()
    stop()
    told()
    app.link.drain(2048)
    board.tick += 1
print("K")
from tcs import carry_kernel as ck, detector_kernel as dk, inventory_kernel as ik
from tcs import pressure_kernel as pk, sensing_kernel as sk, temperatures_kernel as tk
s, v, d, h = app.sensing, app.inventory, app.detector, app.detector.history
p = s.p_comp_pa
def kernels():
    start(); stop()
    start(); sk.sense(board.counts, 0xFFFF, board.tick, s.state, s._cfg); stop()
    start(); pk.vote(p, p, p, p, 1, s.vote, s._vote_cfg); stop()
    start(); ck.heads(s.state, 7, s.reference); stop()
    start(); pk.reference(p, 3, 1, 0, s.reference); stop()
    start(); ck.temperatures(s.state, s.vote, v.state); stop()
    start(); tk.estimate(1, v.state, v._cfg); stop()
    start(); ik.account(p, 7, 1, 63, v.state, v._cfg); stop()
    start(); ck.sample(v.state, s.vote, s.state, p, p, d._sample); stop()
    start(); dk.accumulate(d._sample, d.state, d._cfg); stop()
    start(); dk.detect(v.state[5], 3, 120, 0, 1, d.state, d._cfg); stop()
    start(); ck.record(0, 40, d.state, h.newest, h.filled, h.fresh, h.rings[0], h.channels[0], 9); stop()
for i in range(5): kernels()
"""

_PROBE = """
stage_{place} = {owner}.{name}
def probe_{place}({arguments}):
    mark({place})
    found = stage_{place}({arguments})
    mark({around})
    return found
{owner}.{name} = probe_{place}
"""
"""Plain functions and no closures: one of those allocates when it is called with four arguments, under heap_lock."""
_KERNELS = ("sense", "vote", "heads", "reference", "temperatures", "estimate", "account", "sample", "accumulate", "detect", "record")
_STEP, _WATCHES, _RECOVERY, _SAFE_STATE, _BLACK_BOX, _CREW, _TELEMETRY, _GROUND, _KEEP, _EMPTY, _RATE = range(11)
_SETTLE = _RATE + 1
_CYCLE = ("leak rate", "watches", "recovery", "crew's figures", "telemetry", "whole cycle")
"""Parts whose worst case is shown: what touches the memory chip, which this bench's board only feigns, is the full tick's to show."""
_AROUND = {_CREW: _TELEMETRY}
"""The stage that calls another one, where that is not the cycle itself."""
_PROBES = (
    (_EMPTY, "empty", "stage", ""),
    (_RATE, "app", "_estimate", "a"),
    (_WATCHES, "app.watches", "step", "a, b"),
    (_RECOVERY, "app.recovery", "step", "a, b, c, d"),
    (_SAFE_STATE, "app.safe_state", "step", ""),
    (_BLACK_BOX, "app.black_box", "step", "a, b, c, d, e"),
    (_CREW, "app.crew", "step", "a, b"),
    (_TELEMETRY, "app", "_report", "a, b"),
)
_PARTS: tuple[tuple[str, tuple[int, ...], int | None], ...] = (
    ("control step", (_STEP,), STEP_MAX_CYCLES),
    ("leak rate", (_RATE,), None),
    ("watches", (_WATCHES,), None),
    ("recovery", (_RECOVERY,), None),
    ("crew's figures", (_CREW,), None),
    ("safe state, black box", (_SAFE_STATE, _BLACK_BOX), None),
    ("telemetry", (_TELEMETRY,), None),
    ("ground", (_GROUND,), None),
    ("memory's copies", (_SETTLE, _KEEP), None),
    ("whole cycle", (_STEP, _RATE, _WATCHES, _RECOVERY, _CREW, _SAFE_STATE, _BLACK_BOX, _TELEMETRY), None),
)
"""Step: sensing, data path, inventory, detector, isolation, valves, diagnosis, and the code that joins them."""

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
    probes = "".join(
        _PROBE.format(place=place, around=_AROUND.get(place, _STEP), owner=owner, name=name, arguments=arguments)
        for place, owner, name, arguments in _PROBES
    )
    source = _SNIPPET.replace("CHIP", feigned_chip.SNIPPET).replace("PROBES", probes)
    files = {"rows.bin": pins, feigned_chip.FILE: bytes(nor.data)}
    done = run_python(uf2, source, files, _LIMIT_S)
    told, kernels = _ticks(done.output, done.spans_cycles)
    rows = []
    for name, places, most in _PARTS:
        each = [sum(tick[place] for place in places) for tick in told[1:]]
        if most or name in _CYCLE:
            rows += _worst(name, each, LEAK_TICK - 1, most)
        quiet = sorted(each[: LEAK_TICK - 1])
        rows.append(_row(f"{name}, quiet, median", quiet[len(quiet) // 2], "cycles", "", None))
    step = next(row["value"] for row in rows if row["name"] == "control step, quiet, median")
    return [
        *rows,
        _row("kernels of the quiet step", sum(kernels.values()), "cycles", "", None),
        _row("their share", round(100 * sum(kernels.values()) / step, 1), "%", "", None),
        *(_row(f"kernel {name}", cycles, "cycles", "", None) for name, cycles in kernels.items()),
        *_variant_rows(uf2, source, files),
        *_board_rows(scenario, ticks),
    ]


def _variant_rows(uf2: Path, source: str, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The same step in bytecode alone and with floats, over the ticks in which nothing leaks."""
    from isoloop.emulator import run_python
    from isoloop.kernels import firmware

    quiet = {**files, "rows.bin": files["rows.bin"][: _ROW_BYTES * LEAK_TICK]}
    done = run_python(uf2, cycle_variants.BYTECODE + source, {**quiet, **cycle_variants.bytecode_files()}, _LIMIT_S)
    told, _ = _ticks(done.output, done.spans_cycles)
    bytecode = sorted(tick[_STEP] for tick in told[1 : LEAK_TICK - 1])
    params = firmware("tcs.params").Params().values
    done = run_python(uf2, cycle_variants.FLOATS, {**quiet, **cycle_variants.float_files(params)}, _LIMIT_S)
    floats = sorted(done.spans_cycles[1:])
    taken = sorted(int(line.split()[1]) for line in done.output.splitlines() if line.startswith("A"))
    return [
        _row("step in bytecode alone, quiet, median", bytecode[len(bytecode) // 2], "cycles", "", None),
        _row("step with floats, quiet, median", floats[len(floats) // 2], "cycles", "", None),
        _row("what it allocates, median", taken[len(taken) // 2], "B", "", None),
    ]


def _ticks(output: str, spans: list[int]) -> tuple[list[list[int]], dict[str, int]]:
    """Cycles by tick and place, what the probes cost taken off; and of each kernel alone, the least of five calls.

    Each line `T a b c` of the output names the places that the spans after a tick's first one belong to: a stage begins at its mark and
    the one around it goes on behind it.
    """
    lines = [[int(word) for word in line.split()[1:]] for line in output.splitlines() if line.startswith("T")]
    at = 0
    found: list[list[int]] = []
    empty: list[list[int]] = []
    for line in lines:
        own = spans[at : at + len(line) + 1]
        at += len(own)
        if _EMPTY in line:
            empty.append(own)
            continue
        # What a probe adds to the stage it stands around, and to the one that calls it.
        inner = min(row[1] for row in empty)
        outer = min(row[0] + row[2] for row in empty) - inner
        tick = [0] * (_SETTLE + 1)
        tick[_SETTLE] = own[0]
        for place, cycles in zip(line, own[1:], strict=True):
            tick[place] += cycles - (inner if place else 0)
        stages = sum(1 for place in line if 0 < place < _GROUND or place == _RATE)
        tick[_STEP] -= stages * outer + inner
        found.append(tick)
    alone = spans[at:]
    rounds = [alone[i : i + 1 + len(_KERNELS)] for i in range(0, len(alone), 1 + len(_KERNELS))]
    return found, {name: min(row[1 + i] - row[0] for row in rounds) for i, name in enumerate(_KERNELS)}


def bench(full: bool, json: bool) -> int:
    """Measure, print and return the exit code."""
    from isoloop import jsonout

    rows = measure(full)
    if json:
        jsonout.emit({"bench": "cycle", "rows": rows})
    else:
        for row in rows:
            mark = "ok" if row["ok"] else "MISSED"
            print(f"{row['name']:<38} {row['value']:>12,.7g} {row['unit']:<7} want {row['want'] or '-':<12} {mark}")
        if not full:
            print(f"cut: the first {TICKS} ticks of ms22, its hole open from tick {LEAK_TICK} on; --full takes {FULL_TICKS}")
    return EXIT_OK if all(row["ok"] for row in rows) else EXIT_EXPECTATION


def _row(name: str, value: float, unit: str, want: str, most: float | None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "want": want, "ok": most is None or value <= most, "command": COMMAND}


def _plant(scenario: Scenario, leak_tick: int = LEAK_TICK) -> Plant:
    at_s = leak_tick * scenario.tick_ms / 1000
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


def _worst(name: str, each: list[int], before_leak: int, most: int | None) -> list[dict[str, Any]]:
    """The worst case of all ticks; where something is wanted of it, also before anything leaks, and how many are above."""
    found = [_row(f"{name}, worst case", max(each), "cycles", f"<= {most}" if most else "", most)]
    if most:
        found.append(_row(f"{name}, worst before the leak", max(each[:before_leak]), "cycles", "", None))
        found.append(_row(f"{name}, ticks above {most}", sum(cycles > most for cycles in each), f"of {len(each)}", "", None))
    return found


def _board_rows(scenario: Scenario, ticks: int) -> list[dict[str, Any]]:
    """Of the whole firmware behind its real board: boot, a tick with sampling, transfer and link, and the heap that it telemeters."""
    from isoloop.targets.pico import open_pico

    target = open_pico()
    link = LinkDecoder()
    faults = 0
    free_heap = 0
    telemetry_s = 0.0
    plant = _plant(scenario, BOARD_LEAK_TICK)
    cycles = []
    work = []
    flash = []
    try:
        target.start(_memory(scenario, plant), 0)
        powered_s = target.chip.time_s - target.boot_s
        for tick in range(ticks):
            before = target.chip.cycles
            flash_before = target.chip.flash_cycles
            answer = target.tick(plant.counts, plant.fresh, plant.switches, tick)
            cycles.append(target.chip.cycles - before)
            flash.append(target.chip.flash_cycles - flash_before)
            # Before its first conversion the firmware sleeps, the last of it awake.
            work.append(target.chip.cycles - target.sampled_at_cycles - _CONVERTER_CYCLES - flash[-1])
            plant.step(answer.drive_word)
            reports = link.feed(answer.downlink)
            if reports and not telemetry_s:
                telemetry_s = target.chip.time_s - powered_s
            faults += sum(isinstance(report, EventReport) and report.event.name == "ALLOCATION" for report in reports)
            for report in reports:
                if isinstance(report, StructureReport) and report.structure.name == "platform":
                    free_heap = report.values[[field.name for field in report.structure.fields].index("free_heap_bytes")]
    finally:
        target.close()
    quiet = slice(_STARTED, BOARD_LEAK_TICK)
    return [
        *_worst("full tick", work[1:], BOARD_LEAK_TICK - 1, TICK_MAX_CYCLES),
        _row("full tick, quiet, median", median_low(work[quiet]), "cycles", f"<= {TICK_MAX_CYCLES}", TICK_MAX_CYCLES),
        _row("the same with its waiting", median_low(cycles[quiet]), "cycles", "", None),
        _row("of it waiting for the converter", _CONVERTER_CYCLES, "cycles", "", None),
        _row("waiting for the flash chip, worst case", max(flash), "cycles", "", None),
        _row("boot to first sample", target.boot_s, "s", f"<= {BOOT_MAX_S:g}", BOOT_MAX_S),
        _row("boot to first telemetry, to the tick", telemetry_s, "s", f"<= {TELEMETRY_MAX_S:g}", TELEMETRY_MAX_S),
        _row("allocation faults", faults, "ticks", "<= 0", 0),
        {**_row("free heap after start", free_heap, "B", f">= {FREE_HEAP_MIN_BYTES}", None), "ok": free_heap >= FREE_HEAP_MIN_BYTES},
    ]
