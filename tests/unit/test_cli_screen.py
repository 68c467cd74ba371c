"""The terminal view: what a person reads of a quiet loop, of a leak with a broken channel, of a silent board."""

from __future__ import annotations

import io
import struct

from rich.console import Console

from isoloop.cli.monitor import View
from isoloop.dictionary import load_dictionary
from isoloop.link.decoder import EventReport, StructureReport

DICTIONARY = load_dictionary()
HOUSEKEEPING = DICTIONARY.structures_by_name["housekeeping"]
QUIET = {
    "mode": 2, "p_comp_voted_pa": 118_000, "p_comp_a_pa": 118_010, "p_comp_b_pa": 117_990, "p_comp_c_pa": 118_000, "p_pump_pa": 148_000,
    "p_rad1_pa": 127_000, "p_rad2_pa": 127_000, "p_rad3_pa": 127_000, "p_cabin_pa": 101_300, "t_gas_mc": 20_000, "t_supply_mc": -5250,
    "t_bay_mc": 24_000, "v_ref_mv": 3300, "votes": 3, "inventory_ul": 49_000_000, "valve_bypass": 1, "pump_on": 1,
}  # fmt: skip


def report(**values: int) -> StructureReport:
    unknown = {field.name: field.unknown or 0 for field in HOUSEKEEPING.fields if field.type == "i32" or field.nullable}
    row = {**unknown, **QUIET, **values}
    raw = tuple(row.get(field.name, 0) for field in HOUSEKEEPING.fields)
    struct.pack(HOUSEKEEPING.struct_format, *raw)
    return StructureReport(61_000, HOUSEKEEPING, raw)


def shown(view: View, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), record=True, force_terminal=True)
    console.print(view.screen())
    return console.export_text(styles=True)


def test_quiet_loop_is_shown_in_the_units_of_people_with_every_valve() -> None:
    view = View()
    assert "waiting for housekeeping" in shown(view)
    view.lines(report())
    text = shown(view)
    for part in ("118.0 kPa", "-5.25 °C", "3.30 V", "49,000 mL", "mode armed", " ok ", "├", "bypass", "silent"):
        assert (part in text) == (part != "silent"), part
    assert text.count("═") == 6
    assert text.count("╳") == 1
    assert "leak rate" not in text
    assert "↓" not in text
    assert all(len(line) <= 400 for line in text.splitlines())


def test_leak_a_broken_channel_and_a_value_outside_its_limits_stand_out() -> None:
    view = View()
    open_status = DICTIONARY.state_number("channel_status", "open")
    unknown = -0x40000000
    view.lines(
        report(
            verdict=2, leak_class=1, segment=1, p_comp_a_pa=unknown, status_p_comp_a=open_status, p_rad2_pa=4000, t_bay_mc=41_000,
            votes=1, rate_ul_s=5800, rate_lo_ul_s=5100, rate_hi_ul_s=6800, hole_um=800, valve_rad2_in=2, valve_rad2_out=3,
        )
    )  # fmt: skip
    text = shown(view)
    for part in ("coolant leak", "in rad2", "open", "4.00 kPa", "↓", "41.00 °C", "↑", "5.80 mL/s", "5.1..6.8", "0.80 mm", "~"):
        assert part in text, part
    assert "open" in next(line for line in text.splitlines() if "comp a" in line)


def test_events_are_sentences_in_the_colour_of_their_severity_and_silence_is_told() -> None:
    view = View()
    view.lines(report())
    view.lines(EventReport(60_000, DICTIONARY.events_by_name["LEAK_ALARM"], (1, 0, 5800, 12_000)))
    view.silent_s = 12.0
    text = shown(view)
    assert "A leak alarm was raised and latched: coolant_leak" in text
    assert "silent for 12 s" in text
    assert "\x1b[1;31m" in text


def test_view_fits_a_terminal_of_eighty_columns() -> None:
    view = View()
    view.lines(report())
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(view.screen())
    lines = console.export_text().splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "118.0 kPa" in "\n".join(lines)
    assert len(lines) <= 24
