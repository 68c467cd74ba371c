"""What the rig's Pico runs."""

from rig.console import Console

Console().run()
