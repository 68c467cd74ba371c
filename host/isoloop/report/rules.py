"""Which recorded column is drawn where, as what: panels and lines of the report, as rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from isoloop.report.tables import Column
from isoloop.report.units import Quantity

# Okabe and Ito's colours, told apart with any colour vision, the light ones darkened to 3:1 and more against white.
BLACK, BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE, OCHRE, GREY = (
    "#1a1a1a", "#0060a0", "#3a94cf", "#007a58", "#c77700", "#c04a00", "#a8487f", "#8a6d00", "#6b7280",
)  # fmt: skip
SOLID, DASH, DOT, DASHDOT = "solid", "dash", "dot", "dashdot"


VALVES = ("rad1_in", "rad1_out", "rad2_in", "rad2_out", "rad3_in", "rad3_out", "bypass")
"""In drive-word order: bit 2i drives valve i open, bit 2i+1 closed."""


@dataclass(frozen=True)
class Style:
    """How a line looks. Dash tells lines apart where colour cannot (print, colour vision)."""

    color: str
    dash: str = SOLID
    width_px: float = 1.3
    step: bool = False


@dataclass
class Trace:
    """One line of a panel, already in the unit shown."""

    name: str
    group: str
    column: Column
    quantity: Quantity
    style: Style
    meaning: str = ""
    hidden: bool = False
    """Drawn when the reader asks for it in the legend."""
    band_to: Column | None = None
    """The upper bound, when this trace is the lower one of an interval."""


@dataclass
class Panel:
    """One plot: lines over the shared time axis."""

    key: str
    title: str
    axis: str
    caption: str
    height_px: int = 230
    from_zero: bool = False
    level: tuple[float, str] | None = None  # a horizontal line: value and its label
    cap: float | None = None                # the axis ends here even when a line goes on
    traces: list[Trace] = field(default_factory=list)
    styles_used: int = 0


@dataclass(frozen=True)
class Rule:
    """One line: the columns it is for, by source and by name without unit, and how it is drawn."""

    source: str  # "telemetry" or "truth"
    pattern: re.Pattern[str]
    panel: str
    name: str
    group: str
    style: Style
    hidden: bool = False
    if_nonzero: bool = False
    if_varies: bool = False


MEASURED, ESTIMATED, TRUTH = "measured", "firmware estimate", "truth (simulated plant)"


def _rule(source: str, pattern: str, panel: str, name: str, group: str, style: Style, if_nonzero: bool = False) -> Rule:
    return Rule(source, re.compile(pattern + r"\Z"), panel, name, group, style, if_nonzero=if_nonzero)


def _truth(
    pattern: str, panel: str, name: str, style: Style, *, hidden: bool = False, if_nonzero: bool = False, if_varies: bool = False
) -> Rule:
    return Rule("truth", re.compile(pattern + r"\Z"), panel, name, TRUTH, style, hidden, if_nonzero, if_varies)


_SEGMENT_STYLES = {1: (GREEN, SOLID), 2: (PURPLE, SOLID), 3: (OCHRE, SOLID)}

_VALVE_STYLES = ((GREEN, SOLID), (GREEN, DASH), (PURPLE, SOLID), (PURPLE, DASH), (OCHRE, SOLID), (OCHRE, DASH), (BLACK, SOLID))

# First match wins. Patterns match the column name without its unit.
RULES: tuple[Rule, ...] = (
    _rule("telemetry", r"p_comp_voted", "loop", "voted", MEASURED, Style(BLACK, SOLID, 2.2)),
    _rule("telemetry", r"p_comp_a", "loop", "compensator a", MEASURED, Style(BLUE)),
    _rule("telemetry", r"p_comp_b", "loop", "compensator b", MEASURED, Style(SKY, DASH)),
    _rule("telemetry", r"p_comp_c", "loop", "compensator c", MEASURED, Style(BLUE, DOT)),
    _rule("telemetry", r"p_pump", "head", "pump outlet", MEASURED, Style(VERMILION)),
    *(
        _rule("telemetry", rf"p_rad{n}", "head", f"radiator {n}", MEASURED, Style(color, dash))
        for n, (color, dash) in _SEGMENT_STYLES.items()
    ),
    _rule("telemetry", r"p_cabin", "cabin", "cabin", MEASURED, Style(BLUE, SOLID, 1.6)),
    _rule("telemetry", r"t_gas", "temperature", "compensator gas", "compensator and bay", Style(BLACK)),
    _rule("telemetry", r"t_bay", "temperature", "equipment bay", "compensator and bay", Style(GREY, DASH)),
    _rule("telemetry", r"t_supply", "temperature", "supply line", "lines", Style(VERMILION)),
    _rule("telemetry", r"t_return", "temperature", "return line", "lines", Style(BLUE)),
    *(
        _rule("telemetry", rf"t_rad{n}", "temperature", f"radiator {n}", "radiators", Style(color, dash))
        for n, (color, dash) in _SEGMENT_STYLES.items()
    ),
    _rule("telemetry", r"inventory", "inventory", "inventory, estimate", ESTIMATED, Style(BLUE, SOLID, 1.8)),
    _rule("telemetry", r"inventory_drop", "lost", "drop below the baseline", ESTIMATED, Style(SKY, DOT)),
    _rule("telemetry", r"lost", "lost", "lost, estimate", ESTIMATED, Style(BLUE, SOLID, 1.8), if_nonzero=True),
    _rule("telemetry", r"lost_before_isolation", "lost", "lost before isolation, estimate", ESTIMATED, Style(GREEN, DASH), if_nonzero=True),
    _rule("telemetry", r"rate", "rate", "leak rate, estimate", ESTIMATED, Style(BLUE, SOLID, 1.8)),
    _rule("telemetry", r"rate_lo", "rate", "95 % interval of the estimate", ESTIMATED, Style(SKY)),
    _rule("telemetry", r"rate_hi", "rate", "95 % interval, upper", ESTIMATED, Style(SKY)),
    _rule("telemetry", r"hole", "hole", "hole, estimate", ESTIMATED, Style(BLUE, SOLID, 1.8)),
    _rule("telemetry", r"confidence", "confidence", "confidence", ESTIMATED, Style(BLUE, SOLID, 1.8, step=True)),
    _rule("telemetry", r"flow", "flow", "flow meter", MEASURED, Style(BLUE, SOLID, 1.6)),
    _rule("telemetry", r"v_ref", "v_ref", "sensor supply v_ref", MEASURED, Style(BLUE, SOLID, 1.6)),
    # The plant's truth: beside the estimates always, beside the sensors on demand (they would cover each other).
    _truth(r"p_comp", "loop", "compensator", Style(BLACK, DASHDOT), hidden=True),
    _truth(r"p_pump", "head", "pump outlet", Style(VERMILION, DASHDOT), hidden=True),
    *(_truth(rf"p_rad{n}", "head", f"radiator {n}", Style(color, DASHDOT), hidden=True) for n, (color, _) in _SEGMENT_STYLES.items()),
    _truth(r"p_cabin", "cabin", "cabin", Style(BLACK, DASH)),
    _truth(r"t_mean", "temperature", "mean liquid", Style(BLACK, DOT), hidden=True),
    _truth(r"t_gas", "temperature", "compensator gas", Style(BLACK, DASHDOT), hidden=True),
    _truth(r"t_bay", "temperature", "equipment bay", Style(GREY, DASHDOT), hidden=True),
    _truth(r"t_supply", "temperature", "supply line", Style(VERMILION, DASHDOT), hidden=True),
    _truth(r"t_return", "temperature", "return line", Style(BLUE, DASHDOT), hidden=True),
    *(_truth(rf"t_rad{n}", "temperature", f"radiator {n}", Style(color, DASHDOT), hidden=True)
      for n, (color, _) in _SEGMENT_STYLES.items()),
    _truth(r"inventory_connected", "inventory", "connected to the compensator", Style(GREY, DASHDOT), hidden=True),
    _truth(r"inventory(_total)?", "inventory", "all on board", Style(BLACK, DASH, 1.6)),
    _truth(r"lost(_total)?", "lost", "lost, all", Style(BLACK, DASH, 1.6), if_nonzero=True),
    _truth(r"lost_outside", "lost", "lost to space", Style(GREY, DOT), hidden=True, if_nonzero=True),
    _truth(r"lost_cabin", "lost", "lost into the cabin", Style(VERMILION, DASHDOT), if_nonzero=True),
    *(_truth(rf"lost_rad{n}", "lost", f"lost from radiator {n}", Style(color, DASHDOT), hidden=True, if_nonzero=True)
      for n, (color, _) in _SEGMENT_STYLES.items()),
    *(_truth(rf"leak_rad{n}", "rate", f"leak, radiator {n}", Style(color, DASH, 1.6), if_nonzero=True)
      for n, (color, _) in _SEGMENT_STYLES.items()),
    _truth(r"leak_internal", "rate", "leak, into the cabin", Style(VERMILION, DASH, 1.6), if_nonzero=True),
    _truth(r"leak(_rate)?", "rate", "leak rate", Style(BLACK, DASH, 1.6)),
    *(_truth(rf"valve_{valve}", "opening", valve, Style(color, dash, 1.6), if_varies=True)
      for valve, (color, dash) in zip(VALVES, _VALVE_STYLES, strict=True)),
    _truth(r"flow", "flow", "pump flow", Style(BLACK, DASH, 1.6)),
    _truth(r"flow_bypass", "flow", "through the bypass", Style(OCHRE, DOT, 1.6)),
)  # fmt: skip

COLORS = (VERMILION, ORANGE, OCHRE, GREEN, SKY, BLUE, PURPLE, BLACK)
STAGE_DASHES = (SOLID, DASH, SOLID, DASH, SOLID, DASH, SOLID, DASH)
STAGE = re.compile(r"stat_(\d+)\Z")

OTHER = "other-"
"""Beginning of the keys of panels for columns that no rule knows."""

PANELS: tuple[Panel, ...] = (
    Panel(
        "loop", "Loop pressure at the compensator", "absolute pressure, kPa",
        "Coolant loop: three sensors and their vote. What leaks lowers this pressure; the cabin has its own panel.", 250,
    ),
    Panel(
        "head", "Loop pressures at the pump and the radiators", "absolute pressure, kPa",
        "Coolant loop. A shut segment that holds its pressure is tight; one that falls leaks or has only cooled.", 240,
    ),
    Panel("cabin", "Cabin pressure", "pressure, kPa", "The cabin's air, not the coolant loop.", 140),
    Panel("temperature", "Temperatures", "temperature, °C", "", 250),
    Panel(
        "inventory", "Coolant inventory", "volume, mL",
        "As at 20 °C. The compensator sees only what is connected to it; a segment that is shut counts with what it held then.", 230,
    ),
    Panel(
        "lost", "Coolant lost", "volume, mL",
        "After isolation the trapped content of the leaking segment goes on leaving, out of the compensator's sight.", 210, from_zero=True,
    ),
    Panel(
        "statistic", "Detector statistics", "statistic, ‰ of alarm threshold",
        "One line a stage; 1000 ‰ raises the alarm. The axis ends at 3000 ‰; the readout beside shows what lies above.",
        240, from_zero=True, level=(1000.0, "alarm threshold"), cap=3000.0,
    ),
    Panel(
        "rate", "Leak rate", "rate, mL/s",
        "The estimate is of the connected loop: what leaves a segment after it was shut is not in it.", 220, from_zero=True,
    ),
    Panel("hole", "Hole diameter", "diameter, mm", "The diameter that explains the estimated rate.", 140, from_zero=True),
    Panel("confidence", "Confidence in the diagnosis", "confidence, %", "", 120, from_zero=True),
    Panel("flow", "Coolant flow", "flow, mL/s", "", 200),
    Panel(
        "opening", "Valve openings in the plant", "opening, ratio",
        "Truth, to hold against the end switches above: 1 is open. Valves that never move are left out.", 150, from_zero=True,
    ),
    Panel("v_ref", "Sensor supply", "voltage, V", "Pressures and temperatures are ratiometric to it.", 120),
)  # fmt: skip

# Drawn as state strips (a truth of that name has a rule), or machinery that explains nothing by itself.
NOT_LINES = re.compile(
    r"(tick(_lo|_hi)?|mode|verdict|leak_class|diagnosis|segment|isolation_state|status_.*|votes|valve_.*|drive_word|pump_on|alarms"
    r"|events_dropped|reports_skipped|trapped_.*|max_.*|min_.*)\Z"  # running extremes stand in the summary
)
