"""isoloop: flight-style thermal-control firmware and the emulated loop, boards and rigs that it is tested on."""

__version__ = "0.1.0"
