"""Hardware in the loop: rigs that play sensors and valves to a real board, and a pytest plugin for tests on any target (docs/hil.md)."""
