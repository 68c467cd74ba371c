"""Safe state: what was found of a loss and its cause is there again after a reset; records of before are read."""

from __future__ import annotations

import pytest

from fakes import firmware
from fakes.ground_rig import Rig

firmware.on_cpython()

from tcs import cause as tc  # noqa: E402
from tcs import loss_watch as lw  # noqa: E402
from tcs import store as records  # noqa: E402
from tcs.tables import (  # noqa: E402
    ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_LOCALISATION_REASON_ELIMINATION,
    ST_LOCALISATION_REASON_LOSES,
)

COOLANT = 1 << ST_LEAK_CLASS_COOLANT_LEAK
GAS = 1 << ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS
LAWS = {tc.E_NOT_OUTSIDE: lw.OUTSIDE, tc.E_NOT_CABIN: lw.CABIN, tc.E_NOT_GAS: lw.GAS}
KEPT = (*LAWS, tc.E_BELOW_CABIN, tc.E_STOPPED_AT_CABIN, tc.E_GAS_GONE, tc.E_GAS_THERE)
PASSING = (tc.E_CONVICTED, tc.E_NONE_CONVICTED, tc.E_GOES_ON, tc.E_NO_LOSS, tc.E_ONE_SENSOR, tc.E_UNDECIDED)


def saved(rig: Rig) -> None:
    """Save the safe state as it stands, whatever the next cycle would make of it, and boot from it."""
    state = rig.app.safe_state
    state._kept = state._keep()
    state._pack()
    assert rig.app.store.save(records.KIND_SAFE_STATE, state._payload, len(state._payload))
    rig.boot()


@pytest.mark.req("REQ-LOC-005")
@pytest.mark.parametrize("bit", [*KEPT, *PASSING])
def test_evidence_that_lasts_is_kept_over_a_reset_and_what_is_seen_anew_is_not(bit: int) -> None:
    rig = Rig()
    rig.step(5)
    rig.app.watches.cause.evidence = bit
    saved(rig)
    watches = rig.app.watches
    assert watches.cause.kept() & 0x1FFF == (bit if bit in KEPT else 0)
    assert watches.loss.excluded == (1 << LAWS[bit] if bit in LAWS else 0)
    assert watches.loss.is_below == (bit == tc.E_BELOW_CABIN)
    assert watches.loss.has_stopped == (bit == tc.E_STOPPED_AT_CABIN)


@pytest.mark.req("REQ-LOC-005")
def test_reason_faults_withdrawn_alarms_and_the_known_loss_are_kept_over_two_resets() -> None:
    rig = Rig()
    rig.step(5)
    cause = rig.app.watches.cause
    assert cause.kept() >> 13 == ST_LOCALISATION_REASON_LOSES
    cause.convicted(ST_LOCALISATION_REASON_ELIMINATION)
    cause._explained = 5
    cause.data_path_faulted = cause.relief_faulted = True
    rig.app.diagnosis.alarms = COOLANT | GAS
    rig.app.diagnosis.withdrawn = COOLANT
    rig.app.watches.known_ul_s, rig.app.watches.known_pa = 2500, 87000
    want = rig.app.watches.kept()
    for _ in range(2):
        saved(rig)
        app = rig.app
        assert app.watches.kept() == want
        assert app.watches.cause._reason == ST_LOCALISATION_REASON_ELIMINATION
        assert (app.diagnosis.alarms, app.diagnosis.withdrawn) == (COOLANT | GAS, COOLANT)
        assert (app.watches.known_ul_s, app.watches.known_pa) == (2500, 87000)
    assert rig.app.watches.cause.data_path_faulted
    assert rig.outcome("arm", telecommand="rearm") == ["1", "3", "7"]
    assert rig.outcome("rearm", ticks=60) == ["1", "3", "7"]
    assert not rig.app.watches.cause.data_path_faulted
    assert not rig.app.watches.cause.relief_faulted


@pytest.mark.req("REQ-LOC-005")
def test_record_written_before_it_kept_the_cause_is_read() -> None:
    rig = Rig()
    rig.step(5)
    rig.app.diagnosis.alarms = COOLANT
    rig.app.watches.cause.evidence = tc.E_NOT_GAS
    state = rig.app.safe_state
    state._pack()
    assert rig.app.store.save(records.KIND_SAFE_STATE, state._payload[:32], 32)
    rig.boot()
    assert rig.app.diagnosis.alarms == COOLANT
    assert rig.app.watches.loss.excluded == 0
    assert rig.app.watches.cause._reason == ST_LOCALISATION_REASON_LOSES
    # Of any other length it is none.
    assert rig.app.store.save(records.KIND_SAFE_STATE, state._payload[:33], 33)
    rig.boot()
    assert rig.app.diagnosis.alarms == 0
