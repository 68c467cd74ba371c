"""The one table of parameters, events, telemetry fields and states, and what is generated from it."""

from isoloop.dictionary.loader import DictionaryError, load_dictionary, parse_dictionary
from isoloop.dictionary.model import Dictionary, Event, EventField, Field, Parameter, State, Structure

__all__ = [
    "Dictionary",
    "DictionaryError",
    "Event",
    "EventField",
    "Field",
    "Parameter",
    "State",
    "Structure",
    "load_dictionary",
    "parse_dictionary",
]
