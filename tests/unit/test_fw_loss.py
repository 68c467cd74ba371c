"""How a loss goes on, how much gas is left, what reliefs do: each law and each fault on its own, without a plant.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

import pytest

from fakes.flight_rig import UNKNOWN, Noise, parameters
from tcs import loss_watch as lw
from tcs import tables
from tcs.gas_watch import GasWatch
from tcs.loss_watch import LossWatch
from tcs.relief_watch import ReliefWatch
from tcs.venting import speed_mm_s
from tcs.venting_kernel import jet_un, orifice_ul_s

PV_MJ = 358000
CABIN_PA = 101300
START_PA = 118000
DOUBT_UL = 3000
SEGMENT = 1
EXPANSION_UL_K = 8600


class Loop:
    """A compensator that loses liquid or gas a second at a time; .apparent_ul is the inventory that a complete gas charge would mean."""

    def __init__(self, law, rate_ul_s, start_pa=START_PA):
        self.law = law
        self.rate_ul_s = rate_ul_s
        self.start_pa = start_pa
        self.gas_ml = PV_MJ * 1000.0 / start_pa
        self.share = 1.0
        self.lost_ul = 0.0

    @property
    def p_pa(self):
        return PV_MJ * 1000.0 * self.share / self.gas_ml

    @property
    def apparent_ul(self):
        return int(50000000 - PV_MJ * 1e6 / self.p_pa)

    def second(self, p_cabin_pa=CABIN_PA):
        if self.law == lw.GAS:
            self.share -= self.share * self.rate_ul_s / 1000.0 / self.gas_ml
            return
        drive = self.p_pa / self.start_pa
        if self.law == lw.CABIN:
            drive = max(0.0, (self.p_pa - p_cabin_pa) / (self.start_pa - CABIN_PA))
        loss_ul = self.rate_ul_s * drive**0.5
        self.lost_ul += loss_ul
        self.gas_ml += loss_ul / 1000.0


def watched(loop, seconds, watch=None, noise_ul=1500, cabin_pa=CABIN_PA):
    watch = watch or LossWatch()
    noise = Noise(7)
    for _ in range(seconds):
        loop.second(cabin_pa)
        watch.step(loop.apparent_ul + noise.around(noise_ul), int(loop.p_pa), cabin_pa, DOUBT_UL, 7, 0)
    return watch


@pytest.mark.req("REQ-FDI-002")
@pytest.mark.parametrize(("law", "rate_ul_s"), [(law, rate) for law in (lw.OUTSIDE, lw.CABIN, lw.GAS) for rate in (700, 2000, 6000)])
def test_loss_is_told_by_the_way_it_goes_on_and_its_own_law_is_never_excluded(law, rate_ul_s) -> None:
    loop = Loop(law, rate_ul_s)
    watch = LossWatch()
    excluded = 0
    for _ in range(1500000 // rate_ul_s // 10):
        watched(loop, 10, watch)
        excluded |= watch.excluded
        assert not (excluded >> law) & 1
    if law == lw.CABIN:
        assert excluded & (1 << lw.GAS)
    else:
        assert excluded & (1 << lw.CABIN)
        assert excluded & (1 << (lw.GAS if law == lw.OUTSIDE else lw.OUTSIDE))


@pytest.mark.req("REQ-FDI-002")
def test_loss_that_goes_on_below_cabin_pressure_is_not_into_the_cabin_and_one_that_ends_there_is() -> None:
    gas = watched(Loop(lw.GAS, 1000, 104000), 400)
    assert gas.is_below
    assert not gas.has_stopped
    cabin = watched(Loop(lw.CABIN, 2000), 1500)
    assert cabin.has_stopped
    assert not cabin.is_below
    # Gas passes the cabin's pressure without staying there, and a bad sensor says nothing.
    assert not watched(Loop(lw.GAS, 300, 104000), 1200).has_stopped
    assert not watched(Loop(lw.GAS, 1000, 104000), 400, cabin_pa=UNKNOWN).is_below
    assert not watched(Loop(lw.GAS, 1000, 104000), 400, cabin_pa=20000).is_below


@pytest.mark.req("REQ-FDI-002")
@pytest.mark.parametrize("rate_ul_s", [200, 1000, 5000])
def test_rate_of_the_loss_is_known_after_three_minutes_and_right(rate_ul_s) -> None:
    watch = watched(Loop(lw.OUTSIDE, rate_ul_s), 200)
    assert abs(watch.rate_ul_s - rate_ul_s) < 30 + rate_ul_s // 10


def test_loss_watch_starts_afresh_when_valves_move_and_waits_for_the_temperatures() -> None:
    watch = watched(Loop(lw.OUTSIDE, 1000), 300)
    assert watch.rate_ul_s > 0
    watch.step(40000000, START_PA, CABIN_PA, DOUBT_UL, -1)
    assert watch.rate_ul_s == UNKNOWN
    assert watch.lost_ul == 0
    for _ in range(60):
        watch.step(40000000, START_PA, CABIN_PA, DOUBT_UL, 3)
    assert watch.lost_ul == 0


def swung(share, seconds, leak_ul_s=0, gain_permille=1000, watch=None, healthy=False):
    """Orbits of 5562 s that move 290 mL, with a share of the gas; gain_permille: of the expansion that compensation knows."""
    watch = watch or GasWatch()
    noise = Noise(3)
    for second in range(seconds):
        lines_ul = 290000 - abs(second % 5562 - 2781) * 580000 // 2781
        apparent = lines_ul - lines_ul * gain_permille // share
        watch.step(40000000 + apparent - leak_ul_s * second + noise.around(1500), lines_ul, 5, healthy)
    return watch


@pytest.mark.req("REQ-FDI-002")
@pytest.mark.parametrize(("share", "leak_ul_s"), [(share, leak) for share in (1000, 900, 750, 500) for leak in (0, 50)])
def test_stiffness_over_a_thermal_swing_tells_the_amount_of_gas_whatever_leaks(share, leak_ul_s) -> None:
    watch = swung(share, 2 * 5562, leak_ul_s)
    assert abs(watch.gas_permille - share) < 40
    assert 0 < watch.doubt_permille < 100


@pytest.mark.req("REQ-FDI-002")
def test_stiffness_learns_what_compensation_leaves_on_the_healthy_loop() -> None:
    watch = swung(1000, 2 * 5562, gain_permille=950, healthy=True)
    assert watch.gas_permille != UNKNOWN
    doubt = watch.doubt_permille
    swung(800, 3 * 5562, gain_permille=950, watch=watch)
    assert abs(watch.gas_permille - 800) < 60
    assert watch.doubt_permille <= doubt


def test_stiffness_is_not_known_without_a_swing() -> None:
    watch = GasWatch()
    noise = Noise(5)
    for _ in range(8000):
        watch.step(40000000 + noise.around(3000), 100 + noise.around(1000), 5, True)
    assert watch.gas_permille == UNKNOWN


def warmed(steps):
    """(milli-degC, Pa above the compensator) a second, of a shut segment; the faults that were told."""
    watch = ReliefWatch(parameters())
    told = []
    watch.step(SEGMENT, False, START_PA + 9000, START_PA, 20000, EXPANSION_UL_K)
    for temp_mc, above_pa in steps:
        if watch.step(SEGMENT, True, START_PA + above_pa, START_PA, temp_mc, EXPANSION_UL_K):
            told.append(watch.fault)
    return watch, told


@pytest.mark.req("REQ-FDI-003")
def test_relief_that_holds_to_its_pressure_and_opens_there_is_no_fault() -> None:
    climbing = [(20000 + 10 * s, min(60800, 9000 * s)) for s in range(300)]
    assert warmed(climbing)[1] == []


@pytest.mark.req("REQ-FDI-003")
def test_relief_that_is_stuck_closed_is_told_before_the_design_pressure() -> None:
    watch = ReliefWatch(parameters())
    for second in range(100):
        above_pa = 9000 * second
        if watch.step(SEGMENT, True, START_PA + above_pa, START_PA, 20000 + 10 * second, EXPANSION_UL_K):
            break
    assert watch.fault == tables.ST_RELIEF_FAULT_STUCK_CLOSED
    assert START_PA + above_pa < 300000
    assert watch.stuck_mask == 1 << SEGMENT


@pytest.mark.req("REQ-FDI-003")
def test_relief_that_leaks_is_told_while_the_segment_warms() -> None:
    assert warmed([(20000 + 10 * s, 1700) for s in range(60)])[1] == [tables.ST_RELIEF_FAULT_LEAKING]


@pytest.mark.req("REQ-FDI-003")
@pytest.mark.parametrize(
    "steps",
    [
        [(20000 - 40 * s, -35000 * s) for s in range(4)] + [(19800, -113000)] * 100,  # cooling: it collapses
        [(20000 + 10 * s, max(-113000, 9000 - 40000 * s)) for s in range(100)],  # a hole, warming
        [(20000, 9000)] * 300,  # nothing happens
        [(20000, 120000)] * 300,  # a sensor: no warming behind it
        [(20000 - 5 * s, 90000) for s in range(300)],  # the same, cooling
    ],
)
def test_what_is_no_relief_fault_is_not_told(steps) -> None:
    assert warmed(steps)[1] == []


@pytest.mark.req("REQ-FDI-003")
def test_pressure_near_the_design_limit_is_told_once() -> None:
    watch = ReliefWatch(parameters())
    told = 0
    for second in range(50):
        watch.step(SEGMENT, True, START_PA + 9000 * second, START_PA, 20000 + 10 * second, EXPANSION_UL_K)
        told += watch.high_segment == SEGMENT
    assert told == 1


@pytest.mark.req("REQ-FDI-006")
@pytest.mark.parametrize(
    ("hole_um", "pressure_pa"), [(hole, p_pa) for hole in (50, 300, 800, 3000, 12000, 30000) for p_pa in (15, 5000, 127000, 1500000)]
)
def test_jet_and_orifice_agree_with_their_laws_and_stay_in_thirty_bits(hole_um, pressure_pa) -> None:
    for density in (580, 694, 998):
        speed = (2 * pressure_pa / density) ** 0.5
        rate_ul_s = 0.62 * 3.14159265 / 4 * (hole_um / 1000) ** 2 * speed * 1000
        found = speed_mm_s(pressure_pa, density)
        assert abs(found - speed * 1000) <= 10 + speed * 5
        doubt = 0.02 + 0.01 / speed  # speeds are in steps of 10 mm/s
        assert abs(orifice_ul_s(hole_um, found) - rate_ul_s) <= 2 + rate_ul_s * doubt
        if rate_ul_s < 1e6:
            jet = jet_un(int(rate_ul_s), found, density)
            assert abs(jet - density * rate_ul_s * 1e-9 * speed * 1e6) <= 5 + 2 * doubt * jet
            assert jet < 1 << 30
