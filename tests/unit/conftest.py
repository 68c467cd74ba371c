"""Lets the tests here import the shared fakes, and the firmware's modules: `from fakes import ...`, `from tcs import ...`."""

import sys
from pathlib import Path

from isoloop.kernels import firmware

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
firmware("tcs")  # its folder goes on the path, and stand-ins for what MicroPython gives
