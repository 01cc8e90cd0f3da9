"""Benchmarks: each module prints its goal and its result."""
