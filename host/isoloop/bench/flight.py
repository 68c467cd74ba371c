"""One simulated flight of plant and detector: the compiled loop runs the ticks, the flight class gives the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isoloop.bench import chain as c
from isoloop.bench.classes import stage
from isoloop.kernels import firmware
from isoloop.plant import Plant, PlantConfig, PlantEvent
from isoloop.plant import layout as L

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]

BYPASS_OPEN_WORD = 0x8000 | 1 << 12
BYPASS_SHUT_WORD = 0x8000 | 2 << 12
PUMP_WORD = 0x4000
BYPASS_TRAVEL_S = 4.0
SKIP_S = 120.0
"""Start-up, in which peaks do not count: nothing has been learned yet."""

START_TICKS = 300
"""Start-up is flown by the flight classes tick by tick, settling and all; the compiled loop takes over from them."""

_NO_TRACE = np.zeros((0, 2))


@dataclass(frozen=True)
class Order:
    """Something that the spacecraft does: pump_on, pump_off, bypass_open, bypass_shut, slew (orbit swing K, turn of the phase)."""

    at_s: float
    what: str
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Blame:
    """From here on peaks count for this row."""

    at_s: float
    row: int


def shared(array: Any) -> IntArray:
    """The firmware's own array('i') as numpy sees it; one memory."""
    return np.frombuffer(array, dtype=np.int32)


