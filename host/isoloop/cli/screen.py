"""The terminal view of a link: what a person watches, in the units that a person reads. Imports rich, which a pipe does not need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from isoloop.dictionary import Dictionary, Field

SEVERITY_STYLES = {"high": "bold red", "medium": "yellow", "low": "cyan", "info": "dim"}
VALVE_MARKS = {"open": ("═", "green"), "closed": ("╳", "bold"), "travelling": ("~", "yellow"), "fault": ("?", "bold red")}

_UNITS = {"Pa": (1e-3, "kPa"), "mdegC": (1e-3, "°C"), "uL": (1e-3, "mL"), "uL/s": (1e-3, "mL/s"), "um": (1e-3, "mm"), "mV": (1e-3, "V")}
_VERDICTS = {"ok": "bold green", "suspect": "bold yellow", "leak": "bold white on red", "stale": "bold yellow", "error": "bold yellow"}
_PRESSURES = ("p_comp_voted", "p_comp_a", "p_comp_b", "p_comp_c", "p_pump", "p_rad1", "p_rad2", "p_rad3", "p_cabin")
_TEMPERATURES = ("t_gas", "t_supply", "t_return", "t_rad1", "t_rad2", "t_rad3", "t_bay", "v_ref")
_LOOP = ("inventory_ul", "lost_ul", "rate_ul_s", "hole_um", "flow_ul_s")
_LABELS = {"p_comp_voted": "compensator", "inventory_ul": "inventory", "lost_ul": "lost", "rate_ul_s": "leak rate", "hole_um": "hole"}
_LABELS |= {"flow_ul_s": "flow", "v_ref": "supply v_ref"}
_HIDDEN_WHEN_UNKNOWN = ("rate_ul_s", "hole_um", "flow_ul_s")


def screen(
    dictionary: Dictionary, time_ms: int, values: Mapping[str, int | None], events: Sequence[tuple[str, str]], quality: str, is_silent: bool
) -> RenderableType:
    """The whole view.

    Args:
        dictionary: of the board.
        time_ms: of the last report.
        values: of the last housekeeping, by field name; None: unknown; empty: none came yet.
        events: severity and line, oldest first.
        quality: the link in one line.
        is_silent: nothing has come for a while: what is shown is old.
    """
    link = Panel(Text(quality, style="bold red" if is_silent else ""), title="link", border_style="red" if is_silent else "dim")
    if not values:
        return Group(Panel(Text("waiting for housekeeping", style="dim"), title="isoloop"), _events(events), link)
    fields = {field.name: field for field in dictionary.structures_by_name["housekeeping"].fields}
    row = Table.grid(expand=True)
    for _ in range(3):
        row.add_column(ratio=1)
    row.add_row(
        Panel(_channels(dictionary, fields, values, _PRESSURES), title="pressures", border_style="dim", padding=(0, 1)),
        Panel(_channels(dictionary, fields, values, _TEMPERATURES), title="temperatures", border_style="dim"),
        Panel(Group(_quantities(fields, values), diagram(dictionary, values)), title="loop", border_style="dim"),
    )
    return Group(_headline(dictionary, time_ms, values, is_silent), row, _events(events), link)


def shown(field: Field, value: int | None) -> str:
    """A value in the unit that a person reads."""
    if value is None:
        return "unknown"
    factor, unit = _UNITS.get(field.unit, (1.0, field.unit))
    number = value * factor
    size = abs(number)
    decimals = 0 if factor == 1.0 or size >= 10_000 else 1 if size >= 100 else 2
    return f"{number:,.{decimals}f} {unit}".rstrip()


def diagram(dictionary: Dictionary, values: Mapping[str, int | None]) -> Text:
    """The loop with its valves: ═ open, ╳ shut, ~ on the way, ? not known."""
    names = dictionary.groups["valve_position"]

    def mark(valve: str) -> tuple[str, str]:
        number = values.get(f"valve_{valve}")
        return VALVE_MARKS.get("" if number is None else names.get(number, ""), ("?", "bold red"))

    text = Text()
    for n in (1, 2, 3):
        state = _state(dictionary, "segment_state", values.get(f"segment_state_rad{n}"))
        text.append("├").append(*mark(f"rad{n}_in")).append(f"[rad{n}]").append(*mark(f"rad{n}_out")).append("┤ ")
        text.append(f"{state}\n", "dim" if state == "in service" else "bold")
    pump = values.get("pump_on")
    text.append("└").append(*mark("bypass")).append("bypass─┘ pump ")
    return text.append(*(("on", "green") if pump else ("off", "bold")))


def _headline(dictionary: Dictionary, time_ms: int, values: Mapping[str, int | None], is_silent: bool) -> Panel:
    verdict = _state(dictionary, "verdict", values.get("verdict"))
    latched = _state(dictionary, "leak_class", values.get("leak_class"))
    text = Text(f"{time_ms / 1000:,.1f} s   ", style="dim" if is_silent else "")
    text.append(f" {verdict} ", _VERDICTS.get(verdict, "bold"))
    if latched != "none":
        text.append(f"  {latched}", "bold red")
        segment = values.get("segment")
        text.append(f" in {_state(dictionary, 'segment', segment)}" if segment is not None else "", "bold red")
    text.append(f"   mode {_state(dictionary, 'mode', values.get('mode'))}")
    text.append(f", isolation {_state(dictionary, 'isolation', values.get('isolation_state'))}")
    localisation = values.get("localisation_state")
    if localisation:
        text.append(f", localisation {_state(dictionary, 'localisation', localisation)}")
    return Panel(text, title="isoloop", border_style="red" if latched != "none" else "green")


def _channels(dictionary: Dictionary, fields: Mapping[str, Field], values: Mapping[str, int | None], names: Sequence[str]) -> Table:
    """A row a channel: its value, marked where it leaves its limits, or what is wrong with the channel."""
    table = _two_columns()
    for name in names:
        field = next(row for key, row in fields.items() if key in (f"{name}_pa", f"{name}_mc", f"{name}_mv"))
        value = values.get(field.name)
        status = _state(dictionary, "channel_status", values.get(f"status_{name}")) if f"status_{name}" in fields else "ok"
        if status == "absent":
            continue
        text = Text(shown(field, value))
        if status != "ok":
            text = Text(status, "bold red") if value is None else text.append(f" {status}", "bold red")
        elif value is None:
            text.stylize("bold red")
        elif field.low is not None and value < field.low:
            text.append(" ↓", "bold yellow")
        elif field.high is not None and value > field.high:
            text.append(" ↑", "bold yellow")
        table.add_row(_LABELS.get(name, name.replace("_", " ").removeprefix("p ").removeprefix("t ")), text)
    votes = values.get("votes")
    if "p_comp_voted" in names and votes is not None:
        table.add_row("voting", Text(str(votes), "" if votes >= 2 else "bold yellow"))
    return table


def _quantities(fields: Mapping[str, Field], values: Mapping[str, int | None]) -> Table:
    table = _two_columns()
    for name in _LOOP:
        value = values.get(name)
        if value is None and name in _HIDDEN_WHEN_UNKNOWN:
            continue
        text = Text(shown(fields[name], value), "bold red" if name == "inventory_ul" and value is None else "")
        low, high = values.get("rate_lo_ul_s"), values.get("rate_hi_ul_s")
        if name == "rate_ul_s" and low is not None and high is not None:
            text.append(f"\n{low / 1000:.3g}..{high / 1000:.3g}", "dim")
        table.add_row(_LABELS[name], text)
    peak = max((value or 0 for name, value in values.items() if name.startswith("stat_")), default=0)
    table.add_row("statistic", Text(f"{peak / 10:.0f} % of alarm", "bold yellow" if peak >= 700 else ""))
    return table


def _events(events: Sequence[tuple[str, str]]) -> Panel:
    lines = [Text(line, SEVERITY_STYLES.get(severity, ""), no_wrap=True, overflow="ellipsis") for severity, line in events]
    return Panel(Group(*lines) if lines else Text("none yet", "dim"), title="events", border_style="dim")


def _two_columns() -> Table:
    table = Table.grid(expand=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    return table


def _state(dictionary: Dictionary, group: str, number: int | None) -> str:
    if number is None:
        return "unknown"
    return dictionary.groups.get(group, {}).get(number, str(number)).replace("_", " ")
