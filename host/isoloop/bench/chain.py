"""The bench's inner loop: plant tick, then the flight kernels from counts to the detector's statistic, compiled as one function.

Nothing of the detector is written here: `sense`, `vote`, `reference`, `estimate`, `account`, `accumulate` and `detect` are the files
that are flashed (isoloop.kernels), and the verdict on a statistic over its threshold is given by the flight class itself (flight.py). Here
stands what tcs/app.py, tcs/sensing.py and tcs/inventory.py do between two kernels: copying a few words.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from isoloop.kernels import compiled, firmware
from isoloop.plant import layout as L

# Words of the bridge between loop and host.
X_VERDICT = 0  # 0 ok, 1 suspect, 2 stale; the loop itself never says leak
X_TOP = 1
X_JUDGE = 2  # out: the flight class must decide on this tick
X_RESUME = 3  # out: a gap in the inventory has ended; the flight class closes it, then the tick goes on
X_GAP_TICKS = 4
X_CAUSE = 5  # row of `peaks` that is blamed
X_COHERENT = 6  # ticks in which the data path would have been doubted
X_STOPS = 7  # the inventory's, as the history was last begun
X_SIZE = 8

C_SUSPECT = 0  # permille
C_GATE = 1  # permille of a stage from which the ramp fit of its level is asked
C_HEAD_PUMP_PA = 2
C_HEAD_RAD_PA = 3
C_SKIP_TICKS = 4  # of start-up, before peaks count
C_SIZE = 5

LEVELS = 2
GATE_STAGES = 4
UNKNOWN = -(1 << 30)
STAGES = 8


@cache
def chain() -> SimpleNamespace:
    """Compile the loop; .fly(...) advances ticks until one needs the flight class, .bank(...) runs the detector's kernels alone."""
    import numba
    import numpy as np

    from isoloop.plant.kernel import step

    names = ("sensing_kernel", "pressure_kernel", "inventory_kernel", "detector_kernel", "carry_kernel")
    sk, pk, ik, dk, ck = (compiled(name) for name in names)
    sense, vote, reference, account = sk.sense, pk.vote, pk.reference, ik.account
    follow, estimate = compiled("neighbours_kernel").follow, compiled("temperatures_kernel").estimate
    carry_heads, carry_temperatures, carry_sample, record = ck.heads, ck.temperatures, ck.sample, ck.record
    carry_flows = ck.flows
    accumulate, detect = dk.accumulate, dk.detect
    h0, h1, h2 = firmware("tcs.history").STAGES
    kept = firmware("tcs.history").CHANNELS
    unrest_max = firmware("tcs.inventory")._UNREST_MAX_UL
    v_pressure, v_spread = pk.V_PRESSURE, pk.V_SPREAD_Q8
    i_near, i_near_mc, i_started, i_best = ik.I_NEAR, ik.I_NEAR_MC, ik.I_STARTED, ik.I_BEST_MC
    i_due, i_profile, built, i_coarse = ik.I_DUE, ik.I_PROFILE_Q20, ik.PROFILE_Q20, ik.I_COARSE
    i_stops = ik.I_STOPS
    stride, value, v_count = sk.ST_STRIDE, sk.ST_VALUE, pk.V_COUNT
    i_inventory, i_sensitivity, ok = ik.I_INVENTORY_UL, ik.I_SENSITIVITY_UL_KPA, ik.S_OK
    i_unrest, i_wide_ul = ik.I_UNREST_UL, ik.I_WIDE_UL
    d_epoch, d_stage, s_stride, d_permille = dk.D_EPOCH, dk.D_STAGE, dk.S_STRIDE, dk.D_PERMILLE
    coherent = sk.ST_COHERENT
    noise_size, noise_rows, noise_row = L.NOISE_ROWS * L.NOISE_COLUMNS, L.NOISE_ROWS, L.NOISE_ROW
    tick_at, tick_s, offset0, channels = L.TICK, L.P_TICK_S, L.P_OFFSET0, L.CHANNELS

    @numba.njit
    def plant_tick(tick: int, drive: int, rng: Any, S: Any, P: Any, noise: Any, counts: Any, slow: Any) -> None:
        """The plant's step into `tick`: fresh noise and slow drift every few seconds, as isoloop.plant.Plant does."""
        if tick % noise_rows == 0:
            for i in range(noise_size):
                noise[i] = rng.standard_normal()
            S[noise_row] = 0.0
            t_s = tick * P[tick_s]
            for i in range(channels):
                P[offset0 + i] = slow[0, i] + slow[1, i] * np.sin(slow[2, i] * t_s + slow[3, i]) + slow[4, i]
        step(S, P, noise, counts, drive)

    @numba.njit
    def fly(
        ticks: int, tick: int, drive: int, pump_on: int, rng: Any, S: Any, P: Any, noise: Any, counts: Any, slow: Any,
        sensing: Any, sensing_cfg: Any, votes: Any, votes_cfg: Any, heads: Any, inventory: Any, inventory_cfg: Any,
        neighbours: Any, neighbours_cfg: Any,
        bank: Any, bank_cfg: Any, ring0: Any, ring1: Any, ring2: Any, channels0: Any, channels1: Any, newest: Any, filled: Any, fresh: Any,
        sample: Any, settle: Any, x: Any, cfg: Any, peaks: Any, trace: Any,
    ) -> int:  # fmt: skip
        """At most `ticks` ticks from `tick`; returns how many were flown. Stops where the flight class must act: see X_JUDGE and X_RESUME.

        settle: ticks until the heads are learned again, started, reference known. slow: rows offset, amplitude, rate, phase, bias of the
        channels. peaks: (causes, stages + 1) permille. trace: (ticks, 2) takes voted kPa and inventory mL, or is empty.
        """
        tracing = trace.shape[0] > 0
        n = 0
        while n < ticks:
            status = ok
            p = votes[v_pressure]
            p_reference = heads[0]
            if x[X_RESUME] == 0:
                # Samples of this tick stand in counts; the plant moves on at the end, as the board does.
                sense(counts, 65535, tick, sensing, sensing_cfg)
                if sensing[coherent] >= 3:
                    x[X_COHERENT] += 1
                adapt = 1 if x[X_VERDICT] != 1 else 0
                carry_heads(sensing, 7, heads)
                p = vote(
                    sensing[value], sensing[stride + value], sensing[2 * stride + value], heads[0] if settle[1] else UNKNOWN,
                    adapt, votes, votes_cfg,
                )  # fmt: skip
                restart = 0
                if settle[0] > 0:
                    settle[0] -= 1
                    restart = 1
                p_reference = reference(p, votes[v_count], adapt, restart, heads)
                settle[1] = 1
                flowing = 0
                if pump_on:
                    flowing = carry_flows(heads, p, cfg[C_HEAD_PUMP_PA], cfg[C_HEAD_RAD_PA], inventory[i_profile])
                jump_ul = carry_temperatures(sensing, votes, inventory)
                if jump_ul > 0:
                    inventory[i_unrest] = max(inventory[i_unrest], min(unrest_max, jump_ul))
                if inventory[i_due] == 0 and inventory[i_started] and flowing:
                    gas, bay = sensing[8 * stride + value], sensing[14 * stride + value]
                    begins = 1 if inventory[i_profile] < built else 0
                    follow(inventory, i_best, i_near_mc, begins, gas, bay, neighbours, neighbours_cfg)
                    inventory[i_near] = 1
                status = account(p, 7, flowing, estimate(flowing, inventory, inventory_cfg), inventory, inventory_cfg)
                if status == ok and x[X_GAP_TICKS] > 0:
                    x[X_RESUME] = 1
                    return n
            x[X_RESUME] = 0
            if tracing:
                trace[n, 0] = p * 0.001
                trace[n, 1] = inventory[i_inventory] * 0.001
            judge = 0
            if status != ok:
                x[X_VERDICT] = 2
                x[X_GAP_TICKS] += 1
            else:
                known = 1 if p_reference != UNKNOWN else 0
                if known != settle[2]:
                    settle[2] = known
                    bank[d_epoch] = (bank[d_epoch] + 1) & 0xFFFFFF
                carry_sample(inventory, votes, sensing, p, p_reference, sample)
                if accumulate(sample, bank, bank_cfg):
                    spread_pa = (votes[v_spread] >> 8) * 4 // 5
                    unrest = inventory[i_unrest] + inventory[i_wide_ul]
                    top = detect(
                        inventory[i_sensitivity], votes[v_count], spread_pa, unrest,
                        (1 if x[X_VERDICT] == 0 else 0) | inventory[i_coarse] << 1, bank, bank_cfg,
                    )  # fmt: skip
                    x[X_TOP] = top
                    record(0, d_stage + h0 * s_stride, bank, newest, filled, fresh, ring0, channels0, kept)
                    record(1, d_stage + h1 * s_stride, bank, newest, filled, fresh, ring1, channels1, kept)
                    record(2, d_stage + h2 * s_stride, bank, newest, filled, fresh, ring2, channels1, 0)
                    if top >= cfg[C_SUSPECT]:
                        judge = 1
                    row = x[X_CAUSE]
                    for j in range(STAGES):
                        ratio = bank[d_permille + j]
                        if ratio > peaks[row, j] and tick >= cfg[C_SKIP_TICKS]:
                            peaks[row, j] = ratio
                        if ratio >= cfg[C_GATE]:
                            for level in range(LEVELS):
                                if fresh[level] and 2 * level <= j < 2 * level + GATE_STAGES:
                                    judge = 1
                    x[X_VERDICT] = 0
                    if judge == 0 and inventory[i_stops] != x[X_STOPS]:
                        x[X_STOPS] = inventory[i_stops]
                        filled[:] = 0
            x[X_JUDGE] = judge
            # The plant's next tick.
            tick += 1
            n += 1
            plant_tick(tick, drive, rng, S, P, noise, counts, slow)
            if judge:
                break
        return n

    @numba.njit
    def bank_alone(samples: Any, sensitivity: int, unrest: int, bank: Any, bank_cfg: Any) -> int:
        """accumulate and detect over rows of sample vectors; returns the largest statistic."""
        most = 0
        for i in range(samples.shape[0]):
            if accumulate(samples[i], bank, bank_cfg):
                most = max(most, detect(sensitivity, 3, 0, unrest, 1, bank, bank_cfg))
        return most

    @numba.njit
    def until_inventory(counts: Any, flows: int, sensing: Any, sensing_cfg: Any, votes: Any, votes_cfg: Any, heads: Any,
                        inventory: Any, inventory_cfg: Any, bank: Any, bank_cfg: Any, sample: Any, parts: int) -> int:  # fmt: skip
        """The flight kernels over recorded counts, the first `parts` of them: 1 sensing, 2 and vote, 3 and inventory, 4 and detector."""
        total = 0
        for tick in range(counts.shape[0]):
            sense(counts[tick], 65535, tick, sensing, sensing_cfg)
            if parts < 2:
                continue
            carry_heads(sensing, 7, heads)
            p = vote(sensing[value], sensing[stride + value], sensing[2 * stride + value], heads[0], 1, votes, votes_cfg)
            reference(p, votes[v_count], 1, 0, heads)
            total += p
            if parts < 3:
                continue
            carry_temperatures(sensing, votes, inventory)
            account(p, 7, flows, estimate(flows, inventory, inventory_cfg), inventory, inventory_cfg)
            if parts < 4:
                continue
            carry_sample(inventory, votes, sensing, p, heads[0], sample)
            if accumulate(sample, bank, bank_cfg):
                total += detect(inventory[i_sensitivity], 3, 0, inventory[i_unrest] + inventory[i_wide_ul], 1, bank, bank_cfg)
        return total

    return SimpleNamespace(plant_tick=plant_tick, fly=fly, bank=bank_alone, until=until_inventory, tick_at=tick_at)