class Flight:
    """Plant, flight stages and what happened to them.

    Args:
        config: the plant.
        seed: of the plant's noise and as-built differences.
        events: what befalls the plant.
        orders: what the spacecraft does, in order of time.
        blames: what peaks are counted for, in order of time.
        rows: number of rows of `peaks`.
        params: flight parameters that differ from the dictionary's, by name.
    """

    def __init__(
        self,
        config: PlantConfig,
        seed: int,
        events: Sequence[PlantEvent] = (),
        orders: Sequence[Order] = (),
        blames: Sequence[Blame] = (),
        rows: int = 1,
        params: dict[str, int] | None = None,
    ) -> None:
        tables = firmware("tcs.tables")
        board = firmware("boards.reference")
        self._plant = plant = Plant(config, seed, 100, events)
        values = list(tables.PARAM_DEFAULTS)
        for name, number in {**plant.firmware_params(), **(params or {})}.items():
            values[getattr(tables, "P_" + name.upper())] = number
        calibration = plant.calibration()
        kinds, lows, highs = ([row[i] for row in calibration] for i in range(3))
        self.sensing = stage("sensing").Sensing(kinds, lows, highs, board.ADC, values)
        self.inventory = stage("inventory").Inventory(values)
        self.detector = stage("detector").Detector(values)
        self.detector._standing = stage("standing").Standing()
        self._rate_class = stage("leak_rate").LeakRate  # now, so that a long run is of one version of the sources
        self.params = values
        self._rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence((seed, 0xB))))
        s, inv, det = self.sensing, self.inventory, self.detector
        inventory = (inv.state, inv._cfg, inv._neighbours, inv._neighbours_cfg)
        self._kernels = [shared(a) for a in (s.state, s._cfg, s.vote, s._vote_cfg, s.reference, *inventory, det.state, det._cfg)]
        history = det.history
        rings = (*history.rings, *history.channels)
        self._kernels += [shared(a) for a in (*rings, history.newest, history.filled, history.fresh)]
        self._sample = shared(det._sample)
        self._settle = np.zeros(4, np.int32)
        self._x = np.zeros(c.X_SIZE, np.int64)
        self._x[c.X_VERDICT] = 2
        self._cfg = np.zeros(c.C_SIZE, np.int64)
        self._cfg[c.C_SUSPECT] = values[tables.P_SUSPECT_PERMILLE]
        self._cfg[c.C_HEAD_PUMP_PA] = values[tables.P_HEAD_PUMP_PA]
        self._cfg[c.C_HEAD_RAD_PA] = values[tables.P_HEAD_RAD_PA]
        self._cfg[c.C_GATE] = values[tables.P_RAMP_GATE_PERMILLE]
        self._cfg[c.C_SKIP_TICKS] = round(SKIP_S * 10)
        self._clear_ticks = values[tables.P_CLEAR_MS] // 100
        self._suspect_until = -1
        self.suspects = 0
        """Suspect episodes, a clear time apart."""
        self.suspect_s = 0.0
        self._suspect_state = int(tables.ST_VERDICT_SUSPECT)
        self._stale_state = int(tables.ST_VERDICT_STALE)
        self._leak_state = int(tables.ST_VERDICT_LEAK)
        self.peaks = np.zeros((rows, c.STAGES + 1), np.int64)
        self._orders = sorted(orders, key=lambda order: order.at_s)
        self._blames = sorted(blames, key=lambda blame: blame.at_s)
        self._pump_on = 1
        self._bypass = 0
        self._bypass_until = 0
        self._valve_bits = 0
        self._valves_until = 0
        self._slow = np.zeros((5, L.CHANNELS))
        self._slow[0] = plant._offset
        self._slow[1:4] = plant._slow
        self.tick = 0
        self.alarms: list[tuple[float, int, int]] = []  # s, stage, row of peaks
        self.judged = 0

    @property
    def truth(self) -> FloatArray:
        """The plant's truth, named by isoloop.plant.TRUTH_NAMES."""
        return self._plant.truth

    def fly(self, seconds: float, on_alarm: Callable[[], bool] | None = None, trace: FloatArray | None = None) -> bool:
        """Fly on. on_alarm: called at a leak verdict; the flight ends (True) when it says so, else the detector is rearmed and goes on.

        trace: (ticks, 2) array that takes voted kPa and inventory mL of each tick.
        """
        end = self.tick + round(seconds * 10)
        start = self.tick
        while self.tick < end:
            until = min(end, self._obey())
            if self.tick < START_TICKS:
                if trace is not None:
                    trace[self.tick - start] = self.sensing.p_comp_pa * 1e-3, self.inventory.inventory_ul * 1e-3
                called = self._start()
            else:
                self._advance(until, trace[self.tick - start :] if trace is not None else None)
                called = self._judge()
            if called:
                stop = on_alarm() if on_alarm is not None else False
                self.alarms.append(((self.tick - 1) / 10.0, int(self.detector.stage), int(self._x[c.X_CAUSE])))
                if stop:
                    return True
                self.detector.rearm()
                self._x[c.X_VERDICT] = 0
        return False

    def fly_on(self, seconds: float, trace: FloatArray | None = None) -> None:
        """Fly on past a verdict that stays latched."""
        asked = self._cfg[c.C_SUSPECT], self._cfg[c.C_GATE]
        self._cfg[c.C_SUSPECT] = self._cfg[c.C_GATE] = 1 << 40
        end = self.tick + round(seconds * 10)
        start = self.tick
        while self.tick < end:
            self._x[c.X_VERDICT] = 1
            self._advance(min(end, self._obey()), trace[self.tick - start :] if trace is not None else None)
        self._cfg[c.C_SUSPECT], self._cfg[c.C_GATE] = asked

    def begin_rate(self) -> Any:
        """The flight's rate estimate, begun at the verdict that has just been given."""
        self._share()
        self.rate = self._rate_class(self.params, self.inventory.density_kg_m3)
        self.rate.begin(self.detector, self.sensing, self.inventory, self.tick - 1)
        return self.rate

    def refine_rate(self) -> None:
        """One more tick with the verdict latched, and what the estimate makes of it."""
        self.fly_on(0.1)
        self._share()
        self.detector.new_base = 1
        self.rate.refine(self.detector, self.inventory, self.tick - 1)

    def _advance(self, until: int, trace: FloatArray | None) -> None:
        plant = self._plant
        part = trace[: until - self.tick] if trace is not None else _NO_TRACE
        self.tick += c.chain().fly(
            until - self.tick, self.tick, self._drive_word(), self._pump_on, self._rng, plant._S, plant._P, plant._noise, plant.counts,
            self._slow, *self._kernels, self._sample, self._settle, self._x, self._cfg, self.peaks, part,
        )  # fmt: skip
        if self._x[c.X_RESUME]:
            self.detector._gap_ticks = int(self._x[c.X_GAP_TICKS])
            self.detector._close_gap(self.inventory)
            self._x[c.X_GAP_TICKS] = 0
            self._x[c.X_JUDGE] = 0

    def _start(self) -> bool:
        """One tick of the start-up, by the classes; True for a leak."""
        plant, sensing, detector = self._plant, self.sensing, self.detector
        was = detector.verdict
        sensing.update(plant.counts, 0xFFFF, self.tick, 0 if was == self._suspect_state else 1, 7)
        heads = int(self._cfg[c.C_HEAD_PUMP_PA]), int(self._cfg[c.C_HEAD_RAD_PA])
        profile = int(self.inventory.state[firmware("tcs.inventory_kernel").I_PROFILE_Q20])
        flowing = self._pump_on and stage("carry_kernel").flows(sensing.reference, sensing.p_comp_pa, *heads, profile)
        self.inventory.update(sensing, 7, flowing, True)
        verdict = detector.update(sensing, self.inventory, True, self.tick)
        self.tick += 1
        c.chain().plant_tick(
            self.tick, self._drive_word(), self._rng, plant._S, plant._P, plant._noise, plant.counts, self._slow
        )  # fmt: skip
        self._x[c.X_VERDICT] = 1 if verdict == self._suspect_state else 2 if verdict == self._stale_state else 0
        self._x[c.X_GAP_TICKS] = detector._gap_ticks
        self._x[c.X_STOPS] = detector._stops
        self._settle[:3] = sensing._settle_ticks, 1, int(detector._had_reference)
        return bool(verdict == self._leak_state)

    def _share(self) -> None:
        """What the flight classes hold besides their arrays."""
        vote = self._kernels[2]
        self.sensing.p_comp_pa, self.sensing.members, self.sensing.votes = int(vote[0]), int(vote[1]), int(vote[2])
        kernel = firmware("tcs.inventory_kernel")
        self.inventory.status = int(self.inventory.state[kernel.I_STATUS])
        self.inventory.inventory_ul = int(self.inventory.state[kernel.I_INVENTORY_UL])

    def _judge(self) -> bool:
        """Let the flight class decide on this tick's statistic, as Detector.update does; True for a leak."""
        self.judged += 1
        if not self._x[c.X_JUDGE]:
            return False
        self._share()
        detector = self.detector
        detector.top_permille = int(self._x[c.X_TOP])
        detector.verdict = detector._judge(self.sensing, self.inventory, self.tick - 1)
        peaks = self.peaks[self._x[c.X_CAUSE]]
        if self.tick > self._cfg[c.C_SKIP_TICKS]:
            peaks[c.STAGES] = max(peaks[c.STAGES], detector.ramp_permille)
        if detector.verdict == self._suspect_state:
            self._x[c.X_VERDICT] = 1
            if self.tick > self._suspect_until:
                self.suspects += 1
            self._suspect_until = self.tick + self._clear_ticks
            self.suspect_s += 0.1
        detector._stops = int(self._x[c.X_STOPS])
        detector._mind_stops(self.inventory)
        self._x[c.X_STOPS] = detector._stops
        return bool(detector.verdict == self._leak_state)

    def _drive_word(self) -> int:
        word = PUMP_WORD if self._pump_on else 0
        if self.tick < self._bypass_until:
            word |= self._bypass
        if self.tick < self._valves_until:
            word |= BYPASS_OPEN_WORD | self._valve_bits
        return word

    def drive(self, valve_bits: int, seconds: float) -> None:
        """Isolate from here on: the bypass is driven open, and these radiator valves as the drive word has them."""
        self._valve_bits = valve_bits
        self._valves_until = self.tick + round(seconds * 10)

    def _obey(self) -> int:
        """Whatever is due at this tick; returns the tick of the next thing."""
        plant = self._plant
        due = [1 << 60]
        plant.tick = self.tick
        while plant._next_change != -1 and plant._next_change <= self.tick:
            plant._schedule.apply(plant._next_change, plant._P, plant._bias)
            plant._next_change = plant._schedule.next_after(plant._next_change)
            self._slow[4] = plant._bias
            plant._write_offsets()
        if plant._next_change != -1:
            due.append(plant._next_change)
        while self._orders and round(self._orders[0].at_s * 10) <= self.tick:
            self._execute(self._orders.pop(0))
        if self._orders:
            due.append(round(self._orders[0].at_s * 10))
        while self._blames and round(self._blames[0].at_s * 10) <= self.tick:
            self._x[c.X_CAUSE] = self._blames.pop(0).row
        if self._blames:
            due.append(round(self._blames[0].at_s * 10))
        if self._bypass_until > self.tick:
            due.append(self._bypass_until)
        return min(due)

    def _execute(self, order: Order) -> None:
        what = order.what
        if what == "slew":
            swing_k, turn = order.values
            base, P = self._plant._schedule._base, self._plant._P
            base[L.P_SINK_SWING_K] = swing_k * P[L.P_SINK_PER_K]
            base[L.P_PHASE_RAD] += 2.0 * np.pi * turn
            P[L.P_SINK_SWING_K], P[L.P_PHASE_RAD] = base[L.P_SINK_SWING_K], base[L.P_PHASE_RAD]
        elif what.startswith("pump"):
            self._pump_on = 1 if what == "pump_on" else 0
            self._settle[0] = self.sensing.settle_ticks
        else:
            self._bypass = BYPASS_OPEN_WORD if what == "bypass_open" else BYPASS_SHUT_WORD
            self._bypass_until = self.tick + round(BYPASS_TRAVEL_S * 10)
            self.inventory.disturb(firmware("tcs.app")._BYPASS_UL)
