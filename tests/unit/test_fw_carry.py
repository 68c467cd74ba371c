"""What is carried between the stages: the layouts that the kernels repeat are the layouts, and their sums are those of plain code."""

from array import array
from struct import pack as packed

import pytest

from tcs import carry_kernel as ck
from tcs import cooling_kernel as cool
from tcs import detector_kernel as dk
from tcs import frame_kernel as fk
from tcs import history, tables
from tcs import inventory_kernel as ik
from tcs import leak_rate_kernel as lk
from tcs import pressure_kernel as pk
from tcs import sensing_kernel as sk
from tcs import standing_kernel as ek
from tcs import trial as tr
from tcs import valves as vb
from tcs import valves_kernel as vk
from tcs.frame_kernel import pack

NAMES = {
    sk: ("ST_VALUE", "ST_STRIDE", "ST_V_REF_Q8", "ST_WIDE", "V_REF", "UNKNOWN",
         "ST_STATUS", "OK", "DISAGREES", "CHANNELS", "NOMINAL_V_REF_COUNTS"),
    pk: ("V_EXCLUDED", "V_MEMBERS", "V_OFFSET_Q8", "R_VALUE", "UNKNOWN"),
    ik: ("I_INVENTORY_UL", "I_TEMP_MC", "I_BEST_MC", "I_WIDE", "I_SHOWN_MC", "I_EXCLUDED", "I_NEAR_MC", "I_NEAR_RETURN_MC",
         "SLOTS", "UNKNOWN"),
    dk: ("W_INVENTORY", "W_PRESSURE", "W_TEMP", "W_V_REF", "W_REFERENCE", "W_NEAR", "W_CABIN", "S_MEAN", "S_NEW",
         "D_PERMILLE", "STAGES", "UNKNOWN"),
    lk: ("RING",),
    tr: ("IN_P_RAD_PA", "IN_TEMP_MC", "IN_SHUT", "IN_OPEN", "IN_LEFT", "IN_FAILED"),
    vb: ("OPEN", "CLOSED"),
    tables: ("HK_P_COMP_A_PA", "HK_STATUS_P_COMP_A", "HK_STAT_0_PERMILLE", "HK_VALVE_RAD1_IN"),
}


@pytest.mark.req("REQ-KRN-001")
def test_carry_repeats_the_layouts_of_the_other_kernels():
    for home, names in NAMES.items():
        for name in names:
            assert getattr(ck, name) == getattr(home, name), name
    assert history.FIRST == ck.W_PRESSURE
    assert history.CHANNEL_RING == ck.CHANNEL_RING == ek.RING


@pytest.mark.req("REQ-KRN-001")
def test_other_kernels_repeat_the_layouts():
    for name in ("I_BEST_MC", "T_RAD1", "I_JUMP_TICKS", "UNKNOWN"):
        assert getattr(cool, name) == getattr(ik, name), name
    for name in ("IN_P_RAD_PA", "IN_TEMP_MC", "IN_COOLING_UL_S", "IN_EXPANSION_UL_K"):
        assert getattr(cool, name) == getattr(tr, name), name
    for name in ("I_SENSITIVITY_UL_KPA", "I_PROFILE_Q20", "I_SLOPE_UL_K", "I_BEST_MC", "SLOTS"):
        assert getattr(ek, name) == getattr(ik, name), name
    for name in ("ST_VALUE", "ST_STATUS", "ST_STRIDE", "OK", "P_CABIN", "V_REF", "T_GAS"):
        assert getattr(ek, name) == getattr(ck, name), name
    for name in ("OPEN", "CLOSED", "TRAVELLING", "FAULT"):
        assert getattr(vk, name) == getattr(tables, "ST_VALVE_POSITION_" + name), name
    for name in ("TIMEOUT", "CONTRADICTION", "MOVED"):
        assert getattr(vk, name) == getattr(tables, "ST_VALVE_FAULT_" + name), name


