"""Inventory: gas law and expansion against the published figures, the gas's polytropic answer, continuity, and where it is unknown.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

from array import array

import pytest

from fakes.flight_rig import UNKNOWN, parameters
from tcs import inventory_kernel as ik
from tcs import pressure_kernel as pk
from tcs import sensing_kernel as sk
from tcs import temperatures_kernel as tk
from tcs.inventory import Inventory

GAS_MJ = 358000
GAS_MAX_ML = 7750
LINES_ML = 12250 + (14700 - (7750 - 3030)) + 3 * 7350
T_GAS = 8
ALL_CONNECTED = 7


class Sensed:
    """What the inventory asks of sensing."""

    def __init__(self):
        self.state = array("i", bytes(4 * sk.ST_SIZE))
        self.p_comp_pa = 118000
        self.members = 7
        self.vote = array("i", bytes(4 * pk.V_SIZE))
        self.votes = 3
        for channel in range(16):
            self.set(channel, 20000)

        self.set(sk.V_REF, sk.NOMINAL_V_REF_COUNTS)
        self.state[sk.ST_V_REF_Q8] = sk.NOMINAL_V_REF_COUNTS << 8

    def set(self, channel, value):
        self.state[channel * sk.ST_STRIDE + sk.ST_VALUE] = value

    def value(self, channel):
        return self.state[channel * sk.ST_STRIDE + sk.ST_VALUE]


class Bench:
    def __init__(self, **params):
        self.sensed = Sensed()
        self.inventory = Inventory(parameters(**params))

    def run(self, ticks=1, connected=ALL_CONNECTED, flowing=1, trusted=True):
        for _ in range(ticks):
            self.inventory.update(self.sensed, connected, flowing, trusted)
        return self.inventory.inventory_ul

    def all_temperatures(self, temp_mc):
        for channel in range(T_GAS, T_GAS + 6):
            self.sensed.set(channel, temp_mc)


@pytest.mark.req("REQ-INV-001")
@pytest.mark.parametrize("pressure_pa", [60000, 86000, 118000, 150000, 200000, 249000])
def test_inventory_at_20_degc_is_the_gas_law_to_a_tenth_of_a_millilitre(pressure_pa) -> None:
    bench = Bench()
    bench.sensed.p_comp_pa = pressure_pa
    exact_ml = LINES_ML + GAS_MAX_ML - GAS_MJ * 1000 / pressure_pa
    assert abs(bench.run() / 1000 - exact_ml) < 0.1


@pytest.mark.req("REQ-INV-001")
@pytest.mark.parametrize(
    ("temp_c", "density_kg_m3"),
    [(-60, 756), (-40, 741), (-20, 726), (0, 710), (20, 694), (40, 678)],
)
def test_inventory_follows_the_published_density_of_isooctane(temp_c, density_kg_m3) -> None:
    bench = Bench()
    bench.all_temperatures(temp_c * 1000)
    bench.sensed.set(T_GAS, temp_c * 1000)
    gas_ml = 3030
    bench.sensed.p_comp_pa = int(GAS_MJ * 1000 / gas_ml * (273.15 + temp_c) / 293.15)
    liquid_ml = LINES_ML + GAS_MAX_ML - gas_ml
    exact_ml = liquid_ml * density_kg_m3 / 694
    assert abs(bench.run() / 1000 / exact_ml - 1) < 0.0015


@pytest.mark.req("REQ-INV-001")
def test_inventory_a_kelvin_of_gas_and_a_kelvin_of_liquid_weigh_what_they_should() -> None:
    bench = Bench()
    cold = bench.run()
    bench = Bench()
    bench.sensed.set(T_GAS, 21000)
    assert abs((bench.run() - cold) / 1000 + 3034 / 293.15) < 0.5  # 10 mL
    bench = Bench()
    for channel in range(T_GAS + 1, T_GAS + 6):
        bench.sensed.set(channel, 21000)
    assert abs((bench.run() - cold) / 1000 + 0.00114 * 49000) < 4  # 1.1e-3 a kelvin of 49 L


@pytest.mark.req("REQ-INV-001")
def test_inventory_sensitivity_is_gas_volume_over_pressure() -> None:
    bench = Bench()
    for pressure_pa, ml_kpa in ((118000, 25.7), (60000, 99.4), (200000, 8.95)):
        bench.sensed.p_comp_pa = pressure_pa
        bench.run(2000)
        assert abs(bench.inventory.sensitivity_ul_kpa() / 1000 / ml_kpa - 1) < 0.01


class Gas:
    """The compensator's gas off its wall, and its sensor: gamma 1.4, 10 s to the wall, 20 s of lag; a tick of 0.1 s."""

    def __init__(self, gas_ml):
        self.gas_ml = gas_ml
        self.kelvin = self.shown_kelvin = 293.15

    def grow(self, ml):
        self.kelvin *= (self.gas_ml / (self.gas_ml + ml)) ** 0.4
        self.kelvin = 293.15 + (self.kelvin - 293.15) * 0.990049833749168  # exp(-0.1 s / 10 s)
        self.shown_kelvin += (self.kelvin - self.shown_kelvin) * 0.004987520807317687  # 1 - exp(-0.1 s / 20 s)
        self.gas_ml += ml

    def show(self, sensed, has_sensor=True):
        sensed.p_comp_pa = int(GAS_MJ * 1000 / self.gas_ml * self.kelvin / 293.15)
        sensed.set(T_GAS, int((self.shown_kelvin - 273.15) * 1000) if has_sensor else UNKNOWN)


