"""Loop life: how long until the loop's pressure leaves its working range, and until the cabin's air can burn. Integers, allocation-free.

The compensator's gas obeys p V = const. A hole overboard slows as the root of the pressure, so the way from V to V1 takes
2/3 V/r ((V1/V)^1.5 - 1); gas that leaves at a steady volume rate takes V/r ln(V1/V); a hole into the cabin slows as the root of
what the loop stands above the cabin, which is used up after Vc: 2 Vc/r (1 - sqrt(1 - y/Vc)), and beyond Vc never.
"""

from micropython import const

from tcs.bay_forecast import HORIZON_S
from tcs.leak_rate_kernel import isqrt
from tcs.sensing_kernel import UNKNOWN

_LN_2_PERMILLE = const(693)
_VOLUME_MAX_UL = const(40000000)
_LIMIT_MAX_ML = const(1000000)


def stop_s(gas_ul, p_comp_pa, p_min_pa, rate_ul_s, is_gas):
    """Seconds until the pressure is p_min_pa; 0 when it is there, HORIZON_S when not within 16 hours."""
    if gas_ul <= 0 or p_comp_pa == UNKNOWN:
        return UNKNOWN
    if p_comp_pa <= p_min_pa:
        return 0
    if rate_ul_s <= 0 or p_min_pa <= 0:
        return HORIZON_S
    # V1 / V, permille
    ratio = min(16000, min(3000000, p_comp_pa) // 10 * 1000 // max(1, p_min_pa // 10))
    life_s = min(2000000, min(_VOLUME_MAX_UL, gas_ul) // rate_ul_s)
    if is_gas:
        return min(HORIZON_S, life_s // 4 * ln_permille(ratio) // 250)
    grown = ratio * isqrt(ratio * 1000) // 1000 - 1000
    return min(HORIZON_S, life_s // 8 * (grown // 4) // 94 * 2 if life_s > 4000 else life_s * grown // 1500)


def ln_permille(ratio_permille):
    """Natural logarithm of a ratio of 1 or more."""
    total = 0
    while ratio_permille > 2000:
        ratio_permille >>= 1
        total += _LN_2_PERMILLE
    z = (ratio_permille - 1000) * 1000 // (ratio_permille + 1000)
    return total + 2 * z + 2 * z * z // 1000 * z // 3000


def flammable_ul(lfl_g_m3, cabin_l, density_kg_m3, percent):
    """Liquid whose vapour brings the cabin to this part of its lower flammable limit; UNKNOWN when it does not burn."""
    if lfl_g_m3 <= 0:
        return UNKNOWN
    limit_ml = min(_LIMIT_MAX_ML, lfl_g_m3 * min(1000000, cabin_l) // 1000 * 1000 // density_kg_m3)
    return limit_ml * 10 * percent


def flammable_s(limit_ul, in_cabin_ul, rate_ul_s, gas_ul, p_comp_pa, p_cabin_pa):
    """Seconds until limit_ul of coolant is in the cabin; HORIZON_S when it will not be, UNKNOWN when the limit is."""
    if limit_ul == UNKNOWN:
        return UNKNOWN
    left_ul = limit_ul - in_cabin_ul
    if left_ul <= 0:
        return 0
    if rate_ul_s <= 0:
        return HORIZON_S
    if p_cabin_pa == UNKNOWN or p_comp_pa == UNKNOWN or gas_ul <= 0:
        return min(HORIZON_S, left_ul // rate_ul_s)
    if p_comp_pa <= p_cabin_pa or p_cabin_pa <= 0:
        return HORIZON_S
    # What can still come until the loop is down to the cabin's pressure.
    whole_ul = min(_VOLUME_MAX_UL, gas_ul) // 1000 * min(10000, (p_comp_pa - p_cabin_pa) // 10 * 1000 // (p_cabin_pa // 10 + 1))
    if left_ul >= whole_ul:
        return HORIZON_S
    share = left_ul // 100 * 1000 // max(1, whole_ul // 100) if left_ul < 100000000 else 1000
    used = 1000 - isqrt((1000 - share) * 1000)
    return min(HORIZON_S, min(500000, whole_ul // rate_ul_s) * used // 500)
