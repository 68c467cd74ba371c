"""The flight kernels on the host: the very files of firmware/tcs, imported under CPython and compiled with numba. No copy, no port."""

from isoloop.kernels.load import compile_module, compiled, firmware, rebind_stages

__all__ = ["compile_module", "compiled", "firmware", "rebind_stages"]
