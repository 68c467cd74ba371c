"""The files a user writes: scenarios and log replay maps, checked to the last key before anything runs."""

from isoloop.schema.event import Event
from isoloop.schema.map import ChannelMap, ReplayMap, load_map
from isoloop.schema.scenario import Scenario, load_scenario

__all__ = ["ChannelMap", "Event", "ReplayMap", "Scenario", "load_map", "load_scenario"]