@pytest.mark.req("REQ-INV-001")
@pytest.mark.parametrize("has_sensor", [True, False])
def test_inventory_sees_a_sudden_loss_through_the_gas_that_cools_with_it(has_sensor) -> None:
    bench = Bench()
    gas = Gas(GAS_MJ / 118.0)
    gas.show(bench.sensed, has_sensor)
    before = bench.run(300)
    lost_ml = 50.0
    for tick in range(600):
        gas.grow(0.0 if tick else lost_ml)
        gas.show(bench.sensed, has_sensor)
        seen_ml = (before - bench.run()) / 1000
        assert abs(seen_ml - lost_ml) < 0.04 * lost_ml, (tick, seen_ml)


@pytest.mark.req("REQ-INV-001")
@pytest.mark.parametrize("rate_ml_s", [0.1, 0.8, 5.8])
def test_inventory_of_a_steady_leak_falls_at_its_rate_at_every_age(rate_ml_s) -> None:
    bench = Bench()
    gas = Gas(GAS_MJ / 118.0)
    gas.show(bench.sensed)
    seen = [bench.run(300)]
    for _ in range(900):
        gas.grow(rate_ml_s * 0.1)
        gas.show(bench.sensed)
        seen.append(bench.run())
    for first in range(0, 800, 20):
        # Over 4 s; a pascal is 26 uL, and the lead makes 50 of a millikelvin.
        rate = (seen[first] - seen[first + 40]) / 4000
        assert abs(rate / rate_ml_s - 1) < 0.01 + 0.02 / rate_ml_s, (first, rate)


@pytest.mark.req("REQ-INV-001", "REQ-INV-002")
@pytest.mark.parametrize("lost_at", [50, 150, 400])
def test_inventory_goes_on_when_the_gas_sensor_is_lost_while_the_gas_is_off_its_wall(lost_at) -> None:
    bench = Bench()
    gas = Gas(GAS_MJ / 118.0)
    gas.show(bench.sensed)
    before = bench.run(300)
    for tick in range(1200):
        gas.grow(0.05 if tick < 700 else 0.0)
        gas.show(bench.sensed, tick < lost_at or tick >= 900)
        seen_ml = (before - bench.run()) / 1000
        assert abs(seen_ml - 0.05 * min(700, tick + 1)) < 0.25, (tick, seen_ml)


@pytest.mark.req("REQ-INV-003")
def test_inventory_counts_only_what_is_connected_and_does_not_jump_when_that_changes() -> None:
    bench = Bench()
    before = bench.run(100)
    assert abs(bench.run(1, connected=0b011) - before) < 200
    bench.run(300, connected=0b011)
    assert abs(bench.inventory.inventory_ul - before) < 200
    bench.sensed.set(T_GAS + 5, 5000)  # the third radiator, shut off, cools
    bench.run(600, connected=0b011)
    assert abs(bench.inventory.inventory_ul - before) < 200
    bench.sensed.set(T_GAS + 4, 5000)  # the second one is connected
    bench.run(600, connected=0b011)
    assert bench.inventory.inventory_ul - before > 50000


@pytest.mark.req("REQ-INV-001")
@pytest.mark.parametrize("channel", [T_GAS, T_GAS + 1, T_GAS + 2, T_GAS + 3, T_GAS + 4, T_GAS + 5])
def test_inventory_does_not_jump_when_a_temperature_is_lost(channel) -> None:
    bench = Bench()
    for number in range(6):
        bench.sensed.set(T_GAS + number, 15000 + 2000 * number)
    bench.sensed.set(T_GAS, 19000)  # the gas's wall has settled at the return's temperature
    before = bench.run(600)
    bench.sensed.set(channel, UNKNOWN)
    assert abs(bench.run() - before) < 300
    assert abs(bench.run(600) - before) < 300


