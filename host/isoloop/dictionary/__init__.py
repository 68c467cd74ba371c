"""The one table of parameters, events, telemetry fields and states, and what is generated from it."""

from isoloop.dictionary.loader import DictionaryError, load_dictionary, parse_dictionary
from isoloop.dictionary.model import (
    AnswerRow,
    Argument,
    Dictionary,
    Event,
    EventField,
    Field,
    Parameter,
    ReportField,
    State,
    Structure,
    Telecommand,
)

__all__ = [
    "AnswerRow",
    "Argument",
    "Dictionary",
    "DictionaryError",
    "Event",
    "EventField",
    "Field",
    "Parameter",
    "ReportField",
    "State",
    "Structure",
    "Telecommand",
    "load_dictionary",
    "parse_dictionary",
]
