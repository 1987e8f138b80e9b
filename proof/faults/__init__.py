"""Faults: injected ones that must be noticed, changes that are none, and the place where one came in."""