@pytest.mark.req("REQ-KRN-001")
def test_carry_temperatures_tells_a_jump_of_the_supply_and_nothing_less():
    values = array("i", [0] * sk.ST_SIZE)
    votes = array("i", [0] * pk.V_SIZE)
    votes[pk.V_EXCLUDED] = 2
    state = array("i", [0] * ik.I_SIZE)
    at = sk.V_REF * sk.ST_STRIDE + sk.ST_VALUE
    values[sk.ST_V_REF_Q8] = 32760 << 8
    for counts, expected in ((32760, 0), (32772, 0), (32748, 0), (32773, 13 * ck.JUMP_UL), (32747, 13 * ck.JUMP_UL), (sk.UNKNOWN, 0)):
        values[at] = counts
        assert ck.temperatures(values, votes, state) == expected
    for slot in range(ik.SLOTS):
        values[(8 + slot) * sk.ST_STRIDE + sk.ST_VALUE] = 1000 + slot
    values[sk.ST_WIDE] = 1 << 2 | 1 << 8 | 1 << 13 | 1 << 14
    ck.temperatures(values, votes, state)
    assert list(state[ik.I_TEMP_MC : ik.I_TEMP_MC + ik.SLOTS]) == [1000 + slot for slot in range(ik.SLOTS)]
    assert state[ik.I_WIDE] == 1 | 2 << 0 | 2 << 5  # a compensator's, the gas's, the last radiator's; the bay is none of them
    assert state[ik.I_EXCLUDED] == 2


@pytest.mark.req("REQ-INV-005")
def test_carry_flows_by_the_majority_of_pump_and_radiators():
    reference = array("i", [0] * pk.R_SIZE)
    comp, head_pump, head_rad = 118000, 30000, 9000

    def flows(*heads, was=0):
        for i in range(4):
            reference[pk.R_VALUE + i] = sk.UNKNOWN if heads[i] is None else comp + heads[i]
        return ck.flows(reference, comp, head_pump, head_rad, was)

    running, standing = (30000, 9000, 9000, 9000), (0, 0, 0, 0)
    assert flows(*running) == 1
    assert flows(*standing) == 0
    for i in range(4):
        for lie in (None, -100000, 400000):  # whatever one of them says
            for was in (0, 1, 1 << 20):
                assert flows(*running[:i], lie, *running[i + 1 :], was=was) == 1
                assert flows(*standing[:i], lie, *standing[i + 1 :], was=was) == 0
    assert [flows(head, None, None, None) for head in (7501, 7500)] == [1, 0]  # a quarter to begin
    assert [flows(head, None, None, None, was=1) for head in (3751, 3750)] == [1, 0]  # an eighth to go on
    assert flows(7500, 2251, None, None) == 1  # one against one
    assert flows(None, None, None, None) == 1
    assert ck.flows(reference, sk.UNKNOWN, head_pump, head_rad, 0) == 1
    for i in range(4):
        reference[pk.R_VALUE + i] = comp
    assert ck.flows(reference, comp, 0, 0, 0) == 1  # no rated heads: nobody can tell


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
    assert list(out[dk.W_TEMP : dk.W_TEMP + ik.SLOTS]) == list(inventory[ik.I_SHOWN_MC : ik.I_SHOWN_MC + ik.SLOTS])
    near = list(inventory[ik.I_NEAR_MC : ik.I_NEAR_MC + 3])
    near[ik.T_RETURN] = inventory[ik.I_NEAR_RETURN_MC]
    assert list(out[dk.W_NEAR : dk.W_NEAR + 3]) == near
    assert out[dk.W_CABIN] == read[7]
    assert out[dk.W_V_REF] == values[sk.ST_V_REF_Q8] >> 2
    assert out[dk.W_REFERENCE] == 0
    ck.sample(inventory, votes, values, 77, 88, out)
    assert out[dk.W_REFERENCE] == 88


