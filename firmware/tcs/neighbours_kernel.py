"""Neighbours kernel: what the temperatures of gas wall, supply and return should be by those of their neighbours.

The gas wall follows the coolant that passes it, the supply what the bay gives off, the return the radiators that feed it, each with the
time that walls and lines take. Coefficients and times: docs/inventory.md. Restricted integer subset (docs/kernels.md). Allocation-free.
"""

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30; viper takes no larger literal

# state: filters, milli-degC with 8 fractional bits
N_PERIODS = const(0)  # since the first, up to NC_START_PERIODS
N_RETURN_Q8 = const(1)  # the return where it passes the compensator
N_WALL_Q8 = const(2)
N_BAY_Q8 = const(3)
N_RADIATORS_Q8 = const(4)
N_SUPPLY_Q8 = const(5)
N_FIRST_MC = const(6)  # x4: return, bay, radiators, supply in the first period
N_SETTLING = const(10)  # periods until a flow that has begun has settled
N_OFFSET_MC = const(11)  # x3: what was left of gas, supply, return once it had
N_SIZE = const(14)

# configuration: time constants in periods, shares in permille
NC_RETURN_PERIODS = const(0)
NC_WALL_PERIODS = const(1)
NC_BAY_PERIODS = const(2)
NC_LINE_PERIODS = const(3)
NC_GAS = const(4)
NC_SUPPLY_BAY = const(5)
NC_SUPPLY_WALL = const(6)
NC_RETURN_NOW = const(7)
NC_RETURN_LATE = const(8)
NC_RETURN_SUPPLY = const(9)
NC_START_PERIODS = const(10)  # after so many the filters are put where a steady slope would have them
NC_SETTLING_PERIODS = const(11)
NC_SIZE = const(12)

SLOWEST_PERIODS = const(80)  # at first a missing one follows what the others say so slowly


@micropython.native
def follow(values: ptr32, best: int, near: int, begins: int, gas: int, bay: int, st: ptr32, cfg: ptr32) -> int:
    """One period. values[best..]: gas, supply, return, three radiators (milli-degC); values[near..]: out, gas, supply, return.

    begins: 1 while a flow begins after a standstill; gas, bay: as their own sensors say, milli-degC or UNKNOWN, which keeps it where it
    was.
    While a flow settles, slugs of other temperatures pass that no neighbour knows of: each then is what its own sensor says, and goes on
    from there; a missing one comes nearer to what the others let expect, slowly at first.
    """
    supply = values[best + 1]
    back = values[best + 2]
    radiators = (values[best + 3] + values[best + 4] + values[best + 5]) // 3
    n = st[N_PERIODS]
    first = 0
    if n == 0:
        first = 1
        st[N_FIRST_MC] = back
        st[N_FIRST_MC + 1] = supply
        if bay != UNKNOWN:
            st[N_FIRST_MC + 1] = bay
        st[N_FIRST_MC + 2] = radiators
        st[N_FIRST_MC + 3] = supply
        st[N_BAY_Q8] = st[N_FIRST_MC + 1] << 8
        st[N_WALL_Q8] = back << 8
        if gas != UNKNOWN:
            st[N_WALL_Q8] = gas << 8
    if n <= cfg[NC_START_PERIODS]:
        # A filter of so many periods stands that many times a period's slope behind.
        n = cfg[NC_START_PERIODS]
        st[N_RETURN_Q8] = (back << 8) - ((back - st[N_FIRST_MC]) << 8) // n * cfg[NC_RETURN_PERIODS]
        if bay != UNKNOWN:
            st[N_BAY_Q8] = (bay << 8) - ((bay - st[N_FIRST_MC + 1]) << 8) // n * cfg[NC_BAY_PERIODS]
        st[N_RADIATORS_Q8] = (radiators << 8) - ((radiators - st[N_FIRST_MC + 2]) << 8) // n * cfg[NC_LINE_PERIODS]
        st[N_SUPPLY_Q8] = (supply << 8) - ((supply - st[N_FIRST_MC + 3]) << 8) // n * cfg[NC_LINE_PERIODS]
        st[N_PERIODS] += 1
    x = st[N_RETURN_Q8]
    x += ((back << 8) - x) // cfg[NC_RETURN_PERIODS]
    st[N_RETURN_Q8] = x
    st[N_WALL_Q8] += (x - st[N_WALL_Q8]) // cfg[NC_WALL_PERIODS]
    if bay != UNKNOWN:
        st[N_BAY_Q8] += ((bay << 8) - st[N_BAY_Q8]) // cfg[NC_BAY_PERIODS]
    st[N_RADIATORS_Q8] += ((radiators << 8) - st[N_RADIATORS_Q8]) // cfg[NC_LINE_PERIODS]
    st[N_SUPPLY_Q8] += ((supply << 8) - st[N_SUPPLY_Q8]) // cfg[NC_LINE_PERIODS]
    wall = st[N_WALL_Q8] >> 8
    supply = (st[N_BAY_Q8] >> 8) * cfg[NC_SUPPLY_BAY] // 1000 + wall * cfg[NC_SUPPLY_WALL] // 1000
    back = radiators * cfg[NC_RETURN_NOW] // 1000 + (st[N_RADIATORS_Q8] >> 8) * cfg[NC_RETURN_LATE] // 1000
    back += (st[N_SUPPLY_Q8] >> 8) * cfg[NC_RETURN_SUPPLY] // 1000
    if begins:
        st[N_SETTLING] = cfg[NC_SETTLING_PERIODS]
    n = st[N_SETTLING]
    if n > 0:
        st[N_SETTLING] = n - 1
    i = 0
    while i < 3:
        x = wall * cfg[NC_GAS] // 1000
        if i == 1:
            x = supply
        elif i == 2:
            x = back
        if n > 0 and first == 0:
            values[near + i] += (x - values[near + i]) // (1 + n * SLOWEST_PERIODS // cfg[NC_SETTLING_PERIODS])
        else:
            values[near + i] = x + st[N_OFFSET_MC + i]
        st[N_OFFSET_MC + i] = values[near + i] - x
        i += 1
    return 0