def _restarted(missing=None):
    """Bench 1 s after its pump came back to radiators 12 K colder, with one temperature missing or none."""
    bench = Bench()
    bench.run(1000)
    if missing is not None:
        bench.sensed.set(missing, UNKNOWN)
    for channel in (T_GAS + 3, T_GAS + 4, T_GAS + 5):
        bench.sensed.set(channel, 8000)
    bench.run(9000, flowing=0)
    before = bench.inventory.state[ik.I_UNREST_UL]
    bench.run(10)
    return bench, before


@pytest.mark.req("REQ-INV-005")
@pytest.mark.parametrize("channel", [T_GAS, T_GAS + 1, T_GAS + 2])
def test_inventory_allows_for_all_that_it_may_while_a_line_without_sensor_fills_anew(channel) -> None:
    bench, _before = _restarted(missing=channel)
    assert bench.inventory.state[ik.I_UNREST_UL] == 400000
    bench.run(900)
    assert bench.inventory.state[ik.I_UNREST_UL] > 390000
    bench.run(12000)
    assert bench.inventory.state[ik.I_UNREST_UL] < 60000


@pytest.mark.req("REQ-INV-005")
def test_inventory_allows_a_restart_what_the_slugs_are_and_neighbours_come_back_slowly() -> None:
    bench, before = _restarted()
    state = bench.inventory.state
    # The return's line at 8 C instead of 20 C: 12 K of its slope; the supply's is as warm as the return's.
    expected = -state[ik.I_SLOPE_UL_K + ik.T_RETURN] * 12
    assert 0.85 * expected < state[ik.I_UNREST_UL] - before < 1.15 * expected
    near = []
    for _ in range(1000):
        bench.run(5)
        near.append(state[ik.I_NEAR_MC + 2])
    # What the radiators let expect of the return is some 8 C at once; the line holds it off for half a minute, then it is there.
    assert near[0] > 15000
    assert near[200] < 11000
    assert max(abs(near[i + 1] - near[i]) for i in range(len(near) - 1)) < 600


@pytest.mark.req("REQ-INV-005")
@pytest.mark.parametrize(("slope_mc", "most_ul"), [(3, 1500), (30, 60000)])
def test_inventory_counts_the_leads_of_a_steady_orbit_as_no_transient_once_it_has_settled(slope_mc, most_ul) -> None:
    """6 mK/s are an orbit's; ten times as much, after a reset in the midst of a transient, stays unrest."""
    bench = Bench()
    for half_second in range(50):
        bench.all_temperatures(20000 + slope_mc * half_second)
        bench.run(5)
    before = bench.inventory.unrest_ul()
    bench.inventory.settle()
    for half_second in range(50, 100):
        bench.all_temperatures(20000 + slope_mc * half_second)
        bench.run(5)
    after = bench.inventory.unrest_ul()
    assert after < most_ul
    assert after < before
    assert slope_mc < 10 or after > 20000


@pytest.mark.req("REQ-INV-004")
@pytest.mark.parametrize(
    ("pressure_pa", "status"),
    [
        (46850, ik.S_OK),  # 100 mL before the end of the travel
        (46750, ik.S_BOTTOMED),
        (20000, ik.S_BOTTOMED),
        (7900, ik.S_EMPTY),  # vapour pressure at 20 C is 5.0 kPa, and 3 kPa of margin
        (5000, ik.S_EMPTY),
        (0, ik.S_EMPTY),
        (596000, ik.S_OK),
        (597500, ik.S_OVER_RANGE),
        (UNKNOWN, ik.S_NO_PRESSURE),
    ],
)
def test_inventory_is_unknown_beyond_the_compensators_stops(pressure_pa, status) -> None:
    bench = Bench()
    bench.run(10)
    bench.sensed.p_comp_pa = pressure_pa
    value = bench.run()
    assert bench.inventory.status == status
    assert (value == UNKNOWN) == (status != ik.S_OK)


@pytest.mark.req("REQ-INV-004")
def test_inventory_is_unknown_without_any_temperature_or_trust() -> None:
    bench = Bench()
    bench.run(10)
    assert bench.run(1, trusted=False) == UNKNOWN
    bench = Bench()
    bench.run(10)
    bench.all_temperatures(UNKNOWN)
    assert bench.run() == UNKNOWN
    assert bench.inventory.status == ik.S_NO_TEMPERATURE


