"""Venting kernels: what passes a hole, and the thrust of its jet.

Restricted integer subset (docs/kernels.md). Allocation-free.
"""

import micropython
from micropython import const

DISCHARGE = const(487)  # 0.62 pi / 4, permille
MAX = const(0x3FFFFFFF)
PRODUCT_MAX = const(1000000000)
SPEED_MAX_MM_S = const(80000)
HOLE_MAX_UM = const(30000)


@micropython.native
def orifice_ul_s(hole_um: int, speed: int) -> int:
    """What a sharp-edged hole passes at this speed of the liquid, mm/s: 0.62 A v."""
    if hole_um > HOLE_MAX_UM:
        hole_um = HOLE_MAX_UM
    if speed > SPEED_MAX_MM_S:
        speed = SPEED_MAX_MM_S
    square = hole_um * hole_um // 100
    doublings = 0
    while square > 40000:
        square >>= 1
        doublings += 1
    return square * (speed // 8) // 1000 * DISCHARGE // 1250 << doublings


@micropython.native
def jet_un(rate_ul_s: int, speed: int, density: int) -> int:
    """Thrust of a jet of liquid, rho Q v."""
    if speed < 1:
        speed = 1
    elif speed > SPEED_MAX_MM_S:
        speed = SPEED_MAX_MM_S
    if rate_ul_s > PRODUCT_MAX // density:
        rate_ul_s = PRODUCT_MAX // density
    mass = density * rate_ul_s
    doublings = 0
    while mass > PRODUCT_MAX // speed:
        mass >>= 1
        doublings += 1
    mass = mass * speed // 1000000
    if mass > MAX >> doublings:
        mass = MAX >> doublings
    return mass << doublings
