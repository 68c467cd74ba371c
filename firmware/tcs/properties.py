"""Properties of the coolant at a temperature, by linear interpolation in its tables. Integers, allocation-free."""

from tcs import coolant_tables as tables
from tcs.sensing_kernel import UNKNOWN


def vapour_pa(coolant, temp_mc):
    """Vapour pressure; UNKNOWN where the temperature is."""
    if temp_mc == UNKNOWN:
        return UNKNOWN
    table = tables.VAPOUR_PRESSURE_PA[coolant]
    i = max(0, min(len(table) - 2, (temp_mc - tables.FIRST_MDEGC[coolant]) // tables.STEP_MDEGC))
    part_mc = max(0, min(tables.STEP_MDEGC, temp_mc - tables.FIRST_MDEGC[coolant] - i * tables.STEP_MDEGC))
    return table[i] + (table[i + 1] - table[i]) // 50 * (part_mc // 10) // (tables.STEP_MDEGC // 500)


def density_kg_m3(coolant, temp_mc):
    """Liquid density, to 5 K."""
    table = tables.DENSITY_KG_M3[coolant]
    return table[max(0, min(len(table) - 1, (temp_mc - tables.FIRST_MDEGC[coolant]) // tables.STEP_MDEGC))]


def middle(a, b, c):
    """The middle one of three: one of them may be wrong. Those that are UNKNOWN leave the lower of the others; UNKNOWN without any."""
    if a == UNKNOWN:
        return _lower(b, c)
    if b == UNKNOWN:
        return _lower(a, c)
    if c == UNKNOWN:
        return _lower(a, b)
    return max(min(a, b), min(max(a, b), c))


def _lower(a, b):
    if a == UNKNOWN:
        return b
    if b == UNKNOWN:
        return a
    return min(a, b)
