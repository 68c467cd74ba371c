"""Bay forecast: how long until the bay passes its limit, as the loop stands?

Three stores of heat: the bay's air and cold plates, the structure behind them, the coolant. What cannot be measured is learned from what
can: the heat load from the bay's balance, the structure from its own, what the radiators see from an orbit of return temperatures. The
look ahead is implicit steps of 30 s growing to 600 s, a few of them a call, about 16 h far (docs/crew.md). Temperatures in mK about the
bay's own, heat in W.
"""

from micropython import const

from tcs.sensing_kernel import UNKNOWN
from tcs.tables import (
    P_BAY_CAPACITY_J_K,
    P_BAY_LIMIT_MC,
    P_COOLANT_CP_J_KG_K,
    P_CREW_COUNT,
    P_CREW_HEAT_W,
    P_EQUIPMENT_HEAT_W,
    P_EXCHANGER_UA_MW_K,
    P_LOSS_UA_MW_K,
    P_RADIATOR_UA_MW_K,
    P_STRUCTURE_CAPACITY_J_K,
    P_STRUCTURE_UA_MW_K,
    P_VOLUME_RAD1_ML,
    P_VOLUME_RETURN_ML,
    P_VOLUME_SUPPLY_ML,
)

HORIZON_S = const(57600)
_ONE = const(2048)  # fixed point of a step's coefficients
_FIRST_S = const(30)
_LONGEST_S = const(600)
_TREND_S = const(60)
_ORBIT_S = const(5562)
_LOAD_S = const(300)
_HOLD_S = const(150)
_FLOW_CHANGE_PERMILLE = const(100)
_AWAY_MK = const(60000)
_FAR_MC = const(200000)
_HEAT_MAX_W = const(20000)


