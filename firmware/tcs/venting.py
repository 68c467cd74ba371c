"""Venting: what leaves overboard pushes the vehicle and clouds its optics. Thrust as a range, impulse, and what shut segments still let go.

Jet of liquid: F = rho Q v with v = sqrt(2 dp / rho), which is 2 Cd A dp. That, at the low end of the rate, is the lower end. Flashing
adds an unknown factor: the upper end is the high end of the rate times `flash_thrust_permille`. A shut, holed segment goes on at its
vapour pressure until it is empty. A second is begin(), the segments, the loop where it vents, accumulate(). Allocation-free.
"""

from array import array

from micropython import const

from tcs.leak_rate_kernel import isqrt
from tcs.properties import density_kg_m3, vapour_pa
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import P_COOLANT, P_FLASH_THRUST_PERMILLE, P_VOLUME_RAD1_ML
from tcs.venting_kernel import jet_un, orifice_ul_s

SEGMENTS = const(3)
_MAX = const(0x3FFFFFFF)
_PRESSURE_MAX_PA = const(5000000)
_LEFT_PERCENT = const(92)  # of a segment's liquid, until its hole passes more vapour than liquid


def speed_mm_s(pressure_pa, density):
    """Of liquid through a hole at this pressure difference."""
    return isqrt(200 * max(0, min(_PRESSURE_MAX_PA, pressure_pa)) // density * 100) * 10


def _sum(a, b):
    """Of two that are not negative; a larger one than is carried would leave the small integers."""
    return _MAX if b > _MAX - a else a + b


class Venting:
    """.is_venting, .low_un, .high_un, .impulse_low_mns, .impulse_high_mns; .residual_ul by segment, as if it were the holed one."""

    def __init__(self, params):
        self._params = params
        self._coolant = params[P_COOLANT]
        self.is_venting = False
        self.low_un = 0
        self.high_un = 0
        self.impulse_low_mns = 0
        self.impulse_high_mns = 0
        self.residual_ul = array("i", bytes(4 * SEGMENTS))
        self._low_un = 0  # of the second that is being added up
        self._high_un = 0
        self._vents = False
        self._low_rest_un = 0
        self._high_rest_un = 0

    def begin(self):
        """Whatever was added up of a second that was never accumulated is forgotten."""
        self._vents = False
        self._low_un = 0
        self._high_un = 0

    def step_segment(self, segment, is_shut, is_holed, hole_um, temp_mc):
        """One second of one segment. is_holed: it is convicted, so what it lets go counts."""
        if not is_shut or temp_mc == UNKNOWN:
            if not is_shut:
                self.residual_ul[segment] = 0
            return
        volume_ul = self._params[P_VOLUME_RAD1_ML + segment] * (10 * _LEFT_PERCENT)
        if self.residual_ul[segment] >= volume_ul:
            return
        density = density_kg_m3(self._coolant, temp_mc)
        speed = speed_mm_s(vapour_pa(self._coolant, temp_mc), density)
        rate_ul_s = orifice_ul_s(hole_um, speed)
        self.residual_ul[segment] = min(volume_ul, self.residual_ul[segment] + rate_ul_s)
        if is_holed and rate_ul_s > 0:
            self._vents = True
            jet = jet_un(rate_ul_s, speed, density)
            self._low_un = _sum(self._low_un, jet)
            self._high_un = _sum(self._high_un, self._flashing(jet))

    def step(self, rate_ul_s, low_ul_s, high_ul_s, pressure_pa, temp_mc):
        """One second of the connected loop, whose loss is taken to leave the vehicle; pressure_pa: behind the hole."""
        self._vents = True
        if pressure_pa <= 0:
            return
        density = density_kg_m3(self._coolant, temp_mc)
        speed = speed_mm_s(pressure_pa, density)
        self._low_un = _sum(self._low_un, jet_un(max(0, low_ul_s), speed, density))
        self._high_un = _sum(self._high_un, self._flashing(jet_un(max(rate_ul_s, high_ul_s), speed, density)))

    def accumulate(self):
        """The second is over: its thrust, and its impulse."""
        self.is_venting = self._vents
        self.low_un = self._low_un
        self.high_un = self._high_un
        self.begin()
        low = _sum(self._low_rest_un, self.low_un)
        high = _sum(self._high_rest_un, self.high_un)
        self.impulse_low_mns = _sum(self.impulse_low_mns, low // 1000)
        self.impulse_high_mns = _sum(self.impulse_high_mns, high // 1000)
        self._low_rest_un = low % 1000
        self._high_rest_un = high % 1000

    def _flashing(self, jet):
        permille = self._params[P_FLASH_THRUST_PERMILLE]
        return jet * permille // 1000 if jet < 50000 else min(_MAX // 32, jet) // 1000 * permille
