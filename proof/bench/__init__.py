"""Benchmarks of the lab and the suite: `make bench`."""
