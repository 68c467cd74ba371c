"""The rig: a second Pico that plays sensors and valve switches to a board under test, and switches its power (docs/hil.md)."""