@pytest.mark.req("REQ-KRN-001")
def test_carry_report_shows_a_sensor_that_is_voted_out_and_statistics_of_stages_that_have_a_threshold():
    values = array("i", [0] * sk.ST_SIZE)
    for channel in range(sk.CHANNELS):
        values[channel * sk.ST_STRIDE + sk.ST_VALUE] = 100 + channel
        values[channel * sk.ST_STRIDE + sk.ST_STATUS] = sk.OK
    values[sk.V_REF * sk.ST_STRIDE + sk.ST_VALUE] = sk.NOMINAL_V_REF_COUNTS
    values[2 * sk.ST_STRIDE + sk.ST_STATUS] = sk.STUCK
    votes = array("i", [0] * pk.V_SIZE)
    votes[pk.V_EXCLUDED] = 2 | 4
    bank = array("i", [0] * dk.D_SIZE)
    for stage in range(dk.STAGES - 1):
        bank[dk.D_PERMILLE + stage] = 10**stage
    hk = array("i", [0] * tables.HK_COUNT)
    ck.report(hk, values, votes, bank, array("i", range(7)))
    first = tables.HK_P_COMP_A_PA
    assert list(hk[first : first + 16]) == [100 + channel for channel in range(15)] + [3300]
    first = tables.HK_STATUS_P_COMP_A
    assert list(hk[first : first + 16]) == [sk.OK, sk.DISAGREES, sk.STUCK] + [sk.OK] * 13
    first = tables.HK_STAT_0_PERMILLE
    assert list(hk[first : first + 8]) == [1, 10, 100, 1000, 10000, 65534, 65534, 0]
    assert list(hk[tables.HK_VALVE_RAD1_IN : tables.HK_VALVE_RAD1_IN + 7]) == list(range(7))
    values[sk.V_REF * sk.ST_STRIDE + sk.ST_VALUE] = sk.UNKNOWN
    ck.report(hk, values, votes, bank, array("i", range(7)))
    assert hk[tables.HK_P_COMP_A_PA + 15] == sk.UNKNOWN


@pytest.mark.req("REQ-KRN-001")
def test_carry_pack_saturates_each_type_and_says_unknown_where_that_can_be_said():
    big, small = 0x3FFFFFFF, -0x40000000
    rows = (
        # kind, value, bytes
        (1, 7, (7,)), (1, -1, (0,)), (1, 256, (255,)), (1, small, (0,)),
        (17, 7, (7,)), (17, -1, (255,)), (17, 256, (255,)), (17, small, (255,)),
        (33, -2, (254,)), (33, -129, (128,)), (33, 128, (127,)),
        (49, -2, (254,)), (49, -129, (128,)), (49, 128, (128,)), (49, small, (128,)),
        (2, 0x1234, (0x12, 0x34)), (2, -1, (0, 0)), (2, big, (255, 255)),
        (18, 65535, (255, 255)), (18, -1, (255, 255)), (18, 65536, (255, 255)),
        (34, -2, (255, 254)), (34, small, (128, 0)), (34, big, (127, 255)),
        (50, 32767, (127, 255)), (50, 32768, (128, 0)), (50, small, (128, 0)),
        (4, big, (0x3F, 255, 255, 255)), (4, small, (0xC0, 0, 0, 0)), (4, -1, (255,) * 4),
    )  # fmt: skip
    values = array("i", [row[1] for row in rows])
    expected = [byte for row in rows for byte in row[2]]
    out = bytearray(len(expected) + 6)
    assert pack(values, bytes([row[0] for row in rows]), len(rows), out, 3) == 3 + len(expected)
    assert out == bytes(3) + bytes(expected) + bytes(3)


