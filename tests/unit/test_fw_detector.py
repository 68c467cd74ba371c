"""The detector behind sensing and inventory: how soon it calls a leak, that noise calls none, what it says of data it cannot judge.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

from array import array

import pytest

from fakes.flight_rig import ALL, CHANNELS, HIGHS, KINDS, LOWS, NOMINAL, P_CABIN, STRAIGHT_ADC, Noise, counts_of, parameters
from tcs import detector_kernel as dk
from tcs import standing_kernel as ek
from tcs import tables
from tcs.detector import Detector
from tcs.detector_bank import configure
from tcs.inventory import Inventory
from tcs.sensing import Sensing

GAS_ML = 358000.0 / 118.0
NOISE_COUNTS = 61  # triangular: 25 counts rms are the 0.12 kPa of the reference noise
LEAK = tables.ST_VERDICT_LEAK
T_RAD1 = 11


class Chain:
    """A loop at 20 C whose gas takes the room that the leak leaves; isothermal."""

    def __init__(self, seed=1, noise_counts=NOISE_COUNTS):
        params = parameters()
        self.sensing = Sensing(KINDS, LOWS, HIGHS, STRAIGHT_ADC, params)
        self.inventory = Inventory(params)
        self.detector = Detector(params)
        self.noise = Noise(seed)
        self.noise_counts = noise_counts
        self.counts = array("H", [0] * CHANNELS)
        self.fixed = [counts_of(channel, NOMINAL[channel]) for channel in range(CHANNELS)]
        self.lost_ml = 0.0
        self.tick = 0
        self.is_blind = False
        self.is_open = [False, False, False]  # compensator sensors
        self.offsets_pa = [0.0, 0.0, 0.0]
        self.rad1_mc = 0.0  # what the first radiator's sensor is off

    def step(self, rate_ml_s=0.0, trusted=True):
        self.tick += 1
        self.lost_ml += rate_ml_s / 10
        pressure_pa = int(358000000.0 / (GAS_ML + self.lost_ml))
        for channel in range(CHANNELS):
            if channel < P_CABIN:
                offset_pa = int(self.offsets_pa[channel]) if channel < 3 else 0
                raw = counts_of(channel, NOMINAL[channel] - 118000 + pressure_pa + offset_pa) + self.noise.around(self.noise_counts)
                self.counts[channel] = 0 if channel < 3 and (self.is_blind or self.is_open[channel]) else raw
            else:
                fixed = self.fixed[channel] if channel != T_RAD1 else counts_of(channel, NOMINAL[channel] + int(self.rad1_mc))
                self.counts[channel] = fixed + self.noise.around(3)
        verdict = self.detector.verdict
        self.sensing.update(self.counts, ALL, self.tick, 1 if verdict == tables.ST_VERDICT_OK else 0, 7)
        self.inventory.update(self.sensing, 7, 1, trusted)
        return self.detector.update(self.sensing, self.inventory, trusted, self.tick)

    def run(self, ticks, rate_ml_s=0.0, trusted=True):
        """The verdict after so many ticks."""
        for _ in range(ticks):
            verdict = self.step(rate_ml_s, trusted)
        return verdict

    def ticks_to_leak(self, rate_ml_s, limit_ticks):
        for tick in range(1, limit_ticks + 1):
            if self.step(rate_ml_s) == LEAK:
                return tick
        return limit_ticks + 1


@pytest.mark.req("REQ-DET-001", "REQ-SAF-001")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_detector_calls_nothing_on_the_reference_noise(seed) -> None:
    chain = Chain(seed)
    for _ in range(5000):
        assert chain.step() != LEAK
    assert chain.detector.verdict == tables.ST_VERDICT_OK


@pytest.mark.req("REQ-DET-001")
@pytest.mark.parametrize(
    ("rate_ml_s", "limit_s"),
    [(200.0, 0.5), (50.0, 1.0), (6.0, 4.0), (0.8, 20.0), (0.3, 60.0), (0.09, 180.0)],
)
def test_detector_calls_each_size_of_leak_in_its_time(rate_ml_s, limit_s) -> None:
    for seed in (1, 2):
        chain = Chain(seed)
        chain.run(600)
        ticks = chain.ticks_to_leak(rate_ml_s, int(limit_s * 10))
        assert ticks <= limit_s * 10, (rate_ml_s, seed)
        onset_s = chain.detector.onset_tick / 10
        assert 60 - 0.6 * limit_s - 5 <= onset_s <= 60 + limit_s, onset_s


@pytest.mark.req("REQ-SAF-005", "REQ-DET-001")
def test_detector_leak_latches_until_it_is_armed_again() -> None:
    chain = Chain()
    chain.run(300)
    assert chain.run(100, 6.0) == LEAK
    assert chain.run(300) == LEAK
    assert chain.run(5, trusted=False) == LEAK
    chain.is_blind = True
    assert chain.run(50) == LEAK
    chain.is_blind = False
    chain.run(300)
    chain.detector.rearm()
    assert chain.run(200) == tables.ST_VERDICT_OK


@pytest.mark.req("REQ-DET-007")
def test_detector_says_stale_without_an_inventory_and_error_without_trust() -> None:
    chain = Chain()
    assert chain.step() == tables.ST_VERDICT_STALE
    assert chain.run(300) == tables.ST_VERDICT_OK
    assert chain.run(1, trusted=False) == tables.ST_VERDICT_ERROR
    assert chain.run(100) == tables.ST_VERDICT_OK
    chain.is_blind = True
    assert chain.run(2) == tables.ST_VERDICT_STALE
    assert chain.run(500, 1.0) == tables.ST_VERDICT_STALE


@pytest.mark.req("REQ-DET-001")
def test_detector_sees_a_loss_that_happened_while_it_was_blind() -> None:
    chain = Chain()
    chain.run(600)
    chain.is_blind = True
    chain.run(100, 20.0)
    chain.is_blind = False
    assert chain.ticks_to_leak(6.0, 150) <= 150


@pytest.mark.req("REQ-DET-001")
def test_detector_suspects_before_it_calls_and_its_statistics_say_which_stage() -> None:
    chain = Chain()
    chain.run(600)
    verdicts = []
    while not verdicts or verdicts[-1] != LEAK:
        verdict = chain.step(0.3)
        if not verdicts or verdicts[-1] != verdict:
            verdicts.append(verdict)
        assert chain.tick < 2000
    assert tables.ST_VERDICT_SUSPECT in verdicts
    assert 0 <= chain.detector.stage <= 8
    assert max(chain.detector.statistic_permille(stage) for stage in range(8)) >= 300


@pytest.mark.req("REQ-INV-005", "REQ-DET-001")
def test_detector_takes_its_references_anew_each_time_that_a_large_unrest_has_halved() -> None:
    chain = Chain()
    chain.run(400)
    state = chain.detector.state
    stage = dk.D_STAGE + 2 * dk.S_STRIDE
    chain.inventory.disturb(200000)
    chain.lost_ml += 50.0  # hidden in the unrest, and a wrong reference once that is over
    chain.run(100)
    assert state[stage + dk.S_EXCESS_UL] > 30000
    chain.run(4300)  # 600 s ln 2 = 416 s
    assert chain.inventory.unrest_ul() < 100000
    assert state[stage + dk.S_EXCESS_UL] < 5000
    chain.lost_ml += 150.0
    assert chain.ticks_to_leak(0.0, 300) <= 300  # what is more than is still allowed for is called


@pytest.mark.req("REQ-DET-001")
def test_detector_judges_a_slow_stage_by_the_unrest_that_stands_now() -> None:
    chain = Chain()
    chain.run(400)
    state = chain.detector.state
    at = dk.D_STAGE + 6 * dk.S_STRIDE
    state[at + dk.S_EXCESS_UL], state[at + dk.S_THRESHOLD_UL] = 50000, 8000  # of a block that ended before the unrest
    chain.detector.top_permille = 6000
    chain.inventory.disturb(100000)
    assert chain.detector._judge(chain.sensing, chain.inventory, chain.tick) == tables.ST_VERDICT_SUSPECT
    assert not chain.detector.is_single_channel


@pytest.mark.req("REQ-DET-001")
@pytest.mark.parametrize(("pressure_share", "floors"), [(1, 1), (0.5, 2.0)])
def test_detector_lets_the_sensors_drift_count_by_the_gas_that_is_left(pressure_share, floors) -> None:
    """Half the sensitivity of pressure: twice the volume behind the same drift, in the slow stages."""
    params = parameters()
    cfg = configure(params)
    state = array("i", bytes(4 * dk.D_SIZE))
    sample = array("i", bytes(4 * dk.WIDTH))
    nominal = cfg[dk.DC_SENSITIVITY_UL_KPA]
    for _ in range(9000):
        dk.accumulate(sample, state, cfg)
        dk.detect(int(nominal / pressure_share), 3, 0, 0, 0, state, cfg)
    for stage in (2, 3, 4, 5, 6):
        at = dk.D_STAGE + stage * dk.S_STRIDE
        row = dk.DC_STAGE + stage * dk.SC_STRIDE
        gain = state[dk.D_SLOW_NOISE_UL] * cfg[row + dk.SC_GAIN_PERMILLE] / 1000
        floor = cfg[row + dk.SC_FLOOR_UL] * (floors if stage >= dk.FIRST_DRIFT_STAGE else 1)
        assert abs(state[at + dk.S_THRESHOLD_UL] - gain - floor) < 0.02 * (gain + floor) + 20, stage


@pytest.mark.req("REQ-DET-001")
def test_detector_fits_no_ramp_to_what_the_filters_did_as_they_set_out() -> None:
    chain = Chain()
    chain.run(249)
    assert max(chain.detector.history.filled) > 200
    chain.run(20)
    assert max(chain.detector.history.filled) <= 20


@pytest.mark.req("REQ-DET-001", "REQ-SAF-002")
@pytest.mark.parametrize("drift_pa", [-20.0, -2.0, -0.5])
def test_detector_wants_pump_and_radiators_beside_one_of_two_that_contradict_each_other(drift_pa) -> None:
    # One of three open and one of the two that are left drifting: whichever is believed, its own way is no loss.
    chain = Chain()
    chain.is_open[2] = True
    chain.run(600)
    for _ in range(3000):
        chain.offsets_pa[0] = max(-3000.0, chain.offsets_pa[0] + drift_pa)
        assert chain.step() != LEAK
    # A leak shows in all.
    assert chain.ticks_to_leak(6.0, 300) <= 300


@pytest.mark.req("REQ-DET-001", "REQ-SAF-001")
def test_detector_calls_a_leak_by_the_one_sensor_that_is_left_of_three() -> None:
    for rate_ml_s, limit_s in ((50.0, 2.0), (6.0, 10.0), (0.8, 60.0)):
        chain = Chain()
        chain.run(600)
        chain.is_open[0] = chain.is_open[1] = True
        chain.run(1800)
        assert chain.ticks_to_leak(rate_ml_s, int(limit_s * 10)) <= limit_s * 10


@pytest.mark.req("REQ-DET-001", "REQ-SAF-002")
@pytest.mark.parametrize("drift_mc", [3.0, 10.0])
def test_detector_does_not_forget_whose_account_a_loss_is_on_when_that_sensor_comes_back(drift_mc) -> None:
    chain = Chain()
    chain.run(600)
    told = set()
    for _ in range(1200):
        chain.rad1_mc = min(4000.0, chain.rad1_mc + drift_mc)
        told.add(chain.step())
    chain.rad1_mc = 0.0  # a jump of 4 K: no sensor for a while, then one that is right again
    for _ in range(3000):
        told.add(chain.step())
    assert LEAK not in told
    assert tables.ST_VERDICT_SUSPECT in told
    assert chain.ticks_to_leak(6.0, 100) <= 100


@pytest.mark.req("REQ-DET-001", "REQ-SAF-002")
def test_detector_leaves_out_two_temperatures_only_over_more_than_an_hour() -> None:
    change = array("i", [0] * ek.CHANNELS)
    evidence = array("i", [0] * ek.E_SIZE)
    evidence[ek.E_SUPPLY_OK] = 1
    evidence[ek.E_CABIN_PA] = 100000
    for slot in range(6):
        evidence[ek.E_SLOPE + slot] = -9000
    change[ek.CH_TEMP + 1] = 1000  # no neighbour has done the same
    change[ek.CH_TEMP + 2] = 500
    left = []
    for window in (1, ek.PAIR_WINDOW, ek.PAIR_WINDOW + 1):
        evidence[ek.E_WINDOW] = window
        left.append(ek.standing(20000, 7, 25000, change, evidence))
    assert left == [11000, 11000, 6500]
    change[ek.CH_TEMP + 2] = -500  # what would be a gain explains nothing of a loss
    assert ek.standing(20000, 7, 25000, change, evidence) == 11000
