"""What is carried between the stages: the layouts that the kernels repeat are the layouts, and their sums are those of plain code."""

from array import array

import pytest

from tcs import carry_kernel as ck
from tcs import detector_kernel as dk
from tcs import history
from tcs import inventory_kernel as ik
from tcs import leak_rate_kernel as lk
from tcs import pressure_kernel as pk
from tcs import sensing_kernel as sk
from tcs import standing_kernel as ek

NAMES = {
    sk: ("ST_VALUE", "ST_STRIDE", "ST_V_REF_Q8", "ST_WIDE", "V_REF", "UNKNOWN"),
    pk: ("V_MEMBERS", "V_OFFSET_Q8", "R_VALUE", "UNKNOWN"),
    ik: ("I_INVENTORY_UL", "I_TEMP_MC", "I_BEST_MC", "I_WIDE", "I_NEAR_MC", "SLOTS", "UNKNOWN"),
    dk: ("W_INVENTORY", "W_PRESSURE", "W_TEMP", "W_V_REF", "W_REFERENCE", "W_NEAR", "W_CABIN", "S_MEAN", "S_NEW", "UNKNOWN"),
    lk: ("RING",),
}


@pytest.mark.req("REQ-KRN-001")
def test_carry_repeats_the_layouts_of_the_other_kernels():
    for home, names in NAMES.items():
        for name in names:
            assert getattr(ck, name) == getattr(home, name), name
    assert history.FIRST == ck.W_PRESSURE
    assert history.CHANNEL_RING == ck.CHANNEL_RING == ek.RING


@pytest.mark.req("REQ-KRN-001")
def test_carry_temperatures_tells_a_jump_of_the_supply_and_nothing_less():
    values = array("i", [0] * sk.ST_SIZE)
    state = array("i", [0] * ik.I_SIZE)
    at = sk.V_REF * sk.ST_STRIDE + sk.ST_VALUE
    values[sk.ST_V_REF_Q8] = 32760 << 8
    for counts, expected in ((32760, 0), (32772, 0), (32748, 0), (32773, 13 * ck.JUMP_UL), (32747, 13 * ck.JUMP_UL), (sk.UNKNOWN, 0)):
        values[at] = counts
        assert ck.temperatures(values, state) == expected
    for slot in range(ik.SLOTS):
        values[(8 + slot) * sk.ST_STRIDE + sk.ST_VALUE] = 1000 + slot
    values[sk.ST_WIDE] = 1 << 2 | 1 << 8 | 1 << 13 | 1 << 14
    ck.temperatures(values, state)
    assert list(state[ik.I_TEMP_MC : ik.I_TEMP_MC + ik.SLOTS]) == [1000 + slot for slot in range(ik.SLOTS)]
    assert state[ik.I_WIDE] == 1 | 2 << 0 | 2 << 5  # a compensator's, the gas's, the last radiator's; the bay is none of them


@pytest.mark.req("REQ-KRN-001")
def test_carry_heads_leaves_out_what_is_isolated():
    values = array("i", [0] * sk.ST_SIZE)
    for channel in range(sk.CHANNELS):
        values[channel * sk.ST_STRIDE + sk.ST_VALUE] = 100 + channel
    reference = array("i", [0] * pk.R_SIZE)
    for connected in range(8):
        ck.heads(values, connected, reference)
        expected = [103] + [104 + rad if connected >> rad & 1 else sk.UNKNOWN for rad in range(3)]
        assert list(reference[pk.R_VALUE : pk.R_VALUE + 4]) == expected


@pytest.mark.req("REQ-KRN-001")
def test_carry_sample_takes_the_voted_pressure_for_a_sensor_that_is_out():
    inventory = array("i", range(1000, 1000 + ik.I_SIZE))
    values = array("i", range(2000, 2000 + sk.ST_SIZE))
    votes = array("i", range(3000, 3000 + pk.V_SIZE))
    votes[pk.V_MEMBERS] = 5
    out = array("i", [0] * dk.WIDTH)
    ck.sample(inventory, votes, values, 77, sk.UNKNOWN, out)
    assert out[dk.W_INVENTORY] == inventory[ik.I_INVENTORY_UL]
    read = [values[channel * sk.ST_STRIDE + sk.ST_VALUE] for channel in range(sk.CHANNELS)]
    assert list(out[dk.W_PRESSURE : dk.W_PRESSURE + 3]) == [read[0], 77 + (votes[pk.V_OFFSET_Q8 + 1] >> 8), read[2]]
    assert list(out[dk.W_TEMP : dk.W_TEMP + ik.SLOTS]) == list(inventory[ik.I_BEST_MC : ik.I_BEST_MC + ik.SLOTS])
    assert list(out[dk.W_NEAR : dk.W_NEAR + 3]) == list(inventory[ik.I_NEAR_MC : ik.I_NEAR_MC + 3])
    assert out[dk.W_CABIN] == read[7]
    assert out[dk.W_V_REF] == values[sk.ST_V_REF_Q8] >> 2
    assert out[dk.W_REFERENCE] == 0
    ck.sample(inventory, votes, values, 77, 88, out)
    assert out[dk.W_REFERENCE] == 88
