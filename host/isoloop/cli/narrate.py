"""Plain words for what the firmware reports and for what the scenario does to it."""

from __future__ import annotations

from collections.abc import Mapping

from isoloop.dictionary import Dictionary
from isoloop.schema.event import Event
from isoloop.schema.names import SEGMENTS

Fields = Mapping[str, int | str | None]

PLANT_LABEL = "plant"
"""Severity column of what the plant does, which the firmware is not told."""


def firmware_event(dictionary: Dictionary, name: str, fields: Fields) -> str:
    """One sentence for a firmware event: the dictionary's own, with the values that matter put in words.

    Args:
        dictionary: the table that the firmware flies with.
        name: the event's name there.
        fields: its values by field name, as numbers or already as state names.
    """
    row = dictionary.events_by_name.get(name)
    if row is None:
        return f"{name} {dict(fields)}"
    words = [_field(dictionary, field.name, field.enum, fields.get(field.name)) for field in row.fields]
    detail = ", ".join(word for word in words if word)
    sentence = row.text.split(" (")[0].rstrip(".")  # what stands in brackets explains the values to a programmer
    return sentence + (f": {detail}" if detail else "")


def _field(dictionary: Dictionary, name: str, enum: str | None, value: int | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if enum is not None:
        return dictionary.groups[enum].get(value, f"{enum} {value}")
    if name == "segments_mask":
        return " ".join(segment for bit, segment in enumerate(SEGMENTS) if value >> bit & 1) or "none"
    if name == "passive":
        return "passive" if value else ""
    if name == "on":
        return "on" if value else "off"
    for suffix, shown, divisor in _UNITS:
        if name.endswith(suffix):
            label = name.removesuffix(suffix)
            return f"{label.replace('_', ' ')} {_figure(value / divisor)} {shown}"
    return f"{name.replace('_', ' ')} {value}"


def _figure(value: float) -> str:
    """Three digits, and no exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


_UNITS = (
    ("_ul_s", "mL/s", 1000),
    ("_pa_s", "Pa/s", 1),
    ("_ul", "mL", 1000),
    ("_ms", "s", 1000),
    ("_permille", "% of its threshold", 10),
)
"""Field name endings: what people read instead, and the factor. The longer ending comes first."""


def plant_event(event: Event) -> str:
    """What a scenario event does, in words."""
    fields = event.fields
    lasting = f" for {fields['duration_s']:g} s" if isinstance(fields.get("duration_s"), int | float) else ""
    ramp = f" over {fields['ramp_s']:g} s" if fields.get("ramp_s") else ""
    value = fields.get("value")
    amount = f" {value:g}" if isinstance(value, int | float) else ""
    match event.kind:
        case "leak":
            place = "between loop and cabin" if fields["segment"] == "internal" else f"in {fields['segment']}"
            return f"a hole of {fields['hole_mm']:g} mm opens {place}{ramp}"
        case "sensor":
            return f"sensor {fields['channel'] or 'multiplexer'}: {str(fields['mode']).replace('_', ' ')}{amount}{lasting}"
        case "valve":
            return f"valve {fields['valve']}: {str(fields['mode']).replace('_', ' ')}{lasting}"
        case "pump":
            return f"the pump: {fields['mode']}{amount}"
        case "relief":
            return f"the relief of {fields['segment']}: {str(fields['mode']).replace('_', ' ')}"
        case "heat":
            return f"the bay's heat load goes to {fields['load_w']:g} W{ramp}"
        case "attitude":
            return "the attitude changes and with it the thermal environment"
        case "gas":
            return f"the compensator loses gas at {fields['rate_ml_s']:g} mL/s"
        case "cabin":
            return f"a hole of {fields['hole_mm']:g} mm opens in the cabin's wall"
        case "coolant_temp":
            return f"the coolant's temperature changes by {fields['delta_k']:+g} K{ramp}"
        case "power":
            return f"the processor restarts ({fields['mode']})"
        case "relay":
            return f"one data path delivers wrong frames for every channel ({fields['mode']}){lasting}"
        case "command":
            return f"the ground sends {fields['name']}"
        case "link":
            return f"the link changes: {fields['mode'] or 'bits and bytes are lost'}{lasting}"
    return event.kind
