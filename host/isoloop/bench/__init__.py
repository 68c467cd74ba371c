"""Figures of the detector: the flight kernels against a simulated loop; trials, campaign and peers (docs/detector.md)."""
