"""Measurements, each one command; `python -m benchmarks` lists and runs them."""
