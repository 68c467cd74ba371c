"""The control step as one would write it first: floats and lists. `isoloop bench cycle` times it beside the one that is flashed.

It runs on the chip as it stands, and on CPython. Of the quiet step it has what costs: sixteen channels corrected, calibrated and checked;
the compensator's vote with learned offsets; heads; temperatures with their lag undone; gas law, expansion of each line; the bank of eight
CUSUM stages on block means of all that it weighs. It decides nothing: no isolation, no valve, no fit of a ramp, no event. What it computes
is checked against the kernels (tests/unit/test_bench_float_step.py).
"""

OK, OPEN, SHORT, STUCK = 0, 1, 2, 3
BLOCKS = (1, 3, 9, 27, 81, 243, 729, 2187)


class FloatStep:
    """.pressure_pa, .inventory_ml, .top (largest statistic over its threshold).

    lows, highs: of each channel at 10 % and 90 % of the supply, Pa or degC; adc: measured and ideal counts; pv_j: of the gas at 20 degC;
    gas_max_ml, volumes_ml: of the compensator, and of supply, return and three radiators; start_degc, expansion_ppm: of the coolant's
    volume against 20 degC, every 5 K.
    """

    def __init__(
        self,
        lows: list[float],
        highs: list[float],
        adc: list[int],
        pv_j: float,
        gas_max_ml: float,
        volumes_ml: list[float],
        start_degc: float,
        expansion_ppm: list[int],
    ) -> None:
        self.lows = [float(low) for low in lows]
        self.spans = [float(high - low) for low, high in zip(lows, highs)]  # noqa: B905 - MicroPython's has no `strict`
        half = len(adc) // 2
        self.measured = [float(count) for count in adc[:half]]
        self.ideal = [float(count) for count in adc[half:]]
        self.pv_j = pv_j
        self.gas_max_ml = gas_max_ml
        self.volumes_ml = volumes_ml
        self.start_degc = start_degc
        self.expansion = [ppm * 1e-6 for ppm in expansion_ppm]
        self.raw = [0.0] * 16
        self.value = [0.0] * 16
        self.rough = [0.0] * 16
        self.same = [0] * 16
        self.status = [OK] * 16
        self.v_ref = 32760.0
        self.offset = [0.0] * 3
        self.heads = [0.0] * 4
        self.started = False
        self.smooth = [0.0] * 6
        self.low = [0.0] * 6
        self.best = [0.0] * 6
        self.gas_low_ml = 0.0
        self.sums = [[0.0] * 16 for _ in BLOCKS]
        self.counts = [0] * len(BLOCKS)
        self.reference = [[0.0] * 16 for _ in BLOCKS]
        self.has_reference = [False] * len(BLOCKS)
        self.excess = [0.0] * len(BLOCKS)
        self.noise_ml = 0.3
        self.last_ml = 0.0
        self.pressure_pa = 0.0
        self.inventory_ml = 0.0
        self.top = 0.0

    def step(self, counts: list[int]) -> None:
        """One tick: sixteen sums of sixteen conversions, 0..65520."""
        self.sense(counts)
        self.vote()
        self.temperatures()
        self.inventory()
        self.detect()
        self.started = True

    def sense(self, counts: list[int]) -> None:
        """Counts -> values and statuses."""
        self.v_ref += (self.correct(counts[15]) - self.v_ref) / 256
        for channel in range(16):
            x = self.correct(counts[channel])
            ratio = x / (2 * self.v_ref)
            change = x - self.raw[channel]
            self.rough[channel] += (abs(change) - self.rough[channel]) / 64
            self.same[channel] = self.same[channel] + 1 if change == 0 else 0
            self.raw[channel] = x
            if ratio < 0.05:
                self.status[channel] = OPEN
            elif ratio > 0.95:
                self.status[channel] = SHORT
            elif self.same[channel] > 50:
                self.status[channel] = STUCK
            else:
                self.status[channel] = OK
                self.value[channel] = self.lows[channel] + self.spans[channel] * (ratio - 0.1) / 0.8

    def correct(self, count: int) -> float:
        """The converter's table, straight lines between its points."""
        measured = self.measured
        i = 0
        while i < len(measured) - 2 and measured[i + 1] <= count:
            i += 1
        share = (count - measured[i]) / (measured[i + 1] - measured[i])
        return self.ideal[i] + share * (self.ideal[i + 1] - self.ideal[i])

    def vote(self) -> None:
        """Three compensator sensors less their learned offsets; pump and radiators above them."""
        mean = sum(self.value[:3]) / 3
        total = 0.0
        known = 0
        for i in range(3):
            off = self.value[i] - mean
            if self.status[i] == OK and abs(off - self.offset[i]) < 600:
                total += self.value[i] - self.offset[i]
                known += 1
                self.offset[i] += (off - self.offset[i]) / 4096
        if known:
            self.pressure_pa = total / known
        for i in range(4):
            self.heads[i] += (self.value[3 + i] - self.pressure_pa - self.heads[i]) / 100

    def temperatures(self) -> None:
        """Gas, supply, return, radiators: smoothed, and the sensor's lag undone by a lead."""
        for i in range(6):
            x = self.value[8 + i]
            smooth = self.smooth[i]
            if not self.started:
                smooth = x
                self.low[i] = x
            smooth += (x - smooth) / 30
            self.low[i] += (smooth - self.low[i]) / 27
            self.smooth[i] = smooth
            self.best[i] = smooth + 4 * (smooth - self.low[i])

    def inventory(self) -> None:
        """Gas law, the gas's heat, and what each line and the compensator hold, as at 20 degC."""
        gas = self.pv_j * 1e6 * (1 + (self.best[0] - 20) / 293.15) / self.pressure_pa
        if not self.started:
            self.gas_low_ml = gas
        gas -= (gas - self.gas_low_ml) * 2 / 7
        self.gas_low_ml += (gas - self.gas_low_ml) / 100
        total = 0.0
        for i in range(5):
            total += self.volumes_ml[i] * self.relative(self.best[1 + i])
        total += (self.gas_max_ml - gas) * self.relative(self.best[2])
        self.inventory_ml = total

    def relative(self, degc: float) -> float:
        """Density over that at 20 degC."""
        at = (degc - self.start_degc) / 5
        i = max(0, min(len(self.expansion) - 2, int(at)))
        return 1 + self.expansion[i] + (self.expansion[i + 1] - self.expansion[i]) * (at - i)

    def detect(self) -> None:
        """Block means of inventory, pressures, temperatures and supply through one-sided CUSUM tests at eight rates."""
        sample = [self.inventory_ml, self.v_ref, sum(self.heads)]
        sample += self.value[:3] + self.best + self.value[7:11]
        if self.started:
            self.noise_ml += (abs(self.inventory_ml - self.last_ml) * 0.886 - self.noise_ml) / 500
        self.last_ml = self.inventory_ml
        self.top = 0.0
        for stage in range(len(BLOCKS)):
            sums = self.sums[stage]
            for i in range(16):
                sums[i] += sample[i]
            self.counts[stage] += 1
            if self.counts[stage] >= BLOCKS[stage]:
                means = [each / BLOCKS[stage] for each in sums]
                if not self.has_reference[stage]:
                    self.reference[stage] = means
                    self.has_reference[stage] = True
                reference = self.reference[stage]
                noise = max(self.noise_ml, 0.1) / BLOCKS[stage] ** 0.5
                self.excess[stage] = max(0.0, self.excess[stage] + reference[0] - means[0] - noise / 2)
                if self.excess[stage] == 0.0:
                    self.reference[stage] = [old + (new - old) / 8 for old, new in zip(reference, means)]  # noqa: B905 - as above
                self.counts[stage] = 0
                for i in range(16):
                    sums[i] = 0.0
            self.top = max(self.top, self.excess[stage] / (8 * max(self.noise_ml, 0.1)))