@pytest.mark.req("REQ-APP-003")
@pytest.mark.parametrize("coolant", [0, 1, 2])
def test_inventory_survives_every_extreme_of_its_inputs(coolant) -> None:
    bench = Bench(coolant=coolant)
    for pressure_pa in (0, 1, 99, 5000, 118000, 700000, 1400000):
        for temp_mc in (-150000, -90000, 0, 20000, 90000, 150000):
            for connected in (0, 5, 7):
                bench.sensed.p_comp_pa = pressure_pa
                bench.all_temperatures(temp_mc)
                bench.run(2, connected=connected, flowing=connected & 1)
                assert abs(bench.inventory.state[ik.I_RAW_UL]) < 1 << 30


@pytest.mark.req("REQ-INV-001")
def test_inventory_short_gaps_in_the_pressure_do_not_add_up() -> None:
    spreads = []
    for gaps in (False, True):
        bench = Bench()
        bench.run(600)
        low = high = bench.run()
        for tick in range(3000):
            noise_pa = (tick * 7919 % 1009 - 504) // 4
            bench.sensed.p_comp_pa = UNKNOWN if gaps and tick % 3 else 118000 + noise_pa
            found = bench.run()
            if bench.inventory.status == ik.S_OK:
                low, high = min(low, found), max(high, found)
        spreads.append(high - low)
    assert spreads[1] < spreads[0] * 5 // 4


@pytest.mark.req("REQ-KRN-001")
def test_inventory_temperatures_repeat_the_layout_of_the_inventory() -> None:
    own = ("RADIATORS", "ALL", "LEAD_NOISE_MC", "WARM_SUCTIONS", "PART_FLOWING", "PART_STILL", "STILL", "STILL_MISSING", "RETURN_SMOOTHS")
    repeated = [name for name in dir(tk) if name[0] in "ACILPRSTUW" and name.upper() == name and name not in own]
    assert len(repeated) > 30
    for name in repeated:
        assert getattr(tk, name) == getattr(ik, name), name


@pytest.mark.req("REQ-INV-005")
def test_inventory_is_coarse_while_a_compensator_sensor_is_voted_out() -> None:
    bench = Bench()
    bench.run(3000)
    assert bench.inventory.state[ik.I_COARSE] == 0
    bench.sensed.vote[pk.V_EXCLUDED] = 2
    bench.run()
    assert bench.inventory.state[ik.I_COARSE] == 1
    bench.sensed.vote[pk.V_EXCLUDED] = 0
    bench.run()
    assert bench.inventory.state[ik.I_COARSE] == 0


@pytest.mark.req("REQ-INV-003")
@pytest.mark.parametrize("slot", [ik.T_SUPPLY, ik.T_RAD1])
def test_inventory_sensor_that_comes_back_at_another_level_moves_neither_inventory_nor_what_it_shows(slot) -> None:
    for gap in (False, True):
        check_return(slot, gap)


def check_return(slot, gap):
    bench = Bench()
    bench.run(3000)
    at = ik.I_SHOWN_MC + slot
    held, shown = bench.run(), bench.inventory.state[at]
    bench.sensed.set(T_GAS + slot, UNKNOWN)
    bench.run(100)
    bench.sensed.set(T_GAS + slot, 26000)
    if gap:
        # While it comes back there is no pressure either.
        bench.sensed.p_comp_pa = UNKNOWN
        bench.run(200)
        bench.sensed.p_comp_pa = 118000
    bench.run(200)
    assert abs(bench.run() - held) < 100
    assert abs(bench.inventory.state[at] - shown) < 20
    bench.sensed.set(T_GAS + slot, 27000)
    bench.run(3000)
    assert abs(bench.inventory.state[at] - shown - 1000) < 20


@pytest.mark.req("REQ-INV-005")
def test_inventory_tells_for_a_minute_that_the_supply_has_jumped() -> None:
    bench = Bench()
    bench.run(100)
    assert bench.inventory.state[ik.I_JUMP_TICKS] == 0
    bench.sensed.set(sk.V_REF, sk.NOMINAL_V_REF_COUNTS + 512)
    bench.run()
    bench.sensed.set(sk.V_REF, sk.NOMINAL_V_REF_COUNTS)
    assert bench.inventory.state[ik.I_JUMP_TICKS] == 600
    bench.run(599)
    assert bench.inventory.state[ik.I_JUMP_TICKS] == 1
    bench.run()
    assert bench.inventory.state[ik.I_JUMP_TICKS] == 0
