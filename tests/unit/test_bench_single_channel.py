"""No single channel isolates alone: each one, in every mode of fault and in several sizes, flown on the compiled flight kernels."""

import pytest

from isoloop.bench.flight import Flight
from isoloop.plant import CHANNEL_NAMES, PlantConfig, PlantEvent

SIZES = {
    "p": {"bias": (2.0, -2.0, -0.3), "drift": (-0.01, 0.01, -0.001, -0.0005, -0.1), "noise": (1.0, 0.3), "spike": (10.0,)},  # kPa
    "t": {"bias": (1.0, -1.0), "drift": (0.002, -0.002, 0.02, -0.02), "noise": (0.3, 0.05), "spike": (5.0,)},  # K
    "v": {"bias": (0.003, -0.003, 0.0003), "drift": (1e-6, -1e-6, 1e-5, -1e-5, -4e-6), "noise": (0.001, 0.0003), "spike": (0.05,)},  # V
}
# Those that have isolated a healthy loop, each for a reason of its own.
OLD = {
    ("t_gas", "drift", 0.002), ("p_comp_a", "drift", -0.01), ("p_comp_a", "drift", 0.01), ("t_return", "noise", 0.3),
    ("t_return", "drift", 0.002), ("t_supply", "drift", 0.02), ("t_supply", "noise", 0.05), ("t_gas", "bias", 1.0),
    ("v_ref", "stuck", None), ("v_ref", "bias", -0.003), ("v_ref", "spike", 0.05), ("t_rad3", "drift", 0.002),
}  # fmt: skip


def _cases():
    for channel in CHANNEL_NAMES:
        for mode in ("open", "short", "stuck"):
            yield channel, mode, None
        for mode, values in SIZES[channel[0]].items():
            for value in values:
                yield channel, mode, value


def _alarms(seed, channel, mode, value, pump_off_s=None):
    fields = {"channel": channel, "mode": mode} | ({} if value is None else {"value": value})
    stop = [] if pump_off_s is None else [PlantEvent(pump_off_s, "pump", {"mode": "off"})]
    flight = Flight(PlantConfig.from_preset("soyuz"), seed, [*stop, PlantEvent(120.0, "sensor", fields)])
    flight.fly(1500.0, lambda: False)
    return flight.alarms


@pytest.mark.req("REQ-SAF-002")
@pytest.mark.parametrize(("channel", "mode", "value"), sorted(OLD, key=str))
def test_no_single_channel_isolates(channel, mode, value) -> None:
    for seed in (1, 2):
        assert not _alarms(seed, channel, mode, value), seed
    assert not _alarms(1, channel, mode, value, pump_off_s=100.0)


@pytest.mark.long
@pytest.mark.req("REQ-SAF-002")
@pytest.mark.parametrize(("channel", "mode", "value"), list(_cases()))
def test_no_single_channel_isolates_in_any_mode(channel, mode, value) -> None:
    for seed in range(1, 7):
        assert not _alarms(seed, channel, mode, value), seed
        assert not _alarms(seed, channel, mode, value, pump_off_s=100.0), seed


@pytest.mark.req("REQ-SAF-002", "REQ-DET-001")
def test_a_leak_beside_the_fault_of_one_channel_is_still_called() -> None:
    faults = (("v_ref", "stuck", None), ("t_supply", "noise", 0.3), ("p_comp_b", "open", None), ("p_cabin", "drift", -0.1))
    for channel, mode, value in faults:
        fields = {"channel": channel, "mode": mode} | ({} if value is None else {"value": value})
        leak = PlantEvent(400.0, "leak", {"segment": "rad2", "hole_mm": 0.8, "ramp_s": 0.0})
        flight = Flight(PlantConfig.from_preset("soyuz"), 3, [PlantEvent(200.0, "sensor", fields), leak])
        assert flight.fly(430.0, lambda: True), channel
        assert 400.0 <= flight.alarms[0][0] <= 412.0, (channel, flight.alarms)