@pytest.mark.req("REQ-KRN-001")
def test_carry_connected_and_segments_agree_with_plain_code_for_every_pair_of_valves():
    values = array("i", range(sk.ST_SIZE))
    inventory = array("i", range(5000, 5000 + ik.I_SIZE))
    x = array("i", [0] * tr.IN_SIZE)
    for first in range(16):
        for second in range(16):
            position = array("i", [first & 3, second & 3, 0, 0, 1, 1, 0])
            assumed = array("i", [first >> 2 & 1, second >> 2 & 1, 0, 0, 0, 0, 0])
            failed = array("i", [first >> 3, second >> 3, 0, 0, 0, 0, 0])
            is_shut = (position[0] == vb.CLOSED or assumed[0]) and (position[1] == vb.CLOSED or assumed[1])
            assert ck.connected(position, assumed) == (2 if is_shut else 3)
            behind = ck.segments(values, inventory, position, assumed, failed, x)
            assert x[tr.IN_SHUT] == (5 if is_shut else 4)
            assert x[tr.IN_OPEN] == (3 if first & 3 == second & 3 == vb.OPEN else 2)
            assert x[tr.IN_LEFT] == sum(1 << i for i in range(6) if position[i] != vb.CLOSED)
            assert x[tr.IN_FAILED] == sum(1 << i for i in range(6) if failed[i])
            assert behind == sum(1 << i for i in range(6) if failed[i] and position[i] != vb.CLOSED and not assumed[i])
    rows = [values[(4 + i) * sk.ST_STRIDE + sk.ST_VALUE] for i in range(3)]
    assert list(x[tr.IN_P_RAD_PA : tr.IN_P_RAD_PA + 3]) == rows
    assert list(x[tr.IN_TEMP_MC : tr.IN_TEMP_MC + 3]) == list(inventory[ik.I_BEST_MC + ik.T_RAD1 : ik.I_BEST_MC + ik.SLOTS])


@pytest.mark.req("REQ-KRN-001")
def test_carry_radiators_is_the_mean_of_those_that_are_known_and_connected():
    values = array("i", [0] * sk.ST_SIZE)
    pressures = (100, sk.UNKNOWN, -301)
    for rad in range(3):
        values[(4 + rad) * sk.ST_STRIDE + sk.ST_VALUE] = pressures[rad]
    assert [ck.radiators(values, mask) for mask in range(8)] == [sk.UNKNOWN, 100, sk.UNKNOWN, 100, -301, -101, -301, -101]


@pytest.mark.req("REQ-KRN-001")
def test_carry_highest_radiator_is_the_first_of_equals_and_the_last_without_sensors():
    values = array("i", [0] * sk.ST_SIZE)
    for pressures, expected in (
        ((1, 2, 3), 2), ((3, 2, 1), 0), ((1, 3, 3), 1), ((5, 5, 5), 0), ((sk.UNKNOWN, 7, sk.UNKNOWN), 1),
        ((sk.UNKNOWN, sk.UNKNOWN, sk.UNKNOWN), 2), ((-5, -4, -6), 1),
    ):  # fmt: skip
        for rad in range(3):
            values[(4 + rad) * sk.ST_STRIDE + sk.ST_VALUE] = pressures[rad]
        assert ck.highest(values) == expected


@pytest.mark.req("REQ-KRN-001")
def test_frame_kernels_put_values_and_records_as_struct_does():
    values = array("i", [0, 1, -1, 0x1234567, -0x20000000, 255, 65535])
    out = bytearray(40)
    assert fk.put_values(values, 1, 4, out, 3) == 19
    assert bytes(out[3:19]) == packed(">iiii", 1, -1, 0x1234567, -0x20000000)
    assert fk.put_record(values, b"\x01\x02\x04\x04\x04\x01\x02", 7, out) == 18
    assert bytes(out[:18]) == packed("<BHiiiBH", 0, 1, -1, 0x1234567, -0x20000000, 255, 65535)


@pytest.mark.req("REQ-KRN-001")
def test_detector_kernel_names_the_stages_that_call_one_after_another():
    state = array("i", [0] * dk.D_SIZE)
    for stage, permille, excess, threshold in ((1, 1000, 50, 40), (2, 999, 90, 40), (4, 2000, 39, 40), (6, 1500, 70, -5)):
        at = dk.D_STAGE + stage * dk.S_STRIDE
        state[dk.D_PERMILLE + stage] = permille
        state[at + dk.S_EXCESS_UL] = excess
        state[at + dk.S_THRESHOLD_UL] = threshold
    assert dk.calling(0, 10, state) == 1
    assert dk.calling(2, 10, state) == 6  # its threshold stands at the unrest
    assert dk.calling(7, 10, state) == dk.STAGES
    assert dk.calling(0, 60, state) == 6  # more unrest than the first one has
    assert dk.calling(0, -1, state) == 1
    assert dk.calling(2, -1, state) == dk.STAGES  # no threshold at all is none that can be passed
