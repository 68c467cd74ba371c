"""The closed loop: a scenario, a plant and a target, and what is kept of their flight."""

from isoloop.flight.loop import fly

__all__ = ["fly"]