class BayForecast:
    """.load_w, .trend_mk_min, .limit_s (HORIZON_S: not within it); UNKNOWN until known. Allocation-free."""

    def __init__(self, params, density_kg_m3):
        self._params = params
        cp = params[P_COOLANT_CP_J_KG_K]
        self._segment_j_k = params[P_VOLUME_RAD1_ML] * density_kg_m3 // 1000 * cp // 1000
        self._lines_j_k = (params[P_VOLUME_SUPPLY_ML] + params[P_VOLUME_RETURN_ML]) * density_kg_m3 // 1000 * cp // 1000
        self.load_w = UNKNOWN
        self.trend_mk_min = UNKNOWN
        self.limit_s = UNKNOWN
        self._last_mc = UNKNOWN
        self._age_s = 0
        self._structure_q4 = UNKNOWN  # mdegC with four fractional bits
        self._outside_mc = 0
        self._outside_q6 = 0
        self._sink_mc = UNKNOWN
        self._sink_q6 = 0
        self._nominal_s = 0
        self._return_q6 = 0
        self._swing_q4 = 0
        self._swing_mk = 0  # how far an orbit takes the return from its mean
        self._flow_permille = 0
        self._hold_s = 0
        self._crew_count = params[P_CREW_COUNT]
        # of the look ahead, relative to the bay where it starts
        self._ahead_s = 0
        self._step_s = 0
        self._longest_s = 0
        self._left_mk = 0
        self._bay_mk = 0
        self._structure_q4_mk = 0
        self._far_mk = 0
        self._coolant_mk = 0
        self._seen_mk = 0
        self._take_w_k = 0
        self._into_w_k = 0
        self._reject_w_k = 0
        self._coolant_j_k = 256

    def observe(self, bay_mc, return_mc, flow_permille, is_nominal):
        """One second. is_nominal: all radiators in service at full flow, bypass shut: what they see is learned."""
        if bay_mc == UNKNOWN:
            self._last_mc = UNKNOWN
            self._age_s = 0
            self.trend_mk_min = UNKNOWN
            self.limit_s = UNKNOWN
            return
        params = self._params
        taken_w = self._taken_w(bay_mc, return_mc, flow_permille)
        if self._structure_q4 == UNKNOWN:
            if return_mc == UNKNOWN:
                return
            self._settle(bay_mc, return_mc, taken_w)
        if params[P_CREW_COUNT] != self._crew_count:
            self.load_w = max(0, _heat(self.load_w + (params[P_CREW_COUNT] - self._crew_count) * params[P_CREW_HEAT_W]))
            self._crew_count = params[P_CREW_COUNT]
        structure_mc = self._structure_q4 >> 4
        into_w = params[P_STRUCTURE_UA_MW_K] // 100 * _near(bay_mc - structure_mc) // 10000
        out_w = params[P_LOSS_UA_MW_K] // 100 * _near(structure_mc - self._outside_mc) // 10000
        structure_q4 = self._structure_q4 + _heat(into_w - out_w) * 16000 // params[P_STRUCTURE_CAPACITY_J_K]
        self._structure_q4 = max(-_FAR_MC << 4, min(_FAR_MC << 4, structure_q4))
        self._age_s += 1
        if abs(flow_permille - self._flow_permille) > _FLOW_CHANGE_PERMILLE:
            # The balance is not to be had until the sensors have followed.
            self._flow_permille = flow_permille
            self._hold_s = _HOLD_S
        self._hold_s = max(0, self._hold_s - 1)
        if self._last_mc == UNKNOWN:
            self._last_mc = bay_mc
            self._age_s = 0
        elif self._age_s >= _TREND_S:
            self._take_trend(bay_mc, taken_w, into_w)
        if is_nominal and return_mc != UNKNOWN:
            self._learn(return_mc, taken_w)

    def _learn(self, return_mc, taken_w):
        """In the nominal loop: what the radiators see and what the structure stands at, over an orbit, and how far an orbit swings."""
        seen_mc = return_mc - _kelvin(taken_w, self._params[P_RADIATOR_UA_MW_K])
        self._sink_q6 += ((seen_mc << 6) - self._sink_q6) // _ORBIT_S
        self._sink_mc = self._sink_q6 >> 6
        self._outside_q6 += ((self._structure_q4 << 2) - self._outside_q6) // _ORBIT_S
        self._outside_mc = self._outside_q6 >> 6
        self._nominal_s = min(self._nominal_s + 1, _ORBIT_S)
        if self._nominal_s == 1:
            self._return_q6 = return_mc << 6
        self._return_q6 += ((return_mc << 6) - self._return_q6) // self._nominal_s
        if self._nominal_s == _ORBIT_S:
            away_mk = abs(return_mc - (self._return_q6 >> 6)) << 4
            self._swing_q4 = max(away_mk, self._swing_q4 - self._swing_q4 // (4 * _ORBIT_S) - 1)
            self._swing_mk = self._swing_q4 >> 4

    def _settle(self, bay_mc, return_mc, taken_w):
        """The first look: steady, at the load that is on record."""
        params = self._params
        self.load_w = _heat(params[P_EQUIPMENT_HEAT_W] + params[P_CREW_COUNT] * params[P_CREW_HEAT_W])
        into_w = max(-2000, min(2000, self.load_w - taken_w))
        structure_mc = bay_mc - _kelvin(into_w, params[P_STRUCTURE_UA_MW_K])
        self._structure_q4 = structure_mc << 4
        self._outside_mc = structure_mc
        self._outside_q6 = structure_mc << 6
        self._sink_mc = return_mc - _kelvin(self.load_w - into_w, params[P_RADIATOR_UA_MW_K])
        self._sink_q6 = self._sink_mc << 6

    def _taken_w(self, bay_mc, return_mc, flow_permille):
        if return_mc == UNKNOWN or flow_permille == 0:
            return 0
        return _heat(self._params[P_EXCHANGER_UA_MW_K] // 1000 * flow_permille // 10 * (_near(bay_mc - return_mc) // 10) // 10000)

    def _take_trend(self, bay_mc, taken_w, into_w):
        rise_mk = _near(bay_mc - self._last_mc)
        self.trend_mk_min = rise_mk * 60 // self._age_s
        stored_w = self._params[P_BAY_CAPACITY_J_K] // 100 * rise_mk // (10 * self._age_s)
        load_w = max(0, _heat(stored_w + taken_w + into_w))
        if self._hold_s == 0:
            self.load_w += (load_w - self.load_w) * _TREND_S // _LOAD_S
        self._last_mc = bay_mc
        self._age_s = 0

    # ---- the look ahead

    def begin(self, bay_mc, return_mc, flow_permille, segments):
        """Start a look ahead from here. False when there is nothing to start from, or the limit is passed."""
        params = self._params
        if bay_mc == UNKNOWN or self.load_w == UNKNOWN or (return_mc == UNKNOWN and flow_permille):
            self.limit_s = UNKNOWN
            return False
        self._left_mk = params[P_BAY_LIMIT_MC] - bay_mc
        if self._left_mk <= 0:
            self.limit_s = 0
            return False
        if flow_permille:
            # The orbit goes on, and its hottest part counts.
            self._left_mk = max(self._left_mk // 4, self._left_mk - self._swing_mk) or 1
        self._ahead_s = 0
        self._bay_mk = 0
        self._structure_q4_mk = _near((self._structure_q4 >> 4) - bay_mc) << 4
        self._far_mk = _near(self._outside_mc - bay_mc)
        self._take_w_k = params[P_EXCHANGER_UA_MW_K] // 1000 * flow_permille // 1000
        self._into_w_k = params[P_STRUCTURE_UA_MW_K] // 1000
        self._reject_w_k = 0
        self._coolant_j_k = max(256, self._lines_j_k + segments * self._segment_j_k)
        longest_s = 2 * params[P_BAY_CAPACITY_J_K] // max(1, self._take_w_k + self._into_w_k)
        if self._take_w_k:
            self._coolant_mk = _near(return_mc - bay_mc)
            self._seen_mk = _near(self._sink_mc - bay_mc)
            self._reject_w_k = params[P_RADIATOR_UA_MW_K] * segments // 3000
            longest_s = min(longest_s, 2 * self._coolant_j_k // (self._take_w_k + self._reject_w_k))
        longest_s = min(longest_s, params[P_STRUCTURE_CAPACITY_J_K] // max(1, 2 * (self._into_w_k + params[P_LOSS_UA_MW_K] // 1000)))
        self._longest_s = max(1, min(_LONGEST_S, longest_s))
        self._step_s = min(_FIRST_S, self._longest_s)
        return True

    def advance(self):
        """One step of the look ahead. True when it is over and .limit_s new."""
        params = self._params
        step_s = self._step_s
        bay_j_k = params[P_BAY_CAPACITY_J_K]
        structure_mk = self._structure_q4_mk >> 4
        take = _share(self._take_w_k, step_s, bay_j_k)
        into = _share(self._into_w_k, step_s, bay_j_k)
        rise_mk = _near(self.load_w * 1000 // 16 * step_s // (bay_j_k // 16))
        before_mk = self._bay_mk
        total = _ONE * (before_mk + rise_mk) + into * structure_mk
        if take:
            total += take * self._coolant_mk
        self._bay_mk = _near(total // (_ONE + take + into))
        heat_w = _heat(self._into_w_k * (self._bay_mk - structure_mk) // 1000)
        heat_w -= _heat(params[P_LOSS_UA_MW_K] // 1000 * (structure_mk - self._far_mk) // 1000)
        rise_q4_mk = heat_w * 16 * step_s // max(1, params[P_STRUCTURE_CAPACITY_J_K] // 1000)
        self._structure_q4_mk = max(-_AWAY_MK << 4, min(_AWAY_MK << 4, self._structure_q4_mk + rise_q4_mk))
        if take:
            gain = _share(self._take_w_k, step_s, self._coolant_j_k)
            reject = _share(self._reject_w_k, step_s, self._coolant_j_k)
            total = _ONE * self._coolant_mk + gain * self._bay_mk + reject * self._seen_mk
            self._coolant_mk = _near(total // (_ONE + gain + reject))
        if self._bay_mk >= self._left_mk:
            climbed_mk = max(1, self._bay_mk - before_mk)
            self.limit_s = self._ahead_s + (self._left_mk - before_mk) * step_s // climbed_mk
            return True
        self._ahead_s += step_s
        self._step_s = min(self._longest_s, step_s * 23 // 20 + 1)
        if self._ahead_s >= HORIZON_S:
            self.limit_s = HORIZON_S
            return True
        return False


def _share(w_k, step_s, capacity_j_k):
    """Coefficient of an implicit step, in 1/2048: conductance times time over capacity, kept at most 2 by the step's length."""
    return min(2 * _ONE, min(20000, w_k) * step_s // 16 * (_ONE // 16) // (capacity_j_k // 256))


def _near(value_mk):
    return max(-_AWAY_MK, min(_AWAY_MK, value_mk))


def _heat(heat_w):
    return max(-_HEAT_MAX_W, min(_HEAT_MAX_W, heat_w))


def _kelvin(heat_w, conductance_mw_k):
    """mK that drive a heat through a conductance."""
    return _near(heat_w * 1000 // max(1, conductance_mw_k // 1000))
