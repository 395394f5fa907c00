"""Benchmarks: ours, the ways of today, and the floor, measured in turn on one machine. ``python -m benchmarks``."""
